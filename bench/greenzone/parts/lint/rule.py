"""What a lint rule is, and what it is told of the world around a profile."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from greenzone.intervals import Interval, number
from greenzone.parts.profile import DeviceProfile, dense


@dataclass(frozen=True)
class Context:
    """The other profiles a profile stands among, and the edges of the rules of law by parameter."""

    others: tuple[DeviceProfile, ...] = ()
    edges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


Check = Callable[[DeviceProfile, Context], Iterator[str]]


@dataclass(frozen=True)
class Rule:
    """A trap: its name, what it is and what to do about it, and the check that yields evidence.

    `needs` names the part of the context without which it finds nothing.
    """

    name: str
    explanation: str
    check: Check
    needs: Literal["others", "edges"] | None = None

    def fires(self, profile: DeviceProfile, context: Context) -> bool:
        """Whether it finds anything."""
        return next(self.check(profile, context), None) is not None


def rule(check: Check) -> Rule:
    """A rule from a function: named as it is, explained by its docstring."""
    return _rule(check)


def needing(needs: Literal["others", "edges"]) -> Callable[[Check], Rule]:
    """A rule that finds something only where the context has `others` or `edges`."""
    return lambda check: _rule(check, needs)


def _rule(check: Check, needs: Literal["others", "edges"] | None = None) -> Rule:
    explanation = " ".join((inspect.getdoc(check) or "").split())
    return Rule(check.__name__.replace("_", "-"), explanation, check, needs)


def dense_rates(profile: DeviceProfile) -> dict[str, float]:
    """The dense rate of the file's own table by format, in TOPS; one of unknown sparsity has none."""
    figures = profile.peak_tops.rates() if profile.peak_tops else {}
    found = {name: dense(Interval.point(f.value), f.sparsity) for name, f in figures.items()}
    return {name: i.low for name, i in found.items() if i.is_point}


def rated(profile: DeviceProfile, enabled: bool = True) -> dict[str, float]:
    """Units x operations a clock x rated clock by format, in TOPS: as sold, or as the silicon could."""
    h = profile.hardware
    clock = (h.boost_mhz or h.max_mhz) if h else None
    if h is None or clock is None or (enabled and h.boost_mhz is None):
        return {}
    operations = {**h.ops_per_clock, **h.enabled_ops_per_clock} if enabled else h.ops_per_clock
    found = {name: h.rate_tops(ops, clock) for name, ops in operations.items()}
    return {name: rate for name, rate in found.items() if rate}


def near(value: float, expected: float, tolerance: float = 0.04) -> bool:
    """Whether a value is within a share of what is expected."""
    return abs(value / expected - 1) <= tolerance


def short(value: float) -> str:
    """A figure to four digits, as a reader compares figures."""
    return number(float(f"{value:.4g}"))
