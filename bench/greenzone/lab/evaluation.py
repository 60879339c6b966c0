"""From the rows of a record to evidence, parameters, verdicts and findings."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Protocol

from greenzone.errors import RecordError
from greenzone.formats import FORMATS
from greenzone.intervals import Interval, number
from greenzone.lab.fingerprint import seen
from greenzone.lab.identify import identify
from greenzone.lab.link_evidence import measured_links, rated_links
from greenzone.lab.links import NOT_HERE
from greenzone.lab.measure.series import LIMITER_FROM
from greenzone.lab.results import FOUND_IN_NOTES, HANGS, LOST, SMALLER
from greenzone.lab.streams import STREAMS
from greenzone.law.classification import classify
from greenzone.law.transaction import Transaction
from greenzone.parts.capability import Part, part_of
from greenzone.parts.document import evidence_json, parameters_json
from greenzone.parts.evidence import Evidence, measured_rates
from greenzone.parts.profile import DeviceProfile
from greenzone.records.record import Record, Row, Severity
from greenzone.records.subject import part_json

USUAL_VARIANTS = ("e4m3", "e2m1", "e2m3")  # they say no more than the format does
MEASURED_RATES = ("matmul", "peak")
MEMORY_STREAMS = tuple(stream.name for stream in STREAMS)  # a sweep of working sets is the caches' bandwidth


class Described(Protocol):
    """What evaluation asks of a device; of a record that is read again, its description answers."""

    @property
    def name(self) -> str: ...
    @property
    def emulated(self) -> bool: ...


def part_facts(device: Described, profile: DeviceProfile | None) -> dict[str, Any]:
    """What the record says of the part before anything is measured."""
    return part_json(part_of(profile) if profile else Part(None, device.name))


def evaluate(
    record: Record,
    device: Described,
    profile: DeviceProfile | None,
    on: date,
    known_on: date,
    transaction: Transaction,
) -> None:
    """Fill in evidence, parameters, verdicts and findings; asked again, it replaces the first three."""
    measured = [*measured_evidence(record.benchmarks), *_links(record, device, profile)]
    base = part_of(profile, measured) if profile else unclaimed(device, measured)
    part = replace(base, emulated=device.emulated)
    record.device["part"] = part_json(part)
    record.evidence = evidence_json(part)
    record.parameters = parameters_json(part)
    record.verdicts = [v.to_json() for v in classify(part, on, known_on, transaction).verdicts]
    _find(record, device, profile, part)


def _links(record: Record, device: Described, profile: DeviceProfile | None) -> Iterable[Evidence]:
    """What the links that are there and those that were measured say of I/O."""
    facts = {**record.device, "emulated": device.emulated}
    yield from rated_links(facts)
    yield from measured_links(record.benchmarks, facts, profile)


def unclaimed(device: Described, measured: list[Evidence]) -> Part:
    """A live device that matches no profile: nothing is claimed, so a measurement is all there is."""
    blank = DeviceProfile(schema_version=1, id="unknown", name=device.name)
    return replace(part_of(blank, measured), id=None)


def measured_evidence(rows: Iterable[Row]) -> Iterable[Evidence]:
    """The lower bounds that valid rows give: y - U of the best rate of each window, and of the DRAM.

    A rate on any data pattern is a rate the part reached, so normal and low-toggle rows both bound the
    peak from below, and so does every variant of a format; which row it was, the record tells. A figure
    without a pattern beside it (a fingerprint, a comparison with published ones) is the normal one.
    """
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


def _find(record: Record, device: Described, profile: DeviceProfile | None, part: Part) -> None:
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
    try:
        identity = identify(seen(record), known)
    except RecordError:  # a driver that tells nonsense: the run's own figures stand
        return
    # The rows themselves tell a limiter, with its onset.
    told = [(code, text) for code, text in identity.findings if code != "limiter"]
    for code, text in told if identity.reported else ():
        record.find(f"identity_{code}", "warning", text)


def _find_in_row(record: Record, row: Row) -> None:
    what = f"{row.name} {row.format or ''}".strip()
    if row.fits is False:
        record.find("does_not_fit", "warning", f"{what}: {row.model} does not fit in memory; worked out as if it did")
    if not row.measured:
        record.find(*_missing(row.reason or ""), f"{what}: not measured: {row.reason}")
    elif row.validity == "invalid":
        record.find("invalid", "error", f"{what} {row.window}: refused: {row.notes[-1] if row.notes else 'invalid'}")
    elif row.validity == "unstable":
        why = next((note for note in row.notes if note.startswith("not steady")), "unstable")
        record.find("unstable", "error", f"{what} {row.window}: {why}")
    for note in row.notes:
        code = next((code for words, code in FOUND_IN_NOTES.items() if note.startswith(words)), None)
        if code:
            record.find(code, "warning", f"{what}: {note}")
        elif note.endswith(SMALLER):
            record.find("smaller_size", "info", f"{what}: {note}")


def _missing(reason: str) -> tuple[str, Severity]:
    """The code and the severity of a benchmark without a figure: the device failed, or it has no such path."""
    if LOST in reason:
        return "device_lost", "error"
    if HANGS in reason:
        return "hang", "error"
    return "not_measured", "info" if reason.startswith(NOT_HERE) else "warning"


def _title(name: str, form: str | None, variant: str | None, data: str | None) -> str:
    """A row in words; the variant and the data pattern where they are not the usual ones."""
    usual = variant is None or variant in USUAL_VARIANTS
    words = [name, form or "", "" if usual else f"({variant})", "on low-toggle data" if data == "low_toggle" else ""]
    return " ".join(word for word in words if word)


def _find_limiters(record: Record) -> None:
    """Rates that fall under load: what the clock explains, what it does not, and what cannot be told."""
    rates = {
        (r.name, r.format, r.variant, r.data, r.window): r
        for r in record.benchmarks
        if r.rate_tops and r.validity == "valid"
    }
    for (*key, window), burst in rates.items():
        steady = rates.get((*key, "sustained"))  # type: ignore[arg-type]
        if window != "burst" or steady is None or burst.rate_tops is None or steady.rate_tops is None:
            continue
        if burst.rate_tops.low > LIMITER_FROM * steady.rate_tops.high:
            ratio = burst.rate_tops.median / steady.rate_tops.median
            what = _title(burst.name, burst.format, burst.variant, burst.data)
            record.find(*_limiter(f"{what}: burst is {ratio:.2f} of sustained", burst.limiter))


def _limiter(text: str, found: dict[str, Any] | None) -> tuple[str, Severity, str]:
    """The code, the severity and the words for a rate that falls under load."""
    if found is None:
        return "limiter", "warning", f"{text}: a limiter or a clock that falls under load"
    onset = f"{found['onset_s'] * 1e3:.3g} ms after a cold start"
    if found["explained_by"] == "clock":
        return "clock_falls", "info", f"{text}: the clock falls by as much, {onset}"
    if found["clock_ratio"] is None:
        return "limiter", "warning", f"{text}, from {onset}: a limiter, or a clock that nobody could read"
    alone = f"a limiter, for the clock falls by {found['clock_ratio']:.2f} alone"
    return "limiter", "warning", f"{text}, from {onset}: {alone}"


def _find_fraction_of_claim(record: Record, profile: DeviceProfile | None) -> None:
    for row in record.benchmarks:
        claim = profile.peak(row.format) if profile and row.format in FORMATS else None
        if row.name not in MEASURED_RATES or row.rate_tops is None or claim is None or row.validity != "valid":
            continue
        if row.rate_tops.low > claim.high:
            ratio = row.rate_tops.median / claim.high
            what = _title(row.name, row.format, row.variant, row.data)
            record.find(
                "above_claim",
                "warning",
                f"{what} {row.window}: exceeds the claim by {ratio - 1:.1%}",
            )


def _find_uncapped(record: Record, part: Part) -> None:
    """On a capped part, what the silicon would do uncapped: a finding, never a verdict."""
    found = {e.basis: e for e in part.evidence if e.parameter == "tpp" and e.basis in ("rated", "ceiling")}
    rated, ceiling = found.get("rated"), found.get("ceiling")
    if rated and ceiling and ceiling.interval.low > 1.1 * rated.interval.high:
        silicon, sold = number(round(ceiling.interval.low, 1)), number(round(rated.interval.high, 1))
        text = f"the silicon uncapped would have TPP {silicon} ({ceiling.working}); as sold it has {sold}"
        record.find("capped", "info", text)
