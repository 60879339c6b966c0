"""`greenzone fleet run` as a user calls it: what it prints, its exit codes, and being gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from greenzone.lab.devices import accelerators_on_bus
from greenzone.records.store import read

Invoke = Callable[..., Result]
SHORT = ("fleet", "run", "--engine", "in-process", "--workload", "interconnect")


def test_a_table_of_the_roll_and_a_line_for_each_device(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke(*SHORT, "--device", "emulated:2xnvidia-l20", "-o", tmp_path / "f")
    assert done.exit_code == 0, done.output
    assert "2 devices on 1 node, engine in-process, suite quick" in done.stdout
    assert "2 done; 2 identities in 2 whole records" in done.stdout
    assert "EMULATED: " in done.stdout
    assert "2 of 2: 1 " in done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_json_is_the_roll_on_disk_and_nothing_else(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke(*SHORT, "--device", "emulated:nvidia-l20", "--seed", "3", "-o", tmp_path / "f", "--json")
    assert done.stderr == ""
    roll = json.loads(done.stdout)
    assert roll == json.loads((tmp_path / "f/roll.json").read_text("utf-8"))
    record = read(tmp_path / "f" / roll["entries"][0]["record"])
    assert (roll["schema"], record.settings["seed"]) == ("greenzone.fleet/1", 3)


def test_one_device_that_came_twice_exits_1(invoke: Invoke, tmp_path: Path) -> None:
    twice = ("--device", "emulated:nvidia-l20", "--device", "emulated:nvidia-l20")
    done = invoke(*SHORT, *twice, "--expect", "3", "-o", tmp_path / "f")
    assert done.exit_code == 1
    assert "3 of 3 devices without a whole record of their own: 0 (twice), 1 (twice), 2 (missing)" in done.stderr
    assert "3 devices were expected and 2 are there" in done.stdout


def test_an_unsound_figure_exits_5_and_names_the_device(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke(*SHORT, "--device", "emulated:2xnvidia-l20", "--fault", "1:wrong-result", "-o", tmp_path / "f")
    assert done.exit_code == 5, done.output
    assert "1 of 2 devices with a figure that is not sound" in done.stderr
    assert "1 emulated:2xnvidia-l20:1: not sound: interconnect." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--device", "auto"), 2, "auto chooses one device"),
        (("--device", "gpu"), 2, "allowed: auto, cpu, cuda"),
        (("--device", "emulated:8xnvidia-h2"), 2, "unknown profile 'nvidia-h2'"),
        (("--device", "emulated:73xnvidia-h20"), 2, "it may have 1 to 72"),
        (("--device", "all", "--device", "cpu"), 2, "name no other beside it"),
        (("--device", "cpu", "--fault", "hang"), 2, "write DEVICE:NAME, the device by its number"),
        (("--device", "cpu", "--fault", "0:hang"), 2, "cpu is a real device"),
        (("--device", "cpu", "--fault", "1:hang"), 2, "no device 1; this fleet has 0..0"),
        (("--device", "cpu", "--timeout", "0"), 2, "timeout"),
        (("--device", "cpu", "--expect", "0"), 2, "expect"),
        (("--device", "cpu", "--engine", "in-process", "--serial"), 2, "leave out --timeout and --serial"),
        (("--device", "cpu", "--engine", "in-process", "--address", "local"), 2, "of the Ray engine"),
        (("--device", "cpu", "--dtype", "fp7"), 2, "no such format"),
        (("--device", "cpu", "--model", "llama-3"), 2, "unknown model"),
        (("--device", "cpu", "--workload", "matmul", "--batch", "4"), 2, "of the inference workload alone"),
        (("--resume", "nowhere", "--suite", "lab"), 2, "leave out --suite"),
        (("--resume", "nowhere"), 1, "roll.json: cannot be read"),
    ],
)
def test_bad_input_is_one_sentence_with_its_exit_code(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("fleet", "run", *arguments)
    assert done.exit_code == code, done.output
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(bool(accelerators_on_bus()), reason="this machine has an accelerator")
def test_without_an_accelerator_it_says_what_to_name(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("fleet", "run", "-o", tmp_path / "f")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "this machine has no accelerator; name devices with --device" in done.stderr


def test_without_ray_it_says_which_extra(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = invoke("fleet", "run", "--engine", "ray", "-o", tmp_path / "f")
    assert done.exit_code == 2
    assert "pip install 'greenzone[fleet]'" in done.stderr


def test_a_roll_of_no_known_engine_is_refused(tmp_path: Path, invoke: Invoke) -> None:
    made = invoke("fleet", "run", "--device", "emulated:nvidia-l20", "--workload", "interconnect", "-o", tmp_path)
    assert made.exit_code == 0, made.output
    path = tmp_path / "roll.json"
    path.write_text(path.read_text().replace('"subprocess"', '"slurm"'))
    done = invoke("fleet", "run", "--resume", tmp_path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "names the engine 'slurm'; allowed: subprocess, in-process, ray" in done.stderr


def test_a_fleet_that_is_stopped_goes_on(
    tmp_path: Path, invoke: Invoke, held_elsewhere: Callable[[Path], AbstractContextManager[None]]
) -> None:
    folder = tmp_path / "f"
    command = [sys.executable, "-m", "greenzone.cli.main", "fleet", "run", "--device", "emulated:2xnvidia-l20"]
    asked = [*command, "--serial", "--workload", "interconnect", "--workload", "matmul", "-o", str(folder)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": dict(os.environ)}
    with subprocess.Popen(asked, text=True, **pipes) as run:
        waited = time.monotonic() + 120
        while not list(folder.rglob("2*.json")) and time.monotonic() < waited and run.poll() is None:
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        out, errors = run.communicate(timeout=120)
    assert run.returncode == 1, errors
    assert "Traceback" not in errors
    assert "1 stopped, 1 waiting" in out
    assert f"go on with: greenzone fleet run --resume {folder}".replace(" ", "") in "".join(out.split())
    [record] = folder.rglob("2*.json")
    assert read(record).run.status == "interrupted"
    with held_elsewhere(folder / "roll.json"):
        busy = invoke("fleet", "run", "--resume", folder)
    assert (busy.exit_code, busy.stdout) == (1, "")
    assert "another process is at work on it" in busy.stderr
    again = invoke("fleet", "run", "--resume", folder)
    assert again.exit_code == 0, again.output
    assert read(record).run.resumed_at
    assert "2 done; 2 identities" in again.stdout
