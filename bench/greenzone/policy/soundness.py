"""Whether a record, or what is measured of a part, is evidence at all: sound, recent, real, and of the whole device.

Warnings of the record are passed on, and never fail a gate by themselves (decisions 3, 10, 12, 14, 15, 16, 20).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

from greenzone.intervals import number
from greenzone.parts.capability import MEASURED, Part, folded, with_derived
from greenzone.parts.lint.sources import IMPOSSIBLE_FROM
from greenzone.policy.document import Policy
from greenzone.policy.lines import Line
from greenzone.records.record import Record, Row

# Findings that say the measurement is of a part of the device alone.
PARTITIONS = ("mig", "vgpu", "partition")


def accepted(part: Part, policy: Policy) -> Part:
    """The part as the policy's bases leave it.

    What is measured stays, whatever the bases: a lower bound can only speak against a part. With
    `emulated = true` an emulated device is judged for itself, its figures taken as its own.
    """
    own = [replace(e, emulated=False) if policy.emulated else e for e in part.evidence]
    kept = [e for e in own if e.basis in (*policy.bases, *MEASURED, "ceiling", "set")]
    given = {name: value for name, value in part.values.items() if value.basis == "set"}
    return with_derived(replace(part, evidence=tuple(kept), values={**folded(kept), **given}))


def impossible(part: Part) -> Iterator[Line]:
    """Measured figures that physics rules out: y - U above 1.02 of the ceiling (decision 4)."""
    for e in part.evidence:
        tops = [c.interval.high for c in part.evidence if c.parameter == e.parameter and c.basis == "ceiling"]
        if e.basis in MEASURED and tops and e.interval.low > IMPOSSIBLE_FROM * max(tops):
            ratio = e.interval.low / max(tops)
            text = f"{e.parameter} {e.basis} {number(e.interval.low)} is {ratio:.3f} of the ceiling {number(max(tops))}"
            yield Line("possible", "invalid", f"{text}: no such part; check profile and timing, and measure again")


def soundness(record: Record, policy: Policy, today: date) -> Iterator[Line]:
    """The lines about a record as evidence."""
    yield from _figures(record.benchmarks)
    yield from _real(record, policy)
    if policy.record_age_days_max is not None:
        yield _age(record, policy.record_age_days_max, today)
    yield from _partition(record)
    if record.run.status != "complete":
        yield Line("complete", "warn", f"the run is {record.run.status}: what it did not reach is not judged")
    yield from _warnings(record)


def _figures(rows: Iterable[Row]) -> Iterator[Line]:
    own = list(rows)
    for row in own:
        if row.validity in ("invalid", "unstable") or _beyond(row):
            why = f": {row.notes[-1]}" if row.notes else ""
            yield Line("sound", "invalid", f"{row.title} is {row.validity}{why}" if not _beyond(row) else _ratio(row))
    if not any(row.measured and row.validity in ("valid", "unstable") for row in own):
        reasons = "; ".join(dict.fromkeys(r.reason for r in own if r.reason)) or "the record holds no benchmark"
        yield Line("measured", "undecided", f"no benchmark gave a figure: {reasons}")


def _beyond(row: Row) -> bool:
    e = row.rate_tops or row.bandwidth_gb_s
    return e is not None and bool(row.ceiling) and e.low > IMPOSSIBLE_FROM * (row.ceiling or 0.0)


def _ratio(row: Row) -> str:
    e = row.rate_tops or row.bandwidth_gb_s
    ratio = e.low / row.ceiling if e and row.ceiling else 0.0
    return f"{row.title} is {ratio:.3f} of the ceiling {number(row.ceiling or 0.0)}: physically impossible"


def _real(record: Record, policy: Policy) -> Iterator[Line]:
    emulated = bool(record.device.get("emulated")) or any(row.emulated for row in record.benchmarks)
    if emulated and not policy.emulated:
        text = "the record is emulated, no evidence for or against a real part; measure one, or set emulated = true"
        yield Line("emulated = false", "undecided", text)
    elif emulated:
        yield Line("emulated = true", "warn", "EMULATED: the emulated device is judged for itself, no real part is")


def _age(record: Record, days_max: float, today: date) -> Line:
    rule = f"record_age_days_max = {number(days_max)}"
    try:
        ended = datetime.fromisoformat(record.run.ended_at or record.run.started_at)
    except ValueError:
        return Line(rule, "undecided", f"the record's date cannot be read: {record.run.started_at!r}")
    measured_on = (ended if ended.tzinfo is None else ended.astimezone(UTC)).date()
    days = (today - measured_on).days
    said = f"measured on {measured_on.isoformat()}, {days} days before {today.isoformat()}"
    if days < 0:
        return Line(rule, "undecided", f"measured on {measured_on.isoformat()}, after {today.isoformat()}")
    if days > days_max:
        return Line(rule, "undecided", f"{said}: {number(days - days_max)} too many; measure again")
    return Line(rule, "pass", said)


def _partition(record: Record) -> Iterator[Line]:
    for finding in record.findings:
        if finding.code in PARTITIONS:
            yield Line("whole device", "undecided", f"{finding.text}; only claims speak of the device")


def _warnings(record: Record) -> Iterator[Line]:
    for finding in record.findings:
        if finding.severity == "warning" and finding.code not in PARTITIONS:
            yield Line(finding.code, "warn", finding.text)
