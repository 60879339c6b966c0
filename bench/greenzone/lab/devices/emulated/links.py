"""Copies between the host and a part that is not there: real bytes, time from the profile's link.

    seconds = latency + bytes of one way / (half of bidirectional_gb_s x efficiency)

With one emulated device there is no peer to copy to.
"""

from dataclasses import replace

from greenzone.errors import DeviceError
from greenzone.lab.devices.cuda_links import bytes_check, pattern
from greenzone.lab.devices.emulated.model import Cost
from greenzone.lab.links import NOT_HERE, ONE_DEVICE, AllReduce, Transfer
from greenzone.lab.results import Check
from greenzone.parts.profile import DeviceProfile, Link

# 55.63 GB/s of the 64 of PCIe 5.0 x16, host to device: an example of nvbandwidth's output as a tutorial
# quotes it (dev.smart-guide.co.kr), read at second hand; an A100 reached 24.8 of 32 (forums.developer.nvidia.com,
# 352186). Both ways at once each way keeps 11.16 of 12.36 GB/s (NVIDIA/nvbandwidth, README at 04bf286). Links
# of other kinds are taken to be as efficient, an estimate.
_ONE_WAY, _BOTH_WAYS = 0.87, 0.87 * 0.90
_LATENCY_S = 5e-6  # of one copy that is enqueued already: an estimate
_CHECKED_BYTES = 2**20


class EmulatedTransfer:
    """A copy with its modelled cost; a small one is made for real."""

    variant = None

    def __init__(self, operator: Transfer, cost: Cost, link: Link, seed: int) -> None:
        self.operator, self.cost = operator, cost
        self._small = replace(operator, array_bytes=min(operator.array_bytes, _CHECKED_BYTES))
        self._sent = [pattern(self._small.array_bytes, seed + way) for way in range(operator.ways)]
        self._arrived = [sent.clone() for sent in self._sent]
        self.note = f"emulated over {link.kind}; bytes checked at {self._small.array_bytes}"
        self.poison()

    def launch(self) -> None:
        for there, sent in zip(self._arrived, self._sent, strict=True):
            there.copy_(sent)

    def poison(self) -> None:
        for there in self._arrived:
            there.fill_(0)

    def check(self) -> Check:
        self.poison()
        self.launch()
        return self.arrived()

    def arrived(self) -> Check:
        return bytes_check(list(zip(self._arrived, self._sent, strict=True)))

    def close(self) -> None:
        """A copy this small holds nothing worth giving back."""


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


def emulated_transfer(profile: DeviceProfile, operator: Transfer | AllReduce, seed: int) -> EmulatedTransfer:
    """The transfer over the profile's host link.

    Raises:
        DeviceError: it needs a second device, or the profile gives no link to a host.
    """
    if isinstance(operator, AllReduce) or operator.route == "peer":
        raise DeviceError(ONE_DEVICE)
    link = host_link(profile)
    share = _ONE_WAY if operator.ways == 1 else _BOTH_WAYS
    seconds = _LATENCY_S + operator.array_bytes / (link.bidirectional_gb_s / 2 * share * 1e9)
    return EmulatedTransfer(operator, Cost(seconds, 0.0, 0.0, 0.0), link, seed)
