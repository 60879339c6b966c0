"""Decision rules against what ILAC-G8 says of them, and the probability against a drawn sample."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.intervals import Range
from greenzone.policy.acceptance import accept, outside_probability

AT_MOST, AT_LEAST = Range.parse("<= 100"), Range.parse(">= 100")


@pytest.mark.parametrize(
    ("value", "simple", "guard", "nonbinary"),
    [
        (98.9, "pass", "pass", "pass"), (99.0, "pass", "pass", "pass"), (99.5, "pass", "fail", "conditional pass"),
        (100.0, "pass", "fail", "conditional pass"), (100.5, "fail", "fail", "conditional fail"),
        (101.0, "fail", "fail", "conditional fail"), (101.1, "fail", "fail", "fail"),
    ],
)  # fmt: skip
def test_the_zones_are_those_of_the_guide(value: float, simple: str, guard: str, nonbinary: str) -> None:
    answers = {"simple": simple, "guard": guard, "nonbinary": nonbinary}
    for rule, answer in answers.items():
        assert accept(value, 1.0, AT_MOST, rule).answer == answer
        assert accept(200 - value, 1.0, AT_LEAST, rule).answer == answer, "a limit from below is the mirror image"


def test_a_strict_limit_is_not_met_at_its_edge() -> None:
    assert accept(100.0, 0.0, Range.parse("< 100"), "simple").answer == "fail"
    assert accept(100.0, 0.0, AT_MOST, "nonbinary").answer == "pass"


def test_false_acceptance_is_a_half_at_the_limit_and_under_2_5_per_cent_at_the_guard_band() -> None:
    assert outside_probability(100.0, 1.0, AT_MOST) == pytest.approx(0.5)
    assert outside_probability(99.0, 1.0, AT_MOST) == pytest.approx(0.02275, abs=1e-4)
    assert outside_probability(100.0, 0.0, AT_MOST) == 0.0


def test_the_probability_is_that_of_drawn_values() -> None:
    draw = random.Random(7)  # noqa: S311
    within = Range.parse(">= 98, <= 101")
    outside = sum(not within.holds(draw.gauss(100.2, 0.5)) for _ in range(20_000)) / 20_000
    assert outside_probability(100.2, 1.0, within) == pytest.approx(outside, abs=0.01)


@given(st.floats(1, 1e6), st.floats(1e-3, 1e4), st.floats(1, 1e6))
def test_whoever_passes_the_guard_band_passes_simply(value: float, uncertainty: float, edge: float) -> None:
    within = Range(high=edge)
    if accept(value, uncertainty, within, "guard").answer == "pass":
        assert accept(value, uncertainty, within, "simple").answer == "pass"
        assert accept(value, uncertainty, within, "nonbinary").answer == "pass"
        assert outside_probability(value, uncertainty, within) <= 0.0228


def test_an_uncertainty_too_small_to_halve_is_none() -> None:
    assert outside_probability(1.0, 5e-324, AT_MOST) == 0.0
