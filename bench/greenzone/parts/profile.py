"""A device profile: what is claimed of a part, each number with its source (design: TOML files).

A profile says nothing about classes or rules. What is unknown stays out of the file; what is absent
is `[0, inf)` when parameters are worked out (`capability`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from greenzone.datafiles import Before, Bound, Check, Confidence, Count, Positive, Source, key
from greenzone.errors import UsageError, nearest
from greenzone.formats import FORMATS
from greenzone.intervals import Interval, Range
from greenzone.parameters import PARAMETERS

Item = Literal["integrated_circuit", "hbm_stack", "assembly", "computer"]
SPARSITIES = ("dense", "2:4", "unknown")
CLAIMABLE = [f"peak_tops.{name}" for name in FORMATS] + [p.name for p in PARAMETERS.values() if p.primary]


def _check_sparsity(value: str) -> str:
    if value not in SPARSITIES:
        raise ValueError(
            f'{value!r} is not allowed: a sparse figure needs its ratio; write "2:4" (it is halved), "dense", '
            'or "unknown" (the value then lies between half and all of it)'
        )
    return value


def _check_formats(value: dict[str, float]) -> dict[str, float]:
    for name in value:
        _check_format(name)
    return value


def _check_format(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(f"{name!r} is no number format; nearest: {', '.join(nearest(name, FORMATS))}")
    return name


def _check_claimable(value: str) -> str:
    if value not in CLAIMABLE:
        near = ", ".join(nearest(value, CLAIMABLE))
        raise ValueError(f"{value!r} is no parameter a claim can name; nearest: {near}")
    return value


def _check_claim(value: float | str) -> float | str:
    if isinstance(value, str):
        try:
            Range.parse(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
    return value


def _check_printable(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError(f"{value!r} cannot be printed; a name is plain text on one line")
    return value


def _as_sourced(value: Any) -> Any:
    return value if isinstance(value, dict) else {"value": value}


# A word that is printed: a name of others may hold what moves the cursor.
Word = Annotated[str, Check(_check_printable)]
NotNegative = Annotated[float, Bound(ge=0)]
Sparsity = Annotated[str, Check(_check_sparsity)]
FormatName = Annotated[str, Check(_check_format)]
ByFormat = Annotated[dict[str, Positive], Check(_check_formats)]


def dense(value: Interval, sparsity: str) -> Interval:
    """The dense rate behind a printed one: 2:4 sparsity doubles a rate, an unlabelled one may have."""
    if sparsity == "2:4":
        return value.scaled(0.5)
    if sparsity == "unknown":
        return value.scaled(0.5).hull(value)
    return value


@dataclass(frozen=True)
class Sourced:
    """A number with its own source: `{ value = 296, source = "maker", confidence = "official" }`."""

    value: Positive
    source: str | None = None
    confidence: Confidence | None = None
    sparsity: Sparsity = "dense"


Figure = Annotated[Sourced, Before(_as_sourced, float | Sourced)]


@dataclass(frozen=True)
class PeakTops:
    """Dense theoretical peaks of the whole integrated circuit, in 10^12 operations a second."""

    source: str | None = None
    confidence: Confidence | None = None
    complete: bool = True
    fp64: Figure | None = None
    fp64_tensor: Figure | None = None
    fp32: Figure | None = None
    tf32: Figure | None = None
    fp16: Figure | None = None
    fp16_acc16: Figure | None = None
    bf16: Figure | None = None
    fp8: Figure | None = None
    fp8_acc16: Figure | None = None
    fp6: Figure | None = None
    fp4: Figure | None = None
    int8: Figure | None = None
    int4: Figure | None = None

    def rates(self) -> dict[str, Sourced]:
        """The formats that have a figure, in the order of FORMATS."""
        found = {name: getattr(self, name) for name in FORMATS}
        return {name: figure for name, figure in found.items() if figure is not None}


@dataclass(frozen=True)
class Match:
    """How a live device is recognised."""

    names: tuple[str, ...] = ()
    compute_capability: str | None = None


@dataclass(frozen=True)
class Die:
    """One kind of die in the package."""

    kind: Literal["logic", "memory", "interposer"]
    count: Annotated[int, Bound(ge=1, le=256)] = 1
    area_mm2: Positive | None = None
    node: Word | None = None
    transistor: Literal["planar", "non-planar"] | None = None
    source: str | None = None
    confidence: Confidence | None = None

    REFUSED: ClassVar[dict[str, str]] = {
        "area_in": "areas are in square millimetres: area_mm2 (1 square inch is 645.16 mm2)",
        "area_cm": "areas are in square millimetres: area_mm2 (1 square centimetre is 100 mm2)",
    }


@dataclass(frozen=True)
class Memory:
    """The DRAM of the part; `kind = "none"` for a part without DRAM.

    `pin_gbit_s` is the data rate of one data line: bandwidth is `bus_bits` / 8 x `pin_gbit_s`. `installed_gb` is
    the DRAM that is there, what is switched off counted; `capacity_gb` what is sold of it. `silicon_source` is the
    source of these three, where it is not that of the claim.
    """

    kind: Word
    capacity_gb: Positive | None = None
    bandwidth_gb_s: Positive | None = None
    bus_bits: Positive | None = None
    pin_gbit_s: Positive | None = None
    installed_gb: Positive | None = None
    copackaged: bool | None = None
    silicon_source: str | None = None
    source: str | None = None
    confidence: Confidence | None = None

    @property
    def is_copackaged(self) -> bool | None:
        """As said, else by kind: HBM is in the package, GDDR is not."""
        if self.copackaged is not None:
            return self.copackaged
        kind = self.kind.upper()
        return True if kind.startswith("HBM") else False if kind.startswith("GDDR") else None


@dataclass(frozen=True)
class Link:
    """One input and output, both directions added; `uncapped_gb_s` is what the silicon's link would do."""

    kind: Word
    bidirectional_gb_s: Positive
    uncapped_gb_s: Positive | None = None
    on_package: bool = False
    source: str | None = None
    confidence: Confidence | None = None


