"""The facts of a transaction, and which outcome of a rule they lead to.

A fact that is not given is unknown: every outcome that may apply is collected, and where they
disagree the outcome is undecided and names the fact. A fact that cannot matter is never asked for.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from greenzone.errors import UsageError
from greenzone.intervals import Interval, Range, Truth
from greenzone.law.countries import ISO, country, matches, meant
from greenzone.law.coverage import cells
from greenzone.law.regimes import KINDS, Outcome
from greenzone.parameters import PARAMETERS


@dataclass(frozen=True)
class Transaction:
    """What is done with the item: None is unknown. An export is from the United States."""

    to: str | None = None
    kind: str = "export"
    origin: str | None = None
    headquarters: str | None = None
    on_sale_us: bool | None = None

    def __post_init__(self) -> None:
        if self.origin is None and self.kind == "export":
            object.__setattr__(self, "origin", "US")

    @classmethod
    def of(
        cls, to: str | None = None, kind: str = "export", origin: str | None = None,
        headquarters: str | None = None, on_sale_us: bool | None = None,
    ) -> "Transaction":  # fmt: skip
        """A transaction with its countries checked.

        Raises:
            UsageError: a country that is none, or a kind that is none.
        """
        if kind not in KINDS:
            raise UsageError(f"{kind!r} is no kind of transaction; allowed: {', '.join(KINDS)}")
        codes = [None if code is None else country(code) for code in (to, origin, headquarters)]
        return cls(codes[0], kind, codes[1], codes[2], on_sale_us)


@dataclass(frozen=True)
class Consequence:
    """What a verdict means for a transaction; None where it is not said or hangs on `missing`."""

    licence: str | None = None
    review: str | None = None
    exceptions: tuple[str, ...] = ()
    tariff: str | None = None
    conditions: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    fallback: str | None = None


NOT_REQUIRED = Consequence(licence="not_required")


@dataclass(frozen=True)
class Situation:
    """All that an outcome's conditions can look at, on a day."""

    transaction: Transaction
    on: date
    datacenter: bool | None
    paragraphs: dict[str, Truth]
    box: Mapping[str, Interval] = field(default_factory=dict)
    known_on: date = date.max


PARAGRAPH = "paragraph "


def may_apply(outcomes: Sequence[Outcome], situation: Situation) -> tuple[list[Outcome | None], list[str]]:
    """The rows that may apply, and the unknown facts of which two values, each alone, give two answers.

    None in the list stands for "no row applies". Which of several paragraphs it is caught by is unknown in
    the same way as a fact; what would settle that is the business of the status, so it is not named.
    """
    unknowns = _unknowns(outcomes, situation)
    values = {fact: _values(fact, outcomes, situation) for fact in unknowns}
    found = _firsts(outcomes, situation, values)
    facts = [fact for fact in unknowns if not fact.startswith(PARAGRAPH)]
    return found, [fact for fact in facts if _matters(fact, outcomes, situation, values)]


def _unknowns(outcomes: Sequence[Outcome], situation: Situation) -> list[str]:
    """The unknown facts named by rows down to the first that applies whatever they are."""
    unknowns: list[str] = []
    for outcome in outcomes:
        truth, own = _truth(outcome, situation)
        unknowns += own if truth is not Truth.FALSE else []
        if truth is Truth.TRUE:
            break
    return list(dict.fromkeys(unknowns))


def _firsts(outcomes: Sequence[Outcome], s: Situation, values: dict[str, list[Any]]) -> list[Outcome | None]:
    """The rows that come first for some values of the unknown facts, in their order; None for no row."""
    rows = [*outcomes, None]
    reached: set[int] = set()
    for combination in itertools.product(*values.values()):
        world = s
        for fact, value in zip(values, combination, strict=True):
            world = _with_fact(world, fact, value)
        if _is_caught(s) and not _is_caught(world):
            continue  # it is caught by one of the paragraphs, whichever
        for n, outcome in enumerate(rows):
            truth = Truth.TRUE if outcome is None else _truth(outcome, world)[0]
            reached |= set() if truth is Truth.FALSE else {n}
            if truth is Truth.TRUE:
                break
    return [rows[n] for n in sorted(reached)] or [None]


def _is_caught(s: Situation) -> bool:
    return any(truth is not Truth.FALSE for truth in s.paragraphs.values())


