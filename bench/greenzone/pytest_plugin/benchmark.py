"""Device work inside pytest-benchmark, so that its statistics hold the device's seconds and nothing of the host's.

pytest-benchmark reads a timer before and after each round, and calibrates how often to call between the two.
Neither suits a device: launches return before the work is done, and an emulated clock stands still between
calls, so that calibration finds no precision to calibrate by. So the device times a batch by its own clock, as
`greenzone run` does, and the samples are then played to pytest-benchmark, one a round, through a timer that
reads what the device said.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from greenzone.errors import GreenzoneError
from greenzone.pytest_plugin import DEVICE, device_of

if TYPE_CHECKING:
    from greenzone.lab.devices.base import Device
    from greenzone.lab.operators import Operator
    from greenzone.lab.results import Result
    from greenzone.lab.workloads import Plan
    from greenzone.lab.workloads.plan import Measured
    from greenzone.records.record import Row

# What identifies a device in machine_info, so that comparisons of other devices' figures are warned of.
IDENTITY = (
    "id", "name", "kind", "emulated", "profile", "uuid", "capability", "memory_bytes", "units", "torch", "cuda", "hip",
)  # fmt: skip
# What extra_info leaves to pytest-benchmark or to a record: the series.
SERIES = {"samples", "warmups", "telemetry", "rounds", "repeats", "measured"}


class DeviceSeconds:
    """A timer that plays back the seconds a device told, one sample a round."""

    __name__ = "device_seconds"  # what pytest-benchmark's JSON calls it

    def __init__(self) -> None:
        self._left: Iterator[float] = iter(())
        self._now = 0.0

    def __call__(self) -> float:
        return self._now

    def load(self, samples: Sequence[float]) -> None:
        """Play these, seconds each."""
        self._left = iter(samples)

    def rewind(self) -> None:
        """Begin a round at zero, so that its sample is the device's to the last digit."""
        self._now = 0.0

    def advance(self) -> None:
        """One call's seconds pass; none where pytest-benchmark asks once more, as to profile it."""
        self._now += next(self._left, 0.0)


TIMER = pytest.StashKey[DeviceSeconds]()
ROWS = pytest.StashKey[list["Row"]]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give the test's benchmark the device's seconds for a timer, beside what the test itself asks of it."""
    if "greenzone_benchmark" not in getattr(item, "fixturenames", ()):
        return
    timer = item.stash[TIMER] = DeviceSeconds()
    own = item.get_closest_marker("benchmark")
    args, kwargs = (own.args, own.kwargs) if own else ((), {})
    item.add_marker(pytest.mark.benchmark(*args, **{**kwargs, "timer": timer}), append=False)


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Which device it was, where one was used."""
    if (device := config.stash.get(DEVICE, None)) is not None:
        machine_info["greenzone"] = identity(device)


@pytest.hookimpl(tryfirst=True)
def pytest_benchmark_compare_machine_info(
    config: pytest.Config, machine_info: dict[str, Any], compared_benchmark: Mapping[str, Any]
) -> None:
    """Saved figures name a device: open this session's early, for pytest-benchmark compares before any test runs."""
    if "greenzone" in compared_benchmark["machine_info"]:
        try:
            machine_info["greenzone"] = identity(device_of(config))
        except GreenzoneError as error:
            raise pytest.UsageError(str(error)) from None


def identity(device: "Device") -> dict[str, Any]:
    """What tells a device from another, without what changes from run to run."""
    told = device.describe()
    return {key: told[key] for key in IDENTITY if told.get(key) is not None}


@pytest.fixture
def greenzone_benchmark(
    request: pytest.FixtureRequest, greenzone_device: "Device", benchmark: Any
) -> "DeviceBenchmark":
    """Times an operator, or a function that launches device work, by the device's own clock."""
    request.config.stash[DEVICE] = greenzone_device  # which may be a fixture of the user's own
    return DeviceBenchmark(greenzone_device, benchmark, request.node)


