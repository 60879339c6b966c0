"""The engine of this process: its own devices one after another, each named by how it ended."""

from collections.abc import Callable
from pathlib import Path

import pytest

from greenzone.errors import DeviceLost
from greenzone.fleet.conduct import call, conduct, new_roll
from greenzone.fleet.engines.in_process import InProcessEngine
from greenzone.fleet.roll import Roll
from greenzone.lab import harness
from greenzone.lab.harness import Request


def whole(request: Request, folder: Path, told: Callable[[str | None], None], *devices: str) -> Roll:
    engine = InProcessEngine()
    roll = new_roll(request, "in-process", devices)
    return conduct(roll, call(roll, engine, folder), engine, folder, lambda entry, text: told(text))


def test_devices_are_measured_here(fleet_request: Request, folder: Path) -> None:
    told: list[str | None] = []
    roll = whole(fleet_request, folder, told.append, "emulated:2xnvidia-l20")
    assert [entry.state for entry in roll.entries] == ["done", "done"]
    assert told.count(None) == 2
    assert any(text and text.startswith("interconnect") for text in told)


def test_one_that_cannot_be_opened_is_missing(
    fleet_request: Request, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise DeviceLost("it fell off the bus")

    monkeypatch.setattr(harness, "open_device", gone)
    [entry] = whole(fleet_request, folder, lambda _: None, "emulated:nvidia-l20").entries
    assert (entry.state, entry.why, entry.exit_code) == ("missing", "it fell off the bus", 1)


def test_an_interrupt_is_passed_on_after_the_answer(
    fleet_request: Request, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(harness, "open_device", interrupted)
    engine = InProcessEngine()
    roll = new_roll(fleet_request, "in-process", ["emulated:2xnvidia-l20"])
    with pytest.raises(KeyboardInterrupt):
        conduct(roll, call(roll, engine, folder), engine, folder, lambda entry, text: None)
    assert [entry.state for entry in roll.entries] == ["stopped", "waiting"]
