"""The engine of a cluster: Ray reserves every accelerator at once and keeps one worker on each (extra `fleet`).

A placement group with a bundle for each device is what makes sure that each is measured exactly once: among
plain tasks a quick one would free its device for the next. A worker measures in a child process, as the
engine of one node does, and sends the record's JSON document, which is validated where it arrives.
"""

import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from greenzone.errors import DeviceError, UsageError
from greenzone.fleet.engines import local
from greenzone.fleet.engines.engine import Answer, Answers, End, Job, Slot, Told
from greenzone.fleet.engines.lanes import answers, lanes_of
from greenzone.fleet.engines.ray_worker import Worker
from greenzone.records.store import write_document

PLACING_S = 60.0  # for the accelerators to be free
ROLL_CALL_S = 180.0  # for a node to start a worker, on a busy machine
LATE_S = 60.0  # beside the time a device may take: after so long it is the node that does not answer
_COLOUR = re.compile("\x1b\\[[0-9;]*m")


@contextmanager
def cluster(address: str, timeout_s: float, serial: bool = False) -> Iterator["RayEngine"]:
    """An engine on a cluster, which is left as it was found.

    Args:
        address: auto, local for one that is started here and ended, or host:port.
        timeout_s: for each device.
        serial: devices of a node take turns.

    Raises:
        UsageError: Ray is not installed.
        DeviceError: there is no cluster.
    """
    ray = _ray()
    try:
        more = {"include_dashboard": False} if address == "local" else {}
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **more)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise DeviceError(
            f"no Ray cluster answers at {address} ({str(error).splitlines()[0]}); start one with `ray start --head`, "
            "or use this machine alone with --address local"
        ) from None
    engine = RayEngine(ray, timeout_s, serial)
    try:
        yield engine
    finally:
        engine.close()
        ray.shutdown()


def _ray() -> Any:
    # Nothing of a fleet is told to anyone else (docs.ray.io, "Usage Stats Collection").
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise UsageError("--engine ray needs Ray: pip install 'greenzone[fleet]'") from None
    return ray


@dataclass(frozen=True, slots=True)
class _Seat:
    """A worker that has answered the roll call, and where it sits."""

    worker: Any
    node: str
    accelerator: str | None


