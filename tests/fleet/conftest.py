"""A fleet whose engine is a script: what each device answers is written down before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from greenzone.fleet.engines import child
from greenzone.fleet.engines.engine import Answer, Answers, Job, Slot, Told
from greenzone.fleet.engines.process import newest
from greenzone.lab.harness import Request

ASKED: dict[str, Any] = {"workloads": ("interconnect",)}


@dataclass
class Scripted:
    """An engine of these places; `answer` says what becomes of a job."""

    slots: Sequence[Slot]
    answer: Callable[[Job], Answer]
    asked: list[Job] = field(default_factory=list)

    def devices(self, names: Sequence[str]) -> Sequence[Slot]:
        return self.slots

    def run(self, jobs: Sequence[Job], told: Told) -> Answers:
        for job in jobs:
            self.asked.append(job)
            told(job.number, "interconnect.host_to_device")
            yield self.answer(job)


def measured(job: Job) -> Answer:
    """The job done in this process, as a sound engine does it."""
    end, why = child.measured(job.request, job.begun, lambda text: None)
    return Answer(job.number, end, why or None, newest(job.request.folder), 1.0)


@pytest.fixture
def sound() -> Callable[[Job], Answer]:
    """How a sound engine answers a job."""
    return measured


@pytest.fixture
def fleet_request() -> Request:
    """The fewest benchmarks there are."""
    return Request(**ASKED)


@pytest.fixture
def scripted() -> Callable[..., Scripted]:
    """An engine of the devices named, all on one node unless `node` says otherwise."""

    def make(*devices: str, answer: Callable[[Job], Answer] = measured, node: str = "a") -> Scripted:
        return Scripted([Slot(node, device, device) for device in devices], answer)

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the fleet's roll and records go."""
    return tmp_path / "fleet"
