"""A part's parameters and evidence as plain JSON data; an unbounded end is null."""

from typing import Any

from greenzone.intervals import INF
from greenzone.parameters import PARAMETERS
from greenzone.parts.capability import Part


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
