"""From single calls to two figures: what a device does in a burst, and what it keeps up.

A run starts cold. Windows of 5 ms, 50 ms and 1 s from the start of the load give the burst: the one
with the best median, for a limiter may act after any of them. The load then goes on until the
medians of two blocks agree; what comes after that is sustained. Every sample stays in order.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from greenzone.lab.devices.base import Device, Kernel
from greenzone.lab.measure.clock import Stopwatch
from greenzone.lab.measure.series import Limiter, awake, find_limiter, spoilers, two_modes
from greenzone.lab.results import Disturbance, Result, Validity
from greenzone.statistics import median

WINDOWS_S = (0.005, 0.05, 1.0)
STEADY = 0.02  # medians of two blocks that differ by less have settled
UNSTABLE = 0.10  # and by more, at the end of the budget, are no figure to rely on
CEILING_MARGIN = 1.02  # timers and reported clocks are good to 2 per cent
_SLOW_CALL_S = 1.0
_BATCH_S = 0.25  # of load between two waits for the device, and between two looks at its telemetry
_SLOW_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Budget:
    """How much load one kernel gets, in seconds of the device's clock."""

    idle_s: float = 0.5
    min_load_s: float = 1.0
    max_load_s: float = 4.0
    block_s: float = 0.25
    sustained_s: float = 0.5
    warmups: int = 3
    least: int = 10
    kept: int = 2000
    batch: int = 1000
    retries: int = 1  # of a run that something else disturbed
    rounds: int = 1  # in which the sustained samples are taken, other kernels' in between
    resettle_s: float = 1.0  # of load before the samples of a further round


QUICK = Budget()
STANDARD = Budget(idle_s=5.0, min_load_s=10.0, max_load_s=60.0, block_s=2.0, sustained_s=2.0, kept=1000, rounds=3)
LAB = replace(STANDARD, sustained_s=5.0, retries=2)
BUDGETS = {"quick": QUICK, "standard": STANDARD, "lab": LAB}


@dataclass(frozen=True, slots=True)
class Windows:
    """The samples of one kernel, sorted into what they show."""

    warmups: tuple[float, ...]
    burst: tuple[float, ...]
    burst_window_s: float
    sustained: tuple[float, ...]
    validity: Validity
    notes: tuple[str, ...]
    telemetry: tuple[dict[str, Any], ...]
    set_aside: int = 0
    limiter: Limiter | None = None
    disturbed: bool = False


@dataclass
class _Load:
    """A kernel under load: every sample since the start, and when it ended."""

    device: Device
    kernel: Kernel
    budget: Budget
    per_call_s: float
    samples: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    telemetry: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._watch = Stopwatch(self.device)
        self._began = self.device.now()
        self.device.states()  # what was read before is not of this load

    @property
    def seconds(self) -> float:
        return self._watch.seconds

    def run(self, seconds: float, least: int) -> list[float]:
        """Go on for so long and for at least so many calls; the samples of that time."""
        until, first = self.seconds + seconds, len(self.samples)
        while (missing := self._missing(until, first + least)) > 0:
            # a limiter may slow calls a hundredfold: no batch is longer than it looks now
            bearable = math.ceil(_BATCH_S / self.per_call_s)
            self._batch(min(missing, bearable, self.budget.batch))
        return self.samples[first:]

    def _missing(self, until: float, least: int) -> int:
        by_time = int((until - self.seconds) / self.per_call_s)
        return max(by_time, least - len(self.samples))

    def _batch(self, count: int) -> None:
        start = self.seconds
        taken = self.device.time(self.kernel, count)
        # A sample may stand for several calls, and calls have gaps between them: the end of each is
        # its share of what the whole batch took.
        scale, passed = (self.seconds - start) / sum(taken), 0.0
        for sample in taken:
            passed += sample
            self.ends.append(start + passed * scale)
        self.samples += taken
        self.per_call_s = max((self.seconds - start) / count, 1e-9)
        self.telemetry += [{"load_s": at - self._began, **state} for at, state in self.device.states()]


def measure_windows(device: Device, kernel: Kernel, *, budget: Budget = QUICK) -> Windows:
    """Measure a kernel from a cold start to steady state; again if something else disturbed it.

    Args:
        device: prepared the kernel and times it.
        kernel: has passed its check.
        budget: how long to go on, and how often to try again.

    Raises:
        DeviceError, OutOfMemory: as the device raises them.
    """
    return _undisturbed(lambda: _measure_once(device, kernel, budget), budget)


def measure_again(device: Device, kernel: Kernel, *, budget: Budget = QUICK) -> Windows:
    """A further round of a kernel that was measured before: its sustained samples alone, once it has settled.

    Other kernels ran in between, so that what is slow for minutes on the machine falls on all of them.

    Raises:
        DeviceError, OutOfMemory: as the device raises them.
    """
    brief = replace(budget, min_load_s=budget.resettle_s, block_s=budget.resettle_s / 2)
    return _undisturbed(lambda: _resettled(device, kernel, brief), budget)


def _undisturbed(measured: Callable[[], Windows], budget: Budget) -> Windows:
    windows, times = measured(), 1
    while windows.disturbed and times <= budget.retries:
        windows, times = measured(), times + 1
    if times == 1:
        return windows
    end = "still disturbed" if windows.disturbed else "then undisturbed"
    return replace(windows, notes=(*windows.notes, f"measured {times} times, {end}: the last is kept"))


