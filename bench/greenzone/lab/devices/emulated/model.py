"""How long an operator takes on the part of a profile, and at which clock.

    seconds = launch latency + overlap(compute / clock, traffic / bandwidth)

Products are cut into tiles (`products`), rows are read once or more (`rows`), and the clock is the highest
that the power limit allows (`clocks`). Where a share of the claimed peak was published for a part or its
class, large products reach that share, clock included; the fp32 rates of the generations in
`profiles/emulation/times.toml` come from the constants fitted there. A set that is read again and again
comes from the last-level cache as far as that holds it. A composite operator takes the sum of its parts. How
far off these times are was measured (`lab.emulation.validation.model_error`).
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from greenzone.errors import DeviceError
from greenzone.lab.devices.emulated.clocks import clock_after, clock_and_energy, steady_clock
from greenzone.lab.devices.emulated.constants import time_table
from greenzone.lab.devices.emulated.part import CACHE_SPEED, Part, part_of
from greenzone.lab.devices.emulated.products import Work, product_work, products
from greenzone.lab.devices.emulated.rows import norm_work, softmax_work
from greenzone.lab.layer_operators import BatchedMatmul, LayerNorm, Softmax
from greenzone.lab.operators import Matmul, Operator, element_bytes, parts_of, result_bytes
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
_LAUNCH_US = 2.0  # an empty kernel between two events takes 2 to 5 us on current parts; an estimate
_IDLE_SHARE = 0.17  # idle over rated power: 120 of 700 W, an estimate from idle H100 SXM boards
_SKINNY = 64  # a product narrower than this is split along its sum over all units, in blocks of 16 rows
_USUAL = 4096  # the side at which the published efficiencies were reached, or near it
# No kernel keeps its units busier than this at the clock of the moment (MI300X: "up to 94 %", AMD ROCm blog,
# part 2): a part that was seen to reach more of its peak ran at a higher clock.
_BUSIEST = 0.97
# Energy of an operation whose bits hardly change, beside normal data. On MI300X data alone moves clocks by over 50 %
# (AMD ROCm blog, part 1), on an A100 integers gained 12 % (CUTLASS's default data): an estimate between.
_LOW_TOGGLE_ENERGY = 0.6


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call takes when nothing limits it further, and what it does in that time.

    `clock` is the steady share of the rated clock, at which `seconds` and `compute_seconds` are.
    """

    seconds: float
    compute_seconds: float
    memory_seconds: float
    operations: float
    clock: float = 1.0


@dataclass(frozen=True, slots=True)
class _Units:
    """How the units do in one format.

    Factor on the time of a product's tiles, share of the peak at the clock of the moment, energy of an operation
    beside fp32, and the clock above which normal data were never seen.
    """

    factor: float
    kernel: float
    energy: float
    clock: float


