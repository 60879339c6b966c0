"""NVML through a fake of its module: every field, every error, and no crash."""

import os
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from greenzone.lab.devices import telemetry
from greenzone.lab.devices.telemetry import Telemetry, throttle_reasons

ERRORS = [v for k, v in vars(pynvml).items() if k.startswith("NVML_ERROR_") and isinstance(v, int)]


class FakeNvml:
    """An H20 as NVML shows it; `broken` names the functions that raise."""

    NVMLError = pynvml.NVMLError
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self, error: int = pynvml.NVML_ERROR_NOT_SUPPORTED, broken: tuple[str, ...] = ()) -> None:
        self.error, self.broken = error, broken
        self.asked: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("nvml"):
            self.asked.append(name)
            if name in self.broken:
                raise pynvml.NVMLError(self.error)
        return super().__getattribute__(name)

    def nvmlInit(self) -> None: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"index {index}"

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        return uuid

    def nvmlDeviceGetPowerUsage(self, _: str) -> int:
        return 350_500

    def nvmlDeviceGetClockInfo(self, _: str, kind: int) -> int:
        return {1: 1755, 2: 2619}[kind]

    def nvmlDeviceGetDefaultApplicationsClock(self, _: str, kind: int) -> int:
        return {1: 1755}[kind]

    def nvmlDeviceGetMigMode(self, _: str) -> list[int]:
        return [self.mig, 0]

    def nvmlDeviceGetComputeRunningProcesses(self, _: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=os.getpid()), *(SimpleNamespace(pid=-n) for n in range(1, self.others + 1))]

    mig, others, limit = 0, 0, 400_000

    def nvmlDeviceGetMaxClockInfo(self, _: str, kind: int) -> int:
        return {1: 1980, 2: 2619}[kind]

    def nvmlDeviceGetTemperature(self, _: str, kind: int) -> int:
        return 61

    def nvmlDeviceGetUtilizationRates(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(gpu=98)

    def nvmlDeviceGetMemoryInfo(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(total=96 << 30, used=3 << 30, free=93 << 30)

    def nvmlDeviceGetPerformanceState(self, _: str) -> int:
        return 0

    def nvmlDeviceGetFanSpeed(self, _: str) -> int:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)  # a board without a fan

    def nvmlDeviceGetCurrentClocksEventReasons(self, _: str) -> int:
        return 0x4

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, _: str) -> int:
        return 0x8

    def nvmlDeviceGetEnforcedPowerLimit(self, _: str) -> int:
        return self.limit

    def nvmlDeviceGetPowerManagementDefaultLimit(self, _: str) -> int:
        return 500_000

    def nvmlDeviceGetEccMode(self, _: str) -> list[int]:
        return [1, 1]

    def nvmlDeviceGetMemoryBusWidth(self, _: str) -> int:
        return 5120

    NVML_NVLINK_MAX_LINKS = 18

    def nvmlDeviceGetGpuMaxPcieLinkGeneration(self, _: str) -> int:
        return 5

    def nvmlDeviceGetMaxPcieLinkGeneration(self, _: str) -> int:
        return 4

    def nvmlDeviceGetMaxPcieLinkWidth(self, _: str) -> int:
        return 16

    def nvmlDeviceGetNvLinkState(self, _: str, link: int) -> int:
        return int(link < 12)

    def nvmlDeviceGetNvLinkVersion(self, _: str, link: int) -> int:
        return pynvml.NVML_NVLINK_VERSION_4_0

    def nvmlDeviceGetUUID(self, _: str) -> str:
        return "GPU-1"

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.1"

    def nvmlDeviceGetSerial(self, _: str) -> str:
        return "1650123"

    def nvmlDeviceGetVbiosVersion(self, _: str) -> str:
        return "96.00.8E.00.01"

    def nvmlDeviceGetBoardPartNumber(self, _: str) -> str:
        return "900-2G520-0000-000"


def test_a_sample_has_the_units_of_its_names() -> None:
    assert Telemetry(0, None, FakeNvml()).sample() == {
        "clock_sm_mhz": 1755,
        "clock_default_sm_mhz": 1755,
        "clock_memory_mhz": 2619,
        "power_w": 350.5,
        "temperature_c": 61,
        "utilization": 0.98,
        "throttle_reasons": ["sw_power_cap"],
        "memory_used_bytes": 3 << 30,
        "pstate": 0,
        "fan_percent": None,
    }


