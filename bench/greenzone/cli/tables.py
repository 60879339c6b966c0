"""Rows in the form that was asked for: text for people, CSV, Markdown, JSON, Parquet; printed, or in a file."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from greenzone.cli.options import FILE, echo, echo_json, say
from greenzone.errors import UsageError

FORMS = ("text", "csv", "markdown", "json", "parquet")
Cells = tuple[Sequence[str], Sequence[Sequence[str]]]


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--format, --json and -o, of every command that prints a table."""
    for option in (
        click.option("-o", "--output", "out", type=FILE, metavar="FILE", help="Write to a file, not to the terminal."),
        click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
        click.option(
            "--format", "form", type=click.Choice(FORMS), default="text", show_default=True,
            help="The form of the table; parquet needs greenzone[parquet] and -o.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def emit(
    rows: Sequence[dict[str, Any]], cells: Callable[[], Cells], form: str, as_json: bool, out: Path | None
) -> None:
    """Print or write rows of the same columns.

    Args:
        rows: plain values, None where nothing is known.
        cells: the same as a person reads it, columns and lines; asked for only by `text`.
        form: one of FORMS.
        as_json: --json was given.
        out: the file to write; standard output if none.
    """
    if as_json and form not in ("text", "json"):
        raise UsageError(f"--json and --format {form}: choose one")
    form = "json" if as_json else form
    if form == "parquet":
        _write_parquet(rows, out)
    elif form == "text" and out is None:
        from greenzone.report.terminal import table

        head, lines = cells()
        shown = table(*head, rows=lines)
        shown.columns[0].no_wrap = True
        echo(shown)
    elif form == "json" and out is None:
        echo_json(list(rows))
    elif out is None:
        say(_text(rows, cells, form), nl=False)
    else:
        from greenzone.records.store import write_text

        write_text(_text(rows, cells, form), out)


def _text(rows: Sequence[dict[str, Any]], cells: Callable[[], Cells], form: str) -> str:
    from greenzone.report.tables import write_rows

    if form == "json":
        return json.dumps(list(rows), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    if form == "csv":
        return write_rows([{k: "" if v is None else v for k, v in row.items()} for row in rows], "csv")
    head, lines = cells()
    return write_rows([dict(zip(head, line, strict=True)) for line in lines], "markdown")


def _write_parquet(rows: Sequence[dict[str, Any]], out: Path | None) -> None:
    if out is None:
        raise UsageError("--format parquet writes a file: give -o FILE")
    import pandas as pd

    from greenzone.records.store import write_bytes

    content = io.BytesIO()
    try:
        pd.DataFrame(list(rows)).to_parquet(content, index=False)
    except ImportError:
        raise UsageError("--format parquet needs pyarrow: pip install 'greenzone[parquet]'") from None
    write_bytes(content.getvalue(), out)
