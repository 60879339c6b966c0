"""What a series of timings shows besides its median: a limiter with its onset, two modes, slow clocks.

Pure functions over samples (seconds of a call), the time under load at which each ended, and the
telemetry of that time. Nothing here touches a device.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from greenzone.statistics import median, quantile

CLOCK_GATE = 0.75  # of the default clock: below it a sample is of a device that was not awake yet (NVBench)
SLOW_FROM = 1.1  # of the median call
LIMITER_FROM = 1.05
CLOCK_EXPLAINS_WITHIN = 0.03
MODES_FROM, MODE_SHARE = 1.05, 0.10
_PLATEAU = 0.5  # of the jump: a plateau's middle half may be no wider, or it is a drift and no step
_CANDIDATES, _EARLY, _LATE = 60, 1000, 2000
_FEWEST = 5
SPOILING = {
    "sw_thermal_slowdown": "thermal slowdown",
    "hw_thermal_slowdown": "thermal slowdown",
    "hw_slowdown": "a hardware slowdown",
    "hw_power_brake_slowdown": "a power brake",
    "applications_clocks_setting": "clocks that were set below the default",
    "sync_boost": "clocks tied to another device's",
}
State = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Limiter:
    """A step from fast to slow calls in a series under load.

    `onset_s` is the time under load of the last fast call, `ratio` slow over fast seconds, `clock_ratio`
    the fall of the clock beside it (None where no clock was read).
    """

    onset_s: float
    ratio: float
    clock_ratio: float | None

    @property
    def explained(self) -> bool:
        """Whether the clock fell by as much: then it is power or heat, and no cap on the rate."""
        return self.clock_ratio is not None and abs(self.ratio / self.clock_ratio - 1) <= CLOCK_EXPLAINS_WITHIN

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "explained_by": "clock" if self.explained else None}


def find_limiter(samples: Sequence[float], ends: Sequence[float], states: Sequence[State] = ()) -> Limiter | None:
    """The step of a series from the start of a load, if calls are slower after it by 5 % or more.

    Both sides must be plateaus: the middle half of each is narrower than half the jump. Among the
    places where that holds the one with the least absolute deviation is taken.

    Args:
        samples: seconds of each call, in order.
        ends: when each ended, in seconds of load.
        states: telemetry with `load_s`, and `clock_sm_mhz` where it is known.
    """
    samples, ends = _thinned(samples, ends)
    coarse = _places(len(samples))
    rough = _best_step(samples, coarse)
    if rough is None:
        return None
    at = coarse.index(rough[1])
    around = range(coarse[max(0, at - 1)], coarse[min(len(coarse) - 1, at + 1)] + 1)
    _, place, ratio = _best_step(samples, around[:: max(1, len(around) // _CANDIDATES)]) or rough
    onset = ends[place - 1]
    return Limiter(onset, ratio, _clock_ratio(states, onset))


def _best_step(samples: Sequence[float], places: Sequence[int]) -> tuple[float, int, float] | None:
    """The deviation, the place and the ratio of the best step among places; None where there is none."""
    found = []
    for place in places:
        fast, fast_spread = _plateau(before := samples[:place])
        slow, slow_spread = _plateau(after := samples[place:])
        if slow >= LIMITER_FROM * fast and max(fast_spread, slow_spread) <= _PLATEAU * (slow - fast):
            deviation = sum(abs(s - fast) for s in before) + sum(abs(s - slow) for s in after)
            found.append((deviation, place, slow / fast))
    return min(found, default=None)


def _plateau(samples: Sequence[float]) -> tuple[float, float]:
    """The median, and the width of the middle half."""
    ordered = sorted(samples)  # once: the three quantiles sort what is sorted already, which is cheap
    return median(ordered), _spread(ordered)


def _thinned(samples: Sequence[float], ends: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    """All of the first samples, where onsets are, and an even choice of the rest."""
    if len(samples) <= _EARLY + _LATE:
        return samples, ends
    step = -(-(len(samples) - _EARLY) // _LATE)
    return (
        [*samples[:_EARLY], *samples[_EARLY::step]],
        [*ends[:_EARLY], *ends[_EARLY::step]],
    )


def _places(count: int) -> list[int]:
    """Where a step may be: spread evenly over the logarithm of the number of calls."""
    last = count - _FEWEST
    if last < _FEWEST:
        return []
    ratio = (last / _FEWEST) ** (1 / _CANDIDATES)
    return sorted({round(_FEWEST * ratio**n) for n in range(_CANDIDATES + 1)})


def _spread(samples: Sequence[float]) -> float:
    return quantile(samples, 0.75) - quantile(samples, 0.25)


def _clock_ratio(states: Sequence[State], onset: float) -> float | None:
    known = [(s["load_s"], s["clock_sm_mhz"]) for s in states if s.get("clock_sm_mhz")]
    before = [clock for at, clock in known if at <= onset] or [clock for at, clock in known[:1] if at <= onset + 0.1]
    after = [clock for at, clock in known if at > onset]
    return median(before) / median(after) if before and after else None


def two_modes(samples: Sequence[float]) -> tuple[float, float, float] | None:
    """The two speeds of a series that has two: fast and slow seconds, and the share of slow calls.

    The split is that of the greatest variance between the two parts (Otsu 1979); each part is to hold a
    tenth of the calls and to be narrower than a third of the distance between them.
    """
    ordered = sorted(samples)
    n, total = len(ordered), sum(ordered)
    if n < 2 * _FEWEST:
        return None
    best, place, left = 0.0, 0, 0.0
    for i, value in enumerate(ordered[:-1], 1):
        left += value
        between = i * (n - i) * (left / i - (total - left) / (n - i)) ** 2
        if between > best:
            best, place = between, i
    fast, slow = ordered[:place], ordered[place:]
    if min(len(fast), len(slow)) < MODE_SHARE * n:
        return None
    a, b = median(fast), median(slow)
    narrow = max(_spread(fast), _spread(slow)) <= (b - a) / 3
    return (a, b, len(slow) / n) if b >= MODES_FROM * a and narrow else None


def awake(samples: Sequence[float], ends: Sequence[float], states: Sequence[State]) -> tuple[list[float], int]:
    """The samples of a device that was awake, and how many were set aside.

    One is set aside that ran slow while the clock, read at the time nearest to it, was under 75 % of the
    default. A fast one stands whatever was read: readings lag behind the clock by some milliseconds.
    Without clocks all stand, and if none would be left, all do.
    """
    known = [s for s in states if s.get("clock_sm_mhz") and s.get("clock_default_sm_mhz")]
    if not known:
        return list(samples), 0
    times = [s["load_s"] for s in known]
    slow = [s["clock_sm_mhz"] < CLOCK_GATE * s["clock_default_sm_mhz"] for s in known]
    usual = SLOW_FROM * median(samples)
    kept = [v for v, end in zip(samples, ends, strict=True) if v <= usual or not slow[_nearest(times, end)]]
    return (kept, len(samples) - len(kept)) if kept else (list(samples), 0)


def _nearest(times: Sequence[float], at: float) -> int:
    place = bisect_right(times, at)
    if place == 0 or place == len(times):
        return min(place, len(times) - 1)
    return place if times[place] - at < at - times[place - 1] else place - 1


def spoilers(states: Sequence[State]) -> list[str]:
    """What kept clocks down besides the default power limit, in words, each with its share of the readings."""
    read = [set(s["throttle_reasons"]) for s in states if s.get("throttle_reasons") is not None]
    found: dict[str, int] = {}
    for reasons in read:
        for word in {SPOILING[r] for r in reasons if r in SPOILING}:
            found[word] = found.get(word, 0) + 1
    return [f"{word} in {count} of {len(read)} readings" for word, count in found.items()]
