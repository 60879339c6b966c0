"""Evidence from rows: lower limits of sound rows alone, by window, emulated apart."""

from datetime import date
from typing import Any

import pytest

from greenzone.intervals import Interval
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.evaluation import evaluate, find_identity, measured_evidence
from greenzone.law.transaction import Transaction
from greenzone.parts.capability import part_of
from greenzone.parts.catalogue import load_profile
from greenzone.records.record import EstimateRow, Record, Row, Run


def row(form: str, low: float, **changes: Any) -> Row:
    """A matmul row whose lower limit is given."""
    plain: dict[str, Any] = {
        "name": "matmul", "format": form, "window": "sustained", "validity": "valid",
        "rate_tops": EstimateRow(median=low * 1.01, low=low, high=low * 1.02),
    }  # fmt: skip
    return Row.model_validate({**plain, **changes})


def test_tpp_is_the_highest_lower_limit_times_bits() -> None:
    rows = [row("int8", 100.0), row("fp16", 60.0), row("fp64", 1.0)]
    tpp = next(e for e in measured_evidence(rows) if e.parameter == "tpp")
    assert tpp.interval == Interval.at_least(960.0)
    assert tpp.basis == "sustained"


@pytest.mark.parametrize("changes", [{"validity": "invalid"}, {"validity": "unstable"}, {"measured": False}])
def test_rows_that_are_not_sound_are_no_evidence(changes: dict[str, Any]) -> None:
    assert list(measured_evidence([row("int8", 100.0, **changes)])) == []


def test_windows_are_kept_apart() -> None:
    found = list(measured_evidence([row("int8", 100.0), row("int8", 120.0, window="burst")]))
    assert {(e.basis, e.interval.low) for e in found if e.parameter == "tops"} == {("sustained", 100), ("burst", 120)}


def test_tf32_counts_its_fewest_bits_as_a_lower_bound() -> None:
    tpp = next(e for e in measured_evidence([row("tf32", 10.0)]) if e.parameter == "tpp")
    assert tpp.interval.low == 190


def test_dram_bandwidth_is_the_best_kernel() -> None:
    rows = [
        Row(
            name=f"memory.{kernel}",
            window="sustained",
            validity="valid",
            bandwidth_gb_s=EstimateRow(median=m, low=m, high=m),
        )
        for kernel, m in (("copy", 10.0), ("read", 12.0))
    ]
    (found,) = measured_evidence(rows)
    assert (found.parameter, found.interval.low) == ("dram_bandwidth_gb_s", 12.0)


def test_a_sweep_of_working_sets_is_no_evidence_of_the_memory() -> None:
    """The caches' bandwidth is above the DRAM's; an in-place stream counts what it moves, so it may be the best."""
    fast = {"window": "sustained", "validity": "valid", "bandwidth_gb_s": {"median": 900, "low": 900, "high": 900}}
    sweep = Row.model_validate({"name": "memory.sweep", **fast, "shape": {"working_set_bytes": 2**16}})
    assert list(measured_evidence([sweep])) == []
    slow = {"median": 20.0, "low": 19.0, "high": 21.0}
    update = Row.model_validate({**fast, "name": "memory.update", "bandwidth_gb_s": slow, "bus_bytes": 9e9})
    (found,) = measured_evidence([sweep, update])
    assert (found.interval.low, found.working) == (19.0, "measured, y - U: memory.update 19")


def test_a_measurement_above_the_claim_that_crosses_a_line_is_undecided() -> None:
    """Decision row 2: y - U at or above the threshold, above the claim."""
    profile = load_profile("nvidia-h20")
    part = part_of(profile, list(measured_evidence([row("int8", 650.0)])))
    assert part.value("tpp").measured_low == 5200
    assert part.value("tpp").interval == Interval.point(2368)


def record(device: dict[str, Any] | None = None) -> Record:
    """An empty record, of a device if one is given."""
    plain: dict[str, Any] = {"tool": {}, "rules": {}, "device": device or {}, "environment": {}, "settings": {}}
    return Record(run=Run(id="x", started_at="2026-01-01T00:00:00+00:00"), **plain)


