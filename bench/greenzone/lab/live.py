"""What a live device tells of itself, for a profile that is begun from it.

Names, units, clocks, memory and links come from the driver; rates, dies and nodes never do.
"""

import math
from collections.abc import Mapping
from typing import Any

from greenzone.errors import UsageError
from greenzone.lab.devices.base import Device
from greenzone.parts.scaffold import Known

# Both directions of one lane and of one link, in GB/s, by generation (PCI-SIG; NVIDIA, NVLink page).
PCIE_LANE_GB_S = {1: 0.5, 2: 1.0, 3: 2.0, 4: 4.0, 5: 8.0, 6: 16.0}
NVLINK_GB_S = {1: 40.0, 2: 50.0, 3: 50.0, 4: 50.0, 5: 100.0}
# What NVML answers to the version of a link is a number of its own (nvml.h, NVML_NVLINK_VERSION_*): 1.0, 2.0,
# 2.2, 3.0, 3.1, 4.0 and 5.0 in this order.
NVLINK_GENERATION = {1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 5}


def known_of(device: Device, profile_id: str) -> Known:
    """What the device tells, as the beginning of a profile.

    Raises:
        UsageError: an emulated device, which tells what its own profile says.
    """
    if device.emulated:
        raise UsageError(f"{device.id} tells what its profile says; copy the file that `profiles show` names")
    facts = {k: v for k, v in device.describe().items() if v is not None}
    driver = f" ({facts['driver']})" if facts.get("driver") else ""
    capability = facts.get("capability") if facts.get("kind") == "cuda" else None
    return Known(
        id=profile_id, name=device.name, names=(device.name,), compute_capability=capability,
        vendor=_vendor(device.name), memory=_memory(device, facts), links=links_of(facts), hardware=_hardware(facts),
        from_device=f"{device.name}, as its driver{driver} tells", told=frozenset({"memory", "links", "hardware"}),
    )  # fmt: skip


def _vendor(name: str) -> str | None:
    return next((v for v in ("NVIDIA", "AMD", "Intel") if v.casefold() in name.casefold()), None)


def _memory(device: Device, facts: dict[str, Any]) -> dict[str, Any]:
    if not device.memory_bytes:
        return {}
    # Sheets count 2^30 bytes to the GB and what the driver keeps besides: the next whole one is what is sold.
    found: dict[str, Any] = {"kind": "unknown", "capacity_gb": math.ceil(device.memory_bytes / 2**30)}
    # Bus x clock is a ceiling and no claim: the bandwidth is left for the sheet.
    if bits := facts.get("memory_bus_bits"):
        found["bus_bits"] = bits
    return found


def links_of(facts: Mapping[str, Any]) -> dict[str, float]:
    """The links that a driver reports, by kind, in GB/s of both directions; none where it reports none."""
    found = {}
    generation, up = NVLINK_GENERATION.get(facts.get("nvlink_version", 0)), facts.get("nvlinks_up")
    if up and generation:
        found[f"NVLink {generation}"] = up * NVLINK_GB_S[generation]
    pcie, width = facts.get("pcie_generation_max"), facts.get("pcie_width_max")
    if width and pcie in PCIE_LANE_GB_S:
        found[f"PCIe {pcie}.0 x{width}"] = width * PCIE_LANE_GB_S[pcie]
    return found


def _hardware(facts: dict[str, Any]) -> dict[str, Any]:
    cache = facts.get("last_level_cache_bytes")
    found = {
        "units": facts.get("units"), "max_mhz": facts.get("clock_max_sm_mhz"),
        "l2_mib": round(cache / 2**20, 1) if cache else None, "power_w": facts.get("power_limit_default_w"),
    }  # fmt: skip
    return {k: v for k, v in found.items() if v is not None}
