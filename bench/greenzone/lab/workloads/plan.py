"""What a workload is asked for, and the steps all workloads share."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, pairwise
from typing import Literal

from greenzone.errors import OutOfMemory
from greenzone.lab.devices.base import Device, Kernel
from greenzone.lab.measure import BUDGETS, Budget, Windows, measure_windows
from greenzone.lab.operators import Matmul, Operator
from greenzone.lab.results import SMALLER, Again, Check, Figures, Result, Window
from greenzone.lab.shapes import ModelShape
from greenzone.statistics import (
    COVERAGE_FACTOR,
    effective_samples,
    estimate_rate,
    median,
    median_standard_error,
)

# CUDA events resolve about 0.5 us (CUDA Runtime API, cudaEventElapsedTime); the processor's clock and
# the emulated one are finer, and get no better. Oscillators are good to 100 parts in a million.
_RESOLUTION_S = 0.5e-6
_CLOCK_UNCERTAINTY = 1e-4


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of a workload; None takes the workload's own choice."""

    suite: Literal["quick", "standard", "lab"] = "quick"
    formats: tuple[str, ...] | None = None
    seed: int = 0
    model: ModelShape | None = None
    batches: tuple[int, ...] = ()
    contexts: tuple[int, ...] = ()

    @property
    def budget(self) -> Budget:
        return BUDGETS[self.suite]


@dataclass(frozen=True, slots=True)
class Measured:
    """A kernel that was checked and, if it was right, timed."""

    operator: Operator
    variant: str | None
    check: Check | None
    windows: Windows | None
    notes: tuple[str, ...] = field(default=())


def is_processor(device: Device) -> bool:
    """Whether this is the host's own processor: smaller sizes, and memory shared with everything else."""
    return device.id == "cpu"


@contextmanager
def prepared(device: Device, operator: Operator, seed: int) -> Iterator[Kernel]:
    """A kernel that gives its memory back at the end."""
    kernel = device.prepare(operator, seed)
    try:
        yield kernel
    finally:
        kernel.close()


def call_seconds(device: Device, operator: Operator, seed: int, calls: int = 2, load_s: float = 0.0) -> float:
    """The best of a few calls, after so long under load: enough to choose by, not to report."""
    with prepared(device, operator, seed) as kernel:
        (first,) = device.time(kernel, 1)
        if load_s > first:
            device.time(kernel, math.ceil(load_s / first))
        return min(device.time(kernel, calls))


def product_rate(device: Device, product: Matmul, seed: int) -> float:
    """Operations a second of a small product: the probe before a loop."""
    return product.operations / call_seconds(device, product, seed)


def measure_first_that_fits(device: Device, operators: Sequence[Operator], plan: Plan) -> Measured:
    """Check and measure the first operator that fits; every one that did not is noted.

    Raises:
        OutOfMemory: none fits.
        DeviceError: the device has no path for the operator, or it failed.
    """
    notes: list[str] = []
    for operator in operators:
        try:
            return _measure(device, operator, plan, notes)
        except OutOfMemory as error:
            notes.append(f"{error}; {SMALLER}")
            last = error
    raise last


def _measure(device: Device, operator: Operator, plan: Plan, notes: list[str]) -> Measured:
    """Check, time, and check again: a kernel that goes wrong under load gives no figure either."""
    with prepared(device, operator, plan.seed) as kernel:
        check, windows, when = kernel.check(), None, "before"
        if kernel.note:
            notes = [*notes, kernel.note]
        if check.passed:
            windows, when = measure_windows(device, kernel, budget=plan.budget), "after"
            check = kernel.check()
        if check.passed:
            return Measured(operator, kernel.variant, check, windows, tuple(notes))
        error, allowed = f"error {check.error:.3g}", f"{check.tolerance:.3g} allowed"
        wrong = f"wrong result {when} the timing: {error} against {check.reference}, {allowed}"
        return Measured(operator, kernel.variant, check, None, (*notes, wrong))