def found_codes(rows: list[Row]) -> set[str]:
    """The codes of what is found in rows measured on an H20."""
    device = EmulatedDevice(load_profile("nvidia-h20"))
    own = record()
    own.benchmarks = rows
    evaluate(own, device, device.profile, date(2026, 1, 20), date(2026, 1, 20), Transaction())
    return {f.code for f in own.findings}


def test_a_burst_above_what_is_kept_up_is_a_finding() -> None:
    assert "limiter" in found_codes([row("int8", 130.0, window="burst"), row("int8", 100.0)])
    assert "limiter" not in found_codes([row("int8", 101.0, window="burst"), row("int8", 100.0)])


def test_a_burst_is_held_against_the_same_variant_and_data() -> None:
    rows = [row("fp8", 130.0, window="burst", data="low_toggle"), row("fp8", 100.0, data="normal")]
    assert "limiter" not in found_codes(rows)
    assert "limiter" in found_codes([*rows, row("fp8", 101.0, data="low_toggle")])


def test_either_data_pattern_is_a_lower_bound() -> None:
    rows = [row("int8", 100.0, data="normal"), row("int8", 110.0, data="low_toggle")]
    assert {e.interval.low for e in measured_evidence(rows) if e.parameter == "tops"} == {110.0}


def test_what_a_capped_part_would_do_is_a_finding() -> None:
    assert "capped" in found_codes([])


def test_above_the_claim_is_a_finding() -> None:
    assert "above_claim" in found_codes([row("int8", 310.0)])
    assert "above_claim" not in found_codes([row("int8", 290.0)])


def test_refused_unstable_and_missing_figures_are_findings() -> None:
    rows = [
        row("int8", 1.0, validity="invalid"),
        row("fp16", 1.0, validity="unstable"),
        row("fp8", 1.0, measured=False),
    ]
    assert {"invalid", "unstable", "not_measured"} <= found_codes(rows)


def test_a_live_card_that_is_not_what_it_names_itself_is_said_in_its_record() -> None:
    facts = {"name": "NVIDIA GeForce RTX 4090", "memory_bytes": 48 * 2**30, "units": 128}
    own = record(facts)
    find_identity(own, [load_profile("nvidia-rtx-4090"), load_profile("nvidia-l40s")])
    (found,) = [f for f in own.findings if f.code == "identity_memory_differs"]
    assert "memory twice that of the part" in found.text


def test_a_device_of_no_known_name_is_not_guessed_at_in_its_record() -> None:
    own = record({"name": "AMD EPYC", "memory_bytes": 2**34, "units": 2})
    find_identity(own, [load_profile("nvidia-h20")])
    assert own.findings == []


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        ({"onset_s": 0.01, "ratio": 1.3, "clock_ratio": 1.3, "explained_by": "clock"}, "clock_falls", "10 ms after"),
        ({"onset_s": 0.01, "ratio": 1.3, "clock_ratio": 1.0, "explained_by": None}, "limiter", "falls by 1.00 alone"),
        ({"onset_s": 3.0, "ratio": 1.3, "clock_ratio": None, "explained_by": None}, "limiter", "nobody could read"),
    ],
)
def test_a_rate_that_falls_is_a_limiter_unless_the_clock_explains_it(
    found: dict[str, Any], code: str, words: str
) -> None:
    device = EmulatedDevice(load_profile("nvidia-h20"))
    own = record()
    own.benchmarks = [row("int8", 130.0, window="burst", limiter=found), row("int8", 100.0, limiter=found)]
    evaluate(own, device, device.profile, date(2026, 1, 20), date(2026, 1, 20), Transaction())
    (text,) = [f.text for f in own.findings if f.code == code]
    assert words in text


def test_notes_of_a_row_that_a_reader_must_know_are_findings() -> None:
    notes = ["contention: the process got 19%", "two speeds: 50% of", "clocks were kept down by x", "emulated; fine"]
    assert found_codes([row("int8", 100.0, notes=notes)]) >= {"contention", "two_speeds", "throttled"}