def _matters(fact: str, outcomes: Sequence[Outcome], s: Situation, values: dict[str, list[Any]]) -> bool:
    answers = {
        frozenset(consequence(row) for row in _firsts(outcomes, s, {**values, fact: [value]})) for value in values[fact]
    }
    return len(answers) > 1


_FIELDS = {"to": "to", "from": "origin", "headquarters": "headquarters", "on_sale_us": "on_sale_us"}


def _with_fact(s: Situation, fact: str, value: Any) -> Situation:
    if fact == "datacenter":
        return replace(s, datacenter=value)
    if fact.startswith(PARAGRAPH):
        return replace(s, paragraphs={**s.paragraphs, fact.removeprefix(PARAGRAPH): value})
    if fact in PARAMETERS:
        return replace(s, box={**s.box, fact: value})
    return replace(s, transaction=replace(s.transaction, **{_FIELDS[fact]: value}))


def _values(fact: str, outcomes: Sequence[Outcome], s: Situation) -> list[Any]:
    """One value for each way a fact can meet the rows: true and false, a country or a cell of each kind."""
    if fact.startswith(PARAGRAPH):
        return [Truth.TRUE, Truth.FALSE]
    if fact in PARAMETERS:
        ranges = [Range.parse(str(row.when[fact])) for row in outcomes if fact in row.when]
        edges = [e for r in ranges for e in r.edges]
        return [Interval.point(v) for v in cells(s.box.get(fact, Interval.UNKNOWN), edges)]
    if fact in ("datacenter", "on_sale_us"):
        return [True, False]
    lists = list(dict.fromkeys(row.when[fact] for row in outcomes if fact in row.when))
    groups = [meant(p, s.on, s.known_on) for p in lists if isinstance(p, tuple)]
    kinds = {tuple(code in group for group in groups): code for code in sorted(ISO, reverse=True)}
    return list(kinds.values())


def _truth(outcome: Outcome, s: Situation) -> tuple[Truth, list[str]]:
    """Whether a row applies, and the facts that are missing to say so."""
    truth = Truth.TRUE
    unknowns: list[str] = []
    if outcome.paragraph is not None:
        truth = s.paragraphs.get(outcome.paragraph, Truth.FALSE)
        unknowns += [PARAGRAPH + outcome.paragraph] if truth is Truth.UNKNOWN else []
    for name, wanted in outcome.when.items():
        own = _fact(name, wanted, s)
        unknowns += [name] if own is Truth.UNKNOWN else []
        truth &= own
    return truth, unknowns


def _fact(name: str, wanted: Any, s: Situation) -> Truth:
    t = s.transaction
    if name in PARAMETERS:
        return Range.parse(wanted).truth(s.box.get(name, Interval.UNKNOWN))
    if name in ("datacenter", "on_sale_us"):
        known = s.datacenter if name == "datacenter" else t.on_sale_us
        return Truth.UNKNOWN if known is None else Truth.of(known is wanted)
    if name == "kind":
        return Truth.of(t.kind in wanted)
    code = {"to": t.to, "from": t.origin, "headquarters": t.headquarters}[name]
    return Truth.UNKNOWN if code is None else Truth.of(matches(code, wanted, s.on, s.known_on))


def consequence(outcome: Outcome | None) -> Consequence:
    """What one row says; no row means that no licence is asked for."""
    if outcome is None:
        return NOT_REQUIRED
    return Consequence(outcome.licence, outcome.review, outcome.exceptions, outcome.tariff, outcome.conditions)


def merged(consequences: Sequence[Consequence], missing: Sequence[str]) -> Consequence:
    """What several possible consequences agree on; the rest is open, and names what is missing."""
    distinct = list(dict.fromkeys(consequences))
    if len(distinct) == 1:
        return replace(distinct[0], missing=tuple(m for c in consequences for m in c.missing))

    def agreed(values: list[Any], otherwise: Any) -> Any:
        return values[0] if all(v == values[0] for v in values) else otherwise

    return Consequence(
        licence=agreed([c.licence for c in distinct], None),
        review=agreed([c.review for c in distinct], None),
        exceptions=agreed([c.exceptions for c in distinct], ()),
        tariff=agreed([c.tariff for c in distinct], None),
        conditions=agreed([c.conditions for c in distinct], ()),
        missing=tuple(dict.fromkeys([*missing, *(m for c in distinct for m in c.missing)])),
    )
