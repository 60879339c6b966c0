"""Runs that are stopped anywhere and gone on with: nothing finished is lost, and the end is that of an unbroken run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from greenzone.datafiles import data_root
from greenzone.errors import FileError, GreenzoneError, RecordError, UsageError
from greenzone.lab import harness
from greenzone.lab.harness import Request, resume, run
from greenzone.records.record import Record
from greenzone.records.store import read

ASKED: dict[str, Any] = {
    "device": "emulated:nvidia-h20", "formats": ("fp8", "bf16"), "workloads": ("matmul", "memory", "interconnect")
}  # fmt: skip


class Killed(BaseException):
    """What no handler of a run catches, as a kill is not caught."""


def killed_after(writes: int, folder: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Path:
    """The record of a run that died after so many writes."""
    left = [writes]
    write = harness.write

    def counting(record: Record, path: Path) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        write(record, path)

    with monkeypatch.context() as patched:
        patched.setattr(harness, "write", counting)
        with pytest.raises(Killed):
            run(Request(folder=folder, **(ASKED | more)))
    return next(folder.rglob("*.json"))


def figures(record: Record) -> list[Any]:
    return [(row.name, row.format, row.window, row.samples, row.validity, row.notes) for row in record.benchmarks]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return run(Request(folder=tmp_path_factory.mktemp("unbroken"), **ASKED)).record


@pytest.mark.parametrize("writes", [1, 3, 5, 6, 12, 20])
def test_a_run_that_died_anywhere_ends_as_an_unbroken_one(
    writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbroken: Record
) -> None:
    path = killed_after(writes, tmp_path, monkeypatch)
    assert read(path).run.status == "running"
    outcome = resume(path)
    assert outcome.path == path
    assert (outcome.record.run.status, len(outcome.record.run.resumed_at)) == ("complete", 1)
    assert figures(outcome.record) == figures(unbroken)
    assert outcome.record.evidence == unbroken.evidence
    assert [f.text for f in outcome.record.findings] == [f.text for f in unbroken.findings]
    assert list(tmp_path.rglob("*.json")) == [path]


def test_what_was_finished_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = killed_after(7, tmp_path, monkeypatch)
    assert [unit.name for unit in read(path).run.finished] == ["matmul"]
    told: list[str] = []
    resume(path, told.append)
    assert told
    assert not any(line.startswith("matmul") for line in told)


def test_the_runs_of_the_laboratory_suite_are_kept_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"suite": "lab", "workloads": ("interconnect",), "formats": None}
    whole = run(Request(folder=tmp_path / "whole", **(ASKED | asked))).record
    path = killed_after(14, tmp_path / "broken", monkeypatch, **asked)
    stopped = read(path)
    assert [unit.name for unit in stopped.run.finished] == ["interconnect 1"]
    assert stopped.benchmarks == []
    assert set(stopped.pending) == {"interconnect 1", "interconnect 2"}
    again = resume(path).record
    assert again.pending == {}
    assert figures(again) == figures(whole)


def test_a_complete_run_is_not_gone_on_with(tmp_path: Path) -> None:
    path = run(Request(folder=tmp_path, **(ASKED | {"workloads": ("interconnect",)}))).path
    with pytest.raises(UsageError, match="complete; there is nothing to resume"):
        resume(path)


@pytest.mark.parametrize(
    ("where", "name", "value", "message"),
    [
        ("device", "uuid", "EMULATED-other", "device.uuid was 'EMULATED-other'"),
        ("tool", "package_sha256", "0", "tool.package_sha256 was '0'"),
        ("settings", "left_out", [], r"settings.left_out was \[\]"),
    ],
)
def test_a_run_of_something_else_is_not_gone_on_with(
    where: str, name: str, value: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = killed_after(3, tmp_path, monkeypatch)
    data = json.loads(path.read_text("utf-8"))
    data[where][name] = value
    path.write_text(json.dumps(data), "utf-8")
    before = path.read_text("utf-8")
    with pytest.raises(UsageError, match=message):
        resume(path)
    assert path.read_text("utf-8") == before


def test_a_run_that_another_process_goes_on_with_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_elsewhere: Callable[[Path], AbstractContextManager[None]]
) -> None:
    path = killed_after(3, tmp_path, monkeypatch)
    before = path.read_bytes()
    with held_elsewhere(path), pytest.raises(FileError, match="another process is at work on it"):
        resume(path)
    assert path.read_bytes() == before
    assert resume(path).record.run.status == "complete"


def test_a_model_of_the_user_s_own_is_named_again_and_must_be_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "acme-nano.toml"
    text = (data_root() / "models" / "gpt2.toml").read_text("utf-8")
    own.write_text(text.replace('"gpt2"', '"acme-nano"', 1), "utf-8")
    asked: dict[str, Any] = {"workloads": ("inference",), "formats": ("bf16",), "models": (str(own),)}
    path = killed_after(3, tmp_path / "broken", monkeypatch, **asked)
    assert read(path).settings["models"] == ["acme-nano"]
    with pytest.raises(UsageError, match=r"'acme-nano' was a file of your own; name it again, with --model"):
        resume(path)
    with pytest.raises(UsageError, match="the run was not asked for 'gpt2'; leave it out"):
        resume(path, models=["gpt2"])
    moved = tmp_path / "elsewhere" / own.name
    moved.parent.mkdir()
    moved.write_text(own.read_text("utf-8") + "# a word\n", "utf-8")
    with pytest.raises(UsageError, match=r"rules\.profiles: acme-nano\.toml changed; run anew"):
        resume(path, models=[str(moved)])
    own.rename(moved)
    assert resume(path, models=[str(moved)]).record.run.status == "complete"


def test_a_profile_of_the_user_s_own_is_found_again_and_must_be_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "acme-x1.toml"
    text = (data_root() / "devices/nvidia/nvidia-h20.toml").read_text("utf-8").replace('"nvidia-h20"', '"acme-x1"', 1)
    own.write_text(text, "utf-8")
    device = f"emulated:{own}"
    path = killed_after(3, tmp_path / "broken", monkeypatch, device=device, workloads=("interconnect",))
    own.write_text(f"{text}# a word\n", "utf-8")
    with pytest.raises(UsageError, match=r"rules\.profiles: acme-x1\.toml changed; run anew"):
        resume(path, devices=[device])
    own.unlink()
    with pytest.raises(GreenzoneError, match=r"acme-x1\.toml"):
        resume(path, devices=[device])
    own.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"--device cpu: the run was of emulated:.*leave --device out"):
        resume(path, devices=["cpu"])
    assert resume(path, devices=[device]).record.run.status == "complete"


@pytest.mark.parametrize("spec", ["emulated:{}", "emulated:8x{}:3"])
def test_a_file_that_a_record_names_is_not_opened_unasked(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record is a file of others, and may name any."""
    path = killed_after(3, tmp_path / "broken", monkeypatch)
    secret = tmp_path / "secret"
    secret.write_text("[secret]", "utf-8")
    data = json.loads(path.read_text("utf-8"))
    data["settings"]["device"] = spec.format(secret)
    path.write_text(json.dumps(data), "utf-8")
    monkeypatch.setattr("greenzone.lab.harness.load_profile", lambda ref: pytest.fail(f"{ref} was opened"))
    with pytest.raises(UsageError, match="is made from a file; name it again, with --device emulated:"):
        resume(path)


def test_a_record_of_before_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = killed_after(3, tmp_path, monkeypatch)
    data = json.loads(path.read_text("utf-8"))
    del data["settings"]["batches"]
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(RecordError, match="an older version wrote this record"):
        resume(path)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize("kill", range(int(os.environ.get("GREENZONE_KILLS", "1"))))
def test_a_process_that_is_killed_leaves_a_record_that_goes_on(kill: int, tmp_path: Path, unbroken: Record) -> None:
    moment = random.Random(kill)  # noqa: S311
    rows = moment.randrange(len(unbroken.benchmarks))
    code = (
        "from pathlib import Path; from greenzone.lab.harness import Request, run; "
        f"run(Request(folder=Path({str(tmp_path)!r}), **{ASKED!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    while not (found := list(tmp_path.rglob("[!.]*.json"))) or len(read(found[0]).benchmarks) < rows:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    time.sleep(moment.uniform(0, 0.2))
    process.kill()
    process.wait()
    record = read(found[0])
    again = resume(found[0]).record if record.run.status == "running" else record
    assert figures(again) == figures(unbroken)
