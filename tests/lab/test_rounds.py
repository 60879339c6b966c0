"""Further rounds: an order of its own each time, slow spells seen, failures kept apart."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from greenzone.errors import DeviceError
from greenzone.lab.devices import open_device
from greenzone.lab.harness import measured_rows
from greenzone.lab.measure import BUDGETS
from greenzone.lab.operators import Matmul, Operator
from greenzone.lab.results import Again, Check, NotMeasured, Result
from greenzone.lab.rounds import further_rounds
from greenzone.lab.workloads import Plan
from greenzone.lab.workloads.plan import figures
from greenzone.parts.catalogue import load_profile
from greenzone.records.record import key

SIDES = (8, 16, 24, 32, 40)
CALL_S = 0.01
PLAN = Plan("standard")


class Kernel:
    variant = note = None

    def __init__(self, operator: Operator) -> None:
        self.operator = operator

    def launch(self) -> None: ...
    def close(self) -> None: ...
    def check(self) -> Check:
        return Check(0.0, 1.0, "none")


class Machine:
    """A device on which the n-th kernel prepared takes `slowness[n]` times as long; some cannot be prepared."""

    id = "machine"

    def __init__(self, slowness: dict[int, float] | None = None, broken: tuple[int, ...] = ()) -> None:
        self.slowness, self.broken = slowness or {}, broken
        self.clock, self.prepared = 0.0, list[int]()

    def prepare(self, operator: Any, seed: int) -> Kernel:
        if operator.m in self.broken:
            raise DeviceError("the device is lost")
        self.prepared.append(operator.m)
        return Kernel(operator)

    def time(self, _: Any, count: int) -> list[float]:
        seconds = CALL_S * self.slowness.get(len(self.prepared), 1.0)
        self.clock += seconds * count
        return [seconds] * count

    def now(self) -> float:
        return self.clock

    def states(self) -> list[Any]:
        return []

    def remarks(self) -> tuple[str, ...]:
        return ()


def result(side: int, again: bool = True) -> Result:
    operator = Matmul(side, side, side, "fp32")
    count = partial(figures, "rate_tops", operator.operations / 1e12)
    samples = (CALL_S,) * 30
    return Result(
        "matmul", "fp32", None, "sustained", "normal", operator.shape, operator.operations, operator.bytes, (),
        samples, count(samples).metrics, None, "valid", again=Again(operator, count) if again else None,
    )  # fmt: skip


def rounds(machine: Machine, found: list[Any]) -> list[Result]:
    device: Any = machine
    return list(further_rounds(device, found, PLAN))


def test_each_result_gets_all_rounds_and_the_order_changes() -> None:
    machine = Machine()
    again = rounds(machine, [result(side) for side in SIDES])
    assert [r.shape["m"] for r in again] == list(SIDES)
    assert all(len(list(r.extra["rounds"])) == BUDGETS["standard"].rounds for r in again)  # type: ignore[call-overload]
    first, second = machine.prepared[: len(SIDES)], machine.prepared[len(SIDES) :]
    assert sorted(first) == sorted(second) == list(SIDES)
    assert first != second


def test_a_slow_spell_is_named_and_enters_the_uncertainty() -> None:
    steady, shaken = (rounds(Machine(slow), [result(8)])[0] for slow in ({}, {2: 1.3}))
    assert not any("rounds differ" in note for note in steady.notes)
    assert "the medians of 3 rounds differ by 30.0%" in shaken.notes
    width = [r.metrics["rate_tops"].expanded_uncertainty / r.metrics["rate_tops"].median for r in (steady, shaken)]
    assert width[0] < 0.001
    assert width[1] > 0.1


def test_a_round_that_fails_is_noted_and_the_first_stands() -> None:
    machine = Machine(broken=(16,))
    again = rounds(machine, [result(8), result(16)])
    assert [r.shape["m"] for r in again] == [8]


@pytest.mark.parametrize(
    "left", [result(8, again=False), replace(result(8), validity="invalid"), NotMeasured("matmul", "fp8", "no path")]
)
def test_what_has_no_sound_samples_is_left_alone(left: Any) -> None:
    machine = Machine()
    assert rounds(machine, [left]) == []
    assert machine.prepared == []


def test_the_last_row_of_each_benchmark_has_the_samples_of_all_rounds() -> None:
    device = open_device("emulated:nvidia-h20", load_profile)
    rows = list(measured_rows(device, "matmul", Plan("standard", formats=("bf16",))))
    last = {key(row): row for row in rows}
    sustained = [row for row in last.values() if row.window == "sustained"]
    assert sustained
    for row in sustained:
        assert len(row.rounds) == 3
        assert sum(row.rounds) == len(row.samples)
    assert all(not row.rounds for row in last.values() if row.window == "burst")


def test_one_round_asks_for_nothing_more() -> None:
    machine: Any = Machine()
    assert list(further_rounds(machine, [result(8)], Plan("quick"))) == []
