"""The engine of one device: measured in this process, where a debugger sees it."""

import time
from collections.abc import Sequence
from functools import partial

from greenzone.fleet.engines import local
from greenzone.fleet.engines.child import measured
from greenzone.fleet.engines.engine import Answer, Answers, Job, Slot, Told
from greenzone.fleet.engines.process import newest


class InProcessEngine:
    """Devices one after another, none apart: one that hangs or dies takes the run with it."""

    def devices(self, names: Sequence[str]) -> Sequence[Slot]:
        return local.slots(names, masked=False)

    def run(self, jobs: Sequence[Job], told: Told) -> Answers:
        for job in jobs:
            began = time.monotonic()
            end, why = measured(job.request, job.begun, partial(told, job.number))
            yield Answer(job.number, end, why or None, newest(job.request.folder), time.monotonic() - began)
            if end == "stopped":
                raise KeyboardInterrupt
