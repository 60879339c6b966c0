"""`greenzone compare`: two records, or two folders of them, benchmark by benchmark."""

from pathlib import Path

import click

from greenzone.cli.options import echo, echo_json, say
from greenzone.cli.tables import emit, table_options


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option(
    "--tolerance", type=click.FloatRange(0, 1, max_open=True), default=0.05, show_default=True,
    help="The fraction by which a rate may fall.",
)  # fmt: skip
@table_options
@click.pass_context
def compare(
    ctx: click.Context, before: Path, after: Path, tolerance: float, form: str, as_json: bool, out: Path | None
) -> None:
    """Compare two records, or two folders of records, benchmark by benchmark: AFTER as a fraction of BEFORE.

    The interval is a block bootstrap of the raw samples; the runs of a folder are put together, so that what differs
    between runs counts. A benchmark has regressed only if the whole interval lies below 1 - tolerance. Exits 5 if
    one has, or is no longer sound; 4 if the two have nothing in common. Other devices and settings are said first.
    """
    from greenzone.records.comparison import compare as compared
    from greenzone.records.store import read_all
    from greenzone.report.comparison import cells, comparison, ratio_rows

    left, right = ([record for _, record in read_all(path)] for path in (before, after))
    found = compared(left, right, tolerance)
    if (as_json or form == "json") and out is None:
        echo_json(found.to_json())
    elif form == "text" and out is None and not as_json:
        echo(comparison(found))
    else:
        emit(ratio_rows(found), lambda: cells(found), form, as_json, out)
        for text in found.differences:
            say(f"differs: {text}", err=True)
    ctx.exit(5 if found.failed else 0)
