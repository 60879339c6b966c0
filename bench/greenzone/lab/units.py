"""The parts of a run: a workload with its plan, each measured by itself, so that a run can go on behind any of them.

The laboratory suite measures each workload several times; those runs are parts of their own, and made into one
set of rows behind the last.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from greenzone.lab.devices import Device
from greenzone.lab.workloads import Plan

LAB_RUNS = 3


@dataclass(frozen=True, slots=True)
class Unit:
    """One workload as it is run once; `siblings` are the names of the runs that are made into one, its own the last."""

    name: str
    workload: str
    plan: Plan
    siblings: tuple[str, ...] = ()

    @property
    def is_last(self) -> bool:
        return not self.siblings or self.siblings[-1] == self.name


def units_of(workloads: Sequence[str], plans: Sequence[Plan], device: Device) -> Iterator[Unit]:
    """The parts of a run, in order; only inference looks at the model, the rest runs with the first plan."""
    for workload in workloads:
        for plan in plans if workload == "inference" else plans[:1]:
            name = f"{workload} {plan.model.id}" if workload == "inference" and plan.model else workload
            yield from _repeated(name, workload, plan, device) if plan.suite == "lab" else (Unit(name, workload, plan),)


def _repeated(name: str, workload: str, plan: Plan, device: Device) -> Iterator[Unit]:
    """Several runs, each with data of its own and its formats in an order of its own."""
    names = tuple(f"{name} {n}" for n in range(1, LAB_RUNS + 1))
    for n, own in enumerate(names):
        formats = list(plan.formats or device.formats())
        random.Random(plan.seed + n).shuffle(formats)  # noqa: S311
        yield Unit(own, workload, replace(plan, seed=plan.seed + n, formats=tuple(formats)), names)
