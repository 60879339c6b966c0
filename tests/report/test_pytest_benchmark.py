"""Records in pytest-benchmark's JSON: read by its own comparison, with the statistics it would have worked out."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.stats import Stats

from greenzone.records.record import EstimateRow, Record, Row, Run
from greenzone.report.pytest_benchmark import seconds_statistics, to_pytest_benchmark

SAMPLES = [0.004, 0.003, 0.005, 0.0031, 0.0032, 0.02, 0.0033]


def row(**more: Any) -> Row:
    told = {"name": "matmul", "format": "fp8", "window": "sustained", "data": "normal", "emulated": True,
            "shape": {"m": 4096, "n": 4096, "k": 4096}, "operations": 2.0 * 4096**3, "samples": SAMPLES,
            "rate_tops": EstimateRow(median=41.6, low=41.0, high=42.2)}  # fmt: skip
    return Row.model_validate(told | more)


def record(*rows: Row) -> Record:
    return Record(
        run=Run(id="r", started_at="2026-11-21T10:00:00+00:00", ended_at="2026-11-21T10:05:00+00:00"),
        tool={}, rules={},
        device={"id": "emulated:nvidia-h20", "name": "NVIDIA H20", "emulated": True, "driver": None},
        environment={"machine": "x86_64", "python": "3.11.7"}, settings={}, benchmarks=list(rows),
    )  # fmt: skip


def compared(*paths: Path) -> str:
    """What pytest-benchmark prints of the files."""
    columns = "--columns=min,max,mean,stddev,median,iqr,outliers,ops,rounds,iterations"
    command = [sys.executable, "-m", "pytest_benchmark", "compare", "--group-by=fullname", columns, *map(str, paths)]
    done = subprocess.run(command, cwd=paths[0].parent, capture_output=True, text=True, check=True)
    return done.stdout


def test_pytest_benchmark_compares_two_records(tmp_path: Path) -> None:
    slower = [2 * s for s in SAMPLES]
    for name, samples in (("first", SAMPLES), ("second", slower)):
        document = to_pytest_benchmark(record(row(samples=samples), row(samples=samples, format="bf16")))
        (tmp_path / f"{name}.json").write_text(json.dumps(document, allow_nan=False))
    text = compared(tmp_path / "first.json", tmp_path / "second.json")
    assert text.count("greenzone::matmul[fp8-normal-sustained]': 2 tests") == 1
    assert text.count("greenzone::matmul[bf16-normal-sustained]': 2 tests") == 1
    assert "3.0000 (1.0)" in text
    assert "6.0000 (2.00)" in text


@pytest.mark.parametrize("samples", [SAMPLES, [0.5], [0.5, 0.25]])
def test_statistics_are_those_of_pytest_benchmark(samples: list[float]) -> None:
    theirs = Stats()
    for sample in samples:
        theirs.update(sample)
    ours, wanted = seconds_statistics(samples), theirs.as_dict()
    assert set(wanted) <= set(ours)
    for name in ("min", "max", "mean", "stddev", "rounds", "median", "stddev_outliers", "ops", "total"):
        assert ours[name] == pytest.approx(wanted[name]), name
    assert min(samples) <= ours["q1"] <= ours["median"] <= ours["q3"] <= max(samples)


def test_what_is_known_beside_the_seconds_goes_along() -> None:
    document = to_pytest_benchmark(record(row()))
    (benchmark,) = document["benchmarks"]
    assert benchmark["extra_info"]["emulated"] is True
    assert benchmark["extra_info"]["rate_tops"]["median"] == 41.6
    assert "samples" not in benchmark["extra_info"]
    assert benchmark["stats"]["data"] == SAMPLES
    assert document["machine_info"]["greenzone"] == {
        "id": "emulated:nvidia-h20", "name": "NVIDIA H20", "emulated": True,
    }  # fmt: skip
    assert document["datetime"].startswith("2026-11-21T10:05")


def test_names_stay_while_a_search_finds_another_shape() -> None:
    names = [
        to_pytest_benchmark(record(row(shape=shape)))["benchmarks"][0]["fullname"]
        for shape in ({"m": 4096}, {"m": 8192})
    ]
    assert names[0] == names[1]


def test_a_sweep_is_a_benchmark_for_each_working_set() -> None:
    sweep = [row(name="memory.sweep", format=None, shape={"elements": n}) for n in (1024, 2048)]
    names = [b["name"] for b in to_pytest_benchmark(record(*sweep))["benchmarks"]]
    assert names == ["memory.sweep[normal-sustained-1024]", "memory.sweep[normal-sustained-2048]"]


def test_what_was_not_measured_or_refused_is_left_out() -> None:
    rows = [Row(name="matmul", format="int4", measured=False, reason="no path"), row(validity="invalid")]
    assert to_pytest_benchmark(record(*rows))["benchmarks"] == []
