"""Clocks, power, temperature and limits of an NVIDIA GPU, through NVML where it is there.

The module is `pynvml` of the distribution nvidia-ml-py, imported when first needed. Nothing of NVML
is ever fatal: without the library, without a driver, or for a field the part does not have, the
answer is None, and `reason` says why there is none at all.
"""

import importlib
import os
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

# nvml.h, nvmlClocksEventReason*: why clocks are below what they could be. 0x1 (idle) is no limit.
THROTTLE_REASONS = {
    0x1: "gpu_idle",
    0x2: "applications_clocks_setting",
    0x4: "sw_power_cap",
    0x8: "hw_slowdown",
    0x10: "sync_boost",
    0x20: "sw_thermal_slowdown",
    0x40: "hw_thermal_slowdown",
    0x80: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
    0x200: "board_limit",
    0x400: "reliability",
}


def throttle_reasons(mask: int) -> list[str]:
    """The names of the bits that are set; a bit without a name is given as a number.

    >>> throttle_reasons(0x24)
    ['sw_power_cap', 'sw_thermal_slowdown']
    """
    bits = [1 << place for place in range(mask.bit_length()) if mask >> place & 1]
    return [THROTTLE_REASONS.get(bit, f"0x{bit:x}") for bit in bits]


class Telemetry:
    """What NVML tells of one GPU; without NVML every answer is None and `reason` says why."""

    source = "NVML"

    def __init__(self, index: int, uuid: str | None = None, module: Any | None = None) -> None:
        """Open the GPU by its UUID where that is known: CUDA's order need not be NVML's.

        Args:
            index: the GPU's number, for want of a UUID.
            uuid: as NVML writes it, "GPU-...".
            module: stands in for pynvml in tests.
        """
        self.reason: str | None = None
        self._handle: Any = None
        self._default: int | None = None
        self._default_known = False
        try:
            self._nvml = module if module is not None else _import_nvml()
        except ImportError as error:
            self.reason = f"no telemetry: pynvml cannot be imported ({error}); install nvidia-ml-py"
            return
        try:
            self._nvml.nvmlInit()
            self._handle = self._open(index, uuid)
        except self._nvml.NVMLError as error:
            self.reason = f"no telemetry: {_why(error)}"

    def _open(self, index: int, uuid: str | None) -> Any:
        if uuid:
            return self._nvml.nvmlDeviceGetHandleByUUID(uuid)
        return self._nvml.nvmlDeviceGetHandleByIndex(index)

    def _ask(self, question: Callable[[], Any]) -> Any:
        """One answer of NVML, or None: a part need not have every field, a library every function."""
        try:
            return question()
        except (self._nvml.NVMLError, AttributeError):
            return None

    def sample(self) -> dict[str, Any] | None:
        """The GPU's state now; None where there is no NVML."""
        if self._handle is None:
            return None
        nvml, handle = self._nvml, self._handle
        power_mw = self._ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        mask = self._throttle_mask()
        return {
            "clock_sm_mhz": self._ask(lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
            "clock_default_sm_mhz": self._default_clock_mhz(),
            "clock_memory_mhz": self._ask(lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM)),
            "power_w": None if power_mw is None else power_mw / 1000,
            "temperature_c": self._ask(
                lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
            ),
            "utilization": self._ask(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),
            "throttle_reasons": None if mask is None else throttle_reasons(mask),
            "memory_used_bytes": self._ask(lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).used)),
            "pstate": self._ask(lambda: int(nvml.nvmlDeviceGetPerformanceState(handle))),
            "fan_percent": self._ask(lambda: float(nvml.nvmlDeviceGetFanSpeed(handle))),
        }

    def _default_clock_mhz(self) -> int | None:
        """The clock the GPU takes by default under load; asked once, for it does not change in a run."""
        if not self._default_known:
            nvml, handle = self._nvml, self._handle
            self._default = self._ask(lambda: nvml.nvmlDeviceGetDefaultApplicationsClock(handle, nvml.NVML_CLOCK_SM))
            self._default_known = True
        return self._default

    def conditions(self) -> list[tuple[str, str]]:
        """What is not as it is by default: another tenant, a slice, a lowered limit, tied clocks; nothing without NVML.

        Returns:
            A code and a sentence for each.
        """
        if self._handle is None:
            return []
        nvml, handle = self._nvml, self._handle
        found = []
        if (mode := self._ask(lambda: nvml.nvmlDeviceGetMigMode(handle)[0])) is not None and mode:
            text = "the GPU is cut into MIG slices: what is measured is one of them, and scaled up nothing is shown"
            found.append(("mig", text))
        others = self._others()
        if others:
            text = f"{others} other process{'es' if others > 1 else ''} on the GPU: the figures are of what was left"
            found.append(("other_tenant", text))
        limit = self._ask(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle))
        default = self._ask(lambda: nvml.nvmlDeviceGetPowerManagementDefaultLimit(handle))
        if limit and default and limit != default:
            code, word = ("power_limit_lowered", "below") if limit < default else ("power_limit_raised", "above")
            text = f"the power limit, {limit / 1000:g} W, is {word} the default, {default / 1000:g} W"
            found.append((code, f"{text}: no figure of the part as sold"))
        return found

    def _others(self) -> int:
        """How many processes compute on the GPU besides this one; 0 where the driver does not tell."""
        nvml, handle = self._nvml, self._handle
        running = self._ask(lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle)) or []
        return sum(getattr(p, "pid", None) != os.getpid() for p in running)

    def _throttle_mask(self) -> int | None:
        nvml, handle = self._nvml, self._handle
        mask = self._ask(lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(handle))
        if mask is None:  # the name before driver 535
            mask = self._ask(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))
        return None if mask is None else int(mask)

    def limits(self) -> dict[str, Any]:
        """What stays during a run: highest clocks, bus, power limits, driver; empty without NVML."""
        if self._handle is None:
            return {}
        nvml, handle = self._nvml, self._handle
        # every name is looked up inside its question: an older module may lack it
        limit = self._ask(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle))
        default = self._ask(lambda: nvml.nvmlDeviceGetPowerManagementDefaultLimit(handle))
        ecc = self._ask(lambda: nvml.nvmlDeviceGetEccMode(handle)[0])
        return {
            "uuid": self._ask(lambda: nvml.nvmlDeviceGetUUID(handle)),
            "driver": self._ask(lambda: str(nvml.nvmlSystemGetDriverVersion())),
            "vbios": self._ask(lambda: str(nvml.nvmlDeviceGetVbiosVersion(handle))),
            "serial": self._ask(lambda: str(nvml.nvmlDeviceGetSerial(handle))),
            "board": self._ask(lambda: str(nvml.nvmlDeviceGetBoardPartNumber(handle))),
            "clock_max_sm_mhz": self._ask(lambda: nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM)),
            "clock_max_memory_mhz": self._ask(
                lambda: nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_MEM)
            ),
            "memory_bus_bits": self._ask(lambda: nvml.nvmlDeviceGetMemoryBusWidth(handle)),
            "power_limit_w": None if limit is None else limit / 1000,
            "power_limit_default_w": None if default is None else default / 1000,
            "ecc": None if ecc is None else bool(ecc),
            **self._links(),
        }

    def _links(self) -> dict[str, Any]:
        """The host link, its generation as the GPU could have it and its width as the slot lets it, and the NVLinks up.

        `nvlink_version` is NVML's own number of the version, not the version.
        """
        nvml, handle = self._nvml, self._handle
        generation = self._ask(lambda: nvml.nvmlDeviceGetGpuMaxPcieLinkGeneration(handle))
        if generation is None:  # older drivers know the most that GPU and slot have in common
            generation = self._ask(lambda: nvml.nvmlDeviceGetMaxPcieLinkGeneration(handle))
        most = self._ask(lambda: int(nvml.NVML_NVLINK_MAX_LINKS)) or 0
        up = [n for n in range(most) if self._ask(partial(_link_state, nvml, handle, n)) == 1]
        return {
            "pcie_generation_max": generation,
            "pcie_width_max": self._ask(lambda: nvml.nvmlDeviceGetMaxPcieLinkWidth(handle)),
            "nvlinks_up": len(up) or None,
            "nvlink_version": self._ask(lambda: nvml.nvmlDeviceGetNvLinkVersion(handle, up[0])) if up else None,
        }


def _link_state(nvml: Any, handle: Any, link: int) -> Any:
    return nvml.nvmlDeviceGetNvLinkState(handle, link)


def _import_nvml() -> ModuleType:
    return importlib.import_module("pynvml")


def _why(error: Exception) -> str:
    return f"NVML says {str(error) or type(error).__name__}"
