"""`greenzone run` as a user calls it: outputs, exit codes, and being stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from greenzone.cli import run as run_command
from greenzone.cli.main import main
from greenzone.lab import harness
from greenzone.lab.devices import accelerators_on_bus
from greenzone.lab.results import NotMeasured
from greenzone.records.store import read

SHORT = ["run", "--device", "emulated:nvidia-h20", "--workload", "matmul", "--dtype", "fp8"]


def invoke(folder: Path, *arguments: str) -> Result:
    """The command, its records in a folder of the test's."""
    return CliRunner().invoke(main, [*arguments, "-o", str(folder)], prog_name="greenzone")


@pytest.mark.skipif(bool(accelerators_on_bus()), reason="this machine has an accelerator")
def test_without_an_accelerator_it_says_so_and_emulates_an_h20(tmp_path: Path) -> None:
    result = invoke(tmp_path, "run", "--workload", "matmul", "--dtype", "fp8")
    assert result.exit_code == 0, result.output
    assert "no accelerator is visible on the bus" in result.stdout
    assert "emulated:nvidia-h20 EMULATED" in result.stdout


def test_json_is_one_document_and_the_record_on_disk(tmp_path: Path) -> None:
    result = invoke(tmp_path, *SHORT, "--json")
    (path,) = tmp_path.rglob("*.json")
    assert json.loads(result.stdout) == json.loads(path.read_text("utf-8"))
    assert json.loads(result.stdout)["schema"] == "greenzone.record/1"


def test_a_record_is_classified_from_itself(tmp_path: Path) -> None:
    invoke(tmp_path, *SHORT)
    (path,) = tmp_path.rglob("*.json")
    result = CliRunner().invoke(main, ["classify", str(path), "--on", "2025-04-10", "--to", "CN", "--json"])
    document = json.loads(result.stdout)
    assert document["device"]["id"] == "nvidia-h20"
    assert document["device"]["emulated"] is True
    statuses = {v["regime"]: v["status"] for v in document["verdicts"]}
    assert (statuses["us-3a090"], statuses["us-letters-2025"]) == ("not_caught", "caught")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--device", "emulated:nvidia-h2"], 2, "unknown profile 'nvidia-h2'; nearest: nvidia-h20"),
        (["--device", "gpu"], 2, "allowed: auto, cpu, cuda"),
        (["--device", "cuda:999"], 1, "cuda:999:"),
        (["--device", "emulated:0xnvidia-h20"], 2, "a node of 0 devices; it may have 1 to 72"),
        (["--device", "emulated:8xnvidia-h20:8"], 2, "no device 8 in this node; it has 0..7"),
        (["--fault", "smoke"], 2, "unknown fault 'smoke'"),
        (["--device", "cpu", "--fault", "hang"], 2, "cpu is a real device"),
        (["--dtype", "fp7"], 2, "no such format"),
        (["--model", "llama-3"], 2, "unknown model"),
        (["--on", "2025-02-30"], 2, "is no date; write YYYY-MM-DD"),
        (["--to", "XX"], 2, "ISO 3166"),
        (["--batch", "0"], 2, "batch"),
        (["--workload", "sleep"], 2, "workload"),
        (["--workload", "matmul", "--model", "gpt2", "--batch", "4"], 2, "--model, --batch: of the inference workload"),
    ],
)
def test_bad_input_is_one_sentence_with_its_exit_code(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    result = invoke(tmp_path, "run", "--device", "emulated:nvidia-h20", *arguments)
    assert result.exit_code == code, result.output
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_output_folder_that_cannot_be_written_is_found_first(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke(tmp_path / "file", *SHORT)
    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.output


def unmeasured(device: object, plan: object) -> Iterator[NotMeasured]:
    """A workload that gives no figure."""
    yield NotMeasured("matmul", "fp8", "no path")


def test_nothing_measured_exits_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(harness.WORKLOADS, "matmul", unmeasured)
    result = invoke(tmp_path, *SHORT)
    assert result.exit_code == 4
    assert "no benchmark gave a figure" in result.stderr


def test_a_lost_device_exits_1_and_leaves_its_record(tmp_path: Path) -> None:
    found = invoke(tmp_path, *SHORT, "--fault", "lost-device")
    assert found.exit_code == 1
    assert "the device failed: matmul fp8: not measured: emulated:nvidia-h20: the device is lost" in found.stderr
    (path,) = tmp_path.rglob("*.json")
    record = read(path)
    assert (record.run.status, record.settings["fault"]) == ("complete", "lost-device")
    assert "device_lost" in {f.code for f in record.findings}


def test_a_wrong_result_exits_5(tmp_path: Path) -> None:
    found = invoke(tmp_path, *SHORT, "--fault", "wrong-result")
    assert found.exit_code == 5
    assert "matmul fp8 sustained invalid" in found.stderr


def test_a_figure_above_the_ceiling_exits_5(tmp_path: Path) -> None:
    """Decision row 4: the impossible ratio is shown and no verdict rests on it."""
    profile = tmp_path / "fast.toml"
    profile.write_text(
        'schema = 1\nid = "fast"\nname = "Too fast"\n[peak_tops]\nfp8 = 1000\n[memory]\nkind = "HBM3"\n'
        "capacity_gb = 80\nbandwidth_gb_s = 3000\n[hardware]\nunits = 10\nboost_mhz = 1000\nmax_mhz = 1000\n"
        "ops_per_clock = { fp8 = 1000 }\n"
    )
    result = invoke(
        tmp_path / "out", "run", "--device", f"emulated:{profile}", "--workload", "matmul", "--dtype", "fp8"
    )
    assert result.exit_code == 5, result.output
    assert "times the ceiling" in result.stdout
    (path,) = (tmp_path / "out").rglob("*.json")
    assert {r.validity for r in read(path).benchmarks} == {"invalid"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_readable_record(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "greenzone.cli.main", "run", "--device", "cpu", "--workload", "memory"]
    with subprocess.Popen(
        [*command, "-o", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as run:
        waited = time.monotonic() + 60
        while not list(tmp_path.rglob("*.json")) and time.monotonic() < waited and run.poll() is None:
            time.sleep(0.05)
        time.sleep(0.3)
        run.send_signal(number)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "Traceback" not in errors
    assert "what was finished is in" in errors
    (path,) = tmp_path.rglob("*.json")
    assert read(path).run.status == "interrupted"


def test_progress_goes_to_standard_error(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with run_command._progress(False) as told:
        told("matmul fp8 sustained")
        time.sleep(0.3)
    out, err = capfd.readouterr()
    assert "finished matmul fp8 sustained" in err
    assert out == ""


def test_a_run_that_goes_on_takes_everything_from_its_record(tmp_path: Path) -> None:
    assert invoke(tmp_path, *SHORT).exit_code == 0
    (path,) = tmp_path.rglob("*.json")
    whole = read(path)
    data = json.loads(path.read_text("utf-8"))
    data["run"] |= {"status": "interrupted", "finished": []}
    path.write_text(json.dumps(data), "utf-8")
    refused = invoke(tmp_path, "run", "--resume", str(path), "--suite", "lab")
    assert refused.exit_code == 2
    assert "leave out --output, --suite" in refused.stderr
    again = CliRunner().invoke(main, ["run", "--resume", str(path)], prog_name="greenzone")
    assert again.exit_code == 0, again.output
    assert [row.samples for row in read(path).benchmarks] == [row.samples for row in whole.benchmarks]
