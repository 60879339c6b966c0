"""The box explored: the smallest change in one parameter that would change a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from greenzone.intervals import Interval, Truth
from greenzone.law.coverage import cells, critical
from greenzone.law.regimes import Regime
from greenzone.law.status import Facts, Rule, facts_of, status
from greenzone.parts.capability import Part


@dataclass(frozen=True)
class Flip:
    """A change of one parameter, the others held, after which the status is another.

    `change` is relative to today's value: 0.35 is 35 % more. `status` is that on the other side.
    """

    parameter: str
    value: float
    edge: float
    change: float
    status: str


def flips(
    part: Part, regime: Regime, on: date, known_on: date, references: Mapping[str, Truth] | None = None
) -> list[Flip]:
    """The nearest change of each known parameter, up and down, that changes the status; smallest first.

    Only parameters known to a point have one: of the others, break-evens speak.
    """
    version = regime.version_on(on, known_on)
    if version is None or part.item not in regime.applies_to:
        return []
    rule = Rule(version, references or {})
    facts = facts_of(part, version.programmable)
    said = status(rule, facts)
    found = [f for name in rule.primaries for f in _along(rule, facts, name, said)]
    return sorted(found, key=lambda f: abs(f.change))


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
        edge = min((c for c in cuts if min(value, other) <= c <= max(value, other)), key=lambda c: abs(c - other))
        after = status(rule, facts.held(name, Interval.point(other)))
        found.append(Flip(name, value, edge, edge / value - 1, after))
    return found
