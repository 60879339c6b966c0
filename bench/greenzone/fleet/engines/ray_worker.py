"""What sits on one accelerator of a Ray cluster: it starts a child that measures it, and sends what comes of it."""

import os
import queue
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from greenzone.fleet.engines.engine import Job
from greenzone.fleet.engines.process import Child


class Worker:
    """A Ray actor; Ray has set the mask that hides every other accelerator of the node."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._stopping = False

    def where(self) -> tuple[str, str | None]:
        """Ray's id of the node, and of the accelerator on it if the place is one."""
        import ray

        context = ray.get_runtime_context()
        found = context.get_accelerator_ids().get("GPU")
        return context.get_node_id(), found[0] if found else None

    def measure(self, job: Job, begun: str | None, timeout_s: float) -> Iterator[tuple[str, Any]]:
        """Each benchmark finished, then how it ended, why, and the name and JSON document of its record.

        The record is written to a folder that lasts as long as the call: the fleet's own may be out of reach.
        """
        with tempfile.TemporaryDirectory(prefix="greenzone-") as name:
            folder = Path(name)
            own = replace(job, request=replace(job.request, folder=folder), slot=_whole(job))
            if begun is not None and job.begun is not None:
                own = replace(own, begun=folder / job.begun.relative_to(job.request.folder))
                _put(begun, own.begun)
            yield from self._told(own, timeout_s, folder)

    def stop(self) -> None:
        """Ask the child to stop and keep what it has."""
        self._stopping = True
        if self._child is not None:
            self._child.stop()

    def _told(self, job: Job, timeout_s: float, folder: Path) -> Iterator[tuple[str, Any]]:
        """What the child says, handed from the thread that waits for it to this generator."""
        said: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._child = Child(job, timeout_s)
        if self._stopping:
            self._child.stop()

        def listen(child: Child) -> None:
            said.put(("answer", child.answer(lambda text: said.put(("finished", text)))))

        threading.Thread(target=listen, args=(self._child,), daemon=True).start()
        while (item := said.get())[0] != "answer":
            yield item
        answer = item[1]
        path = answer.record
        record = (path.relative_to(folder).as_posix(), path.read_text("utf-8")) if path else None
        yield "answer", (answer.end, answer.why, record)


def _whole(job: Job) -> Any:
    """The slot with the threads of its node: Ray allows one where no core is reserved, and a GPU's checks need more."""
    threads = {} if job.slot.device.startswith("emulated:") else {"OMP_NUM_THREADS": str(os.cpu_count() or 1)}
    mask: Mapping[str, str] = {**job.slot.environment, **threads}
    return replace(job.slot, environment=mask)


def _put(document: str, path: Path | None) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document, "utf-8")
