"""Devices of a fleet made by hand: what their figures are is known."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from greenzone.fleet.gathering.figures import DeviceSummary, Figure

TITLE = "matmul bf16 sustained"
Make = Callable[..., DeviceSummary]


def _figure(median: float, u: float = 0.2, claimed: float | None = 148.0, validity: str = "valid") -> Figure:
    return Figure("TOPS", median, median - u, median + u, validity, claimed)


@pytest.fixture
def figure() -> Callable[..., Figure]:
    """A figure by its median, U, claim and validity."""
    return _figure


@pytest.fixture
def device() -> Make:
    """A device by number, on a node of eight, with one figure; anything of it may be said otherwise."""

    def make(n: int = 0, rate: float = 140.0, **said: Any) -> DeviceSummary:
        node = said.get("node", f"node{n // 8:02}")
        facts: dict[str, Any] = {
            "run": f"run{n}", "started_at": "2026-11-01T00:00:00+00:00", "ended_at": "2026-11-01T00:01:00+00:00",
            "status": "complete", "suite": "quick", "emulated": True, "device": f"cuda:{n % 8}", "name": "NVIDIA H20",
            "uuid": f"EMULATED-{n}", "part": "nvidia-h20", "node": node, "place": f"{node}-{n % 8}", "siblings": None,
            "fault": None, "beside": {"driver": "580"}, "figures": {TITLE: _figure(rate)}, **said,
        }  # fmt: skip
        return DeviceSummary(**facts)

    return make


@pytest.fixture
def lot(device: Make) -> Callable[..., list[DeviceSummary]]:
    """As many devices as rates are given."""
    return lambda rates, **said: [device(n, rate, **said) for n, rate in enumerate(rates)]


@pytest.fixture
def write_lines(tmp_path: Path) -> Callable[..., Path]:
    """A file of device summaries."""

    def write(devices: Sequence[DeviceSummary], name: str = "fleet.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(d.line() for d in devices), "utf-8")
        return path

    return write
