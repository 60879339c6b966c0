"""Read bandwidth by working set: a step for each level of cache, and the memory's at the end.

One array is read again and again. Up to the size of the last cache a call reads it several times, and
every thread or unit reads all of it; above that a call reads it once, all of them together, so that
nothing that one has just fetched serves another. The times have the launch of one call in them.
"""

import math
from collections.abc import Iterator

from greenzone.errors import DeviceError
from greenzone.lab.devices.base import Device, Kernel
from greenzone.lab.measure import Windows
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.streams import Sweep
from greenzone.lab.workloads.plan import Measured, Plan, is_processor, prepared, results

_SMALLEST = {"processor": 2**14, "accelerator": 2**16}
# Read in a call as far as a cache holds the set: some 10 ms of a processor, longer than threads wait
# for each other on a busy one, and far above the launch latency of an accelerator.
_CALL_BYTES = 2**30
_STEP = {"quick": 4.0}
_FINE_STEP = math.sqrt(2)
_LOAD_S = {"quick": 0.2}
_LONG_LOAD_S = 0.5
_WARMUPS, _BATCH, _MOST = 3, 10, 1000
_ALIGNED = 4096


def run(device: Device, plan: Plan, largest: int) -> Iterator[Result | NotMeasured]:
    """A burst result for each working set, up to the `largest` in bytes; it ends at the first that gives none."""
    for size in working_sets(device, plan.suite, largest):
        try:
            yield from _point(device, Sweep(size, passes=_passes(device, size)), plan)
        except DeviceError as error:
            yield NotMeasured(Sweep.name, None, f"from a working set of {size} bytes on: {error}")
            return


def working_sets(device: Device, suite: str, largest: int) -> list[int]:
    """Bytes, rising by the suite's step and ending at the largest."""
    smallest = _SMALLEST["processor" if is_processor(device) else "accelerator"]
    step = _STEP.get(suite, _FINE_STEP)
    steps = max(0, math.ceil(math.log(largest / smallest, step) - 1e-9))
    sizes = [round(smallest * step**i / _ALIGNED) * _ALIGNED for i in range(steps)]
    return [*dict.fromkeys(size for size in sizes if size < largest), largest]


def _passes(device: Device, size: int) -> int:
    return 1 if size > device.last_level_cache_bytes else max(1, _CALL_BYTES // size)


def _point(device: Device, operator: Sweep, plan: Plan) -> Iterator[Result]:
    with prepared(device, operator, plan.seed) as kernel:
        check = kernel.check()
        windows = _timed(device, kernel, _LOAD_S.get(plan.suite, _LONG_LOAD_S)) if check.passed else None
        notes = [kernel.note] if kernel.note else []
    if windows is None:
        notes.append(f"wrong result before the timing: error {check.error:.3g} against {check.reference}")
    measured = Measured(operator, kernel.variant, check, windows, tuple(notes))
    yield from results(measured, "bandwidth_gb_s", operator.bytes / 1e9, {}, windows=("burst",))


def _timed(device: Device, kernel: Kernel, seconds: float) -> Windows:
    """A short load: a sweep shows where the steps are, and is no figure to rely on elsewhere."""
    warmups = device.time(kernel, _WARMUPS)
    device.remarks()  # what was noticed before now is not about this load
    samples, began = device.time(kernel, _BATCH), device.now()
    while device.now() - began < seconds and len(samples) < _MOST:
        samples += device.time(kernel, _BATCH)
    return Windows(tuple(warmups), tuple(samples), sum(samples), (), "valid", device.remarks(), ())