def test_another_tenant_a_slice_and_another_power_limit_are_conditions() -> None:
    fake = FakeNvml()
    fake.mig, fake.others = 1, 2
    found = dict(Telemetry(0, None, fake).conditions())
    assert set(found) == {"mig", "other_tenant", "power_limit_lowered"}
    assert "2 other processes" in found["other_tenant"]
    assert "400 W, is below the default, 500 W" in found["power_limit_lowered"]
    fake.mig, fake.others, fake.limit = 0, 0, 600_000
    assert [code for code, _ in Telemetry(0, None, fake).conditions()] == ["power_limit_raised"]
    fake.limit = 500_000
    assert Telemetry(0, None, fake).conditions() == []


def test_conditions_that_cannot_be_asked_for_are_not_made_up() -> None:
    names = ("nvmlDeviceGetMigMode", "nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetEnforcedPowerLimit")
    assert Telemetry(0, None, FakeNvml(broken=names)).conditions() == []


def test_the_limits() -> None:
    limits = Telemetry(0, None, FakeNvml()).limits()
    assert (limits["power_limit_w"], limits["power_limit_default_w"], limits["ecc"]) == (400, 500, True)
    assert (limits["clock_max_sm_mhz"], limits["memory_bus_bits"], limits["driver"]) == (1980, 5120, "580.1")


def test_what_tells_one_board_from_another() -> None:
    limits = Telemetry(0, None, FakeNvml()).limits()
    assert (limits["serial"], limits["vbios"]) == ("1650123", "96.00.8E.00.01")
    assert limits["board"] == "900-2G520-0000-000"
    assert Telemetry(0, None, FakeNvml(broken=("nvmlDeviceGetSerial",))).limits()["serial"] is None


def test_the_links_that_are_up_and_the_host_link_as_the_gpu_could_have_it() -> None:
    limits = Telemetry(0, None, FakeNvml()).limits()
    assert (limits["pcie_generation_max"], limits["pcie_width_max"]) == (5, 16)
    assert (limits["nvlinks_up"], limits["nvlink_version"]) == (12, 6)


@pytest.mark.parametrize("error", ERRORS)
def test_a_part_without_links_has_none_and_an_older_driver_tells_the_common_generation(error: int) -> None:
    broken = ("nvmlDeviceGetGpuMaxPcieLinkGeneration", "nvmlDeviceGetNvLinkState")
    limits = Telemetry(0, None, FakeNvml(error, broken)).limits()
    assert limits["pcie_generation_max"] == 4
    assert limits["nvlinks_up"] is limits["nvlink_version"] is None


def test_the_uuid_finds_the_gpu_whatever_its_number() -> None:
    fake = FakeNvml()
    Telemetry(3, "GPU-9", fake)
    assert "nvmlDeviceGetHandleByUUID" in fake.asked
    assert "nvmlDeviceGetHandleByIndex" not in fake.asked


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("where", ["nvmlInit", "nvmlDeviceGetHandleByIndex"])
def test_every_error_at_the_start_means_no_telemetry_and_says_why(error: int, where: str) -> None:
    opened = Telemetry(0, None, FakeNvml(error, (where,)))
    assert (opened.sample(), opened.limits()) == (None, {})
    assert opened.reason
    assert opened.reason.startswith("no telemetry: NVML says ")


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_of_a_field_leaves_that_field_out(error: int) -> None:
    sample = Telemetry(0, None, FakeNvml(error, ("nvmlDeviceGetPowerUsage",))).sample()
    assert sample is not None
    assert sample["power_w"] is None
    assert sample["clock_sm_mhz"] == 1755


def test_old_drivers_know_the_reasons_by_their_old_name() -> None:
    sample = Telemetry(0, None, FakeNvml(broken=("nvmlDeviceGetCurrentClocksEventReasons",))).sample()
    assert sample is not None
    assert sample["throttle_reasons"] == ["hw_slowdown"]


def test_without_the_module_there_is_no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise ImportError("No module named 'pynvml'")

    monkeypatch.setattr(telemetry, "_import_nvml", missing)
    opened = Telemetry(0)
    assert opened.sample() is None
    assert "install nvidia-ml-py" in (opened.reason or "")


def test_every_reason_of_the_real_module_has_a_name() -> None:
    bits = {
        v for k, v in vars(pynvml).items() if k.startswith("nvmlClocksEventReason") and isinstance(v, int)
    }
    singles = {bit for bit in bits if bit and bit & (bit - 1) == 0}
    assert singles
    assert singles <= set(telemetry.THROTTLE_REASONS)
    assert throttle_reasons(0) == []
    assert throttle_reasons(0x8004) == ["sw_power_cap", "0x8000"]
