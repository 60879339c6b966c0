"""Links of a part that is not there: real bytes and real sums, time from the profile's links.

    seconds = latency + bytes of one way / (one way of the link x efficiency)

Of all links at once each has its own bytes, and the slowest ends last; what shares a link shares its rate.

The host's link is PCIe or the chip-to-chip link in its place. Devices of one node reach each other over
NVLink or its like, all of it through a switch to any one peer; a link that the profile counts, "7 x
Infinity Fabric", goes to as many peers, one to each; without any, peers meet over PCIe.
"""

import re
from dataclasses import replace
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices.checking import compare
from greenzone.lab.devices.cuda_links import bytes_check, pattern
from greenzone.lab.devices.emulated.model import Cost
from greenzone.lab.links import NOT_HERE, ONE_DEVICE, AllLinks, AllReduce, LinkOperator, Transfer
from greenzone.lab.results import Check
from greenzone.parts.profile import DeviceProfile, Link

# 55.63 GB/s of the 64 of PCIe 5.0 x16, host to device: an example of nvbandwidth's output as a tutorial
# quotes it (dev.smart-guide.co.kr), read at second hand; an A100 reached 24.8 of 32 (forums.developer.nvidia.com,
# 352186). Both ways at once each way keeps 11.16 of 12.36 GB/s (NVIDIA/nvbandwidth, README at 04bf286). Links
# to a host of other kinds are taken to be as efficient, an estimate.
_ONE_WAY, _BOTH_WAYS = 0.87, 0.87 * 0.90
# H100, NVLink 4 between two: 376 to 380 of 450 GB/s one way, 742 to 773 of 900 both ways (NVIDIA/nccl #1264);
# other links between devices are taken to be as efficient, an estimate.
_PEER_ONE_WAY, _PEER_BOTH_WAYS = 0.84, 0.83
_LATENCY_S = 5e-6  # of one copy that is enqueued already: an estimate
_STEP_LATENCY_S = 3e-6  # of one step of a ring, of which a sum takes 2 (n - 1): an estimate
_CHECKED_BYTES = 2**18
_FP32_ERROR = 1e-6  # of a sum of two; one more rounding for each further rank
_COUNTED = re.compile(r"(\d+) x ")
_NO_PEERS = ("PCIe", "NVLink-C2C")


