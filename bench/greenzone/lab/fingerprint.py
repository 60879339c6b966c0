"""What identifies a part from outside: rates by format, bandwidth, memory, units, clock.

`seen` reads it off a record; `expected` says what a profile would show: what is claimed, times the
share of it that parts of the class usually reach (`emulated_model`, with its sources). A distance is in
standard deviations, so that features of different kinds add up.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from greenzone.errors import DeviceError
from greenzone.intervals import Interval
from greenzone.lab.devices.emulated_model import TimeModel
from greenzone.parts.profile import DeviceProfile
from greenzone.records.record import Record

# Standard deviations, as shares. Published efficiencies of one class differ by a tenth or two (power
# limits, library versions), and move all formats together; formats among themselves differ by less.
COMMON_SIGMA, FORMAT_SIGMA, BANDWIDTH_SIGMA = 0.20, 0.08, 0.10
MEMORY_SIGMA, UNITS_SIGMA, CLOCK_SIGMA = 0.03, 0.005, 0.15
DRIVER_KEEPS = 0.07  # of the memory, for itself and for error correction, at most
ABSENT_FORMAT = 9.0  # what a format that runs and that the part does not have costs, in sigma squared
STREAMS = ("read", "copy", "triad")


@dataclass(frozen=True)
class Fingerprint:
    """What was seen of one device; what was not seen is not there.

    Rates are in TOPS, the sustained one where there is one; `burst` holds the others beside them.
    """

    name: str | None = None
    capability: str | None = None
    memory_gb: float | None = None
    units: int | None = None
    clock_mhz: float | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    burst: Mapping[str, float] = field(default_factory=dict)
    lower: Mapping[str, float] = field(default_factory=dict)
    streams: Mapping[str, float] = field(default_factory=dict)
    emulated: bool = False

    @property
    def kinds(self) -> set[str]:
        """The kinds of feature that were seen."""
        seen: dict[str, object] = {
            "memory": self.memory_gb, "units": self.units, "clock": self.clock_mhz, "rates": self.rates,
            "bandwidth": self.streams,
        }  # fmt: skip
        return {kind for kind, value in seen.items() if value}

    @property
    def is_empty(self) -> bool:
        """Whether nothing was seen that tells parts apart."""
        return not self.kinds - {"clock"}


@dataclass(frozen=True)
class Misfit:
    """One feature of a device beside what a profile would show: how many sigma apart, and in words."""

    feature: str
    sigma: float
    text: str
    ratio: float


def seen(record: Record) -> Fingerprint:
    """The fingerprint of the device a record is of."""
    d = record.device
    clock = d.get("clock_max_sm_mhz") or d.get("clock_max_mhz") or d.get("clock_boost_mhz")
    rates: dict[str, float] = {}
    burst: dict[str, float] = {}
    lower: dict[str, float] = {}
    streams: dict[str, float] = {}
    for row in (r for r in record.benchmarks if r.measured and r.validity in ("valid", "unstable")):
        if row.name == "matmul" and row.format and row.rate_tops:
            (burst if row.window == "burst" else rates)[row.format] = row.rate_tops.median
            lower[row.format] = max(lower.get(row.format, 0.0), row.rate_tops.low)
        elif (stream := row.name.removeprefix("memory.")) in STREAMS and row.bandwidth_gb_s and row.window != "burst":
            streams[stream] = row.bandwidth_gb_s.median
    memory = d.get("memory_bytes")
    return Fingerprint(
        name=d.get("name"), capability=d.get("capability"), memory_gb=memory / 1e9 if memory else None,
        units=d.get("units"), clock_mhz=float(clock) if clock else None, rates={**burst, **rates}, burst=burst,
        lower=lower, streams=streams, emulated=bool(d.get("emulated")),
    )  # fmt: skip


def misfits(found: Fingerprint, profile: DeviceProfile, share: float = 1.0) -> list[Misfit]:
    """Every feature that both have, and how far apart they are.

    Args:
        found: what was seen.
        profile: the part it is held against.
        share: of the part, where the device is one of several of its package.
    """
    return [
        *_memory(found, profile, share), *_units(found, profile, share), *_clock(found, profile),
        *_rates(found, profile, share), *_streams(found, profile, share),
    ]  # fmt: skip


def distance(compared: list[Misfit], found: Fingerprint) -> float:
    """The root mean square of the features' sigmas; what was seen and cannot be compared counts as one sigma."""
    kinds = {"rates" if m.feature.endswith("rate") else m.feature for m in compared}
    missing = len(found.kinds - kinds)
    return math.sqrt((math.fsum(m.sigma**2 for m in compared) + missing) / max(1, len(compared) + missing))


