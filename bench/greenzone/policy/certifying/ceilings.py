"""What the silicon of a part can do at most, by quantity: the side of the argument that a benchmark cannot give.

    TPP            max over formats of units x operations per clock x highest clock x bits
    DRAM           bus width x the highest data rate of a line
    interconnect   the sum of all links that leave the package, both directions, uncapped
    capacity       the DRAM in the package, what is switched off counted

The profile of the represented part says what its silicon is; a device may report more (a higher clock, more units,
a faster bus), and then the higher governs. Where one term is not known there is no ceiling: a maximum or a sum
with a term missing bounds nothing.
"""

from collections.abc import Mapping
from typing import Any

from greenzone.formats import FORMATS
from greenzone.intervals import number
from greenzone.lab.fingerprint import CLOCKS
from greenzone.lab.live import links_of
from greenzone.parts.profile import DeviceProfile, Hardware
from greenzone.policy.certifying.bounding import Ceiling
from greenzone.policy.certifying.figures import plain_number
from greenzone.policy.certifying.represented import GIB_GB

NO_PROFILE = "no profile says what this silicon is"


def ceilings(profile: DeviceProfile | None, device: Mapping[str, Any]) -> dict[str, Ceiling]:
    """The ceiling of every quantity.

    Args:
        profile: of the part represented; None where the identity does not hold, so that nothing is known.
        device: what the device said of itself, as its record has it.
    """
    if profile is None:
        names = ("tpp", "dram_bandwidth_gb_s", "interconnect_bandwidth_gb_s", "copackaged_dram_gb")
        return {name: Ceiling(None, NO_PROFILE) for name in names}
    return {
        "tpp": _tpp(profile, device), "dram_bandwidth_gb_s": _dram(profile, device),
        "interconnect_bandwidth_gb_s": _links(profile, device), "copackaged_dram_gb": _capacity(profile),
    }  # fmt: skip


def _tpp(profile: DeviceProfile, device: Mapping[str, Any]) -> Ceiling:
    h = profile.hardware
    clock = max([c for c in ((h.max_mhz or h.boost_mhz) if h else None, _clock(device)) if c], default=None)
    units = _units(h, device)
    if h is None or not h.ops_per_clock or clock is None or units is None:
        return Ceiling(None, "units, operations per clock or the highest clock are not known")
    claimed = set(profile.peak_tops.rates()) if profile.peak_tops else set()
    if missing := [name for name in FORMATS if name in claimed and name not in h.ops_per_clock]:
        return Ceiling(None, f"operations per clock are not known in {', '.join(missing)}")
    if profile.units:
        return Ceiling(None, f"of {', '.join(u.name for u in profile.units)} operations per clock are not known")
    known = [name for name in FORMATS if name in h.ops_per_clock]  # in their order: of equals the first is named
    rates = {n: units * h.ops_per_clock[n] * clock * 1e6 / 1e12 * FORMATS[n].bits.high for n in known}
    best = max(rates, key=rates.__getitem__)
    terms = f"{number(units)} units x {number(h.ops_per_clock[best])} {best} operations x {number(clock)} MHz"
    return Ceiling(rates[best], f"{terms} x {number(FORMATS[best].bits.high)} bits", _source(profile, h.source))


def _clock(device: Mapping[str, Any]) -> float | None:
    return max([c for key in CLOCKS if (c := _positive(device.get(key)))], default=None)


def _units(h: Hardware | None, device: Mapping[str, Any]) -> float | None:
    """Of the whole package: those of the profile, or those the device reports times the devices in it."""
    reported = _positive(device.get("units"))
    own = [float(h.units)] if h and h.units else []
    return max([*own, *([reported * (h.devices_per_package if h else 1)] if reported else [])], default=None)


def _dram(profile: DeviceProfile, device: Mapping[str, Any]) -> Ceiling:
    m, devices = profile.memory, profile.hardware.devices_per_package if profile.hardware else 1
    found = []
    if m and m.bus_bits and m.pin_gbit_s:
        working = f"{number(m.bus_bits)} bits / 8 x {number(m.pin_gbit_s)} Gbit/s"
        source = _source(profile, m.silicon_source or m.source)
        found.append(Ceiling(m.bus_bits / 8 * m.pin_gbit_s, working, source))
    if reported := _positive(device.get("memory_bandwidth_ceiling_gb_s")):
        working = f"bus width x highest memory clock, {number(reported)} GB/s a device"
        found.append(Ceiling(reported * devices, working, "as the device reports"))
    if m and m.kind.upper() in ("NONE", "SRAM"):
        return Ceiling(0.0, "no DRAM", _source(profile, m.source))
    unknown = Ceiling(None, "the bus width or the highest memory clock is not known")
    return max(found, key=lambda c: c.value or 0.0, default=unknown)


def _links(profile: DeviceProfile, device: Mapping[str, Any]) -> Ceiling:
    outward = [k for k in profile.links if not k.on_package]
    if not profile.links or not profile.link_complete:
        return Ceiling(None, "not every link is known")
    terms = [(k.kind, k.uncapped_gb_s or k.bidirectional_gb_s) for k in outward]
    own = Ceiling(
        sum(rate for _, rate in terms), " + ".join(f"{kind} {number(rate)}" for kind, rate in terms),
        "; ".join(dict.fromkeys(s for k in outward if (s := _source(profile, k.source)))),
    )  # fmt: skip
    live = {} if device.get("emulated") else links_of(device)
    working = " + ".join(f"{kind} {number(rate)}" for kind, rate in live.items())
    reported = Ceiling(sum(live.values()), working, "as the driver reports")
    return max(own, reported, key=lambda c: c.value or 0.0)


def _capacity(profile: DeviceProfile) -> Ceiling:
    m = profile.memory
    if m is None or m.is_copackaged is None:
        return Ceiling(None, "whether DRAM is in the package is not known")
    if m.is_copackaged is False:
        return Ceiling(0.0, f"{m.kind} is not in the package", _source(profile, m.source))
    if m.installed_gb is None:
        return Ceiling(None, "how much DRAM is in the package, what is switched off counted, is not known")
    # A sheet's GB of memory may be 2^30 bytes: the larger reading bounds both.
    working = f"{number(m.installed_gb)} GB in the package, a GB read as 2^30 bytes"
    return Ceiling(m.installed_gb * GIB_GB, working, _source(profile, m.silicon_source or m.source))


def _source(profile: DeviceProfile, key: str | None) -> str:
    return profile.source_title(key) or "no source is named"


def _positive(value: object) -> float | None:
    return plain_number(value) or None
