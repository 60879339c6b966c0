"""The sizes of a decoder-only language model, and what follows from them alone: parameters and cache.

A layer is an attention and a network behind it, each behind a norm. The attention shares keys and
values among groups of heads, or keeps one latent vector a token for all heads; the network is one
dense MLP, or several experts of which each token takes a few. Counts are of elements; a number
format makes bytes of them.

Sources: grouped queries, Ainslie et al., arXiv 2305.13245; latent attention and shared experts,
DeepSeek-V2, arXiv 2405.04434, sections 2.1 and 2.2; gated networks, Shazeer, arXiv 2002.05202.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, cast

from greenzone.datafiles import Bound, Count
from greenzone.errors import UsageError
from greenzone.formats import get_format

LayerKind = Literal["dense", "experts"]
Biases = Literal["none", "qkv", "all"]


@dataclass(frozen=True)
class GroupedAttention:
    """Heads that share keys and values in groups; as many `kv_heads` as `heads` is multi-head attention."""

    heads: Count
    kv_heads: Count
    head_dim: Count
    qk_norm: bool = False  # a norm of each head's query and key, one weight for all heads

    def __post_init__(self) -> None:
        if self.heads % self.kv_heads:
            raise UsageError(
                f"attention.heads - {self.heads} heads do not divide by {self.kv_heads} kv_heads; "
                "give a multiple of kv_heads"
            )

    @property
    def kind(self) -> str:
        return "multi-head" if self.heads == self.kv_heads else "grouped"

    @property
    def cached_elements(self) -> int:
        """Elements kept for a token in one layer: a key and a value for each of `kv_heads`."""
        return 2 * self.kv_heads * self.head_dim

    def parameters(self, hidden: int, biases: Biases) -> int:
        """Elements of the four products, their biases and the norms of queries and keys."""
        wide, narrow = self.heads * self.head_dim, self.kv_heads * self.head_dim
        qkv = wide + 2 * narrow
        bias = {"none": 0, "qkv": qkv, "all": qkv + hidden}[biases]
        return hidden * (qkv + wide) + bias + (2 * self.head_dim if self.qk_norm else 0)


@dataclass(frozen=True)
class LatentAttention:
    """Keys and values of all heads from one latent vector of `kv_rank`, and one rotary key of `rope_dim`.

    A head's query and key are `nope_dim` + `rope_dim` wide, its value `value_dim`. Queries pass
    through `query_rank`, or come straight from the hidden state where that is left out.
    """

    heads: Count
    kv_rank: Count
    nope_dim: Count
    rope_dim: Count
    value_dim: Count
    query_rank: Count | None = None

    @property
    def kind(self) -> str:
        return "latent"

    @property
    def key_dim(self) -> int:
        """Width of a head's query and key."""
        return self.nope_dim + self.rope_dim

    @property
    def cached_elements(self) -> int:
        """Elements kept for a token in one layer: the latent vector and the rotary key."""
        return self.kv_rank + self.rope_dim

    def parameters(self, hidden: int, biases: Biases) -> int:
        """Elements of the products down to the ranks and up from them, and of the norms in between; no biases."""
        wide, rank = self.heads * self.key_dim, self.query_rank
        queries = hidden * rank + rank + rank * wide if rank else hidden * wide
        down = hidden * self.cached_elements + self.kv_rank
        up = self.kv_rank * self.heads * (self.nope_dim + self.value_dim)
        return queries + down + up + self.heads * self.value_dim * hidden


@dataclass(frozen=True)
class Mlp:
    """The network of a dense layer: gated has two products up, plain one."""

    intermediate: Count
    kind: Literal["gated", "plain"] = "gated"

    @property
    def ups(self) -> int:
        return 2 if self.kind == "gated" else 1

    def parameters(self, hidden: int, biases: Biases) -> int:
        """Elements of the products up and down and their biases."""
        bias = self.ups * self.intermediate + hidden if biases == "all" else 0
        return (self.ups + 1) * hidden * self.intermediate + bias


@dataclass(frozen=True)
class Experts:
    """A router over `count` gated networks; each token takes `active` of them and all `shared` ones."""

    count: Count
    active: Count
    intermediate: Count  # of one expert
    shared: Annotated[int, Bound(ge=0, le=1000)] = 0
    dense_layers: Annotated[int, Bound(ge=0, le=10**6)] = 0  # the first layers of the model, which have none
    routing_bias: bool = False  # one number an expert, added to its score to choose by

    def __post_init__(self) -> None:
        if self.active > self.count:
            raise UsageError(
                f"experts.active - {self.active} experts of {self.count} cannot be active; "
                f"give at most {self.count}"
            )

    def touched(self, rows: int) -> float:
        """How many experts at least one of `rows` tokens takes, on average, under uniform routing.

        An expert is passed over by one token with probability 1 - active/count, by all with that to
        the power of `rows`. Trained routers are not uniform and touch fewer: it is an upper estimate.

        >>> Experts(8, 2, 16).touched(1), Experts(8, 2, 16).touched(2)
        (2.0, 3.5)
        """
        return self.count * (1 - (1 - self.active / self.count) ** rows)

    def parameters(self, hidden: int, taken: int) -> int:
        """Elements of the router, of `taken` experts and of the shared ones."""
        router = self.count * (hidden + (1 if self.routing_bias else 0))
        return router + (taken + self.shared) * 3 * hidden * self.intermediate


