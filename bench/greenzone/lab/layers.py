"""One layer of a model in one phase, as the operators it consists of; the whole model as its layers.

The rotary embedding is left out: it is under a thousandth of the operations and reads no weights.
Biases are added while a product is written, and a layer norm counts as the root-mean-square one: what
they read is in `weight_bytes`, under a thousandth of it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from greenzone.errors import UsageError
from greenzone.lab.groups import GroupedMatmul, WideAttention
from greenzone.lab.operators import (
    Attention,
    Elementwise,
    Matmul,
    Norm,
    Operator,
    element_bytes,
    passing_format,
    require_sizes,
    result_bytes,
)
from greenzone.lab.shapes import Experts, GroupedAttention, LatentAttention, LayerKind, ModelShape

Phase = Literal["prefill", "decode"]
GRAPH = "CUDA graph"  # a variant: captured once and replayed, so that no kernel waits for the host


@dataclass(frozen=True)
class DecoderLayer:
    """One layer of a model in one phase, as the list of operators it consists of.

    Prefill runs `tokens` new rows of each sequence against themselves (`context` equals `tokens`);
    decode runs one new row against a cache of `context` rows, itself included. `kind` is which of the
    model's layers; None takes the kind it has most of.
    """

    model: ModelShape
    phase: Phase
    batch: int
    tokens: int
    context: int
    format: str
    kind: LayerKind | None = None
    variant: str | None = None  # how it is launched: one by one, or as `GRAPH`

    def __post_init__(self) -> None:
        require_sizes(self, batch=self.batch, tokens=self.tokens, context=self.context)
        if self.phase == "decode" and self.tokens != 1:
            raise UsageError(f"DecoderLayer: decode runs 1 token of a sequence at a time, not {self.tokens}")
        if self.phase == "prefill" and self.context != self.tokens:
            raise UsageError(
                f"DecoderLayer: prefill starts from an empty cache, so context is {self.tokens} (tokens), "
                f"not {self.context}"
            )
        if self.variant not in (None, GRAPH):
            raise UsageError(f"DecoderLayer: there is no variant {self.variant!r}; give {GRAPH!r} or leave it out")
        require_context(self.model, self.context)
        counts = self.model.layer_counts
        if self.kind is None:
            object.__setattr__(self, "kind", max(counts, key=lambda kind: counts[kind]))
        elif self.kind not in counts:
            raise UsageError(f"DecoderLayer: {self.model.id} has no layer of kind {self.kind}; it has {list(counts)}")

    @property
    def name(self) -> str:
        return f"inference.{self.phase}"

    @property
    def rows(self) -> int:
        return self.batch * self.tokens

    @property
    def passing(self) -> str:
        """The format of everything but the products."""
        return passing_format(self.format)

    @cached_property
    def parts(self) -> tuple[Operator, ...]:
        residual = Elementwise(self.rows * self.model.hidden, 2, self.passing)
        norm = Norm(self.rows, self.model.hidden, self.passing)
        return (norm, *self._attention(), residual, norm, *self._networks(), residual)

    def _product(self, columns: int, terms: int, format: str | None = None) -> Matmul:
        return Matmul(self.rows, columns, terms, format or self.format, transposed=True)

    def _attention(self) -> list[Operator]:
        shape = self.model.attends
        if isinstance(shape, GroupedAttention):
            return self._grouped(shape)
        gathered = self._expanded(shape) if self.phase == "prefill" else self._absorbed(shape)
        return [*self._latent_inputs(shape), *gathered]

    def _grouped(self, shape: GroupedAttention) -> list[Operator]:
        wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        hidden, norms = self.model.hidden, (shape.heads, shape.kv_heads) if shape.qk_norm else ()
        return [
            self._product(wide, hidden),
            self._product(narrow, hidden),
            self._product(narrow, hidden),
            *(Norm(self.rows * heads, shape.head_dim, self.passing) for heads in norms),
            Attention(
                self.batch, shape.heads, shape.kv_heads, shape.head_dim,
                self.tokens, self.context, self.passing, causal=self.phase == "prefill",
            ),
            self._product(hidden, wide),
        ]  # fmt: skip

    def _latent_inputs(self, shape: LatentAttention) -> list[Operator]:
        """Queries, latent vector and rotary key of the new rows."""
        wide, hidden, rank = shape.heads * shape.key_dim, self.model.hidden, shape.query_rank
        queries: list[Operator] = [self._product(wide, hidden)]
        if rank:
            queries = [self._product(rank, hidden), Norm(self.rows, rank, self.passing), self._product(wide, rank)]
        latent = self._product(shape.cached_elements, hidden)
        return [*queries, latent, Norm(self.rows, shape.kv_rank, self.passing)]

    def _expanded(self, shape: LatentAttention) -> list[Operator]:
        """Keys and values of every head made from the latent vectors: fewer operations for many new rows."""
        wide_value = shape.heads * shape.value_dim
        return [
            self._product(shape.heads * (shape.nope_dim + shape.value_dim), shape.kv_rank, self.passing),
            WideAttention(
                self.batch, shape.heads, shape.heads, shape.key_dim, shape.value_dim,
                self.tokens, self.context, self.passing, causal=True,
            ),
            self._product(self.model.hidden, wide_value),
        ]  # fmt: skip

    def _absorbed(self, shape: LatentAttention) -> list[Operator]:
        """The products up taken into query and output, so that the cache is read as it is kept.

        DeepSeek-V2, arXiv 2405.04434, section 2.1.2: W^UK is absorbed into W^Q and W^UV into W^O.
        They are part of the attention and stay in its format, in prefill as in decode.
        """
        rows, rank = self.rows * shape.heads, shape.kv_rank
        return [
            GroupedMatmul(shape.heads, rows, rank, shape.nope_dim, self.passing),
            WideAttention(
                self.batch, shape.heads, 1, rank + shape.rope_dim, rank,
                self.tokens, self.context, self.passing, shared=True,
            ),
            GroupedMatmul(shape.heads, rows, shape.value_dim, rank, self.passing),
            self._product(self.model.hidden, shape.heads * shape.value_dim),
        ]  # fmt: skip

    def _networks(self) -> list[Operator]:
        if self.kind == "experts" and self.model.experts:
            return self._experts(self.model.experts)
        mlp = self.model.mlp
        return self._network(mlp.intermediate, mlp.ups) if mlp else []

    def _network(self, intermediate: int, ups: int) -> list[Operator]:
        hidden = self.model.hidden
        gate = Elementwise(self.rows * intermediate, ups, self.passing, operations_per_element=4 + ups - 1)
        return [*[self._product(intermediate, hidden)] * ups, gate, self._product(hidden, intermediate)]

    def _experts(self, experts: Experts) -> list[Operator]:
        """The router, the experts that are taken, their weighted sum, and the shared experts.

        Uniform routing is assumed: of the experts, `Experts.touched` are read.
        """
        hidden = self.model.hidden
        taken, inner, read = self.rows * experts.active, experts.intermediate, experts.touched(self.rows)
        up = GroupedMatmul(experts.count, taken, inner, hidden, self.format, read)
        return [
            self._product(experts.count, hidden, self.passing),
            up,
            up,
            Elementwise(taken * inner, 2, self.passing, operations_per_element=5),
            GroupedMatmul(experts.count, taken, hidden, inner, self.format, read),
            Elementwise(self.rows * hidden, experts.active, self.passing, operations_per_element=2 * experts.active),
            *(self._network(experts.shared * inner, 2) if experts.shared else ()),
        ]

    @property
    def operations(self) -> float:
        return sum(part.operations for part in self.parts)

    @property
    def bytes(self) -> float:
        return sum(part.bytes for part in self.parts)

    @property
    def weight_bytes(self) -> float:
        """Bytes of the layer's weights, all experts among them; what no product in `format` has is in `passing`."""
        multiplied = sum(_weights(part) for part in self.parts if part.format == self.format)
        others = self.model.layer_parameters(self.kind or "dense") - multiplied
        return multiplied * element_bytes(self.format) + others * element_bytes(self.passing)

    @property
    def read_weight_bytes(self) -> float:
        """Bytes of those weights that a call reads: of the experts, those that some row takes."""
        experts = self.model.experts
        if self.kind != "experts" or experts is None:
            return self.weight_bytes
        idle = experts.count - experts.touched(self.rows)
        return self.weight_bytes - idle * 3 * self.model.hidden * experts.intermediate * element_bytes(self.format)

    @property
    def cache_bytes(self) -> float:
        """Keys and values, or latent vectors, of all sequences."""
        elements = self.batch * self.context * self.model.attends.cached_elements
        return elements * element_bytes(self.passing)

    @property
    def resident_bytes(self) -> float:
        return self.weight_bytes + self.cache_bytes + self.activation_bytes

    @property
    def activation_bytes(self) -> float:
        """Results of the products, and what is passed on from part to part."""
        results = sum(part.m * part.n for part in self.parts if isinstance(part, Matmul))
        results += sum(part.rows * part.n for part in self.parts if isinstance(part, GroupedMatmul))
        passing = 4 * self.rows * self.model.hidden + 2 * self._inner_elements
        return results * result_bytes(self.format) + passing * element_bytes(self.passing)

    @property
    def _inner_elements(self) -> int:
        model = self.model
        if self.kind == "experts" and model.experts:
            return self.rows * (model.experts.active + model.experts.shared) * model.experts.intermediate
        return self.rows * (model.mlp.intermediate if model.mlp else 0)

    @property
    def shape(self) -> dict[str, int]:
        sizes = {"batch": self.batch, "tokens": self.tokens, "context": self.context, "hidden": self.model.hidden}
        network = self.model.experts if self.kind == "experts" else self.model.mlp
        sizes |= {"intermediate": network.intermediate} if network else {}
        attends = self.model.attends
        if isinstance(attends, GroupedAttention):
            return sizes | {name: getattr(attends, name) for name in ("heads", "kv_heads", "head_dim")}
        return sizes | {name: getattr(attends, name) for name in ("heads", "kv_rank", "rope_dim")}


