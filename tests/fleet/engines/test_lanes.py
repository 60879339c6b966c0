"""Work side by side: what waits for what, what breaks, and an orderly end."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from greenzone.fleet.engines import lanes
from greenzone.fleet.engines.engine import Answer, Job, Slot, beside
from greenzone.fleet.engines.lanes import answers, lanes_of
from greenzone.lab.harness import Request


def job(number: int, node: str = "a") -> Job:
    return Job(number, Slot(node, f"cuda:{number}", "cuda:0"), Request())


JOBS = [job(0), job(1, "b"), job(2), job(3, "b")]


def test_a_lane_a_job_or_a_lane_a_node() -> None:
    assert [len(lane) for lane in lanes_of(JOBS, serial=False)] == [1, 1, 1, 1]
    assert [[j.number for j in lane] for lane in lanes_of(JOBS, serial=True)] == [[0, 2], [1, 3]]


def test_beside_a_device_are_those_of_its_node_unless_in_turns() -> None:
    assert beside(JOBS, serial=False) == {0: ["cuda:2"], 1: ["cuda:3"], 2: ["cuda:0"], 3: ["cuda:1"]}
    assert beside(JOBS, serial=True) == {0: [], 1: [], 2: [], 3: []}


def test_lanes_run_at_once_and_a_lane_in_turns() -> None:
    both, busy, most = threading.Barrier(2, timeout=30), [0, 0], [0, 0]

    def measure(one: Job) -> Answer:
        lane = one.number % 2
        busy[lane] += 1
        most[lane] = max(most[lane], busy[lane])
        both.wait()  # passes only if the other lane is under way
        busy[lane] -= 1
        return Answer(one.number, "ended")

    found = list(answers(lanes_of(JOBS, serial=True), measure, lambda: None, 4))
    assert sorted(answer.number for answer in found) == [0, 1, 2, 3]
    assert most == [1, 1]


def test_what_breaks_is_an_answer() -> None:
    def breaks(one: Job) -> Answer:
        if one.number == 1:
            raise OSError("no more processes")
        return Answer(one.number, "ended")

    found = {a.number: (a.end, a.why) for a in answers(lanes_of(JOBS, False), breaks, lambda: None, 2)}
    assert found[1] == ("failed", "OSError: no more processes")
    assert [found[n][0] for n in (0, 2, 3)] == ["ended"] * 3


def test_an_interrupt_stops_what_is_under_way_and_begins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, begun = threading.Event(), []

    def measure(one: Job) -> Answer:
        begun.append(one.number)
        assert stopped.wait(30)
        return Answer(one.number, "stopped")

    found: list[Answer] = []
    stream = answers(lanes_of(JOBS, serial=True), measure, stopped.set, 1)
    _interrupt_first_get(monkeypatch, lambda: bool(begun))
    with pytest.raises(KeyboardInterrupt):
        found.extend(stream)
    assert begun == [0]
    assert stopped.is_set()


def test_one_that_is_closed_early_stops_what_is_under_way() -> None:
    stopped, begun = threading.Event(), threading.Event()

    def measure(one: Job) -> Answer:
        if one.number == 0:
            return Answer(0, "ended")
        begun.set()
        assert stopped.wait(30)
        return Answer(one.number, "stopped")

    stream = answers(lanes_of(JOBS, serial=True), measure, stopped.set, 2)
    assert next(stream).number == 0
    assert begun.wait(30)
    stream.close()
    assert stopped.is_set()


def _interrupt_first_get(monkeypatch: pytest.MonkeyPatch, ready: Callable[[], bool]) -> None:
    """The queue is interrupted once, after a job is under way, as by Ctrl-C."""
    class Interrupted(SimpleQueue):  # type: ignore[type-arg]
        left = 1

        def get(self, *args: object) -> object:
            while not ready():
                time.sleep(0.01)
            if self.left:
                self.left = 0
                raise KeyboardInterrupt
            return super().get()

    monkeypatch.setattr(lanes, "SimpleQueue", Interrupted)
