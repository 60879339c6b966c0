"""Questions asked of a device: the best rate by format, the bandwidth of memory and links, the speed of a model.

Each is a generator `run(device, plan)` of results, so that what is finished is kept when a run stops.
"""

from collections.abc import Callable, Iterable, Iterator

from greenzone.lab.devices.base import Device
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.workloads import inference, interconnect, matmul, memory, peak
from greenzone.lab.workloads.plan import Plan

Workload = Callable[[Device, Plan], Iterator[Result | NotMeasured]]

WORKLOADS: dict[str, Workload] = {
    "matmul": matmul.run,
    "peak": peak.run,
    "memory": memory.run,
    "interconnect": interconnect.run,
    "inference": inference.run,
}


def left_out(workloads: Iterable[str], suite: str) -> list[str]:
    """What a longer suite has and this one leaves out, of the workloads that are run, in words."""
    named = tuple(workloads)
    found = memory.left_out(suite) if "memory" in named else []
    if suite == "quick":
        found += ["the search of shapes", "low-toggle data"] if "matmul" in named else []
        found += ["some formats of the peak"] if "peak" in named else []
    return [*found, "the repeats of --suite lab"] if suite != "lab" else found


__all__ = ["WORKLOADS", "Plan", "Workload", "inference", "interconnect", "left_out", "matmul", "memory", "peak"]
