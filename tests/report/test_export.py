"""Rows of records for other tools: the same columns in each form, and OpenMetrics that its own parser reads."""

import json
from typing import Any

import pytest

from greenzone.records.record import Record, Row, Run
from greenzone.report.export import benchmark_rows, json_lines, openmetrics

pytest.importorskip("prometheus_client")
from prometheus_client.openmetrics.parser import text_string_to_metric_families


def record(name: str = "ACME X1", **more: Any) -> Record:
    rows = [
        {"name": "memory.read", "window": "burst", "validity": "valid", "samples": [0.1, 0.2],
         "bandwidth_gb_s": {"median": 3400.0, "low": 3390.0, "high": 3410.0}},
        {"name": "matmul", "format": "fp8", "window": "burst", "validity": "invalid",
         "rate_tops": {"median": 9e9, "low": 9e9, "high": 9e9}},
        {"name": "matmul", "format": "int4", "measured": False, "reason": "no path"},
    ]  # fmt: skip
    return Record(
        run=Run(id="r1", started_at="2026-01-01T00:00:00+00:00"), tool={}, rules={}, environment={}, settings={},
        device={"id": "cuda:0", "name": name, "uuid": 'GPU-"1"\n', "emulated": False},
        benchmarks=[Row.model_validate(row) for row in rows],
        parameters={"tpp": {"low": 2368.0, "high": None, "basis": "claimed"}},
        verdicts=[{"regime": "us-3a090", "status": "caught"}], **more,
    )  # fmt: skip


def test_a_row_is_a_benchmark_with_its_run_and_device() -> None:
    first, _, last = benchmark_rows([record()])
    assert (first["benchmark"], first["median"], first["unit"], first["samples"]) == ("memory.read", 3400.0, "GB/s", 2)
    assert (last["measured"], last["median"], last["reason"]) == (False, None, "no path"), "never 0"
    assert {row["run"] for row in benchmark_rows([record()])} == {"r1"}


def test_json_lines_are_one_object_a_line() -> None:
    rows = benchmark_rows([record("A\nB"), record()])
    lines = json_lines(rows).splitlines()
    assert [json.loads(line) for line in lines] == rows


def test_openmetrics_is_read_by_its_own_parser_in_base_units() -> None:
    text = openmetrics([record()])
    assert text.endswith("# EOF\n")
    samples = {s.name: s for family in text_string_to_metric_families(text) for s in family.samples}
    assert samples["greenzone_bandwidth_bytes_per_second"].value == 3.4e12
    assert samples["greenzone_bandwidth_bytes_per_second"].labels["uuid"] == 'GPU-"1"\n'
    assert samples["greenzone_tpp"].labels["bound"] == "low", "an end that is unbounded is left out"
    assert samples["greenzone_verdict"].labels["status"] == "caught"
    assert samples["greenzone_run_start_timestamp_seconds"].value == 1767225600.0


def test_a_refused_figure_is_no_metric() -> None:
    assert "greenzone_rate_operations_per_second" not in openmetrics([record()])
