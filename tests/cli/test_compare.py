"""`greenzone compare` and `greenzone export` as a user calls them."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

from greenzone.parts.catalogue import load_profile

Invoke = Callable[..., Result]
Write = Callable[..., Path]


def test_the_exit_tells_a_regression(invoke: Invoke, stream_record: Write) -> None:
    before, after = stream_record("a.json", gb_s=300), stream_record("b.json", gb_s=270)
    done = invoke("compare", before, after)
    assert done.exit_code == 5
    assert "1 regressed: memory.read burst 300 to 270 GB/s (-10.0%)" in " ".join(done.stdout.split())
    assert invoke("compare", before, after, "--tolerance", "0.2").exit_code == 0
    assert invoke("compare", after, before).exit_code == 0


def test_what_differs_is_said_first(invoke: Invoke, stream_record: Write) -> None:
    done = invoke("compare", stream_record("a.json"), stream_record("b.json", driver="580.1"))
    assert done.stdout.index("device driver: None before, 580.1 after") < done.stdout.index("memory.read")


def test_folders_of_records_are_sides(invoke: Invoke, stream_record: Write, tmp_path: Path) -> None:
    for name, gb_s in (("a/1.json", 300), ("a/2.json", 290), ("b/1.json", 299), ("b/2.json", 291)):
        stream_record(name, gb_s=gb_s)
    done = invoke("compare", tmp_path / "a", tmp_path / "b", "--json")
    document = json.loads(done.stdout)
    assert (document["schema"], done.exit_code) == ("greenzone.comparison/1", 0)
    assert document["ratios"][0]["status"] == "same"


def test_a_table_has_a_row_a_benchmark(invoke: Invoke, stream_record: Write) -> None:
    own = stream_record()
    (row,) = csv.DictReader(io.StringIO(invoke("compare", own, own, "--format", "csv").stdout))
    assert (row["benchmark"], row["ratio"], row["status"]) == ("memory.read burst", "1.0", "same")
    assert "| memory.read burst | GB/s | 300 |" in invoke("compare", own, own, "--format", "markdown").stdout


@pytest.mark.parametrize("command", ["compare", "export"])
def test_an_empty_folder_is_said(invoke: Invoke, tmp_path: Path, command: str) -> None:
    done = invoke(command, *[tmp_path] * (2 if command == "compare" else 1))
    assert done.exit_code == 1
    assert "holds no record" in done.stderr
    assert done.stdout == ""


def test_a_model_is_not_compared_with_a_part(invoke: Invoke, stream_record: Write) -> None:
    done = invoke("compare", stream_record("a.json"), stream_record("b.json", emulated=True))
    assert done.exit_code == 2
    assert "the first side is measured, the second emulated" in done.stderr


def test_a_record_is_exported_in_every_form(invoke: Invoke, stream_record: Write, tmp_path: Path) -> None:
    own = stream_record(name_of := "r.json")
    (row,) = csv.DictReader(io.StringIO(invoke("export", own).stdout))
    assert (row["benchmark"], row["median"], row["unit"]) == ("memory.read", "300.0", "GB/s")
    assert json.loads(invoke("export", own, "--format", "jsonl").stdout)["median"] == 300.0
    assert "| memory.read |" in invoke("export", own, "--format", "markdown").stdout
    pytest.importorskip("pyarrow")
    assert invoke("export", own, "--format", "parquet", "-o", tmp_path / "r.parquet").exit_code == 0
    assert pd.read_parquet(tmp_path / "r.parquet")["median"].tolist() == [300.0]
    pytest.importorskip("prometheus_client")
    target = tmp_path / "r.prom"
    assert invoke("export", tmp_path / name_of, "--format", "openmetrics", "-o", target).exit_code == 0
    assert target.read_text("utf-8").endswith("# EOF\n")


def test_pytest_benchmark_reads_and_compares_what_is_exported(
    invoke: Invoke, stream_record: Write, tmp_path: Path
) -> None:
    for name, gb_s in (("a", 300.0), ("b", 150.0)):
        target = tmp_path / f"{name}-benchmark.json"
        own = stream_record(f"{name}.json", gb_s=gb_s)
        assert invoke("export", own, "--format", "pytest-benchmark", "-o", target).exit_code == 0
    command = [sys.executable, "-m", "pytest_benchmark", "compare", "--columns=median", "--group-by=fullname"]
    files = [tmp_path / f"{name}-benchmark.json" for name in "ab"]
    done = subprocess.run([*command, *map(str, files)], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "greenzone::memory.read[burst]': 2 tests" in done.stdout
    assert "3.3333 (1.0)" in done.stdout
    assert "6.6667 (2.00)" in done.stdout


def test_pytest_benchmark_is_of_one_record_with_samples(
    invoke: Invoke, stream_record: Write, write_record: Write, tmp_path: Path
) -> None:
    own, bare = stream_record("a.json"), write_record(load_profile("nvidia-l2"), name="none.json")
    for asked, words in (((own, own), "these are 2 records"), ((bare,), "nothing to write")):
        done = invoke("export", *asked, "--format", "pytest-benchmark", "-o", tmp_path / "x.json")
        assert done.exit_code == 2
        assert words in done.stderr
        assert not (tmp_path / "x.json").exists()


def test_a_name_is_no_formula(invoke: Invoke, stream_record: Write) -> None:
    own = stream_record(name="r.json", uuid="=cmd()")
    (row,) = csv.DictReader(io.StringIO(invoke("export", own).stdout))
    assert row["device_uuid"] == "'=cmd()"


def test_an_output_that_cannot_be_written_is_said(invoke: Invoke, stream_record: Write) -> None:
    own = stream_record()
    for form in ("csv", "jsonl", "parquet"):
        done = invoke("export", own, "--format", form, "-o", own / "x")
        assert done.exit_code == 1, done.output
        assert "cannot be written" in done.stderr
