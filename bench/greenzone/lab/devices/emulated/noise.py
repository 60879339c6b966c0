"""Seeded noise: factors around 1 that wander, as the times of neighbouring calls do."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Calls of one kernel on an otherwise idle accelerator scatter by about half a per cent, and
# neighbours resemble each other: clocks and temperature move slowly.
NOISE = 0.005
MEMORY = 0.6  # lag-1 autocorrelation; 0.4 to 0.9 was seen on real machines
_BLOCK = 4096
# A first-order autoregression as the weighted sum of past shocks, cut off where 0.6^n is under 1e-9.
_WEIGHTS = math.sqrt(1 - MEMORY**2) * MEMORY ** np.arange(41.0)


class Noise:
    """An endless series of factors, the same for one seed however it is asked for."""

    def __init__(self, seed: Sequence[int]) -> None:
        self._random = np.random.default_rng(list(seed))
        self._past = self._random.normal(size=len(_WEIGHTS) - 1)
        self._ready: NDArray[np.float64] = np.empty(0)

    def ahead(self, count: int) -> NDArray[np.float64]:
        """The next `count` factors, which stay the next ones until they are used."""
        while len(self._ready) < count:
            shocks = np.concatenate([self._past, self._random.normal(size=_BLOCK)])
            self._past = shocks[_BLOCK:]
            block = np.exp(NOISE * np.convolve(shocks, _WEIGHTS, "valid"))
            self._ready = np.concatenate([self._ready, block])
        return self._ready[:count]

    def use(self, count: int) -> None:
        """Go on behind the next `count`."""
        self._ready = self._ready[count:]
