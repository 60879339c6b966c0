"""Intervals of what a value may be, ranges a rule asks for, and three-valued truth between them.

An `Interval` is the set of values a fact can have: a point, a span, or `[0, inf)` for a fact
that is missing. A `Range` is a condition of a rule, written as version specifiers are
(">= 2400, < 4800"). `Range.truth(interval)` is true, false or unknown (Kleene): unknown wherever
the interval straddles an edge, so that nothing fails open.
"""

import math
import re
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from greenzone.errors import UsageError

INF = math.inf


class Truth(Enum):
    """Kleene's three values; `&`, `|` and `~` are his tables.

    >>> Truth.TRUE & Truth.UNKNOWN, Truth.FALSE & Truth.UNKNOWN, ~Truth.UNKNOWN
    (<Truth.UNKNOWN: 'unknown'>, <Truth.FALSE: 'false'>, <Truth.UNKNOWN: 'unknown'>)
    """

    FALSE = "false"
    UNKNOWN = "unknown"
    TRUE = "true"

    @classmethod
    def of(cls, value: bool | None) -> "Truth":
        """True, false, or unknown for None."""
        return cls.UNKNOWN if value is None else cls.TRUE if value else cls.FALSE

    def __and__(self, other: "Truth") -> "Truth":
        return self if _RANK[self] <= _RANK[other] else other

    def __or__(self, other: "Truth") -> "Truth":
        return self if _RANK[self] >= _RANK[other] else other

    def __invert__(self) -> "Truth":
        return _NOT[self]


_RANK = {Truth.FALSE: 0, Truth.UNKNOWN: 1, Truth.TRUE: 2}
_NOT = {Truth.FALSE: Truth.TRUE, Truth.UNKNOWN: Truth.UNKNOWN, Truth.TRUE: Truth.FALSE}


def number(value: float) -> str:
    """A number as short as is exact to nine digits: 4800, 5.92, 337.837838.

    >>> number(4800.0), number(1600 / 270)
    ('4800', '5.92592593')
    """
    return f"{value:.9g}" if abs(value) < 1e9 or math.isinf(value) else f"{value:.12g}"


