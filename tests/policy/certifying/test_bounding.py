"""One quantity: every outcome as a case, and what may never follow from what."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.policy.certifying.bounding import OUTCOMES, Bound, Ceiling, Figure, bound
from greenzone.policy.certifying.statements import statement

QUANTITY = "dram_bandwidth_gb_s"
RULES = ("simple", "guard", "nonbinary")
UNKNOWN = Ceiling(None, "the bus is not known")


def figure(value: float, u: float = 1.0, doubt: str | None = None) -> Figure:
    return Figure(value, u, "memory.read burst", doubt)


def found(
    *figures: Figure, top: float | None = 90.0, rule: str = "guard", represented: float | None = 100.0
) -> Bound:  # fmt: skip
    ceiling = UNKNOWN if top is None else Ceiling(top, "bus x clock", "a sheet")
    return bound(QUANTITY, represented, figures, ceiling, rule)


@pytest.mark.parametrize(
    ("figures", "top", "rule", "outcome"),
    [
        ([80], 90, "simple", "bounded"), ([80], 100, "simple", "bounded"), ([80], 100.1, "simple", "open"),
        ([80], None, "simple", "no_ceiling"), ([], 90, "simple", "not_measured"),
        ([100], 100, "simple", "bounded"), ([100.1], 120, "simple", "exceeded"), ([100.1], 90, "simple", "exceeded"),
        ([99], 100, "guard", "bounded"), ([99.5], 120, "guard", "doubtful"), ([100.5], 120, "guard", "exceeded"),
        ([98.9], 100, "nonbinary", "bounded"), ([99.5], 100, "nonbinary", "doubtful"),
        ([100.5], 120, "nonbinary", "doubtful"), ([101.5], 120, "nonbinary", "exceeded"),
        ([95], 90, "simple", "contradicts"), ([92], 90, "simple", "bounded"), ([80, 130], 90, "simple", "exceeded"),
    ],
)  # fmt: skip
def test_the_outcome(figures: list[float], top: float | None, rule: str, outcome: str) -> None:
    assert found(*map(figure, figures), top=top, rule=rule).outcome == outcome


def test_nothing_represented_is_nothing_confirmed() -> None:
    assert found(figure(80), represented=None).outcome == "not_represented"


@pytest.mark.parametrize(("value", "outcome"), [(80, "not_measured"), (130, "doubtful")])
def test_a_figure_in_doubt_raises_a_doubt_and_carries_nothing(value: float, outcome: str) -> None:
    assert found(figure(value, doubt="did not settle")).outcome == outcome


def test_a_sure_figure_governs_beside_one_in_doubt() -> None:
    both = found(figure(80), figure(85, doubt="did not settle"))
    assert both.outcome == "bounded"
    assert both.figure == figure(80)


def test_the_highest_of_several_that_pass_governs_and_not_the_least_certain() -> None:
    assert found(figure(80, 0.1), figure(70, 14)).figure == figure(80, 0.1)


def test_an_excess_is_told_with_its_probability() -> None:
    b = found(figure(105, 10), rule="simple")
    assert b.above_probability == pytest.approx(0.8413, abs=1e-4)
    assert b.outcome == "exceeded"


values = st.floats(1.0, 200.0)
shares = st.floats(0.0, 0.2)
measured = st.builds(lambda value, share: figure(value, value * share), values, shares)
several = st.lists(measured, min_size=1, max_size=4)
ceilings = st.none() | st.floats(1.0, 300.0)
rules = st.sampled_from(RULES)


@given(several, ceilings, rules, st.integers(0, 3), st.floats(1.0, 3.0))
def test_raising_a_figure_never_makes_exceeded_anything_else(
    figures: list[Figure], top: float | None, rule: str, at: int, factor: float
) -> None:
    place = at % len(figures)
    one = figures[place]
    higher = replace(one, value=one.value * factor, expanded_uncertainty=one.expanded_uncertainty * factor)
    raised = [*figures[:place], higher, *figures[place + 1 :]]
    if found(*figures, top=top, rule=rule).outcome == "exceeded":
        assert found(*raised, top=top, rule=rule).outcome == "exceeded"


@given(several, measured, ceilings, rules)
def test_a_further_figure_never_makes_an_outcome_milder(
    figures: list[Figure], more: Figure, top: float | None, rule: str
) -> None:
    before = found(*figures, top=top, rule=rule).outcome
    after = found(*figures, more, top=top, rule=rule).outcome
    assert OUTCOMES.index(after) <= OUTCOMES.index(before)


@given(several, rules)
def test_without_a_ceiling_nothing_is_bounded(figures: list[Figure], rule: str) -> None:
    b = found(*figures, top=None, rule=rule)
    assert b.outcome != "bounded"
    assert "at or below" not in statement(b)


@given(several, ceilings, rules)
def test_bounded_is_never_said_where_a_ceiling_is_above_the_represented_value(
    figures: list[Figure], top: float | None, rule: str
) -> None:
    b = found(*figures, top=top, rule=rule)
    assert b.outcome != "bounded" or (top is not None and top <= 100.0)
    assert b.outcome == "exceeded" or max(f.value for f in figures) <= 100.0 or rule == "nonbinary"
