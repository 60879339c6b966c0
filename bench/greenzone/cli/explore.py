"""`greenzone timeline`, `matrix`, `headroom`, `design`: a part through time, and how far it is from a line."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from greenzone.cli.classify import part_named, parts_named
from greenzone.cli.options import DATE, FOLDER, asking, complete, echo, echo_json, profile_ids, regime_ids, say, today
from greenzone.errors import UsageError
from greenzone.formats import FORMATS
from greenzone.intervals import number
from greenzone.law.transaction import Transaction
from greenzone.parts.capability import Part

REGIMES = click.option(
    "--regime", "regimes", multiple=True, metavar="ID", shell_complete=complete(regime_ids),
    help="Only this regime; may be repeated.  [default: every control, eligibility and tariff]",
)  # fmt: skip
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
SET = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Give a parameter or fact a value.")
FORM = click.option("--format", "form", type=click.Choice(["csv", "markdown"]), help="Another form of table.")
PROFILES = click.option("--profiles", "folder", type=FOLDER, metavar="DIR", help="A folder of profiles of your own.")


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], form: str | None) -> None:
    if form:
        from greenzone.report.tables import write_rows

        say(write_rows([dict(zip(columns, row, strict=True)) for row in rows], form), nl=False)
        return
    from greenzone.report.terminal import table

    echo(table(*columns, rows=rows))


def _about(part: Part) -> dict[str, Any]:
    return {"device": {"id": part.id, "name": part.name, "item": part.item}}


@click.command()
@click.argument("profile", shell_complete=complete(profile_ids))
@asking
@REGIMES
@SET
@PROFILES
@JSON
@FORM
def timeline(
    profile: str, on: date | None, known_on: date | None, to: str | None, origin: str | None, kind: str,
    headquarters: str | None, on_sale_us: bool | None, regimes: tuple[str, ...], settings: tuple[str, ...],
    folder: Path | None, as_json: bool, form: str | None,
) -> None:  # fmt: skip
    """Tell every change of status of a part, by rule and date, and why.

    PROFILE is an id, a TOML file or a record. --on ends the story on that day.
    """
    from greenzone.law.history import timeline as changes_of

    (part,) = parts_named((profile,), settings, folder)
    deal = Transaction.of(to, kind, origin, headquarters, on_sale_us)
    found = changes_of(part, known_on or today(), deal, regimes or None)
    found = [c for c in found if on is None or c.on <= on]
    if as_json:
        echo_json({"schema": "greenzone.timeline/1", **_about(part), "changes": [c.to_json() for c in found]})
        return
    if not found:
        say("nothing to tell: no version of these regimes took effect; a proposal never did", err=True)
    rows = [(c.on.isoformat(), c.regime, c.before, c.after, c.why) for c in found]
    _table(("on", "regime", "before", "after", "why"), rows, form)


@click.command()
@click.argument("profiles", nargs=-1, metavar="[PROFILE]...", shell_complete=complete(profile_ids))
@click.option("--on", "days", type=DATE, multiple=True, help="A day; may be repeated.  [default: four days and today]")
@click.option("--known-on", type=DATE, help="The day up to which publications count.  [default: today]")
@click.option("--to", metavar="CC", help="Destination, an ISO 3166 code.")
@REGIMES
@PROFILES
@JSON
@FORM
def matrix(
    profiles: tuple[str, ...], days: tuple[date, ...], known_on: date | None, to: str | None,
    regimes: tuple[str, ...], folder: Path | None, as_json: bool, form: str | None,
) -> None:  # fmt: skip
    """Show parts by dates: which regimes catch each, and what moved.

    Without PROFILE, all of them.
    """
    from greenzone.law.history import REFERENCE_DAYS
    from greenzone.law.history import matrix as rows_of

    parts = [part_named(ref, folder) for ref in profiles or profile_ids()]
    chosen = days or (*REFERENCE_DAYS, today())
    found = rows_of(parts, chosen, known_on or today(), Transaction.of(to), regimes or None)
    if as_json:
        echo_json([row.to_json() for row in found])
        return
    order = sorted(set(chosen))
    columns = ("part", *(day.isoformat() for day in order))
    rows = [[row.part.id or row.part.name, *(_cell(row.statuses[day]) for day in order)] for row in found]
    if form:
        whole = [[*cells, "; ".join(row.migrated())] for cells, row in zip(rows, found, strict=True)]
        _table((*columns, "migrated"), whole, form)
        return
    _table(columns, rows, None)
    say("")
    for row in found:
        for text in row.migrated():
            say(f"{row.part.id or row.part.name}: {text}")


def _cell(verdicts: dict[str, Any]) -> str:
    """The regimes that say something other than no, on one day."""
    said = [
        f"{v.regime} {v.words}" for v in verdicts.values() if v.status in ("caught", "undecided")
    ]
    applied = [v for v in verdicts.values() if v.status != "not_applicable"]
    return ", ".join(said) or ", ".join(sorted({v.words for v in applied})) or "no rule"


@click.command()
@click.argument("profile", required=False, shell_complete=complete(profile_ids))
@click.option("--on", type=DATE, help="The day whose law is asked for.  [default: today]")
@click.option("--known-on", type=DATE, help="The day up to which publications count.  [default: today]")
@REGIMES
@SET
@PROFILES
@JSON
def headroom(
    profile: str | None, on: date | None, known_on: date | None, regimes: tuple[str, ...], settings: tuple[str, ...],
    folder: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Show margins, break-evens, and the smallest change that flips a verdict.

    PROFILE is an id, a TOML file or a record; with --set it may be left out. It warns where a
    rounding of the input, as tables round, would flip one.
    """
    from greenzone.law.headroom import headroom as explored

    (part,) = parts_named((profile,) if profile else (), settings, folder)
    day, known = on or today(), known_on or today()
    found = explored(part, day, known, regimes or None)
    if as_json:
        days = {"on": day.isoformat(), "known_on": known.isoformat()}
        echo_json({"schema": "greenzone.headroom/1", **_about(part), **days, "regimes": [h.to_json() for h in found]})
        return
    from greenzone.report.terminal import headroom as shown

    echo(shown(part, found, on or today()))


@click.command()
@click.option("--area", "area", type=float, required=True, metavar="MM2", help="Applicable die area in mm2.")
@click.option(
    "--dtype", "form", default="fp8", show_default=True, metavar="FORMAT",
    shell_complete=complete(lambda: list(FORMATS)), help="The number format that sets the TPP.",
)  # fmt: skip
@click.option("--regime", default="us-3a090", show_default=True, metavar="ID", shell_complete=complete(regime_ids))
@click.option(
    "--datacenter/--no-datacenter", default=True, show_default=True, help="Designed or marketed for data centres."
)
@click.option("--on", type=DATE, help="The day whose law is asked for.  [default: today]")
@click.option("--known-on", type=DATE, help="The day up to which publications count.  [default: today]")
@JSON
def design(
    area: float, form: str, regime: str, datacenter: bool, on: date | None, known_on: date | None, as_json: bool
) -> None:
    """Say the largest dense rate that stays out of a regime, for a die area, and what binds it."""
    from greenzone.law.exploring import design as largest
    from greenzone.law.regimes import load_regime
    from greenzone.report.wording import design_line

    if not 0 < area < 1e6:
        raise UsageError(f"--area {number(area)}: an area in mm2, more than 0 and less than 1,000,000")
    found = largest(area, form, load_regime(regime), on or today(), known_on or today(), datacenter)
    if as_json:
        echo_json(found.to_json())
    else:
        say(design_line(found))