def _resettled(device: Device, kernel: Kernel, budget: Budget) -> Windows:
    warmups = device.time(kernel, 1)
    device.remarks()  # what was noticed before now is not about this load
    notes: list[str] = []
    least = _least(min(warmups), budget, notes)
    load = _Load(device, kernel, budget, max(min(warmups), 1e-9))
    start = load.run(budget.block_s if least == budget.least else 0.0, least)
    validity, sustained = _steady(load, start, least, notes)
    remarks = device.remarks()
    return Windows(
        tuple(warmups), (), 0.0, _thinned(sustained, "sustained", budget, notes), validity,
        (*notes, *remarks, *_odd(load, sustained, 0)), tuple(_ends(load.telemetry)),
        disturbed=any(isinstance(remark, Disturbance) for remark in remarks),
    )  # fmt: skip


def _measure_once(device: Device, kernel: Kernel, budget: Budget) -> Windows:
    warmups = device.time(kernel, 1)
    warmups += device.time(kernel, budget.warmups - 1 if warmups[0] < _SLOW_CALL_S else 1)
    device.remarks()  # what was noticed before now is not about this load
    notes: list[str] = []
    least = _least(min(warmups), budget, notes)
    device.idle(budget.idle_s)
    load = _Load(device, kernel, budget, max(min(warmups), 1e-9))
    start = load.run(WINDOWS_S[-1] if least == budget.least else 0.0, least)
    window, burst, set_aside = _best_window(start, load, least)
    validity, sustained = _steady(load, start, least, notes)
    remarks = device.remarks()
    notes += [*remarks, *_odd(load, sustained, set_aside)]
    return Windows(
        tuple(warmups), _thinned(burst, "burst", budget, notes), window,
        _thinned(sustained, "sustained", budget, notes), validity, tuple(notes),
        tuple(_ends(load.telemetry)), set_aside, find_limiter(load.samples, load.ends, load.telemetry),
        any(isinstance(remark, Disturbance) for remark in remarks),
    )  # fmt: skip


def _odd(load: _Load, sustained: list[float], set_aside: int) -> list[str]:
    """What a reader must know of the series besides its medians."""
    notes = [f"{set_aside} burst samples set aside: the clock was under 75% of its default"] if set_aside else []
    notes += [f"clocks were kept down by {word}" for word in spoilers(load.telemetry)]
    if (modes := two_modes(sustained)) is not None:
        fast, slow, share = modes
        notes.append(f"two speeds: {share:.0%} of the sustained calls take {slow / fast:.2f} times the others")
    return notes


def _least(per_call_s: float, budget: Budget, notes: list[str]) -> int:
    if per_call_s < _SLOW_CALL_S:
        return budget.least
    notes.append(f"a call takes {per_call_s:.2g} s: {_SLOW_SAMPLES} samples instead of {budget.least}")
    return _SLOW_SAMPLES


def _best_window(samples: list[float], load: _Load, least: int) -> tuple[float, list[float], int]:
    """The window from the start of the load with the lowest median, its samples, and how many were set aside."""
    windows = []
    for seconds in WINDOWS_S:
        inside = max(sum(end <= seconds for end in load.ends[: len(samples)]), least)
        windows.append((seconds, *awake(samples[:inside], load.ends[:inside], load.telemetry)))
    return min(windows, key=lambda found: median(found[1]))


def _steady(load: _Load, start: list[float], least: int, notes: list[str]) -> tuple[Validity, list[float]]:
    """Go on until two blocks agree or the budget is spent, then take the sustained samples."""
    budget, half = load.budget, len(start) // 2
    previous, current = start[:half], start[half:]
    while load.seconds < budget.max_load_s:
        if _change(previous, current) <= STEADY and load.seconds >= budget.min_load_s:
            break
        previous, current = current, load.run(budget.block_s, max(2, least // 2))
    change = _change(previous, current)
    sustained = load.run(budget.sustained_s if least == budget.least else 0.0, least)
    if change > STEADY:
        notes.append(
            f"not steady after {load.seconds:.2g} s of load: "
            f"the medians of the last two blocks differ by {change:.1%}"
        )
    return ("unstable" if change > UNSTABLE else "valid"), sustained


def _change(previous: Sequence[float], current: Sequence[float]) -> float:
    return abs(median(current) / median(previous) - 1)


def _thinned(samples: list[float], series: str, budget: Budget, notes: list[str]) -> tuple[float, ...]:
    """At most so many samples, evenly spread; which is said."""
    count = len(samples)
    if count <= budget.kept:
        return tuple(samples)
    notes.append(f"{budget.kept} of {count} {series} samples kept, evenly spread")
    return tuple(samples[place * count // budget.kept] for place in range(budget.kept))


def _ends(states: list[dict[str, Any]], kept: int = 20) -> list[dict[str, Any]]:
    count = len(states)
    return states if count <= kept else [states[place * (count - 1) // (kept - 1)] for place in range(kept)]


def judge(result: Result, ceiling: float | None) -> Result:
    """Refuse a figure that is above what is physically possible.

    Args:
        result: its rate or bandwidth is compared, less its uncertainty.
        ceiling: in TOPS for a rate, in GB/s for a bandwidth; None where it is not known.
    """
    estimate = result.metrics.get("rate_tops") or result.metrics.get("bandwidth_gb_s")
    if ceiling is None or estimate is None:
        return result
    result = replace(result, extra={**result.extra, "ceiling": ceiling})
    if estimate.low <= CEILING_MARGIN * ceiling:
        return result
    return result.with_note(
        f"impossible: {estimate.median / ceiling:.2f} times the ceiling of {ceiling:.4g}; "
        "the timing or the profile is wrong",
        "invalid",
    )
