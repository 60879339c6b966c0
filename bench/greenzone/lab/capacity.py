"""What fits: the largest batch, the largest context, how many devices, from sizes and a memory alone.

    bytes = weights + batch x context x cache of a token + activations

Weights are those of the whole model, embeddings and head among them. Activations are what one decode
step passes on in the layer that passes on most, and its scores over the vocabulary; prefill in pieces
of as many rows needs no more. What a runtime keeps for itself is not in it: take it off the memory. Of
several devices each holds an even share, which no real division does better than.

The cache of a token is as in `ModelShape.cache_bytes_per_token`.
"""

import math
from dataclasses import dataclass

from greenzone.errors import UsageError
from greenzone.lab.layers import head, layers_of, require_context
from greenzone.lab.operators import element_bytes, passing_format
from greenzone.lab.shapes import ModelShape


@dataclass(frozen=True)
class Footprint:
    """Bytes that a model takes in memory while it decodes."""

    weight_bytes: float
    cache_bytes: float
    activation_bytes: float

    @property
    def total_bytes(self) -> float:
        return self.weight_bytes + self.cache_bytes + self.activation_bytes


def footprint(
    model: ModelShape, batch: int, context: int, format: str, cache_format: str | None = None
) -> Footprint:
    """What a model takes for so many sequences of so much context.

    Args:
        model: the sizes.
        batch: sequences at once.
        context: tokens of each.
        format: of the weights; activations are no narrower than 16 bits.
        cache_format: of keys and values; that of the weights if None.

    Raises:
        UsageError: a context beyond the model's maximum, an unknown format.
    """
    passed_on = passing_format(format)
    layers = layers_of(model, "decode", batch, 1, context, passed_on)
    scores = head(model, batch, passed_on)
    cache = batch * context * model.cache_bytes_per_token(cache_format or format)
    activations = max(layer.activation_bytes for _, layer in layers) + scores.m * scores.n * element_bytes(passed_on)
    return Footprint(model.weight_bytes(format), cache, activations)


def largest_batch(
    model: ModelShape, context: int, memory_gb: float, format: str, cache_format: str | None = None
) -> int:
    """The most sequences of `context` tokens that fit `memory_gb` (10^9 bytes); 0 if not one does.

    Raises:
        UsageError: as `footprint`; a memory that is none.
    """
    one = footprint(model, 1, context, format, cache_format)
    left = _bytes(memory_gb) - one.weight_bytes
    return max(0, math.floor(left / (one.cache_bytes + one.activation_bytes)))


def largest_context(
    model: ModelShape, batch: int, memory_gb: float, format: str, cache_format: str | None = None
) -> int:
    """The most tokens that each of `batch` sequences can have in `memory_gb`; at most the model's maximum.

    0 if not one fits.

    Raises:
        UsageError: as `footprint`; a memory that is none.
    """
    one = footprint(model, batch, 1, format, cache_format)
    left = _bytes(memory_gb) - one.weight_bytes - one.activation_bytes
    return max(0, min(model.max_context, math.floor(left / one.cache_bytes)))


def devices_needed(
    model: ModelShape, batch: int, context: int, memory_gb: float, format: str, cache_format: str | None = None
) -> int:
    """The fewest devices of `memory_gb` each that hold the model and its caches, evenly divided.

    Raises:
        UsageError: as `footprint`; a memory that is none.
    """
    require_context(model, context)
    return math.ceil(footprint(model, batch, context, format, cache_format).total_bytes / _bytes(memory_gb))


def _bytes(memory_gb: float) -> float:
    if not memory_gb > 0:
        raise UsageError(f"a memory of {memory_gb} GB holds nothing; give more than 0")
    return memory_gb * 1e9
