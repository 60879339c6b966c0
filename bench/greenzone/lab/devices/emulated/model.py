"""How long an operator would take on the part of a profile: a roofline with waves and latency.

    seconds = launch latency + max(operations / (peak x efficiency x fill), bytes / (bandwidth x efficiency))

`fill` is the share of the units that work in the last wave of output tiles. A set that is read again
and again comes from the last-level cache as far as that holds it. A composite operator
takes the sum of its parts. Published models of this kind err by 25 to 40 per cent (NeuSight, ASPLOS
2025): the emulated device exercises the harness and ranks parts, it is no measurement.
"""

import math
from dataclasses import dataclass

from greenzone.errors import DeviceError
from greenzone.lab.operators import Matmul, Operator, parts_of
from greenzone.lab.peak import Peak
from greenzone.lab.streams import Sweep
from greenzone.parts.profile import DeviceProfile, Limiter

# Share of the claimed dense peak that large products reach. A format with no figure takes `other`.
_MATMUL_EFFICIENCY = {
    # H100 SXM 794.5 of 989 bf16, 1,402.6 of 1,979 fp8; B200 fp4: stas00/ml-engineering
    # (mamf-finder), 2026-08-22; fp4 is an estimate beside its fp8.
    "nvidia_hbm": {"bf16": 0.80, "fp16": 0.80, "fp8": 0.71, "fp4": 0.75, "other": 0.80},
    # RTX 5090 D V2 sustained, int8 569.7 of 593.75 and nvfp4 1,133 of 1,187.5: xzwgit/gpu-flops-bench
    "capped": {"fp8": 0.96, "int8": 0.96, "fp4": 0.95, "other": 0.96},
    # RTX 4090 and RTX PRO 6000, cuBLASLt: xzwgit/gpu-flops-bench; a clock above the rated one
    # takes some past 1, which a default does not.
    "nvidia_gddr": {"bf16": 0.91, "fp16": 0.91, "fp8": 0.90, "int8": 0.85, "fp4": 0.80, "other": 0.90},
    # MI300X 668.4 of 1,307 bf16 (stas00/ml-engineering), fp8 1,273 of 2,615 (ROCm blog, "Measuring
    # max-achievable FLOPs, part 2", 2025-02-28): power, not software, holds it there
    "amd": {"bf16": 0.53, "fp16": 0.50, "fp8": 0.49, "int8": 0.50, "other": 0.55},
    "unknown": {"other": 0.70},  # an estimate: nothing published for this maker's class
}
# Share of the claimed dense peak that a loop out of registers and shared memory reaches: an estimate.
# No less than a product does, which has the same units and more to do.
_PEAK_EFFICIENCY = 0.95
# Share of the claimed bandwidth. A100 80GB read 0.87 and triad 0.88, MI300X read 0.79 and triad
# 0.73: RRZE-HPC/gpu-benches (gpu-stream); H100 SXM copy 0.867: aigatech/vpbenchmarking; MI300X copy
# 0.788: AMD's acceptance thresholds of BabelStream.
_BANDWIDTH_EFFICIENCY = {
    "amd": {"copy": 0.79, "triad": 0.73, "read": 0.79, "other": 0.75},
    "default": {"copy": 0.87, "triad": 0.88, "read": 0.87, "other": 0.87},
}
# The last-level cache's reads beside the memory's: A100 80GB 3,094 and 1,599 GB/s, H800 8,828 and 2,978
# (chanzhennan/ChipBenchmarker); in between, as an estimate for all.
_CACHE_SPEED = 2.5
_LAUNCH_US = 2.0  # an empty kernel between two events takes 2 to 5 us on current parts; an estimate
_IDLE_SHARE = 0.17  # idle over rated power: 120 of 700 W, an estimate from idle H100 SXM boards
# Output tiles a library chooses from, and what a smaller one costs in operand traffic (estimates).
_TILES = ((256, 128, 1.0), (128, 128, 1.0), (128, 64, 0.98), (64, 64, 0.92), (64, 32, 0.80))
_SKINNY = 64
_USUAL = 4096  # the side at which the published efficiencies were reached, or near it


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call takes when nothing limits it further, and what it does in that time."""

    seconds: float
    compute_seconds: float
    memory_seconds: float
    operations: float


class TimeModel:
    """The time model of one profile.

    Peaks that disagree take the highest claim; a peak with no upper end takes its lower one.
    """

    def __init__(self, profile: DeviceProfile) -> None:
        self._profile = profile
        self._class = _efficiency_class(profile)

    def peak_tops(self, format: str) -> float | None:
        """The claimed dense peak of a format."""
        peak = self._profile.peak(format)
        if peak is None or not (value := peak.high if peak.is_bounded else peak.low):
            return None
        return value

    def efficiency(self, format: str) -> float:
        """The share of the claimed peak that large products reach before any limiter acts."""
        emulation = self._profile.emulation
        if emulation and format in emulation.matmul_efficiency:
            return emulation.matmul_efficiency[format]
        defaults = _MATMUL_EFFICIENCY["capped" if self._is_capped(format) else self._class]
        return defaults.get(format, defaults["other"])

    def _is_capped(self, format: str) -> bool:
        hardware = self._profile.hardware
        if not hardware or self._class.startswith("amd"):
            return False
        silicon, enabled = hardware.ops_per_clock.get(format), hardware.enabled_ops_per_clock.get(format)
        return bool(silicon and enabled and enabled < silicon)

    def bandwidth_gb_s(self, kind: str) -> float:
        """The bandwidth that a kind of traffic reaches: copy, triad, read or other.

        Raises:
            DeviceError: the profile gives no bandwidth.
        """
        memory, emulation = self._profile.memory, self._profile.emulation
        if memory is None or memory.bandwidth_gb_s is None:
            raise DeviceError(
                f"profile {self._profile.id} gives no memory bandwidth; the emulated device needs it"
            )
        defaults = _BANDWIDTH_EFFICIENCY["amd" if self._class == "amd" else "default"]
        stated = emulation.bandwidth_efficiency if emulation else {}
        return memory.bandwidth_gb_s * stated.get(kind, defaults.get(kind, defaults["other"]))

    @property
    def launch_seconds(self) -> float:
        emulation = self._profile.emulation
        stated = emulation.launch_us if emulation else None
        return (_LAUNCH_US if stated is None else stated) * 1e-6

    def fill(self, product: Matmul) -> float:
        """The share of the units' time that a product uses, over that of the 4,096 cube.

        Waves that are not full and tiles that hang over the edge are time without work. Published
        efficiencies have that of their own shape in them, so a product fills 1 at most.
        """
        hardware = self._profile.hardware
        units = hardware.units if hardware and hardware.units else None
        if min(product.m, product.n) <= _SKINNY:
            # too narrow for tiles: libraries split the sum over the units, in blocks of 16 rows
            narrow = min(product.m, product.n)
            return narrow / (16 * math.ceil(narrow / 16))
        if units is None:
            return 1.0
        return min(1.0, _fill(product.m, product.n, units) / _fill(_USUAL, _USUAL, units))

    def cost(self, operator: Operator) -> Cost:
        """The cost of one call.

        Raises:
            DeviceError: the profile lacks the peak or the bandwidth the operator needs.
        """
        if composed := parts_of(operator):
            parts = [self.cost(part) for part in composed]
            return Cost(
                sum(p.seconds for p in parts), sum(p.compute_seconds for p in parts),
                sum(p.memory_seconds for p in parts), operator.operations,
            )  # fmt: skip
        if isinstance(operator, Peak):
            seconds = self._peak_seconds(operator)
            return Cost(self.launch_seconds + seconds, seconds, 0.0, operator.operations)
        memory = self._memory_seconds(operator)
        compute = self._compute_seconds(operator)
        return Cost(self.launch_seconds + max(compute, memory), compute, memory, operator.operations)

    def _memory_seconds(self, operator: Operator) -> float:
        if not isinstance(operator, Sweep):
            return operator.bytes / (self.bandwidth_gb_s(operator.name.removeprefix("memory.")) * 1e9)
        held = self.cached_share(operator.resident_bytes)
        from_memory = operator.bytes / (self.bandwidth_gb_s("read") * 1e9)
        return from_memory * (1 - held + held / _CACHE_SPEED)

    def cached_share(self, working_set_bytes: float) -> float:
        """The share of a set, read again and again, that the last-level cache still holds from before.

        All of a set up to the cache's size, none from twice that on, a straight line between: with
        the oldest line always evicted it would be a step, and real caches choose less strictly. No
        level where the profile gives no `l2_mib`.
        """
        hardware = self._profile.hardware
        if hardware is None or not hardware.l2_mib:
            return 0.0
        return min(1.0, max(0.0, 2 - working_set_bytes / (hardware.l2_mib * 2**20)))

    def _compute_seconds(self, operator: Operator) -> float:
        # streams, norms and sums run on vector units that keep up with the memory
        if operator.name not in ("matmul", "grouped_matmul", "attention") or operator.format is None:
            return 0.0
        peak = self._known_peak(operator.format)
        fill = self.fill(operator) if isinstance(operator, Matmul) else 1.0
        return operator.operations / (peak * 1e12 * self.efficiency(operator.format) * fill)

    def _peak_seconds(self, operator: Peak) -> float:
        """Every unit at work but in the last wave of programs, and no memory in the way."""
        hardware = self._profile.hardware
        units = (hardware.units if hardware else None) or 1
        fill = operator.programs / (units * math.ceil(operator.programs / units))
        efficiency = max(_PEAK_EFFICIENCY, self.efficiency(operator.format))
        return operator.operations / (self._known_peak(operator.format) * 1e12 * efficiency * fill)

    def _known_peak(self, format: str) -> float:
        if (peak := self.peak_tops(format)) is None:
            raise DeviceError(f"profile {self._profile.id} gives no peak for {format}")
        return peak

    def limiter(self, format: str | None) -> Limiter | None:
        """The cap that acts on a format after a burst, if the part has one."""
        emulation = self._profile.emulation
        limiters = emulation.limiter if emulation else ()
        return next((limiter for limiter in limiters if limiter.format == format), None)

    def power_w(self, cost: Cost, seconds: float, format: str | None) -> float | None:
        """Board power while a kernel runs: by energy an operation where stated, else by utilisation."""
        hardware, emulation = self._profile.hardware, self._profile.emulation
        limit = hardware.power_w if hardware else None
        if limit is None:
            return None
        idle = self.idle_w(limit)
        energy = emulation.energy_pj_per_op.get(format or "") if emulation else None
        if energy is not None:
            return min(limit, idle + cost.operations * energy * 1e-12 / seconds)
        busy = min(1.0, max(cost.compute_seconds, cost.memory_seconds) / seconds)
        return idle + busy * (limit - idle)

    def idle_w(self, limit: float) -> float:
        """Board power with nothing to do."""
        emulation = self._profile.emulation
        stated = emulation.idle_w if emulation else None
        return _IDLE_SHARE * limit if stated is None else stated


def _fill(m: int, n: int, units: int) -> float:
    """The share of the units' time that an m x n result uses, with the best tile for its shape."""
    return max(_tile_fill(m, n, units, tile) for tile in _TILES)


def _tile_fill(m: int, n: int, units: int, tile: tuple[int, int, float]) -> float:
    height, width, traffic = tile
    waves = math.ceil(math.ceil(m / height) * math.ceil(n / width) / units)
    return traffic * m * n / (waves * units * height * width)


def _efficiency_class(profile: DeviceProfile) -> str:
    vendor, memory = (profile.vendor or "").upper(), profile.memory
    if vendor.startswith("AMD"):
        return "amd"
    if vendor.startswith("NVIDIA"):
        kind = memory.kind.upper() if memory else ""
        return "nvidia_gddr" if kind.startswith("GDDR") else "nvidia_hbm"
    return "unknown"
