"""`greenzone fleet gather`: the slow one of eight emulated devices, and what cannot be used."""

import json
import os
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from greenzone.lab.harness import Request, run
from greenzone.records.store import read, write

Invoke = Callable[..., Result]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight emulated devices of one node, the sixth with a fault that makes it slow."""
    folder = tmp_path_factory.mktemp("node")
    for n in range(8):
        fault = "slow-sibling" if n == 5 else None
        run(
            Request(
                device=f"emulated:8xnvidia-h20:{n}", workloads=("peak",), formats=("bf16",), folder=folder, fault=fault
            )
        )
    return folder


def test_the_slow_sibling_of_eight_is_found(invoke: Invoke, node: Path) -> None:
    done = invoke("fleet", "gather", node)
    assert done.exit_code == 5
    assert "8 devices in 1 lot; 1 apart; 0 left out" in done.stdout
    assert "emulated:8xnvidia-h20:5" in done.stdout.partition("Devices apart")[2].splitlines()[1]
    assert "EMULATED: every figure of this lot" in done.stdout
    said = json.loads(invoke("fleet", "gather", node, "--json").stdout)
    assert {o["device"] for o in said["lots"][0]["outliers"]} == {"emulated:8xnvidia-h20:5"}
    slow = [o["deviation"] for o in said["lots"][0]["outliers"] if o["side"] == "slow"]
    assert slow == [pytest.approx(-0.5, abs=0.04)] * len(slow)


def test_without_it_none_is_found(invoke: Invoke, node: Path, tmp_path: Path) -> None:
    shutil.copytree(node, tmp_path / "sound", ignore=shutil.ignore_patterns("*-5"))
    done = invoke("fleet", "gather", tmp_path / "sound", "--per-node", 7)
    assert (done.exit_code, "; 0 apart; 0 left out" in done.stdout) == (0, True)
    done = invoke("fleet", "gather", tmp_path / "sound")
    assert done.exit_code == 1
    assert "7 devices, and 8 should be there" in done.stdout


def test_lines_stand_for_the_records(invoke: Invoke, node: Path, tmp_path: Path) -> None:
    lines = tmp_path / "fleet.jsonl"
    first = invoke("fleet", "gather", node, "--lines", lines, "--json")
    assert len(lines.read_text().splitlines()) == 8
    again = invoke("fleet", "gather", lines, "--json", "-o", tmp_path / "fleet.html")
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert "written: " in again.stderr
    assert "8xnvidia-h20:5" in (tmp_path / "fleet.html").read_text()
    # What is written is not what is read, even in the same folder.
    assert invoke("fleet", "gather", tmp_path, "--lines", lines).exit_code == 1
    assert len(lines.read_text().splitlines()) == 8


def test_all_that_can_be_wrong_at_once(invoke: Invoke, node: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(node, results)
    first, second, third, *_ = (read(p) for p in sorted(results.rglob("*.json")))
    other = {"settings": {**first.settings, "suite": "lab"}, "device": {**first.device, "uuid": "U9"}}
    write(first.model_copy(update=other), results / "lab" / "r.json")
    twin = second.run.model_copy(update={"id": "twin"})
    write(second.model_copy(update={"run": twin}), results / "elsewhere" / "r.json")
    running = third.run.model_copy(update={"status": "running", "id": "x"})
    write(third.model_copy(update={"run": running}), results / "running" / "r.json")
    (results / "broken.json").write_text('{"schema": "greenzone.record/1"}')
    (results / "up").symlink_to(results, target_is_directory=True)
    done = invoke("fleet", "gather", results)
    assert done.exit_code == 1
    assert "7 devices in 1 lot" in done.stdout
    said = json.loads(invoke("fleet", "gather", results, "--json").stdout)["left_out"]
    why = " ".join(x["why"] for x in said)
    for word in (
        "of suite lab",
        "report this UUID",
        "still running",
        "a broken record: run",
        "a link to a folder",
        "7 devices",
    ):
        assert word in why
    assert len(said) == 6


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["empty"], 1, "holds no record"), (["nowhere"], 1, "not there"), ([], 2, "RESULTS"),
        (["empty", "--racks", "none.csv"], 1, "cannot be read"), (["empty", "--threshold", "0"], 2, "threshold"),
        (["empty", "--lines", "/dev/null/x.jsonl"], 1, "cannot be written"),
    ],
)  # fmt: skip
def test_bad_input_gets_a_sentence(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = invoke("fleet", "gather", *arguments)
    assert done.exit_code == code
    assert word in done.stderr
    assert "Traceback" not in done.output
    assert list(tmp_path.glob(".*partial")) == []


def test_a_page_is_no_picture(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("fleet", "gather", tmp_path, "-o", tmp_path / "fleet.pdf")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "fleet.pdf: the page of a fleet is HTML; end its name with .html" in done.stderr


def test_lines_go_into_a_pipe_and_do_not_take_its_place(
    invoke: Invoke, emulated_record: Path, tmp_path: Path
) -> None:
    """Nor that of a device: a lot was once written over /dev/full."""
    pipe, read = tmp_path / "lines", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text("utf-8")))
    reader.start()
    done = invoke("fleet", "gather", emulated_record, "--lines", pipe)
    reader.join(60)
    assert stat.S_ISFIFO(pipe.stat().st_mode), done.output
    assert [json.loads(line)["schema"] for line in read[0].splitlines()] == ["greenzone.device/1"]
    assert list(tmp_path.iterdir()) == [pipe]
