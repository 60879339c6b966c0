"""AMD SMI through a fake of its module: an MI300X under its power cap, missing fields, no library."""

from types import SimpleNamespace
from typing import Any

import pytest

from greenzone.lab.devices.telemetry_amd import AmdTelemetry


class AmdSmiException(Exception):
    """Of the fake."""


class FakeSmi:
    """An MI300X; `broken` names the functions that raise, and each reading of the metrics takes the next."""

    AmdSmiException = AmdSmiException
    AmdSmiClkType = SimpleNamespace(GFX="gfx", MEM="mem")

    def __init__(self, *metrics: dict[str, Any], broken: tuple[str, ...] = (), cap_w: float = 750) -> None:
        self.metrics, self.broken, self.cap_w = list(metrics), broken, cap_w

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("amdsmi") and name in object.__getattribute__(self, "broken"):
            raise AmdSmiException("not supported")
        return super().__getattribute__(name)

    def amdsmi_init(self) -> None: ...
    def amdsmi_get_processor_handles(self) -> list[str]:
        return ["first"]

    def amdsmi_get_processor_handle_from_bdf(self, bus_id: str) -> str:
        return bus_id

    def amdsmi_get_gpu_metrics_info(self, _: str) -> dict[str, Any]:
        return self.metrics.pop(0)

    def amdsmi_get_power_cap_info(self, _: str) -> dict[str, Any]:
        return {"power_cap": int(self.cap_w * 1e6), "default_power_cap": 750_000_000}

    def amdsmi_get_clock_info(self, _: str, kind: str) -> dict[str, Any]:
        return {"max_clk": {"gfx": 2100, "mem": 1300}[kind]}

    def amdsmi_get_gpu_vram_info(self, _: str) -> dict[str, Any]:
        return {"vram_bit_width": 8192, "vram_max_bandwidth": 5324}

    def amdsmi_get_gpu_driver_info(self, _: str) -> dict[str, Any]:
        return {"driver_version": "6.10.5"}

    def amdsmi_get_gpu_device_uuid(self, _: str) -> str:
        return "a1ff74a1-0000-1000"


CAPPED = {
    "current_gfxclks": [1210, 1198, 1205, 0xFFFF], "current_gfxclk": 1210, "current_uclk": 1300,
    "current_socket_power": 748, "average_socket_power": "N/A", "temperature_hotspot": 71,
    "average_gfx_activity": 100, "ppt_residency_acc": 4000, "socket_thm_residency_acc": 7,
}  # fmt: skip


def of(*metrics: dict[str, Any], **more: Any) -> AmdTelemetry:
    return AmdTelemetry(0, "0000:c1:00.0", FakeSmi(*metrics, **more))


def test_a_reading_has_the_fields_of_nvml_and_the_slowest_die_s_clock() -> None:
    state = of(CAPPED).sample()
    assert state == {
        "clock_sm_mhz": 1198, "clock_default_sm_mhz": None, "clock_memory_mhz": 1300, "power_w": 748,
        "temperature_c": 71, "utilization": 1.0, "throttle_reasons": [],
    }  # fmt: skip


def test_a_counter_that_has_grown_says_what_held_the_clock_down() -> None:
    telemetry = of(CAPPED, CAPPED | {"ppt_residency_acc": 4100}, CAPPED | {"socket_thm_residency_acc": 9})
    reasons = [(telemetry.sample() or {})["throttle_reasons"] for _ in range(3)]
    assert reasons == [[], ["sw_power_cap"], ["sw_thermal_slowdown"]]


def test_fields_that_the_part_does_not_fill_are_unknown() -> None:
    state = of({"current_gfxclk": 0xFFFF, "current_socket_power": "N/A", "average_socket_power": 300}).sample()
    assert state is not None
    assert (state["clock_sm_mhz"], state["power_w"], state["throttle_reasons"]) == (None, 300, None)


def test_what_stays_during_a_run() -> None:
    limits = of().limits()
    assert (limits["clock_max_sm_mhz"], limits["clock_max_memory_mhz"]) == (2100, 1300)
    assert limits["memory_bandwidth_gb_s"] == 5324
    assert (limits["power_limit_w"], limits["driver"]) == (750, "6.10.5")


@pytest.mark.parametrize(("cap_w", "code"), [(500, "power_limit_lowered"), (800, "power_limit_raised"), (750, None)])
def test_a_changed_power_cap_is_named(cap_w: float, code: str | None) -> None:
    assert [found for found, _ in of(cap_w=cap_w).conditions()] == ([code] if code else [])


def test_every_function_may_fail_and_nothing_falls() -> None:
    names = tuple(name for name in vars(FakeSmi) if name.startswith("amdsmi_get") and "handle" not in name)
    telemetry = of(CAPPED, broken=names)
    state = telemetry.sample()
    assert state is not None
    assert set(state.values()) == {None}
    assert set(telemetry.limits().values()) == {None}
    assert telemetry.conditions() == []


def test_without_the_library_or_the_gpu_there_is_a_reason() -> None:
    absent = AmdTelemetry(0, None)
    assert "comes with ROCm" in str(absent.reason)
    lost = of(broken=("amdsmi_get_processor_handle_from_bdf",))
    assert lost.reason == "no telemetry: AMD SMI says not supported"
    for telemetry in (absent, lost, AmdTelemetry(3, None, FakeSmi())):
        assert telemetry.sample() is None
        assert telemetry.limits() == {}
        assert telemetry.conditions() == []
