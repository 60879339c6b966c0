"""Records written by hand: a part, what was measured of it, and what was found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenzone.intervals import Interval
from greenzone.parts.capability import part_of
from greenzone.parts.document import evidence_json, parameters_json
from greenzone.parts.evidence import Evidence
from greenzone.parts.profile import DeviceProfile
from greenzone.records import store
from greenzone.records.record import METRICS, SCHEMA
from greenzone.records.subject import part_json

# Of a benchmark that is there, where a case is about something else.
USUAL = {"name": "matmul", "format": "bf16", "window": "burst", "rate_tops": 100.0, "u": 1.0}


def row(name: str = "matmul", u: float = 1.0, validity: str = "valid", **more: Any) -> dict[str, Any]:
    """A row of a record; a figure is given as its median, with U beside it."""
    figures = {m: {"median": more[m], "low": more[m] - u, "high": more[m] + u} for m in METRICS if m in more}
    measured = "reason" not in more
    return {"name": name, "measured": measured, "validity": validity if measured else None, **more, **figures}


def measured_evidence(measured: dict[str, dict[str, float]]) -> list[Evidence]:
    return [
        Evidence(parameter, basis, Interval.at_least(low), "measured, y - U", None, "official")
        for parameter, bases in measured.items()
        for basis, low in bases.items()
    ]


@pytest.fixture
def write_record(tmp_path: Path) -> Callable[..., Path]:
    """Writes the record of a profile, with `measured`, `rows`, `findings` and other keys."""

    def write(
        profile: DeviceProfile, measured: Any = None, rows: Any = (), name: str = "r.json", **more: Any
    ) -> Path:
        part = part_of(profile, measured_evidence(measured or {}))
        document = {
            "schema": SCHEMA, "tool": {}, "rules": {}, "environment": {}, "settings": {},
            "run": {"id": "r1", "started_at": "2026-11-01T00:00:00+00:00", "status": "complete"},
            "device": {"id": "cuda:0", "name": profile.name, "emulated": False, "part": part_json(part)},
            "benchmarks": [row(**r) for r in rows or [USUAL]],
            "evidence": evidence_json(part), "parameters": parameters_json(part), **more,
        }  # fmt: skip
        path = tmp_path / name
        store.write(store.parse(document, "test"), path)
        return path

    return write
