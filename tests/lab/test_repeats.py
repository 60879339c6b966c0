"""Three runs made into one row: the middle one, widened by how the runs differ."""

from typing import Any

import pytest

from greenzone.lab.repeats import combined
from greenzone.records.record import EstimateRow, Row

BUDGET = {"repeatability": 0.003, "resolution": 0.0, "clock": 0.004, "combined": 0.005, "k": 2.0, "expanded": 0.01}


def row(median: float, **changes: Any) -> Row:
    plain: dict[str, Any] = {
        "name": "matmul", "format": "bf16", "window": "sustained", "data": "normal", "validity": "valid",
        "rate_tops": EstimateRow(median=median, low=0.99 * median, high=1.01 * median), "uncertainty": BUDGET,
    }  # fmt: skip
    return Row.model_validate({**plain, **changes})


def test_the_middle_run_stands_widened_by_the_spread_between_runs() -> None:
    (found,) = combined([[row(100.0)], [row(103.0)], [row(97.0)]])
    assert found.rate_tops is not None
    between = 0.03 / 3**0.5
    assert found.rate_tops.median == 100
    assert found.rate_tops.low == pytest.approx(100 * (1 - ((2 * between) ** 2 + 0.01**2) ** 0.5))
    assert [r["median"] for r in found.repeats] == [100, 103, 97]
    assert found.uncertainty is not None
    assert found.uncertainty["between_runs"] == pytest.approx(between)
    assert found.uncertainty["expanded"] == pytest.approx(1 - found.rate_tops.low / 100)


def test_runs_that_agree_leave_the_uncertainty_as_it_was() -> None:
    (found,) = combined([[row(100.0)]] * 3)
    assert found.rate_tops == row(100.0).rate_tops


def test_one_invalid_run_makes_it_invalid_and_an_unstable_one_unstable() -> None:
    bad = row(100.0, validity="invalid", rate_tops=None)
    assert next(combined([[row(100.0)], [bad], [row(100.0)]])).validity == "invalid"
    assert next(combined([[row(100.0)], [row(90.0, validity="unstable")], [row(99.0)]])).validity == "unstable"


def test_what_one_run_lacks_is_said_and_what_none_measured_stays_not_measured() -> None:
    missing = row(1.0, measured=False, rate_tops=None, reason="no path")
    (found,) = combined([[row(100.0)], [missing], [row(102.0)]])
    assert found.notes == ["measured in 2 of 3 runs"]
    (found,) = combined([[missing], [missing], []])
    assert (found.measured, found.reason) == (False, "no path")


def test_benchmarks_are_kept_apart_and_in_order() -> None:
    first = [row(1.0), row(2.0, window="burst"), row(3.0, format="fp8")]
    found = list(combined([first, first[::-1], first]))
    assert [(r.format, r.window) for r in found] == [("bf16", "sustained"), ("bf16", "burst"), ("fp8", "sustained")]
