"""A record worked out again from its raw samples, on any machine: every figure, its evidence, every verdict.

The same functions that made the record are run again, on the rules and profiles of this installation. What
they give is compared to nine significant digits, and each thing that differs is named. The bootstrap draws
with numpy's generator, so U is the same wherever that gives the same numbers for the same seed.
"""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from greenzone.errors import GreenzoneError, RecordError, UsageError
from greenzone.lab import provenance
from greenzone.lab.ceilings import ceiling_of
from greenzone.lab.evaluation import evaluate
from greenzone.lab.fingerprint import seen
from greenzone.lab.identify import identify
from greenzone.lab.recomputing import recomputed
from greenzone.law.transaction import Transaction
from greenzone.parts.catalogue import load_catalogue, load_profile, profile_paths
from greenzone.parts.profile import DeviceProfile
from greenzone.records.digests import changed, title
from greenzone.records.record import Record, Row
from greenzone.records.store import MOST_SAMPLES

DIGITS = 1e-9  # nine significant ones
_THREADS = 4
FIGURES = (
    "operations", "bytes", "rate_tops", "bandwidth_gb_s", "tokens_per_s", "timer_uncertainty", "effective_samples",
    "uncertainty", "layer_seconds", "rest_seconds", "ttft_s", "tpot_s", "mfu", "mbu", "bound_by", "intensity",
    "asked_seconds", "roofline", "repeats", "validity",
)  # fmt: skip
_OF_EACH = {"repeats": "median", "roofline": "tops"}  # what is worked out of each entry of a list
# What a record that was tampered with can make the functions of a run raise.
_BROKEN = (GreenzoneError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not what the samples give; `recomputed` is a sentence where nothing could be."""

    where: str
    figure: str
    recorded: Any
    recomputed: Any

    def __str__(self) -> str:
        told, found = _short(self.recorded), _short(self.recomputed)
        return f"{self.where}: {self.figure} is recorded as {told}, recomputed {found}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was worked out again, and all that does not hold."""

    figures: int
    verdicts: int
    differences: tuple[Difference, ...] = ()
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    identity: Mapping[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether nothing differs and nothing was changed."""
        return not (self.differences or self.changes)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "verified": self.holds, "figures": self.figures, "verdicts": self.verdicts,
            "differences": [asdict(d) for d in self.differences], "changes": list(self.changes),
            "notes": list(self.notes), "identity": dict(self.identity),
        }  # fmt: skip


def verify(document: Mapping[str, Any], record: Record, folder: Path | None = None) -> Verification:
    """Work a record out again.

    Args:
        document: the record as plain data, as its file has it.
        record: the same, read.
        folder: of the user's own profiles, over the shipped ones.

    Raises:
        RecordError: more samples than a verifier should have to work through.
        FileError: the folder is none.
    """
    profile_paths(folder)
    if (count := sum(len(row.samples) for row in record.benchmarks)) > MOST_SAMPLES:
        raise RecordError(f"{count:,} samples in all; at most {MOST_SAMPLES:,} are worked through")
    rows, figures, differences = _rows(record)
    again = record.model_copy(update={"benchmarks": rows, "device": dict(record.device), "findings": []})
    notes = [*_notes(record)]
    if record.run.status != "running":
        differences += _conclusions(record, again, folder)
    changes = [*_changes(document, record, folder), *_contradictions(record)]
    verdicts = len(again.verdicts) if record.run.status != "running" else 0
    return Verification(
        figures, verdicts, tuple(differences), tuple(changes), tuple(notes), _identity(again, folder)
    )


def _changes(document: Mapping[str, Any], record: Record, folder: Path | None) -> Iterator[str]:
    """Parts of the record that are not those its digests are of, and files that are not those it was made with."""
    if record.digests:
        yield from changed(record.digests, document)
    yield from provenance.changed_files(record.rules, folder)
    yield from provenance.other_environment(record.environment)


def _notes(record: Record) -> Iterator[str]:
    if record.run.status == "running":
        yield "the run was not finished: there are rows, and no evidence or verdicts yet"
    elif not record.digests:
        yield "the record has no digests of its parts: what was changed in it shows in the figures alone"
    if "profiles" not in record.rules:
        yield "the record does not list the profiles it used: whether they are the same was not compared"
    if (other := provenance.other_package(record.tool)) is not None:
        yield other


def _contradictions(record: Record) -> Iterator[str]:
    """What the record says of emulation that does not agree with itself."""
    emulated = record.device.get("emulated")
    if not isinstance(emulated, bool):
        yield "device.emulated is not true or false"
    if str(record.device.get("id")).startswith("emulated:") != bool(emulated):
        yield f"device.id is {record.device.get('id')!s:.60} and device.emulated is {emulated!r:.20}"
    if "kind" in record.device and (record.device["kind"] == "emulated") != bool(emulated):
        yield f"device.kind is {record.device['kind']!s:.60} and device.emulated is {emulated!r:.20}"
    for place, row in enumerate(record.benchmarks):
        if row.measured and row.emulated != bool(emulated):
            yield f"benchmarks[{place}] ({_title(row)}) and the device do not agree on whether they are emulated"


def _rows(record: Record) -> tuple[list[Row], int, list[Difference]]:
    """The rows worked out again, how many figures they have, and those that differ."""
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        found = list(pool.map(_row, record.benchmarks))
    rows, figures, differences = [], 0, []
    for place, (row, (again, fault)) in enumerate(zip(record.benchmarks, found, strict=True)):
        where = f"benchmarks[{place}] ({_title(row)})"
        differences += [Difference(where, "the row", "measured", f"cannot be: {fault}")] if fault else []
        pairs = [(name, *_figure(name, row, again)) for name in FIGURES]
        figures += sum(_numbers(recorded) for _, recorded, _ in pairs)
        differences += [
            Difference(where, path, *values)
            for name, recorded, new in pairs for path, *values in differing(recorded, new, name)
        ]  # fmt: skip
        rows.append(again)
    return rows, figures, differences


def _row(row: Row) -> tuple[Row, str | None]:
    """A row worked out again; one that cannot be counts for nothing, and why."""
    try:
        return recomputed(row), None
    except _BROKEN as error:
        return row.model_copy(update={"validity": "invalid"}), f"{error!s:.200}" or type(error).__name__


def _figure(name: str, row: Row, again: Row) -> tuple[Any, Any]:
    found: list[Any] = [getattr(one, name, None) for one in (row, again)]
    if own := _OF_EACH.get(name):
        found = [[one.get(own) for one in several] for several in found]
    plain = [value.model_dump() if hasattr(value, "model_dump") else value for value in found]
    return plain[0], plain[1]


def _numbers(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(_numbers(v) for v in value.values())
    if isinstance(value, list):
        return sum(_numbers(v) for v in value)
    return int(isinstance(value, (int, float)) and not isinstance(value, bool))


def differing(recorded: Any, again: Any, path: str, scale: float = 0.0) -> Iterator[tuple[str, Any, Any]]:
    """Where two plain values differ: the path, what is recorded, what was recomputed.

    Numbers that agree to nine significant digits are the same; `low` and `high` to nine of their median.
    """
    if isinstance(recorded, Mapping) and isinstance(again, Mapping):
        middle = recorded.get("median")
        own = abs(middle) if isinstance(middle, float) else 0.0
        for key in dict.fromkeys((*again, *recorded)):
            yield from differing(recorded.get(key), again.get(key), f"{path}.{key}", own)
    elif _is_list(recorded) and _is_list(again) and len(recorded) == len(again):
        for place, (one, other) in enumerate(zip(recorded, again, strict=True)):
            yield from differing(one, other, f"{path}[{place}]")
    elif not _same(recorded, again, scale):
        yield path, recorded, again


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _same(one: Any, other: Any, scale: float) -> bool:
    if _is_number(one) and _is_number(other):
        try:
            return bool(abs(one - other) <= DIGITS * max(abs(one), abs(other), scale))
        except OverflowError:  # an integer that no float holds
            return bool(one == other)
    if _is_list(one) and _is_list(other):
        return list(one) == list(other)
    return type(one) is type(other) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _conclusions(record: Record, again: Record, folder: Path | None) -> list[Difference]:
    """Evidence, parameters, verdicts and findings of the recomputed rows, held against the recorded ones."""
    try:
        profile = _profile(record, folder)
        evaluate(again, _Described(record.device), profile, *_question(record.settings))
        return [*_ceilings(record, profile), *_concluded(record, again)]
    except _BROKEN as error:
        again.verdicts = []
        return [Difference("verdicts", "the whole", "judged", f"cannot be: {error!s:.200}")]


def _ceilings(record: Record, profile: DeviceProfile | None) -> Iterator[Difference]:
    """Ceilings that are not those of the profile and of what the device told of itself, where these give one."""
    for place, row in enumerate(record.benchmarks):
        if row.measured and (found := ceiling_of(row, profile, record.device)) is not None:
            where = f"benchmarks[{place}] ({_title(row)})"
            yield from (Difference(where, *values) for values in differing(row.ceiling, found, "ceiling"))


@dataclass(frozen=True, slots=True)
class _Described:
    """A device as a record describes it."""

    facts: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.facts.get("name"))

    @property
    def emulated(self) -> bool:
        return bool(self.facts.get("emulated"))


def _profile(record: Record, folder: Path | None) -> DeviceProfile | None:
    """The profile the record was judged by, from this installation or the folder given.

    Raises:
        UsageError: it is in neither.
    """
    part = record.device.get("part")
    own = part.get("id") if isinstance(part, Mapping) else None
    if own is None:
        return None
    # By its id alone: a record must not name a file that is then read.
    path = profile_paths(folder).get(own) if isinstance(own, str) else None
    if path is None:
        said = f"no profile here has the id {own!r:.60}"
        raise UsageError(f"{said}; give the folder that has {own!s:.60}.toml with --profiles")
    return load_profile(str(path))


def _question(settings: Mapping[str, Any]) -> tuple[date, date, Transaction]:
    """The days and the transaction that were asked about.

    Raises:
        RecordError, UsageError, ValueError, TypeError: they are none.
    """
    deal = settings.get("transaction")
    if not isinstance(deal, Mapping):
        raise RecordError("settings.transaction is missing")
    texts = [deal.get(key) for key in ("to", "kind", "from", "headquarters")]
    sold = deal.get("on_sale_us")
    if not all(text is None or isinstance(text, str) for text in texts) or sold not in (None, True, False):
        raise UsageError("settings.transaction: countries and kind are text, on_sale_us is true or false")
    to, kind, origin, headquarters = texts
    days = [date.fromisoformat(settings[key]) for key in ("on", "known_on")]
    return days[0], days[1], Transaction.of(to, str(kind), origin, headquarters, sold)


def _concluded(record: Record, again: Record) -> Iterator[Difference]:
    pairs = [("device", "part", record.device.get("part"), again.device["part"])]
    pairs += [(f"evidence[{n}]", _about(e), e, f) for n, (e, f) in enumerate(_beside(record.evidence, again.evidence))]
    pairs += [("parameters", key, record.parameters.get(key), again.parameters.get(key))
              for key in dict.fromkeys((*again.parameters, *record.parameters))]  # fmt: skip
    verdicts = _beside(record.verdicts, again.verdicts)
    pairs += [("verdicts", str((v or w or {}).get("regime")), v, w) for v, w in verdicts]
    for where, what, recorded, new in pairs:
        yield from (Difference(where, *found) for found in differing(recorded, new, what))
    told = {(f.code, f.text) for f in record.findings}
    for finding in again.findings:
        if (finding.code, finding.text) not in told:
            yield Difference("findings", finding.code, None, finding.text)


def _beside(one: Sequence[Any], other: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Two lists side by side, None where one has no more."""
    return list(itertools.zip_longest(one, other))


def _about(evidence: Any) -> str:
    known = evidence if isinstance(evidence, Mapping) else {}
    return f"{known.get('parameter')!s:.40} ({known.get('basis')!s:.20})"


def _identity(record: Record, folder: Path | None) -> dict[str, Any]:
    """What the device calls itself beside what it behaves like; a record has nobody's word but the driver's."""
    found: dict[str, Any] = {"basis": "as reported by the driver", "name": None, "likeliest": [], "findings": []}
    if record.device.get("emulated"):
        return {**found, "basis": "emulated", "name": _Described(record.device).name}
    try:
        identity = identify(seen(record), load_catalogue(folder).profiles)
    except RecordError as error:
        return {**found, "findings": [str(error)]}
    return {
        **found, "name": identity.fingerprint.name, "likeliest": [c.profile.id for c in identity.likeliest],
        "findings": [text for _, text in identity.findings] if not identity.fingerprint.is_empty else [],
    }  # fmt: skip


def _title(row: Row) -> str:
    return title({"name": row.name, "format": row.format, "variant": row.variant, "window": row.window})


def _short(value: Any) -> str:
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
