"""`greenzone regimes`, `devices`: what ships, listed, shown and checked."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from greenzone.cli.options import (
    DATE,
    FOLDER,
    complete,
    device_specs,
    echo,
    echo_json,
    regime_ids,
    say,
    today,
)
from greenzone.errors import DataFileError, FileError, GreenzoneError, UsageError

if TYPE_CHECKING:
    from greenzone.law.regimes import Regime, Version

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


def listed(rows: Sequence[dict[str, Any]], as_json: bool, columns: Sequence[str]) -> None:
    """Rows as one JSON document, or some of their columns as a table."""
    if as_json:
        echo_json(rows)
        return
    from greenzone.report.terminal import table

    shown = table(*columns, rows=[[_cell(row.get(c)) for c in columns] for row in rows])
    shown.columns[0].no_wrap = True  # an id is there to be copied
    echo(shown)


def _cell(value: Any) -> str:
    from greenzone.intervals import number

    if isinstance(value, dict) and "low" in value:
        low, high = (number(round(v, 3)) if v is not None else None for v in (value["low"], value["high"]))
        return str(low) if low == high else f">= {low}" if high is None else f"{low} to {high}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        "; ".join(map(str, value)) if isinstance(value, (list, tuple)) else "unknown" if value is None else str(value)
    )


def plain(value: Any) -> Any:
    """A dataclass's values as JSON data; what is not there is left out."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value


def _lint(paths: Sequence[Path], load: Callable[[Path], object], kind: str) -> None:
    """Check every file and report all faults of all of them."""
    faults: list[GreenzoneError] = []
    for path in paths:
        try:
            load(path)
        except (DataFileError, FileError) as error:
            faults.append(error)
    if faults:
        raise FileError("\n".join(str(f) for f in faults))
    say(f"{len(paths)} {kind} file{'s' if len(paths) != 1 else ''} checked, no fault found")


@click.group()
def regimes() -> None:
    """Regimes: rules as dated, cited data."""


@regimes.command("list")
@click.option("--on", type=DATE, help="The day whose version is shown.  [default: today]")
@click.option("--known-on", type=DATE, help="The day up to which publications count.  [default: today]")
@JSON
def regimes_list(on: date | None, known_on: date | None, as_json: bool) -> None:
    """List every regime with the version that stands on a day; proposals, which are not law, come last."""
    from greenzone.law.regimes import load_regimes

    day, known = on or today(), known_on or today()
    law = [_standing(r, r.version_on(day, known)) for r in load_regimes() if not r.is_proposed]
    proposals = [_standing(r, r.proposal(known)) for r in load_regimes() if r.is_proposed]
    listed(
        [*law, *proposals], as_json, ("id", "effect", "status", "effective", "published", "paragraphs", "confidence")
    )


def _standing(regime: "Regime", version: "Version | None") -> dict[str, Any]:
    """What stands of a regime; nothing before its first version."""
    v = version
    return {
        "id": regime.id, "title": regime.title, "effect": regime.effect,
        "status": v.status if v else "not_applicable",
        "effective": v.effective.isoformat() if v and v.effective else None,
        "published": v.published.isoformat() if v else None,
        "version": v.label if v else None,
        "paragraphs": list(dict.fromkeys(c.paragraph for c in v.all_clauses)) if v else [],
        "clauses": [c.id for c in v.all_clauses] if v else [],
        "confidence": sorted({c.confidence for c in v.citations}) if v else [],
    }  # fmt: skip


@regimes.command("show")
@click.argument("regime", shell_complete=complete(regime_ids))
@JSON
def regimes_show(regime: str, as_json: bool) -> None:
    """Show every version of one regime: dates, clauses, words, confidence."""
    from rich.text import Text

    from greenzone.law.regimes import load_regime
    from greenzone.report.terminal import section
    from greenzone.report.wording import version_lines

    found = load_regime(regime)
    if as_json:
        echo_json(plain(asdict(found)))
        return
    echo(
        Text(f"{found.id}: {found.title}; {found.authority}; {found.effect}; reviewed {found.reviewed_on.isoformat()}")
    )
    for v in found.versions:
        echo(section(f"from {v.label}", *(Text(line) for line in version_lines(v))))


@regimes.command("lint")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--cases", type=FOLDER, metavar="DIR", help="A folder of cases (REGIME.toml), asked for two a clause.")
def regimes_lint(files: tuple[Path, ...], cases: Path | None) -> None:
    """Check regime files, the shipped ones or FILES of your own, and report every fault of all of them.

    The format, references to other regimes, and, where there are cases, that each clause of each version
    has two. A review more than 120 days old is a warning.
    """
    from greenzone.law.lint import faults, load_cases, shipped_cases, warnings
    from greenzone.law.regimes import load_regime_file, regime_paths

    folder = cases or (None if files else shipped_cases())
    tried = load_cases(folder) if folder else None
    known = set(regime_paths())

    def check(path: Path) -> None:
        regime = load_regime_file(path)
        for text in warnings(regime, today()):
            say(f"warning: {path}: {text}", err=True)
        if found := faults(regime, tried, known | {regime.id}):
            raise DataFileError(path, found)

    _lint(files or tuple(regime_paths().values()), check, "regime")


@click.group()
def devices() -> None:
    """Devices of this machine, and those that can be emulated."""


@devices.command("list")
@JSON
def devices_list(as_json: bool) -> None:
    """List the devices a run can be told: the processor, accelerators, emulated ones."""
    from greenzone.lab.devices import list_devices
    from greenzone.parts.catalogue import load_profiles

    rows: list[dict[str, Any]] = list(list_devices())
    rows += [{"id": f"emulated:{p.id}", "name": p.name, "kind": "emulated", "usable": True} for p in load_profiles()]
    listed(rows, as_json, ("id", "name", "kind", "usable"))


@devices.command("show")
@click.argument("device", shell_complete=complete(device_specs))
@JSON
def devices_show(device: str, as_json: bool) -> None:
    """Show what is known of one device."""
    from greenzone.lab.devices import open_device
    from greenzone.parts.catalogue import load_profile, load_profiles
    from greenzone.report.terminal import table

    if device == "auto" or not device:
        raise UsageError("name a device: cpu, cuda:N or emulated:ID")
    found = open_device(device, load_profile, known=load_profiles())
    facts = {"id": found.id, "name": found.name, "emulated": found.emulated, **found.describe()}
    if as_json:
        echo_json(facts)
        return
    echo(table("", "", rows=[(k, _cell(v) if not isinstance(v, dict) else str(v)) for k, v in facts.items()]))
