"""`greenzone classify`: which clauses a part meets, from what is claimed of it."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from greenzone.cli.options import FILE, FOLDER, asking, complete, echo, echo_json, profile_ids, regime_ids, say, today
from greenzone.errors import UsageError
from greenzone.law.classification import classify as classified
from greenzone.law.regimes import Regime, load_regime_file, regime_paths
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import Classification
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.catalogue import load_profile


@click.command()
@click.argument("profiles", nargs=-1, metavar="[PROFILE]...", shell_complete=complete(profile_ids))
@asking
@click.option(
    "--regime", "regimes", multiple=True, metavar="ID", shell_complete=complete(regime_ids),
    help="Only this regime; may be repeated.  [default: every control, eligibility and tariff]",
)  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE",
    help="Give a parameter or fact a value: tpp=4800, tpp=4625.., datacenter=true, applicable_die_area_mm2=unknown.",
)  # fmt: skip
@click.option("--profiles", "folder", type=FOLDER, metavar="DIR", help="A folder of profiles of your own.")
@click.option("--regime-file", "regime_files", type=FILE, multiple=True, help="A regime of your own, evaluated too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document: an object, or an array for several profiles.")
@click.option("--format", "form", type=click.Choice(["csv", "markdown"]), help="A table, one row a part and regime.")
def classify(
    profiles: tuple[str, ...], on: date | None, known_on: date | None, to: str | None, origin: str | None, kind: str,
    headquarters: str | None, on_sale_us: bool | None, regimes: tuple[str, ...], settings: tuple[str, ...],
    folder: Path | None,
    regime_files: tuple[Path, ...], as_json: bool, form: str | None,
) -> None:  # fmt: skip
    """Say which clauses a part meets on a day, for a transaction.

    PROFILE is an id, a TOML file or a record. With --set it may be left out.
    """
    deal = Transaction.of(to, kind, origin, headquarters, on_sale_us)
    parts = parts_named(profiles, settings, folder)
    if as_json and form:
        raise UsageError(f"--json and --format {form}: choose one")
    extra = _own_regimes(regime_files)
    named: Sequence[str] | None = regimes or None
    found = [classified(part, on or today(), known_on or today(), deal, named, extra) for part in parts]
    _print(found, as_json, form)


def _own_regimes(paths: tuple[Path, ...]) -> list[Regime]:
    """The user's regimes; an id that is in use would leave it open which of the two was asked."""
    found = [load_regime_file(path) for path in paths]
    taken = list(regime_paths())
    for regime, path in zip(found, paths, strict=True):
        if regime.id in taken:
            raise UsageError(f"{path}: the id {regime.id!r} is in use; give the regime an id of its own")
        taken.append(regime.id)
    return found


def parts_named(refs: Sequence[str], settings: Sequence[str], folder: Path | None) -> list[Part]:
    """The parts of the references with the values given; one of the values alone where none is named.

    Raises:
        UsageError: neither is given.
    """
    if not refs and not settings:
        raise UsageError("name a PROFILE (an id, a TOML file or a record), or give the values with --set")
    return [with_set(part_named(ref, folder), settings) for ref in refs] or [
        with_set(Part(None, "a part given by --set"), settings)
    ]


def part_named(ref: str, folder: Path | None = None) -> Part:
    """The part of a profile id, a TOML file or a record."""
    if ref.endswith(".json"):  # asked here, for the store takes pydantic to import
        from greenzone.records.store import read
        from greenzone.records.subject import part_of_record

        return part_of_record(read(Path(ref)), ref)
    return part_of(load_profile(ref, folder))


def _print(found: list[Classification], as_json: bool, form: str | None) -> None:
    if as_json:
        documents: list[Any] = [c.to_json() for c in found]
        echo_json(documents[0] if len(documents) == 1 else documents)
    elif form:
        from greenzone.report.tables import verdict_rows, write_rows

        say(write_rows(verdict_rows(found), form), nl=False)
    else:
        from rich.console import Group

        from greenzone.report.terminal import classification

        echo(Group(*(classification(c) for c in found)))