@dataclass(frozen=True)
class Interval:
    """A set of possible values, from `low` to `high`; either end may be open. Never empty.

    >>> Interval(2, 3) + Interval.point(1)
    Interval(3, 4)
    >>> Interval.UNKNOWN
    Interval(0, inf)
    """

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    UNKNOWN: ClassVar["Interval"]  # [0, inf): a missing fact; no regulated parameter is negative

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high) or math.isinf(self.low):
            raise UsageError(f"an interval cannot run from {self.low} to {self.high}; give finite numbers")
        if self.low > self.high or (self.low == self.high and (self.low_open or self.high_open)):
            raise UsageError(f"an interval from {number(self.low)} to {number(self.high)} holds nothing")

    @classmethod
    def point(cls, value: float) -> "Interval":
        """The interval of one value."""
        return cls(value, value)

    @classmethod
    def at_least(cls, low: float) -> "Interval":
        """`[low, inf)`: what a measurement shows."""
        return cls(low, INF)

    @property
    def is_point(self) -> bool:
        return self.low == self.high

    @property
    def is_bounded(self) -> bool:
        return self.high != INF

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known: every value from 0 on is possible."""
        return self.low == 0 and self.high == INF

    def contains(self, value: float) -> bool:
        above = value > self.low or (value == self.low and not self.low_open)
        below = value < self.high or (value == self.high and not self.high_open)
        return above and below

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(
            self.low + other.low, self.high + other.high,
            self.low_open or other.low_open, self.high_open or other.high_open,
        )  # fmt: skip

    def __mul__(self, other: "Interval") -> "Interval":
        """The products of two intervals of values that are not negative."""
        high = 0.0 if 0.0 in (self.high, other.high) else self.high * other.high
        zero = self.contains(0) or other.contains(0)
        return Interval(
            self.low * other.low, high,
            (self.low_open or other.low_open) and self.low * other.low < high and not zero,
            (self.high_open or other.high_open) and self.low * other.low < high,
        )  # fmt: skip

    def scaled(self, factor: float) -> "Interval":
        """Every value times a positive factor."""
        return self * Interval.point(factor)

    def __truediv__(self, other: "Interval") -> "Interval":
        """The quotients of two intervals that vary freely; dividing by zero is unbounded."""
        low = 0.0 if math.isinf(other.high) else self.low / other.high if other.high else 0.0
        high = INF if other.low == 0 or math.isinf(self.high) else self.high / other.low
        return Interval(low, high, (self.low_open or other.high_open) and low < high and not self.contains(0),
                        (self.high_open or other.low_open) and low < high)  # fmt: skip

    def maximum(self, other: "Interval") -> "Interval":
        """The larger of two values, each anywhere in its interval."""
        low, high = max(self.low, other.low), max(self.high, other.high)
        low_open = all(i.low_open for i in (self, other) if i.low == low)
        high_open = all(i.high_open for i in (self, other) if i.high == high)
        return Interval(low, high, low_open and low < high, high_open and low < high)

    def hull(self, other: "Interval") -> "Interval":
        """The smallest interval that holds both: what two sources that disagree leave open."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        low_open = all(i.low_open for i in (self, other) if i.low == low)
        high_open = all(i.high_open for i in (self, other) if i.high == high)
        return Interval(low, high, low_open, high_open)

    def intersection(self, other: "Interval") -> "Interval | None":
        """What both hold, or None where they are apart."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        low_open = any(i.low_open for i in (self, other) if i.low == low)
        high_open = any(i.high_open for i in (self, other) if i.high == high)
        if low > high or (low == high and (low_open or high_open)):
            return None
        return Interval(low, high, low_open, high_open)

    def raised(self, low: float) -> "Interval":
        """The interval with its lower end raised: all a measurement can do. Never emptied."""
        if low <= self.low:
            return self
        return Interval(low, max(low, self.high), False, self.high_open and low < self.high)

    def __repr__(self) -> str:
        return f"Interval({number(self.low)}, {number(self.high)})"

    def __str__(self) -> str:
        if self.is_point:
            return number(self.low)
        if not self.is_bounded:
            return "unknown" if self.low == 0 and not self.low_open else f"at least {number(self.low)}"
        left, right = "(" if self.low_open else "[", ")" if self.high_open else "]"
        return f"{left}{number(self.low)}, {number(self.high)}{right}"


Interval.UNKNOWN = Interval(0, INF)

_TERM = re.compile(r"^(>=|<=|==|>|<)\s*([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)$")


@dataclass(frozen=True)
class Range:
    """A condition of a rule: the values between its edges.

    >>> Range.parse(">= 2400, < 4800").truth(Interval(2000, 4000))
    <Truth.UNKNOWN: 'unknown'>
    """

    low: float = -INF
    high: float = INF
    low_open: bool = False
    high_open: bool = False

    @classmethod
    def parse(cls, text: str) -> "Range":
        """Read ">= 2400, < 4800".

        Raises:
            UsageError: a term that is none, an edge given twice, or nothing left between the edges.
        """
        low, high, low_open, high_open = -INF, INF, False, False
        for term in text.split(","):
            match = _TERM.match(term.strip())
            if not match:
                raise UsageError(
                    f"{text!r} is no range: {term.strip()!r} is not a comparator (>=, >, <=, <, ==) and a number, "
                    "as in '>= 2400, < 4800'"
                )
            sign, edge = match[1], float(match[2].replace("_", ""))
            if math.isinf(edge):
                raise UsageError(f"{text!r} is no range: {match[2]} is too large")
            if sign in (">=", ">", "=="):
                if low != -INF:
                    raise UsageError(f"{text!r} is no range: it has two lower edges")
                low, low_open = edge, sign == ">"
            if sign in ("<=", "<", "=="):
                if high != INF:
                    raise UsageError(f"{text!r} is no range: it has two upper edges")
                high, high_open = edge, sign == "<"
        if low > high or (low == high and (low_open or high_open)):
            raise UsageError(f"{text!r} is no range: nothing lies between its edges")
        return cls(low, high, low_open, high_open)

    @property
    def edges(self) -> tuple[float, ...]:
        """The finite edges, lower first."""
        return tuple(e for e in (self.low, self.high) if not math.isinf(e))

    def holds(self, value: float) -> bool:
        above = value > self.low or (value == self.low and not self.low_open)
        below = value < self.high or (value == self.high and not self.high_open)
        return above and below

    def truth(self, interval: Interval) -> Truth:
        """Whether the value lies in the range, given that it lies in the interval."""
        return self._above(interval) & self._below(interval)

    def _above(self, i: Interval) -> Truth:
        if i.low > self.low or (i.low == self.low and (not self.low_open or i.low_open)):
            return Truth.TRUE
        if i.high < self.low or (i.high == self.low and (self.low_open or i.high_open)):
            return Truth.FALSE
        return Truth.UNKNOWN

    def _below(self, i: Interval) -> Truth:
        if i.high < self.high or (i.high == self.high and (not self.high_open or i.high_open)):
            return Truth.TRUE
        if i.low > self.high or (i.low == self.high and (self.high_open or i.low_open)):
            return Truth.FALSE
        return Truth.UNKNOWN

    def margin(self, interval: Interval) -> float | None:
        """|value - edge| / edge at the nearest edge, positive inside and negative outside.

        At the worst end of the interval: the one nearest to an edge, or for an interval that
        straddles one the end farthest outside. None where that end is unbounded or the edge is zero.

        >>> Range.parse(">= 4800").margin(Interval.point(2368))
        -0.5066666666666667
        """
        margins = [m for v in (interval.low, interval.high) if (m := self._margin_at(v)) is not None]
        truth = self.truth(interval)
        if not margins or (truth is Truth.UNKNOWN and not interval.is_bounded):
            return None
        margin = max(margins) if truth is Truth.FALSE else min(margins)
        return None if math.isinf(margin) else margin

    def _margin_at(self, value: float) -> float | None:
        gaps = []
        if self.low > 0:
            gaps.append((value - self.low) / self.low)
        if 0 < self.high < INF:
            gaps.append((self.high - value) / self.high)
        return min(gaps) if gaps else None

    def __str__(self) -> str:
        if self.low == self.high:
            return f"== {number(self.low)}"
        terms = []
        if self.low != -INF:
            terms.append(f"{'>' if self.low_open else '>='} {number(self.low)}")
        if self.high != INF:
            terms.append(f"{'<' if self.high_open else '<='} {number(self.high)}")
        return ", ".join(terms) or "any"

    def as_interval(self) -> Interval:
        """The values of a claim written as a range ("< 600"): nothing below zero."""
        if self.low == -INF:
            return Interval(0, self.high, False, self.high_open)
        return Interval(self.low, self.high, self.low_open, self.high_open)
