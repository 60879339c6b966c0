"""What a layer is made of where its library does not fuse it: batched products, softmax, layer normalisation."""

from dataclasses import dataclass

from greenzone.lab.operators import element_bytes, require_sizes, result_bytes


@dataclass(frozen=True)
class BatchedMatmul:
    """`batch` products of an (m, k) and a (k, n) matrix each.

    >>> BatchedMatmul(8, 512, 512, 64, "fp32").operations
    268435456.0
    """

    batch: int
    m: int
    n: int
    k: int
    format: str

    def __post_init__(self) -> None:
        require_sizes(self, batch=self.batch, m=self.m, n=self.n, k=self.k)

    @property
    def name(self) -> str:
        return "batched_matmul"

    @property
    def operations(self) -> float:
        return 2.0 * self.batch * self.m * self.n * self.k

    @property
    def bytes(self) -> float:
        inputs = (self.m * self.k + self.k * self.n) * element_bytes(self.format)
        return self.batch * (inputs + self.m * self.n * result_bytes(self.format))

    @property
    def resident_bytes(self) -> float:
        return self.bytes

    @property
    def shape(self) -> dict[str, int]:
        return {"batch": self.batch, "m": self.m, "n": self.n, "k": self.k}


@dataclass(frozen=True)
class _Rows:
    """Something done to each of `rows` rows of `width` elements: read once and written once, at the least."""

    rows: int
    width: int
    format: str

    def __post_init__(self) -> None:
        require_sizes(self, rows=self.rows, width=self.width)

    @property
    def resident_bytes(self) -> float:
        return 2.0 * self.rows * self.width * element_bytes(self.format)

    @property
    def shape(self) -> dict[str, int]:
        return {"rows": self.rows, "width": self.width}


@dataclass(frozen=True)
class Softmax(_Rows):
    """Softmax along each row: the largest, the sum of exponentials, the quotient (five operations an element)."""

    @property
    def name(self) -> str:
        return "softmax"

    @property
    def operations(self) -> float:
        return 5.0 * self.rows * self.width

    @property
    def bytes(self) -> float:
        return self.resident_bytes


@dataclass(frozen=True)
class LayerNorm(_Rows):
    """Layer normalisation of each row with a weight and a bias: mean, variance, scale (eight operations an element)."""

    @property
    def name(self) -> str:
        return "layer_norm"

    @property
    def operations(self) -> float:
        return 8.0 * self.rows * self.width

    @property
    def bytes(self) -> float:
        return self.resident_bytes + 2.0 * self.width * element_bytes(self.format)
