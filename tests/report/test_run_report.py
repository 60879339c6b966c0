"""The report of a run: rates, bandwidth, tokens, findings; refused figures are not shown as figures."""

import io
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from greenzone.lab import harness
from greenzone.law.transaction import Transaction
from greenzone.records.record import EstimateRow, Finding, Record, Row
from greenzone.report.run import estimate, report_of, run_report
from greenzone.report.tables import verdict_rows, write_rows

ON, KNOWN = date(2025, 4, 10), date(2026, 11, 21)


def text(record: Record, path: Path | None = None) -> str:
    """The report as a wide terminal shows it."""
    stream = io.StringIO()
    report = report_of(record, ON, KNOWN, Transaction.of("CN"), path)
    Console(file=stream, width=200, highlight=False, color_system=None).print(run_report(report))
    return stream.getvalue()


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    folder = tmp_path_factory.mktemp("results")
    request = harness.Request(
        device="emulated:nvidia-h20", formats=("fp8", "bf16"), folder=folder, on=ON, known_on=KNOWN
    )
    return harness.run(request).record


def test_every_figure_is_labelled_emulated(record: Record) -> None:
    lines = text(record).splitlines()
    figures = [line for line in lines if "+/-" in line]
    assert len(figures) == 42
    assert all(line.rstrip().endswith("emulated") for line in figures)


def test_every_row_of_an_emulated_device_says_so_where_it_gave_no_figure_too(record: Record) -> None:
    own = record.model_copy(deep=True)
    own.benchmarks.append(Row(name="matmul", format="int4", emulated=True, measured=False, reason="no path"))
    told = [line for line in text(own).splitlines() if "not measured" in line and "info:" not in line]
    lines = [line for line in told if "not measured whole" not in line]
    tables = [line for line in lines if not line.strip().startswith(("warning:", "error:"))]
    assert len(tables) == sum(not row.measured for row in own.benchmarks)
    assert all("emulated" in line for line in tables)


def test_a_verdict_of_an_emulated_run_names_it_in_csv_and_markdown(record: Record) -> None:
    rows = verdict_rows([report_of(record, ON, KNOWN, Transaction.of("CN")).classification])
    assert rows
    assert {row["device"] for row in rows} == {"nvidia-h20 (emulated)"}
    assert all("(emulated)" in line for line in write_rows(rows, "csv").splitlines()[1:])
    assert all("(emulated)" in line for line in write_rows(rows, "markdown").splitlines()[2:])


def test_the_sweep_stands_by_working_set_apart_from_the_streams(record: Record) -> None:
    lines = [line.split() for line in text(record).splitlines()]
    sets = [" ".join(line[:2]) for line in lines if len(line) > 3 and line[1] in ("KiB", "MiB") and line[3] == "+/-"]
    assert (len(sets), sets[0], sets[-1]) == (8, "64 KiB", "1024 MiB")
    assert not [line for line in lines if line[:1] == ["sweep"]]


def test_what_the_bus_of_a_processor_carries_stands_beside_what_is_counted(record: Record) -> None:
    own = record.model_copy(deep=True)
    row = next(r for r in own.benchmarks if r.name == "memory.copy" and r.window == "sustained")
    row.bytes, row.bus_bytes = 2e9, 3e9
    row.bandwidth_gb_s = EstimateRow(median=10, low=9.9, high=10.1)
    line = next(line for line in text(own).splitlines() if line.split()[:2] == ["copy", "sustained"])
    assert line.split()[2:6] == ["10", "+/-", "1.0%", "15"]


def test_worked_out_tokens_are_said_to_be(record: Record) -> None:
    assert "worked out, not measured whole: tokens / (32 layers x the layer's time" in text(record)


def test_evidence_stands_by_basis(record: Record) -> None:
    lines = [line.split() for line in text(record).splitlines()]
    bases = {line[1] for line in lines if len(line) > 2 and line[0] == "tpp"}
    assert {"claimed", "rated", "ceiling", "burst", "sustained"} <= bases


def test_a_format_that_was_not_measured_is_not_zero(record: Record) -> None:
    own = record.model_copy(deep=True)
    own.benchmarks.append(Row(name="matmul", format="int4", emulated=True, measured=False, reason="no path"))
    line = next(line for line in text(own).splitlines() if line.strip().startswith("int4"))
    assert "not measured" in line
    assert "0" not in line


def test_links_say_what_ran_and_what_cannot_be_measured_here(record: Record) -> None:
    own = record.model_copy(deep=True)
    sums = next(r for r in own.benchmarks if r.name == "interconnect.bidirectional").model_copy()
    sums.name, sums.variant, sums.emulated = "interconnect.all_reduce", "gloo", False
    own.benchmarks.append(sums)
    lines = [line.split() for line in text(own).splitlines()]
    assert ["bidirectional", "burst"] in [line[:2] for line in lines]
    assert ["peer", "not", "measured", "emulated", "not", "measurable", "here:", "one", "device"] in lines
    (gloo,) = [line for line in lines if line[:3] == ["all", "reduce,", "gloo"]]
    assert gloo[-5:] == ["between", "processes,", "over", "no", "link"]


def test_low_toggle_figures_come_last_and_are_labelled(record: Record) -> None:
    own = record.model_copy(deep=True)
    first = next(r for r in own.benchmarks if r.name == "matmul" and r.format == "fp8")
    own.benchmarks = [r for r in own.benchmarks if r.name == "matmul"]
    changes = {"data": "low_toggle", "variant": "e5m2 x e4m3"}
    own.benchmarks.append(first.model_copy(update=changes))
    lines = [line for line in text(own).splitlines() if line.strip().startswith("fp8") and "+/-" in line]
    off = "model +/- 12%, emulated"
    assert [line.rstrip().split("  ")[-1].strip() for line in lines] == [
        f"e4m3, {off}", f"e4m3, {off}", f"e5m2 x e4m3, low-toggle data, {off}",
    ]  # fmt: skip


def test_a_refused_figure_is_not_shown() -> None:
    assert estimate(None) == "refused"


def test_an_inference_that_gave_no_figure_says_why_in_its_section(record: Record) -> None:
    own = record.model_copy(deep=True)
    own.benchmarks = [
        Row(name="inference.decode", format="bf16", emulated=True, measured=False, reason="a batch too large")
    ]
    assert "  decode bf16 emulated: not measured: a batch too large" in text(own).splitlines()


def test_errors_come_before_warnings_and_warnings_before_the_rest(record: Record) -> None:
    own = record.model_copy(deep=True)
    own.findings = [Finding(code=s, severity=s, text="x") for s in ("info", "error", "warning")]  # type: ignore[arg-type]
    found = [line.strip() for line in text(own).splitlines() if line.strip().endswith(": x")]
    assert found == ["error: x", "warning: x", "info: x"]


def test_the_path_of_the_record_comes_last(record: Record) -> None:
    assert text(record, Path("results/x.json")).rstrip().endswith("record: results/x.json")


def test_what_a_busy_machine_says_of_every_row_is_shown_twice_and_then_named(record: Record) -> None:
    own = record.model_copy(deep=True)
    own.findings = [
        *(Finding(code="contention", severity="warning", text=f"matmul f{n}: contention: busy") for n in range(9)),
        *(Finding(code="not_measured", severity="warning", text=f"peak f{n}: not measured") for n in range(9)),
    ]
    lines = text(own).splitlines()
    assert sum("contention: busy" in line for line in lines) == 2
    assert sum("not measured" in line and "peak f" in line for line in lines) == 9
    assert "and contention in 7 more, in matmul f2, matmul f3" in " ".join(lines)
