"""Medians with an interval that knows that samples hang together."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone import statistics
from greenzone.statistics import (
    Estimate,
    autocorrelation,
    block_length,
    estimate_rate,
    median,
    median_standard_error,
    quantile,
)

SAMPLES = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=40)


@given(SAMPLES)
def test_half_of_the_samples_lie_on_either_side_of_the_median(samples: list[float]) -> None:
    m = median(samples)
    assert sum(s <= m for s in samples) * 2 >= len(samples)
    assert sum(s >= m for s in samples) * 2 >= len(samples)


@given(SAMPLES)
def test_quantiles_run_from_the_least_to_the_greatest(samples: list[float]) -> None:
    assert quantile(samples, 0) == min(samples)
    assert quantile(samples, 1) == max(samples)
    assert quantile(samples, 0.5) == pytest.approx(median(samples))


def correlated(rho: float, n: int = 400, seed: int = 1) -> list[float]:
    rng, state, found = random.Random(seed), 0.0, []  # noqa: S311
    for _ in range(n):
        state = rho * state + rng.gauss(0, 1) * math.sqrt(1 - rho * rho)
        found.append(100 + state)
    return found


def test_the_lag_one_coefficient_is_found() -> None:
    assert autocorrelation(correlated(0.8)) == pytest.approx(0.8, abs=0.1)
    assert autocorrelation(correlated(0.0)) == pytest.approx(0.0, abs=0.1)
    assert autocorrelation([1.0] * 9) == 0


@given(SAMPLES)
def test_a_block_is_at_least_one_sample_and_at_most_a_quarter(samples: list[float]) -> None:
    assert 1 <= block_length(samples) <= max(1, len(samples) // 4)


def test_correlated_samples_are_less_sure_than_independent_ones() -> None:
    independent = median_standard_error(correlated(0.0))
    # The standard error of the median of n independent normal samples is 1.253 / sqrt(n).
    assert independent == pytest.approx(1.253 / math.sqrt(400), rel=0.3)
    assert median_standard_error(correlated(0.9)) > 2 * independent


def test_the_bootstrap_is_the_same_for_the_same_seed() -> None:
    samples = correlated(0.5, 50)
    assert median_standard_error(samples, 7) == median_standard_error(samples, 7)
    assert median_standard_error([1.0]) == 0


def test_rounds_that_differ_are_less_sure_than_one_series_shuffled() -> None:
    calm = [100 + 0.1 * v for v in correlated(0.0, 300)]
    shifted = [v + 5 * (n // 100) for n, v in enumerate(calm)]
    within = median_standard_error(calm, rounds=(100, 100, 100))
    assert within < 0.1
    assert median_standard_error(shifted, rounds=(100, 100, 100)) > 20 * within


def test_rounds_of_different_length_count_alike() -> None:
    samples = [1.0] * 1000 + [2.0] * 10 + [2.0] * 10
    assert median_standard_error(samples) == 0
    assert median_standard_error(samples, rounds=(1000, 10, 10)) > 0.2


def test_rounds_must_add_up() -> None:
    with pytest.raises(ValueError, match="rounds of"):
        median_standard_error([1.0, 2.0, 3.0], rounds=(1, 1))


def test_a_rate_is_the_amount_over_the_median_time() -> None:
    assert estimate_rate([2.0, 2.0, 4.0], 10.0).median == 5.0
    assert estimate_rate([2.0] * 5, 10.0) == Estimate(5.0, 5.0, 5.0)


def test_the_expanded_uncertainty_is_twice_the_standard_one() -> None:
    sure = estimate_rate([2.0] * 5, 10.0, relative_systematic=0.01)
    assert sure.expanded_uncertainty == pytest.approx(0.02 * 5.0)
    assert sure.low == pytest.approx(5.0 - 0.1)


def test_standard_uncertainties_add_as_squares() -> None:
    samples = correlated(0.3, 60)
    spread = median_standard_error(samples) / median(samples)
    both = estimate_rate(samples, 1.0, relative_systematic=0.003)
    assert both.expanded_uncertainty / both.median == pytest.approx(2 * math.hypot(spread, 0.003))


@given(
    st.lists(st.integers(min_value=1, max_value=9), min_size=2, max_size=40),
    st.integers(min_value=0, max_value=3),
)
def test_the_medians_of_resamples_are_those_of_the_samples_drawn(samples: list[int], seed: int) -> None:
    """Ranks stand in for values: with many equal ones too, each median is one of a sample, or half-way between two."""
    values = [float(s) for s in samples]
    medians = statistics._bootstrap_medians(tuple(values), seed, ())
    rng, length = np.random.default_rng(seed), block_length(values)
    places = statistics._bootstrap_places(rng, np.array([0]), np.array([len(values)]), length)
    assert np.array_equal(medians, np.median(np.array(values)[places], axis=1))
