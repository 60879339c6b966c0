"""Options and helpers the commands share: dates, ids with completion, JSON and text output."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from greenzone.errors import FileError
from greenzone.report.plain import disarmed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.segment import Segment


class IsoDate(click.ParamType[date]):
    """A date as YYYY-MM-DD."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            day = date.fromisoformat(value)
            if day.isoformat() != value:  # 20231117 and 2023-W46-5 are dates of other forms
                raise ValueError
            return day
        except ValueError:
            self.fail(f"{value!r} is no date; write YYYY-MM-DD, as in 2025-04-10", param, ctx)


def today() -> date:
    """Today in UTC: the default of --on and --known-on, always printed."""
    return datetime.now(UTC).date()


def complete(ids: Callable[[], Sequence[str]]) -> Callable[..., list[str]]:
    """A shell completion over ids."""

    def completer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        return [i for i in ids() if i.startswith(incomplete)]

    return completer


def profile_ids() -> list[str]:
    """The ids of the shipped profiles."""
    from greenzone.parts.catalogue import profile_paths

    return sorted(profile_paths())


def regime_ids() -> list[str]:
    """The ids of the shipped regimes."""
    from greenzone.law.regimes import regime_paths

    return sorted(regime_paths())


def model_ids() -> list[str]:
    """The ids of the shipped models."""
    from greenzone.datafiles import data_root

    return sorted(p.stem for p in (data_root() / "models").glob("*.toml"))


def device_specs() -> list[str]:
    """The devices a run can be told."""
    return ["auto", "cpu", "cuda:0", *(f"emulated:{i}" for i in profile_ids())]


def fault_names() -> list[str]:
    """The faults of an emulated device."""
    from greenzone.lab.devices.emulated.faults import FAULTS

    return list(FAULTS)


def country_codes() -> list[str]:
    """ISO 3166 codes."""
    from greenzone.law.countries import ISO

    return sorted(ISO)


def say(text: str, *, nl: bool = True, err: bool = False) -> None:
    """Text on standard output, or error; names from files of others may hold what a terminal obeys."""
    click.echo(disarmed(text), nl=nl, err=err)


def _disarmed_console() -> "type[Console]":
    """A console of rich, whose own codes for colours are the only ones that reach a terminal."""
    from rich.console import Console

    class Disarmed(Console):
        def render(self, renderable: Any, options: Any = None) -> "Iterator[Segment]":
            for segment in super().render(renderable, options):
                yield segment if segment.control else segment._replace(text=disarmed(segment.text))

    return Disarmed


def echo_json(document: Any) -> None:
    """One JSON document on standard output, and nothing else."""
    _require_output()
    say(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False))


def echo(renderable: Any) -> None:
    """A report on standard output, as wide as the terminal, 110 columns where there is none."""
    _require_output()
    if sys.stdout.isatty():
        # Who sets NO_COLOR (no-color.org) is given plain text: rich alone would keep bold and underlined words.
        plain = bool(os.environ.get("NO_COLOR"))
        _disarmed_console()(highlight=False, color_system=None if plain else "auto").print(renderable)
        return
    console = _disarmed_console()(width=110, highlight=False)
    with console.capture() as captured:
        console.print(renderable)
    say("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _require_output() -> None:
    if sys.stdout is None:
        raise FileError("standard output is closed: there is nowhere to print; the record of a run is on disk")


FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
DATE = IsoDate()


def asking(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a question of law: days and transaction."""
    for option in reversed(
        (
            click.option("--on", type=DATE, help="The day whose law is asked for.  [default: today]"),
            click.option("--known-on", type=DATE, help="The day up to which publications count.  [default: today]"),
            click.option(
                "--to", metavar="CC", shell_complete=complete(country_codes), help="Destination, an ISO 3166 code."
            ),
            click.option("--from", "origin", metavar="CC", help="Origin.  [default: US for an export]"),
            click.option(
                "--kind", type=click.Choice(["export", "reexport", "transfer", "import"]), default="export",
                show_default=True, help="What is done with the item.",
            ),
            click.option("--headquarters", metavar="CC", help="Where the parties, or their parents, have their seat."),
            click.option(
                "--on-sale-us/--not-on-sale-us", "on_sale_us", default=None,
                help="Whether the part is commercially available in the United States.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command
