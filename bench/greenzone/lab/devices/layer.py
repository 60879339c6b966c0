"""One decoder layer of a language model in torch, with random normal weights.

Both the attention's output and the layer's are checked, each by itself: the residual stream would hide
a wrong attention, whose output is small beside it.
"""

import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices.attentions import GroupedBlock, LatentBlock
from greenzone.lab.devices.checking import compare, poison
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.networks import ExpertsBlock, MlpBlock
from greenzone.lab.devices.numerics import Numerics
from greenzone.lab.devices.weights import Draw, Scale, drawing, wide
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.results import Check
from greenzone.lab.shapes import GroupedAttention

_PREFILL_ROWS_CHECKED = 16  # causal: the first rows depend on nothing behind them
# A layer rounds about ten times in a row where a product rounds once; independent errors add as
# squares, and attention over many keys averages its values away but not the rounding of its scores.
_TOLERANCE_FACTOR = 5.0
_FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


class _State:
    """One set of weights and caches, the layer's input and its output."""

    def __init__(self, layer: DecoderLayer, draw: Draw, generator: torch.Generator) -> None:
        model = layer.model
        norm = (model.hidden, model.norm == "layer")
        self.norms = [Scale(draw, *norm) for _ in range(2)]
        self.hidden = draw(layer.rows, model.hidden)
        self.attention = _attention(draw, layer)
        self.network = _network(draw, layer, generator)
        self.out = torch.empty_like(self.hidden)

    def poison(self) -> None:
        poison(self.out)
        self.attention.poison()
        self.network.poison()


class DecoderLayerKernel:
    """A decoder layer in one phase: prefill over its own rows, or one row over a cache."""

    def __init__(
        self, operator: DecoderLayer, numerics: Numerics, device: torch.device, seed: int, sets: int
    ) -> None:
        if numerics.storage not in _FLOATS:
            raise DeviceError(f"a decoder layer runs in a 16, 32 or 64 bit float, not in {operator.format}")
        self.operator = operator
        self.variant = numerics.variant
        self._numerics, self._turn = numerics, 0
        generator = torch.Generator(device).manual_seed(seed)
        draw = drawing(generator, numerics.quantise)
        self._sets = [_State(operator, draw, generator) for _ in range(sets)]
        self._attended: Tensor | None = None

    @property
    def note(self) -> str | None:
        if self.operator.kind != "experts":
            return None
        return "experts one after another, each token's drawn uniformly"

    @property
    def output(self) -> Tensor:
        """What the check looks at."""
        return self._sets[0].out

    def launch(self) -> None:
        state = self._sets[self._turn]
        self._turn = (self._turn + 1) % len(self._sets)
        self._attended = state.attention(state.norms[0](state.hidden), self.operator.tokens)
        middle = state.hidden + state.attention.output(self._attended)
        torch.add(middle, state.network(state.norms[1](middle)), out=state.out)

    @torch_errors("check of a decoder layer")
    def check(self) -> Check:
        self._turn = 0
        state = self._sets[0]
        state.poison()
        self._attended = None
        self.launch()
        attended, final, count = self._reference(state)
        written = self._attended if self._attended is not None else torch.full_like(attended, float("nan"))
        tolerance = _TOLERANCE_FACTOR * self._numerics.tolerance
        method = f"float64, attention and output of the first {count} rows of each sequence"
        checks = (
            compare(self._first(written, count), attended, written, tolerance, method),
            compare(self._first(state.out, count), final, state.out, tolerance, method),
        )
        return max(checks, key=lambda check: check.error)

    def _first(self, rows: Tensor, count: int) -> Tensor:
        op = self.operator
        return rows.view(op.batch, op.tokens, -1)[:, :count].reshape(op.batch * count, -1)

    def _reference(self, state: _State) -> tuple[Tensor, Tensor, int]:
        """Attention's and the layer's output in float64 on the processor, one weight at a time."""
        op = self.operator
        count = min(op.tokens, _PREFILL_ROWS_CHECKED)
        x = wide(self._first(state.hidden, count))
        taken = self._first(torch.arange(op.rows).unsqueeze(1), count).flatten()
        attended = state.attention(state.norms[0](x, exact=True), count, exact=True)
        middle = x + state.attention.output(attended, exact=True)
        return attended, middle + state.network(state.norms[1](middle, exact=True), taken, exact=True), count

    def close(self) -> None:
        self._sets.clear()
        self._attended = None


def _attention(draw: Draw, layer: DecoderLayer) -> GroupedBlock | LatentBlock:
    shape = layer.model.attends
    if isinstance(shape, GroupedAttention):
        return GroupedBlock(draw, layer, shape)
    return LatentBlock(draw, layer, shape)


def _network(draw: Draw, layer: DecoderLayer, generator: torch.Generator) -> MlpBlock | ExpertsBlock:
    model = layer.model
    if layer.kind == "experts" and model.experts:
        return ExpertsBlock(draw, layer.rows, model.hidden, model.experts, generator)
    if model.mlp is None:
        raise DeviceError(f"{model.id} has no mlp for its dense layers")
    return MlpBlock(draw, layer.rows, model.hidden, model.mlp, model.biases == "all")
