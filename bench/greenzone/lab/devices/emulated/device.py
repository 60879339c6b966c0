"""A device that is not there: real arithmetic at a bearable size, time from a model of a profile.

Its clock is its own, so emulated time is not waited for. Everything it gives is labelled `emulated`
and is never evidence for or against a real part.
"""

import math
import time as host_time
import zlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from greenzone.errors import DeviceError, DeviceLost
from greenzone.formats import FORMATS
from greenzone.lab import ceilings
from greenzone.lab.devices.base import Kernel
from greenzone.lab.devices.emulated import arithmetic
from greenzone.lab.devices.emulated.arithmetic import Small
from greenzone.lab.devices.emulated.faults import (
    CONTENDED_SHARE,
    CONTENTION,
    LEFT_BYTES,
    Fault,
    end_process,
)
from greenzone.lab.devices.emulated.kernels import EmulatedKernel, EmulatedLinkKernel
from greenzone.lab.devices.emulated.links import emulated_link
from greenzone.lab.devices.emulated.memory import Memory
from greenzone.lab.devices.emulated.model import Cost, TimeModel
from greenzone.lab.devices.emulated.node import Place
from greenzone.lab.devices.emulated.noise import NOISE, Noise
from greenzone.lab.devices.emulated.state import AMBIENT_C, SLOWDOWN_C, Allowance, Doing, State
from greenzone.lab.devices.numerics import simulated
from greenzone.lab.devices.sampler import Reading
from greenzone.lab.links import LinkOperator
from greenzone.lab.operators import Operator
from greenzone.lab.results import LOST, Check
from greenzone.parts.profile import DeviceProfile

_CACHE_MIB = 64.0  # of a part whose cache is not known
_IDLE_CLOCK_MHZ = 345.0  # of an idle H100; an estimate for all


