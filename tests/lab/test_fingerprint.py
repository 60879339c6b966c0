"""Features beside what a profile would show: memory in GB and GiB, units, rates with one offset, one of two devices."""

import math
from dataclasses import replace

import pytest

from greenzone.lab.fingerprint import ABSENT_FORMAT, Fingerprint, distance, misfits, seen
from greenzone.parts.catalogue import load_profile
from greenzone.records.record import EstimateRow, Record, Row, Run

H20 = load_profile("nvidia-h20")


def sigma(found: Fingerprint, feature: str, ref: str = "nvidia-h20", share: float = 1.0) -> float:
    (one,) = [m for m in misfits(found, load_profile(ref), share) if m.feature == feature]
    return one.sigma


@pytest.mark.parametrize("memory_gb", [96.0, 95.1 * 2**30 / 1e9, 96 * 2**30 / 1e9, 90.0])
def test_memory_may_be_in_either_unit_and_the_driver_keeps_some(memory_gb: float) -> None:
    assert sigma(Fingerprint(memory_gb=memory_gb), "memory") == 0


@pytest.mark.parametrize("memory_gb", [80.0, 141.0, 48.0])
def test_another_memory_does_not_fit(memory_gb: float) -> None:
    assert sigma(Fingerprint(memory_gb=memory_gb), "memory") > 3


def test_one_unit_more_is_seen() -> None:
    assert sigma(Fingerprint(units=78), "units") == 0
    assert sigma(Fingerprint(units=79), "units") > 2


def test_an_offset_that_all_formats_share_counts_once_and_loosely() -> None:
    usual = {"bf16": 148 * 0.96, "fp8": 296 * 0.96}
    slow = Fingerprint(rates={name: 0.8 * rate for name, rate in usual.items()})
    assert sigma(Fingerprint(rates=usual), "rates") == pytest.approx(0, abs=1e-9)
    assert sigma(slow, "rates") == pytest.approx(-math.log(0.8) / 0.20)
    assert sigma(slow, "bf16 rate") == pytest.approx(0, abs=1e-9)


def test_a_format_that_the_part_does_not_have_counts_against_it() -> None:
    assert sigma(Fingerprint(rates={"fp8": 400.0}), "fp8 rate", "nvidia-a100-sxm-80gb") ** 2 == ABSENT_FORMAT


def test_a_device_may_be_one_of_two_of_a_package() -> None:
    one = Fingerprint(memory_gb=64.0, units=110)
    assert distance(misfits(one, load_profile("amd-mi250x"), 0.5), one) == 0
    assert distance(misfits(one, load_profile("amd-mi250x")), one) > 3


def test_what_was_seen_and_cannot_be_compared_is_no_perfect_fit() -> None:
    found = Fingerprint(memory_gb=96.0, rates={"bf16": 100.0})
    bare = replace(H20, peak_tops=None, claims=())
    assert distance(misfits(found, bare), found) == pytest.approx(math.sqrt(1 / 2))


def test_nothing_in_common_is_one_sigma_for_all_that_was_seen() -> None:
    found = Fingerprint(units=78)
    assert distance([], found) == 1.0
    assert Fingerprint(name="x", clock_mhz=1980.0).is_empty


def fp8(median: float, data: str | None, variant: str) -> Row:
    rate = EstimateRow(median=median, low=0.99 * median, high=1.01 * median)
    return Row(
        name="matmul", format="fp8", variant=variant, data=data, window="sustained", validity="valid", rate_tops=rate
    )


@pytest.mark.parametrize("data", ["normal", None])
def test_rates_are_those_of_the_best_variant_on_normal_data(data: str | None) -> None:
    rows = [fp8(200.0, "low_toggle", "e4m3"), fp8(150.0, data, "e4m3"), fp8(120.0, data, "e5m2 x e4m3")]
    record = Record(
        run=Run(id="x", started_at="2026-01-01T00:00:00+00:00"), tool={}, rules={}, device={}, environment={},
        settings={}, benchmarks=rows,
    )  # fmt: skip
    found = seen(record)
    assert (found.rates["fp8"], found.lower["fp8"]) == (150.0, 0.99 * 150.0)
