"""One decoder layer of a language model in torch, with random normal weights.

Both the attention's output and the layer's are checked, each by itself: the residual stream would hide
a wrong attention, whose output is small beside it.
"""

import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices.block import (
    PREFILL_ROWS_CHECKED,
    TOLERANCE_FACTOR,
    LayerBlock,
    first_indices,
    first_rows,
)
from greenzone.lab.devices.checking import compare
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.numerics import Numerics
from greenzone.lab.devices.weights import Draw, wide
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.results import Check

_FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


class _State:
    """One set of weights, caches and buffers, and the layer's input."""

    def __init__(self, layer: DecoderLayer, draw: Draw) -> None:
        self.draw = draw
        self.hidden = draw(layer.rows, layer.model.hidden)
        self.block = LayerBlock(layer, draw)


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
        self._sets = [_State(operator, Draw(generator, numerics)) for _ in range(sets)]
        self._gathered: Tensor | None = None

    @property
    def note(self) -> str | None:
        if self.operator.kind != "experts":
            return None
        return "experts one after another, each token's drawn uniformly"

    def launch(self) -> None:
        state = self._sets[self._turn]
        self._turn = (self._turn + 1) % len(self._sets)
        self._gathered = state.block.gather(state.hidden, self.operator.tokens)
        state.block.finish(state.hidden, self._gathered)

    @torch_errors("check of a decoder layer")
    def check(self) -> Check:
        self._turn = 0
        state, batch = self._sets[0], self.operator.batch
        state.draw.poison()
        self._gathered = None
        self.launch()
        count = min(self.operator.tokens, PREFILL_ROWS_CHECKED)
        gathered, final = state.block.exact(
            wide(first_rows(state.hidden, batch, count)), count, first_indices(self.operator, count)
        )
        written = self._gathered if self._gathered is not None else torch.full_like(gathered, float("nan"))
        tolerance = TOLERANCE_FACTOR * self._numerics.tolerance
        method = f"float64, attention and output of the first {count} rows of each sequence"
        checks = (
            compare(first_rows(written, batch, count), gathered, written, tolerance, method),
            compare(first_rows(state.block.out, batch, count), final, state.block.out, tolerance, method),
        )
        return max(checks, key=lambda check: check.error)

    def close(self) -> None:
        self._sets.clear()
        self._gathered = None