class EmulatedDevice:
    """The part of a profile, with its capacity, its clock, its limiters, its heat and its seeded noise.

    Args:
        profile: what it is.
        seed: of its noise and of how its silicon differs from its siblings'.
        place: which device of which node it is; alone if none is given.
        fault: what is to go wrong.

    Raises:
        DeviceError: the profile gives neither a peak nor a bandwidth.
    """

    emulated = True
    chosen_because: str | None = None

    def __init__(
        self, profile: DeviceProfile, seed: int = 0, place: Place | None = None, fault: Fault | None = None
    ) -> None:
        self.profile, self.fault = profile, fault
        self.place = place or Place(profile.id)
        self._model = TimeModel(profile)
        self._require_figures()
        self._seed = seed
        self._before_s = 0.0
        self._checks: dict[tuple[Small, int, str | None], Check] = {}
        self._speed = self.place.speed(seed)
        self.memory = Memory(profile, self.id)
        self._state = self._cold()
        self.restart("")

    def restart(self, name: str) -> None:
        """Begin anew, cold and with noise of its own, so that nothing hangs on what was measured before."""
        own = zlib.crc32(name.encode())
        self._noise = Noise([self._seed, self.place.index, own])
        self._chance = np.random.default_rng([self._seed, self.place.index, 1, own])
        self._before_s += self._state.now
        self._state = self._cold()

    def resumed(self) -> None:
        """A run goes on that ended with its process: what ended it is one event, and does not come again."""
        if self.fault and self.fault.name == "killed":
            self.fault = None

    def _cold(self) -> State:
        limiters = self.profile.emulation.limiter if self.profile.emulation else ()
        allowances = {limiter.format: Allowance(limiter) for limiter in limiters}
        return State(self.telemetry, allowances, doing=self._idle())

    @property
    def _age_s(self) -> float:
        """The device's own time since it was opened."""
        return self._before_s + self._state.now

    @property
    def id(self) -> str:
        return self.place.id(self.profile.id)

    @property
    def name(self) -> str:
        return self.profile.name

    def _require_figures(self) -> None:
        memory = self.profile.memory
        if not self.formats() and not (memory and memory.bandwidth_gb_s):
            raise DeviceError(
                f"{self.id}: too thin to emulate: profile {self.profile.id} gives no peak_tops and no "
                "memory.bandwidth_gb_s; state one of them, with its source"
            )

    @property
    def last_level_cache_bytes(self) -> int:
        hardware = self.profile.hardware
        stated = hardware.l2_mib if hardware else None
        return int((_CACHE_MIB if stated is None else stated) * 2**20)

    @property
    def memory_bytes(self) -> int:
        return self.memory.total_bytes

    @property
    def free_bytes(self) -> int:
        self._others_take_memory()
        return self.memory.free_bytes

    def formats(self) -> tuple[str, ...]:
        return tuple(name for name in FORMATS if self._model.peak_tops(name) is not None)

    def variants(self, format: str) -> tuple[str | None, ...]:
        return (simulated(format).variant,)

    def acting(self, *names: str) -> str | None:
        """The one of these faults that is switched on and acts now."""
        fault = self.fault
        if fault is None or fault.name not in names or self._age_s < fault.after_s:
            return None
        return fault.name

    def require_there(self) -> None:
        """Raise what a device that is gone raises."""
        if self.acting("lost-device"):
            raise DeviceLost(f"{self.id}: {LOST}: it fell off the bus; restart the machine, and look at its log")

    def prepare(self, operator: Operator, seed: int) -> Kernel:
        self.require_there()
        self._others_take_memory()
        if isinstance(operator, LinkOperator):
            inner = emulated_link(self.profile, operator, self.place.count, seed)
            return EmulatedLinkKernel(self, inner, self.memory.take(inner.operator.resident_bytes, operator.name))
        cost = self._model.cost(operator)
        return EmulatedKernel(self, operator, cost, seed, self.memory.take(operator.resident_bytes, operator.name))

    def checked(self, small: Small, seed: int) -> Check:
        """The check of an operator as the device is now; the same one again is not worked out twice."""
        self.require_there()
        asked = small, seed, self.acting("wrong-result", "dropped-launch")
        if asked not in self._checks:
            self._checks[asked] = arithmetic.checked(*asked)
        return self._checks[asked]

    def _others_take_memory(self) -> None:
        if self.acting("out-of-memory") and not self.memory.held_bytes:
            self.memory.leave(LEFT_BYTES)

    def time(self, kernel: Kernel, count: int) -> list[float]:
        if not isinstance(kernel, EmulatedKernel | EmulatedLinkKernel):
            raise DeviceError(f"{self.id} times kernels that it prepared itself")
        samples: list[float] = []
        while len(samples) < count:
            samples += self._some(kernel, count - len(samples))
        if isinstance(kernel, EmulatedLinkKernel):
            kernel.move()
        return samples

    def _some(self, kernel: EmulatedKernel | EmulatedLinkKernel, most: int) -> list[float]:
        """As many calls as begin before anything changes: a reading, the clock, a limiter, a fault."""
        self._strike()
        seconds, doing = self._pace(kernel)
        settling_s = self._model.settling_s(kernel.cost, self._state.load_s)
        steady_s = min(self._state.steady_s(doing.format), self._until_fault(), settling_s)
        count = min(most, int(steady_s / seconds * (1 + 10 * NOISE)) + 1)
        taken = self._scattered(seconds, count)
        ends = np.cumsum(taken)
        begun = min(count, 1 + int(np.searchsorted(ends, steady_s)))
        self._noise.use(begun)
        self._state.advance(float(ends[begun - 1]), doing)
        return [float(second) for second in taken[:begun]]

    def _scattered(self, seconds: float, count: int) -> NDArray[np.float64]:
        taken = seconds * self._noise.ahead(count)
        if self.acting("contention"):
            taken = np.where(self._chance.random(count) < CONTENDED_SHARE, CONTENTION * taken, taken)
        return taken

    def _strike(self) -> None:
        """What a fault does to a device under load."""
        self.require_there()
        if self.acting("throttle"):
            self._state.thermals.lose_cooling()
        if self.acting("killed"):
            end_process()
        while self.acting("hang"):
            host_time.sleep(1.0)

    def _until_fault(self) -> float:
        left = self.fault.after_s - self._age_s if self.fault else 0.0
        return left if left > 0 else math.inf

    def _pace(self, kernel: EmulatedKernel | EmulatedLinkKernel) -> tuple[float, Doing]:
        """Seconds of a call as things are, and what the device does meanwhile."""
        cost, form = kernel.cost, kernel.operator.format
        if self.acting("dropped-launch"):
            return self._model.launch_seconds, Doing(1.0, self._idle_w(), 0.0, form, busy=True)
        share, seconds = self._capped(kernel.operator, cost)
        seconds *= self.fault.slower if self.fault and self.acting("slow-sibling") else 1.0
        limit, power = self._power_limit_w, self._model.power_w(cost, seconds, form)
        load = power / limit if limit and power is not None else 1.0
        return seconds, Doing(share, power, load, form, busy=True)

    def _capped(self, operator: Operator, cost: Cost) -> tuple[float, float]:
        """The share of the boost clock and the seconds of a call: power, heat, then the limiter of the format."""
        share = min(self._state.thermal_share, self._model.clock_share(cost, self._state.load_s))
        free = self._at_clock(cost, share)
        allowance = self._state.allowances.get(operator.format or "")
        if allowance is None or not (grip := allowance.grip):
            return share, free
        limiter, hardware = allowance.limiter, self.profile.hardware
        if limiter.rate_tops:
            return share, free + grip * max(0.0, operator.operations / (limiter.rate_tops * 1e12) - free)
        boost = hardware.boost_mhz if hardware else None
        capped = min(share, limiter.clock_mhz / boost) if limiter.clock_mhz and boost else share
        share += grip * (capped - share)
        return share, self._at_clock(cost, share)

    def _at_clock(self, cost: Cost, share: float) -> float:
        """Seconds of a call at a share of the boost clock, on this device's own silicon."""
        compute = cost.compute_seconds * cost.clock / (share * self._speed)
        fixed = cost.seconds - max(cost.compute_seconds, cost.memory_seconds)
        return fixed + max(compute, cost.memory_seconds)

    @property
    def _power_limit_w(self) -> float | None:
        return self.profile.hardware.power_w if self.profile.hardware else None

    def _idle_w(self) -> float | None:
        limit = self._power_limit_w
        return self._model.idle_w(limit) if limit else None

    def _idle(self) -> Doing:
        power, limit = self._idle_w(), self._power_limit_w
        return Doing(1.0, power, power / limit if power and limit else 0.0)

    def now(self) -> float:
        return self._state.now

    def idle(self, seconds: float) -> None:
        self.require_there()
        self._state.rest(seconds, self._idle())

    def synchronise(self) -> None:
        """Nothing is ever under way."""
        self.require_there()

    def ceiling_tops(self, format: str) -> float | None:
        return ceilings.rate_tops(self.profile, {}, format)

    def ceiling_bandwidth_gb_s(self) -> float | None:
        return ceilings.bandwidth_gb_s(self.profile, {"emulated": True})

    def describe(self) -> dict[str, Any]:
        hardware = self.profile.hardware
        return {
            "id": self.id,
            "name": self.name,
            "kind": "emulated",
            "emulated": True,
            "chosen_because": self.chosen_because,
            "profile": self.profile.id,
            "node": {"devices": self.place.count, "index": self.place.index},
            "fault": str(self.fault) if self.fault else None,
            "uuid": self.place.uuid(self.profile.id, self._seed),
            "driver": None,
            "seed": self._seed,
            "silicon": self._speed,
            "memory_bytes": self.memory_bytes or None,
            "memory_context_bytes": self.memory.context_bytes or None,
            "memory_ecc_bytes": self.memory.ecc_bytes,
            "ecc": self.memory.ecc_bytes > 0 or None,
            "mig": False,
            "memory_bandwidth_ceiling_gb_s": self.ceiling_bandwidth_gb_s(),
            "last_level_cache_bytes": self.last_level_cache_bytes,
            "units": hardware.units if hardware else None,
            "clock_boost_mhz": hardware.boost_mhz if hardware else None,
            "clock_max_mhz": hardware.max_mhz if hardware else None,
            "power_limit_w": self._power_limit_w,
            "slowdown_c": SLOWDOWN_C,
            "noise": NOISE,
            "torch": torch.__version__,
            "numpy": np.__version__,
        }

    def telemetry(self) -> dict[str, Any]:
        doing, state = self._state.doing, self._state
        boost = self.profile.hardware.boost_mhz if self.profile.hardware else None
        idle_clock = min(_IDLE_CLOCK_MHZ, boost) if boost else None
        return {
            "clock_sm_mhz": boost * doing.clock_share if boost and doing.busy else idle_clock,
            "clock_default_sm_mhz": boost,
            "clock_memory_mhz": None,
            "power_w": doing.power_w,
            "temperature_c": state.thermals.temperature_c,
            "utilization": 1.0 if doing.busy else 0.0,
            "throttle_reasons": state.reasons(self._power_limit_w),
            "memory_used_bytes": self.memory.used_bytes if self.memory_bytes else None,
            "pstate": 0 if doing.busy or self.profile.datacenter else 8,
            "fan_percent": self._fan_percent(),
        }

    def _fan_percent(self) -> float | None:
        """A fan that turns faster with the heat, 30 % at least; none in a data centre's board. An estimate."""
        if self.profile.datacenter is not False:
            return None
        warm = (self._state.thermals.temperature_c - AMBIENT_C) / (SLOWDOWN_C - AMBIENT_C)
        return 30 + 70 * min(1.0, max(0.0, warm))

    def states(self) -> list[Reading]:
        return self._state.drain()

    def remarks(self) -> tuple[str, ...]:
        return ()

    def conditions(self) -> tuple[tuple[str, str], ...]:
        return ()
