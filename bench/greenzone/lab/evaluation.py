"""From the rows of a record to evidence, parameters, verdicts and findings."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from greenzone.formats import FORMATS
from greenzone.intervals import Interval, number
from greenzone.lab.devices import Device
from greenzone.lab.fingerprint import seen
from greenzone.lab.identify import identify
from greenzone.lab.streams import STREAMS
from greenzone.law.classification import classify
from greenzone.law.transaction import Transaction
from greenzone.parts.capability import Part, part_of
from greenzone.parts.document import evidence_json, parameters_json
from greenzone.parts.evidence import Evidence, measured_rates
from greenzone.parts.profile import DeviceProfile
from greenzone.records.record import Record, Row
from greenzone.records.subject import part_json

LIMITER_RATIO = 1.05  # a burst this much above the sustained rate is worth a word
MEASURED_RATES = ("matmul", "peak")
MEMORY_STREAMS = tuple(stream.name for stream in STREAMS)  # a sweep of working sets is the caches' bandwidth


def part_facts(device: Device, profile: DeviceProfile | None) -> dict[str, Any]:
    """What the record says of the part before anything is measured."""
    return part_json(part_of(profile) if profile else Part(None, device.name))


def evaluate(
    record: Record,
    device: Device,
    profile: DeviceProfile | None,
    on: date,
    known_on: date,
    transaction: Transaction,
) -> None:
    """Fill in evidence, parameters, verdicts and findings; asked again, it replaces the first three."""
    measured = list(measured_evidence(record.benchmarks))
    base = part_of(profile, measured) if profile else _unclaimed(device, measured)
    part = replace(base, emulated=device.emulated)
    record.device["part"] = part_json(part)
    record.evidence = evidence_json(part)
    record.parameters = parameters_json(part)
    record.verdicts = [v.to_json() for v in classify(part, on, known_on, transaction).verdicts]
    _find(record, device, profile, part)


def _unclaimed(device: Device, measured: list[Evidence]) -> Part:
    """A live device that matches no profile: nothing is claimed, so a measurement is all there is."""
    blank = DeviceProfile(schema_version=1, id="unknown", name=device.name)
    return replace(part_of(blank, measured), id=None)


def measured_evidence(rows: Iterable[Row]) -> Iterable[Evidence]:
    """The lower bounds that valid rows give: y - U of the best rate of each window, and of the DRAM."""
    sound = [r for r in rows if r.measured and r.validity == "valid"]
    for window in ("burst", "sustained"):
        own = [r for r in sound if r.window == window]
        for emulated in (False, True):
            here = [r for r in own if r.emulated is emulated]
            rates = [(r.format, r.rate_tops.low) for r in here if r.name in MEASURED_RATES and r.format and r.rate_tops]
            yield from measured_rates(rates, window, emulated)
            yield from _measured_dram(here, window, emulated)


def _measured_dram(rows: list[Row], window: str, emulated: bool) -> Iterable[Evidence]:
    """The best stream, by the bytes its loop counts: a processor's bus may have carried more, never less."""
    found = [(r.name, r.bandwidth_gb_s.low) for r in rows if r.name in MEMORY_STREAMS and r.bandwidth_gb_s]
    if found:
        name, low = max(found, key=lambda f: f[1])
        working = f"measured, y - U: {name} {number(low)}"
        yield Evidence(
            "dram_bandwidth_gb_s",
            window,
            Interval.at_least(low),
            working,
            None,
            "official",
            emulated=emulated,
        )


def _find(record: Record, device: Device, profile: DeviceProfile | None, part: Part) -> None:
    if device.emulated:
        record.find(
            "emulated",
            "info",
            f"every figure is emulated from the profile {part.id}: no evidence for or against a real part",
        )
    elif several := record.device.get("named_like"):
        text = f"{device.name} is the name of {' and of '.join(several)}: none is taken, nothing is claimed"
        record.find("ambiguous_name", "warning", f"{text}; give one of them a name of its own under [match]")
    elif profile is None:
        record.find(
            "no_profile",
            "warning",
            f"{device.name} matches no profile: nothing is claimed, measurements are lower bounds",
        )
    for row in record.benchmarks:
        _find_in_row(record, row)
    _find_limiters(record)
    _find_fraction_of_claim(record, profile)
    _find_uncapped(record, part)
    for text in part.warnings:
        record.find("looks_sparse", "warning", text)


def find_identity(record: Record, known: Sequence[DeviceProfile]) -> None:
    """What does not fit the part that a live device names itself, if it names itself one."""
    identity = identify(seen(record), known)
    for code, text in identity.findings if identity.reported else ():
        record.find(f"identity_{code}", "warning", text)


def _find_in_row(record: Record, row: Row) -> None:
    what = f"{row.name} {row.format or ''}".strip()
    if row.fits is False:
        record.find("does_not_fit", "warning", f"{what}: {row.model} does not fit in memory; worked out as if it did")
    if not row.measured:
        record.find("not_measured", "warning", f"{what}: not measured: {row.reason}")
    elif row.validity == "invalid":
        record.find("invalid", "error", f"{what} {row.window}: refused: {row.notes[-1] if row.notes else 'invalid'}")
    elif row.validity == "unstable":
        record.find("unstable", "error", f"{what} {row.window}: {row.notes[-1] if row.notes else 'unstable'}")


def _find_limiters(record: Record) -> None:
    rates = {
        (r.name, r.format, r.window): r.rate_tops for r in record.benchmarks if r.rate_tops and r.validity == "valid"
    }
    for (name, form, window), burst in rates.items():
        steady = rates.get((name, form, "sustained"))
        if window == "burst" and steady and burst.low > LIMITER_RATIO * steady.high:
            ratio = burst.median / steady.median
            record.find(
                "limiter",
                "warning",
                f"{name} {form}: burst is {ratio:.2f} of sustained: a limiter or a clock that falls under load",
            )


def _find_fraction_of_claim(record: Record, profile: DeviceProfile | None) -> None:
    for row in record.benchmarks:
        claim = profile.peak(row.format) if profile and row.format in FORMATS else None
        if row.name != "matmul" or row.rate_tops is None or claim is None or row.validity != "valid":
            continue
        if row.rate_tops.low > claim.high:
            ratio = row.rate_tops.median / claim.high
            record.find(
                "above_claim",
                "warning",
                f"{row.name} {row.format} {row.window}: exceeds the claim by {ratio - 1:.1%}",
            )


def _find_uncapped(record: Record, part: Part) -> None:
    """On a capped part, what the silicon would do uncapped: a finding, never a verdict."""
    found = {e.basis: e for e in part.evidence if e.parameter == "tpp" and e.basis in ("rated", "ceiling")}
    rated, ceiling = found.get("rated"), found.get("ceiling")
    if rated and ceiling and ceiling.interval.low > 1.1 * rated.interval.high:
        silicon, sold = number(round(ceiling.interval.low, 1)), number(round(rated.interval.high, 1))
        text = f"the silicon uncapped would have TPP {silicon} ({ceiling.working}); as sold it has {sold}"
        record.find("capped", "info", text)
