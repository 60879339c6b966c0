"""A workload in a child process, watched: one that hangs or dies is ended, and the run goes on.

The child opens the device itself and sends each row as it is finished. A child that says nothing for too
long is killed; the format it was at is not measured, and another child goes on with those after it.
"""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from greenzone.errors import DeviceError, GreenzoneError
from greenzone.lab.results import HANGS
from greenzone.lab.workloads import Plan
from greenzone.records.record import Row

START_S = 180.0  # a child may take long to import what it needs on a busy machine
BY_FORMAT = ("matmul", "peak")  # workloads whose rows come format by format
# (name of the workload, plan) -> rows; made in the child, so that nothing of a device crosses over
Work = Callable[[str, Plan], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class Watched:
    """How a workload is run apart.

    Args:
        work: gives the rows of a workload; a function or object that can be sent to a child.
        silence_s: how long a child may say nothing.
        formats: of the device, in the order a workload takes them.
        again: what a child does that goes on after one that failed; the same if none is given.
    """

    work: Work
    silence_s: float
    formats: Sequence[str]
    again: Work | None = None

    def rows(self, name: str, plan: Plan) -> Iterator[Row]:
        """The rows of a workload; where a child hung or died, a row that says so.

        Raises:
            DeviceError: the child could not use the device at all.
        """
        left, work = self._order(name, plan), self.work
        while True:
            done: list[str] = []
            failure = None
            for item in self._child(work, name, plan):
                if isinstance(item, str):
                    failure = item
                else:
                    done += [item.format] if item.format else []
                    yield item
            if failure is None:
                return
            culprit = next((f for f in left or () if f not in done), None)
            yield Row(name=name, format=culprit, measured=False, reason=failure)
            left = _after(left, culprit)
            if not left:
                return
            plan, work = replace(plan, formats=tuple(left)), self.again or self.work

    def _order(self, name: str, plan: Plan) -> Sequence[str] | None:
        """The formats in the order a workload takes them; None where it does not go by format, or chooses itself."""
        if plan.formats and name in BY_FORMAT:
            return plan.formats
        return self.formats if name == "matmul" else None

    def _child(self, work: Work, name: str, plan: Plan) -> Iterator[Row | str]:
        """What one child sends: rows, and at the end why it failed, if it did."""
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_send, args=(sender, work, name, plan), daemon=True)
        process.start()
        sender.close()
        try:
            yield from self._received(receiver, process)
        finally:
            process.kill()
            process.join()
            receiver.close()

    def _received(self, receiver: Connection, process: Any) -> Iterator[Row | str]:
        limit_s = max(START_S, self.silence_s)
        while True:
            if not receiver.poll(limit_s):
                yield f"no answer for {limit_s:g} s: {HANGS}; it was ended, and the run went on without it"
                return
            try:
                kind, content = receiver.recv()
            except EOFError:
                process.join()
                yield f"the process that measured it died ({ending(process.exitcode)}); the run went on without it"
                return
            limit_s = self.silence_s
            if kind == "row":
                yield Row.model_validate(content)
            elif kind == "failed":
                raise DeviceError(content)
            elif kind == "broke":
                yield f"it broke ({content}); the run went on without it"
                return
            elif kind == "end":
                return


def _after(formats: Sequence[str] | None, culprit: str | None) -> Sequence[str]:
    """The formats that come after the one at which a child ended."""
    if formats is None or culprit is None:
        return ()
    return tuple(formats)[list(formats).index(culprit) + 1 :]


def ending(code: int | None) -> str:
    """An exit code in words.

    >>> ending(-9), ending(3)
    ('killed by SIGKILL', 'exit code 3')
    """
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _send(sender: Connection, work: Work, name: str, plan: Plan) -> None:
    """The child: send every row, then the end, or why there is none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    try:
        rows = work(name, plan)  # what it imports and opens first takes long, and is no silence
        sender.send(("ready", None))
        for row in rows:
            sender.send(("row", row.model_dump(mode="json")))
        sender.send(("end", None))
    except GreenzoneError as error:
        sender.send(("failed", str(error)))
    except Exception as error:  # noqa: BLE001 - whatever a driver throws, the rest of the run goes on
        sender.send(("broke", f"{type(error).__name__}: {error}".splitlines()[0][:200]))
    finally:
        sender.close()
