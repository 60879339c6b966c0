"""The light form of a record: what it keeps, that it comes back as it was, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.errors import RecordError
from greenzone.fleet.gathering.figures import DeviceSummary, summary_of, summary_of_line
from greenzone.records.store import read

Make = Callable[..., DeviceSummary]


def test_every_sound_figure_of_a_record_is_kept_and_no_sample(emulated_record: Path) -> None:
    record = read(emulated_record)
    summary = summary_of(record)
    rows = {row.title: row for row in record.benchmarks if row.measured and row.estimate}
    assert rows
    for title, row in rows.items():
        e, figure = row.estimate, summary.figures[title]
        assert e is not None
        assert (figure.median, figure.low, figure.high, figure.validity) == (e.median, e.low, e.high, row.validity)
    assert summary.figures["matmul fp8 e4m3 sustained"].claimed == 296
    assert summary.figures["memory.triad fp32 sustained"].claimed == 4000
    assert summary.figures["TPP sustained, at least"].claimed == 2368
    assert set(summary.figures) - set(rows) == {"TPP burst, at least", "TPP sustained, at least"}
    assert summary.emulated
    assert (summary.part, summary.suite) == ("nvidia-h20", "quick")
    assert len(summary.line()) < emulated_record.stat().st_size / 50


def test_a_line_comes_back_as_it_was(emulated_record: Path) -> None:
    summary = summary_of(read(emulated_record), "node3-1/emulated")
    assert summary_of_line(summary.line().encode(), "x") == summary


@pytest.mark.parametrize(
    ("place", "node"),
    [("gpu17-3/cuda-0", "gpu17"), ("2026/gpu-a-12/cuda-0", "gpu-a"), ("cuda-0", "emulated:nvidia-h20")],
)
def test_the_node_is_told_by_the_folder_where_the_record_names_none(
    emulated_record: Path, place: str, node: str
) -> None:
    record = read(emulated_record)
    assert summary_of(record, place).node == node
    named = record.model_copy(update={"environment": {"fleet": {"node": "gpu99"}}})
    assert summary_of(named, place).node == "gpu99"


def broken(device: DeviceSummary, **said: Any) -> bytes:
    return json.dumps({**json.loads(device.line()), **said}).encode()


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"schema": "greenzone.record/1"}, "schema"), ({"started_at": "yesterday"}, "yesterday"),
        ({"run": 7}, "run is 7"), ({"emulated": 1}, "emulated"), ({"siblings": "8"}, "siblings"),
        ({"siblings": True}, "siblings"), ({"fault": []}, "fault"), ({"beside": {"driver": 1}}, "beside"),
        ({"beside": []}, "values"), ({"figures": {"x": ["TOPS", 1, 2, 3, "valid", None]}}, "no low, median and high"),
        ({"figures": {"x": ["TOPS", "1", 0, 2, "valid", None]}}, "not supported"),
        ({"figures": {"x": ["TOPS", 1, 0, 2, "fine", None]}}, "fine"),
        ({"figures": {"x": ["TOPS", 1, 0, 2, "valid", -1]}}, "the claim is -1"), ({"figures": {"x": [1]}}, "unpack"),
        ({"figures": None}, "broken"),
    ],
)  # fmt: skip
def test_a_broken_line_is_refused_in_a_sentence(device: Make, said: dict[str, Any], word: str) -> None:
    with pytest.raises(RecordError, match=word) as error:
        summary_of_line(broken(device(), **said), "f.jsonl:3")
    assert str(error.value).startswith("f.jsonl:3: ")


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"7", b"\xff", b'{"schema": "greenzone.device/1"}', b"[" * 100_000])
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(RecordError):
        summary_of_line(line, "x")


@given(st.floats() | st.booleans(), st.floats(), st.floats())
def test_no_figure_comes_in_that_is_not_finite(median: float, low: float, high: float) -> None:
    entry = json.dumps({"x": ["TOPS", median, low, high, "valid", None]})
    line = '{"schema":"greenzone.device/1","run":"","started_at":"2026-01-01","ended_at":"2026-01-01","status":"",'
    line += '"suite":"","emulated":true,"device":"","name":"","uuid":"","part":"","node":"","place":"",'
    line += f'"siblings":null,"fault":null,"beside":{{}},"figures":{entry}}}'
    try:
        figure = summary_of_line(line.encode(), "x").figures["x"]
    except RecordError:
        assert not -float("inf") < low <= median <= high < float("inf")
    else:
        assert -float("inf") < figure.low <= figure.median <= figure.high < float("inf")