class RayEngine:
    """The accelerators of a cluster; an emulated device takes the place of one, or of a core where there is none."""

    def __init__(self, ray: Any, timeout_s: float, serial: bool) -> None:
        self._ray, self._timeout_s, self._serial = ray, timeout_s, serial
        self._group: Any = None
        self._seats: dict[tuple[str, str], list[Any]] = {}

    def devices(self, names: Sequence[str]) -> Sequence[Slot]:
        wanted = [device for name in names for device in local.single(name)]
        if others := [device for device in wanted if not device.startswith("emulated:")]:
            raise UsageError(
                f"--device {others[0]}: a cluster's accelerators are measured all, or emulated ones in their place; "
                "leave --device out"
            )
        kind, count = self._places(len(wanted))
        seats, silent = self._called(self._reserved(kind, count))
        slots = []
        for place, seat in enumerate(seats):
            device = wanted[place] if wanted else f"cuda:{seat.accelerator}"
            slots.append(Slot(seat.node, device, device if wanted else "cuda:0"))
            self._seats.setdefault((seat.node, device), []).append(seat.worker)
        late = wanted[len(seats) :] or [f"accelerator {n}" for n in range(len(seats), count)]
        return slots + [Slot("", device, device, why=why) for device, why in zip(late, silent, strict=True)]

    def run(self, jobs: Sequence[Job], told: Told) -> Answers:
        workers = {job.number: self._seats[job.slot.node, job.slot.device].pop(0) for job in jobs}

        def measure(job: Job) -> Answer:
            return self._measured(workers[job.number], job, partial(told, job.number))

        def stop() -> None:
            for worker in workers.values():
                worker.stop.remote()

        return answers(lanes_of(jobs, self._serial), measure, stop, len(jobs))

    def close(self) -> None:
        """Give every place back."""
        if self._group is not None:
            with suppress(Exception):  # the cluster may be gone
                self._ray.util.remove_placement_group(self._group)

    def _places(self, wanted: int) -> tuple[str, int]:
        """The resource a device takes, and how many are to be reserved."""
        has = self._ray.cluster_resources()
        gpus, cores = int(has.get("GPU", 0)), int(has.get("CPU", 0))
        if not wanted and not gpus:
            raise DeviceError(
                "this cluster has no GPU; start its nodes with `ray start --num-gpus N`, "
                "or emulate a fleet with --device emulated:8xnvidia-h20"
            )
        kind, most = ("GPU", gpus) if gpus else ("CPU", cores)
        if wanted > most:
            raise DeviceError(f"{wanted} devices were asked for, and this cluster has places for {most} ({kind})")
        return kind, wanted or gpus

    def _reserved(self, kind: str, count: int) -> list[Any]:
        """A worker in each bundle of a placement group."""
        from ray.util.placement_group import placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        self._group = placement_group([{kind: 1}] * count, strategy="PACK")
        if not self._group.wait(PLACING_S):
            raise DeviceError(
                f"the cluster did not give {count} {kind} in {PLACING_S:g} s; others hold them (`ray status` says who)"
            )
        remote = self._ray.remote(Worker)
        takes = {"num_gpus": 1, "num_cpus": 0} if kind == "GPU" else {"num_cpus": 1}
        # Two calls at once: one measures, the other stops it.
        options = {**takes, "max_restarts": 0, "max_task_retries": 0, "max_concurrency": 2}
        places = [PlacementGroupSchedulingStrategy(self._group, bundle) for bundle in range(count)]
        return [remote.options(**options, scheduling_strategy=place).remote() for place in places]

    def _called(self, workers: Sequence[Any]) -> tuple[list[_Seat], list[str]]:
        """Those that answer, by node and accelerator, and why each of the others does not."""
        calls = {worker.where.remote(): worker for worker in workers}
        answered, waiting = self._ray.wait(list(calls), num_returns=len(calls), timeout=ROLL_CALL_S)
        seats, silent = [], [f"its node did not answer in {ROLL_CALL_S:g} s" for _ in waiting]
        nodes = self._node_names()
        for call in answered:
            try:
                node, accelerator = self._ray.get(call)
                seats.append(_Seat(calls[call], nodes[node], accelerator))
            except self._ray.exceptions.RayError as error:
                silent.append(f"no worker could start there ({_words(error)}); every node needs this greenzone")
        return sorted(seats, key=lambda seat: (seat.node, int(seat.accelerator or 0))), silent

    def _node_names(self) -> Mapping[str, str]:
        """By Ray's id of a node its host name; with the id's beginning where a host has several nodes."""
        hosts = {node["NodeID"]: node["NodeManagerHostname"] for node in self._ray.nodes() if node["Alive"]}
        times = Counter(hosts.values())
        return {own: host if times[host] == 1 else f"{host}.{own[:4]}" for own, host in hosts.items()}

    def _measured(self, worker: Any, job: Job, told: Any) -> Answer:
        began = time.monotonic()
        begun = job.begun.read_text("utf-8") if job.begun else None
        stream = worker.measure.remote(job, begun, self._timeout_s)
        answer = Answer(job.number, "failed", "its worker ended without an answer")
        try:
            for kind, content in self._items(stream):
                if kind == "finished":
                    told(content)
                else:
                    answer = _arrived(job, *content)
        except TimeoutError:
            self._ray.kill(worker)
            answer = Answer(job.number, "late", f"its node did not answer in {self._timeout_s + LATE_S:g} s")
        except self._ray.exceptions.RayError as error:
            answer = Answer(job.number, "failed", f"its worker died: {_words(error)}")
        return replace(answer, seconds=time.monotonic() - began)

    def _items(self, stream: Any) -> Iterator[Any]:
        """What a worker sends, as it comes.

        Raises:
            TimeoutError: the node says nothing any more.
        """
        until = time.monotonic() + self._timeout_s + LATE_S
        while True:
            ready, _ = self._ray.wait([stream], timeout=max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError
            try:
                yield self._ray.get(next(stream))
            except StopIteration:
                return


def _arrived(job: Job, end: End, why: str | None, record: tuple[str, str] | None) -> Answer:
    """The answer, its record written to the fleet's folder under the name it had on its node."""
    if record is None:
        return Answer(job.number, end, why)
    name, document = record
    path: Path = job.request.folder / name
    if not path.resolve().is_relative_to(job.request.folder.resolve()):
        return Answer(job.number, "failed", f"its record is named {name!r:.80}, which is outside the fleet's folder")
    if job.begun and job.begun != path:
        job.begun.replace(job.begun.with_suffix(".json.old"))  # the worker could not go on with it
    write_document(document, path)
    return Answer(job.number, end, why, path)


def _words(error: Exception) -> str:
    """One line of what Ray says: the first, or the last of a traceback."""
    lines = [line.strip() for line in _COLOUR.sub("", str(error)).splitlines() if line.strip()]
    words = lines or [type(error).__name__]
    return words[-1 if "ray::" in words[0] else 0][:200]
