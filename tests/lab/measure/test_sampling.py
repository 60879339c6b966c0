"""Windows from a scripted device: a limiter, a slow kernel, one that never settles."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.lab.measure import QUICK, Budget, Windows, judge, measure_windows
from greenzone.lab.operators import Matmul
from greenzone.lab.results import Check, Disturbance, Result
from greenzone.statistics import Estimate, median

OPERATOR = Matmul(8, 8, 8, "fp32")


class Kernel:
    operator = OPERATOR
    variant = note = None

    def launch(self) -> None: ...
    def close(self) -> None: ...
    def check(self) -> Check:
        return Check(0.0, 1.0, "none")


class Scripted:
    """A device whose calls take what a function of the load's time and the call's number says."""

    def __init__(self, seconds: Callable[[float, int], float], gap: float = 0.0) -> None:
        self.seconds, self.gap = seconds, gap
        self.clock, self.load, self.calls, self.idled = 0.0, 0.0, 0, 0.0

    def time(self, _: Any, count: int) -> list[float]:
        taken = []
        for _call in range(count):
            taken.append(self.seconds(self.load, self.calls))
            self.calls += 1
            self.load += taken[-1]
            self.clock += taken[-1] + self.gap
        return taken

    def now(self) -> float:
        return self.clock

    def idle(self, seconds: float) -> None:
        self.idled += seconds
        self.load, self.calls = 0.0, 0

    def states(self) -> list[tuple[float, dict[str, Any]]]:
        return [(self.clock, {"power_w": self.load})]

    def remarks(self) -> tuple[str, ...]:
        return ("remarked",)


def measure(seconds: Callable[[float, int], float], budget: Budget = QUICK, gap: float = 0.0) -> Windows:
    device: Any = Scripted(seconds, gap)
    windows = measure_windows(device, Kernel(), budget=budget)
    assert device.idled == budget.idle_s
    return windows


def test_a_limiter_after_ten_milliseconds_separates_burst_from_sustained() -> None:
    windows = measure(lambda load, _: 0.0002 if load < 0.010 else 0.0003)
    assert windows.burst_window_s == 0.005
    assert median(windows.burst) == 0.0002
    assert median(windows.sustained) == 0.0003
    assert windows.validity == "valid"


def test_a_clock_that_rises_is_seen_in_a_longer_window() -> None:
    windows = measure(lambda load, _: 0.0003 if load < 0.020 else 0.0002)
    assert windows.burst_window_s in (0.05, 1.0)
    assert median(windows.burst) == 0.0002


def test_each_window_starts_with_the_load_and_has_ten_samples() -> None:
    windows = measure(lambda _, call: 0.1 + call * 1e-6)
    assert len(windows.burst) >= 10
    assert windows.burst[:3] == pytest.approx((0.1, 0.100001, 0.100002))
    assert len(windows.sustained) >= 10


def test_the_load_lasts_a_second_before_it_is_called_steady() -> None:
    device: Any = Scripted(lambda load, _: 0.001 if load < 0.9 else 0.002)
    windows = measure_windows(device, Kernel(), budget=QUICK)
    assert device.load >= QUICK.min_load_s + QUICK.sustained_s * 0.9
    assert set(windows.sustained) == {0.002}


def test_a_call_over_a_second_takes_fewer_samples_and_says_so() -> None:
    windows = measure(lambda *_: 2.0)
    assert len(windows.burst) == len(windows.sustained) == 3
    assert any("3 samples instead of 10" in note for note in windows.notes)


def test_a_device_that_never_settles_is_unstable() -> None:
    windows = measure(lambda load, _: 0.001 * math.exp(load))
    assert windows.validity == "unstable"
    assert any("not steady" in note for note in windows.notes)


def test_a_sudden_slowdown_does_not_stretch_a_batch() -> None:
    device: Any = Scripted(lambda load, _: 1e-5 if load < 0.5 else 0.005)
    windows = measure_windows(device, Kernel(), budget=QUICK)
    assert median(windows.sustained) == 0.005
    assert device.load < 12


def test_a_small_drift_is_noted_and_valid() -> None:
    windows = measure(lambda load, _: 0.001 * (1 + 0.2 * load))
    assert windows.validity == "valid"
    assert any("not steady" in note for note in windows.notes)


def test_no_more_samples_are_kept_than_said() -> None:
    windows = measure(lambda *_: 0.0001)
    assert len(windows.burst) <= QUICK.kept
    assert len(windows.sustained) == QUICK.kept
    assert any("of 5000 sustained samples kept" in note for note in windows.notes)


def test_warm_ups_are_kept_apart() -> None:
    windows = measure(lambda _, call: 5.0 if call == 0 else 0.01)
    assert windows.warmups[0] == 5.0
    assert len(windows.warmups) == 2
    assert 5.0 in windows.burst  # the first call after idling is one from a cold start


def test_gaps_between_calls_count_as_load_time() -> None:
    windows = measure(lambda *_: 0.0002, gap=0.0008)
    device: Any = Scripted(lambda load, _: 0.0002 if load < 0.010 else 0.0003, gap=0.0002)
    limited = measure_windows(device, Kernel(), budget=QUICK)
    assert median(windows.burst) == 0.0002
    assert (median(limited.burst), median(limited.sustained)) == (0.0002, 0.0003)


def test_remarks_and_telemetry_are_handed_on() -> None:
    windows = measure(lambda *_: 0.001)
    assert "remarked" in windows.notes
    assert windows.telemetry
    assert all(set(state) == {"load_s", "power_w"} for state in windows.telemetry)
    assert len(windows.telemetry) <= 20


class Awakening(Scripted):
    """A device whose clock is low for the first 20 ms of a load, calls taking three times as long."""

    def states(self) -> list[tuple[float, dict[str, Any]]]:
        clock = 700 if self.load < 0.020 else 1980
        return [(self.clock, {"clock_sm_mhz": clock, "clock_default_sm_mhz": 1755})]


def test_samples_under_three_quarters_of_the_default_clock_are_set_aside_and_counted() -> None:
    device: Any = Awakening(lambda load, _: 0.003 if load < 0.020 else 0.001)
    windows = measure_windows(device, Kernel(), budget=Budget(batch=1))
    assert windows.set_aside == 6  # the reading after the seventh call is of the clock awake
    assert median(windows.burst) == 0.001
    assert any("6 burst samples set aside" in note for note in windows.notes)


class Shared(Scripted):
    """A device that something disturbs in its first so many loads."""

    def __init__(self, disturbed: int) -> None:
        super().__init__(lambda *_: 0.001)
        self.loads, self.disturbed = 0, disturbed

    def idle(self, seconds: float) -> None:
        super().idle(seconds)
        self.loads += 1

    def remarks(self) -> tuple[str, ...]:
        return (Disturbance("contention: x"),) if 0 < self.loads <= self.disturbed else ()


@pytest.mark.parametrize(
    ("disturbed", "loads", "words"),
    [(0, 1, None), (1, 2, "measured 2 times, then undisturbed"), (9, 2, "measured 2 times, still disturbed")],
)
def test_a_disturbed_run_says_so_and_tries_again(disturbed: int, loads: int, words: str | None) -> None:
    device: Any = Shared(disturbed)
    windows = measure_windows(device, Kernel(), budget=QUICK)
    assert device.loads == loads
    assert windows.disturbed == (disturbed > 1)
    assert any(words in note for note in windows.notes) if words else not windows.notes


def test_a_limiter_is_found_with_its_onset_and_two_speeds_are_said() -> None:
    limited = measure(lambda load, _: 0.0002 if load < 0.010 else 0.0003)
    assert limited.limiter is not None
    assert limited.limiter.onset_s == pytest.approx(0.010, abs=0.0004)
    assert limited.limiter.ratio == pytest.approx(1.5)
    assert not limited.limiter.explained
    bimodal = measure(lambda _, call: 0.001 if call % 3 else 0.002)
    assert any("two speeds: 33% of the sustained calls take 2.00 times" in note for note in bimodal.notes)


def test_a_cap_after_three_seconds_is_found_where_the_budget_reaches_it() -> None:
    longer = Budget(min_load_s=4.0, max_load_s=8.0)
    windows = measure(lambda load, _: 0.001 if load < 3.0 else 0.0013, longer)
    assert windows.limiter is not None
    assert windows.limiter.onset_s == pytest.approx(3.0, rel=0.1)


@given(st.floats(min_value=1e-5, max_value=3.0))
def test_burst_and_sustained_of_a_steady_device_are_the_same(seconds: float) -> None:
    windows = measure(lambda *_: seconds)
    assert median(windows.burst) == median(windows.sustained) == seconds
    assert windows.validity == "valid"


def result(metric: str, median_: float, uncertainty: float) -> Result:
    metrics = {metric: Estimate(median_, median_ - uncertainty, median_ + uncertainty)}
    return Result(
        "matmul", "fp32", None, "burst", "normal", {}, 1.0, 1.0, (), (1.0,), metrics, None, "valid"
    )  # fmt: skip


@pytest.mark.parametrize("metric", ["rate_tops", "bandwidth_gb_s"])
@pytest.mark.parametrize(
    ("value", "uncertainty", "validity"),
    [(150, 1, "invalid"), (102.5, 1, "valid"), (103.5, 1, "invalid"), (99, 0, "valid"), (150, 60, "valid")],
)
def test_a_figure_above_the_ceiling_is_refused(
    metric: str, value: float, uncertainty: float, validity: str
) -> None:
    judged = judge(result(metric, value, uncertainty), 100.0)
    assert judged.validity == validity
    assert judged.extra["ceiling"] == 100.0
    assert any(f"{value / 100:.2f} times the ceiling" in note for note in judged.notes) == (
        validity == "invalid"
    )


def test_without_a_ceiling_nothing_is_judged() -> None:
    given_ = result("rate_tops", 1e9, 0)
    assert judge(given_, None) is given_
