"""`greenzone ledger`: shipments against the limits on quantity."""

from datetime import date
from pathlib import Path

import click

from greenzone.cli.options import DATE, FILE, FOLDER, complete, echo, echo_json, say, today
from greenzone.errors import FileError, UsageError


def limit_ids() -> list[str]:
    """The ids of the limits, for the shell."""
    from greenzone.law.quantities import limit_ids as ids

    return ids()


@click.command()
@click.argument("shipments", type=FILE, metavar="SHIPMENTS.csv")
@click.option("--on", type=DATE, help="The day whose law is asked for; rows of every day count.  [default: today]")
@click.option("--known-on", type=DATE, help="The day up to which publications count.  [default: today]")
@click.option(
    "--limit", "limits", multiple=True, metavar="ID", shell_complete=complete(limit_ids),
    help="Only this limit; may be repeated.  [default: every limit that stands]",
)  # fmt: skip
@click.option("--profiles", "folder", type=FOLDER, metavar="DIR", help="A folder of profiles of your own.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--format", "form", type=click.Choice(["csv", "markdown"]), help="A table, one row a limit and key.")
@click.option("--plot", "picture", type=FILE, metavar="FILE", help="Draw it too: .svg, .pdf or .png.")
def ledger(
    shipments: Path, on: date | None, known_on: date | None, limits: tuple[str, ...], folder: Path | None,
    as_json: bool, form: str | None, picture: Path | None,
) -> None:  # fmt: skip
    """Sum the TPP of shipments against the limits on quantity that stand on a day.

    SHIPMENTS.csv has the columns date (YYYY-MM-DD), part (an id or a name), quantity, consignee (the
    ultimate parent that owns the items) and destination (ISO 3166); and, where known, kind (export,
    reexport, transfer, import, domestic), headquarters or "in" (the country where the ultimate parent has
    its seat) and authorization (licence, LPP, AIA, NVEU, ...). A row that cannot be counted is named and
    set aside. Where a text allows two readings, both are answered.
    """
    from greenzone.law.quantities import Law
    from greenzone.records.ledger import ledger as held_against
    from greenzone.report import ledger as shown

    if as_json and form:
        raise UsageError(f"--json and --format {form}: choose one")
    found = held_against(shipments, Law(on or today(), known_on or today()), limits, folder)
    if picture is not None:
        shown.plot(found, picture)
    if as_json:
        echo_json(shown.document(found))
    elif form:
        from greenzone.report.tables import write_rows

        rows = [{k: "" if v is None else v for k, v in shown.safe(row).items()} for row in shown.rows(found)]
        say(write_rows(rows, form), nl=False)
        for line in shown.findings(found):
            say(shown.clean(line), err=True)
    else:
        echo(shown.page(found))
    if not found.reader.rows and found.reader.set_aside:
        raise FileError(f"{shipments}: no row could be counted; mend the rows that were set aside")
