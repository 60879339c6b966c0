"""`greenzone profiles`: what is claimed of parts, listed, shown, checked, begun and set side by side."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from greenzone.cli.catalogue import JSON, listed, plain
from greenzone.cli.options import FOLDER, complete, echo, echo_json, profile_ids, say
from greenzone.cli.scaffold import profiles_new
from greenzone.cli.tables import emit, table_options
from greenzone.errors import DataFileError, FileError, UsageError
from greenzone.parts.catalogue import Catalogue, load_catalogue, load_profile, profile_paths
from greenzone.parts.profile import DeviceProfile

OWN = click.option(
    "--profiles", "folder", type=FOLDER, metavar="DIR", help="A folder of profiles of your own, over the shipped ones."
)
SHOWN = ("tpp", "performance_density", "dram_bandwidth_gb_s", "copackaged_dram_gb")


def loaded(folder: Path | None) -> Catalogue:
    """The catalogue; a file that cannot be loaded is named on standard error and keeps no other from loading."""
    found = load_catalogue(folder)
    for fault in found.faults:
        say(f"warning: left out: {fault}", err=True)
    return found


def chosen(ids: Sequence[str], folder: Path | None) -> list[DeviceProfile]:
    """The profiles named, or all that can be loaded."""
    return [load_profile(ref, folder) for ref in ids] if ids else list(loaded(folder).profiles)


@click.group()
def profiles() -> None:
    """Device profiles: what is claimed of a part, each number with its source."""


@profiles.command("list")
@OWN
@click.option("--vendor", help="Only the parts of this vendor.")
@JSON
def profiles_list(folder: Path | None, vendor: str | None, as_json: bool) -> None:
    """List every profile with its TPP, density and memory."""
    from greenzone.parts.metrics import rows_of

    found = _of_vendor(loaded(folder).profiles, vendor)
    rows = []
    for row in rows_of(found, SHOWN):
        p = row.profile
        facts = {"id": p.id, "name": p.name, "vendor": p.vendor, "datacenter": p.datacenter}
        rows.append({**facts, **{name: _interval(i) for name, i in row.values.items()}})
    listed(rows, as_json, ("id", *SHOWN, "datacenter"))
    if not as_json:
        say(f"{len(rows)} part{'s' if len(rows) != 1 else ''}")


def _of_vendor(found: Sequence[DeviceProfile], vendor: str | None) -> list[DeviceProfile]:
    vendors = {p.vendor.casefold(): p.vendor for p in found if p.vendor}
    if vendor is not None and vendor.casefold() not in vendors:
        raise UsageError(f"no part of a vendor {vendor!r}; there are: {', '.join(sorted(vendors.values()))}")
    return [p for p in found if vendor is None or (p.vendor or "").casefold() == vendor.casefold()]


def _interval(i: Any) -> dict[str, float | None] | None:
    if i.low == 0 and not i.is_bounded:
        return None
    return {"low": i.low, "high": i.high if i.is_bounded else None}


@profiles.command("show")
@click.argument("profile", shell_complete=complete(profile_ids))
@OWN
@JSON
def profiles_show(profile: str, folder: Path | None, as_json: bool) -> None:
    """Show one profile: every number with its source, the parameters they give, what the rules warn of.

    PROFILE is an id, a name as the driver reports it, or a TOML file.
    """
    from rich.text import Text

    from greenzone.parts.capability import part_of
    from greenzone.parts.document import evidence_json, figures, figures_json, parameters_json
    from greenzone.report.terminal import section, table

    found = load_profile(profile, folder)
    part, warned = part_of(found), _warned(found, folder)
    if as_json:
        plain_profile = plain(asdict(found))
        numbers = {"figures": figures_json(found), "warnings": [vars(w) for w in warned]}
        echo_json({**plain_profile, "parameters": parameters_json(part), "evidence": evidence_json(part), **numbers})
        return
    numbers_shown = [(f.where, f.value, f.unit, f.confidence, f.key or "none") for f in figures(found)]
    head = ("figure", "value", "unit", "confidence", "source")
    echo(section(f"{found.name} ({found.id})", table(*head, rows=numbers_shown)))
    rows = [(e.parameter, e.basis, str(e.interval), e.confidence, e.working) for e in part.evidence]
    echo(section("What they give", table("parameter", "basis", "value", "confidence", "working", rows=rows)))
    if warned:
        lines = [(w.rule, w.evidence, w.explained or "not explained") for w in warned]
        echo(section("Warnings", table("rule", "evidence", "explanation", rows=lines)))
    sources = [(key, s.title, s.url or "") for key, s in found.sources.items()]
    echo(section("Sources", table("key", "title", "address", rows=sources)))
    echo(Text(f"file: {profile_paths(folder).get(found.id) or profile}"))


def _warned(profile: DeviceProfile, folder: Path | None) -> Sequence[Any]:
    from greenzone.parts.lint import lint

    return lint(profile, _context(folder))


def _context(folder: Path | None = None, own: Sequence[DeviceProfile] = ()) -> Any:
    """What the rules are told: the catalogue with the user's files over it, and the edges of the law."""
    from greenzone.law.lint import edges
    from greenzone.law.regimes import load_regimes
    from greenzone.parts.lint import Context

    regulated = [r for r in load_regimes() if r.effect != "quantity"]
    by_id = {p.id: p for p in (*load_catalogue(folder).profiles, *own)}
    return Context(tuple(by_id.values()), edges(regulated))


