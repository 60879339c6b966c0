"""What an emulated device is at an instant: its time, its heat, the clock heat leaves it, what caps have let pass.

Whatever it does is told to `State.advance`, with how long it took and what it drew; out of that come the
telemetry at 25 readings a second of emulated time, the thermal slowdown and the burst of a limiter. How
long a call takes is not decided here (`model`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenzone.lab.devices.sampler import PERIOD_S, Reading
from greenzone.parts.profile import Limiter

# Estimates, all of this block: a room's air and a board designed to stay at 75 C under its rated power; the
# time constant of a heat sink of a few hundred grams; NVIDIA's data-centre boards slow down at 87 to 92 C.
AMBIENT_C, FULL_LOAD_C = 35.0, 75.0
TIME_CONSTANT_S = 20.0
SLOWDOWN_C, HARDWARE_SLOWDOWN_C = 87.0, 97.0
_HYSTERESIS_C = 2.0
# Software takes the clock down in small steps; the hardware at least halves it (nvml.h, HW Thermal Slowdown:
# "reducing the core clocks by a factor of 2 or more").
_STEP_DOWN, _STEP_UP, _LEAST_SHARE, _HARDWARE_SHARE = 0.96, 1.02, 0.3, 0.5
_RAMP_STEPS = 8
_NO_COOLING = 2.0  # degrees of a board whose fan has stopped, over those of one that is cooled
_DIE_TIME_CONSTANT_S = 0.5  # of the die with what little sticks to it


@dataclass(slots=True)
class Thermals:
    """A first-order model: the temperature goes to ambient + load x rise with one time constant.

    `rise_c` is that of full load; a load is the power over the rated one, or the utilization where no
    power is known.
    """

    temperature_c: float = AMBIENT_C
    rise_c: float = FULL_LOAD_C - AMBIENT_C
    time_constant_s: float = TIME_CONSTANT_S

    def advance(self, seconds: float, load: float) -> None:
        """Let so much time pass under a load."""
        steady = AMBIENT_C + self.rise_c * load
        self.temperature_c = steady + (self.temperature_c - steady) * math.exp(-seconds / self.time_constant_s)

    def lose_cooling(self) -> None:
        """From now on the heat hardly leaves the die."""
        self.rise_c = (FULL_LOAD_C - AMBIENT_C) * _NO_COOLING
        self.time_constant_s = _DIE_TIME_CONSTANT_S


@dataclass(frozen=True, slots=True)
class Doing:
    """What a device does for a while: the share of its boost clock, its power, its load of 0 to 1, its format."""

    clock_share: float = 1.0
    power_w: float | None = None
    load: float = 0.0
    format: str | None = None
    busy: bool = False


@dataclass(slots=True)
class Allowance:
    """The burst of one limiter: used up under load in its format, and given back in all other time."""

    limiter: Limiter
    used_s: float = 0.0

    @property
    def _burst_s(self) -> float:
        return (self.limiter.burst_ms or 0.0) / 1e3

    @property
    def _onset_s(self) -> float:
        return (self.limiter.onset_ms or 0.0) / 1e3

    @property
    def grip(self) -> float:
        """How much of the cap acts: 0 in the burst, 1 after the onset, a straight line between."""
        over = self.used_s - self._burst_s
        if over < 0:
            return 0.0
        return min(1.0, over / self._onset_s) if self._onset_s else 1.0

    @property
    def unchanged_s(self) -> float:
        """How long a load may go on before the grip changes."""
        if (left := self._burst_s - self.used_s) > 0:
            return left
        return self._onset_s / _RAMP_STEPS if self.grip < 1 else math.inf

    def advance(self, seconds: float, under_load: bool) -> None:
        """Let so much time pass."""
        changed = self.used_s + (seconds if under_load else -seconds)
        self.used_s = min(self._burst_s + self._onset_s, max(0.0, changed))


@dataclass(slots=True)
class State:
    """A device from its start on.

    `thermal_share` is the share of the clock that heat leaves; `load_s` the time under load since it was
    last idle.
    """

    read: Callable[[], dict[str, Any]]
    allowances: dict[str, Allowance]
    now: float = 0.0
    load_s: float = 0.0
    thermal_share: float = 1.0
    thermals: Thermals = field(default_factory=Thermals)
    doing: Doing = field(default_factory=Doing)
    readings: list[Reading] = field(default_factory=list)
    _due: float = PERIOD_S

    def steady_s(self, format: str | None) -> float:
        """How long calls in a format go on as they are now: until the next reading, or a limiter's next step."""
        own = self.allowances.get(format or "")
        return max(0.0, min(self._due - self.now, own.unchanged_s if own else math.inf))

    def advance(self, seconds: float, doing: Doing) -> None:
        """Do something for so long; readings are taken as they fall due."""
        self.doing, left = doing, seconds
        self.load_s += seconds
        for form, allowance in self.allowances.items():
            allowance.advance(seconds, form == doing.format)
        while left >= (step := max(0.0, self._due - self.now)):
            self._pass(step, doing)
            self.now, left = self._due, left - step
            self._govern()
            self.readings.append((self.now, self.read()))
            self._due = self.now + PERIOD_S
        self._pass(left, doing)
        self.now += left

    def rest(self, seconds: float, doing: Doing) -> None:
        """Do nothing for so long; nobody reads."""
        self.doing, self.load_s = doing, 0.0
        self._pass(seconds, doing)
        for allowance in self.allowances.values():
            allowance.advance(seconds, under_load=False)
        self.now += seconds
        self._due = self.now + PERIOD_S
        if self.thermals.temperature_c < SLOWDOWN_C - _HYSTERESIS_C:
            self.thermal_share = 1.0

    def _pass(self, seconds: float, doing: Doing) -> None:
        self.thermals.advance(seconds, doing.load)

    def _govern(self) -> None:
        """What the board does about its heat, once a reading."""
        temperature, share = self.thermals.temperature_c, self.thermal_share
        if temperature >= HARDWARE_SLOWDOWN_C:
            self.thermal_share = min(share, _HARDWARE_SHARE)
        elif temperature >= SLOWDOWN_C:
            self.thermal_share = max(_LEAST_SHARE, share * _STEP_DOWN)
        elif temperature < SLOWDOWN_C - _HYSTERESIS_C:
            self.thermal_share = min(1.0, share * _STEP_UP)

    def reasons(self, power_limit_w: float | None) -> list[str]:
        """Why the clock is below what it could be, in NVML's names."""
        if not self.doing.busy:
            return ["gpu_idle"]
        power, temperature = self.doing.power_w, self.thermals.temperature_c
        found = ["sw_power_cap"] if power_limit_w and power is not None and power >= power_limit_w else []
        found += ["sw_thermal_slowdown"] if self.thermal_share < 1 or temperature >= SLOWDOWN_C else []
        return found + (["hw_thermal_slowdown"] if temperature >= HARDWARE_SLOWDOWN_C else [])

    def drain(self) -> list[Reading]:
        """The readings since this was last asked."""
        taken, self.readings = self.readings, []
        return taken
