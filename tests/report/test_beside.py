"""Runs side by side: what fits the page stands in one table, and what gave no figure is said, with why."""

import io

from rich.console import Console

from greenzone.formats import FORMATS
from greenzone.records.record import EstimateRow, Record, Row
from greenzone.report.beside import beside


def figure(value: float) -> EstimateRow:
    return EstimateRow(median=value, low=value, high=value)


def record(name: str, *rows: Row) -> Record:
    document: dict[str, object] = {key: {} for key in ("tool", "rules", "environment", "settings")}
    document["run"] = {"id": name, "started_at": "2026-11-22T07:00:00Z"}
    document["device"] = {"id": f"emulated:{name}", "profile": name, "emulated": True}
    return Record.model_validate({**document, "benchmarks": list(rows)})


def decode(batch: int, rate: float, largest: int) -> Row:
    return Row(
        name="inference.decode", model="llama-3.1-8b", format="bf16", batch=batch, context=2048, emulated=True,
        tokens_per_s=figure(rate), tpot_s=batch / rate, largest_batch=largest,
    )  # fmt: skip


def lines(*records: Record) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=110, highlight=False, color_system=None).print(beside(records))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_all_formats_of_the_longest_name_stand_in_whole_words() -> None:
    rates = [
        Row(name="matmul", format=form, window="sustained", data="normal", rate_tops=figure(1234.5), claimed_tops=1300)
        for form in FORMATS
    ]
    shown = lines(record("nvidia-rtx-pro-6000-server", *rates))
    figures = [line.split() for line in shown if "nvidia" in line]
    assert sum(len(words) - 2 for words in figures) == 2 * len(FORMATS)  # each with its share
    assert {(words[0], words[-1]) for words in figures} == {("nvidia-rtx-pro-6000-server", "emulated")}


def test_a_device_whose_memory_is_too_small_for_a_batch_says_so() -> None:
    large, small = record("large", decode(1, 100, 300), decode(32, 2000, 300)), record("small", decode(1, 80, 29))
    shown = [line.split() for line in lines(small, large)]
    assert ["small", "none", "memory", "holds", "a", "batch", "of", "29", "emulated"] in shown
    (other,) = [words for words in shown if words[:3] == ["large", "1", "2000"]]
    assert other[4] == "1.00"  # the ratio is to the first that has a figure


def test_a_workload_that_gave_no_figure_says_why() -> None:
    missing = Row(name="inference.decode", format="bf16", measured=False, emulated=True, reason="too large for it")
    assert "  part: emulated inference.decode bf16: not measured: too large for it" in lines(record("part", missing))
