"""Regimes: rules as dated, cited data. A clause is a box, a paragraph any of its clauses, no code.

The version that stands on a day is the latest (effective, published) with `effective <= on` and
`published <= known_on`: two axes of time, the law in force and what had been published.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from greenzone.datafiles import Before, Bound, Check, Confidence, Strings, data_root, load
from greenzone.errors import DataFileError, UsageError, nearest, unknown
from greenzone.intervals import Range
from greenzone.law.countries import ISO, group_ids
from greenzone.law.limits import Limit
from greenzone.parameters import ITEM_FACTS, ITEMS, PARAMETERS

Effect = Literal["control", "eligibility", "tariff", "quantity"]
Status = Literal["proposed", "in_force", "not_enforced", "suspended", "rescinded"]
Review = Literal["presumption_of_denial", "presumption_of_approval", "case_by_case"]
DEFAULT_EFFECTS = ("control", "eligibility", "tariff")
KINDS = ("export", "reexport", "transfer", "import")
TRANSACTION_FACTS = ("to", "from", "kind", "headquarters", "datacenter", "on_sale_us")


@dataclass(frozen=True)
class Citation:
    """Where a rule is printed, with its operative words, and how sure we are of them."""

    cite: str
    title: str
    url: Annotated[str, Bound(pattern=r"^https://")]
    quote: str
    confidence: Confidence
    # What it says: a status rests on the citations of parameters alone.
    of: Literal["parameters", "outcome", "dates"] = "parameters"


@dataclass(frozen=True)
class Note:
    """Something a verdict under this version must say."""

    code: str
    text: str


def _check_when(when: dict[str, Any]) -> dict[str, Any]:
    allowed = [*PARAMETERS, *ITEM_FACTS]
    for name, value in when.items():
        if name not in allowed:
            raise ValueError(f"{name!r} is no parameter; nearest: {', '.join(nearest(name, allowed))}")
        if isinstance(value, bool) != (name in ITEM_FACTS):
            raise ValueError(f"{name} is {'true or false' if name in ITEM_FACTS else 'a range'}, not {value!r}")
        if isinstance(value, str):
            try:
                Range.parse(value)
            except UsageError as error:
                raise ValueError(f"{name}: {error}") from None
    return when


# A conjunction: a range for each parameter named, true or false for a fact.
When = Annotated[dict[str, str | bool], Check(_check_when)]


@dataclass(frozen=True)
class Box:
    """What `when` says, read: ranges and facts."""

    ranges: dict[str, Range]
    facts: dict[str, bool]

    @classmethod
    def read(cls, when: dict[str, Any]) -> "Box":
        ranges = {n: Range.parse(v) for n, v in when.items() if isinstance(v, str)}
        return cls(ranges, {n: v for n, v in when.items() if isinstance(v, bool)})


@dataclass(frozen=True)
class Clause:
    """One box of a paragraph; it may also hang on another regime's status."""

    id: str
    paragraph: str
    when: When = field(default_factory=dict)
    caught: str | None = None
    unless_caught: str | None = None


@dataclass(frozen=True)
class Exclusion:
    """A box that is taken out of every clause."""

    id: str
    when: When


def _check_facts(when: dict[str, Any]) -> dict[str, Any]:
    _check_when({name: value for name, value in when.items() if name in PARAMETERS})
    for name, value in when.items():
        if name in PARAMETERS:
            continue
        if name not in TRANSACTION_FACTS:
            near = ", ".join(nearest(name, [*TRANSACTION_FACTS, *PARAMETERS]))
            raise ValueError(f"{name!r} is no fact an outcome can hang on; nearest: {near}")
        if isinstance(value, bool) != (name in ("datacenter", "on_sale_us")):
            raise ValueError(f"{name}: true or false for datacenter and on_sale_us, a list of names for the others")
        if isinstance(value, (list, tuple)):
            _check_names(name, value)
    return when


def _check_names(name: str, values: Sequence[str]) -> None:
    """Kinds of transaction, or countries and groups: each must be one."""
    if not values:
        raise ValueError(f"{name}: an empty list matches nothing; leave the key out")
    allowed = KINDS if name == "kind" else [*ISO, *(sign + g for g in group_ids() for sign in ("@", "!@"))]
    for value in values:
        if value not in allowed:
            raise ValueError(f"{name}: {value!r} is none; nearest: {', '.join(nearest(value, allowed))}")


def _lists(when: Any) -> Any:
    if not isinstance(when, dict):
        return when
    return {k: [v] if isinstance(v, str) and k not in PARAMETERS else v for k, v in when.items()}