@dataclass(frozen=True)
class ModelShape:
    """The sizes of a decoder-only language model; no weights.

    Raises:
        UsageError: sizes that contradict each other, all of them at once.
    """

    id: Annotated[str, Bound(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    name: str
    layers: Count
    hidden: Count
    vocabulary: Count
    max_context: Count  # the maker's limit: positions it is configured for
    tied_embeddings: bool  # the head multiplies with the table of embeddings
    attention: GroupedAttention | None = None
    latent_attention: LatentAttention | None = None
    mlp: Mlp | None = None
    experts: Experts | None = None
    norm: Literal["rms", "layer"] = "rms"  # layer has a bias beside its weight
    biases: Biases = "none"
    learned_positions: bool = False  # a table of max_context rows

    def __post_init__(self) -> None:
        if faults := _faults(self):
            raise UsageError("\n".join(faults))

    @property
    def attends(self) -> GroupedAttention | LatentAttention:
        """The attention, of whichever kind."""
        # there is exactly one: checked when it was made
        return cast("GroupedAttention | LatentAttention", self.attention or self.latent_attention)

    @property
    def layer_counts(self) -> dict[LayerKind, int]:
        """How many layers there are of each kind; the kinds it has, in the order of the layers.

        >>> ModelShape("m", "M", 2, 8, 9, 64, True, GroupedAttention(2, 2, 4), mlp=Mlp(16)).layer_counts
        {'dense': 2}
        """
        dense = self.experts.dense_layers if self.experts else self.layers
        counts: dict[LayerKind, int] = {"dense": dense, "experts": self.layers - dense}
        return {kind: count for kind, count in counts.items() if count}

    @property
    def norm_parameters(self) -> int:
        """Elements of one norm of the hidden state."""
        return self.hidden * (2 if self.norm == "layer" else 1)

    def layer_parameters(self, kind: LayerKind, active: bool = False) -> int:
        """Elements of one layer; `active` leaves out the experts that a token does not take."""
        attention = self.attends.parameters(self.hidden, self.biases) + 2 * self.norm_parameters
        if kind == "experts" and (experts := self.experts):
            return attention + experts.parameters(self.hidden, experts.active if active else experts.count)
        return attention + (self.mlp.parameters(self.hidden, self.biases) if self.mlp else 0)

    @property
    def embedding_parameters(self) -> int:
        """Elements of the tables that tokens and learned positions are looked up in."""
        return (self.vocabulary + (self.max_context if self.learned_positions else 0)) * self.hidden

    @property
    def head_parameters(self) -> int:
        """Elements that the head multiplies with, tied or not."""
        return self.vocabulary * self.hidden

    def _total(self, active: bool) -> int:
        layers = sum(n * self.layer_parameters(kind, active) for kind, n in self.layer_counts.items())
        head = 0 if self.tied_embeddings else self.head_parameters
        return layers + self.norm_parameters + self.embedding_parameters + head

    @property
    def parameters(self) -> int:
        """All elements: embeddings, layers, the last norm and, unless it is tied, the head."""
        return self._total(active=False)

    @property
    def active_parameters(self) -> int:
        """Elements a token meets: all but the experts it does not take. The tables of embeddings are in it."""
        return self._total(active=True)

    @property
    def multiplied_parameters(self) -> int:
        """Elements a token is multiplied with: the active ones and the head, without the embeddings.

        A look-up multiplies nothing; a tied table is multiplied all the same, by the head.
        """
        tied = self.head_parameters if self.tied_embeddings else 0
        return self.active_parameters - self.embedding_parameters + tied

    def weight_bytes(self, format: str) -> float:
        """Bytes of all weights in a format."""
        return self.parameters * get_format(format).element_bytes

    def cache_bytes_per_token(self, format: str) -> float:
        """Bytes that one token of one sequence keeps in the caches of all layers.

        2 x layers x kv_heads x head_dim x bytes of an element where keys and values are kept;
        layers x (kv_rank + rope_dim) x bytes where the latent vector is (DeepSeek-V2, table 1).
        """
        return self.layers * self.attends.cached_elements * get_format(format).element_bytes


def _faults(model: ModelShape) -> list[str]:
    """What contradicts itself in the sizes, key first."""
    faults = []
    if (model.attention is None) == (model.latent_attention is None):
        faults.append("attention - give one table, [attention] or [latent_attention], and not both")
    if model.latent_attention and model.biases != "none":
        faults.append('biases - a latent attention has none; leave it out, or write "none"')
    experts = model.experts
    if experts and experts.dense_layers >= model.layers:
        faults.append(
            f"experts.dense_layers - {experts.dense_layers} of {model.layers} layers leaves none for the "
            f"experts; give at most {model.layers - 1}"
        )
    if model.mlp is None and (experts is None or experts.dense_layers):
        faults.append("mlp - a dense layer needs the table [mlp]")
    if model.mlp and experts and not experts.dense_layers:
        faults.append("mlp - no layer is dense: leave [mlp] out, or give experts.dense_layers")
    return faults