class EmulatedTransfer:
    """Copies of one call with their modelled cost; small ones are made for real.

    Args:
        copies: how many there are.
    """

    def __init__(self, operator: Transfer | AllLinks, copies: int, cost: Cost, kind: str, seed: int) -> None:
        self.operator, self.cost, self.variant = operator, cost, operator.variant
        checked = min(operator.array_bytes, _CHECKED_BYTES)
        self._sent = [pattern(checked, seed + copy) for copy in range(copies)]
        self._arrived = [sent.clone() for sent in self._sent]
        self.note = f"emulated over {kind}; bytes checked at {checked}"
        self.poison()

    def launch(self) -> None:
        for there, sent in zip(self._arrived, self._sent, strict=True):
            np.copyto(there.numpy(), sent.numpy())  # torch would wake its threads for so few bytes

    def poison(self) -> None:
        for there in self._arrived:
            there.fill_(0)

    def spoil(self) -> None:
        """Change some of the bytes that arrived."""
        for there in self._arrived:
            there[: -(-len(there) // 8)] = 0

    def check(self) -> Check:
        self.poison()
        self.launch()
        return self.arrived()

    def arrived(self) -> Check:
        return bytes_check(list(zip(self._arrived, self._sent, strict=True)))

    def close(self) -> None:
        """A copy this small holds nothing worth giving back."""


class EmulatedAllReduce:
    """A sum over all devices of a node with its modelled cost; a small one is made for real."""

    def __init__(self, operator: AllReduce, cost: Cost, kind: str, seed: int) -> None:
        self.operator, self.cost = operator, cost
        self.variant = "ring"
        elements = min(operator.array_bytes, _CHECKED_BYTES) // 4
        generator = torch.Generator().manual_seed(seed)
        self._values = [torch.empty(elements).normal_(generator=generator) for _ in range(operator.ranks)]
        self._sums: list[Tensor] = [value.clone() for value in self._values]
        self.note = f"emulated over {kind}, all {operator.ranks} devices; sums checked at {elements} elements"

    def launch(self) -> None:
        total = reduce(torch.add, self._values)
        for own in self._sums:
            own.copy_(total)

    def poison(self) -> None:
        for own in self._sums:
            own.fill_(float("nan"))

    def spoil(self) -> None:
        """Change a part of one device's sum."""
        self._sums[-1][: -(-len(self._sums[-1]) // 8)] *= 2

    def check(self) -> Check:
        self.poison()
        self.launch()
        return self.arrived()

    def arrived(self) -> Check:
        reference = reduce(torch.add, [value.to(torch.float64) for value in self._values])
        tolerance = _FP32_ERROR * (self.operator.ranks - 1)
        method = "the sum of every device's values, on every device"
        found = [compare(own, reference, own, tolerance, method) for own in self._sums]
        return max(found, key=lambda check: check.error)

    def close(self) -> None:
        """Nothing worth giving back."""


EmulatedLink = EmulatedTransfer | EmulatedAllReduce


def host_link(profile: DeviceProfile) -> Link:
    """The link a host copies over: PCIe, or the chip-to-chip link that stands in its place.

    Raises:
        DeviceError: the profile gives neither.
    """
    for kind in ("PCIe", "NVLink-C2C"):
        for link in profile.links:
            if link.kind.startswith(kind):
                return link
    raise DeviceError(f"{NOT_HERE}: profile {profile.id} gives no link to a host")


def peer_link(profile: DeviceProfile) -> Link:
    """The link between devices of a node: the fastest that is none to a host and none inside a package, else PCIe.

    Raises:
        DeviceError: the profile gives no link at all.
    """
    others = [link for link in profile.links if not link.kind.startswith(_NO_PEERS) and not link.on_package]
    return max(others, key=lambda link: link.bidirectional_gb_s) if others else host_link(profile)


def lanes(link: Link) -> int:
    """How many peers the link is shared out to, one part each; 1 where a switch gives all of it to any.

    >>> lanes(Link("7 x Infinity Fabric x16", 896)), lanes(Link("NVLink 4", 900))
    (7, 1)
    """
    found = _COUNTED.match(link.kind)
    return int(found[1]) if found else 1


def emulated_link(
    profile: DeviceProfile, operator: LinkOperator, devices: int, seed: int
) -> EmulatedLink:
    """The transfer over the profile's links, in a node of so many devices.

    Raises:
        DeviceError: it needs a second device, or the profile gives no such link.
    """
    if operator.between_devices and devices < 2:
        raise DeviceError(ONE_DEVICE)
    if isinstance(operator, AllReduce):
        return _all_reduce(profile, replace(operator, ranks=devices), seed)
    if isinstance(operator, AllLinks):
        return _all_links(profile, replace(operator, peers=devices - 1), seed)
    if operator.route == "peer":
        link = peer_link(profile)
        return _transfer(operator, link, link.bidirectional_gb_s / 2 / lanes(link), _efficiency(link), seed)
    link = host_link(profile)
    return _transfer(operator, link, link.bidirectional_gb_s / 2, (_ONE_WAY, _BOTH_WAYS), seed)


def _efficiency(link: Link) -> tuple[float, float]:
    """One way, and of each way when both are under way."""
    return (_ONE_WAY, _BOTH_WAYS) if link.kind.startswith("PCIe") else (_PEER_ONE_WAY, _PEER_BOTH_WAYS)


def _transfer(
    operator: Transfer, link: Link, one_way_gb_s: float, efficiency: tuple[float, float], seed: int
) -> EmulatedTransfer:
    share = efficiency[operator.ways - 1]
    seconds = _LATENCY_S + operator.array_bytes / (one_way_gb_s * share * 1e9)
    return EmulatedTransfer(operator, operator.ways, Cost(seconds, 0.0, 0.0, 0.0), link.kind, seed)


def _all_links(profile: DeviceProfile, operator: AllLinks, seed: int) -> EmulatedTransfer:
    """The host's link and the peers', each busy both ways; over PCIe alone both are one link."""
    host, peer = host_link(profile), peer_link(profile)
    host_gb_s = host.bidirectional_gb_s / 2 * _BOTH_WAYS
    peer_gb_s = peer.bidirectional_gb_s / 2 / lanes(peer) * _efficiency(peer)[1]
    to_peers = operator.each_bytes * max(1.0, operator.peers / lanes(peer)) / (peer_gb_s * 1e9)
    to_host = operator.host_bytes / (host_gb_s * 1e9)
    seconds = _LATENCY_S + (to_host + to_peers if peer is host else max(to_host, to_peers))
    kinds = host.kind if peer is host else f"{host.kind} and {peer.kind}"
    return EmulatedTransfer(operator, 2 * (1 + operator.peers), Cost(seconds, 0.0, 0.0, 0.0), kinds, seed)


def _all_reduce(profile: DeviceProfile, operator: AllReduce, seed: int) -> EmulatedAllReduce:
    """Rings over every lane, both directions of each in use at once."""
    link = peer_link(profile)
    used = min(lanes(link), operator.ranks - 1) / lanes(link)
    rate = link.bidirectional_gb_s / 2 * used * _efficiency(link)[1] * 1e9
    seconds = 2 * (operator.ranks - 1) * _STEP_LATENCY_S + operator.bytes / rate
    return EmulatedAllReduce(operator, Cost(seconds, 0.0, 0.0, 0.0), link.kind, seed)