def results(
    measured: Measured,
    metric: str,
    amount: float,
    extra: Mapping[str, object],
    windows: Sequence[Window] = ("burst", "sustained"),
) -> Iterator[Result]:
    """A result for each window, with `amount` a second as its metric; one invalid one for a wrong kernel.

    Args:
        measured: what the device gave.
        metric: rate_tops (amount in 10^12 operations) or bandwidth_gb_s (in 10^9 bytes).
        amount: of one call.
        extra: what else the record keeps.
        windows: those to report.
    """
    if measured.windows is None:
        yield _result(measured, "sustained", (), extra, None)
        return
    again = Again(measured.operator, partial(figures, metric, amount))
    for window in windows:
        yield _result(measured, window, samples_of(measured.windows, window), extra, again)


def samples_of(windows: Windows, window: Window) -> tuple[float, ...]:
    """The samples of a window."""
    return windows.burst if window == "burst" else windows.sustained


def figures(metric: str, amount: float, samples: Sequence[float], rounds: Sequence[int] = ()) -> Figures:
    """Amount a second, with its uncertainty, and what the record keeps of how sure it is."""
    seconds = median(samples)
    rate = estimate_rate(samples, amount, timer_uncertainty(seconds), rounds=rounds)
    sureness: dict[str, object] = {
        "timer_uncertainty": timer_uncertainty(seconds),
        "effective_samples": _effective(samples, rounds),
        "uncertainty": uncertainty_budget(samples, rounds),
    }
    return Figures({metric: rate}, sureness | ({"rounds": list(rounds)} if rounds else {}))


def _effective(samples: Sequence[float], rounds: Sequence[int]) -> float:
    ends = list(accumulate(rounds or (len(samples),)))
    return sum(effective_samples(samples[a:b]) for a, b in pairwise((0, *ends)))


def uncertainty_budget(samples: Sequence[float], rounds: Sequence[int] = ()) -> dict[str, float]:
    """The relative standard uncertainties that make a figure's U, after JCGM 100:2008 (GUM), 5.1.2.

    `repeatability` is the block bootstrap's, over rounds where there were several; `resolution` and `clock` are
    the timer's. How devices of one type differ among themselves is not known from one of them and is not in it.
    """
    seconds = median(samples)
    parts = {
        "repeatability": median_standard_error(samples, rounds=rounds) / seconds,
        "resolution": _RESOLUTION_S / seconds,
        "clock": _CLOCK_UNCERTAINTY,
    }
    combined = math.hypot(*parts.values())
    return {**parts, "combined": combined, "k": COVERAGE_FACTOR, "expanded": COVERAGE_FACTOR * combined}


def timer_uncertainty(seconds: float) -> float:
    """The standard uncertainty of a time that long, as a fraction: resolution and rate of the clock."""
    return math.hypot(_CLOCK_UNCERTAINTY, _RESOLUTION_S / seconds)


def _result(
    measured: Measured,
    window: Window,
    samples: tuple[float, ...],
    extra: Mapping[str, object],
    again: Again | None,
) -> Result:
    operator, windows = measured.operator, measured.windows
    found = again.figures(samples, ()) if again and samples else Figures({}, {})
    more: dict[str, object] = dict(found.sureness)
    if windows and window == "burst":
        more |= {"burst_window_s": windows.burst_window_s, "set_aside": windows.set_aside}
    if windows and windows.limiter:
        more["limiter"] = windows.limiter.to_json()
    # a burst is what was seen before it settled, or did not: only the sustained figure is unstable
    unstable = windows is not None and window == "sustained" and windows.validity != "valid"
    return Result(
        name=operator.name,
        format=operator.format,
        variant=measured.variant,
        window=window,
        data=operator.data if isinstance(operator, Matmul) else "normal",
        shape=operator.shape,
        operations=operator.operations,
        bytes=operator.bytes,
        warmups=windows.warmups if windows else (),
        samples=samples,
        metrics=found.metrics,
        check=measured.check,
        validity="invalid" if windows is None else "unstable" if unstable else "valid",
        notes=tuple(dict.fromkeys((*measured.notes, *(windows.notes if windows else ())))),
        extra={**extra, **more},
        telemetry=windows.telemetry if windows else (),
        again=again if window == "sustained" else None,
    )


def typical(windows: Windows) -> float:
    """Seconds of a call in the steady state."""
    return median(windows.sustained)