@dataclass(frozen=True)
class Hardware:
    """What rated and ceiling figures are derived from; `units` are those of the whole package."""

    units: Count | None = None
    boost_mhz: Positive | None = None
    max_mhz: Positive | None = None
    devices_per_package: Count = 1
    ops_per_clock: ByFormat = field(default_factory=dict)
    enabled_ops_per_clock: ByFormat = field(default_factory=dict)
    l2_mib: Positive | None = None
    power_w: Positive | None = None
    source: str | None = None
    confidence: Confidence | None = None


    def rate_tops(self, operations: float, clock_mhz: float) -> float | None:
        """Units x operations of one unit a clock x clock, in TOPS; None where the units are not known."""
        return self.units * operations * clock_mhz * 1e6 / 1e12 if self.units else None


@dataclass(frozen=True)
class Unit:
    """A separate processing unit that the maker's total leaves out; its TPP is added."""

    name: Word
    peak_tops: PeakTops


@dataclass(frozen=True)
class Claim:
    """A second source for a figure: kept beside the first, never in its place."""

    parameter: Annotated[str, Check(_check_claimable)]
    value: Annotated[Positive | str, Check(_check_claim)]
    sparsity: Sparsity = "dense"
    source: str | None = None
    confidence: Confidence | None = None

    def __post_init__(self) -> None:
        if self.sparsity != "dense" and not self.parameter.startswith(("peak_tops.", "tpp", "tops")):
            raise ValueError(f"claim - {self.parameter}: only peak_tops.FORMAT, tpp and tops can be sparse")
        if isinstance(self.value, str) and Range.parse(self.value).high == 0:
            raise ValueError(f"claim - {self.parameter}: {self.value!r} leaves nothing above zero")

    @property
    def interval(self) -> Interval:
        """The dense values the claim leaves possible."""
        is_text = isinstance(self.value, str)
        given = Range.parse(str(self.value)).as_interval() if is_text else Interval.point(float(self.value))
        return dense(given, self.sparsity)


@dataclass(frozen=True)
class Measurement:
    """A rate measured elsewhere: a lower bound, like our own."""

    format: FormatName
    window: Literal["burst", "sustained"]
    rate_tops: Positive
    expanded_uncertainty: Annotated[float, Bound(ge=0, lt=1)]
    source: str | None = None
    confidence: Confidence | None = None


@dataclass(frozen=True)
class Limiter:
    """A cap on one format, of its rate or of the clock, that acts after a burst and takes hold within an onset."""

    format: FormatName
    rate_tops: Positive | None = None
    burst_ms: NotNegative = 0.0
    onset_ms: NotNegative = 0.0
    clock_mhz: Positive | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if (self.rate_tops is None) == (self.clock_mhz is None):
            raise ValueError(f"limiter - {self.format}: give rate_tops or clock_mhz, one of the two")


@dataclass(frozen=True)
class Emulation:
    """What differs from the architecture's defaults in the emulated device.

    `clock_mhz` is the steady clock that was read off under large products, by format.
    """

    matmul_efficiency: ByFormat = field(default_factory=dict)
    clock_mhz: ByFormat = field(default_factory=dict)
    bandwidth_efficiency: dict[str, Positive] = field(default_factory=dict)
    launch_us: Positive | None = None
    idle_w: Positive | None = None
    energy_pj_per_op: ByFormat = field(default_factory=dict)
    limiter: tuple[Limiter, ...] = ()
    ecc_share: Annotated[float, Bound(ge=0, lt=1)] | None = None  # of the capacity, where error correction takes some
    source: str | None = None
    confidence: Confidence | None = None