class TimeModel:
    """The time model of one profile.

    Peaks that disagree take the highest claim; a peak with no upper end takes its lower one.
    """

    def __init__(self, profile: DeviceProfile) -> None:
        self._profile = profile
        self._class = _efficiency_class(profile)
        self._units_of: dict[str, _Units] = {}
        self._costs: dict[Operator, Cost] = {}

    @cached_property
    def part(self) -> Part:
        """The part as the formulas take it.

        Raises:
            DeviceError: the profile gives no bandwidth.
        """
        return part_of(self._profile, self._bandwidth_share("matmul"))

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
        if format == "fp32" and self._has_fitted_vectors:
            return self._reference_share
        defaults = _MATMUL_EFFICIENCY["capped" if self._is_capped(format) else self._class]
        return defaults.get(format, defaults["other"])

    @property
    def _has_fitted_vectors(self) -> bool:
        """Whether the fitted constants speak for the part's fp32: of the makers and generations they were fitted to."""
        known = self.part.architecture.source is not None
        return known and self._class.startswith("nvidia") and not self._is_capped("fp32")

    @cached_property
    def _reference_share(self) -> float:
        """Of the claimed fp32 rate, what the usual product reaches at its steady clock."""
        work = self._reference_work("fp32")
        seconds = float(work.seconds(steady_clock(self.part, work))[0])
        return float(work.operations[0]) / seconds / (self._known_peak("fp32") * 1e12)

    def _reference_work(self, format: str) -> Work:
        return self._tiled(Matmul(_USUAL, _USUAL, _USUAL, format, transposed=True))

    def _tiled(self, product: Matmul | BatchedMatmul) -> Work:
        """What a product demands as the fitted constants have it, at the rated clock."""
        batch = product.batch if isinstance(product, BatchedMatmul) else 1
        nt = isinstance(product, Matmul) and product.transposed
        sides = (element_bytes(product.format), result_bytes(product.format))
        asked = products(batch, product.m, product.n, product.k, nt, *sides)
        return product_work(self.part, asked, self._known_peak(product.format) * 1e12)

    def units(self, format: str) -> "_Units":
        """How the units do in a format: what was published of large products, and the clock that goes with it."""
        if format not in self._units_of:
            self._units_of[format] = self._make_units(format)
        return self._units_of[format]

    def _make_units(self, format: str) -> "_Units":
        scale = time_table().format_energy.get(format, 1.0)
        if format == "fp32" and self._has_fitted_vectors and not self._is_stated(format):
            return _Units(1.0, 1.0, scale, 1.0)
        reached, work = self.efficiency(format), self._reference_work(format)
        ideal = float(work.operations[0]) / (self._known_peak(format) * 1e12)
        clock, energy = clock_and_energy(
            self.part, ideal / reached, float(work.traffic_bytes[0]), float(work.operations[0]), scale,
            at_least=reached / _BUSIEST, seen=self._stated_clock(format),
        )  # fmt: skip
        kernel = reached / clock
        return _Units(ideal / kernel / float(work.compute_seconds[0]), kernel, energy, clock)

    def _stated_clock(self, format: str) -> float | None:
        """The share of the rated clock at which large products were seen to run."""
        emulation, hardware = self._profile.emulation, self._profile.hardware
        seen = emulation.clock_mhz.get(format) if emulation else None
        return seen / hardware.boost_mhz if seen and hardware and hardware.boost_mhz else None

    def _is_stated(self, format: str) -> bool:
        emulation = self._profile.emulation
        return bool(emulation and format in emulation.matmul_efficiency)

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
        share = self._bandwidth_share(kind)
        memory = self._profile.memory
        return share * (memory.bandwidth_gb_s or 0.0) if memory else 0.0

    def _bandwidth_share(self, kind: str) -> float:
        memory, emulation = self._profile.memory, self._profile.emulation
        if memory is None or memory.bandwidth_gb_s is None:
            raise DeviceError(f"profile {self._profile.id} gives no memory bandwidth; the emulated device needs it")
        defaults = _BANDWIDTH_EFFICIENCY["amd" if self._class == "amd" else "default"]
        stated = emulation.bandwidth_efficiency if emulation else {}
        return stated.get(kind, defaults.get(kind, defaults["other"]))

    @property
    def launch_seconds(self) -> float:
        emulation = self._profile.emulation
        stated = emulation.launch_us if emulation else None
        return (_LAUNCH_US if stated is None else stated) * 1e-6

    def cost(self, operator: Operator) -> Cost:
        """The cost of one call.

        Raises:
            DeviceError: the profile lacks the peak or the bandwidth the operator needs.
        """
        if operator not in self._costs:
            self._costs[operator] = self._cost(operator)
        return self._costs[operator]

    def _cost(self, operator: Operator) -> Cost:
        if composed := parts_of(operator):
            parts = [self.cost(part) for part in composed]
            return Cost(
                sum(p.seconds for p in parts), sum(p.compute_seconds for p in parts),
                sum(p.memory_seconds for p in parts), operator.operations,
            )  # fmt: skip
        if isinstance(operator, Peak):
            seconds = self._peak_seconds(operator)
            return Cost(self.launch_seconds + seconds, seconds, 0.0, operator.operations)
        work = self._work(operator)
        clock = self._steady(operator, work)
        return Cost(
            self.launch_seconds + float(work.seconds(clock)[0]), float(work.compute_seconds[0]) / clock,
            float(work.memory_seconds[0]), operator.operations, clock,
        )  # fmt: skip

    def _work(self, operator: Operator) -> Work:
        """What an operator demands at the rated clock."""
        if isinstance(operator, Matmul | BatchedMatmul):
            return self._product_work(operator)
        if isinstance(operator, Softmax | LayerNorm):
            form = softmax_work if isinstance(operator, Softmax) else norm_work
            sizes = (np.array([float(operator.rows)]), np.array([float(operator.width)]))
            return form(self.part, *sizes, element_bytes(operator.format))
        memory = np.array([self._memory_seconds(operator)])
        compute = np.array([self._compute_seconds(operator)])
        return Work(compute, memory, np.array([float(operator.bytes)]), np.array([float(operator.operations)]))

    def _product_work(self, product: Matmul | BatchedMatmul) -> Work:
        """The tiles of a product at the rate of its format; no shape does better than the published ones."""
        units, work = self.units(product.format), self._tiled(product)
        least = product.operations / (self._known_peak(product.format) * 1e12 * units.kernel)
        compute = np.maximum(work.compute_seconds * units.factor, least)
        narrow = min(product.m, product.n)
        if isinstance(product, Matmul) and narrow <= _SKINNY:
            compute = np.array([least * 16 * math.ceil(narrow / 16) / narrow])
        return Work(compute, work.memory_seconds, work.traffic_bytes, work.operations)

    def _steady(self, operator: Operator, work: Work) -> float:
        """The steady share of the rated clock; 1 for what no unit works hard at."""
        if operator.format is None or not work.compute_seconds[0]:
            return 1.0
        units = self.units(operator.format)
        if isinstance(operator, Matmul) and operator.data == "low_toggle":
            return _clock_at(self.part, work, units.energy * _LOW_TOGGLE_ENERGY)
        return min(units.clock, _clock_at(self.part, work, units.energy))

    def clock_mhz(self, cost: Cost, load_seconds: float = math.inf) -> float | None:
        """The clock after so long under a load, from a cold start; the steady one where no time is given.

        None where the profile has no boost clock.
        """
        hardware = self._profile.hardware
        if hardware is None or hardware.boost_mhz is None:
            return None
        return hardware.boost_mhz * self.clock_share(cost, load_seconds)

    def seconds_after(self, cost: Cost, load_seconds: float) -> float:
        """Seconds of a call after so long under load: shorter at first, where the clock has not settled yet."""
        share = self.clock_share(cost, load_seconds)
        compute = np.array([cost.compute_seconds * cost.clock])
        nothing = np.zeros(1)
        work = Work(compute, np.array([cost.memory_seconds]), nothing, nothing)
        return self.launch_seconds + float(work.seconds(share)[0])

    def clock_share(self, cost: Cost, load_seconds: float) -> float:
        """The share of the rated clock after so long under a load, from a cold start."""
        if math.isinf(load_seconds):
            return cost.clock
        return float(clock_after(cost.clock, load_seconds, time_table().fitted.settle_ms * 1e-3))

    def settling_s(self, cost: Cost, load_seconds: float) -> float:
        """How long the clock may be taken as it is: a small part of the time it settles in, for ever once it has."""
        settle_s = time_table().fitted.settle_ms * 1e-3
        return math.inf if cost.clock >= 1.0 or load_seconds > 10 * settle_s else settle_s / 8

    def _memory_seconds(self, operator: Operator) -> float:
        if not isinstance(operator, Sweep):
            return operator.bytes / (self.bandwidth_gb_s(operator.name.removeprefix("memory.")) * 1e9)
        held = self.cached_share(operator.resident_bytes)
        from_memory = operator.bytes / (self.bandwidth_gb_s("read") * 1e9)
        return from_memory * (1 - held + held / CACHE_SPEED)

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
        if operator.name not in ("grouped_matmul", "attention") or operator.format is None:
            return 0.0
        return operator.operations / (self._known_peak(operator.format) * 1e12 * self.units(operator.format).kernel)

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
        if cost.clock < 1.0:
            return limit  # the limit is what holds the clock down
        busy = min(1.0, max(cost.compute_seconds, cost.memory_seconds) / seconds)
        return idle + busy * (limit - idle)

    def idle_w(self, limit: float) -> float:
        """Board power with nothing to do."""
        emulation = self._profile.emulation
        stated = emulation.idle_w if emulation else None
        return _IDLE_SHARE * limit if stated is None else stated


def _clock_at(part: Part, work: Work, energy: float) -> float:
    return float(steady_clock(part, work, energy)[0])


def _efficiency_class(profile: DeviceProfile) -> str:
    vendor, memory = (profile.vendor or "").upper(), profile.memory
    if vendor.startswith("AMD"):
        return "amd"
    if vendor.startswith("NVIDIA"):
        kind = memory.kind.upper() if memory else ""
        return "nvidia_gddr" if kind.startswith("GDDR") else "nvidia_hbm"
    return "unknown"
