"""The weights and caches of one layer in torch: rows in, rows out. A layer by itself and a whole model run it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices import quantised
from greenzone.lab.devices.attentions import GroupedBlock, LatentBlock
from greenzone.lab.devices.networks import ExpertsBlock, MlpBlock
from greenzone.lab.devices.numerics import Numerics
from greenzone.lab.devices.quantised import QuantisedWeight, rounding
from greenzone.lab.devices.weights import Draw, Scale
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.operators import passing_format
from greenzone.lab.shapes import GroupedAttention

PREFILL_ROWS_CHECKED = 16  # causal: the first rows depend on nothing behind them
# A layer rounds about ten times in a row where a product rounds once; independent errors add as
# squares, and attention over many keys averages its values away but not the rounding of its scores.
TOLERANCE_FACTOR = 5.0
# Rows are rounded three or four times on the way through a layer (input, heads, network, its inner rows):
# twice the share of one as squares add, and half as much again for scores and tails. Layers of the models
# that ship erred by 0.8 to 1.5 times the share of one in fp8, by up to 1.1 times in int8.
_ROUNDED_FACTOR = 3.0
_EXPERTS_NOTE = "experts one after another, each token's drawn uniformly"


@dataclass(frozen=True)
class Formats:
    """What is passed on from operator to operator, and what products run in where that is another format."""

    passing: Numerics
    products: Numerics | None = None

    @property
    def variant(self) -> str | None:
        return (self.products or self.passing).variant

    @property
    def tolerance(self) -> float:
        """Relative error (Frobenius) of a right layer: in 8 bits the rounding of rows is far the most of it."""
        if self.products:
            return _ROUNDED_FACTOR * rounding(self.products)
        return TOLERANCE_FACTOR * self.passing.tolerance

    def draw(self, generator: torch.Generator) -> Draw:
        """A source of weights in these formats."""
        kept = partial(QuantisedWeight, numerics=self.products) if self.products else None
        return Draw(generator, self.passing, kept)


def formats_of(format: str, numerics: Callable[..., Numerics]) -> Formats:
    """The formats of a layer whose products run in `format`, as `numerics` holds them.

    Raises:
        DeviceError: there is no path for such products.
    """
    passing = passing_format(format)
    if passing == format:
        return Formats(numerics(format))
    formats = Formats(numerics(passing), numerics(format))
    _ = formats.tolerance  # refuses a format that a layer has no products in
    return formats


def layer_note(formats: Formats, experts: bool, device: torch.device) -> str | None:
    """What a reader of a layer's figures must know."""
    products = [quantised.note(formats.products.format, device.type == "cuda")] if formats.products else []
    return "; ".join([*products, *([_EXPERTS_NOTE] if experts else [])]) or None


class LayerBlock:
    """Weights and caches of one layer; with `exact` it runs in float64 on the processor, one weight at a time."""

    def __init__(self, layer: DecoderLayer, draw: Draw) -> None:
        draw.next_layer()
        self._tokens, width = layer.tokens, layer.model.hidden
        self._norms = [Scale(draw, width, layer.model.norm == "layer") for _ in range(2)]
        self.attention = _attention(draw, layer)
        self.network = _network(draw, layer)
        self.out = draw.buffer(layer.rows, width)

    def __call__(self, rows: Tensor) -> Tensor:
        """All rows of the layer to its output, in a buffer of the layer's own."""
        return self.finish(rows, self.gather(rows, self._tokens))

    def gather(self, rows: Tensor, tokens: int, exact: bool = False) -> Tensor:
        """What the heads gather for the first `tokens` rows of each sequence: (rows, hidden) to (rows, heads x dim)."""
        return self.attention(self._norms[0](rows, exact), tokens, exact)

    def finish(self, rows: Tensor, gathered: Tensor) -> Tensor:
        """The layer's output, from its input and what its heads gathered."""
        middle = rows + self.attention.output(gathered)
        return torch.add(middle, self.network(self._norms[1](middle)), out=self.out)

    def exact(self, rows: Tensor, tokens: int, taken: Tensor) -> tuple[Tensor, Tensor]:
        """What the heads gather, and the layer's output, in float64; `taken` are the indices of `rows`."""
        gathered = self.gather(rows, tokens, exact=True)
        middle = rows + self.attention.output(gathered, exact=True)
        return gathered, middle + self.network(self._norms[1](middle, exact=True), taken, exact=True)


def first_rows(rows: Tensor, batch: int, count: int) -> Tensor:
    """The first `count` rows of each of `batch` sequences: (batch x tokens, width) to (batch x count, width)."""
    return rows.view(batch, len(rows) // batch, -1)[:, :count].reshape(batch * count, -1)


def first_indices(layer: DecoderLayer, count: int) -> Tensor:
    """The indices of those rows."""
    return first_rows(torch.arange(layer.rows).unsqueeze(1), layer.batch, count).flatten()


def _attention(draw: Draw, layer: DecoderLayer) -> GroupedBlock | LatentBlock:
    shape = layer.model.attends
    if isinstance(shape, GroupedAttention):
        return GroupedBlock(draw, layer, shape)
    return LatentBlock(draw, layer, shape)


def _network(draw: Draw, layer: DecoderLayer) -> MlpBlock | ExpertsBlock:
    model = layer.model
    if layer.kind == "experts" and model.experts:
        return ExpertsBlock(draw, layer.rows, model.hidden, model.experts)
    if model.mlp is None:
        raise DeviceError(f"{model.id} has no mlp for its dense layers")
    return MlpBlock(draw, layer.rows, model.hidden, model.mlp, model.biases == "all")
