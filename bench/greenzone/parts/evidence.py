"""What a profile or a run says of a regulated parameter, one statement on one basis.

The five bases are never mixed: `claimed`, `rated`, `ceiling`, `burst`, `sustained` (and `set`, for a
value given by hand). An `Evidence` is one such statement; `capability` folds them.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from greenzone.formats import FORMATS, Format
from greenzone.intervals import Interval, number
from greenzone.parameters import CONFIDENCES, weakest
from greenzone.parts.profile import DeviceProfile, Hardware, PeakTops, Sourced, dense


@dataclass(frozen=True)
class Evidence:
    """One statement about one parameter.

    `governing` is the highest of several claims, where they disagree: under a control it governs.
    """

    parameter: str
    basis: str
    interval: Interval
    working: str
    source: str | None = None
    confidence: str = "reported"
    governing: Interval | None = None
    emulated: bool = False
    # Rate in TOPS and bits, where a TPP is the product of the two.
    factors: tuple[float, float] | None = None


@dataclass(frozen=True)
class Rate:
    """The dense rate of one format in TOPS, with every source's claim in it."""

    format: Format
    interval: Interval
    governing: Interval | None
    source: str | None
    confidence: str


def claimed(profile: DeviceProfile) -> list[Evidence]:
    """Every claim of a profile, as evidence on the basis `claimed`; what is not claimed is not there."""
    found = [
        _claimed_maximum(profile, "tpp"),
        _claimed_maximum(profile, "tops"),
        _claimed_area(profile),
        _claimed_links(profile, "io_bandwidth_gb_s"),
        _claimed_links(profile, "interconnect_bandwidth_gb_s"),
        *_claimed_memory(profile),
        _claimed_stack_density(profile),
        _claimed_app(profile),
    ]
    by_name = {e.parameter: e for e in found if e is not None}
    for parameter in dict.fromkeys(c.parameter for c in profile.claims if "." not in c.parameter):
        by_name[parameter] = _with_claims(profile, parameter, by_name.get(parameter))
    return list(by_name.values())


def claimed_rates(profile: DeviceProfile) -> list[Rate]:
    """The claimed dense rate of every format that has one."""
    table = profile.peak_tops
    figures = table.rates() if table else {}
    named = [c.parameter.removeprefix("peak_tops.") for c in profile.claims]
    return [
        _rate(profile, FORMATS[name], figures.get(name), table) for name in FORMATS if name in figures or name in named
    ]


def _rate(profile: DeviceProfile, fmt: Format, figure: Sourced | None, table: PeakTops | None) -> Rate:
    own = table is profile.peak_tops  # a claim is of the circuit, never of a separate unit
    rows = [c for c in profile.claims if own and c.parameter == f"peak_tops.{fmt.name}"]
    claims = [(c.interval, c.source, profile.confidence_of(c.confidence, None, c.source)) for c in rows]
    if figure is not None:
        key = figure.source or (table.source if table else None)
        sure = profile.confidence_of(figure.confidence, table.confidence if table else None, key)
        claims.insert(0, (dense(Interval.point(figure.value), figure.sparsity), key, sure))
    whole, governing = _hull(i for i, _, _ in claims)
    source = "; ".join(dict.fromkeys(t for _, k, _ in claims if (t := profile.source_title(k))))
    return Rate(fmt, whole, governing, source or None, weakest([c for _, _, c in claims]))


def _hull(claims: Iterable[Interval]) -> tuple[Interval, Interval | None]:
    """The interval between claims, and the highest of them if they disagree."""
    intervals = list(claims)
    whole = intervals[0]
    for other in intervals[1:]:
        whole = whole.hull(other)
    highest = max(intervals, key=lambda i: (i.high, i.low))
    return whole, None if all(i == intervals[0] for i in intervals) else highest


def _weighed(rate: Rate, parameter: str, governing: bool = False) -> Interval:
    value = (rate.governing or rate.interval) if governing else rate.interval
    return value * rate.format.bits if parameter == "tpp" else value


