"""Questions asked of a device: the best rate by format, the bandwidth, the speed of a model.

Each is a generator `run(device, plan)` of results, so that what is finished is kept when a run stops.
"""

from collections.abc import Callable, Iterable, Iterator

from greenzone.lab.devices.base import Device
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.workloads import inference, matmul, memory
from greenzone.lab.workloads.plan import Plan

Workload = Callable[[Device, Plan], Iterator[Result | NotMeasured]]

WORKLOADS: dict[str, Workload] = {"matmul": matmul.run, "memory": memory.run, "inference": inference.run}


def left_out(workloads: Iterable[str], suite: str) -> list[str]:
    """The names of rows that a longer suite has and this one leaves out, of the workloads that are run."""
    return memory.left_out(suite) if "memory" in workloads else []


__all__ = ["WORKLOADS", "Plan", "Workload", "inference", "left_out", "matmul", "memory"]