@dataclass(frozen=True)
class DeviceProfile:
    """Everything claimed of one part.

    `explained` says, by the name of a lint rule, why what the rule warns of is right in this file.
    """

    schema_version: Literal[1] = field(metadata={"key": "schema"})
    id: Annotated[str, Bound(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    name: Word
    vendor: str | None = None
    architecture: str | None = None
    item: Item = "integrated_circuit"
    datacenter: bool | None = None
    io_limit: Literal["fused", "programmable"] | None = None
    released: date | None = None
    reviewed_on: date | None = None
    die_complete: bool = True
    link_complete: bool = True
    match: Match | None = None
    dies: tuple[Die, ...] = key("die")
    peak_tops: PeakTops | None = None
    memory: Memory | None = None
    links: tuple[Link, ...] = key("link")
    hardware: Hardware | None = None
    units: tuple[Unit, ...] = key("unit")
    claims: tuple[Claim, ...] = key("claim")
    measurements: tuple[Measurement, ...] = key("measurement")
    emulation: Emulation | None = None
    explained: dict[str, Word] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict, metadata={"key": "source"})

    REFUSED: ClassVar[dict[str, str]] = {
        "performance_density": "is worked out from TPP and die area; give [peak_tops] and [[die]] "
        "(`classify --set performance_density=` tries a value)",
        "density": "is worked out from TPP and die area; give [peak_tops] and [[die]]",
        "tpp": "is worked out from [peak_tops]; a source that prints a TPP is a [[claim]] with parameter = \"tpp\"",
        "eccn": "is what is worked out; a profile says what is claimed of a part, never its class",
    }

    def __post_init__(self) -> None:
        faults = [*self._contradictions(), *self._unknown_sources()]
        if faults:
            raise ValueError("\n".join(faults))

    def _contradictions(self) -> Iterator[str]:
        """What no part can be, whatever its sources say."""
        m, h = self.memory, self.hardware
        if m and m.kind == "none" and (m.capacity_gb or m.bandwidth_gb_s):
            yield 'memory - kind = "none" has neither capacity_gb nor bandwidth_gb_s'
        if h and h.boost_mhz and h.max_mhz and h.boost_mhz > h.max_mhz:
            yield f"hardware - boost_mhz {h.boost_mhz:g} is above max_mhz {h.max_mhz:g}, the highest there is"
        if h and h.units and h.units % h.devices_per_package:
            yield f"hardware - {h.units} units cannot be shared among {h.devices_per_package} equal devices"
        for name, sold in (h.enabled_ops_per_clock if h else {}).items():
            if sold > (h.ops_per_clock if h else {}).get(name, sold):
                yield f"hardware.enabled_ops_per_clock.{name} - {sold:g} is above ops_per_clock, what the unit could do"
        if self.io_limit and not self.links:
            yield "io_limit - there is no [[link]] to limit"

    def _unknown_sources(self) -> Iterator[str]:
        for where, key_ in self.sourced_tables():
            # A source is a key of [source], or stands for itself: then it is more than a word.
            if key_ and self.sources and key_ not in self.sources and " " not in key_ and "/" not in key_:
                near = ", ".join(nearest(key_, self.sources))
                yield f"{where}.source - {key_!r} is none of [source.*]; nearest: {near}"

    def sourced_tables(self) -> Iterator[tuple[str, str | None]]:
        """Every table and figure that is to name a source, and the source it names, its table's for a figure."""
        tables: list[tuple[str, Any]] = [("memory", self.memory), ("hardware", self.hardware)]
        tables += [("emulation", self.emulation)]
        lists: dict[str, Sequence[Any]] = {
            "die": self.dies, "link": self.links, "claim": self.claims, "measurement": self.measurements,
            "emulation.limiter": self.emulation.limiter if self.emulation else (),
        }  # fmt: skip
        tables += [(f"{name}.{n}", item) for name, items in lists.items() for n, item in enumerate(items)]
        yield from ((where, table.source) for where, table in tables if table is not None)
        if self.memory and self.memory.silicon_source:
            yield "memory.silicon", self.memory.silicon_source
        peaks = [("peak_tops", self.peak_tops), *((f"unit.{n}", u.peak_tops) for n, u in enumerate(self.units))]
        for where, table in peaks:
            if table is not None:
                yield from ((f"{where}.{name}", f.source or table.source) for name, f in table.rates().items())

    def peak(self, format_name: str) -> Interval | None:
        """The claimed dense rate of one format in TOPS, sources that disagree included; None if unclaimed."""
        figures = self.peak_tops.rates() if self.peak_tops else {}
        own = figures.get(format_name)
        found = [dense(Interval.point(own.value), own.sparsity)] if own else []
        found += [c.interval for c in self.claims if c.parameter == f"peak_tops.{format_name}"]
        if not found:
            return None
        whole = found[0]
        for other in found[1:]:
            whole = whole.hull(other)
        return whole

    def source_title(self, key: str | None) -> str | None:
        """The title of a source, or the key itself where it stands for itself."""
        return self.sources[key].title if key in self.sources else key

    def confidence_of(self, own: Confidence | None, table: Confidence | None, key: str | None) -> Confidence:
        """The figure's own, else its table's, else its source's; sourced is official, unsourced reported."""
        by_source = self.sources[key].confidence if key in self.sources else None
        return own or table or by_source or ("official" if key else "reported")
