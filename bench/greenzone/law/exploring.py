"""The box explored: margins, the smallest change that flips a verdict, and the largest rate that stays out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from greenzone.errors import UsageError
from greenzone.formats import get_format
from greenzone.intervals import INF, Interval, Truth
from greenzone.law.coverage import cells, critical
from greenzone.law.judging import governing
from greenzone.law.regimes import Regime
from greenzone.law.status import NOT_CAUGHT, UNDECIDED, Facts, Rule, facts_of, status, survey
from greenzone.parts.capability import Part

# How a data sheet is rounded on its way into a table: to so many significant digits.
ROUNDINGS = (2, 3, 4)


@dataclass(frozen=True)
class Flip:
    """A change of one parameter, the others held, after which the status is another.

    `change` is relative to today's value: 0.35 is 35 % more. `status` is that on the other side, and
    `included` whether the edge itself is on it.
    """

    parameter: str
    value: float
    edge: float
    change: float
    status: str
    included: bool

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Rounding:
    """A value that gives another status when it, or the rate it comes from, is rounded to so many digits."""

    parameter: str
    value: float
    rounded: float
    digits: int
    status: str
    rate: float | None = None
    rounded_rate: float | None = None


def flips(
    part: Part, regime: Regime, on: date, known_on: date, references: Mapping[str, Truth] | None = None
) -> list[Flip]:
    """The nearest change of each known parameter, up and down, that changes the status; smallest first.

    Only parameters known to a point have one: of the others, break-evens speak.
    """
    asked = _rule(part, regime, on, known_on, references)
    if asked is None:
        return []
    rule, facts = asked
    said = status(rule, facts)
    found = [f for name in rule.primaries for f in _along(rule, facts, name, said)]
    return sorted(found, key=lambda f: abs(f.change))


def roundings(
    part: Part, regime: Regime, on: date, known_on: date, references: Mapping[str, Truth] | None = None
) -> list[Rounding]:
    """The known parameters of which a rounding, as tables do it, flips the status."""
    asked = _rule(part, regime, on, known_on, references)
    if asked is None:
        return []
    rule, facts = asked
    said = status(rule, facts)
    found = []
    for name in rule.primaries:
        own = facts.box.get(name, Interval.UNKNOWN)
        if not own.is_point:
            continue
        for rounding in _rounded(part, name, own.low):
            after = status(rule, replace(facts, box={**facts.box, name: Interval.point(rounding.rounded)}))
            if after != said:
                found.append(replace(rounding, status=after))
    return found


def _rounded(part: Part, name: str, value: float) -> Iterator[Rounding]:
    """The value rounded, and for TPP the product of the rounded rate and its bits; each value once."""
    seen = {value}
    factors = part.value(name).factors
    for digits in ROUNDINGS:
        whole = Rounding(name, value, _significant(value, digits), digits, "")
        found = [whole]
        if factors is not None:
            rate, bits = factors
            short = _significant(rate, digits)
            found.append(replace(whole, rounded=short * bits, rate=rate, rounded_rate=short))
        for rounding in found:
            if rounding.rounded not in seen:
                seen.add(rounding.rounded)
                yield rounding


def _significant(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _rule(
    part: Part, regime: Regime, on: date, known_on: date, references: Mapping[str, Truth] | None
) -> tuple[Rule, Facts] | None:
    """The rule as it stands, and the box it is judged by: by the highest claim where that governs."""
    version = regime.asked_on(on, known_on)
    if version is None or part.item not in regime.applies_to:
        return None
    rule, facts = Rule(version, references or {}), facts_of(part, version.programmable)
    if status(rule, facts) == UNDECIDED and (governed := governing(regime, part, rule, facts)) is not None:
        facts, _ = governed
    return rule, facts


def _along(rule: Rule, facts: Facts, name: str, said: str) -> list[Flip]:
    own = facts.box.get(name, Interval.UNKNOWN)
    if not own.is_point or own.low == 0:
        return []
    value, cuts = own.low, critical(name, facts.box, rule.edges, facts.free)
    found = []
    for side in (Interval(0, value), Interval(value, max([value, *cuts]) * 2 + 1)):
        nearest = sorted(cells(side, cuts), key=lambda v: abs(v - value))
        other = next((v for v in nearest if status(rule, facts.held(name, Interval.point(v))) != said), None)
        if other is None:
            continue
        # The change happens at the cut between the last cell that agrees and the first that does not.
        between = [c for c in cuts if min(value, other) <= c <= max(value, other)]
        edge = min(between, key=lambda c: abs(c - other), default=other)
        after = status(rule, facts.held(name, Interval.point(other)))
        included = status(rule, facts.held(name, Interval.point(edge))) == after
        found.append(Flip(name, value, edge, edge / value - 1, after, included))
    return found


@dataclass(frozen=True)
class Design:
    """The largest rate of a die that stays out of a regime: below `rate_tops`, bound by `clause`.

    `included` is whether the bound itself still stays out; `whatever` names what else the rule looks at,
    which may be anything. No bound is None.
    """

    regime: str
    version: str
    area_mm2: float
    format: str
    tpp: float | None
    rate_tops: float | None
    clause: str | None
    included: bool
    whatever: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def design(
    area_mm2: float, format_name: str, regime: Regime, on: date, known_on: date,
    datacenter: bool | None = True,
) -> Design:  # fmt: skip
    """The largest dense rate of one format that stays out of a regime, for a die area.

    The rate is TPP / bit length of the inputs (ECCN 3A090, Technical Note 1); the other formats are
    taken not to exceed it.

    Args:
        area_mm2: applicable die area.
        format_name: the number format that sets the TPP.
        regime: the rule to stay out of.
        on: the day whose law is asked for.
        known_on: the day up to which publications count.
        datacenter: designed or marketed for data centres; None is unknown, which stays out of less.

    Raises:
        UsageError: no version stands on that day, or the rule does not rest on TPP.
    """
    version = regime.asked_on(on, known_on)
    why = (
        "no version stands" if version is None
        else "it is no control, so there is nothing to stay out of" if regime.effect != "control"
        else "its clauses do not rest on TPP" if "tpp" not in version.edges
        else "its clauses hang on other regimes" if version.refers_to else None
    )  # fmt: skip
    if version is None or why is not None:
        raise UsageError(f"{regime.id} on {on.isoformat()}: {why}; choose another regime or day")
    bits = get_format(format_name).bits.high
    rule = Rule(version)
    box = {"applicable_die_area_mm2": Interval.point(area_mm2)}
    facts = Facts(box, datacenter)
    bound, clause, included = _first_caught(rule, facts, critical("tpp", box, rule.edges))
    rate = None if bound is None else bound / bits
    others = tuple(name for name in rule.primaries if name not in ("tpp", "applicable_die_area_mm2"))
    return Design(regime.id, version.label, area_mm2, format_name, bound, rate, clause, included, others)


def _first_caught(rule: Rule, facts: Facts, cuts: Sequence[float]) -> tuple[float | None, str | None, bool]:
    """The lowest TPP that is not out: the cut, the clause, and whether the cut itself still is out."""
    last = 0.0
    for value in cells(Interval(0, INF), cuts):
        seen = survey(rule, facts.held("tpp", Interval.point(value)))
        if seen.status != NOT_CAUGHT:
            caught = [n for n, t in seen.catches.items() if t is not Truth.FALSE]
            at_cut = value in cuts
            return (value if at_cut else last), caught[0] if caught else None, not at_cut
        last = value
    return None, None, True
