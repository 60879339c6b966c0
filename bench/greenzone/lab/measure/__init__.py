"""How long things take: burst and sustained windows over any device's clock."""

from greenzone.lab.measure.clock import Clock, Stopwatch
from greenzone.lab.measure.sampling import (
    BUDGETS,
    QUICK,
    STANDARD,
    Budget,
    Windows,
    judge,
    measure_again,
    measure_windows,
)

__all__ = [
    "BUDGETS", "QUICK", "STANDARD", "Budget", "Clock", "Stopwatch", "Windows",
    "judge", "measure_again", "measure_windows",
]  # fmt: skip
