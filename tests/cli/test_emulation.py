"""`greenzone emulation`: a table or one document, and one sentence for what cannot be."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from greenzone.records.record import Record
from greenzone.records.store import write

Invoke = Callable[..., Result]
TIMES = Path(__file__).parents[1] / "lab" / "emulation" / "kernel_times.csv"


def test_a_validation_is_a_table_and_a_document(invoke: Invoke) -> None:
    done = invoke("emulation", "validate", str(TIMES), "--held-out", "none", "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == 0
    assert document["schema"] == "greenzone.emulation_validation/1"
    assert set(document["by_family"]) == {"linear", "bmm", "elem", "ln", "softmax"}
    assert sum(score["rows"] for score in document["scores"]) == 510
    text = invoke("emulation", "validate", str(TIMES), "--held-out", "none").stdout
    assert f"linear {document['by_family']['linear']:.1%}" in text
    assert "nvidia-t4" in text


def test_a_calibration_is_said_to_be_one(invoke: Invoke) -> None:
    done = invoke("emulation", "validate", str(TIMES), "--calibrated", "0.2", "--json")
    assert json.loads(done.stdout)["method"].startswith("calibrated on 0.2")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("validate", "none.csv"), 1, "cannot be read"),
        (("validate", str(TIMES), "--calibrated", "2"), 2, "give a share like 0.1"),
        (("calibrate", "none.json"), 1, "none.json"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    invoke: Invoke, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = invoke("emulation", *arguments)
    assert done.exit_code == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def recorded(tmp_path: Path, emulated: bool) -> Path:
    rate = {"median": 281.2, "low": 280.0, "high": 282.0}
    row = {"name": "matmul", "format": "fp8", "window": "sustained", "validity": "valid", "rate_tops": rate}
    document = {
        "schema": "greenzone.record/1", "run": {"id": "20260101-1", "started_at": "2026-01-01T00:00:00Z"},
        "tool": {}, "rules": {}, "device": {"name": "NVIDIA H20", "emulated": emulated}, "environment": {},
        "settings": {}, "benchmarks": [row],
    }  # fmt: skip
    path = tmp_path / "record.json"
    write(Record.model_validate(document), path)
    return path


def test_a_record_gives_the_table_and_a_profile_of_ones_own(invoke: Invoke, tmp_path: Path) -> None:
    path, out = recorded(tmp_path, emulated=False), tmp_path / "nvidia-h20.toml"
    done = invoke("emulation", "calibrate", str(path), "-o", str(out))
    assert done.exit_code == 0
    assert "matmul_efficiency = { fp8 = 0.95 }" in done.stdout
    table = tomllib.loads(out.read_text("utf-8"))["emulation"]
    assert table["matmul_efficiency"] == {"fp8": 0.95}
    assert table["source"] == "greenzone records 20260101-1"
    assert json.loads(invoke("emulation", "calibrate", str(path), "--json").stdout)["profile"] == "nvidia-h20"


def test_an_emulated_record_teaches_nothing(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("emulation", "calibrate", str(recorded(tmp_path, emulated=True)))
    assert done.exit_code == 1
    assert "nothing learns from itself" in done.stderr
