"""Questions asked of a device: the best rate by format, the bandwidth of memory and links, the speed of a model.

Each is a generator `run(device, plan)` of results, so that what is finished is kept when a run stops.
"""

from collections.abc import Callable, Iterator

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

__all__ = ["WORKLOADS", "Plan", "Workload", "inference", "interconnect", "matmul", "memory", "peak"]
