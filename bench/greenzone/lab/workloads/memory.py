"""Memory bandwidth: copy, triad and read over arrays far larger than the last cache."""

from collections.abc import Iterator
from dataclasses import replace

from greenzone.errors import DeviceError
from greenzone.lab.devices.base import Device
from greenzone.lab.measure import judge
from greenzone.lab.operators import Copy, Operator, Read, Triad
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.workloads.plan import Plan, is_processor, measure_first_that_fits, results

_TIMES_CACHE = 8
_LEAST_BYTES = 2**30  # on an accelerator, so that latency at the start and end is a small part
_ALIGNED = 4096
# A processor reads a line before it writes it, unless it is told not to, and torch does not tell it:
# the bus carries one more array than the program counts. Accelerators write without reading.
_WRITE_ALLOCATE = {"memory.copy": 3 / 2, "memory.triad": 4 / 3, "memory.read": 1.0}


def run(device: Device, plan: Plan) -> Iterator[Result | NotMeasured]:
    """A burst and a sustained result for each stream, or why there is none."""
    sizes, notes = _sizes(device)
    for kind in (Copy, Triad, Read):
        try:
            yield from _stream(device, [kind(size) for size in sizes], plan, notes)
        except DeviceError as error:
            yield NotMeasured(str(kind.name), None, str(error))


def _stream(device: Device, operators: list[Operator], plan: Plan, notes: list[str]) -> Iterator[Result]:
    measured = measure_first_that_fits(device, operators, plan)
    measured = replace(measured, notes=(*notes, *measured.notes))
    operator = measured.operator
    extra: dict[str, object] = {"ceiling": device.ceiling_bandwidth_gb_s()}
    if is_processor(device):
        extra["bus_bytes"] = operator.bytes * _WRITE_ALLOCATE[operator.name]
    for result in results(measured, "bandwidth_gb_s", operator.bytes / 1e9, extra):
        yield judge(result, device.ceiling_bandwidth_gb_s())


def _sizes(device: Device) -> tuple[list[int], list[str]]:
    """Bytes of one array, the largest first, and what to say of them."""
    wanted = _TIMES_CACHE * device.last_level_cache_bytes
    if not is_processor(device):
        largest = max(wanted, _LEAST_BYTES)
        return [_aligned(largest), _aligned(largest // 2), _aligned(largest // 4)], []
    room = device.free_bytes // 8 if device.free_bytes else wanted
    notes = []
    if room < wanted:
        notes.append(
            f"arrays of {room / 2**20:.4g} MiB, an eighth of the free memory, "
            f"in place of {_TIMES_CACHE} times the cache"
        )
    largest = min(wanted, room)
    return [_aligned(largest), _aligned(largest // 2)], notes


def _aligned(size: int) -> int:
    return max(_ALIGNED, size // _ALIGNED * _ALIGNED)
