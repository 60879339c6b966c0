"""What an engine promises: to say which devices there are, and to measure each of them exactly once.

An engine places work and nothing else: a device is measured by the harness, in a process of its own
(`greenzone.fleet.engines.child`) or in this one. It does not try anything twice.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from greenzone.lab.harness import Request

# How a device's run ended, as the engine sees it; what its record says is another matter.
End = Literal["ended", "failed", "missing", "late", "stopped"]
Told = Callable[[int, str], None]  # number of the device, the benchmark it finished; called from any thread
Answers = Generator["Answer", None, None]


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the fleet: a device as it is called on its node.

    `seen_as` is its name in a process whose environment is `environment`, where a mask hides every other
    device; `why` says why it cannot be measured, where that is known from the beginning.
    """

    node: str
    device: str
    seen_as: str
    environment: Mapping[str, str] = field(default_factory=dict)
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One device to be measured, by its number in the roll; `begun` is the record it goes on with."""

    number: int
    slot: Slot
    request: Request
    begun: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a job: how it ended, why, where its record lies if there is one, and how long it took."""

    number: int
    end: End
    why: str | None = None
    record: Path | None = None
    seconds: float = 0.0


class Engine(Protocol):
    """Something that measures the devices of a fleet."""

    def devices(self, names: Sequence[str]) -> Sequence[Slot]:
        """The place of each device named, in this order; of every accelerator there is where none is named.

        Raises:
            DeviceError: there is none, or the engine's cluster cannot be used.
        """

    def run(self, jobs: Sequence[Job], told: Told) -> Answers:
        """Measure each job once and give its answer as it comes. An interrupt ends every process.

        What was under way then answers `stopped`, and the KeyboardInterrupt is raised after the last answer.
        Closed before its end it stops what is under way too, and returns when that has stopped.
        """


def beside(jobs: Iterable[Job], serial: bool) -> dict[int, list[str]]:
    """By number, the devices of the same node that may run at the same time: its siblings, or none in turns."""
    found = list(jobs)
    return {
        job.number: [o.slot.device for o in found if o.slot.node == job.slot.node and o is not job and not serial]
        for job in found
    }
