"""`greenzone report`: a page from records or folders of them, and one sentence for what is no record."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from greenzone.lab import harness

Invoke = Callable[..., Result]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("results")
    harness.run(harness.Request(device="emulated:nvidia-h20", workloads=("matmul",), formats=("fp8",), folder=made))
    return made


def test_a_folder_of_records_makes_a_page(invoke: Invoke, folder: Path, tmp_path: Path) -> None:
    done = invoke("report", folder, "-o", tmp_path / "r.html")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"written: {tmp_path / 'r.html'}\n")
    assert (tmp_path / "r.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_the_question_is_that_of_the_run_unless_another_is_given(invoke: Invoke, folder: Path, tmp_path: Path) -> None:
    (path,) = folder.rglob("*.json")
    data = json.loads(path.read_text("utf-8"))
    data["settings"] |= {"on": "2023-11-17", "known_on": "2024-01-01"}
    data["settings"]["transaction"]["to"] = "MO"
    record = tmp_path / "r.json"
    record.write_text(json.dumps(data), "utf-8")
    assert invoke("report", record, "-o", tmp_path / "a.html").exit_code == 0
    assert "as of 2023-11-17, as known on 2024-01-01; export from US to MO" in (tmp_path / "a.html").read_text("utf-8")
    assert invoke("report", record, "--on", "2023-12-01", "--to", "CN", "-o", tmp_path / "a.html").exit_code == 0
    assert "as of 2023-12-01, as known on 2024-01-01; export from US to CN" in (tmp_path / "a.html").read_text("utf-8")


def broken(path: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    (source,) = folder.rglob("*.json")
    data = json.loads(source.read_text("utf-8"))
    change(data)
    path.write_text(json.dumps(data), "utf-8")
    return path


def test_what_is_no_record_is_one_sentence(invoke: Invoke, folder: Path, tmp_path: Path) -> None:
    (source,) = folder.rglob("*.json")
    (tmp_path / "cut.json").write_bytes(source.read_bytes()[:5000])
    (tmp_path / "empty").mkdir()
    settings = "its settings cannot be read"
    cases = {
        tmp_path / "cut.json": "not valid JSON",
        tmp_path / "none.json": "cannot be read",
        tmp_path / "empty": "holds no record; give a folder",
        broken(tmp_path / "newer.json", folder, lambda d: d.update(schema="greenzone.record/99")): "newer than this",
        broken(tmp_path / "day.json", folder, lambda d: d["settings"].update(on="soon")): settings,
        broken(tmp_path / "deal.json", folder, lambda d: d["settings"].update(transaction=[1])): settings,
    }
    for path, words in cases.items():
        done = invoke("report", path, "-o", tmp_path / "out.html")
        assert (done.exit_code, done.stdout) == (1, ""), path
        assert words in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "out.html").exists()


def test_usage_errors_and_places_that_cannot_be_written(invoke: Invoke, folder: Path, tmp_path: Path) -> None:
    assert invoke("report").exit_code == 2
    done = invoke("report", folder, "--to", "XX", "-o", tmp_path / "r.html")
    assert (done.exit_code, "XX" in done.stderr) == (2, True)
    (tmp_path / "file").write_text("")
    done = invoke("report", folder, "-o", tmp_path / "file" / "r.html")
    assert (done.exit_code, "cannot be written" in done.stderr) == (1, True)


@pytest.mark.parametrize("command", ["map", "report"])
def test_a_matplotlib_that_cannot_be_loaded_is_one_sentence(command: str, folder: Path, tmp_path: Path) -> None:
    subject = "nvidia-h20" if command == "map" else str(folder)
    code = "from greenzone.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, command, subject, "-o", str(tmp_path / "out.svg")],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "MPLBACKEND": "nonsense"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "matplotlib cannot be loaded" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