@profiles.command("lint")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@OWN
@click.option("--strict", is_flag=True, help="Exit 1 on a warning that the file does not explain, for CI.")
@click.option("--verbose", "-v", is_flag=True, help="Show explained warnings too.")
@click.option("--rules", "as_rules", is_flag=True, help="List the rules and what each is for, and check nothing.")
@JSON
def profiles_lint(
    files: tuple[Path, ...], folder: Path | None, strict: bool, verbose: bool, as_rules: bool, as_json: bool
) -> None:
    """Check profile files, the shipped ones or FILES of your own, for faults and for the traps of public data.

    A fault, which breaks the format or contradicts itself, exits 1. A warning is something that is often
    wrong; where it is right, the file says why under [explained], by the rule's name.
    """
    from greenzone.parts.lint import lint

    if as_rules:
        _print_rules(as_json)
        return
    paths = _to_lint(files, folder)
    if not paths:
        raise UsageError("there is no profile file (*.toml) to check there")
    found, faults = _loaded(paths)
    context = _context(folder, found)
    warned = [w for p in found for w in lint(p, context)]
    if as_json:
        echo_json(
            {"checked": len(paths), "faults": [str(f) for f in faults], "warnings": [plain(vars(w)) for w in warned]}
        )
    else:
        _print_warned(paths, faults, warned, verbose)
    open_warnings = [w for w in warned if w.explained is None]
    if faults:
        raise FileError("\n".join(str(f) for f in faults))
    if strict and open_warnings:
        count = len(open_warnings)
        raise FileError(f"{count} warnings are not explained; mend the figure, or say why under [explained]")


def _to_lint(files: Sequence[Path], folder: Path | None) -> list[Path]:
    if files:
        return [path for given in files for path in (sorted(given.rglob("*.toml")) if given.is_dir() else [given])]
    return sorted(folder.rglob("*.toml")) if folder else list(profile_paths().values())


def _loaded(paths: Sequence[Path]) -> tuple[list[DeviceProfile], list[FileError]]:
    """The profiles of files, and the faults of those that break the format or repeat an id."""
    found: dict[str, tuple[Path, DeviceProfile]] = {}
    faults: list[FileError] = []
    for path in paths:
        try:
            profile = load_profile(str(path))
        except FileError as error:
            faults.append(error)
            continue
        if path.stem != profile.id:
            text = f"id - {profile.id!r} does not match the file's name: in a folder of profiles it would be left out"
            faults.append(DataFileError(path, [f"{text}; name it {profile.id}.toml"]))
        if profile.id in found:
            first = found[profile.id][0]
            faults.append(DataFileError(path, [f"id - {profile.id!r} is also that of {first}; give it one of its own"]))
        found.setdefault(profile.id, (path, profile))
    return [p for _, p in found.values()], faults