def _maximum(rates: list[Rate], parameter: str, governing: bool = False) -> Interval:
    whole = _weighed(rates[0], parameter, governing)
    for rate in rates[1:]:
        whole = whole.maximum(_weighed(rate, parameter, governing))
    return whole


def _claimed_maximum(profile: DeviceProfile, parameter: str) -> Evidence | None:
    """TPP (or TOPS) from the claimed rates: the maximum over formats, plus that of separate units.

    TPP = max over formats of dense TOPS x bit length of the inputs (ECCN 3A090, Technical Notes
    1.b, 1.c, 2 and 3), summed over processing units that the maker does not already total (1.d).
    """
    rates = claimed_rates(profile)
    if not rates:
        return None
    complete = profile.peak_tops is not None and profile.peak_tops.complete
    whole, governing = _maximum(rates, parameter), _maximum(rates, parameter, governing=True)
    best = _decisive(rates, parameter, whole)
    working, sure = _working(best, parameter), best.confidence
    for unit in profile.units:
        extra = [_rate(profile, FORMATS[n], f, unit.peak_tops) for n, f in unit.peak_tops.rates().items()]
        complete = complete and unit.peak_tops.complete and bool(extra)
        if not extra:
            continue
        added = _maximum(extra, parameter)
        whole, governing = whole + added, governing + added
        top = _decisive(extra, parameter, added)
        working, sure = f"{working} + {unit.name} {_working(top, parameter)}", weakest([sure, top.confidence])
    if not complete:
        whole, working = Interval.at_least(whole.low), f"at least {working} (the list of rates is not complete)"
    conflict = governing if governing != whole and complete and any(r.governing for r in rates) else None
    exact = parameter == "tpp" and not profile.units and best.interval.is_point and best.format.bits.is_point
    factors = (best.interval.low, best.format.bits.low) if exact else None
    return Evidence(parameter, "claimed", whole, working, best.source, sure, conflict, factors=factors)


def _decisive(rates: list[Rate], parameter: str, whole: Interval) -> Rate:
    """The rate that sets the maximum; of equal ones the surest, then the first in the order of FORMATS."""

    def rank(rate: Rate) -> tuple[float, float, int]:
        value = _weighed(rate, parameter)
        high = value.high if math.isinf(whole.high) or value.high < whole.high * (1 - 1e-12) else whole.high
        return (-high, -value.low, CONFIDENCES.index(rate.confidence))

    return min(rates, key=rank)


def _working(rate: Rate, parameter: str) -> str:
    shown = _plain(rate.interval)
    return (
        f"{rate.format.name} {shown} x {_plain(rate.format.bits)}"
        if parameter == "tpp"
        else f"{rate.format.name} {shown}"
    )


def _plain(i: Interval) -> str:
    return number(i.low) if i.is_point else f"{number(i.low)}..{number(i.high)}"


def _claimed_area(profile: DeviceProfile) -> Evidence | None:
    """All logic dies on a non-planar node, whole, memory stacks out (ECCN 3A090, Technical Note 4)."""
    logic = [d for d in profile.dies if d.kind == "logic"]
    if not logic:
        return None
    total, terms, sure, sources = Interval.point(0), [], [], []
    for die in logic:
        own = Interval.UNKNOWN if die.area_mm2 is None else Interval.point(die.area_mm2).scaled(die.count)
        if die.transistor == "planar":
            own = Interval.point(0)
        elif die.transistor is None:
            own = Interval(0, own.high)
        total += own
        area = "unknown" if die.area_mm2 is None else number(die.area_mm2)
        terms.append(f"{die.count} x {area} {die.transistor or 'planar or not'}")
        sure.append(profile.confidence_of(die.confidence, None, die.source))
        sources.append(profile.source_title(die.source))
    if not profile.die_complete:
        total = Interval.at_least(total.low)
    source = "; ".join(dict.fromkeys(s for s in sources if s)) or None
    return Evidence("applicable_die_area_mm2", "claimed", total, " + ".join(terms), source, weakest(sure))


