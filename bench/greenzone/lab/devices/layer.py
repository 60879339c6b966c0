"""One decoder layer of a language model in torch, with random normal weights.

Both the attention's output and the layer's are checked, each by itself: the residual stream would hide
a wrong attention, whose output is small beside it.
"""

from collections.abc import Callable

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
from greenzone.lab.devices.checking import compare, poison
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
        self.gathered: Tensor | None = None  # by the heads, in the last call


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

    @property
    def rotation(self) -> int:
        """How many sets go round."""
        return len(self._sets)

    @property
    def output(self) -> Tensor:
        """What the check looks at."""
        return self._sets[0].block.out

    def launch(self) -> None:
        self.run(self._turn)
        self._turn = (self._turn + 1) % len(self._sets)

    def run(self, turn: int) -> None:
        """One call on that set."""
        state = self._sets[turn]
        state.gathered = state.block.gather(state.hidden, self.operator.tokens)
        state.block.finish(state.hidden, state.gathered)

    @torch_errors("check of a decoder layer")
    def check(self, launch: Callable[[], None] | None = None) -> Check:
        """The first set after one `launch`: the kernel's own, or what was captured of it."""
        self._turn = 0
        state, batch = self._sets[0], self.operator.batch
        state.draw.poison()
        if state.gathered is not None:
            poison(state.gathered)
        (launch or self.launch)()
        count = min(self.operator.tokens, PREFILL_ROWS_CHECKED)
        gathered, final = state.block.exact(
            wide(first_rows(state.hidden, batch, count)), count, first_indices(self.operator, count)
        )
        written = state.gathered if state.gathered is not None else torch.full_like(gathered, float("nan"))
        tolerance = self._formats.tolerance
        method = f"float64, attention and output of the first {count} rows of each sequence"
        checks = (
            compare(first_rows(written, batch, count), gathered, written, tolerance, method),
            compare(first_rows(state.block.out, batch, count), final, state.block.out, tolerance, method),
        )
        return max(checks, key=lambda check: check.error)

    def close(self) -> None:
        self._sets.clear()
