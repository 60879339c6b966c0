"""What is run over links: copies between a host and a device or two devices, over all links at once, and an all-reduce.

Like every operator these say what is run and nothing about how. `bytes` counts every byte that crosses
a link in one call, in all directions that run at once, so that bytes over seconds is the bandwidth.
"""

from dataclasses import dataclass, replace
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
    def variant(self) -> str | None:
        if self.route != "peer":
            return None
        return "both ways at once" if self.both else "one way"

    @property
    def between_devices(self) -> bool:
        return self.route == "peer"

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

    def quartered(self) -> "Transfer":
        """The same with a quarter of the bytes."""
        return replace(self, array_bytes=self.array_bytes // 4)


@dataclass(frozen=True)
class AllLinks:
    """Copies to and from the host and to and from each of `peers` other devices, all at once.

    Every link moves as much as it can in the same time, so that none is idle while another is still busy:
    the sizes are to each other as the links' own rates are. Which rate `peers` have together nobody tells
    beforehand, so there are two of these: over a switch they share one link, in a mesh each has its own.

    Args:
        host_bytes: of each way of the host's link.
        peer_bytes: of each way to a peer; of each way to all of them together where they share a link.
        peers: other devices; whoever prepares this knows how many there are.
        shared: the peers share a link.

    >>> AllLinks(100, 400, 4).bytes, AllLinks(100, 400, 4, shared=True).bytes
    (3400.0, 1000.0)
    """

    host_bytes: int
    peer_bytes: int
    peers: int = 1
    shared: bool = False
    name = "interconnect.all_links"
    format = None
    between_devices = True

    def __post_init__(self) -> None:
        if self.peers < 1 or min(self.host_bytes, self.each_bytes) < 1:
            sizes = f"{self.host_bytes} bytes to the host, {self.peer_bytes} to {self.peers} peers"
            raise UsageError(f"AllLinks: {sizes}; each must be at least 1")

    @classmethod
    def of_rates(cls, array_bytes: int, host_gb_s: float, peer_gb_s: float, shared: bool) -> "AllLinks":
        """With `array_bytes` each way of the faster link, and of the slower so much that both end together."""
        host, peer = (max(1, round(array_bytes * rate / max(host_gb_s, peer_gb_s))) for rate in (host_gb_s, peer_gb_s))
        return cls(host, peer, shared=shared)

    @property
    def each_bytes(self) -> int:
        """Bytes of each way to each peer."""
        return self.peer_bytes // self.peers if self.shared else self.peer_bytes

    @property
    def array_bytes(self) -> int:
        """Bytes of the longest copy."""
        return max(self.host_bytes, self.each_bytes)

    @property
    def variant(self) -> str:
        if self.peers == 1:
            return "host and 1 peer"
        return f"host and {self.peers} peers, {'one link for all' if self.shared else 'a link each'}"

    @property
    def operations(self) -> float:
        return 0.0

    @property
    def bytes(self) -> float:
        return 2.0 * (self.host_bytes + self.peers * self.each_bytes)

    @property
    def resident_bytes(self) -> float:
        return self.bytes

    @property
    def shape(self) -> dict[str, int]:
        sizes = {"host_bytes_each_way": self.host_bytes, "peer_bytes_each_way": self.each_bytes}
        return {**sizes, "peers": self.peers}

    def quartered(self) -> "AllLinks":
        """The same with a quarter of the bytes."""
        return replace(self, host_bytes=self.host_bytes // 4, peer_bytes=self.peer_bytes // 4)


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
    between_devices = True

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

    def quartered(self) -> "AllReduce":
        """The same with a quarter of the array."""
        return replace(self, array_bytes=self.array_bytes // 4)


LinkOperator = Transfer | AllLinks | AllReduce


@runtime_checkable
class LinkKernel(Kernel, Protocol):
    """A kernel whose result is looked at once more after it was timed."""

    def poison(self) -> None:
        """Spoil what the timed calls are to write."""

    def arrived(self) -> Check:
        """Compare what the last call left, without another call."""
