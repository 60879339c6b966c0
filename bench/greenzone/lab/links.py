"""What is run over links: copies between a host and a device or two devices, and an all-reduce.

Like every operator these say what is run and nothing about how. `bytes` counts every byte that crosses
a link in one call, in all directions that run at once, so that bytes over seconds is the bandwidth.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from greenzone.errors import UsageError
from greenzone.lab.devices.base import Kernel
from greenzone.lab.results import Check

Route = Literal["host_to_device", "device_to_host", "bidirectional", "peer"]

NOT_HERE = "not measurable here"  # how every reason begins that lies in the machine, not in a failure
ONE_DEVICE = f"{NOT_HERE}: one device"
HOST_ITSELF = f"{NOT_HERE}: the processor is the host"


@dataclass(frozen=True)
class Transfer:
    """A copy of `array_bytes` each way; `bidirectional`, and a peer copy with `both`, go both ways at once."""

    route: Route
    array_bytes: int
    both: bool = False

    def __post_init__(self) -> None:
        if self.array_bytes < 1:
            raise UsageError(f"Transfer: array_bytes is {self.array_bytes}; it must be at least 1")
        if self.both and self.route != "peer":
            raise UsageError(f"Transfer: both ways of {self.route} is the route bidirectional")

    @property
    def name(self) -> str:
        return f"interconnect.{self.route}"

    @property
    def ways(self) -> int:
        return 2 if self.both or self.route == "bidirectional" else 1

    @property
    def operations(self) -> float:
        return 0.0

    @property
    def bytes(self) -> float:
        return float(self.ways * self.array_bytes)

    @property
    def resident_bytes(self) -> float:
        return self.bytes

    @property
    def shape(self) -> dict[str, int]:
        return {"bytes_each_way": self.array_bytes}

    @property
    def format(self) -> None:
        return None


@dataclass(frozen=True)
class AllReduce:
    """The sum of an fp32 array over all ranks, on every rank.

    `bytes` are those of the bus bandwidth: array x 2 (n - 1) / n, what each of n ranks must send, so
    that the figure is comparable for any n (NVIDIA, nccl-tests, doc/PERFORMANCE.md, "Bus Bandwidth").

    >>> AllReduce(1000, 4).bytes
    1500.0
    """

    array_bytes: int
    ranks: int = 2
    name = "interconnect.all_reduce"
    format = None

    def __post_init__(self) -> None:
        if self.array_bytes < 4 or self.array_bytes % 4:
            raise UsageError(f"AllReduce: array_bytes is {self.array_bytes}; it must be a multiple of 4")
        if self.ranks < 2:
            raise UsageError(f"AllReduce: {self.ranks} ranks; there must be at least 2")

    @property
    def operations(self) -> float:
        return self.array_bytes / 4 * (self.ranks - 1)

    @property
    def bytes(self) -> float:
        return self.array_bytes * 2 * (self.ranks - 1) / self.ranks

    @property
    def resident_bytes(self) -> float:
        return 3.0 * self.array_bytes  # the pattern, the buffer and the sum it is compared with

    @property
    def shape(self) -> dict[str, int]:
        return {"bytes": self.array_bytes, "ranks": self.ranks}


@runtime_checkable
class LinkKernel(Kernel, Protocol):
    """A kernel whose result is looked at once more after it was timed."""

    def poison(self) -> None:
        """Spoil what the timed calls are to write."""

    def arrived(self) -> Check:
        """Compare what the last call left, without another call."""
