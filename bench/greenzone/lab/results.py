"""What a workload hands back: a result with every raw sample, or why there is none."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from greenzone.lab.operators import Operator
from greenzone.statistics import Estimate

Window = Literal["burst", "sustained"]
Validity = Literal["valid", "invalid", "unstable"]


# What a note of a row is about, by its first words: the code of the finding it becomes.
FOUND_IN_NOTES = {
    "contention": "contention",
    "two speeds": "two_speeds",
    "clocks were kept down": "throttled",
}


LOST = "the device is lost"  # in every message of a device that is gone
HANGS = "it hangs"  # in the reason of what was ended because it said nothing more
SMALLER = "a smaller size was tried"  # how the note of a size that did not fit ends


class Disturbance(str):
    """A remark of a device that something else ran beside the load: the measurement is worth repeating."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Check:
    """How far a kernel's output is from a float64 reference, as a ratio of Frobenius norms.

    The error is always finite, so that a record can hold it: an output with an element that was
    not written, or is no number, counts as an error of at least 1, and no tolerance is that large.
    """

    error: float
    tolerance: float
    reference: str

    @property
    def passed(self) -> bool:
        return not math.isnan(self.error) and self.error <= self.tolerance


@dataclass(frozen=True, slots=True)
class Again:
    """How to go on measuring a result: what is run, and what samples and the sizes of their rounds amount to."""

    operator: Operator
    figures: Callable[[Sequence[float], Sequence[int]], "Figures"]


@dataclass(frozen=True, slots=True)
class Figures:
    """What samples amount to: the metrics, and what a record keeps of how sure they are."""

    metrics: Mapping[str, Estimate]
    sureness: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Result:
    """One row of a record's benchmarks: one operator in one window on one device.

    Samples are seconds for a call, beside `operations` and `bytes`, so that a reader can work out
    every figure again. A result of a kernel whose check failed has no samples and no metrics.
    """

    name: str
    format: str | None
    variant: str | None
    window: Window
    data: str
    shape: Mapping[str, int]
    operations: float
    bytes: float
    warmups: tuple[float, ...]
    samples: tuple[float, ...]
    metrics: Mapping[str, Estimate]
    check: Check | None
    validity: Validity
    notes: tuple[str, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)
    telemetry: tuple[dict[str, Any], ...] = ()
    again: Again | None = None

    def with_note(self, note: str, validity: Validity | None = None) -> "Result":
        """The same result with one note more, and another validity if one is given."""
        return replace(self, notes=(*self.notes, note), validity=validity or self.validity)


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A benchmark that gave no figure, and why."""

    name: str
    format: str | None
    reason: str
