"""Heat, bursts of limiters and the readings a load leaves."""

import math
from typing import Any

import pytest

from greenzone.lab.devices.emulated.state import (
    AMBIENT_C,
    FULL_LOAD_C,
    HARDWARE_SLOWDOWN_C,
    SLOWDOWN_C,
    TIME_CONSTANT_S,
    Allowance,
    Doing,
    State,
    Thermals,
)
from greenzone.parts.profile import Limiter

FULL = Doing(1.0, 400.0, 1.0, "fp8", busy=True)


def state(*limiters: Limiter) -> State:
    found = State(lambda: {"temperature_c": found.thermals.temperature_c}, {x.format: Allowance(x) for x in limiters})
    return found


def test_the_temperature_goes_two_thirds_of_the_way_in_a_time_constant() -> None:
    heat = Thermals()
    heat.advance(TIME_CONSTANT_S, 1.0)
    assert heat.temperature_c == pytest.approx(AMBIENT_C + (FULL_LOAD_C - AMBIENT_C) * (1 - math.exp(-1)))
    heat.advance(1e6, 0.5)
    assert heat.temperature_c == pytest.approx((AMBIENT_C + FULL_LOAD_C) / 2)


def test_many_short_times_are_one_long_one() -> None:
    one, many = Thermals(), Thermals()
    one.advance(10, 0.7)
    for _ in range(1000):
        many.advance(0.01, 0.7)
    assert many.temperature_c == pytest.approx(one.temperature_c)


@pytest.mark.parametrize("step", [0.0007, 0.04, 0.3, 2.0])
def test_a_load_is_read_25_times_a_second_however_it_is_told(step: float) -> None:
    own = state()
    for _ in range(round(2 / step)):
        own.advance(step, FULL)
    times = [at for at, _ in own.drain()]
    assert len(times) == pytest.approx(own.now / 0.04, abs=1)
    assert times == pytest.approx([0.04 * n for n in range(1, len(times) + 1)])
    assert own.drain() == []


def test_nobody_reads_an_idle_device() -> None:
    own = state()
    own.rest(3600, Doing())
    assert (own.drain(), own.now, own.load_s) == ([], 3600, 0)


def test_a_burst_is_used_up_and_comes_back_with_rest() -> None:
    own = Allowance(Limiter("fp8", 100, burst_ms=10))
    own.advance(0.004, under_load=True)
    assert (own.grip, own.unchanged_s) == (0.0, pytest.approx(0.006))
    own.advance(5.0, under_load=True)
    assert (own.grip, own.unchanged_s) == (1.0, math.inf)
    own.advance(0.003, under_load=False)
    assert own.unchanged_s == pytest.approx(0.003)


def test_a_cap_takes_hold_along_its_onset() -> None:
    own = Allowance(Limiter("fp8", 100, burst_ms=10, onset_ms=20))
    own.advance(0.020, under_load=True)
    assert own.grip == pytest.approx(0.5)
    own.advance(0.010, under_load=True)
    assert own.grip == pytest.approx(1.0)


def test_without_cooling_the_clock_falls_until_the_heat_stands() -> None:
    own = state()
    own.thermals.lose_cooling()
    seen: list[tuple[float, list[str]]] = []
    for _ in range(500):
        share = own.thermal_share
        own.advance(0.04, Doing(share, 400 * share, share, "fp8", busy=True))
        seen.append((own.thermals.temperature_c, own.reasons(None)))
    assert max(at for at, _ in seen) < HARDWARE_SLOWDOWN_C + 5
    assert seen[-1][0] == pytest.approx(SLOWDOWN_C, abs=4)
    assert 0.3 <= own.thermal_share < 0.9
    assert "sw_thermal_slowdown" in seen[-1][1]
    own.rest(60, Doing())
    assert own.thermal_share == 1.0


def test_reasons_have_nvmls_names() -> None:
    own = state()
    assert own.reasons(400) == ["gpu_idle"]
    own.advance(0.01, FULL)
    assert own.reasons(400) == ["sw_power_cap"]
    assert own.reasons(500) == []
    own.thermals.temperature_c = HARDWARE_SLOWDOWN_C
    assert own.reasons(None) == ["sw_thermal_slowdown", "hw_thermal_slowdown"]


def test_a_reading_tells_the_instant_it_is_of() -> None:
    own = state()
    own.advance(1.0, FULL)
    readings: list[Any] = [reading["temperature_c"] for _, reading in own.drain()]
    assert readings == sorted(readings)
    assert readings[0] < readings[-1] < FULL_LOAD_C
