"""Operators of mixtures of experts and of latent attention: grouped products, keys wider than values."""

from dataclasses import dataclass

from greenzone.errors import UsageError
from greenzone.lab.operators import element_bytes, require_sizes, result_bytes


@dataclass(frozen=True)
class GroupedMatmul:
    """Rows dealt out to `groups`, each group multiplied with an (n, k) matrix of its own.

    Args:
        groups: matrices that are kept.
        rows: of all groups together.
        n: columns of a result.
        k: terms of a sum.
        format: of the inputs.
        read: how many of the matrices a call reads; all, unless few rows leave some out.

    >>> GroupedMatmul(8, 2, 16, 4, "bf16", read=2).operations
    256.0
    """

    groups: int
    rows: int
    n: int
    k: int
    format: str
    read: float | None = None

    def __post_init__(self) -> None:
        require_sizes(self, groups=self.groups, rows=self.rows, n=self.n, k=self.k)
        if self.read is not None and not 0 < self.read <= self.groups:
            raise UsageError(f"GroupedMatmul: {self.read} of {self.groups} matrices cannot be read")

    @property
    def name(self) -> str:
        return "grouped_matmul"

    @property
    def operations(self) -> float:
        return 2.0 * self.rows * self.n * self.k

    @property
    def read_weights(self) -> float:
        """Elements of the matrices that a call reads."""
        return (self.groups if self.read is None else self.read) * self.n * self.k

    @property
    def bytes(self) -> float:
        inputs = (self.rows * self.k + self.read_weights) * element_bytes(self.format)
        return inputs + self.rows * self.n * result_bytes(self.format)

    @property
    def resident_bytes(self) -> float:
        kept = (self.rows * self.k + self.groups * self.n * self.k) * element_bytes(self.format)
        return kept + self.rows * self.n * result_bytes(self.format)

    @property
    def shape(self) -> dict[str, int]:
        return {"groups": self.groups, "rows": self.rows, "n": self.n, "k": self.k}


@dataclass(frozen=True)
class WideAttention:
    """Attention whose keys are `key_dim` wide and whose values `value_dim`, counted as `Attention` is.

    `shared` says that the values are the first `value_dim` elements of the keys, read once: the latent
    vector of DeepSeek-V2's attention when its products up are taken into query and output.
    """

    batch: int
    heads: int
    kv_heads: int
    key_dim: int
    value_dim: int
    queries: int
    keys: int
    format: str
    causal: bool = False
    shared: bool = False

    def __post_init__(self) -> None:
        require_sizes(self, batch=self.batch, kv_heads=self.kv_heads, queries=self.queries, keys=self.keys)
        if self.heads % self.kv_heads:
            raise UsageError(
                f"WideAttention: {self.heads} heads cannot share {self.kv_heads} key-value heads evenly"
            )
        if self.causal and self.keys < self.queries:
            raise UsageError(f"WideAttention: {self.queries} causal queries need as many keys, not {self.keys}")

    @property
    def name(self) -> str:
        return "attention"

    @property
    def pairs(self) -> int:
        """Pairs of a query and a key it sees, in one head of one sequence."""
        unseen = self.queries * (self.queries - 1) // 2 if self.causal else 0
        return self.queries * self.keys - unseen

    @property
    def operations(self) -> float:
        return 2.0 * self.batch * self.heads * self.pairs * (self.key_dim + self.value_dim)

    @property
    def bytes(self) -> float:
        kept = self.key_dim if self.shared else self.key_dim + self.value_dim
        queries_and_result = self.heads * self.queries * (self.key_dim + self.value_dim)
        return self.batch * (queries_and_result + self.kv_heads * self.keys * kept) * element_bytes(self.format)

    @property
    def resident_bytes(self) -> float:
        return self.bytes

    @property
    def shape(self) -> dict[str, int]:
        names = ("batch", "heads", "kv_heads", "key_dim", "value_dim", "queries", "keys")
        return {name: getattr(self, name) for name in names}
