"""Where elapsed time comes from: a clock that is handed in, never one that is reached for."""

from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Anything that tells a time in seconds, from an arbitrary start, that never runs back."""

    def now(self) -> float: ...


class Stopwatch:
    """Seconds since it was made, by a clock.

    >>> class Fixed:
    ...     def now(self) -> float: return 3.0
    >>> Stopwatch(Fixed()).seconds
    0.0
    """

    def __init__(self, clock: Clock) -> None:
        self._now: Callable[[], float] = clock.now
        self._start = clock.now()

    @property
    def seconds(self) -> float:
        return self._now() - self._start
