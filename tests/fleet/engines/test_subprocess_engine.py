"""A process for each device: one dies, one is slow, one is late; each is named, and the rest is kept."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from greenzone.fleet.conduct import call, conduct, new_roll
from greenzone.fleet.engines.child import UNBEGUN, line_of
from greenzone.fleet.engines.engine import Answer, Job, Slot
from greenzone.fleet.engines.process import Child
from greenzone.fleet.engines.subprocess_engine import SubprocessEngine
from greenzone.fleet.roll import Roll, read_roll
from greenzone.lab.harness import Request
from greenzone.records.store import read

NODE = "emulated:3xnvidia-l20"


def go(roll: Roll, folder: Path, faults: dict[int, str] | None = None, serial: bool = False) -> Roll:
    engine = SubprocessEngine(300, serial)
    return conduct(roll, call(roll, engine, folder, faults), engine, folder, lambda entry, text: None)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet of three, of which the second was killed in the middle of its run and the third is slow."""
    folder = tmp_path_factory.mktemp("fleet")
    request = Request(workloads=("interconnect", "matmul"), formats=("bf16",))
    roll = new_roll(request, "subprocess", [NODE])
    go(roll, folder, {1: "killed@0.5", 2: "slow-sibling:3"})
    return folder


def test_one_that_is_killed_is_named_and_the_rest_is_kept(broken: Path) -> None:
    roll = read_roll(broken)
    assert [entry.state for entry in roll.entries] == ["done", "failed", "done"]
    assert (roll.entries[1].why, roll.exit_code) == ("its process died (killed by SIGKILL)", 1)
    assert len({entry.uuid for entry in roll.entries}) == 3
    assert read(broken / (roll.entries[1].record or "")).run.status == "running"


def test_the_slow_one_says_so_itself(broken: Path) -> None:
    notes = read_roll(broken).entries[2].notes
    assert any("slower than its siblings usually are" in note for note in notes), notes
    assert read_roll(broken).entries[0].notes == []


def test_the_one_that_was_killed_goes_on_with_its_record(broken: Path) -> None:
    roll = read_roll(broken)
    record = roll.entries[1].record
    go(roll, broken)
    assert ([entry.state for entry in roll.entries], roll.exit_code) == (["done"] * 3, 0)
    assert roll.entries[1].record == record
    assert len(read(broken / (record or "")).run.resumed_at) == 1
    assert len(list(broken.rglob("2*.json"))) == 3


def job(folder: Path, fault: str | None = None) -> Job:
    device = "emulated:nvidia-l20"
    return Job(0, Slot("a", device, device), Request(device, workloads=("interconnect",), folder=folder, fault=fault))


def answered(child: Child, then: Callable[[Child], None] = lambda child: None) -> Answer:
    """The child's answer, `then` done when it has finished its first benchmark."""
    return child.answer(lambda text: then(child))


def test_one_that_takes_too_long_is_ended_and_is_late(tmp_path: Path) -> None:
    answer = answered(Child(job(tmp_path), timeout_s=0.01))
    assert (answer.end, answer.why) == ("late", "no end after 0.01 s: it was ended; --timeout gives more")


def test_one_that_is_told_to_stop_keeps_what_it_has(tmp_path: Path) -> None:
    slow = job(tmp_path)
    slow = Job(0, slow.slot, Request(slow.request.device, folder=tmp_path))
    answer = answered(Child(slow, 300), lambda child: child.stop())
    assert answer.end == "stopped"
    assert answer.record is not None
    record = read(answer.record)
    assert (record.run.status, bool(record.benchmarks)) == ("interrupted", True)


def test_a_child_whose_parent_is_gone_ends_itself(tmp_path: Path) -> None:
    """Its standard input is closed by the system then, as it is here."""
    child = Child(Job(0, job(tmp_path).slot, Request("cpu", folder=tmp_path)), 300)
    child._input.close()
    code = child._process.wait(timeout=60)
    child.end()
    child._output.close()
    child._log.close()
    assert code == 0


@pytest.mark.parametrize("moment", ["json.loads", "child.measured"])
def test_an_interrupt_at_any_moment_is_told_as_a_stop(moment: str) -> None:
    """While it still reads what is asked, too, and as it returns."""
    code = (
        "import json, sys\nfrom greenzone.fleet.engines import child\n"
        "def interrupted(*given):\n    raise KeyboardInterrupt\n"
        f"{moment} = interrupted\nchild.main()"
    )
    asked = line_of(Request("emulated:nvidia-l20"), None)
    end = subprocess.run([sys.executable, "-c", code], input=asked, capture_output=True, timeout=60, check=False)
    assert (end.returncode, json.loads(end.stdout)) == (0, ["stopped", UNBEGUN])


def test_a_measurement_that_ended_before_it_was_stopped_has_ended(tmp_path: Path) -> None:
    """It had said so before it heard."""
    child = Child(job(tmp_path), 300)
    child._process.wait(timeout=120)
    child.stop()
    answer = child.answer(lambda text: None)
    assert (answer.end, answer.why) == ("ended", None)
    assert read(answer.record or Path()).run.status == "complete"


def test_in_turns_each_sees_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies to a peer need one; at once, each process sees its own device alone."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    [turns], [alone] = (SubprocessEngine(9, serial).devices(["cuda:3"]) for serial in (True, False))
    assert (turns.seen_as, turns.environment) == ("cuda:3", {})
    assert (alone.seen_as, alone.environment) == ("cuda:0", {"CUDA_VISIBLE_DEVICES": "3"})


def test_a_child_that_breaks_says_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = job(tmp_path)
    monkeypatch.setattr("greenzone.fleet.engines.process.line_of", lambda request, begun: b"no request\n")
    answer = answered(Child(wrong, 300))
    assert answer.end == "failed"
    assert "exit code 1" in (answer.why or "")
    assert "JSONDecodeError" in (answer.why or "")


def test_a_device_that_cannot_be_opened_is_missing(tmp_path: Path) -> None:
    absent = Job(0, Slot("a", "cuda:999", "cuda:999"), Request("cuda:999", folder=tmp_path))
    answer = answered(Child(absent, 300))
    assert (answer.end, answer.record) == ("missing", None)
    assert "cuda:999" in (answer.why or "")


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_an_end_takes_every_process_with_it(tmp_path: Path) -> None:
    child = Child(job(tmp_path, "hang"), 300)  # a workload that may hang runs in a process of the child's own
    waited = time.monotonic() + 60
    while not (own := _children(child._process.pid)) and time.monotonic() < waited:
        time.sleep(0.05)
    child.end()
    answer = answered(child)
    assert answer.why == f"its process died (killed by {signal.Signals.SIGKILL.name})"
    assert own
    assert not any(Path(f"/proc/{pid}").exists() and _state(pid) != "Z" for pid in own)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [int(number) for number in text.split()]


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
