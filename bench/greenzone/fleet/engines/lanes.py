"""Jobs side by side: each lane does its own one after another, and answers are given as they come."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from greenzone.fleet.engines.engine import Answer, Answers, Job

Lane = Sequence[Job]


def lanes_of(jobs: Sequence[Job], serial: bool) -> list[Lane]:
    """A lane for each job; for each node where its devices are to take turns."""
    if not serial:
        return [[job] for job in jobs]
    return [[job for job in jobs if job.slot.node == node] for node in dict.fromkeys(job.slot.node for job in jobs)]


def answers(
    lanes: Sequence[Lane], measure: Callable[[Job], Answer], stop: Callable[[], None], at_once: int
) -> Answers:
    """The answer of every job.

    Args:
        lanes: what is done side by side.
        measure: measures a job; called in a thread.
        stop: makes every call of `measure` under way return soon; called at an interrupt.
        at_once: how many lanes may be under way.

    Raises:
        KeyboardInterrupt: after the answers of what was under way.
    """
    done: SimpleQueue[Answer] = SimpleQueue()
    stopping = threading.Event()

    def work(lane: Lane) -> None:
        for job in lane:
            if not stopping.is_set():
                done.put(_sure(measure, job))

    with ThreadPoolExecutor(max(1, min(at_once, len(lanes)))) as pool:
        for lane in lanes:
            pool.submit(work, lane)
        try:
            for _ in range(sum(map(len, lanes))):
                yield done.get()
        except KeyboardInterrupt:
            _end(pool, stopping, stop)
            while not done.empty():
                yield done.get()
            raise
        except GeneratorExit:
            _end(pool, stopping, stop)
            raise


def _end(pool: ThreadPoolExecutor, stopping: threading.Event, stop: Callable[[], None]) -> None:
    stopping.set()
    stop()
    pool.shutdown(cancel_futures=True)


def _sure(measure: Callable[[Job], Answer], job: Job) -> Answer:
    """An answer whatever happens: one that never came would be waited for without end."""
    try:
        return measure(job)
    except Exception as error:  # noqa: BLE001 - whatever broke, the other devices go on
        return Answer(job.number, "failed", f"{type(error).__name__}: {error}".splitlines()[0][:200])