def _memory(found: Fingerprint, profile: DeviceProfile, share: float) -> Iterator[Misfit]:
    capacity = profile.memory.capacity_gb if profile.memory else None
    if found.memory_gb is None or capacity is None:
        return
    claims = [c.interval for c in profile.claims if c.parameter == "copackaged_dram_gb"]
    low = min([capacity, *(i.low for i in claims if i.low > 0)]) * share
    high = max([capacity, *(i.high for i in claims if i.is_bounded)]) * share
    # A sheet's GB may be 10^9 bytes or 2^30, and the driver keeps a part.
    inside = Interval(low * (1 - DRIVER_KEEPS), high * 2**30 / 1e9)
    ratio = found.memory_gb / (capacity * share)
    sigma = _beyond(found.memory_gb, inside) / MEMORY_SIGMA
    text = f"memory of {found.memory_gb:.0f} GB, {ratio:.2g} x the {capacity * share:g} GB of the part"
    yield Misfit("memory", sigma, text, ratio)


def _beyond(value: float, inside: Interval) -> float:
    """How far outside an interval a value is, as the logarithm of a ratio; 0 inside."""
    return max(0.0, math.log(inside.low / value), math.log(value / inside.high))


def _units(found: Fingerprint, profile: DeviceProfile, share: float) -> Iterator[Misfit]:
    units = profile.hardware.units if profile.hardware else None
    if found.units and units:
        ratio = found.units / (units * share)
        text = f"{found.units} units, where the part has {units * share:g}"
        yield Misfit("units", abs(math.log(ratio)) / UNITS_SIGMA, text, ratio)


def _clock(found: Fingerprint, profile: DeviceProfile) -> Iterator[Misfit]:
    h = profile.hardware
    clock = (h.max_mhz or h.boost_mhz) if h else None
    if found.clock_mhz and clock:
        ratio = found.clock_mhz / clock
        text = f"a highest clock of {found.clock_mhz:g} MHz, {ratio:.2f} x the {clock:g} MHz of the part"
        yield Misfit("clock", abs(math.log(ratio)) / CLOCK_SIGMA, text, ratio)


def _rates(found: Fingerprint, profile: DeviceProfile, share: float) -> Iterator[Misfit]:
    """The common offset of all formats, and of each format what is left of it."""
    claimed = {name: profile.peak(name) for name in found.rates}
    usual = {name: _usual(profile, name, i).scaled(share) for name, i in claimed.items() if i is not None}
    offsets = {name: _offset(found.rates[name], i) for name, i in usual.items()}
    whole = profile.peak_tops is not None and profile.peak_tops.complete
    for name in (n for n, i in claimed.items() if i is None and whole):
        yield Misfit(f"{name} rate", math.sqrt(ABSENT_FORMAT), f"{name} runs, and the part claims no {name}", math.inf)
    if not offsets:
        return
    common = sorted(offsets.values())[len(offsets) // 2]
    ratio = math.exp(common)
    yield Misfit("rates", abs(common) / COMMON_SIGMA, f"rates {ratio:.2f} x what the part usually reaches", ratio)
    for name, offset in offsets.items():
        if len(offsets) > 1:
            text = f"{name} at {found.rates[name]:.4g} TOPS is {math.exp(offset):.2f} x what the part usually reaches"
            text += f", its other rates {ratio:.2f} x"
            yield Misfit(f"{name} rate", abs(offset - common) / FORMAT_SIGMA, text, math.exp(offset - common))


def _usual(profile: DeviceProfile, name: str, claimed: Interval) -> Interval:
    """What the part usually reaches in a format, sustained."""
    model = TimeModel(profile)
    usual = claimed.scaled(model.efficiency(name))
    limiter = model.limiter(name)
    return Interval(min(usual.low, limiter.rate_tops), min(usual.high, limiter.rate_tops)) if limiter else usual


def _offset(value: float, usual: Interval) -> float:
    """The logarithm of a value over what is usual, to the nearest end of the interval; 0 inside."""
    if usual.low <= value <= usual.high:
        return 0.0
    return math.log(value / (usual.low if value < usual.low else usual.high)) if usual.low > 0 else 0.0


def _streams(found: Fingerprint, profile: DeviceProfile, share: float) -> Iterator[Misfit]:
    model = TimeModel(profile)
    try:
        usual = {name: model.bandwidth_gb_s(name) * share for name in found.streams}
    except DeviceError:
        return
    both = [(found.streams[n], usual[n]) for n in STREAMS if n in usual]
    if both:
        ratio = math.exp(sum(math.log(a / b) for a, b in both) / len(both))
        high = max((c.interval.high for c in profile.claims if c.parameter == "dram_bandwidth_gb_s"), default=0)
        claimed = profile.memory.bandwidth_gb_s if profile.memory else None
        room = max(1.0, high / claimed) if claimed and math.isfinite(high) else 1.0
        sigma = _beyond(ratio, Interval(1.0, room)) / BANDWIDTH_SIGMA
        yield Misfit("bandwidth", sigma, f"memory bandwidth {ratio:.2f} x what the part usually reaches", ratio)
