"""Telemetry read beside the work, in a thread: 25 times a second, while calls are under way.

A reading of NVML takes some milliseconds and lets go of the interpreter's lock, so launching goes on.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PERIOD_S = 0.04
Reading = tuple[float, dict[str, Any]]


class Sampler:
    """Reads a source at a fixed period while it runs, and keeps each reading with its time."""

    def __init__(
        self, read: Callable[[], dict[str, Any] | None], now: Callable[[], float], period_s: float = PERIOD_S
    ) -> None:
        """Nothing is read yet.

        Args:
            read: one reading; None where there is no source, which ends the sampling.
            now: the clock the readings are dated by.
            period_s: between two readings.
        """
        self._read, self._now, self._period = read, now, period_s
        self._readings: list[Reading] = []
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sample from now until the end of the block; once at least, whatever its length.

        The first reading is the thread's too: a reading before the work would be of an idle device.
        """
        stop = threading.Event()
        thread = threading.Thread(target=self._go_on, args=(stop,), name="greenzone telemetry", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=5)

    def _go_on(self, stop: threading.Event) -> None:
        while self._take() and not stop.wait(self._period):
            pass

    def _take(self) -> bool:
        at = self._now()
        state = self._read()
        if state is None:
            return False
        with self._lock:
            self._readings.append((at, state))
        return True

    def drain(self) -> list[Reading]:
        """The readings since this was last asked."""
        with self._lock:
            taken, self._readings = self._readings, []
        return taken
