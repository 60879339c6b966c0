"""What a sample of devices says of the lot it comes from: tolerance limits, and how far out one device lies.

A tolerance interval holds a stated content of the lot (95 %) with a stated confidence (95 %). Two kinds:

- By a normal distribution, mean -/+ k s. The one-sided factor is exact, by the noncentral t distribution; the
  two-sided one is Howe's ("Two-sided tolerance limits for normal populations - some improvements", JASA 64,
  1969). Both as in the NIST/SEMATECH e-Handbook, 7.2.6.3, and ISO 16269-6.
- By order statistics, which assume no distribution (S. S. Wilks, "Determination of sample sizes for setting
  tolerance limits", Annals of Mathematical Statistics 12, 1941). They need many devices: 59 for one limit, 93 for two.

How far out a device lies is told in robust standard deviations, which the device itself cannot move (B. Iglewicz
and D. Hoaglin, "How to Detect and Handle Outliers", ASQC 1993). scipy and numpy are imported when first needed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from greenzone.errors import UsageError

CONTENT = 0.95
CONFIDENCE = 0.95
MAD_TO_SD = 1.4826  # of a normal distribution: 1 / its upper quartile
THRESHOLD = 3.5  # robust standard deviations (Iglewicz and Hoaglin 1993, p. 12)
BY_CHANCE = 0.05  # of normal lots have a device beyond the threshold
SMALL_LOT = 5  # with fewer, the median absolute deviation is that of one or two devices
_EXACT_UP_TO = 2000  # beyond, the noncentral t is slow and Natrella's formula the same to four digits


@lru_cache(maxsize=256)
def one_sided_factor(n: int, content: float = CONTENT, confidence: float = CONFIDENCE) -> float:
    """The k of mean - k s, below which at most 1 - content of a normal lot lies: t'(n - 1, z sqrt(n)) / sqrt(n).

    Of more than 2,000 devices by M. G. Natrella's formula (NIST Handbook 91, 1963; e-Handbook 7.2.6.3).

    Args:
        n: how many devices were measured, at least 2.
        content: of the lot, between 0 and 1.
        confidence: between 0 and 1.

    >>> round(one_sided_factor(43, 0.90, 0.99), 3)
    1.874
    """
    _require(n, content, confidence)
    from scipy.special import ndtri

    z, sure = float(ndtri(content)), float(ndtri(confidence))
    if n > _EXACT_UP_TO:
        a, b = 1 - sure**2 / (2 * (n - 1)), z**2 - sure**2 / n
        return (z + math.sqrt(z * z - a * b)) / a
    from scipy.stats import nct

    return float(nct.ppf(confidence, n - 1, z * math.sqrt(n)) / math.sqrt(n))


@lru_cache(maxsize=256)
def two_sided_factor(n: int, content: float = CONTENT, confidence: float = CONFIDENCE) -> float:
    """The k of mean -/+ k s, which holds that content of a normal lot: z sqrt((n - 1)(1 + 1/n) / chi2) (Howe).

    >>> round(two_sided_factor(43, 0.90, 0.99), 3)
    2.217
    """
    _require(n, content, confidence)
    from scipy.special import chdtri, ndtri

    z = float(ndtri((1 + content) / 2))
    chi2 = float(chdtri(n - 1, confidence))  # what chi-squared exceeds with that probability
    return z * math.sqrt((n - 1) * (1 + 1 / n) / chi2)


def _require(n: int, content: float, confidence: float) -> None:
    if n < 2:
        raise UsageError(f"a tolerance factor of {n} devices: a spread needs at least 2")
    if not (0 < content < 1 and 0 < confidence < 1):
        raise UsageError(f"content {content}, confidence {confidence}: each lies between 0 and 1")


def sample_size(content: float = CONTENT, confidence: float = CONFIDENCE, *, sides: int = 2) -> int:
    """The fewest devices whose least (and greatest) value is a tolerance limit, whatever the distribution.

    >>> sample_size(sides=1), sample_size(sides=2)
    (59, 93)
    """
    return next(n for n in range(2, 1_000_000) if content_of_range(n, confidence, sides=sides) >= content)


def content_of_range(n: int, confidence: float = CONFIDENCE, *, sides: int = 2) -> float:
    """The content that lies above the least of n values (1 side), or between the least and the greatest (2).

    One side: (1 - confidence)^(1/n). Two: the content is distributed as Beta(n - 1, 2) (Wilks 1941).

    >>> round(content_of_range(59, sides=1), 3), round(content_of_range(8), 3)
    (0.95, 0.529)
    """
    if n < 2:
        return 0.0
    if sides == 1:
        return float((1 - confidence) ** (1 / n))
    from scipy.special import betaincinv

    return float(betaincinv(n - 1, 2, 1 - confidence))


@lru_cache(maxsize=256)
def order_rank(n: int, content: float = CONTENT, confidence: float = CONFIDENCE, *, sides: int = 2) -> int:
    """The r for which the r-th least value (and the r-th greatest) is a tolerance limit; 0 where n is too small.

    The content above the r-th least is distributed as Beta(n + 1 - r, r), that between both as Beta(n + 1 - 2r, 2r).

    >>> order_rank(58, sides=1), order_rank(59, sides=1), order_rank(93), order_rank(1000)
    (0, 1, 1, 19)
    """
    from scipy.special import betainc

    def holds(r: int) -> bool:
        return n + 1 - sides * r > 0 and bool(betainc(n + 1 - sides * r, sides * r, content) <= 1 - confidence)

    low, high = 0, n // sides + 1
    while high - low > 1:  # what holds for r holds for every smaller one
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


@dataclass(frozen=True, slots=True)
class Centre:
    """The middle of a lot and its robust standard deviation, in the unit of the values."""

    median: float
    scale: float

    def distance(self, value: float) -> float:
        """How many robust standard deviations a value lies above the median; below is negative."""
        apart = value - self.median
        if self.scale > 0:
            return apart / self.scale
        return math.copysign(math.inf, apart) if apart else 0.0


def centre(values: Sequence[float] | Any, floor: float = 0.0) -> Centre:
    """The median, and 1.4826 x the median absolute deviation from it.

    Args:
        values: at least one, a sequence or an array.
        floor: the least that the scale can be: what one measurement is unsure by. Most values of a coarse figure
            may be equal, and a deviation of nothing would make an outlier of every other.

    >>> centre([1.0, 2.0, 3.0, 4.0, 100.0])
    Centre(median=3.0, scale=1.4826)
    """
    import numpy as np

    found = np.asarray(values, dtype=float)
    middle = float(np.median(found))
    return Centre(middle, max(MAD_TO_SD * float(np.median(np.abs(found - middle))), floor))


def threshold(n: int, least: float = THRESHOLD) -> float:
    """The robust distance from which on one of n values is an outlier: of all figures of all devices that are asked.

    Raised for many, so that a normal one has none with 95 % probability: the alpha-outliers of L. Davies
    and U. Gather ("The identification of multiple outliers", JASA 88, 1993), alpha = 1 - 0.95^(1/n).

    >>> threshold(8), round(threshold(100_000), 2)
    (3.5, 5.02)
    """
    from scipy.special import ndtri

    alpha = -math.expm1(math.log1p(-BY_CHANCE) / max(n, 1))
    return max(least, -float(ndtri(alpha / 2)))
