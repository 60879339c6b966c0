"""`greenzone report`: records as one page for a browser, complete in one file."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from greenzone.cli.options import DATE, FILE, complete, country_codes, say, today
from greenzone.errors import RecordError, UsageError
from greenzone.law.transaction import Transaction

if TYPE_CHECKING:
    from greenzone.records.record import Record
    from greenzone.report.run import Report


@click.command()
@click.argument("records", nargs=-1, required=True, metavar="RECORD...", type=click.Path(path_type=Path))
@click.option("--on", type=DATE, help="The day whose law is asked for.  [default: as the run was asked]")
@click.option("--known-on", type=DATE, help="The day up to which publications count.  [default: as the run was asked]")
@click.option(
    "--to", metavar="CC", shell_complete=complete(country_codes),
    help="Destination, an ISO 3166 code.  [default: as the run was asked]",
)  # fmt: skip
@click.option(
    "-o", "--output", "out", type=FILE, metavar="FILE", default="report.html", show_default=True,
    help="Where the page is written.",
)  # fmt: skip
def report(records: tuple[Path, ...], on: date | None, known_on: date | None, to: str | None, out: Path) -> None:
    """Make one page of records: the answer first, then maps, charts, tables and everything they rest on.

    RECORD is a file that `greenzone run` wrote, or a folder of them. The page is one file that asks nothing of any
    network, prints to PDF, and reads in light and dark. Each record is classified anew, under the question it
    was run with unless another is given.
    """
    from greenzone.records.store import write_text
    from greenzone.report.html import page

    found = [_report(record, path, on, known_on, to) for path, record in _read(records)]
    write_text(page(found), out)
    say(f"written: {out}", err=True)


def _read(given: Sequence[Path]) -> list[tuple[Path, "Record"]]:
    """The records named, each once, those of a folder in the order of their names."""
    from greenzone.records.store import read_all

    return list({path: (path, record) for root in given for path, record in read_all(root)}.values())


def _report(record: "Record", path: Path, on: date | None, known_on: date | None, to: str | None) -> "Report":
    from greenzone.report.run import report_of

    try:
        asked = record.settings.get("transaction") or {}
        deal = Transaction.of(
            to or asked.get("to"), asked.get("kind") or "export", asked.get("from"), asked.get("headquarters"),
            asked.get("on_sale_us"),
        )  # fmt: skip
        days = [given or _day(record.settings.get(key)) for given, key in ((on, "on"), (known_on, "known_on"))]
    except (AttributeError, TypeError, ValueError) as error:
        if to is not None and isinstance(error, UsageError):
            raise
        raise RecordError(f"{path}: its settings cannot be read ({error}); give --on and --to") from None
    return report_of(record, days[0], days[1], deal, path)


def _day(said: Any) -> date:
    return today() if said is None else date.fromisoformat(said)
