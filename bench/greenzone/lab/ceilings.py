"""What a device cannot pass: its units at their highest clock, its memory bus at its own.

A device says so while it is measured, and a verifier works it out again from the profile and from what the
record tells of the device.
"""

from collections.abc import Mapping
from typing import Any

from greenzone.lab.streams import STREAMS
from greenzone.parts.profile import DeviceProfile
from greenzone.records.record import Row

_RATES = ("matmul", "peak")
_STREAMS = tuple(stream.name for stream in STREAMS)


def rate_tops(profile: DeviceProfile | None, facts: Mapping[str, Any], format: str) -> float | None:
    """Units x operations of one of them a clock x the highest clock, in TOPS; None where one is not known.

    Args:
        profile: of the device; its units and clock stand where the device tells none of its own.
        facts: what the device tells of itself: `units`, `clock_max_sm_mhz`.
        format: of the inputs.
    """
    hardware = profile.hardware if profile else None
    operations = hardware.ops_per_clock.get(format) if hardware else None
    if not hardware or not operations:
        return None
    units, clock_mhz = facts.get("units") or hardware.units, facts.get("clock_max_sm_mhz") or hardware.max_mhz
    return units * operations * float(clock_mhz) * 1e6 / 1e12 if units and clock_mhz else None


def bandwidth_gb_s(profile: DeviceProfile | None, facts: Mapping[str, Any]) -> float | None:
    """What the driver tells, or bus width x two transfers a clock x the highest memory clock, in GB/s.

    An emulated device has no driver: it is its profile's bus width x the data rate of a line.
    """
    if facts.get("emulated"):
        memory = profile.memory if profile else None
        return memory.bus_bits / 8 * memory.pin_gbit_s if memory and memory.bus_bits and memory.pin_gbit_s else None
    if told := facts.get("memory_bandwidth_gb_s"):
        return float(told)
    bits, clock_mhz = facts.get("memory_bus_bits"), facts.get("clock_max_memory_mhz")
    return float(bits) / 8 * 2 * float(clock_mhz) * 1e6 / 1e9 if bits and clock_mhz else None


def ceiling_of(row: Row, profile: DeviceProfile | None, facts: Mapping[str, Any]) -> float | None:
    """The ceiling of a row; None where it has none, or none that profile and facts give."""
    if row.name in _RATES:
        return rate_tops(profile, facts, row.format or "")
    return bandwidth_gb_s(profile, facts) if row.name in _STREAMS else None