def _claimed_links(profile: DeviceProfile, parameter: str) -> Evidence | None:
    """The sum of all links, both directions; links within the package are no interconnect of 2026."""
    if not profile.links:
        return None
    outward = parameter == "interconnect_bandwidth_gb_s"
    counted = [k for k in profile.links if not (outward and k.on_package)]
    total = math.fsum(k.bidirectional_gb_s for k in counted)
    interval = Interval.point(total) if profile.link_complete else Interval.at_least(total)
    working = " + ".join(f"{k.kind} {number(k.bidirectional_gb_s)}" for k in counted) or "no link leaves the package"
    sure = weakest([profile.confidence_of(k.confidence, None, k.source) for k in counted])
    source = "; ".join(dict.fromkeys(s for k in counted if (s := profile.source_title(k.source)))) or None
    return Evidence(parameter, "claimed", interval, working, source, sure)


def uncapped_io(profile: DeviceProfile) -> float | None:
    """The I/O rate in GB/s that the silicon's links would have uncapped; None where no link is capped."""
    if not any(k.uncapped_gb_s for k in profile.links):
        return None
    return math.fsum(k.uncapped_gb_s or k.bidirectional_gb_s for k in profile.links)


def _claimed_memory(profile: DeviceProfile) -> list[Evidence]:
    memory = profile.memory
    if memory is None:
        return []
    sure = profile.confidence_of(memory.confidence, None, memory.source)
    source = profile.source_title(memory.source)
    if memory.kind.upper() in ("NONE", "SRAM"):  # SRAM is not DRAM
        nothing = Interval.point(0)
        names = ("dram_bandwidth_gb_s", "copackaged_dram_gb")
        return [Evidence(name, "claimed", nothing, "no DRAM", source, sure) for name in names]
    found = []
    if memory.bandwidth_gb_s is not None:
        interval = Interval.point(memory.bandwidth_gb_s)
        found.append(Evidence("dram_bandwidth_gb_s", "claimed", interval, memory.kind, source, sure))
    if memory.is_copackaged is False:
        working = f"{memory.kind} is not in the package"
        found.append(Evidence("copackaged_dram_gb", "claimed", Interval.point(0), working, source, sure))
    elif memory.capacity_gb is not None:
        low = memory.capacity_gb if memory.is_copackaged else 0.0
        interval = Interval(low, memory.capacity_gb)
        found.append(Evidence("copackaged_dram_gb", "claimed", interval, memory.kind, source, sure))
    return found


def _claimed_stack_density(profile: DeviceProfile) -> Evidence | None:
    """Bandwidth of a bare memory stack over its area (ECCN 3A090.c, Technical Note)."""
    memory = profile.memory
    areas = [d for d in profile.dies if d.kind == "memory" and d.area_mm2 is not None]
    if profile.item != "hbm_stack" or memory is None or memory.bandwidth_gb_s is None or not areas:
        return None
    area = math.fsum(d.count * (d.area_mm2 or 0) for d in areas)
    dies = [profile.confidence_of(d.confidence, None, d.source) for d in areas]
    sure = weakest([profile.confidence_of(memory.confidence, None, memory.source), *dies])
    working = f"{number(memory.bandwidth_gb_s)} / {number(area)}"
    value = Interval.point(memory.bandwidth_gb_s / area)
    source = profile.source_title(memory.source)
    return Evidence("hbm_bandwidth_density_gb_s_mm2", "claimed", value, working, source, sure)


VECTOR_WEIGHT, SCALAR_WEIGHT = 0.9, 0.3


def _claimed_app(profile: DeviceProfile) -> Evidence | None:
    """Adjusted peak performance of computers: W x the 64-bit floating point rate in TFLOPS.

    W is 0.9 for vector processors and 0.3 for others (ECCN 4A003, technical note at the end of
    Category 4). Which a part is, a profile does not say, so the interval between the two stands.
    """
    rates = [r for r in claimed_rates(profile) if r.format.name in ("fp64", "fp64_tensor")]
    if profile.item not in ("computer", "assembly") or not rates:
        return None
    best = _maximum(rates, "tops")
    value = Interval(best.low * SCALAR_WEIGHT, best.high * VECTOR_WEIGHT)
    working = f"{SCALAR_WEIGHT}..{VECTOR_WEIGHT} x {_plain(best)} fp64"
    return Evidence("app_wt", "claimed", value, working, rates[0].source, weakest([r.confidence for r in rates]))


