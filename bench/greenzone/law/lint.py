"""What a regime file can have wrong beyond its format: clauses nobody tried, reviews long past, stray references."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from greenzone.datafiles import data_root, parse_toml, read_bytes
from greenzone.errors import DataFileError
from greenzone.law.regimes import Box, Regime

STALE_DAYS = 120
CASES_A_CLAUSE = 2
_NAMING = ("caught_by", "possible", "excluded_by", "truth")  # what an expectation names clauses under
Cases = Mapping[str, Sequence[Mapping[str, Any]]]


def shipped_cases() -> Path | None:
    """The folder of cases beside the source, in a checkout; a wheel has none."""
    folder = data_root().parent / "tests" / "regimes"
    return folder if folder.is_dir() else None


def load_cases(folder: Path) -> dict[str, list[Mapping[str, Any]]]:
    """The cases of each regime: REGIME.toml and REGIME.TOPIC.toml.

    Raises:
        FileError, DataFileError: a file cannot be read.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for path in sorted(folder.glob("*.toml")):
        cases = parse_toml(read_bytes(path), path).get("case", [])
        if not isinstance(cases, list):
            raise DataFileError(path, ["case - an array of tables: write [[case]]"])
        if faulty := [f"case.{n} - {fault}" for n, case in enumerate(cases) for fault in _case_faults(case)]:
            raise DataFileError(path, faulty)
        found.setdefault(path.name.split(".")[0], []).extend(cases)
    return found


def _case_faults(case: Any) -> Iterator[str]:
    """Why a case cannot be counted. A date alone: one with a time is a date to Python, and not compared with one."""
    if not isinstance(case, dict) or type(case.get("on")) is not date:
        yield "a table with `on`, a date"
        return
    if type(case.get("known_on", date.max)) is not date:
        yield "known_on is a date"
    expect = case.get("expect", {})
    if not isinstance(expect, dict):
        yield "expect is a table"
        return
    for name in (name for name in _NAMING if not _is_named(expect.get(name, []))):
        yield f"expect.{name} is a list of ids of clauses, or a table by them"


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and all(isinstance(name, str) for name in value))


def faults(regime: Regime, cases: Cases | None, known: Iterable[str]) -> list[str]:
    """What must be mended: references to no regime, and clauses with fewer than two cases in a version.

    Without cases (None) none are asked for.
    """
    ids = set(known)
    found = [f"{key} - no regime {ref!r}" for key, ref in _references(regime) if ref not in ids]
    counts = _mentions(regime, cases.get(regime.id, ()) if cases is not None else ())
    for n, version in enumerate(regime.versions):
        for clause in version.all_clauses:
            seen = counts[version.label, clause.id]
            if cases is not None and seen < CASES_A_CLAUSE:
                found.append(f"version.{n}.clause {clause.id!r} - {seen} cases, {CASES_A_CLAUSE} are asked for")
    return found


def warnings(regime: Regime, today: date) -> list[str]:
    """What should be looked at: a review more than 120 days old."""
    age = (today - regime.reviewed_on).days
    text = f"reviewed_on - {age} days ago, more than {STALE_DAYS}: check the sources again"
    return [text] if age > STALE_DAYS else []


def edges(regimes: Iterable[Regime]) -> dict[str, tuple[float, ...]]:
    """Every edge of every clause that was ever in force or proposed, by parameter, in rising order."""
    found: dict[str, set[float]] = {}
    for clause in (c for r in regimes for v in r.versions for c in v.all_clauses):
        for name, span in Box.read(clause.when).ranges.items():
            found.setdefault(name, set()).update(span.edges)
    return {name: tuple(sorted(values)) for name, values in found.items()}


def _references(regime: Regime) -> Iterable[tuple[str, str]]:
    yield from ((key, ref) for key, ref in (("relieves", regime.relieves), ("fallback", regime.fallback)) if ref)
    for n, version in enumerate(regime.versions):
        yield from ((f"version.{n}.clause", ref) for ref in version.refers_to)
        yield from ((f"version.{n}.limit {x.id!r}", ref) for x in version.limits for ref in x.caught)


def _mentions(regime: Regime, cases: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, str]]:
    """How many cases say something of a clause, by version."""
    counts: Counter[tuple[str, str]] = Counter()
    for case in cases:
        known = case.get("known_on", date.max)
        version = regime.version_on(case["on"], known) or regime.proposal(known)
        expect = case.get("expect", {})
        named = {name for key in _NAMING for name in expect.get(key, ())}
        if version is not None:
            counts.update((version.label, name) for name in named)
    return counts

