"""One decoder layer of a language model in torch, with random normal weights.

Both the attention's output and the layer's are checked, each by itself: the residual stream would hide
a wrong attention, whose output is small beside it.
"""

import torch
from torch import Tensor

from greenzone.lab.devices.block import (
    PREFILL_ROWS_CHECKED,
    Formats,
    LayerBlock,
    first_indices,
    first_rows,
    layer_note,
)
from greenzone.lab.devices.checking import compare
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.weights import Draw, wide
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.results import Check


class _State:
    """One set of weights, caches and buffers, and the layer's input."""

    def __init__(self, layer: DecoderLayer, draw: Draw) -> None:
        self.draw = draw
        self.hidden = draw(layer.rows, layer.model.hidden)
        self.block = LayerBlock(layer, draw)


class DecoderLayerKernel:
    """A decoder layer in one phase: prefill over its own rows, or one row over a cache."""

    def __init__(
        self, operator: DecoderLayer, formats: Formats, device: torch.device, seed: int, sets: int
    ) -> None:
        self.operator = operator
        self.variant, self.note = formats.variant, layer_note(formats, operator.kind == "experts", device)
        self._formats, self._turn = formats, 0
        generator = torch.Generator(device).manual_seed(seed)
        self._sets = [_State(operator, formats.draw(generator)) for _ in range(sets)]
        self._gathered: Tensor | None = None

    @property
    def output(self) -> Tensor:
        """What the check looks at."""
        return self._sets[0].block.out

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
        tolerance = self._formats.tolerance
        method = f"float64, attention and output of the first {count} rows of each sequence"
        checks = (
            compare(first_rows(written, batch, count), gathered, written, tolerance, method),
            compare(first_rows(state.block.out, batch, count), final, state.block.out, tolerance, method),
        )
        return max(checks, key=lambda check: check.error)

    def close(self) -> None:
        self._sets.clear()
        self._gathered = None