def _with_claims(profile: DeviceProfile, parameter: str, own: Evidence | None) -> Evidence:
    """A parameter with the second sources that name it directly."""
    rows = [c for c in profile.claims if c.parameter == parameter]
    whole, governing = _hull([*([own.interval] if own else []), *(c.interval for c in rows)])
    by_claim = [profile.confidence_of(c.confidence, None, c.source) for c in rows]
    workings = [own.working] if own else []
    workings += [f"{_plain(c.interval)} ({profile.source_title(c.source) or 'no source'})" for c in rows]
    sources = [own.source if own else None, *(profile.source_title(c.source) for c in rows)]
    source = "; ".join(dict.fromkeys(s for s in sources if s)) or None
    sure = [*([own.confidence] if own else []), *by_claim]
    return Evidence(parameter, "claimed", whole, " or ".join(workings), source, weakest(sure), governing)


def rated(profile: DeviceProfile) -> list[Evidence]:
    """TPP and TOPS as units x enabled operations per clock x rated boost clock."""
    h = profile.hardware
    if h is None or h.boost_mhz is None:
        return []
    return _from_hardware(profile, h, {**h.ops_per_clock, **h.enabled_ops_per_clock}, h.boost_mhz, "rated")


def ceiling(profile: DeviceProfile) -> list[Evidence]:
    """TPP and TOPS as units x the silicon's operations per clock x its highest clock."""
    h = profile.hardware
    clock = (h.max_mhz or h.boost_mhz) if h else None
    return _from_hardware(profile, h, h.ops_per_clock, clock, "ceiling") if h and clock else []


def _from_hardware(
    profile: DeviceProfile, h: Hardware, ops: dict[str, float], clock_mhz: float, basis: str
) -> list[Evidence]:
    if not h.units or not ops:
        return []
    source = profile.source_title(h.source)
    sure = profile.confidence_of(h.confidence, None, h.source)
    # In the order of FORMATS, so that a tie is named as it is among claims.
    rates = [
        Rate(FORMATS[n], Interval.point(h.rate_tops(ops[n], clock_mhz) or 0), None, source, sure)
        for n in FORMATS
        if n in ops
    ]
    found = []
    for parameter in ("tpp", "tops"):
        whole = _maximum(rates, parameter)
        best = _decisive(rates, parameter, whole).format
        working = f"{h.units} units x {number(ops[best.name])} {best.name} operations x {number(clock_mhz)} MHz"
        working += f" x {_plain(best.bits)}" if parameter == "tpp" else ""
        found.append(Evidence(parameter, basis, whole, working, source, sure))
    return found


def measured_elsewhere(profile: DeviceProfile) -> list[Evidence]:
    """The lower bounds that the profile's measurements give, by window."""
    found = []
    for window in ("burst", "sustained"):
        rows = [m for m in profile.measurements if m.window == window]
        source = "; ".join(dict.fromkeys(s for m in rows if (s := profile.source_title(m.source))))
        sure = weakest([profile.confidence_of(m.confidence, None, m.source) for m in rows])
        bounds = measured_rates([(m.format, m.rate_tops * (1 - m.expanded_uncertainty)) for m in rows], window)
        found += [replace(e, source=source or None, confidence=sure) for e in bounds]
    return found


def measured_rates(rates: list[tuple[str, float]], window: str, emulated: bool = False) -> list[Evidence]:
    """Lower bounds on TPP and TOPS from measured rates, each the lower limit y - U in TOPS."""
    if not rates:
        return []
    found = []
    for parameter in ("tpp", "tops"):
        weigh = {name: (FORMATS[name].bits.low if parameter == "tpp" else 1.0) for name, _ in rates}
        name, low = max(rates, key=lambda r: r[1] * weigh[r[0]])
        working = f"{name} {number(low)}" + (f" x {number(weigh[name])}" if parameter == "tpp" else "")
        interval = Interval.at_least(low * weigh[name])
        found.append(
            Evidence(parameter, window, interval, f"measured, y - U: {working}", None, "official", emulated=emulated)
        )
    return found
