"""What a device cannot pass, from its profile and from what it tells of itself."""

from typing import Any

import pytest

from greenzone.lab.ceilings import bandwidth_gb_s, ceiling_of, rate_tops
from greenzone.parts.catalogue import load_profile
from greenzone.records.record import Row

H20 = load_profile("nvidia-h20")


@pytest.mark.parametrize(
    ("facts", "tops"),
    [
        ({}, 78 * 8192 * 1.98e9 / 1e12),
        ({"units": 39}, 39 * 8192 * 1.98e9 / 1e12),
        ({"units": 78, "clock_max_sm_mhz": 1000}, 78 * 8192 * 1e9 / 1e12),
    ],
)
def test_what_the_device_tells_stands_before_what_its_profile_says(facts: dict[str, Any], tops: float) -> None:
    assert rate_tops(H20, facts, "fp8") == pytest.approx(tops, rel=1e-12)


def test_nothing_is_guessed() -> None:
    assert rate_tops(None, {"units": 78, "clock_max_sm_mhz": 1980}, "fp8") is None
    assert rate_tops(H20, {}, "fp4") is None
    assert bandwidth_gb_s(None, {"memory_bus_bits": 5120}) is None


def test_memory_is_bus_times_two_transfers_a_clock_or_what_the_driver_tells() -> None:
    facts = {"memory_bus_bits": 5120, "clock_max_memory_mhz": 2619}
    assert bandwidth_gb_s(None, facts) == pytest.approx(3352.32)
    assert bandwidth_gb_s(None, {**facts, "memory_bandwidth_gb_s": 3000}) == 3000


def test_the_memory_of_an_emulated_device_is_bus_times_data_rate_of_its_profile() -> None:
    h200, told = load_profile("nvidia-h200-sxm"), {"emulated": True, "memory_bandwidth_gb_s": 3000}
    assert h200.memory is not None
    assert bandwidth_gb_s(h200, told) == pytest.approx(6144 / 8 * 6.4)
    assert bandwidth_gb_s(H20, told) is None
    assert bandwidth_gb_s(None, told) is None


def test_rates_and_streams_have_one_and_other_rows_none() -> None:
    facts = {"memory_bandwidth_gb_s": 3000}
    assert ceiling_of(Row(name="matmul", format="fp8"), H20, {}) == rate_tops(H20, {}, "fp8")
    assert ceiling_of(Row(name="memory.triad"), H20, facts) == 3000
    assert ceiling_of(Row(name="memory.triad"), H20, {}) is None
    assert ceiling_of(Row(name="inference.decode", format="fp8"), H20, facts) is None
