"""A child that hangs, dies, fails or ends well: what the parent makes of each."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenzone.errors import DeviceError
from greenzone.lab.isolation import Watched
from greenzone.lab.workloads import Plan
from greenzone.records.record import Row

FORMATS = ("fp32", "bf16", "int8")


@pytest.fixture(autouse=True)
def children_find_this_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child imports what it is to run by the name it has here."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2])


def well(name: str, plan: Plan) -> Iterator[Row]:
    formats = plan.formats or (FORMATS if name == "matmul" else ("none",))
    yield from (Row(name=name, format=f) for f in formats)


def hanging_at_bf16(name: str, plan: Plan) -> Iterator[Row]:
    for f in plan.formats or FORMATS:
        if f == "bf16":
            time.sleep(600)
        yield Row(name=name, format=f)


def dying_at_bf16(name: str, plan: Plan) -> Iterator[Row]:
    for f in plan.formats or ():
        if f == "bf16":
            os.kill(os.getpid(), signal.SIGKILL)
        yield Row(name=name, format=f)


def failing(name: str, plan: Plan) -> Iterator[Row]:
    yield Row(name=name)
    raise DeviceError("cuda:0: the device is gone")


def told(rows: Iterator[Row]) -> list[tuple[str | None, bool]]:
    return [(r.format, r.measured) for r in rows]


def test_a_workload_that_ends_well_gives_its_rows() -> None:
    watched = Watched(well, 60, FORMATS)
    assert told(watched.rows("matmul", Plan())) == [(f, True) for f in FORMATS]
    assert told(watched.rows("memory", Plan())) == [("none", True)]


def test_a_kernel_that_hangs_is_ended_and_the_formats_after_it_are_measured() -> None:
    rows = list(Watched(hanging_at_bf16, 3, FORMATS).rows("matmul", Plan()))
    assert told(iter(rows)) == [("fp32", True), ("bf16", False), ("int8", True)]
    assert rows[1].reason == "no answer for 3 s: it hangs; it was ended, and the run went on without it"


def test_a_child_that_dies_is_said_with_its_signal() -> None:
    rows = list(Watched(dying_at_bf16, 60, FORMATS).rows("peak", Plan(formats=FORMATS)))
    assert told(iter(rows)) == [("fp32", True), ("bf16", False), ("int8", True)]
    assert "killed by SIGKILL" in str(rows[1].reason)


def test_a_device_that_cannot_be_used_is_the_error_it_is() -> None:
    with pytest.raises(DeviceError, match="the device is gone"):
        list(Watched(failing, 60, FORMATS).rows("memory", Plan()))


def breaking(name: str, plan: Plan) -> Iterator[Row]:
    yield Row(name=name, format="fp32")
    raise RuntimeError("CUDA error: an illegal memory access\nmore of it")


def asking(name: str, plan: Plan) -> Iterator[Row]:
    yield Row(name=name, reason=str(plan.formats))


def test_an_error_that_nobody_expected_is_a_reason_and_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    rows = list(Watched(breaking, 60, ("fp32",)).rows("memory", Plan()))
    assert rows[1].reason == "it broke (RuntimeError: CUDA error: an illegal memory access); the run went on without it"
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("name", ["matmul", "peak", "memory"])
def test_a_workload_that_chooses_its_formats_is_left_to(name: str) -> None:
    (row,) = Watched(asking, 60, FORMATS).rows(name, Plan())
    assert row.reason == "None"
