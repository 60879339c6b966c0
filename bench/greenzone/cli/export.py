"""`greenzone export`: the rows of records in the forms that other tools read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from greenzone.cli.options import FILE, say
from greenzone.cli.tables import emit
from greenzone.errors import UsageError

if TYPE_CHECKING:
    from greenzone.records.record import Record

FORMS = ("csv", "jsonl", "markdown", "parquet", "openmetrics", "pytest-benchmark")


@click.command()
@click.argument("records", nargs=-1, required=True, metavar="RECORD...", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(FORMS), default="csv", show_default=True,
    help="A row a benchmark; parquet needs greenzone[parquet] and -o, openmetrics greenzone[metrics].",
)  # fmt: skip
@click.option("-o", "--output", "out", type=FILE, metavar="FILE", help="Write to a file, not to the terminal.")
def export(records: tuple[Path, ...], form: str, out: Path | None) -> None:
    """Write the benchmarks of records, or of folders of them, a row each.

    csv, jsonl, markdown and parquet have the same columns: run, device, benchmark, format, window, unit, median, low
    and high (median -/+ U, k = 2), validity. openmetrics is for the textfile collector of Prometheus;
    pytest-benchmark, of one record, for what follows its JSON over time: seconds of a call, refused rows left out.
    """
    from greenzone.records.store import read_all
    from greenzone.report.export import benchmark_rows, json_lines, openmetrics

    found = [record for path in records for _, record in read_all(path)]
    rows = benchmark_rows(found)
    if form == "parquet" and not rows:
        raise UsageError("the records hold no benchmark: there is nothing to write")
    texts = {
        "jsonl": lambda: json_lines(rows),
        "openmetrics": lambda: openmetrics(found),
        "pytest-benchmark": lambda: _pytest_benchmark(found),
    }
    if form in texts:
        _put(texts[form](), out)
        return
    cells = [["" if value is None else str(value) for value in row.values()] for row in rows]
    emit(rows, lambda: (list(rows[0]) if rows else [], cells), form, False, out)


def _pytest_benchmark(found: Sequence["Record"]) -> str:
    from greenzone.report.pytest_benchmark import to_pytest_benchmark

    if len(found) != 1:
        raise UsageError(
            f"--format pytest-benchmark is of one machine and one run, and these are {len(found)} records: "
            "export each to a file of its own, which `pytest-benchmark compare` takes together"
        )
    document = to_pytest_benchmark(found[0])
    if not document["benchmarks"]:
        raise UsageError("the record holds no benchmark with samples: there is nothing to write")
    return json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _put(text: str, out: Path | None) -> None:
    from greenzone.records.store import write_text

    if out is None:
        say(text, nl=False)
    else:
        write_text(text, out)
