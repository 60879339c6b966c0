"""Features beside what a profile would show: memory in GB and GiB, units, rates with one offset, one of two devices."""

import math
from dataclasses import replace

import pytest

from greenzone.errors import RecordError
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


def test_another_compute_capability_does_not_fit() -> None:
    assert sigma(Fingerprint(capability="8.0"), "capability") == 5
    assert misfits(Fingerprint(capability="9.0"), H20) == []


def test_a_bandwidth_that_some_source_claims_fits() -> None:
    low = Fingerprint(streams={"read": 1398 * 0.92})
    assert sigma(low, "bandwidth", "nvidia-rtx-6000d") < 1


def test_what_was_seen_and_cannot_be_compared_is_no_perfect_fit() -> None:
    found = Fingerprint(memory_gb=96.0, rates={"bf16": 100.0})
    bare = replace(H20, peak_tops=None, claims=())
    assert distance(misfits(found, bare), found) == pytest.approx(math.sqrt(4 / 2))


def test_nothing_in_common_is_two_sigma_for_all_that_was_seen() -> None:
    found = Fingerprint(units=78)
    assert distance([], found) == 2.0
    assert Fingerprint(name="x", clock_mhz=1980.0, units=78, memory_gb=96.0).is_empty


@pytest.mark.parametrize(
    "device",
    [
        {"memory_bytes": "96 GB"}, {"memory_bytes": -1}, {"memory_bytes": math.nan}, {"memory_bytes": True},
        {"memory_bytes": 10**400}, {"units": [1]}, {"units": -5}, {"clock_max_mhz": "fast"},
        {"clock_max_mhz": math.inf}, {"name": 5}, {"name": {}}, {"capability": 9.0},
    ],
)  # fmt: skip
def test_a_record_with_a_figure_that_cannot_be_is_refused_by_its_key(device: dict[str, object]) -> None:
    with pytest.raises(RecordError, match=f"device.{next(iter(device))} is "):
        seen(record(device))


@pytest.mark.parametrize("rate", [(0, 0, 0), (-1, -1, -1), (5e-324, 5e-324, 5e-324), (3, 2, 1)])
def test_an_estimate_that_cannot_be_is_not_seen(rate: tuple[float, float, float]) -> None:
    low, middle, high = rate
    own = record({"name": "x"})
    estimate = EstimateRow(median=middle, low=low, high=high)
    fine = EstimateRow(median=2, low=1, high=3)
    own.benchmarks = [
        Row(name="matmul", format="fp16", window="sustained", validity="valid", rate_tops=estimate),
        Row(name="matmul", format="fp99", window="sustained", validity="valid", rate_tops=fine),
        Row(name="memory.copy", window="sustained", validity="valid", bandwidth_gb_s=estimate),
    ]
    assert seen(own).is_empty


def record(device: dict[str, object]) -> Record:
    run = Run(id="x", started_at="2026-11-22T00:00:00+00:00")
    return Record(run=run, tool={}, rules={}, device=device, environment={}, settings={})


def fp8(median: float, data: str | None, variant: str) -> Row:
    rate = EstimateRow(median=median, low=0.99 * median, high=1.01 * median)
    return Row(
        name="matmul", format="fp8", variant=variant, data=data, window="sustained", validity="valid", rate_tops=rate
    )


@pytest.mark.parametrize("data", ["normal", None])
def test_rates_are_those_of_the_best_variant_on_normal_data(data: str | None) -> None:
    rows = [fp8(200.0, "low_toggle", "e4m3"), fp8(150.0, data, "e4m3"), fp8(120.0, data, "e5m2 x e4m3")]
    own = record({})
    own.benchmarks = rows
    found = seen(own)
    assert (found.rates["fp8"], found.lower["fp8"]) == (150.0, 0.99 * 150.0)
