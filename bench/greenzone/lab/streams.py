"""Memory streams: long arrays read and written once, and one array read again and again.

A stream counts the `bytes` that its loop reads and writes (J. D. McCalpin, STREAM). A processor that
reads a line before it overwrites it carries more: `bus_bytes` (G. Hager and G. Wellein, Introduction
to High Performance Computing for Scientists and Engineers, 2010, section 1.3). In-place streams write
what they have just read, so for them both are the same.
"""

from dataclasses import dataclass
from typing import ClassVar

from greenzone.lab.operators import element_bytes, require_sizes


@dataclass(frozen=True)
class Stream:
    """A loop over arrays of `array_bytes` each; `reads` of them are read, `writes` written, once.

    >>> Triad(2**20).bytes, Triad(2**20).bus_bytes, Update(2**20).bus_bytes
    (3145728.0, 4194304.0, 2097152.0)
    """

    array_bytes: int
    format: str = "fp32"
    name: ClassVar[str]
    reads: ClassVar[int]
    writes: ClassVar[int]
    operations_per_element: ClassVar[int]
    in_place: ClassVar[bool] = False
    data: ClassVar[str] = "normal"

    def __post_init__(self) -> None:
        require_sizes(self, array_bytes=self.array_bytes)

    @property
    def elements(self) -> int:
        return int(self.array_bytes / element_bytes(self.format))

    @property
    def operations(self) -> float:
        return float(self.operations_per_element * self.elements)

    @property
    def bytes(self) -> float:
        return float((self.reads + self.writes) * self.array_bytes)

    @property
    def bus_bytes(self) -> float:
        """What the memory bus of a processor carries whose stores read the line first."""
        read_first = 0 if self.in_place else self.writes
        return self.bytes + read_first * self.array_bytes

    @property
    def resident_bytes(self) -> float:
        return float((self.reads if self.in_place else self.reads + self.writes) * self.array_bytes)

    @property
    def shape(self) -> dict[str, int]:
        return {"elements": self.elements}


@dataclass(frozen=True)
class Read(Stream):
    """One array read and summed."""

    name = "memory.read"
    reads, writes, operations_per_element = 1, 0, 1


@dataclass(frozen=True)
class Write(Stream):
    """One array filled with a number that is not zero, and another one each time."""

    name = "memory.write"
    reads, writes, operations_per_element = 0, 1, 0
    data = "constant"


@dataclass(frozen=True)
class Copy(Stream):
    """c = a (STREAM)."""

    name = "memory.copy"
    reads, writes, operations_per_element = 1, 1, 0


@dataclass(frozen=True)
class Scale(Stream):
    """b = s c (STREAM)."""

    name = "memory.scale"
    reads, writes, operations_per_element = 1, 1, 1


@dataclass(frozen=True)
class Add(Stream):
    """c = a + b (STREAM)."""

    name = "memory.add"
    reads, writes, operations_per_element = 2, 1, 1


@dataclass(frozen=True)
class Triad(Stream):
    """a = b + s c (STREAM)."""

    name = "memory.triad"
    reads, writes, operations_per_element = 2, 1, 2


@dataclass(frozen=True)
class Dot(Stream):
    """The sum of a b (BabelStream)."""

    name = "memory.dot"
    reads, writes, operations_per_element = 2, 0, 2


@dataclass(frozen=True)
class Update(Stream):
    """a = s a, in place (TheBandwidthBenchmark): a line is read and written back, and no other is."""

    name = "memory.update"
    reads, writes, operations_per_element = 1, 1, 1
    in_place = True


@dataclass(frozen=True)
class Daxpy(Stream):
    """a = a + s b, in place (BLAS axpy, TheBandwidthBenchmark)."""

    name = "memory.daxpy"
    reads, writes, operations_per_element = 2, 1, 2
    in_place = True


# Those whose arrays are far larger than the caches: what they show is the memory's bandwidth.
STREAMS: tuple[type[Stream], ...] = (Copy, Scale, Add, Triad, Read, Write, Dot, Update, Daxpy)


@dataclass(frozen=True)
class Sweep(Stream):
    """One array read and summed `passes` times in a call, from whichever cache holds it: no memory stream.

    >>> Sweep(2**20, passes=8).bytes, Sweep(2**20, passes=8).resident_bytes
    (8388608.0, 1048576.0)
    """

    passes: int = 1
    name = "memory.sweep"
    reads, writes, operations_per_element = 1, 0, 1

    def __post_init__(self) -> None:
        require_sizes(self, array_bytes=self.array_bytes, passes=self.passes)

    @property
    def operations(self) -> float:
        return float(self.passes * self.elements)

    @property
    def bytes(self) -> float:
        return float(self.passes * self.array_bytes)

    @property
    def shape(self) -> dict[str, int]:
        return {"working_set_bytes": self.array_bytes, "passes": self.passes, "elements": self.elements}