def _weights(part: Operator) -> int:
    """Elements of the weights of a product; none of anything else."""
    if isinstance(part, GroupedMatmul):
        return part.groups * part.n * part.k
    return part.n * part.k if isinstance(part, Matmul) else 0


def require_context(model: ModelShape, context: int) -> None:
    """Refuse more context than the model has positions for.

    Raises:
        UsageError: it says the model's maximum.
    """
    if context > model.max_context:
        raise UsageError(
            f"a context of {context} tokens is beyond {model.name}, whose maximum is {model.max_context}; "
            f"give --context {model.max_context} or less"
        )


def embedding(model: ModelShape, rows: int, format: str) -> Elementwise:
    """The look-up of `rows` tokens: a row of the table is read and written, a position's added to it."""
    added = 1 if model.learned_positions else 0
    return Elementwise(rows * model.hidden, 1 + added, passing_format(format), operations_per_element=added)


def head(model: ModelShape, rows: int, format: str) -> Matmul:
    """The product of `rows` hidden states with the vocabulary."""
    return Matmul(rows, model.vocabulary, model.hidden, passing_format(format), transposed=True)


def layers_of(
    model: ModelShape, phase: Phase, batch: int, tokens: int, context: int, format: str
) -> list[tuple[int, DecoderLayer]]:
    """How many layers of each kind the model has, and the layer; arguments as of `DecoderLayer`."""
    return [
        (count, DecoderLayer(model, phase, batch, tokens, context, format, kind))
        for kind, count in model.layer_counts.items()
    ]


def operators_of(
    model: ModelShape, phase: Phase, batch: int, tokens: int, context: int, format: str
) -> list[tuple[int, Operator]]:
    """The whole model as (how often, operator): embedding, layers, last norm, head.

    The last row of each sequence alone is turned into a token, so the head has `batch` rows.
    """
    return [
        (1, embedding(model, batch * tokens, format)),
        *layers_of(model, phase, batch, tokens, context, format),
        (1, Norm(batch, model.hidden, passing_format(format))),
        (1, head(model, batch, format)),
    ]
