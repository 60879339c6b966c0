"""From a part to what a record keeps of it, and back: a record is classified from itself alone."""

import math
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

from greenzone.errors import RecordError
from greenzone.intervals import INF, Interval
from greenzone.parameters import BASES, CONFIDENCES, ITEMS, PARAMETERS
from greenzone.parts.capability import Part, folded, with_derived
from greenzone.parts.evidence import Evidence
from greenzone.records.record import Record


def part_json(part: Part) -> dict[str, Any]:
    """The item facts of a part; its figures are the record's evidence."""
    return {
        "id": part.id, "name": part.name, "item": part.item, "datacenter": part.datacenter,
        "io_limit": part.io_limit, "other_facts": dict(part.other_facts), "warnings": list(part.warnings),
        "uncapped_io_gb_s": part.uncapped_io_gb_s,
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
        _check_facts(facts)
        evidence = [_evidence(row) for row in record.evidence]
        _check_single(evidence)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RecordError(f"{path}: its evidence cannot be read ({error!r})") from None
    part = Part(
        id=facts.get("id"), name=str(facts.get("name")), item=facts.get("item") or "integrated_circuit",
        datacenter=facts.get("datacenter"), io_limit=facts.get("io_limit"),
        other_facts=facts.get("other_facts") or {}, warnings=tuple(map(str, facts.get("warnings") or ())),
        uncapped_io_gb_s=facts.get("uncapped_io_gb_s"), values=folded(evidence), evidence=tuple(evidence),
        emulated=bool(record.device.get("emulated")) or any(e.emulated for e in evidence),
    )  # fmt: skip
    return with_derived(part)


def _check_facts(facts: Mapping[str, Any]) -> None:
    allowed: dict[str, tuple[object, ...]] = {
        "item": ITEMS, "datacenter": (True, False, None), "io_limit": ("fused", "programmable", None),
    }  # fmt: skip
    for name, values in allowed.items():
        value = facts.get(name)
        if not any(value is v or (isinstance(v, str) and value == v) for v in values):
            raise ValueError(f"device.part.{name} is {value!r}; allowed: {values}")
    if not isinstance(facts.get("id"), (str, NoneType)) or not isinstance(facts.get("name"), str):
        raise TypeError("device.part.id and device.part.name are text")


def _check_single(evidence: Sequence[Evidence]) -> None:
    """A parameter is claimed once and rated once: a second statement would hide the first."""
    once = [(e.parameter, e.basis) for e in evidence if e.basis in ("claimed", "rated", "set")]
    for key in once:
        if once.count(key) > 1:
            raise ValueError(f"evidence: {key[0]} stands twice on the basis {key[1]}")


def _evidence(row: Mapping[str, Any]) -> Evidence:
    governing = row.get("governing")
    for key, names in (("parameter", [*PARAMETERS]), ("basis", [*BASES, "set"]), ("confidence", [*CONFIDENCES])):
        if row[key] not in names:
            raise ValueError(f"evidence: {key} is {row[key]!r}; allowed: {', '.join(names)}")
    if not isinstance(row["emulated"], bool):
        raise TypeError("evidence: emulated is true or false")
    interval = _interval(row["low"], row["high"], bool(row.get("high_open")))
    return Evidence(
        parameter=str(row["parameter"]), basis=str(row["basis"]), interval=interval,
        working=str(row["working"]), source=row.get("source"), confidence=str(row["confidence"]),
        governing=_interval(*governing) if governing else None, emulated=bool(row["emulated"]),
    )  # fmt: skip


def _interval(low: Any, high: Any, high_open: bool = False) -> Interval:
    if isinstance(low, bool) or isinstance(high, bool):
        raise TypeError("evidence: low and high are numbers")
    top = INF if high is None else float(high)
    if not math.isfinite(float(low)):
        raise ValueError(f"low is {low}")
    return Interval(float(low), top, False, high_open)
