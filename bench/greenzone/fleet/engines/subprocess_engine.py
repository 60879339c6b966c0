"""The engine of one node: a process for each device, at once or in turns."""

import os
from collections.abc import Sequence
from functools import partial

from greenzone.fleet.engines import local
from greenzone.fleet.engines.engine import Answer, Answers, Job, Slot, Told
from greenzone.fleet.engines.lanes import answers, lanes_of
from greenzone.fleet.engines.process import Child


class SubprocessEngine:
    """The devices of this machine, each in a process that sees no other, or in turns, in sight of the others.

    Args:
        timeout_s: for each device; one that takes longer is ended, and is late.
        serial: one device after another, for what devices of a host share: links, memory, power.
    """

    def __init__(self, timeout_s: float, serial: bool = False) -> None:
        self._timeout_s, self._serial = timeout_s, serial
        self._children: dict[int, Child] = {}
        self._stopping = False

    def devices(self, names: Sequence[str]) -> Sequence[Slot]:
        return local.slots(names, masked=not self._serial)

    def run(self, jobs: Sequence[Job], told: Told) -> Answers:
        def measure(job: Job) -> Answer:
            self._children[job.number] = child = Child(job, self._timeout_s)
            if self._stopping:  # it was begun as the others were told to stop
                child.stop()
            return child.answer(partial(told, job.number))

        return answers(lanes_of(jobs, self._serial), measure, self._stop, _at_once(jobs))

    def _stop(self) -> None:
        self._stopping = True
        for child in list(self._children.values()):
            child.stop()


def _at_once(jobs: Sequence[Job]) -> int:
    """All devices; of emulated ones, whose work is the processor's, as many as it has cores to spare."""
    emulated = all(job.slot.device.startswith("emulated:") for job in jobs)
    return min(len(jobs), os.cpu_count() or 1) if emulated else len(jobs)
