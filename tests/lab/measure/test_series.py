"""Steps, modes, slow clocks and spoilers in series that were made up to have them, or not."""

import math
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.lab.measure.series import awake, find_limiter, spoilers, two_modes

State = dict[str, object]


def ends(samples: list[float]) -> list[float]:
    return list(accumulate(samples))


def noisy(values: list[float], share: float = 0.01, seed: int = 0) -> list[float]:
    steps = np.random.default_rng(seed).normal(size=len(values))
    return [v * math.exp(share * float(s)) for v, s in zip(values, steps, strict=True)]


@pytest.mark.parametrize("onset", [10, 37, 50, 400, 2500])
@pytest.mark.parametrize("ratio", [1.08, 1.5, 20.0])
def test_a_step_is_found_where_it_is(onset: int, ratio: float) -> None:
    samples = noisy([0.0002] * onset + [0.0002 * ratio] * 5000)
    found = find_limiter(samples, ends(samples))
    assert found is not None
    assert found.ratio == pytest.approx(ratio, rel=0.05)
    assert found.onset_s == pytest.approx(onset * 0.0002, rel=0.12)


@pytest.mark.parametrize(
    "samples",
    [
        noisy([0.001] * 2000),
        noisy([0.001 * (1 + n / 1000) for n in range(2000)]),  # a drift is no step
        noisy([0.002] * 300 + [0.001] * 1000),  # faster later is no limiter
        noisy([0.001] * 500 + [0.00103] * 500),  # under 5 %
        [0.001] * 8,
        [],
    ],
)
def test_no_step_is_found_where_there_is_none(samples: list[float]) -> None:
    assert find_limiter(samples, ends(samples)) is None


@pytest.mark.parametrize(("after", "explained"), [(1320.0, True), (1900.0, False), (None, False)])
def test_a_clock_that_falls_as_much_explains_a_step(after: float | None, explained: bool) -> None:
    samples = [0.001] * 100 + [0.0015] * 400
    states: list[State] = [{"load_s": 0.01, "clock_sm_mhz": 1980.0}]
    states += [{"load_s": 0.2 + n / 10, "clock_sm_mhz": after} for n in range(5)]
    found = find_limiter(samples, ends(samples), states)
    assert found is not None
    assert found.explained is explained
    assert found.to_json()["explained_by"] == ("clock" if explained else None)


@given(st.lists(st.floats(1e-6, 10), max_size=60))
def test_any_series_is_answered(samples: list[float]) -> None:
    found = find_limiter(samples, ends(samples))
    assert found is None or (found.ratio >= 1.05 and 0 < found.onset_s <= sum(samples))
    modes = two_modes(samples)
    assert modes is None or (0.1 <= modes[2] <= 0.9 and modes[1] >= 1.05 * modes[0])


def test_two_speeds_are_told_from_one_that_scatters() -> None:
    mixed = noisy([0.001, 0.001, 0.0013] * 200)
    modes = two_modes(mixed)
    assert modes is not None
    assert modes == pytest.approx((0.001, 0.0013, 1 / 3), rel=0.02)
    assert two_modes(noisy([0.001] * 600, share=0.1)) is None
    assert two_modes(noisy([0.001] * 590 + [0.003] * 10)) is None, "a few slow calls are no mode"


def test_a_fast_sample_stands_whatever_clock_was_read() -> None:
    states = [{"load_s": n / 10, "clock_sm_mhz": 300.0, "clock_default_sm_mhz": 1755.0} for n in range(3)]
    kept, count = awake([0.001, 0.001, 0.001, 0.004], [0.05, 0.1, 0.15, 0.2], states)
    assert (kept, count) == ([0.001, 0.001, 0.001], 1)


@pytest.mark.parametrize("states", [[], [{"load_s": 0.0, "clock_sm_mhz": 300.0}]])
def test_without_a_clock_and_its_default_all_samples_stand(states: list[State]) -> None:
    assert awake([1.0, 9.0], [1.0, 10.0], states) == ([1.0, 9.0], 0)


def test_what_kept_the_clock_down_is_said_and_a_power_cap_is_not_among_it() -> None:
    states: list[State] = [
        {"throttle_reasons": ["sw_power_cap"]}, {"throttle_reasons": ["hw_thermal_slowdown", "sw_thermal_slowdown"]},
        {"throttle_reasons": ["applications_clocks_setting"]}, {"throttle_reasons": None},
    ]  # fmt: skip
    assert spoilers(states) == [
        "thermal slowdown in 1 of 3 readings", "clocks that were set below the default in 1 of 3 readings",
    ]  # fmt: skip
