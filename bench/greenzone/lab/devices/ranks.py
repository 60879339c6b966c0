"""Ranks of an all-reduce: processes that are started, led over a local socket and always ended.

Every wait has a limit; whatever goes wrong is one sentence with the ranks' own last words in it.
"""

import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from greenzone.errors import DeviceError
from greenzone.lab.devices.rank import ARRIVED, CHECK, STOP, TIME
from greenzone.lab.links import AllReduce
from greenzone.lab.results import Check

_PROGRAM = Path(__file__).with_name("rank.py")
_START_S, _ANSWER_S, _LIFE_S = 90.0, 60.0, 900
_END_S = 5.0
_ERROR = re.compile(r"(?:^|: )((?:\w+\.)*\w*Error: .+)$", re.MULTILINE)
_FP32_ERROR = 1e-6  # of a sum of two; one more rounding for each further rank


class Ranks:
    """The processes of one group, from their start to their end.

    Raises:
        DeviceError: they did not start, or did not answer in time.
    """

    def __init__(
        self, backend: str, count: int, elements: int, seed: int, *, torchrun: bool | None = None,
        program: Path = _PROGRAM, start_s: float = _START_S, answer_s: float = _ANSWER_S,
    ) -> None:  # fmt: skip
        """Start the ranks and meet the first of them, which shows that all have met.

        Args:
            backend: nccl, with a GPU for each rank, or gloo.
            count: of ranks.
            elements: of the fp32 array that is summed.
            seed: of its values.
            torchrun: whether it starts them; left out, it does for nccl. Two processes on a processor are
                started at once: the launcher would take longer than they do.
            program: what each rank runs.
            start_s: how long they may take to meet.
            answer_s: how long one answer may take.
        """
        self._what = f"all-reduce of {count} ranks on {backend}"
        self._answer_s = answer_s
        self._processes: list[subprocess.Popen[bytes]] = []
        self._words: list[IO[str]] = []  # of each process its own: two that write at once mix their letters
        self._talk: Any = None
        given = {"backend": backend, "elements": elements, "seed": seed, "limit_s": _LIFE_S}
        start = self._torchrun if (backend == "nccl" if torchrun is None else torchrun) else self._directly
        try:
            with socket.create_server(("127.0.0.1", 0)) as door:
                token = secrets.token_hex(16)
                own = {"token": token, "port": door.getsockname()[1]}
                start(program, count, {"GREENZONE_RANKS": json.dumps(given | own)})
                self._talk = self._met(door, token, start_s)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError) and not isinstance(error, DeviceError):
                raise DeviceError(f"{self._what}: it could not be started ({error})") from error
            raise

    def _torchrun(self, program: Path, count: int, more: Mapping[str, str]) -> None:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
        self._start([*launcher, f"--nproc-per-node={count}", str(program)], more)

    def _directly(self, program: Path, count: int, more: Mapping[str, str]) -> None:
        """With the environment that torchrun gives its ranks on one machine."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": str(count)}
        for rank in range(count):
            self._start([str(program)], {**more, **meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)})

    def _start(self, arguments: list[str], more: Mapping[str, str]) -> None:
        # one thread a rank, as torchrun itself would set; gloo's default interface is the host's name's
        usual = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": _loopback(), "PYTHONSAFEPATH": "1"}
        self._words.append(tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace"))  # noqa: SIM115 - until close
        self._processes.append(
            subprocess.Popen(  # noqa: S603 - this interpreter, and a file of this package
                [sys.executable, *arguments], env={**usual, **os.environ, **more}, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=self._words[-1], start_new_session=True,
            )
        )  # fmt: skip

    def _met(self, door: socket.socket, token: str, limit_s: float) -> Any:
        """The connection of rank 0."""
        until = time.monotonic() + limit_s
        door.settimeout(0.1)
        while time.monotonic() < until:
            self._alive()
            with contextlib.suppress(TimeoutError):
                caller, _ = door.accept()
                with caller:  # the file keeps the connection open
                    caller.settimeout(self._answer_s)
                    talk = caller.makefile("rw", encoding="utf-8")
                if secrets.compare_digest(talk.readline().strip().encode(), token.encode()):
                    return talk
                talk.close()
        raise DeviceError(f"{self._what}: the ranks did not meet within {limit_s:g} s")

    def _alive(self) -> None:
        for process, words in zip(self._processes, self._words, strict=True):
            if (code := process.poll()) is not None:
                raise DeviceError(f"{self._what}: a rank ended with exit {code}: {_last(words)}")

    def ask(self, command: int, count: int = 0) -> list[float]:
        """Have all ranks do something; what rank 0 says to it.

        Raises:
            DeviceError: no answer in time, or a rank has ended.
        """
        try:
            self._talk.write(json.dumps([command, count]) + "\n")
            self._talk.flush()
            line = self._talk.readline()
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise DeviceError(f"{self._what}: no answer within {self._answer_s:g} s") from error
            line = ""
        if not line:
            self._wait(_END_S)
            self._alive()
            raise DeviceError(f"{self._what}: rank 0 went away")
        return [float(number) for number in json.loads(line)]

    def _wait(self, seconds: float) -> bool:
        """Whether every process has ended within that time."""
        until = time.monotonic() + seconds
        try:
            for process in self._processes:
                process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Let the ranks end; those that do not are ended. A second call does nothing."""
        if self._talk is not None:
            with contextlib.suppress(OSError, ValueError):
                self._talk.write(json.dumps([STOP, 0]) + "\n")
                self._talk.close()
        if self._talk is None or not self._wait(_END_S):
            self._each(subprocess.Popen.terminate)  # torchrun passes it on to its ranks
            if not self._wait(2 * _END_S):
                self._each(subprocess.Popen.kill)  # torchrun's ranks see their socket closed
                self._wait(_END_S)
        for words in self._words:
            words.close()
        self._processes, self._words, self._talk = [], [], None

    def _each(self, end: Callable[[subprocess.Popen[bytes]], None]) -> None:
        for process in self._processes:
            end(process)


def _last(words: IO[str]) -> str:
    """The error that a process named, else its last line."""
    words.seek(0)
    text = words.read()
    named = _ERROR.search(text)
    lines = text.strip().splitlines()
    return (named[1] if named else lines[-1] if lines else "it said nothing").strip()[:200]


def _loopback() -> str:
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in ("lo", "lo0") if name in names), names[0] if names else "lo")


class RanksKernel:
    """An all-reduce that is ready: its ranks have met and hold their values."""

    def __init__(self, operator: AllReduce, backend: str, seed: int, note: str) -> None:
        self.operator, self.variant, self.note = operator, backend, note
        self._ranks = Ranks(backend, operator.ranks, operator.array_bytes // 4, seed)

    def timed(self, count: int) -> list[float]:
        """Seconds of each of `count` calls in a row."""
        return self._ranks.ask(TIME, count)

    def launch(self) -> None:
        self.timed(1)

    def check(self) -> Check:
        return self._checked(CHECK)

    def poison(self) -> None:
        """Nothing to do: every call starts from values that differ from the sum."""

    def arrived(self) -> Check:
        return self._checked(ARRIVED)

    def _checked(self, command: int) -> Check:
        tolerance = _FP32_ERROR * (self.operator.ranks - 1)
        return Check(self._ranks.ask(command)[0], tolerance, "the sum of every rank's values, on every rank")

    def close(self) -> None:
        self._ranks.close()
