"""What a live device tells of itself, for a profile that is begun from it.

Names, units, clocks, memory and links come from the driver; rates, dies and nodes never do.
"""

from collections.abc import Mapping
from typing import Any

from greenzone.errors import UsageError
from greenzone.lab.devices.base import Device
from greenzone.parts.scaffold import Known

# Both directions of one lane and of one link, in GB/s, by generation (PCI-SIG; NVIDIA, NVLink page).
PCIE_LANE_GB_S = {1: 0.5, 2: 1.0, 3: 2.0, 4: 4.0, 5: 8.0, 6: 16.0}
NVLINK_GB_S = {1: 40.0, 2: 50.0, 3: 50.0, 4: 50.0, 5: 100.0}


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
        from_device=f"{device.name}, as its driver{driver} tells",
    )  # fmt: skip


def _vendor(name: str) -> str | None:
    return next((v for v in ("NVIDIA", "AMD", "Intel") if v.casefold() in name.casefold()), None)


def _memory(device: Device, facts: dict[str, Any]) -> dict[str, Any]:
    if not device.memory_bytes:
        return {}
    found: dict[str, Any] = {"kind": "unknown", "capacity_gb": round(device.memory_bytes / 1e9, 1)}
    if bits := facts.get("memory_bus_bits"):
        found["bus_bits"] = bits
    if most := device.ceiling_bandwidth_gb_s():
        found["bandwidth_gb_s"] = round(most, 1)
    return found


def links_of(facts: Mapping[str, Any]) -> dict[str, float]:
    """The links that a driver reports, by kind, in GB/s of both directions; none where it reports none."""
    found = {}
    version, up = facts.get("nvlink_version"), facts.get("nvlinks_up")
    if up and version in NVLINK_GB_S:
        found[f"NVLink {version}"] = up * NVLINK_GB_S[version]
    generation, width = facts.get("pcie_generation_max"), facts.get("pcie_width_max")
    if width and generation in PCIE_LANE_GB_S:
        found[f"PCIe {generation}.0 x{width}"] = width * PCIE_LANE_GB_S[generation]
    return found


def _hardware(facts: dict[str, Any]) -> dict[str, Any]:
    cache = facts.get("last_level_cache_bytes")
    found = {
        "units": facts.get("units"), "max_mhz": facts.get("clock_max_sm_mhz"),
        "l2_mib": round(cache / 2**20, 1) if cache else None, "power_w": facts.get("power_limit_default_w"),
    }  # fmt: skip
    return {k: v for k, v in found.items() if v is not None}
