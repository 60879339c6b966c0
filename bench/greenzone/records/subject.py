"""From a part to what a record keeps of it, and back: a record is classified from itself alone."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from greenzone.errors import RecordError
from greenzone.intervals import INF, Interval
from greenzone.parameters import PARAMETERS
from greenzone.parts.capability import Part, fold, with_derived
from greenzone.parts.evidence import Evidence
from greenzone.records.record import Record


def part_json(part: Part) -> dict[str, Any]:
    """The item facts of a part; its figures are the record's evidence."""
    return {
        "id": part.id, "name": part.name, "item": part.item, "datacenter": part.datacenter,
        "io_limit": part.io_limit, "other_facts": dict(part.other_facts), "uncapped_io_gb_s": part.uncapped_io_gb_s,
    }  # fmt: skip


def part_of_record(record: Record, path: object = "record") -> Part:
    """The part a record describes, its claims and its measurements as they stood.

    Raises:
        RecordError: the record has no part, or evidence that cannot be read.
    """
    facts = record.device.get("part")
    if not isinstance(facts, Mapping):
        raise RecordError(f"{path}: the record names no part, so there is nothing to classify")
    try:
        evidence = [_evidence(row) for row in record.evidence]
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{path}: its evidence cannot be read ({error!r})") from None
    values = {name: fold([e for e in evidence if e.parameter == name]) for name in _names(evidence)}
    part = Part(
        id=facts.get("id"), name=str(facts.get("name")), item=facts.get("item") or "integrated_circuit",
        datacenter=facts.get("datacenter"), io_limit=facts.get("io_limit"),
        other_facts=facts.get("other_facts") or {},
        uncapped_io_gb_s=facts.get("uncapped_io_gb_s"), values=values, evidence=tuple(evidence),
        emulated=bool(record.device.get("emulated")),
    )  # fmt: skip
    return with_derived(part)


def _names(evidence: Sequence[Evidence]) -> list[str]:
    found = {e.parameter for e in evidence}
    return [name for name in PARAMETERS if name in found]


def _evidence(row: Mapping[str, Any]) -> Evidence:
    governing = row.get("governing")
    interval = _interval(row["low"], row["high"], bool(row.get("high_open")))
    return Evidence(
        parameter=str(row["parameter"]), basis=str(row["basis"]), interval=interval,
        working=str(row["working"]), source=row.get("source"), confidence=str(row.get("confidence") or "reported"),
        governing=_interval(*governing) if governing else None, emulated=bool(row["emulated"]),
    )  # fmt: skip


def _interval(low: Any, high: Any, high_open: bool = False) -> Interval:
    top = INF if high is None else float(high)
    if not math.isfinite(float(low)):
        raise ValueError(f"low is {low}")
    return Interval(float(low), top, False, high_open)
