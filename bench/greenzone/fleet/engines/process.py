"""The process that measures one device, seen from the one that started it: told, awaited, stopped, ended."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, get_args

from greenzone.fleet.engines.child import line_of
from greenzone.fleet.engines.engine import Answer, End, Job
from greenzone.lab.isolation import ending

GRACE_S = 20.0  # for a process that was asked to stop to write down what it has


class Child:
    """One running measurement.

    Args:
        job: what it measures.
        timeout_s: after so long it is ended, and said to be late.
    """

    def __init__(self, job: Job, timeout_s: float) -> None:
        self._job, self._began = job, time.monotonic()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._timeout_s, self._late, self._stopped = timeout_s, False, False
        self._ending = threading.Timer(GRACE_S, self.end)
        self._ending.daemon = True
        self._process = subprocess.Popen(
            [sys.executable, "-m", "greenzone.fleet.engines.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._log, env=_environment(job), start_new_session=True,
        )  # fmt: skip
        self._input, self._output = _pipes(self._process)
        with suppress(OSError):  # it may have ended already, and will say why
            self._input.write(line_of(job.request, job.begun))
            self._input.flush()

    def answer(self, told: Callable[[str], None]) -> Answer:
        """Wait for its end; `told` hears of each benchmark finished."""
        late = threading.Timer(self._timeout_s, self._too_late)
        late.daemon = True
        late.start()
        try:
            end, why = self._heard(told)
        finally:
            late.cancel()
            self._ending.cancel()
            self.end()
            self._output.close()
            self._log.close()
        return Answer(self._job.number, end, why, newest(self._job.request.folder), time.monotonic() - self._began)

    def stop(self) -> None:
        """Ask it to stop and keep what it has; it is ended if it does not."""
        self._stopped = True
        with suppress(OSError):
            self._input.close()
        with suppress(RuntimeError):  # it was told before
            self._ending.start()

    def end(self) -> None:
        """End it now, with every process it started."""
        with suppress(OSError):
            _end_all(self._process)
        with suppress(OSError):
            self._input.close()

    def _too_late(self) -> None:
        self._late = True
        self.stop()

    def _heard(self, told: Callable[[str], None]) -> tuple[End, str | None]:
        said: tuple[End, str | None] | None = None
        for line in self._output:
            kind, text = json.loads(line)
            if kind == "finished":
                told(text)
            elif kind in get_args(End):
                said = kind, text or None
        code = self._process.wait()
        if said and said[0] == "ended":  # before it heard that it should stop
            return said
        if self._late:
            return "late", f"no end after {self._timeout_s:g} s: it was ended; --timeout gives more"
        if self._stopped:
            return "stopped", (said and said[1]) or "it was ended before it had said what it has"
        return said or ("failed", f"its process died ({ending(code)}){self._last_words()}")

    def _last_words(self) -> str:
        """The last line it wrote to standard error, which names what broke."""
        self._log.seek(0)
        lines = [line for line in self._log.read().decode("utf-8", "replace").splitlines() if line.strip()]
        return f": {lines[-1].strip()[:200]}" if lines else ""


def newest(folder: Path) -> Path | None:
    """The record in a folder of one device; the last begun where there are several. Names sort by time."""
    return max(folder.rglob("[!.]*.json"), key=lambda path: path.name, default=None)


def _environment(job: Job) -> Mapping[str, str]:
    return {**os.environ, **job.slot.environment}


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a child is started with pipes")
    return process.stdin, process.stdout


def _end_all(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
