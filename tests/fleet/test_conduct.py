"""A fleet by an engine that is a script: the roll as it goes, what is kept, and how it goes on."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from greenzone.datafiles import data_root
from greenzone.errors import FileError, UsageError
from greenzone.fleet.conduct import call, conduct, new_roll
from greenzone.fleet.engines.engine import Answer, Engine, Job, Slot
from greenzone.fleet.roll import Roll, read_roll
from greenzone.lab import harness
from greenzone.lab.harness import Request
from greenzone.records.store import read

Make = Callable[..., Any]
Measure = Callable[[Job], Answer]
PAIR = ("emulated:2xnvidia-l20:0", "emulated:2xnvidia-l20:1")


def whole(request: Request, engine: Engine, folder: Path, **more: Any) -> Roll:
    roll = new_roll(request, "scripted", **{k: v for k, v in more.items() if k == "serial"})
    slots = call(roll, engine, folder, more.get("faults"), more.get("expected"))
    return conduct(roll, slots, engine, folder, lambda entry, text: None)


def states(roll: Roll) -> list[str]:
    return [entry.state for entry in roll.entries]


def test_each_device_has_its_record_and_its_place_in_it(fleet_request: Request, scripted: Make, folder: Path) -> None:
    roll = whole(fleet_request, scripted(*PAIR), folder)
    assert (states(roll), roll.exit_code) == (["done", "done"], 0)
    assert len({entry.uuid for entry in roll.entries}) == 2
    record = read(folder / (roll.entries[1].record or ""))
    assert record.settings["device"] == PAIR[1]
    told = record.environment["fleet"]
    assert (told["id"], told["node"], told["number"], told["of"], told["beside"]) == (roll.id, "a", 1, 2, [PAIR[0]])


def test_in_turns_no_device_is_beside_another(fleet_request: Request, scripted: Make, folder: Path) -> None:
    engine = scripted(*PAIR)
    whole(fleet_request, engine, folder, serial=True)
    assert [job.request.fleet["beside"] for job in engine.asked] == [[], []]


def test_the_roll_on_disk_is_that_of_the_moment(fleet_request: Request, scripted: Make, folder: Path) -> None:
    seen: list[list[str]] = []
    engine = scripted(*PAIR)
    roll = new_roll(fleet_request, "scripted")
    slots = call(roll, engine, folder)
    conduct(roll, slots, engine, folder, lambda entry, text: seen.append(states(read_roll(folder))) if text else None)
    assert seen == [["waiting", "waiting"], ["done", "waiting"]]
    assert read_roll(folder) == roll
    assert json.loads((folder / "roll.json").read_text("utf-8"))["schema"] == "greenzone.fleet/1"


def test_one_that_dies_is_named_and_the_rest_is_kept(
    fleet_request: Request, scripted: Make, sound: Measure, folder: Path
) -> None:
    def dies(job: Job) -> Answer:
        return sound(job) if job.number else Answer(0, "failed", "its process died (killed by SIGKILL)")

    roll = whole(fleet_request, scripted(*PAIR, answer=dies), folder)
    assert (states(roll), roll.exit_code) == (["failed", "done"], 1)
    assert roll.entries[0].why == "its process died (killed by SIGKILL)"


def test_a_fleet_goes_on_with_what_is_not_finished(
    fleet_request: Request, scripted: Make, sound: Measure, folder: Path
) -> None:
    def stops(job: Job) -> Answer:
        if job.number:
            raise KeyboardInterrupt
        return sound(job)

    engine = scripted(*PAIR, answer=stops)
    with pytest.raises(KeyboardInterrupt):
        whole(fleet_request, engine, folder)
    assert states(read_roll(folder)) == ["done", "waiting"]
    again = scripted(*PAIR, node="b")  # a cluster that was started anew may call its nodes otherwise
    roll = read_roll(folder)
    conduct(roll, call(roll, again, folder), again, folder, lambda entry, text: None)
    assert [job.number for job in again.asked] == [1]
    assert (states(roll), [entry.node for entry in roll.entries]) == (["done", "done"], ["a", "b"])


def test_a_fleet_that_another_process_is_at_work_on_is_left_to_it(
    fleet_request: Request, scripted: Make, folder: Path, held_elsewhere: Callable[[Path], AbstractContextManager[None]]
) -> None:
    roll = whole(fleet_request, scripted(*PAIR), folder)
    before = (folder / "roll.json").read_bytes()
    again = scripted(*PAIR)
    with held_elsewhere(folder / "roll.json"), pytest.raises(FileError, match="another process is at work on it"):
        conduct(roll, call(roll, again, folder), again, folder, lambda entry, text: None)
    assert (folder / "roll.json").read_bytes() == before


def test_a_whole_record_that_nobody_entered_is_entered_and_not_measured_again(
    fleet_request: Request, scripted: Make, folder: Path
) -> None:
    """Whoever conducted the fleet was killed after the device was done and before the roll said so."""
    roll = whole(fleet_request, scripted(*PAIR), folder)
    done = roll.entries[0].record
    roll.entries[0] = roll.entries[0].model_copy(update={"state": "waiting", "record": None, "uuid": None})
    again = scripted(*PAIR)
    conduct(roll, call(roll, again, folder), again, folder, lambda entry, text: None)
    assert again.asked == []
    assert (states(roll), roll.entries[0].record, roll.exit_code) == (["done", "done"], done, 0)
    assert states(read_roll(folder)) == ["done", "done"]


def test_a_whole_record_of_another_run_is_measured_anew(
    fleet_request: Request, scripted: Make, folder: Path
) -> None:
    roll = whole(fleet_request, scripted(*PAIR), folder)
    roll.entries[0] = roll.entries[0].model_copy(update={"state": "waiting", "record": None})
    roll.request["seed"] = 7
    again = scripted(*PAIR)
    conduct(roll, call(roll, again, folder), again, folder, lambda entry, text: None)
    assert [job.number for job in again.asked] == [0]
    assert "measured anew" in (roll.entries[0].why or "")


def test_a_model_of_one_s_own_has_an_id_of_its_own(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_bytes((data_root() / "models" / "gpt2.toml").read_bytes())
    with pytest.raises(UsageError, match="its id 'gpt2' is a shipped model's; give it another"):
        new_roll(Request(models=(str(own),)), "scripted")


def test_a_record_that_was_begun_is_gone_on_with(
    fleet_request: Request, scripted: Make, sound: Measure, folder: Path
) -> None:
    def half(job: Job) -> Answer:
        answer = sound(job)
        data = json.loads((answer.record or Path()).read_text("utf-8"))
        data["run"] |= {"status": "interrupted", "finished": []}
        (answer.record or Path()).write_text(json.dumps(data), "utf-8")
        return replace(answer, end="stopped", why="stopped after 0 benchmarks")

    roll = whole(fleet_request, scripted(PAIR[0], answer=half), folder)
    assert states(roll) == ["stopped"]
    record = folder / (roll.entries[0].record or "")
    again = scripted(PAIR[0], node="b")
    conduct(roll, call(roll, again, folder), again, folder, lambda entry, text: None)
    assert [job.begun for job in again.asked] == [record]
    assert (states(roll), roll.entries[0].why) == (["done"], None)
    assert len(read(record).run.resumed_at) == 1
    assert list(folder.rglob("2*.json*")) == [record]


def test_a_record_of_another_version_stays_and_is_measured_anew(
    fleet_request: Request, scripted: Make, sound: Measure, folder: Path
) -> None:
    def old(job: Job) -> Answer:
        answer = sound(job)
        data = json.loads((answer.record or Path()).read_text("utf-8"))
        data["run"] |= {"status": "interrupted", "finished": []}
        data["tool"] |= {"package_sha256": "0"}
        (answer.record or Path()).write_text(json.dumps(data), "utf-8")
        return replace(answer, end="stopped")

    roll = whole(fleet_request, scripted(PAIR[0], answer=old), folder)
    before, again = folder / (roll.entries[0].record or ""), scripted(PAIR[0])
    conduct(roll, call(roll, again, folder), again, folder, lambda entry, text: None)
    assert states(roll) == ["done"]
    assert "measured anew: " in (roll.entries[0].why or "")
    assert "tool.package_sha256 was '0'" in (roll.entries[0].why or "")
    assert before.with_suffix(".json.old").is_file()
    assert not before.exists()


def test_those_that_are_not_there_are_missing(fleet_request: Request, scripted: Make, folder: Path) -> None:
    engine = scripted(PAIR[0])
    engine.slots = [Slot("a", "pci:3b:00.0", "pci:3b:00.0", why="it cannot be used: no driver"), *engine.slots]
    roll = whole(fleet_request, engine, folder, expected=3)
    assert (states(roll), roll.exit_code) == (["missing", "done", "missing"], 1)
    assert [entry.why for entry in roll.entries] == [
        "it cannot be used: no driver", None, "3 devices were expected and 2 are there"
    ]  # fmt: skip


def test_one_that_never_came_may_come_when_the_fleet_goes_on(
    fleet_request: Request, scripted: Make, folder: Path
) -> None:
    roll = whole(fleet_request, scripted(PAIR[0]), folder, expected=2)
    assert states(roll) == ["done", "missing"]
    again = scripted(*PAIR)
    conduct(roll, call(roll, again, folder), again, folder, lambda entry, text: None)
    assert [job.slot.device for job in again.asked] == [PAIR[1]]
    assert (states(roll), roll.entries[1].device, roll.exit_code) == (["done", "done"], PAIR[1], 0)


def test_an_interrupt_between_two_answers_stops_the_engine(
    fleet_request: Request, scripted: Make, sound: Measure, folder: Path
) -> None:
    """What the engine has under way must not go on when nobody waits for it any more."""
    engine, closed = scripted(*PAIR), []

    def run(jobs: Any, told: Any) -> Any:
        try:
            yield from (sound(job) for job in jobs)
        finally:
            closed.append(True)

    def interrupt(entry: object, text: str | None) -> None:
        raise KeyboardInterrupt

    engine.run = run
    roll = new_roll(fleet_request, "scripted")
    with pytest.raises(KeyboardInterrupt):
        conduct(roll, call(roll, engine, folder), engine, folder, interrupt)
    assert closed == [True]
    assert states(read_roll(folder)) == ["done", "waiting"]


def test_one_device_that_comes_twice_is_named_twice(fleet_request: Request, scripted: Make, folder: Path) -> None:
    roll = whole(fleet_request, scripted(PAIR[0], PAIR[0], PAIR[1]), folder)
    assert (states(roll), roll.exit_code) == (["twice", "twice", "done"], 1)
    assert "the UUID of device 1 (a emulated:2xnvidia-l20:0)" in (roll.entries[0].why or "")
    assert "the UUID of device 0 " in (roll.entries[1].why or "")


def test_a_record_of_another_suite_is_refused(fleet_request: Request, scripted: Make, folder: Path) -> None:
    def longer(job: Job) -> Answer:
        request = replace(job.request, seed=job.number)
        return Answer(job.number, "ended", None, harness.run(request).path)

    roll = whole(fleet_request, scripted(*PAIR, answer=longer), folder)
    assert (states(roll), roll.exit_code) == (["done", "refused"], 1)
    assert roll.entries[1].why == "its record is of another run: seed 1, not 0"


def test_a_fault_is_of_one_device(fleet_request: Request, scripted: Make, folder: Path) -> None:
    engine = scripted(*PAIR)
    roll = whole(fleet_request, engine, folder, faults={1: "wrong-result"})
    assert [job.request.fault for job in engine.asked] == [None, "wrong-result"]
    assert [entry.exit_code for entry in roll.entries] == [0, 5]
    assert roll.exit_code == 5


@pytest.mark.parametrize(
    ("faults", "words"),
    [({2: "hang"}, "no device 2; this fleet has 0..1"), ({0: "smoke"}, "unknown fault 'smoke'")],
)
def test_a_fault_that_cannot_be_is_refused_before_anything_is_measured(
    fleet_request: Request, scripted: Make, folder: Path, faults: dict[int, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        whole(fleet_request, scripted(*PAIR), folder, faults=faults)
    assert not folder.exists()


def test_a_folder_holds_one_fleet(fleet_request: Request, scripted: Make, folder: Path) -> None:
    whole(fleet_request, scripted(PAIR[0]), folder)
    with pytest.raises(UsageError, match="holds a fleet already; go on with it by --resume"):
        whole(fleet_request, scripted(PAIR[0]), folder)
