"""Records for the commands that read them, written by hand in a folder of the test's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenzone.parts.capability import part_of
from greenzone.parts.catalogue import load_profile
from greenzone.parts.document import evidence_json
from greenzone.records import store
from greenzone.records.record import SCHEMA
from greenzone.records.subject import part_json


@pytest.fixture
def write_record(tmp_path: Path) -> Callable[..., Path]:
    """Writes the record of a shipped part that read its memory at a rate."""

    def write(name: str = "r.json", part: str = "nvidia-l2", gb_s: float = 300.0, **device: Any) -> Path:
        own = part_of(load_profile(part))
        rate = {"median": gb_s, "low": gb_s * 0.99, "high": gb_s * 1.01}
        row = {"name": "memory.read", "window": "burst", "validity": "valid", "bandwidth_gb_s": rate}
        document = {
            "schema": SCHEMA, "tool": {"version": "1"}, "rules": {}, "environment": {}, "settings": {},
            "run": {"id": "r1", "started_at": "2026-11-01T00:00:00+00:00", "status": "complete"},
            "device": {"id": "cuda:0", "name": own.name, "part": part_json(own), **device},
            "benchmarks": [row | {"samples": [1 / gb_s] * 20}], "evidence": evidence_json(own),
        }  # fmt: skip
        path = tmp_path / name
        store.write(store.parse(document, "test"), path)
        return path

    return write
