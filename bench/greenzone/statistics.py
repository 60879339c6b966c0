"""Medians of timings and how sure they are.

Samples of one run are strongly autocorrelated (lag-1 coefficients of 0.4 to 0.9 are usual), so an
interval that takes them as independent is far too narrow. The standard error here is that of a
circular block bootstrap of the median (Politis and Romano, "A circular block-resampling procedure
for stationary data", 1992): blocks of neighbouring samples are drawn, so that what hangs together
stays together. numpy is imported when first needed.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

COVERAGE_FACTOR = 2.0  # k = 2: about 95 % of a normal distribution (JCGM 100:2008, 6.2)
RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A median with its expanded uncertainty U (k = 2): low = median - U, high = median + U."""

    median: float
    low: float
    high: float

    @property
    def expanded_uncertainty(self) -> float:
        return self.high - self.median


def median(samples: Sequence[float]) -> float:
    """The median of at least one sample.

    >>> median([3.0, 1.0, 2.0])
    2.0
    """
    ordered = sorted(samples)
    half, odd = divmod(len(ordered), 2)
    return ordered[half] if odd else (ordered[half - 1] + ordered[half]) / 2


def quantile(samples: Sequence[float], fraction: float) -> float:
    """The value below which that fraction of the samples lies, between neighbours by proportion."""
    ordered = sorted(samples)
    place = fraction * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def autocorrelation(samples: Sequence[float]) -> float:
    """The lag-1 autocorrelation coefficient; 0 for constant or fewer than three samples."""
    n = len(samples)
    if n < 3:
        return 0.0
    mean = math.fsum(samples) / n
    deviations = [s - mean for s in samples]
    variance = math.fsum(d * d for d in deviations)
    if variance == 0:
        return 0.0
    return math.fsum(a * b for a, b in itertools.pairwise(deviations)) / variance


def block_length(samples: Sequence[float]) -> int:
    """How many neighbours to draw together: n^(1/3), longer where the correlation is strong.

    The rule is that of an AR(1) process, (2 rho / (1 - rho^2))^(2/3) n^(1/3) (Carlstein 1986),
    held between 1 and a quarter of the samples.
    """
    n = len(samples)
    rho = min(max(autocorrelation(samples), 0.0), 0.95)
    optimal: float = (2 * rho / (1 - rho * rho)) ** (2 / 3) * n ** (1 / 3)
    return max(1, min(math.ceil(optimal), n // 4 or 1))


def effective_samples(samples: Sequence[float]) -> float:
    """How many independent samples a correlated series is worth: n (1 - rho) / (1 + rho).

    rho is the lag-1 autocorrelation of an AR(1) process (Wilks, "Statistical Methods in the Atmospheric
    Sciences", 5.2.4), held between 0 and 0.999; at most n, at least 1.

    >>> effective_samples([1.0, 2.0, 1.0, 2.0, 1.0, 2.0])
    6.0
    """
    rho = min(max(autocorrelation(samples), 0.0), 0.999)
    return max(1.0, len(samples) * (1 - rho) / (1 + rho))


def median_standard_error(samples: Sequence[float], seed: int = 0) -> float:
    """The block-bootstrap standard error of the median, in the unit of the samples.

    One sample has no spread to show: its standard error is 0 here, and its record says n = 1.
    """
    return _bootstrapped(tuple(samples), seed)


@lru_cache(maxsize=64)  # a figure and its uncertainty budget ask for the same one, one after the other
def _bootstrapped(samples: tuple[float, ...], seed: int) -> float:
    import numpy as np

    n = len(samples)
    if n < 2:
        return 0.0
    values = np.asarray(samples, dtype=float)
    length = block_length(samples)
    rng = np.random.default_rng(seed)
    blocks = math.ceil(n / length)
    starts = rng.integers(0, n, size=(RESAMPLES, blocks))
    places = (starts[:, :, None] + np.arange(length)) % n
    resampled = values[places.reshape(RESAMPLES, -1)[:, :n]]
    return float(np.median(resampled, axis=1).std(ddof=1))


def estimate_rate(seconds: Sequence[float], amount: float, relative_systematic: float = 0.0, seed: int = 0) -> Estimate:
    """The median rate `amount` / seconds, with its expanded uncertainty.

    U = 2 x the root of the summed squares of the standard uncertainties: the bootstrap's, and a
    systematic one given as a fraction (JCGM 100:2008, 5.1.2).

    Args:
        seconds: the time of each call.
        amount: operations, bytes or tokens of one call.
        relative_systematic: standard uncertainty of the timer and the count, as a fraction.
        seed: of the bootstrap, so that a verifier gets the same figure.

    >>> estimate_rate([2.0, 2.0, 2.0], 10.0)
    Estimate(median=5.0, low=5.0, high=5.0)
    """
    middle = median(seconds)
    relative = math.hypot(median_standard_error(seconds, seed) / middle, relative_systematic)
    rate = amount / middle
    return Estimate(rate, rate * (1 - COVERAGE_FACTOR * relative), rate * (1 + COVERAGE_FACTOR * relative))
