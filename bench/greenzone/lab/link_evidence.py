"""What links say of I/O: those a live device reports, as `rated`, and those measured, as lower bounds.

Both are of `io_bandwidth_gb_s` and, where the link leaves the package, of `interconnect_bandwidth_gb_s`.
Neither is ever the whole:

- Rated is a lower bound too. NVML knows the links that are up and no wider than the slot: a part whose
  NVLinks nobody connected has I/O that no driver tells of, so "at least" is all that can be said.
- A measurement is a lower bound on what was in use at once. Directions and links measured one after the
  other are not added: a link that is half duplex would count twice, and two links may share a third. So a
  row counts alone, the best one stands, and the only sums are those of one call: both directions at once, and
  `all_links`, the host's link and every peer's both ways at once.
- An all-reduce is no evidence: its bus bandwidth is a rate worked out for comparison. Switches that add
  on the way (NVLink SHARP) take it past what crosses any link, and on gloo it is the processor's own.
- A peer may be in the same package, where its link is no I/O: it counts only for a part that is one device.
  A host may be, too (Grace Hopper): then its link is I/O but, in the words of 2026, no interconnect.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from greenzone.intervals import Interval, number
from greenzone.lab.links import AllLinks
from greenzone.lab.live import links_of
from greenzone.parts.evidence import Evidence
from greenzone.parts.profile import DeviceProfile
from greenzone.records.record import Row

PARAMETERS = ("io_bandwidth_gb_s", "interconnect_bandwidth_gb_s")
HOST_ROUTES = ("interconnect.host_to_device", "interconnect.device_to_host", "interconnect.bidirectional")
PEER = "interconnect.peer"
ROUTES = (*HOST_ROUTES, PEER, AllLinks.name)


def rated_links(facts: Mapping[str, Any]) -> Iterator[Evidence]:
    """The links that the driver of a live device reports, both directions added.

    Args:
        facts: what the device describes itself with; an emulated one reports nothing.
    """
    links = {} if facts.get("emulated") else links_of(facts)
    if not links:
        return
    total = Interval.at_least(sum(links.values()))
    working = "at least " + " + ".join(f"{kind} {number(rate)}" for kind, rate in links.items())
    source = f"NVML, driver {facts['driver']}" if facts.get("driver") else "NVML"
    for parameter in PARAMETERS:
        yield Evidence(parameter, "rated", total, working, source, "reported")


def measured_links(
    rows: Iterable[Row], facts: Mapping[str, Any], profile: DeviceProfile | None
) -> Iterator[Evidence]:
    """The lower bound y - U of the best row of each window.

    Args:
        rows: those that are not valid are passed over.
        facts: what the device describes itself with.
        profile: of the device, if it has one.
    """
    sound = [r for r in rows if r.measured and r.validity == "valid" and r.name in ROUTES]
    for parameter, window, emulated in itertools.product(PARAMETERS, ("burst", "sustained"), (False, True)):
        found = [
            (r.bandwidth_gb_s.low, " ".join(filter(None, (r.name, r.variant))))
            for r in sound
            if r.bandwidth_gb_s and r.window == window and r.emulated is emulated
            and _counts(r, r.bandwidth_gb_s.low, parameter, facts, profile)
        ]  # fmt: skip
        if found:
            low, name = max(found)
            working = f"measured at once, y - U: {name} {number(low)}"
            yield Evidence(parameter, window, Interval.at_least(low), working, None, "official", emulated=emulated)


def _counts(
    row: Row, low: float, parameter: str, facts: Mapping[str, Any], profile: DeviceProfile | None
) -> bool:
    """Whether a figure surely crossed the edge that the parameter is about."""
    if low <= 0 or (row.name in (PEER, AllLinks.name) and not _peer_is_outside(facts, profile)):
        return False
    if row.name == PEER or parameter == "io_bandwidth_gb_s":
        return True
    return _host_is_outside(low * _host_share(row), facts, profile)


def _host_share(row: Row) -> float:
    """How much of a figure went over the host's link; all of it where the row does not say."""
    if row.name != AllLinks.name:
        return 1.0
    host, peer, peers = (row.shape.get(key, 0) for key in ("host_bytes_each_way", "peer_bytes_each_way", "peers"))
    return host / whole if (whole := host + peers * peer) > 0 else 1.0


def _peer_is_outside(facts: Mapping[str, Any], profile: DeviceProfile | None) -> bool:
    """A profile says how many devices its package shows; of NVIDIA's, CUDA shows one for each package."""
    if profile is not None and profile.hardware is not None:
        return profile.hardware.devices_per_package == 1
    return bool(facts.get("cuda"))


def _host_is_outside(low: float, facts: Mapping[str, Any], profile: DeviceProfile | None) -> bool:
    """Some hosts share the module: what goes faster than the reported PCIe link did not go over it."""
    if profile is not None and profile.links:
        return not any(link.on_package for link in profile.links)
    return low <= max((rate for kind, rate in links_of(facts).items() if kind.startswith("PCIe")), default=0.0)
