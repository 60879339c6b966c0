"""Tolerance factors against published tables, what they cover in drawn lots, and robust distance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.errors import UsageError
from greenzone.tolerance import (
    SMALL_LOT,
    centre,
    content_of_range,
    one_sided_factor,
    order_rank,
    sample_size,
    threshold,
    two_sided_factor,
)

SHARES = st.sampled_from([0.75, 0.9, 0.95, 0.99])


@pytest.mark.parametrize(
    ("n", "content", "confidence", "k"),
    [
        # NIST/SEMATECH e-Handbook, 7.2.6.3: the worked example, noncentral t
        (43, 0.90, 0.99, 1.874),
        # R. E. Odeh and D. B. Owen, "Tables for Normal Tolerance Limits" (1980), table 1; ISO 16269-6, annex C
        (2, 0.95, 0.95, 26.260), (5, 0.95, 0.95, 4.203), (10, 0.95, 0.95, 2.911), (100, 0.95, 0.95, 1.927),
    ],
)  # fmt: skip
def test_one_sided_factors_are_those_of_the_tables(n: int, content: float, confidence: float, k: float) -> None:
    assert one_sided_factor(n, content, confidence) == pytest.approx(k, abs=6e-4)


@pytest.mark.parametrize(
    ("n", "content", "confidence", "k"),
    [
        (43, 0.90, 0.99, 2.217),  # NIST/SEMATECH e-Handbook, 7.2.6.3
        # ISO 16269-6, annex D, is exact; Howe's is within 0.3 % of it from five devices on
        (5, 0.95, 0.95, 5.079), (10, 0.95, 0.95, 3.379), (100, 0.95, 0.95, 2.233),
    ],
)  # fmt: skip
def test_two_sided_factors_are_those_of_the_tables(n: int, content: float, confidence: float, k: float) -> None:
    assert two_sided_factor(n, content, confidence) == pytest.approx(k, rel=3e-3)


def test_the_formula_for_large_lots_goes_on_where_the_exact_one_ends() -> None:
    assert one_sided_factor(2001) == pytest.approx(one_sided_factor(2000), rel=2e-4)
    assert one_sided_factor(10**9) == pytest.approx(1.64485, rel=1e-4)


@given(st.integers(2, 3000), SHARES, SHARES)
def test_a_larger_lot_needs_a_smaller_factor(n: int, content: float, confidence: float) -> None:
    for factor in (one_sided_factor, two_sided_factor):
        smaller, larger = factor(n, content, confidence), factor(2 * n, content, confidence)
        assert 0 < larger <= smaller * (1 + 1e-4)


@pytest.mark.parametrize("n", [5, 20, 200])
def test_intervals_hold_their_content_as_often_as_they_say(n: int) -> None:
    """Of 4,000 normal lots: the standard error of a share of 0.95 is 0.0034."""
    lots = np.random.default_rng(n).normal(size=(4000, n))
    means, sds = lots.mean(axis=1), lots.std(axis=1, ddof=1)
    cdf = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))
    one = cdf(means - one_sided_factor(n) * sds) <= 0.05
    two = cdf(means + two_sided_factor(n) * sds) - cdf(means - two_sided_factor(n) * sds) >= 0.95
    assert one.mean() == pytest.approx(0.95, abs=0.014)
    assert two.mean() == pytest.approx(0.95, abs=0.014)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("n", [93, 300])
def test_limits_by_order_hold_whatever_the_distribution(n: int, sides: int) -> None:
    """The content between order statistics is that of uniform values, whatever they are drawn from."""
    lots = np.sort(np.random.default_rng(n).uniform(size=(4000, n)), axis=1)
    r = order_rank(n, sides=sides)
    top = lots[:, n - r] if sides == 2 else 1.0
    assert (top - lots[:, r - 1] >= 0.95).mean() >= 0.95 - 0.012


def test_the_sample_sizes_are_those_of_wilks() -> None:
    # 59 and 93: S. S. Wilks 1941; 22 for 90/90 is 1 - 0.9^22 = 0.902
    assert (sample_size(sides=1), sample_size(sides=2), sample_size(0.9, 0.9, sides=1)) == (59, 93, 22)
    for sides, n in ((1, 59), (2, 93)):
        assert (order_rank(n - 1, sides=sides), order_rank(n, sides=sides)) == (0, 1)
        assert content_of_range(n - 1, sides=sides) < 0.95 <= content_of_range(n, sides=sides)


@given(st.integers(1, 5000), st.sampled_from([1, 2]))
def test_a_rank_never_falls_with_more_devices(n: int, sides: int) -> None:
    assert 0 <= order_rank(n, sides=sides) <= order_rank(n + 1, sides=sides) <= (n + 1) // sides


@pytest.mark.parametrize("wrong", [(1, 0.95, 0.95), (5, 1.0, 0.95), (5, 0.95, 0.0)])
def test_what_makes_no_sense_is_refused(wrong: tuple[int, float, float]) -> None:
    for factor in (one_sided_factor, two_sided_factor):
        with pytest.raises(UsageError):
            factor(*wrong)


def test_one_device_does_not_move_the_scale_it_is_measured_by() -> None:
    lot = [98.0, 99.0, 100.0, 101.0, 102.0]
    assert centre([*lot, 1e9]).distance(1e9) > 1e8
    assert centre([*lot, 1e9]).scale == centre([*lot, 1e3]).scale < 2 * centre(lot).scale


def test_a_spread_of_nothing_is_held_up_by_what_one_measurement_is_unsure_by() -> None:
    same = [100.0] * 7
    assert centre(same).distance(100.0) == 0
    assert centre(same).distance(99.0) == -math.inf
    assert centre(same, floor=0.5).distance(99.0) == -2


@given(st.integers(1, 10**6))
def test_the_threshold_rises_with_the_lot_alone(n: int) -> None:
    assert 3.5 <= threshold(n) <= threshold(2 * n)
    assert threshold(n, least=6.0) == 6.0


def test_few_normal_lots_have_a_device_beyond_the_threshold() -> None:
    """One in twenty, of large lots; more of small ones, whose scale is unsure: 5 % of the median must be passed too."""
    lots = np.random.default_rng(1).normal(size=(300, 2000))
    limit = threshold(2000)
    beyond = [np.abs(lot - c.median).max() > limit * c.scale for lot in lots for c in [centre(lot)]]
    assert 0.01 < np.mean(beyond) < 0.11
    assert SMALL_LOT == 5
