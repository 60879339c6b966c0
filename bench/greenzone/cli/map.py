"""`greenzone map`: the regions of the rules that stood on a day, and where parts lie in them."""

from datetime import date
from pathlib import Path

import click

from greenzone.cli.classify import parts_named
from greenzone.cli.options import DATE, FILE, FOLDER, complete, country_codes, profile_ids, regime_ids, say, today
from greenzone.law.transaction import Transaction


@click.command()
@click.argument("profiles", nargs=-1, metavar="[PROFILE]...", shell_complete=complete(profile_ids))
@click.option("--on", type=DATE, help="The day whose law is drawn.  [default: today]")
@click.option("--known-on", type=DATE, help="The day up to which publications count.  [default: today]")
@click.option("--to", metavar="CC", shell_complete=complete(country_codes), help="Name the outcome for a destination.")
@click.option(
    "--axes", type=click.Choice(["density", "io", "bandwidth"]),
    help="What lies up; TPP lies across.  [default: what the controls in force rest on]",
)  # fmt: skip
@click.option(
    "--regime", "regimes", multiple=True, metavar="ID", shell_complete=complete(regime_ids),
    help="Only this regime; may be repeated.  [default: every control, eligibility and tariff]",
)  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Give a parameter or fact a value.")
@click.option("--profiles", "folder", type=FOLDER, metavar="DIR", help="A folder of profiles of your own.")
@click.option(
    "-o", "--output", "out", type=FILE, metavar="FILE", default="map.svg", show_default=True,
    help="Where it is drawn: svg, pdf or png.",
)  # fmt: skip
def map(
    profiles: tuple[str, ...], on: date | None, known_on: date | None, to: str | None, axes: str | None,
    regimes: tuple[str, ...], settings: tuple[str, ...], folder: Path | None, out: Path,
) -> None:  # fmt: skip
    """Draw the rules of a day as regions, and parts as points, lines or areas in them.

    PROFILE is an id, a TOML file or a record; without it, and without --set, every profile is drawn.
    A part whose values are not all known is drawn as the line or the area in which they can lie.
    """
    from greenzone.report.map import map_of
    from greenzone.report.map_figure import draw_map

    refs = profiles or (() if settings else tuple(profile_ids()))
    parts = parts_named(refs, settings, folder)
    found = map_of(parts, on or today(), known_on or today(), axes, Transaction.of(to), regimes or None)
    draw_map(found, out)
    say(f"drawn: {out}", err=True)
