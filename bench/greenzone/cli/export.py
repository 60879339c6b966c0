"""`greenzone export`: the rows of records in the forms that other tools read."""

from pathlib import Path

import click

from greenzone.cli.options import FILE
from greenzone.cli.tables import emit
from greenzone.errors import UsageError

FORMS = ("csv", "jsonl", "markdown", "parquet", "openmetrics")


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
    and high (median -/+ U, k = 2), validity. openmetrics is for the textfile collector of Prometheus.
    """
    from greenzone.records.store import read_all
    from greenzone.report.export import benchmark_rows, json_lines, openmetrics

    found = [record for path in records for _, record in read_all(path)]
    rows = benchmark_rows(found)
    if form == "parquet" and not rows:
        raise UsageError("the records hold no benchmark: there is nothing to write")
    if form in ("jsonl", "openmetrics"):
        _put(json_lines(rows) if form == "jsonl" else openmetrics(found), out)
        return
    cells = [["" if value is None else str(value) for value in row.values()] for row in rows]
    emit(rows, lambda: (list(rows[0]) if rows else [], cells), form, False, out)


def _put(text: str, out: Path | None) -> None:
    from greenzone.records.store import write_text

    if out is None:
        click.echo(text, nl=False)
    else:
        write_text(text, out)
