"""One step of a whole language model in torch, with random normal weights: look-up, every layer, norm, head.

There is one set of weights: a whole model streams through every cache, and where a cache does hold it,
it holds it for whoever serves the model too.

Three things are checked, each by itself: the hidden state behind all layers, at the first rows of each
sequence; the norm of the last rows; the head's product of them. Causal attention lets the first rows
be worked out alone; the last rows, which the head takes, would need every row before them.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from greenzone.lab.devices.block import (
    PREFILL_ROWS_CHECKED,
    TOLERANCE_FACTOR,
    Formats,
    LayerBlock,
    first_indices,
    first_rows,
    layer_note,
)
from greenzone.lab.devices.checking import check_product, compare, poison
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.weights import Draw, Linear, Scale, Weight, wide
from greenzone.lab.results import Check
from greenzone.lab.steps import ModelStep


class WholeModel:
    """All weights, caches and buffers of a model, each layer with its own."""

    def __init__(self, step: ModelStep, draw: Draw) -> None:
        model = step.model
        self.draw, self._step = draw, step
        self.embedding = _Embedding(step, draw)
        self.layers = [LayerBlock(layer, draw) for count, layer in step.layers for _ in range(count)]
        self.norm = Scale(draw, model.hidden, model.norm == "layer")
        table = self.embedding.table if model.tied_embeddings else draw.plain(model.vocabulary, model.hidden)
        self.head = Linear(table, draw.buffer(step.batch, model.vocabulary))

    def run(self) -> tuple[Tensor, Tensor]:
        """One step; the hidden state behind all layers, and the normed last rows that the head took."""
        rows = self.embedding()
        for layer in self.layers:
            rows = layer(rows)
        last = self.norm(self.last(rows))
        self.head(last)
        return rows, last

    def last(self, rows: Tensor) -> Tensor:
        """The last row of each sequence, which alone is turned into a token."""
        return rows.view(self._step.batch, self._step.tokens, -1)[:, -1]

    def exact(self, count: int) -> Tensor:
        """The hidden state behind all layers in float64, for the first `count` rows of each sequence."""
        rows, taken = self.embedding.exact(count), first_indices(self._step.layers[0][1], count)
        for layer in self.layers:
            _, rows = layer.exact(rows, count, taken)
        return rows


class ModelStepKernel:
    """A step of a whole model in one phase."""

    def __init__(self, operator: ModelStep, formats: Formats, device: torch.device, seed: int) -> None:
        self.operator = operator
        self.variant, self.note = formats.variant, layer_note(formats, operator.model.experts is not None, device)
        self._formats, self._seed = formats, seed
        generator = torch.Generator(device).manual_seed(seed)
        self._sets = [WholeModel(operator, formats.draw(generator))]
        self._written: tuple[Tensor, Tensor] | None = None

    @property
    def output(self) -> Tensor:
        """What the check looks at last."""
        return self._sets[0].head.out

    @property
    def rotation(self) -> int:
        """How many sets go round."""
        return len(self._sets)

    def launch(self) -> None:
        self.run(0)

    def run(self, turn: int) -> None:
        """One step with that set."""
        self._written = self._sets[turn].run()

    @torch_errors("check of a whole model")
    def check(self, launch: Callable[[], None] | None = None) -> Check:
        """After one `launch`: the kernel's own, or what was captured of it."""
        self._sets[0].draw.poison()
        for before in self._written or ():
            poison(before)
        (launch or self.launch)()
        if self._written is None:
            return Check(1.0, 0.0, "the step never ran")
        final, last = self._written
        checks = (self._check_layers(final), *self._check_head(final, last))
        return max(checks, key=lambda check: check.error / check.tolerance)

    def _check_layers(self, final: Tensor) -> Check:
        """Every layer's errors are its own, so those of all layers add as squares: a root of their number."""
        op, model = self.operator, self._sets[0]
        count = min(op.tokens, PREFILL_ROWS_CHECKED)
        tolerance = self._formats.tolerance * math.sqrt(len(model.layers))
        method = f"float64, hidden state behind {len(model.layers)} layers at the first {count} rows of each sequence"
        return compare(first_rows(final, op.batch, count), model.exact(count), final, tolerance, method)

    def _check_head(self, final: Tensor, last: Tensor) -> tuple[Check, Check]:
        model, tolerance = self._sets[0], TOLERANCE_FACTOR * self._formats.passing.tolerance
        normed = model.norm(wide(model.last(final)), exact=True)
        return (
            compare(last, normed, last, tolerance, "float64, norm of the last row of each sequence"),
            check_product(last, model.head.weight.values.t(), model.head.out, tolerance, self._seed),
        )

    def close(self) -> None:
        self._sets.clear()
        self._written = None


class _Embedding:
    """The look-up of fixed random tokens, with learned positions added where the model has them."""

    def __init__(self, step: ModelStep, draw: Draw) -> None:
        model, device = step.model, draw.generator.device
        self._step = step
        self.table = Weight(draw(model.vocabulary, model.hidden))
        self._tokens = torch.randint(model.vocabulary, (step.rows,), generator=draw.generator, device=device)
        self._positions = draw(model.max_context, model.hidden) if model.learned_positions else None
        # the new rows stand at the end of the context, in prefill as in decode
        self._places = torch.arange(step.context - step.tokens, step.context, device=device).repeat(step.batch)

    def __call__(self) -> Tensor:
        rows = torch.index_select(self.table.values, 0, self._tokens)
        return rows if self._positions is None else rows.add_(torch.index_select(self._positions, 0, self._places))

    def exact(self, count: int) -> Tensor:
        """The first `count` rows of each sequence in float64, looked up one by one."""
        chosen = first_rows(torch.stack([self._tokens, self._places], 1), self._step.batch, count).tolist()
        rows = [wide(self.table.values[token]) for token, _ in chosen]
        if self._positions is not None:
            rows = [row + wide(self._positions[place]) for row, (_, place) in zip(rows, chosen, strict=True)]
        return torch.stack(rows)
