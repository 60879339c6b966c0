"""Intervals, ranges and three-valued truth: sound, exact at the edges, never failing open."""

import itertools
import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.errors import UsageError
from greenzone.intervals import INF, Interval, Range, Truth, number

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
NUMBERS = st.integers(0, 8).map(float)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    low, high = sorted((draw(NUMBERS), draw(NUMBERS | st.just(INF))))
    opens = draw(st.tuples(st.booleans(), st.booleans())) if low < high else (False, False)
    return Interval(low, high, *opens) if math.isfinite(low) else Interval.UNKNOWN


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    opens = draw(st.tuples(st.booleans(), st.booleans())) if low < high else (False, False)
    kept = draw(st.sampled_from(["both", "low", "high"]))
    return Range(
        -INF if kept == "high" else low, INF if kept == "low" else high,
        opens[0] and kept != "high", opens[1] and kept != "low",
    )  # fmt: skip


def members(interval: Interval, *others: Interval | Range) -> Iterator[float]:
    """Enough values of an interval that each cell any edge can cut is met."""
    edges = {0.0, interval.low, interval.high, *(e for o in others for e in (o.low, o.high))}
    finite = sorted(e for e in edges if math.isfinite(e))
    candidates = [*finite, *((a + b) / 2 for a, b in itertools.pairwise(finite)), finite[-1] + 1]
    return (v for v in candidates if interval.contains(v))


@given(intervals(), ranges())
def test_truth_is_what_every_member_says(interval: Interval, range_: Range) -> None:
    said = {range_.holds(v) for v in members(interval, range_)}
    assert range_.truth(interval) is (U if len(said) == 2 else Truth.of(said.pop()))


@given(intervals(), intervals(), st.sampled_from(["+", "*", "max", "hull"]))
def test_arithmetic_holds_every_result(a: Interval, b: Interval, operation: str) -> None:
    whole = {"+": a + b, "*": a * b, "max": a.maximum(b), "hull": a.hull(b)}[operation]
    for x, y in itertools.product(members(a), members(b)):
        results = {"+": [x + y], "*": [x * y], "max": [max(x, y)], "hull": [x, y]}[operation]
        assert all(whole.contains(r) for r in results)


@given(intervals(), intervals())
def test_a_quotient_holds_every_result_and_is_unbounded_at_zero(a: Interval, b: Interval) -> None:
    whole = a / b
    for x, y in itertools.product(members(a), members(b)):
        assert y == 0 or whole.contains(x / y)
    if b.low == 0:
        assert whole.high == INF


@given(intervals(), intervals())
def test_an_intersection_holds_what_both_hold(a: Interval, b: Interval) -> None:
    both = a.intersection(b)
    for v in members(a, b):
        assert b.contains(v) == (both is not None and both.contains(v))


@given(intervals(), NUMBERS)
def test_a_measurement_only_ever_raises_the_lower_end(interval: Interval, low: float) -> None:
    raised = interval.raised(low)
    assert raised.low == max(interval.low, low)
    assert raised.high == max(interval.high, low)


@given(st.sampled_from(list(Truth)), st.sampled_from(list(Truth)))
def test_truth_follows_kleene(a: Truth, b: Truth) -> None:
    assert (a & b) is (F if F in (a, b) else U if U in (a, b) else T)
    assert (a | b) is (T if T in (a, b) else U if U in (a, b) else F)
    assert ~(a & b) is (~a | ~b)


def test_a_missing_fact_is_zero_to_infinity() -> None:
    assert Interval(0, INF) == Interval.UNKNOWN
    assert str(Interval.UNKNOWN) == "unknown"
    assert not Interval.UNKNOWN.is_bounded
    assert Range.parse(">= 1").truth(Interval.UNKNOWN) is U
    assert Range.parse(">= 0").truth(Interval.UNKNOWN) is T


@pytest.mark.parametrize("ends", [(math.nan, 1), (1, math.nan), (-INF, 1), (INF, INF), (2, 1)])
def test_an_interval_of_nothing_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(UsageError):
        Interval(*ends)


def test_a_point_with_an_open_end_is_refused() -> None:
    with pytest.raises(UsageError, match="holds nothing"):
        Interval(1, 1, True, False)


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        (">= 4800", 4800, True), (">= 4800", math.nextafter(4800, 0), False),
        ("> 2", 2, False), ("> 2", math.nextafter(2, 3), True),
        ("< 21000", 21000, False), ("< 21000", math.nextafter(21000, 0), True),
        (">= 2400, < 4800", 2400, True), (">= 2400, < 4800", 4800, False), ("== 5", 5, True), ("<= 5", 5, True),
    ],
)  # fmt: skip
def test_comparators_are_part_of_the_answer(text: str, value: float, holds: bool) -> None:
    assert Range.parse(text).holds(value) is holds
    assert Range.parse(text).truth(Interval.point(value)) is Truth.of(holds)


@pytest.mark.parametrize(
    "text",
    [
        "4800", "=> 5", "", ">= 1, >= 2", "< 1, < 2", ">= 5, < 5", ">= 6, < 5", ">= nan", ">= inf", ">= -1", ">= 1e999",
        ">= tpp", ">= 1 or < 0",
    ],
)  # fmt: skip
def test_what_is_no_range_is_refused_and_named(text: str) -> None:
    with pytest.raises(UsageError, match="is no range"):
        Range.parse(text)


@given(ranges())
def test_a_range_reads_back_what_it_prints(range_: Range) -> None:
    if range_.edges:
        assert Range.parse(str(range_)) == range_


@pytest.mark.parametrize(
    ("text", "interval", "margin"),
    [
        (">= 4800", Interval.point(2368), -2432 / 4800),
        (">= 4800", Interval.point(4992), 192 / 4800),
        (">= 2400, < 4800", Interval.point(2500), 100 / 2400),
        (">= 2400, < 4800", Interval.point(4700), 100 / 4800),
        ("< 6500", Interval.point(6500), 0.0),
        (">= 4800", Interval(4000, 5000), -800 / 4800),
        (">= 4800", Interval(5000, 6000), 200 / 4800),
        (">= 4800", Interval(3000, 4000), -800 / 4800),
        (">= 4800", Interval.at_least(4625.6), None),
        (">= 4800", Interval.UNKNOWN, None),
    ],
)
def test_a_margin_is_taken_at_the_worst_end(text: str, interval: Interval, margin: float | None) -> None:
    found = Range.parse(text).margin(interval)
    assert found == (None if margin is None else pytest.approx(margin))


@given(ranges(), intervals())
def test_a_margin_has_the_sign_of_the_truth(range_: Range, interval: Interval) -> None:
    margin = range_.margin(interval)
    if margin is not None and margin != 0 and 0 not in range_.edges:
        assert (margin > 0) == (range_.truth(interval) is T)


def test_numbers_are_short_and_exact_to_nine_digits() -> None:
    assert [number(v) for v in (4800.0, 5.92, 1600 / 270, 2e10)] == ["4800", "5.92", "5.92592593", "20000000000"]