class DeviceBenchmark:
    """What `greenzone_benchmark` gives: call it once a test."""

    def __init__(self, device: "Device", benchmark: Any, item: pytest.Item) -> None:
        self.device = device
        self._benchmark, self._item = benchmark, item

    def __call__(
        self,
        work: "Operator | Callable[[], object]",
        *,
        window: str = "sustained",
        suite: str = "quick",
        seed: int = 0,
        operations: float = 0.0,
        bytes: float = 0.0,
        format: str | None = None,
        shape: Mapping[str, int] | None = None,
    ) -> "Result":
        """Measure on the device, and give every sample to pytest-benchmark.

        Args:
            work: an operator, checked against a reference before it is timed; or a function without arguments
                that launches work on the device's current stream, which is neither checked nor evidence.
            window: burst, from a cold start, or sustained.
            suite: how long to measure, as `greenzone run --suite`.
            seed: of an operator's data.
            operations: of one call of a function, two for each multiply-accumulate.
            bytes: that one call of a function moves.
            format: of a function's numbers.
            shape: sizes of a function's work, by name.

        Returns:
            The result with its metrics: `rate_tops` or `bandwidth_gb_s`, or `calls_per_s` for a function of which
            nothing is counted. Where benchmarks are disabled the work runs once, and the test is skipped: a test
            that looks at a rate has none to look at.

        Raises:
            DeviceError: the device has no path for the operator, or it failed.
            OutOfMemory: it does not fit.
        """
        operator = self._operator(work, operations, bytes, format, shape or {})
        plan = _plan(window, suite, seed)
        if not self._benchmark.enabled:
            self._benchmark.pedantic(lambda: _once(self.device, operator, seed))
            pytest.skip("benchmarks are disabled: the work ran once, and nothing was measured")
        result = self._sound(_result(self.device, operator, plan, window))
        self._keep(result)
        self._play(result.samples)
        return result

    def _operator(
        self, work: Any, operations: float, bytes: float, format: str | None, shape: Mapping[str, int]
    ) -> "Operator":
        from greenzone.lab.call import Call

        if not callable(work):
            if operations or bytes or format or shape:
                pytest.fail("an operator counts for itself: leave out operations, bytes, format and shape")
            operator: Operator = work
            return operator
        if self.device.emulated:
            pytest.skip(
                f"{self.device.id} times operators by its model and runs no function of the user's own; "
                "choose a real device with --greenzone-device cpu or cuda:0"
            )
        return Call.of(work, operations, bytes, format, shape)

    def _sound(self, result: "Result") -> "Result":
        if result.validity == "invalid":
            pytest.fail(f"{result.name} {result.format or ''}: invalid: {result.notes[-1]}", pytrace=False)
        return result

    def _keep(self, result: "Result") -> None:
        """What is known beside the seconds, for extra_info, and for a marker `within`."""
        from greenzone.lab.harness import profile_of, row_of

        row = row_of(result, self.device.emulated, profile_of(self.device))
        self._item.stash.setdefault(ROWS, []).append(row)
        told = row.model_dump(mode="json", exclude_none=True, exclude=SERIES)
        self._benchmark.extra_info.update({"device": self.device.id, **told})

    def _play(self, samples: Sequence[float]) -> None:
        timer = self._item.stash[TIMER]
        timer.load(samples)
        self._benchmark.pedantic(timer.advance, setup=timer.rewind, rounds=len(samples), iterations=1)


def _plan(window: str, suite: str, seed: int) -> "Plan":
    from greenzone.lab.measure import BUDGETS
    from greenzone.lab.workloads import Plan

    for name, value, allowed in (("window", window, ("burst", "sustained")), ("suite", suite, tuple(BUDGETS))):
        if value not in allowed:
            pytest.fail(f"{name} is {value!r}; allowed: {', '.join(allowed)}", pytrace=False)
    known: Any = suite
    return Plan(known, seed=seed)


def _once(device: "Device", operator: "Operator", seed: int) -> None:
    """Run the work, untimed: an operator against its reference."""
    from greenzone.lab.call import Call
    from greenzone.lab.workloads.plan import prepared

    with prepared(device, operator, seed) as kernel:
        if isinstance(operator, Call):
            kernel.launch()
            device.synchronise()
        elif not (check := kernel.check()).passed:
            pytest.fail(f"{operator.name}: wrong result: error {check.error:.3g}, {check.tolerance:.3g} allowed")


def _result(device: "Device", operator: "Operator", plan: "Plan", window: Any) -> "Result":
    """One window of the operator, with a metric for each of its counts that means something."""
    from greenzone.lab.measure import judge
    from greenzone.lab.workloads.plan import figures, results

    measured = _measured(device, operator, plan)
    (first, amount), *others = _amounts(operator).items()
    (result,) = results(measured, first, amount, {}, windows=[window])
    more = {name: figures(name, value, result.samples).metrics[name] for name, value in others if result.samples}
    result = replace(result, metrics={**result.metrics, **more})
    return judge(result, _ceiling(device, operator, first))


def _measured(device: "Device", operator: "Operator", plan: "Plan") -> "Measured":
    from greenzone.lab.call import Call
    from greenzone.lab.measure import measure_windows
    from greenzone.lab.workloads.plan import Measured, measure_first_that_fits, prepared

    if not isinstance(operator, Call):
        return measure_first_that_fits(device, [operator], plan)
    with prepared(device, operator, plan.seed) as kernel:
        windows = measure_windows(device, kernel, budget=plan.budget)
        return Measured(operator, kernel.variant, None, windows, (kernel.note or "",))


def _amounts(operator: "Operator") -> dict[str, float]:
    """Metrics and what one call counts towards each: 10^12 operations, 10^9 bytes, or the call itself.

    The bytes of an operator that computes are the least it must move, and no bandwidth that was reached.
    """
    from greenzone.lab.call import Call

    streams = operator.name.startswith("memory.")
    found = {} if streams or not operator.operations else {"rate_tops": operator.operations / 1e12}
    if streams or (operator.bytes and (isinstance(operator, Call) or not found)):
        found["bandwidth_gb_s"] = operator.bytes / 1e9
    return found or {"calls_per_s": 1.0}


def _ceiling(device: "Device", operator: "Operator", metric: str) -> float | None:
    if metric == "rate_tops" and operator.format:
        return device.ceiling_tops(operator.format)
    # A sweep of working sets runs in caches, which have no ceiling here.
    return device.ceiling_bandwidth_gb_s() if metric == "bandwidth_gb_s" and "sweep" not in operator.name else None
