"""What identifies a part from outside: rates by format, bandwidth, memory, units, clock.

`seen` reads it off a record; `expected` says what a profile would show: what is claimed, times the
share of it that parts of the class usually reach (`devices.emulated.model`, with its sources). A distance is in
standard deviations, so that features of different kinds add up.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from greenzone.errors import DeviceError, RecordError
from greenzone.formats import FORMATS
from greenzone.intervals import Interval
from greenzone.lab.devices.emulated.model import TimeModel
from greenzone.parts.profile import DeviceProfile
from greenzone.records.record import EstimateRow, Record
from greenzone.statistics import median

# Standard deviations, as shares. Published efficiencies of one class differ by a tenth or two (power
# limits, library versions), and move all formats together; formats among themselves differ by less.
COMMON_SIGMA, FORMAT_SIGMA, BANDWIDTH_SIGMA = 0.20, 0.08, 0.10
MEMORY_SIGMA, UNITS_SIGMA, CLOCK_SIGMA = 0.03, 0.005, 0.15
DRIVER_KEEPS = 0.07  # of the memory, for itself and for error correction, at most
ABSENT_FORMAT = 9.0  # what a format that runs and that the part does not have costs, in sigma squared
MOST = 5.0  # sigma that one feature counts at most: one wild feature is a finding, not another part (Huber)
MISSING = 4.0  # what a kind of feature that was seen and that a profile lacks costs, in sigma squared
CAPABILITY_SIGMA = 5.0
NORMAL = (None, "normal")  # what parts usually reach was published on such data; None is an older record
STREAMS = ("read", "copy", "triad")
STREAM_ROWS = tuple(f"memory.{name}" for name in STREAMS)
CLOCKS = ("clock_max_sm_mhz", "clock_max_mhz", "clock_boost_mhz")


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
        """Whether nothing was measured: what a driver tells of a device is no behaviour."""
        return not (self.rates or self.streams)


@dataclass(frozen=True)
class Misfit:
    """One feature of a device beside what a profile would show: how many sigma apart, and in words."""

    feature: str
    sigma: float
    text: str
    ratio: float


def seen(record: Record) -> Fingerprint:
    """The fingerprint of the device a record is of.

    Raises:
        RecordError: the record's device has a figure that cannot be.
    """
    d = record.device
    clock = next((c for k in CLOCKS if (c := _figure(d, k, 1e6)) is not None), None)
    rates: dict[str, float] = {}
    burst: dict[str, float] = {}
    lower: dict[str, float] = {}
    streams: dict[str, float] = {}
    for row in (r for r in record.benchmarks if r.measured and r.validity in ("valid", "unstable")):
        if row.name == "matmul" and row.format in FORMATS and row.data in NORMAL and _sound(row.rate_tops):
            # the first row of a format and window is that of its best variant
            (burst if row.window == "burst" else rates).setdefault(row.format, row.rate_tops.median)
            lower[row.format] = max(lower.get(row.format, 0.0), row.rate_tops.low)
        elif row.name in STREAM_ROWS and row.window != "burst" and _sound(row.bandwidth_gb_s):
            streams[row.name.removeprefix("memory.")] = row.bandwidth_gb_s.median
    memory, units = _figure(d, "memory_bytes", 1e18), _figure(d, "units", 1e9)
    return Fingerprint(
        name=_text(d, "name"), capability=_text(d, "capability"), memory_gb=memory / 1e9 if memory else None,
        units=round(units) if units else None, clock_mhz=clock, rates={**burst, **rates}, burst=burst,
        lower=lower, streams=streams, emulated=bool(d.get("emulated")),
    )  # fmt: skip


def _figure(device: Mapping[str, Any], key: str, most: float) -> float | None:
    """A figure above zero; None where the record has none."""
    value = device.get(key)
    if value is None or value == 0:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= most:
        raise RecordError(f"device.{key} is {value!r:.40}; a number from 0 to {most:g} can stand there")
    return float(value)


def _text(device: Mapping[str, Any], key: str) -> str | None:
    value = device.get(key)
    if value is not None and not isinstance(value, str):
        raise RecordError(f"device.{key} is {value!r:.40}; it is text")
    return value or None


def _sound(e: EstimateRow | None) -> TypeGuard[EstimateRow]:
    """Whether an estimate can be one: above zero and in order."""
    return e is not None and 1e-12 < e.low <= e.median <= e.high


def misfits(found: Fingerprint, profile: DeviceProfile, share: float = 1.0) -> list[Misfit]:
    """Every feature that both have, and how far apart they are.

    Args:
        found: what was seen.
        profile: the part it is held against.
        share: of the part, where the device is one of several of its package.
    """
    return [
        *_capability(found, profile), *_memory(found, profile, share), *_units(found, profile, share),
        *_clock(found, profile),
        *_rates(found, profile, share), *_streams(found, profile, share),
    ]  # fmt: skip


def distance(compared: list[Misfit], found: Fingerprint) -> float:
    """The root mean square of the features' sigmas, each at most 5; what cannot be compared counts as two."""
    kinds = {"rates" if m.feature.endswith("rate") else m.feature for m in compared}
    missing = len(found.kinds - kinds)
    squares = math.fsum(min(m.sigma, MOST) ** 2 for m in compared)
    return math.sqrt((squares + MISSING * missing) / max(1, len(compared) + missing))


def _capability(found: Fingerprint, profile: DeviceProfile) -> Iterator[Misfit]:
    own = profile.match.compute_capability if profile.match else None
    if found.capability and own and found.capability != own:
        text = f"compute capability {found.capability}, where the part has {own}"
        yield Misfit("capability", CAPABILITY_SIGMA, text, math.inf)


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
    common = median(list(offsets.values()))
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
    limiter, hardware = model.limiter(name), profile.hardware
    if limiter is None:
        return usual
    if limiter.clock_mhz and hardware and hardware.boost_mhz:
        return usual.scaled(min(1.0, limiter.clock_mhz / hardware.boost_mhz))
    most = limiter.rate_tops or math.inf
    return Interval(min(usual.low, most), min(usual.high, most))


def _offset(value: float, usual: Interval) -> float:
    """The logarithm of a value over what is usual, to the nearest end of the interval; 0 inside."""
    if value > usual.high:
        return math.log(value / usual.high)
    return math.log(value / usual.low) if value < usual.low else 0.0


def _streams(found: Fingerprint, profile: DeviceProfile, share: float) -> Iterator[Misfit]:
    if profile.memory is None or profile.memory.kind.upper() in ("NONE", "SRAM"):
        return  # streams measure DRAM
    model = TimeModel(profile)
    try:
        usual = {name: model.bandwidth_gb_s(name) * share for name in found.streams}
    except DeviceError:
        return
    both = [(found.streams[n], usual[n]) for n in STREAMS if n in usual]
    if both:
        ratio = math.exp(sum(math.log(a / b) for a, b in both) / len(both))
        sigma = _beyond(ratio, _bandwidth_room(profile)) / BANDWIDTH_SIGMA
        yield Misfit("bandwidth", sigma, f"memory bandwidth {ratio:.2f} x what the part usually reaches", ratio)


def _bandwidth_room(profile: DeviceProfile) -> Interval:
    """How far the claims of a bandwidth spread around that of the table, as shares of it."""
    own = profile.memory.bandwidth_gb_s if profile.memory else None
    spans = [c.interval for c in profile.claims if c.parameter == "dram_bandwidth_gb_s" and c.interval.is_bounded]
    shares = [end / own for i in spans for end in (i.low, i.high) if end > 0] if own else []
    return Interval(min([1.0, *shares]), max([1.0, *shares]))
