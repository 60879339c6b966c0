"""An [emulation] table from records of a real part, and from nothing else."""

import tomllib
from typing import Any

import pytest

from greenzone.errors import NothingMeasured, RecordError, UsageError
from greenzone.lab.emulation.calibration import calibrate, calibrated_text, part_measured
from greenzone.parts.catalogue import load_profile, profile_paths
from greenzone.records.record import Record


def row(name: str, form: str | None, value: float, **more: Any) -> dict[str, Any]:
    metric = "rate_tops" if name == "matmul" else "bandwidth_gb_s"
    found = {"median": value, "low": value, "high": value}
    return {"name": name, "format": form, "window": "sustained", "validity": "valid", metric: found, **more}


def record(*rows: dict[str, Any], name: str = "NVIDIA H20", emulated: bool = False) -> tuple[str, Record]:
    document = {
        "schema": "greenzone.record/1", "run": {"id": "1", "started_at": "2026-01-01T00:00:00Z"}, "tool": {},
        "rules": {}, "device": {"name": name, "emulated": emulated}, "environment": {}, "settings": {},
        "benchmarks": list(rows),
    }  # fmt: skip
    return "r.json", Record.model_validate(document)


STATES = [{"clock_sm_mhz": clock, "power_w": power} for clock, power in ((1980, 120), (1700, 390), (1710, 400))]


def test_efficiencies_are_measured_over_claimed() -> None:
    measured = [record(row("matmul", "fp8", 281.2, telemetry=STATES), row("memory.copy", "fp32", 3400.0))]
    table = calibrate(part_measured(measured), measured)
    assert table["matmul_efficiency"] == {"fp8": pytest.approx(281.2 / 296, rel=1e-3)}
    assert table["bandwidth_efficiency"] == {"copy": 0.85}
    assert table["clock_mhz"] == {"fp8": 1710}
    assert table["idle_w"] == 120


def test_the_best_of_several_records_counts() -> None:
    measured = [record(row("matmul", "fp8", rate)) for rate in (200.0, 270.0, 250.0)]
    assert calibrate(part_measured(measured), measured)["matmul_efficiency"]["fp8"] == pytest.approx(0.912, abs=1e-3)


def test_bursts_and_easy_data_do_not_count() -> None:
    burst, easy = row("matmul", "fp8", 295.0, window="burst"), row("matmul", "fp8", 294.0, data="low_toggle")
    measured = [record(burst, easy)]
    with pytest.raises(NothingMeasured, match="run matmul and memory first"):
        calibrate(part_measured(measured), measured)


@pytest.mark.parametrize("rate", [-1.0, 0.0, 4000.0])
def test_what_is_no_efficiency_is_refused(rate: float) -> None:
    measured = [record(row("matmul", "fp8", rate))]
    with pytest.raises(RecordError, match="is no efficiency"):
        calibrate(part_measured(measured), measured)


@pytest.mark.parametrize("told", [{"emulated": True}, {}])
def test_nothing_learns_from_itself(told: dict[str, bool]) -> None:
    measured = [record(row("matmul", "fp8", 280.0, emulated=not told), **told)]
    with pytest.raises(RecordError, match="nothing learns from itself"):
        part_measured(measured)


def test_a_device_that_is_in_no_profile_is_refused() -> None:
    with pytest.raises(RecordError, match="in 0 profiles"):
        part_measured([record(name="NVIDIA H19")])


def test_one_part_at_a_time() -> None:
    with pytest.raises(UsageError, match="one part at a time"):
        part_measured([record(), record(name="NVIDIA L4")])


def test_the_file_keeps_all_but_the_table() -> None:
    before = profile_paths()["nvidia-rtx-5090-d-v2"].read_text("utf-8")
    after = calibrated_text(before, {"matmul_efficiency": {"fp8": 0.9}}, "greenzone records 1")
    old, new = tomllib.loads(before), tomllib.loads(after)
    assert new["emulation"]["matmul_efficiency"] == {"fp8": 0.9}
    assert new["emulation"]["limiter"] == old["emulation"]["limiter"]
    assert {k: v for k, v in new.items() if k != "emulation"} == {k: v for k, v in old.items() if k != "emulation"}


def test_the_file_loads_as_a_profile(tmp_path: Any) -> None:
    path = tmp_path / "nvidia-h20.toml"
    text = profile_paths()["nvidia-h20"].read_text("utf-8")
    path.write_text(calibrated_text(text, {"clock_mhz": {"fp8": 1710}}, "greenzone records 1"))
    found = load_profile(str(path)).emulation
    assert found is not None
    assert found.clock_mhz == {"fp8": 1710}
