"""Clocks, power, temperature and limits of an AMD GPU, through AMD SMI where it is there.

The module is `amdsmi`, which comes with ROCm, imported when first needed. As with NVML nothing is ever fatal.
Why a clock is held down is read from the counters of `gpu_metrics` (ROCm documentation, amdsmi_gpu_metrics_t): one
that has grown since the last reading was at work in between. AMD SMI tells no default clock under load, so no
sample is set aside for a low one: a power cap that holds an MI300X near 1,200 of 2,100 MHz is its sustained state.
"""

import importlib
from collections.abc import Callable
from typing import Any

_COUNTERS = {
    "ppt_residency_acc": "sw_power_cap",
    "socket_thm_residency_acc": "sw_thermal_slowdown",
    "hbm_thm_residency_acc": "sw_thermal_slowdown",
    "vr_thm_residency_acc": "hw_thermal_slowdown",
    "prochot_residency_acc": "hw_slowdown",
}
_WATTS = 1e-6  # power caps are in microwatts


class AmdTelemetry:
    """What AMD SMI tells of one GPU, in the words of NVML; without it every answer is None and `reason` says why."""

    source = "AMD SMI"

    def __init__(self, index: int, bus_id: str | None = None, module: Any | None = None) -> None:
        """Open the GPU by its address on the bus where that is known: HIP's order need not be AMD SMI's.

        Args:
            index: the GPU's number, for want of an address.
            bus_id: domain:bus:device.function, "0000:c1:00.0".
            module: stands in for amdsmi in tests.
        """
        self.reason: str | None = None
        self._handle: Any = None
        self._counts: dict[str, int] = {}
        try:
            self._smi = module if module is not None else importlib.import_module("amdsmi")
        except (ImportError, OSError, KeyError) as error:  # it looks for its own library when imported
            self.reason = f"no telemetry: amdsmi cannot be imported ({error}); it comes with ROCm"
            return
        try:
            self._smi.amdsmi_init()
            self._handle = self._open(index, bus_id)
        except (self._smi.AmdSmiException, IndexError) as error:
            self.reason = f"no telemetry: AMD SMI says {error or type(error).__name__}"

    def _open(self, index: int, bus_id: str | None) -> Any:
        if bus_id:
            return self._smi.amdsmi_get_processor_handle_from_bdf(bus_id)
        return self._smi.amdsmi_get_processor_handles()[index]

    def _ask(self, question: Callable[[], Any]) -> Any:
        """One answer of AMD SMI, or None: a part need not have every field, a library every function."""
        try:
            return question()
        except (self._smi.AmdSmiException, AttributeError):
            return None

    def sample(self) -> dict[str, Any] | None:
        """The GPU's state now; None where there is no AMD SMI."""
        if self._handle is None:
            return None
        metrics = self._ask(lambda: self._smi.amdsmi_get_gpu_metrics_info(self._handle)) or {}
        clocks = [_number(clock) for clock in metrics.get("current_gfxclks") or [metrics.get("current_gfxclk")]]
        power = _number(metrics.get("current_socket_power"))
        busy = _number(metrics.get("average_gfx_activity"))
        return {
            # the slowest of the dies: a product ends with its last part
            "clock_sm_mhz": min((clock for clock in clocks if clock), default=None),
            "clock_default_sm_mhz": None,
            "clock_memory_mhz": _number(metrics.get("current_uclk")),
            "power_w": _number(metrics.get("average_socket_power")) if power is None else power,
            "temperature_c": _number(metrics.get("temperature_hotspot")),
            "utilization": None if busy is None else busy / 100,
            "throttle_reasons": self._reasons(metrics),
        }

    def _reasons(self, metrics: dict[str, Any]) -> list[str] | None:
        counts = {name: int(value) for name in _COUNTERS if (value := _number(metrics.get(name))) is not None}
        grown = [name for name, count in counts.items() if count > self._counts.get(name, count)]
        self._counts = counts
        return list(dict.fromkeys(_COUNTERS[name] for name in grown)) if counts else None

    def conditions(self) -> list[tuple[str, str]]:
        """A power cap that is not the default; nothing without AMD SMI.

        Returns:
            A code and a sentence for each.
        """
        cap, default = self._caps()
        if not cap or not default or cap == default:
            return []
        code, word = ("power_limit_lowered", "below") if cap < default else ("power_limit_raised", "above")
        text = f"the power limit, {cap:g} W, is {word} the default, {default:g} W: no figure of the part as sold"
        return [(code, text)]

    def limits(self) -> dict[str, Any]:
        """What stays during a run: highest clocks, bus, power limits, driver; empty without AMD SMI."""
        if self._handle is None:
            return {}
        smi, handle = self._smi, self._handle
        cap, default = self._caps()
        memory = self._ask(lambda: smi.amdsmi_get_gpu_vram_info(handle)) or {}
        driver = self._ask(lambda: smi.amdsmi_get_gpu_driver_info(handle)) or {}
        return {
            "uuid": self._ask(lambda: smi.amdsmi_get_gpu_device_uuid(handle)),
            "driver": driver.get("driver_version"),
            "clock_max_sm_mhz": self._highest("GFX"),
            "clock_max_memory_mhz": self._highest("MEM"),
            # how many bits a pin moves in a clock differs with the memory, so bus and clock alone are no ceiling
            "memory_bandwidth_gb_s": _number(memory.get("vram_max_bandwidth")),
            "power_limit_w": cap,
            "power_limit_default_w": default,
        }

    def _caps(self) -> tuple[float | None, float | None]:
        """The power cap and the default one, in watts."""
        if self._handle is None:
            return None, None
        caps = self._ask(lambda: self._smi.amdsmi_get_power_cap_info(self._handle)) or {}
        watts = [_number(caps.get(name)) for name in ("power_cap", "default_power_cap")]
        cap, default = [None if value is None else value * _WATTS for value in watts]
        return cap, default

    def _highest(self, kind: str) -> float | None:
        smi = self._smi
        clock = self._ask(lambda: smi.amdsmi_get_clock_info(self._handle, getattr(smi.AmdSmiClkType, kind)))
        return _number((clock or {}).get("max_clk"))


def _number(value: Any) -> float | None:
    """A figure; None for the library's "N/A" and for the 65,535 of a field that the part does not fill."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value in (0xFFFF, 0xFFFFFFFF, 2**64 - 1):
        return None
    return value