def _print_warned(paths: Sequence[Path], faults: Sequence[FileError], warned: Sequence[Any], verbose: bool) -> None:
    shown = [w for w in warned if verbose or w.explained is None]
    for w in shown:
        tail = f" - explained: {w.explained}" if w.explained else ""
        say(f"{w.profile}: {w.rule}: {w.evidence}{tail}")
    left = sum(w.explained is None for w in warned)
    names = f"{len(paths)} profile file{'s' if len(paths) != 1 else ''} checked"
    wrong = f"{len(faults)} faulty" if faults else "no fault found"
    summary = f"{names}, {wrong}; {left} warnings, {len(warned) - left} more explained in the files"
    say(summary, err=bool(faults))


def _print_rules(as_json: bool) -> None:
    from greenzone.parts.lint import RULES

    rows = [{"id": rule.name, "explanation": rule.explanation} for rule in RULES.values()]
    listed(rows, as_json, ("id", "explanation"))


@profiles.command("compare")
@click.argument("profiles_named", nargs=-1, metavar="PROFILE PROFILE...", shell_complete=complete(profile_ids))
@OWN
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated.")
@click.option("--sort", metavar="NAME", help="Put the parts in the order of a metric.  [default: as given]")
@table_options
def profiles_compare(
    profiles_named: tuple[str, ...], folder: Path | None, metrics: tuple[str, ...], sort: str | None, form: str,
    as_json: bool, out: Path | None,
) -> None:  # fmt: skip
    """Set profiles side by side, each value with its share of the first part's.

    A metric is a regulated parameter (tpp), a rate (fp8_tops), or power_w, units, boost_mhz, memory_gb, l2_mib.
    """
    from greenzone.report.parts import compared, compared_cells

    rows = compared([load_profile(ref, folder) for ref in profiles_named], metrics, sort)
    emit(rows, lambda: compared_cells(rows), form, as_json, out)


@click.command()
@click.argument("profiles_named", nargs=-1, metavar="[PROFILE]...", shell_complete=complete(profile_ids))
@OWN
@click.option("--sort", default="tpp", show_default=True, metavar="METRIC", help="The metric of the order.")
@click.option("--ascending", is_flag=True, help="The lowest first.")
@click.option("--metric", "metrics", multiple=True, metavar="METRIC", help="Show this metric; may be repeated.")
@click.option("--of", "reference", metavar="PROFILE", help="Give every value as a share of this part's too.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw it: svg, pdf, png.")
@table_options
def tiers(
    profiles_named: tuple[str, ...], folder: Path | None, sort: str, ascending: bool, metrics: tuple[str, ...],
    reference: str | None, plot: Path | None, form: str, as_json: bool, out: Path | None,
) -> None:  # fmt: skip
    """Compare parts by what they do: sorted by one metric, with the others and each one's place beside it.

    No metric ranks a part alone: the TPP of an H20 is 15 % of an H100's, its memory bandwidth 119 %.
    Where sources disagree or a fact is open, the lower end counts. Unknown stands last.
    """
    from greenzone.report import parts as side

    found = chosen(profiles_named, folder)
    of = load_profile(reference, folder) if reference else None
    rows = side.tiers(found, sort, of, metrics, ascending)
    names = tuple(dict.fromkeys((sort, *(metrics or side.TIER_METRICS))))
    if plot is not None:
        from greenzone.report.plots import tiers_plot

        tiers_plot(rows, names, plot)
        say(f"drawn: {plot}", err=True)
    emit(rows, lambda: side.tier_cells(rows, names), form, as_json, out)


profiles.add_command(profiles_new)
