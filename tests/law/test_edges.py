"""Cases made, not written: every edge of every clause, and one step to either side of it."""

import math
import operator
from collections.abc import Callable
from datetime import timedelta

import pytest

from greenzone.intervals import Interval, Range
from greenzone.law.classification import classify
from greenzone.law.regimes import Clause, Regime, Version, load_regimes
from greenzone.parameters import PARAMETERS
from greenzone.parts.capability import Part, with_set

COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq,
}  # fmt: skip
ROWS = [
    (r, v, c, name)
    for r in load_regimes() for v in r.versions if v.effective is not None and v.status in ("in_force", "not_enforced")
    for c in v.clauses if c.caught is None and c.unless_caught is None and set(c.when) <= {*PARAMETERS, "datacenter"}
    for name, text in c.when.items() if isinstance(text, str)
]  # fmt: skip
IDS = [f"{r.id} {v.label} {c.id} {name}" for r, v, c, name in ROWS]
FAR = timedelta(days=4000)


def terms(text: str) -> list[tuple[Callable[[float, float], bool], float]]:
    """The comparators of a range, read apart from the code under test."""
    return [(COMPARE[sign], float(edge)) for sign, edge in (t.split() for t in text.split(","))]


def inside(text: str) -> float:
    range_ = Range.parse(text)
    if range_.low == -math.inf:
        return range_.high * 0.9
    return range_.low + (min(range_.high, range_.low * 2 + 2) - range_.low) / 2


def truth(regime: Regime, version: Version, clause: Clause, values: dict[str, float]) -> str:
    settings = [f"{n}={v!r}" for n, v in values.items()]
    datacenter = clause.when.get("datacenter", True) is True
    part = with_set(Part(None, "x", item=regime.applies_to[0], datacenter=datacenter), settings)
    assert all(part.value(n).interval == Interval.point(v) for n, v in values.items())
    assert version.effective is not None
    found = classify(part, version.effective, version.effective + FAR, None, [regime.id]).verdict(regime.id)
    if found.status == "not_applicable":
        return "none"
    return next(c.truth for c in found.clauses if c.id == clause.id)


@pytest.mark.parametrize(("regime", "version", "clause", "name"), ROWS, ids=IDS)
def test_a_clause_turns_at_its_edge_and_nowhere_else(
    regime: Regime, version: Version, clause: Clause, name: str
) -> None:
    values = {n: inside(text) for n, text in clause.when.items() if isinstance(text, str)}
    if regime.relieves == "us-3a090":
        values["tpp"] = values.get("tpp", 5000.0)  # an eligibility is asked of what its control catches
    text = str(clause.when[name])
    met = set()
    for _, edge in terms(text):
        for value in (math.nextafter(edge, 0), edge, math.nextafter(edge, math.inf)):
            wanted = all(compare(value, e) for compare, e in terms(text))
            found = truth(regime, version, clause, {**values, name: value})
            assert found == str(wanted).lower(), f"{name} = {value!r}"
            met.add(found)
    assert met == {"true", "false"}
