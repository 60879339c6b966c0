"""A device that is not there: real arithmetic at a bearable size, time from a model of a profile.

Its clock is its own, so emulated time is not waited for. Everything it gives is labelled `emulated`
and is never evidence for or against a real part.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.formats import FORMATS
from greenzone.lab.devices.base import Kernel
from greenzone.lab.devices.emulated.links import EmulatedTransfer, emulated_transfer
from greenzone.lab.devices.emulated.model import Cost, TimeModel
from greenzone.lab.devices.kernels import build
from greenzone.lab.devices.numerics import simulated
from greenzone.lab.links import AllReduce, Transfer
from greenzone.lab.operators import DecoderLayer, Matmul, ModelShape, Operator
from greenzone.lab.peak import Peak
from greenzone.lab.results import Check
from greenzone.lab.streams import Stream, Sweep
from greenzone.parts.profile import DeviceProfile

# Calls of one kernel on an otherwise idle accelerator scatter by about half a per cent, and
# neighbours resemble each other: clocks and temperature move slowly.
_NOISE = 0.005
_NOISE_MEMORY = 0.6  # lag-1 autocorrelation; 0.4 to 0.9 was seen on real machines
_PRODUCT_SIDE = 256
_PEAK_SIDE, _PEAK_REPEATS = 64, 32
_ARRAY_BYTES = 2**20
_PASSES = 4
_CACHE_MIB = 64.0  # of a part whose cache is not known
_AMBIENT_C, _FULL_LOAD_C = 35.0, 75.0


class EmulatedKernel:
    """An operator with its modelled cost; its arithmetic runs small when it is checked."""

    def __init__(self, device: "EmulatedDevice", operator: Operator, cost: Cost, seed: int) -> None:
        self.operator = operator
        self.cost = cost
        self._device, self._seed, self._open = device, seed, True
        self._small = bearable(operator)
        self.variant = _variant(operator)

    @property
    def note(self) -> str:
        pattern = "; the energy of its data is an estimate" if _low_toggle(self.operator) else ""
        return f"emulated; arithmetic checked at {_sizes(self._small)}{pattern}"

    def launch(self) -> None:
        self._device.time(self, 1)

    def check(self) -> Check:
        kernel = build(self._small, simulated, torch.device("cpu"), self._seed, cache_bytes=0)
        try:
            return kernel.check()
        finally:
            kernel.close()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._device.release(self.operator)


class EmulatedDevice:
    """The part of a profile, with its capacity, its clock, its limiter and its seeded noise."""

    emulated = True
    chosen_because: str | None = None

    def __init__(self, profile: DeviceProfile, seed: int = 0) -> None:
        self.profile = profile
        self._model = TimeModel(profile)
        self._seed = seed
        self._noise = _noise(seed)
        self._now = 0.0
        self._busy_seconds = 0.0  # of load since it was last idle: what a limiter counts
        self._allocated = 0.0
        self._last: tuple[Cost, float, str | None] | None = None

    @property
    def id(self) -> str:
        return f"emulated:{self.profile.id}"

    @property
    def name(self) -> str:
        return self.profile.name

    @property
    def last_level_cache_bytes(self) -> int:
        hardware = self.profile.hardware
        stated = hardware.l2_mib if hardware else None
        return int((_CACHE_MIB if stated is None else stated) * 2**20)

    @property
    def memory_bytes(self) -> int:
        memory = self.profile.memory
        return int(memory.capacity_gb * 1e9) if memory and memory.capacity_gb else 0

    @property
    def free_bytes(self) -> int:
        return max(0, self.memory_bytes - math.ceil(self._allocated))

    def formats(self) -> tuple[str, ...]:
        return tuple(name for name in FORMATS if self._model.peak_tops(name) is not None)

    def variants(self, format: str) -> tuple[str | None, ...]:
        return (simulated(format).variant,)

    def prepare(self, operator: Operator, seed: int) -> Kernel:
        if isinstance(operator, Transfer | AllReduce):
            return emulated_transfer(self.profile, operator, seed)
        cost = self._model.cost(operator)
        if self.memory_bytes and operator.resident_bytes > self.free_bytes:
            raise OutOfMemory(
                f"{self.id}: {operator.name} needs {operator.resident_bytes / 1e9:.3g} GB and "
                f"{self.free_bytes / 1e9:.3g} of {self.memory_bytes / 1e9:.3g} GB are left"
            )
        kernel = EmulatedKernel(self, operator, cost, seed)
        self._allocated += operator.resident_bytes
        return kernel

    def release(self, operator: Operator) -> None:
        """Give back what the operator held."""
        self._allocated = max(0.0, self._allocated - operator.resident_bytes)

    def time(self, kernel: Kernel, count: int) -> list[float]:
        if not isinstance(kernel, EmulatedKernel | EmulatedTransfer):
            raise DeviceError(f"{self.id} times kernels that it prepared itself")
        if isinstance(kernel, EmulatedTransfer):
            kernel.launch()
        return [self._call(kernel) for _ in range(count)]

    def _call(self, kernel: EmulatedKernel | EmulatedTransfer) -> float:
        seconds = self._limited(kernel) * next(self._noise)
        self._now += seconds
        self._busy_seconds += seconds
        self._last = (kernel.cost, seconds, kernel.operator.format)
        return seconds

    def _limited(self, kernel: EmulatedKernel | EmulatedTransfer) -> float:
        limiter = self._model.limiter(kernel.operator.format)
        if limiter is None or self._busy_seconds * 1e3 < limiter.burst_ms:
            return kernel.cost.seconds
        return max(kernel.cost.seconds, kernel.operator.operations / (limiter.rate_tops * 1e12))

    def now(self) -> float:
        return self._now

    def idle(self, seconds: float) -> None:
        self._now += seconds
        self._busy_seconds = 0.0
        self._last = None

    def synchronise(self) -> None:
        """Nothing is ever under way."""

    def ceiling_tops(self, format: str) -> float | None:
        hardware = self.profile.hardware
        operations = hardware.ops_per_clock.get(format) if hardware else None
        if not hardware or not operations or not hardware.max_mhz:
            return None
        return hardware.rate_tops(operations, hardware.max_mhz)

    def ceiling_bandwidth_gb_s(self) -> float | None:
        return None  # a profile has no memory clock to multiply its bus with

    def describe(self) -> dict[str, Any]:
        hardware = self.profile.hardware
        return {
            "id": self.id,
            "name": self.name,
            "kind": "emulated",
            "emulated": True,
            "chosen_because": self.chosen_because,
            "profile": self.profile.id,
            "uuid": None,
            "driver": None,
            "seed": self._seed,
            "memory_bytes": self.memory_bytes or None,
            "last_level_cache_bytes": self.last_level_cache_bytes,
            "units": hardware.units if hardware else None,
            "clock_boost_mhz": hardware.boost_mhz if hardware else None,
            "clock_max_mhz": hardware.max_mhz if hardware else None,
            "power_limit_w": hardware.power_w if hardware else None,
            "noise": _NOISE,
            "torch": torch.__version__,
            "numpy": np.__version__,
        }

    def telemetry(self) -> dict[str, Any] | None:
        hardware = self.profile.hardware
        power, busy = self._power()
        limit = hardware.power_w if hardware else None
        share = power / limit if power is not None and limit else busy
        return {
            "clock_sm_mhz": hardware.boost_mhz if hardware else None,
            "clock_default_sm_mhz": hardware.boost_mhz if hardware else None,
            "clock_memory_mhz": None,
            "power_w": power,
            "temperature_c": _AMBIENT_C + (_FULL_LOAD_C - _AMBIENT_C) * share,
            "utilization": busy,
            "throttle_reasons": ["sw_power_cap"] if limit and power is not None and power >= limit else [],
        }

    def _power(self) -> tuple[float | None, float]:
        hardware = self.profile.hardware
        limit = hardware.power_w if hardware else None
        if self._last is None:
            return (self._model.idle_w(limit) if limit else None), 0.0
        cost, seconds, form = self._last
        return self._model.power_w(cost, seconds, form), 1.0

    def states(self) -> list[tuple[float, dict[str, Any]]]:
        state = self.telemetry()
        return [(self._now, state)] if state is not None else []

    def remarks(self) -> tuple[str, ...]:
        return ()

    def conditions(self) -> tuple[tuple[str, str], ...]:
        return ()


def _noise(seed: int) -> Iterator[float]:
    """Factors around 1 that wander: a first-order autoregression of normal steps."""
    generator = np.random.default_rng(seed)
    state = float(generator.normal())
    step = math.sqrt(1 - _NOISE_MEMORY**2)
    while True:
        for shock in generator.normal(size=512):
            state = _NOISE_MEMORY * state + step * float(shock)
            yield math.exp(_NOISE * state)


def bearable(operator: Operator) -> Operator:
    """The same operator at a size that any processor computes at once."""
    if isinstance(operator, Matmul):
        sides = {side: min(getattr(operator, side), _PRODUCT_SIDE) for side in ("m", "n", "k")}
        return replace(operator, **sides)
    if isinstance(operator, Peak):
        tile = {side: min(getattr(operator, side), _PEAK_SIDE) for side in ("m", "n", "k", "programs")}
        return replace(operator, **tile, repeats=min(operator.repeats, _PEAK_REPEATS))
    if isinstance(operator, Stream):
        passes = {"passes": min(operator.passes, _PASSES)} if isinstance(operator, Sweep) else {}
        return replace(operator, array_bytes=min(operator.array_bytes, _ARRAY_BYTES), format="fp32", **passes)
    if isinstance(operator, DecoderLayer):
        tokens = min(operator.tokens, 16)
        context = tokens if operator.phase == "prefill" else min(operator.context, 128)
        small = _small_model(operator.model)
        return replace(operator, model=small, batch=min(operator.batch, 4), tokens=tokens, context=context)
    raise DeviceError(f"there is no kernel for the operator {operator.name!r} by itself")


def _small_model(model: ModelShape) -> ModelShape:
    group = model.heads // model.kv_heads
    kv_heads = max(1, min(model.kv_heads, 8 // group))
    hidden, inner = min(model.hidden, 256), min(model.intermediate, 512)
    heads, head_dim = kv_heads * group, min(model.head_dim, 32)
    return replace(
        model, hidden=hidden, intermediate=inner, heads=heads, kv_heads=kv_heads, head_dim=head_dim
    )


def _sizes(operator: Operator) -> str:
    if isinstance(operator, Matmul):
        return f"{operator.m}x{operator.n}x{operator.k}"
    if isinstance(operator, Peak):
        return f"{operator.tile}, {operator.repeats} times"
    if isinstance(operator, DecoderLayer):
        return f"hidden {operator.model.hidden}, {operator.tokens} tokens, context {operator.context}"
    return f"{operator.shape['elements']} elements"


def _low_toggle(operator: Operator) -> bool:
    return isinstance(operator, Matmul) and operator.data == "low_toggle"


def _variant(operator: Operator) -> str | None:
    if isinstance(operator, Peak):
        return operator.variant
    return simulated(operator.format).variant if isinstance(operator, Matmul) else None
