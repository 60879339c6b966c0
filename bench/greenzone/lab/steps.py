"""One step of a whole model: every layer with its own weights and caches, the look-up before, the head behind."""

from dataclasses import dataclass, replace
from functools import cached_property

from greenzone.lab.layers import DecoderLayer, Phase, head, layers_of, operators_of
from greenzone.lab.operators import Operator, element_bytes, parts_of, passing_format
from greenzone.lab.shapes import ModelShape


@dataclass(frozen=True)
class ModelStep:
    """A prefill of `tokens` rows of each sequence, or the decoding of one row over caches of `context` rows.

    Sizes are held to what `DecoderLayer` allows.

    Raises:
        UsageError: a size below 1, more context than the model has positions for, a decode of several tokens.
    """

    model: ModelShape
    phase: Phase
    batch: int
    tokens: int
    context: int
    format: str
    variant: str | None = None  # as of `DecoderLayer`

    def __post_init__(self) -> None:
        _ = self.layers  # a layer refuses what is wrong

    @property
    def name(self) -> str:
        return f"inference.{self.phase}"

    @property
    def rows(self) -> int:
        return self.batch * self.tokens

    @cached_property
    def layers(self) -> tuple[tuple[int, DecoderLayer], ...]:
        """How many layers of each kind there are, and the layer, in the order of the model."""
        found = layers_of(self.model, self.phase, self.batch, self.tokens, self.context, self.format)
        return tuple((count, replace(layer, variant=self.variant)) for count, layer in found)

    @cached_property
    def parts(self) -> tuple[Operator, ...]:
        """Every operator of the step, in order: embedding, those of all layers, last norm, head."""
        operators = operators_of(self.model, self.phase, self.batch, self.tokens, self.context, self.format)
        return tuple(part for count, one in operators for part in (parts_of(one) or (one,)) * count)

    @property
    def operations(self) -> float:
        return sum(part.operations for part in self.parts)

    @property
    def bytes(self) -> float:
        return sum(part.bytes for part in self.parts)

    @property
    def weight_bytes(self) -> float:
        """Bytes of all weights: tables of embeddings and positions, layers, last norm, and a head that is not tied."""
        model, one = self.model, element_bytes(passing_format(self.format))
        layers = sum(count * layer.weight_bytes for count, layer in self.layers)
        untied = 0 if model.tied_embeddings else model.head_parameters
        return layers + (model.embedding_parameters + model.norm_parameters + untied) * one

    @property
    def cache_bytes(self) -> float:
        """Keys and values, or latent vectors, of all layers and sequences."""
        return sum(count * layer.cache_bytes for count, layer in self.layers)

    @property
    def resident_bytes(self) -> float:
        """Weights, caches, what one layer needs beside them (the next one writes over it), and the scores."""
        layer = max(layer.activation_bytes for _, layer in self.layers)
        scores = head(self.model, self.batch, self.format)
        return self.weight_bytes + self.cache_bytes + layer + scores.m * scores.n * element_bytes(scores.format)

    @property
    def shape(self) -> dict[str, int]:
        sizes = {"batch": self.batch, "tokens": self.tokens, "context": self.context}
        return sizes | {name: getattr(self.model, name) for name in ("layers", "hidden", "vocabulary")}
