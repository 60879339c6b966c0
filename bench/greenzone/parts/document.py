"""A part as plain data: its parameters and evidence for JSON, and every figure of a profile with its source.

An unbounded end of an interval is null.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from greenzone.intervals import INF, number
from greenzone.parameters import PARAMETERS
from greenzone.parts.capability import Part
from greenzone.parts.profile import DeviceProfile, Hardware, Sourced


def parameters_json(part: Part) -> dict[str, Any]:
    """Every parameter that is known of, with its interval, unit, basis and working."""
    found: dict[str, Any] = {}
    for name, p in PARAMETERS.items():
        value = part.value(name)
        found[name] = {
            "low": value.interval.low, "high": _end(value.interval.high), "unit": p.unit, "basis": value.basis,
            "working": value.working or None, "confidence": value.confidence if value.basis else None,
        }  # fmt: skip
    return found


def evidence_json(part: Part) -> list[dict[str, Any]]:
    """Every statement on its own basis, those that enter no verdict too."""
    return [
        {
            "parameter": e.parameter, "basis": e.basis, "low": e.interval.low, "high": _end(e.interval.high),
            "working": e.working, "source": e.source, "confidence": e.confidence, "emulated": e.emulated,
            "high_open": e.interval.high_open,
            "governing": [e.governing.low, _end(e.governing.high)] if e.governing else None,
        }
        for e in part.evidence
    ]  # fmt: skip


def _end(value: float) -> float | None:
    return None if value == INF else value


@dataclass(frozen=True)
class Figure:
    """One number of a profile as its file has it: where it stands, its unit, its source and its confidence.

    `key` is the source's key in the file's own list, `source` its title.
    """

    where: str
    value: str
    unit: str
    key: str | None
    source: str | None
    confidence: str


Row = tuple[str, float | str | None, str, Any, Any]  # where, value, unit, table, the figure's own source


def figures(profile: DeviceProfile) -> list[Figure]:
    """Every number of a profile, in the order of the file."""
    parts = (_dies, _rates, _memory, _links, _hardware, _claims, _emulation)
    return [_figure(profile, *row) for part in parts for row in part(profile) if row[1] is not None]


def _figure(p: DeviceProfile, where: str, value: float | str | None, unit: str, table: Any, own: Any) -> Figure:
    key = (own.source if own else None) or table.source
    sure = p.confidence_of(own.confidence if own else None, table.confidence, key)
    text = value if isinstance(value, str) else number(value or 0)
    return Figure(where, text, unit, key, p.source_title(key), sure)


def _dies(p: DeviceProfile) -> Iterator[Row]:
    for die in p.dies:
        what = " ".join(filter(None, (die.node, die.transistor)))
        area = "area unknown" if die.area_mm2 is None else number(die.area_mm2)
        yield f"die, {die.kind}", f"{die.count} x {area}", f"mm2 ({what})" if what else "mm2", die, None


def _rates(p: DeviceProfile) -> Iterator[Row]:
    for where, table in _peaks(p):
        for name, f in table.rates().items():
            sparse = "" if f.sparsity == "dense" else f" ({f.sparsity} sparse)" if ":" in f.sparsity else " (or sparse)"
            yield f"{where}.{name}", f.value, f"TOPS{sparse}", table, f


def _memory(p: DeviceProfile) -> Iterator[Row]:
    if m := p.memory:
        yield "memory.capacity_gb", m.capacity_gb, f"GB {m.kind}", m, None
        yield "memory.bandwidth_gb_s", m.bandwidth_gb_s, "GB/s", m, None
        own = Sourced(1, m.silicon_source, "reported") if m.silicon_source else None
        yield "memory.installed_gb", m.installed_gb, "GB", m, own
        yield "memory.bus_bits", m.bus_bits, "bits", m, own
        yield "memory.pin_gbit_s", m.pin_gbit_s, "Gbit/s", m, own


def _links(p: DeviceProfile) -> Iterator[Row]:
    for link in p.links:
        yield f"link, {link.kind}", link.bidirectional_gb_s, "GB/s both ways", link, None
        yield f"link, {link.kind}, uncapped", link.uncapped_gb_s, "GB/s both ways", link, None


def _hardware(p: DeviceProfile) -> Iterator[Row]:
    if h := p.hardware:
        yield from ((f"hardware.{where}", value, unit, h, None) for where, value, unit in _of_hardware(h))


def _claims(p: DeviceProfile) -> Iterator[Row]:
    for claim in p.claims:
        note = "" if claim.sparsity == "dense" else f", {claim.sparsity} sparse"
        yield f"claim, {claim.parameter}", claim.value, _unit(claim.parameter) + note, claim, None
    for m in p.measurements:
        yield f"measured, {m.format}, {m.window}", m.rate_tops, f"TOPS -/+ {m.expanded_uncertainty:.1%}", m, None


def _emulation(p: DeviceProfile) -> Iterator[Row]:
    e = p.emulation
    if e is None:
        return
    products, streams = e.matmul_efficiency.items(), e.bandwidth_efficiency.items()
    yield from ((f"emulation.matmul_efficiency.{n}", v, "of the claim", e, None) for n, v in products)
    yield from ((f"emulation.bandwidth_efficiency.{n}", v, "of the claim", e, None) for n, v in streams)
    yield from (("emulation.launch_us", e.launch_us, "us", e, None), ("emulation.idle_w", e.idle_w, "W", e, None))
    yield from ((f"emulation.energy_pj_per_op.{n}", v, "pJ", e, None) for n, v in e.energy_pj_per_op.items())
    for limiter in e.limiter:
        unit = f"TOPS after {number(limiter.burst_ms)} ms"
        yield f"emulation.limiter.{limiter.format}", limiter.rate_tops, unit, e, None


def _peaks(p: DeviceProfile) -> Iterator[tuple[str, Any]]:
    if p.peak_tops:
        yield "peak_tops", p.peak_tops
    yield from ((f"unit {u.name}, peak_tops", u.peak_tops) for u in p.units)


def _of_hardware(h: Hardware) -> Iterator[tuple[str, float | None, str]]:
    yield from (("units", h.units, ""), ("boost_mhz", h.boost_mhz, "MHz"), ("max_mhz", h.max_mhz, "MHz"))
    yield "devices_per_package", h.devices_per_package if h.devices_per_package > 1 else None, ""
    yield from ((f"ops_per_clock.{name}", value, "of one unit") for name, value in h.ops_per_clock.items())
    enabled = h.enabled_ops_per_clock.items()
    yield from ((f"enabled_ops_per_clock.{name}", value, "of one unit, as sold") for name, value in enabled)
    yield from (("l2_mib", h.l2_mib, "MiB"), ("power_w", h.power_w, "W"))


def _unit(parameter: str) -> str:
    return "TOPS" if parameter.startswith("peak_tops.") else PARAMETERS[parameter].unit


def figures_json(profile: DeviceProfile) -> list[dict[str, Any]]:
    """Every number of a profile as plain data."""
    return [vars(f) for f in figures(profile)]
