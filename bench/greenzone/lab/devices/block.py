"""The weights and caches of one layer in torch: rows in, rows out. A layer by itself and a whole model run it."""

import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices.attentions import GroupedBlock, LatentBlock
from greenzone.lab.devices.networks import ExpertsBlock, MlpBlock
from greenzone.lab.devices.weights import Draw, Scale
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.shapes import GroupedAttention

PREFILL_ROWS_CHECKED = 16  # causal: the first rows depend on nothing behind them
# A layer rounds about ten times in a row where a product rounds once; independent errors add as
# squares, and attention over many keys averages its values away but not the rounding of its scores.
TOLERANCE_FACTOR = 5.0


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
