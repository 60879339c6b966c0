"""The figures of a part that the time model needs, gathered from its profile and the constants of its class."""

from dataclasses import dataclass

from greenzone.errors import UsageError
from greenzone.lab.devices.emulated.constants import Architecture, Fitted, TimeTable, time_table
from greenzone.parts.profile import DeviceProfile

_UNITS = 100  # of a part that publishes none: an estimate that only shapes the last wave
_L2_MIB = 32.0  # of a part that publishes none: an estimate
# Gain of a last-level cache over the memory: A100 80GB 3,094 and 1,599 GB/s, H800 8,828 and 2,978
# (chanzhennan/ChipBenchmarker); in between, as an estimate for all.
CACHE_SPEED = 2.5
# Energy of a byte to stacked memory beside one to GDDR, which the fit saw throttle alone: some 3.9 and 14 pJ a bit
# (M. O'Connor et al., "Fine-Grained DRAM", MICRO-50, 2017, as remembered and not looked up: an estimate).
_STACKED_ENERGY = 3.9 / 14


@dataclass(frozen=True)
class Part:
    """One part: rates in operations, bytes and watts, all of the whole package."""

    id: str
    units: int
    dies: int
    l2_bytes: float
    bandwidth_b_s: float  # as claimed
    bandwidth_share: float  # of it that a long stream reaches
    power_limit_w: float | None
    dram_j_per_byte: float
    energy_j_per_op: float  # of an fp32 multiply-accumulate's two operations, each, at the rated clock
    architecture: Architecture
    fitted: Fitted

    @property
    def stream_b_s(self) -> float:
        """Bytes a second of a long stream."""
        return self.bandwidth_b_s * self.bandwidth_share

    @property
    def efficiency(self) -> float:
        """The share of the vector units' rate that a large product reaches at the clock of the moment."""
        return self.architecture.efficiency or self.fitted.efficiency * self.architecture.vector_share


def part_of(profile: DeviceProfile, bandwidth_share: float, table: TimeTable | None = None) -> Part:
    """The part of a profile.

    Args:
        profile: of the part; what it lacks of units and caches is an estimate.
        bandwidth_share: of the claimed bandwidth that a long stream reaches.
        table: the constants; those that ship where left out.
    """
    table = table or time_table()
    hardware, memory = profile.hardware, profile.memory
    node = next((die.node for die in profile.dies if die.kind == "logic" and die.node), None)
    return Part(
        id=profile.id,
        units=(hardware.units if hardware else None) or _UNITS,
        dies=max(1, hardware.devices_per_package if hardware else 1),
        l2_bytes=((hardware.l2_mib if hardware else None) or _L2_MIB) * 2**20,
        bandwidth_b_s=((memory.bandwidth_gb_s if memory else None) or 0.0) * 1e9,
        bandwidth_share=bandwidth_share,
        power_limit_w=hardware.power_w if hardware else None,
        dram_j_per_byte=table.fitted.dram_pj_per_byte * 1e-12 * (_STACKED_ENERGY if _is_stacked(profile) else 1.0),
        energy_j_per_op=table.fitted.energy_pj * 1e-12 * table.energy_scale(node),
        architecture=table.architecture(generation(profile)),
        fitted=table.fitted,
    )


def _is_stacked(profile: DeviceProfile) -> bool:
    return profile.memory is not None and profile.memory.kind.upper().startswith("HBM")


def generation(profile: DeviceProfile) -> str | None:
    """The generation whose facts hold: the architecture, with graphics chips of Ampere and Blackwell by themselves."""
    memory = profile.memory
    if profile.architecture in ("Ampere", "Blackwell") and memory and memory.kind.upper().startswith("GDDR"):
        return f"{profile.architecture} graphics"
    return profile.architecture


def require_facts(profile: DeviceProfile) -> None:
    """Refuse a profile too thin for its times to be worked out.

    Raises:
        UsageError: what is missing.
    """
    hardware, memory = profile.hardware, profile.memory
    facts = {
        "hardware.units": hardware and hardware.units, "hardware.boost_mhz": hardware and hardware.boost_mhz,
        "hardware.l2_mib": hardware and hardware.l2_mib, "hardware.power_w": hardware and hardware.power_w,
        "memory.bandwidth_gb_s": memory and memory.bandwidth_gb_s, "peak_tops.fp32": profile.peak("fp32"),
    }  # fmt: skip
    if missing := [name for name, value in facts.items() if not value]:
        lacks = ", ".join(missing)
        raise UsageError(f"profile {profile.id} is too thin for a validation: it lacks {lacks}; add it with a source")