# Facts of a transaction (lists of countries or kinds), of the item, or ranges of its parameters.
Facts = Annotated[
    dict[str, bool | str | tuple[str, ...]], Check(_check_facts), Before(_lists, dict[str, bool | str | list[str]])
]


@dataclass(frozen=True)
class Outcome:
    """What being caught means for a transaction; of several rows the first that matches wins."""

    licence: Literal["required", "not_required"] | None = None
    paragraph: str | None = None
    when: Facts = field(default_factory=dict)
    review: Review | None = None
    exceptions: Strings = ()
    tariff: str | None = None
    conditions: Strings = ()


@dataclass(frozen=True)
class Reading:
    """One of several ways to read a text that allows more: the clauses it adds. All are evaluated."""

    id: str
    text: str
    clauses: tuple[Clause, ...] = field(default=(), metadata={"key": "clause"})


KEEPABLE = {"clause": "clauses", "exclusion": "exclusions", "outcome": "outcomes", "limit": "limits", "note": "notes"}


def _check_parameters(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in PARAMETERS:
            raise ValueError(f"{name!r} is no parameter; nearest: {', '.join(nearest(name, PARAMETERS))}")
    return names


def _check_keeps(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in KEEPABLE:
            raise ValueError(f"{name!r} is nothing a version can keep; allowed: {', '.join(KEEPABLE)}")
    return names


@dataclass(frozen=True)
class Version:
    """One state of a rule, from the day it took effect to the day the next one does."""

    published: date
    status: Status
    effective: date | None = None
    compliance: date | None = None
    # What stands as in the version before: clauses, exclusions, outcomes, limits, notes.
    keeps: Annotated[Strings, Check(_check_keeps)] = ()
    # Parameters of which the text counts what the circuit is "programmable to have".
    programmable: Annotated[Strings, Check(_check_parameters)] = ()
    citations: tuple[Citation, ...] = field(default=(), metadata={"key": "citation"})
    clauses: tuple[Clause, ...] = field(default=(), metadata={"key": "clause"})
    exclusions: tuple[Exclusion, ...] = field(default=(), metadata={"key": "exclusion"})
    outcomes: tuple[Outcome, ...] = field(default=(), metadata={"key": "outcome"})
    readings: tuple[Reading, ...] = field(default=(), metadata={"key": "reading"})
    # What follows where nothing is caught: the other heading of a tariff.
    otherwise: Outcome | None = None
    limits: tuple[Limit, ...] = field(default=(), metadata={"key": "limit"})
    notes: tuple[Note, ...] = field(default=(), metadata={"key": "note"})

    @property
    def label(self) -> str:
        """The date a version is known by."""
        return (self.effective or self.published).isoformat()

    @property
    def all_clauses(self) -> tuple[Clause, ...]:
        """Its own clauses and those of every reading."""
        return (*self.clauses, *(c for r in self.readings for c in r.clauses))

    @property
    def refers_to(self) -> tuple[str, ...]:
        """The regimes its clauses hang on."""
        named = (ref for c in self.all_clauses for ref in (c.caught, c.unless_caught) if ref)
        return tuple(dict.fromkeys(named))

    def under_each_reading(self) -> list["Version"]:
        """The version with the clauses of each reading in turn; itself alone where the text allows one."""
        return [replace(self, clauses=(*self.clauses, *r.clauses), readings=()) for r in self.readings] or [self]

    @property
    def edges(self) -> dict[str, set[float]]:
        """Every finite edge by parameter, of clauses and exclusions."""
        found: dict[str, set[float]] = {}
        for when in (*(c.when for c in self.all_clauses), *(e.when for e in self.exclusions)):
            for name, range_ in Box.read(when).ranges.items():
                found.setdefault(name, set()).update(range_.edges)
        return found


def _check_items(items: tuple[str, ...]) -> tuple[str, ...]:
    if not items:
        raise ValueError("a regime applies to something")
    for item in items:
        if item not in ITEMS:
            raise ValueError(f"{item!r} is no kind of item; allowed: {', '.join(ITEMS)}")
    return items


@dataclass(frozen=True)
class Regime:
    """One control entry through time."""

    schema_version: Literal[1] = field(metadata={"key": "schema"})
    id: Annotated[str, Bound(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    authority: str
    effect: Effect
    reviewed_on: date
    applies_to: Annotated[Strings, Check(_check_items)] = ("integrated_circuit",)
    relieves: str | None = None
    # Evaluated only where it is named: a rule that binds some parties alone, or counts quantities.
    by_name: bool = False
    # What an item that this control does not catch falls back to.
    fallback: str | None = None
    versions: tuple[Version, ...] = field(default=(), metadata={"key": "version"})

    def __post_init__(self) -> None:
        object.__setattr__(self, "versions", tuple(self._kept()))
        faults = [*self._order(), *self._ids()]
        if faults:
            raise ValueError("; ".join(faults))

    def _kept(self) -> Iterable[Version]:
        """Each version with what it keeps of the one before put in, its own after it."""
        before: Version | None = None
        for n, version in enumerate(self.versions):
            if version.keeps and before is None:
                raise ValueError(f"version.{n}.keeps - the first version has none before it to keep from")
            for name in version.keeps:
                kept = (*getattr(before, KEEPABLE[name]), *getattr(version, KEEPABLE[name]))
                changed: dict[str, Any] = {KEEPABLE[name]: kept}
                version = replace(version, **changed)
            before = version
            yield version

    def _order(self) -> Iterable[str]:
        if not self.versions:
            yield "version - a regime has at least one"
        for n, v in enumerate(self.versions):
            if (v.effective is None) != (v.status == "proposed"):
                yield f"version.{n}.effective - every version has one, but for a proposed one"
            if not v.clauses and not v.readings:
                yield f"version.{n}.clause - a version has at least one, or keeps those of the one before"
            if len(v.readings) == 1:
                yield f"version.{n}.reading - where a text allows one reading alone, its clauses are the version's"
            if not v.citations:
                yield f"version.{n}.citation - every version cites its source"
        keys = [(v.effective or date.max, v.published) for v in self.versions]
        if keys != sorted(keys):
            yield "version - not in the order of effective, then published"
        if len(set(keys)) < len(keys):
            yield "version - two of the same day"

    def _ids(self) -> Iterable[str]:
        for n, v in enumerate(self.versions):
            ids = [c.id for c in v.all_clauses]
            for double in sorted({i for i in ids if ids.count(i) > 1}):
                yield f"version.{n}.clause - {double!r} stands twice"
            limits = [limit.id for limit in v.limits]
            for double in sorted({i for i in limits if limits.count(i) > 1}):
                yield f"version.{n}.limit - {double!r} stands twice"
            paragraphs = {c.paragraph for c in v.all_clauses}
            for m, o in enumerate(v.outcomes):
                if o.paragraph is not None and o.paragraph not in paragraphs:
                    yield f"version.{n}.outcome.{m}.paragraph - no clause has {o.paragraph!r}"

    def version_on(self, on: date, known_on: date) -> Version | None:
        """The version that stands on a day as far as was known on another; None before the first."""
        standing = [v for v in self.versions if v.effective and v.effective <= on and v.published <= known_on]
        return max(standing, key=lambda v: (v.effective or date.min, v.published), default=None)

    def proposal(self, known_on: date) -> Version | None:
        """The latest proposed version that was published by then."""
        found = [v for v in self.versions if v.status == "proposed" and v.published <= known_on]
        return max(found, key=lambda v: v.published, default=None)

    def asked_on(self, on: date, known_on: date) -> Version | None:
        """The version that stands, or the proposal where it is nothing else."""
        return self.proposal(known_on) if self.is_proposed else self.version_on(on, known_on)

    @property
    def is_default(self) -> bool:
        """Whether it is asked where no regime is named."""
        return self.effect in DEFAULT_EFFECTS and not self.by_name and not self.is_proposed

    @property
    def is_proposed(self) -> bool:
        """Whether no version of it ever took effect."""
        return all(v.status == "proposed" for v in self.versions)


@cache
def regime_paths() -> dict[str, Path]:
    """Id to path of every regime that ships."""
    return {p.stem: p for p in sorted((data_root() / "regimes").rglob("*.toml"))}


@cache
def load_regime_file(path: Path) -> Regime:
    """A regime from a file of one's own, or of those that ship.

    Raises:
        FileError, DataFileError: it cannot be read or breaks its format.
    """
    regime = load(Regime, path)
    if path in regime_paths().values() and regime.id != path.stem:
        raise DataFileError(path, [f"id - {regime.id!r} does not match the file's name"])
    return regime


def load_regime(ref: str) -> Regime:
    """The regime of an id.

    Raises:
        UsageError: no such regime; the nearest are named.
    """
    if ref not in regime_paths():
        raise unknown("regime", ref, regime_paths(), "`greenzone regimes list` has them all")
    return load_regime_file(regime_paths()[ref])


def chosen(item: str, ids: Sequence[str] | None = None) -> list[Regime]:
    """The regimes named; every one that is asked by default and applies to the item if none is.

    Raises:
        UsageError: no such regime.
    """
    if ids is not None:
        return [load_regime(ref) for ref in dict.fromkeys(ids)]
    return [r for r in load_regimes() if item in r.applies_to and r.is_default]


def load_regimes() -> list[Regime]:
    """Every regime that ships, in the order of ids."""
    return [load_regime(ref) for ref in regime_paths()]
