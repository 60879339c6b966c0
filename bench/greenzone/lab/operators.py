"""What is run, and nothing about how: a product, an attention, a sum, a norm.

An operator counts its `operations` (two for each multiply-accumulate), the `bytes` it cannot avoid
moving (each input read once, each output written once) and the `resident_bytes` it needs in memory.
Rates, rooflines and emulated times all come from these three. torch is not needed here; memory
streams are in `streams`, layers of a model in `layers`.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from greenzone.errors import UsageError
from greenzone.formats import get_format

# Bytes of one element of a product's result where they differ from those of its inputs: narrow
# floats accumulate into 16 bits, integers into 32.
_RESULT_BYTES = {"fp8": 2.0, "fp8_acc16": 2.0, "fp6": 2.0, "fp4": 2.0, "int8": 4.0, "int4": 4.0}

Data = Literal["normal", "low_toggle"]  # of operands; never zeros, which hardware and libraries may skip


class Operator(Protocol):
    """What every operator tells."""

    @property
    def name(self) -> str: ...
    @property
    def operations(self) -> float: ...
    @property
    def bytes(self) -> float: ...
    @property
    def resident_bytes(self) -> float: ...
    @property
    def shape(self) -> dict[str, int]: ...
    @property
    def format(self) -> str | None: ...


def parts_of(operator: Operator) -> tuple[Operator, ...]:
    """The operators that a composite one consists of, in order; none where it is one itself."""
    parts: tuple[Operator, ...] = getattr(operator, "parts", ())
    return parts


def element_bytes(format: str) -> float:
    """Bytes that one element of the format takes.

    >>> element_bytes("fp4"), element_bytes("bf16")
    (0.5, 2)
    """
    return get_format(format).element_bytes


def result_bytes(format: str) -> float:
    """Bytes of one element of a product's result.

    >>> result_bytes("int8"), result_bytes("bf16")
    (4.0, 2)
    """
    return _RESULT_BYTES.get(format, element_bytes(format))


def passing_format(format: str) -> str:
    """What a layer passes on from product to product, where its products run in `format`: 16 bits at least.

    >>> passing_format("fp8"), passing_format("fp16")
    ('bf16', 'fp16')
    """
    return format if element_bytes(format) >= 2 else "bf16"


def require_sizes(operator: object, **sizes: float) -> None:
    """Refuse an operator one of whose sizes is below 1.

    Raises:
        UsageError: which one, and of which operator.
    """
    for name, size in sizes.items():
        if size < 1:
            raise UsageError(f"{type(operator).__name__}: {name} is {size}; it must be at least 1")


@dataclass(frozen=True)
class Matmul:
    """The product of an (m, k) and a (k, n) matrix; `transposed` keeps the second as (n, k) rows.

    `variant` is what the format's name leaves open ("e5m2 x e4m3", "oneDNN"); None is the device's usual one.

    >>> Matmul(512, 512, 512, "bf16").operations
    268435456.0
    """

    m: int
    n: int
    k: int
    format: str
    transposed: bool = False
    variant: str | None = None
    data: Data = "normal"

    def __post_init__(self) -> None:
        require_sizes(self, m=self.m, n=self.n, k=self.k)

    @property
    def name(self) -> str:
        return "matmul"

    @property
    def operations(self) -> float:
        return 2.0 * self.m * self.n * self.k

    @property
    def bytes(self) -> float:
        inputs = (self.m * self.k + self.k * self.n) * element_bytes(self.format)
        return inputs + self.m * self.n * result_bytes(self.format)

    @property
    def resident_bytes(self) -> float:
        return self.bytes

    @property
    def shape(self) -> dict[str, int]:
        return {"m": self.m, "n": self.n, "k": self.k}

    @property
    def layout(self) -> str:
        return "NT" if self.transposed else "NN"


@dataclass(frozen=True)
class Attention:
    """softmax(q k^T) v for `queries` rows against `keys` rows a head; `causal` counts the seen half.

    The two products alone are counted, the softmax is not: the convention of model utilisation.
    """

    batch: int
    heads: int
    kv_heads: int
    head_dim: int
    queries: int
    keys: int
    format: str
    causal: bool = False

    def __post_init__(self) -> None:
        require_sizes(self, batch=self.batch, kv_heads=self.kv_heads, queries=self.queries, keys=self.keys)
        if self.heads % self.kv_heads:
            raise UsageError(
                f"Attention: {self.heads} heads cannot share {self.kv_heads} key-value heads evenly"
            )
        if self.causal and self.keys < self.queries:
            raise UsageError(f"Attention: {self.queries} causal queries need as many keys, not {self.keys}")

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
        return 4.0 * self.batch * self.heads * self.pairs * self.head_dim

    @property
    def bytes(self) -> float:
        queries_and_result = 2 * self.heads * self.queries
        keys_and_values = 2 * self.kv_heads * self.keys
        return (
            self.batch * self.head_dim * (queries_and_result + keys_and_values) * element_bytes(self.format)
        )

    @property
    def resident_bytes(self) -> float:
        return self.bytes

    @property
    def shape(self) -> dict[str, int]:
        names = ("batch", "heads", "kv_heads", "head_dim", "queries", "keys")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Elementwise:
    """`inputs` arrays of `elements` read, one written: a sum, a gate."""

    elements: int
    inputs: int
    format: str
    operations_per_element: int = 1

    def __post_init__(self) -> None:
        require_sizes(self, elements=self.elements, inputs=self.inputs)

    @property
    def name(self) -> str:
        return "elementwise"

    @property
    def operations(self) -> float:
        return float(self.elements * self.operations_per_element)

    @property
    def bytes(self) -> float:
        return (self.inputs + 1) * self.elements * element_bytes(self.format)

    @property
    def resident_bytes(self) -> float:
        return self.bytes

    @property
    def shape(self) -> dict[str, int]:
        return {"elements": self.elements, "inputs": self.inputs}


@dataclass(frozen=True)
class Norm:
    """Root-mean-square normalisation of rows: square, sum, scale by the root and by a weight."""

    rows: int
    width: int
    format: str

    def __post_init__(self) -> None:
        require_sizes(self, rows=self.rows, width=self.width)

    @property
    def name(self) -> str:
        return "norm"

    @property
    def operations(self) -> float:
        return 4.0 * self.rows * self.width

    @property
    def bytes(self) -> float:
        return (2.0 * self.rows * self.width + self.width) * element_bytes(self.format)

    @property
    def resident_bytes(self) -> float:
        return self.bytes

    @property
    def shape(self) -> dict[str, int]:
        return {"rows": self.rows, "width": self.width}
