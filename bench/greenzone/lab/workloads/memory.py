"""Memory bandwidth: streams over arrays far larger than the last cache, then a sweep of smaller ones."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from greenzone.errors import DeviceError
from greenzone.lab.devices.base import Device
from greenzone.lab.measure import judge
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.streams import STREAMS, Copy, Read, Stream, Triad, Update
from greenzone.lab.workloads import sweep
from greenzone.lab.workloads.plan import Plan, is_processor, measure_first_that_fits, results

_TIMES_CACHE = 8
_LEAST_BYTES = 2**30  # on an accelerator, so that latency at the start and end is a small part
_ALIGNED = 4096
# What others report, and the one whose counted bytes are all that a processor's bus carries.
_QUICK: tuple[type[Stream], ...] = (Copy, Triad, Read, Update)


def run(device: Device, plan: Plan) -> Iterator[Result | NotMeasured]:
    """A burst and a sustained result for each stream, or why there is none; then the sweep."""
    sizes, notes = array_sizes(device)
    for kind in _chosen(plan.suite):
        try:
            yield from _stream(device, [kind(size) for size in sizes], plan, notes)
        except DeviceError as error:
            yield NotMeasured(kind.name, None, str(error))
    yield from sweep.run(device, plan, sizes[0])


def left_out(suite: str) -> list[str]:
    """The names of the streams that a suite does not run."""
    chosen = _chosen(suite)
    return [kind.name for kind in STREAMS if kind not in chosen]


def _chosen(suite: str) -> Sequence[type[Stream]]:
    return _QUICK if suite == "quick" else STREAMS


def _stream(device: Device, streams: list[Stream], plan: Plan, notes: list[str]) -> Iterator[Result]:
    measured = measure_first_that_fits(device, streams, plan)
    measured = replace(measured, notes=(*notes, *measured.notes))
    stream = next(s for s in streams if s == measured.operator)
    extra: dict[str, object] = {"ceiling": device.ceiling_bandwidth_gb_s()}
    # A processor reads a line before it overwrites it, unless it is told not to, and torch does not
    # tell it. Accelerators write without reading.
    if is_processor(device):
        extra["bus_bytes"] = stream.bus_bytes
    for result in results(measured, "bandwidth_gb_s", stream.bytes / 1e9, extra):
        yield judge(replace(result, data=stream.data), device.ceiling_bandwidth_gb_s())


def array_sizes(device: Device) -> tuple[list[int], list[str]]:
    """Bytes of one array far larger than the last cache, the largest first, and what to say of them."""
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
