"""Inputs in a process of their own: a folder each, limits on time, memory and file size, a watch on what is done.

The process is forked from one that has everything imported, so that an input takes milliseconds. What it may not do
is written down by an audit hook (PEP 578): to write outside its folder, to read a file that only a hostile path leads
to, to unpickle, to ask a network.
"""

import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz.inputs import Input

LIMIT_CPU_S = 5.0  # of the process, not of the clock: machines are shared
LIMIT_WALL_S = 60  # for what waits and does nothing
LIMIT_GROWTH_BYTES = 1 << 30
_ROOM_BYTES = 4 << 30  # of address space beyond what is mapped, so that a fault does not take the machine with it
_MOST_FILE_BYTES = 256 << 20
_KIB = 1024
CRASHED = 70  # an exit code that is in no table
_TREE = ("open", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod", "os.link", "os.symlink")
_NEVER = ("socket.connect", "socket.getaddrinfo", "socket.bind", "pickle.find_class", "os.system", "os.exec")


@dataclass(frozen=True)
class Outcome:
    """What became of an input."""

    exit_code: int  # negative: the signal that ended it
    cpu_s: float
    growth_bytes: int
    stdout: bytes
    stderr: bytes
    crash: str
    misdeeds: tuple[str, ...]


def furnish(folder: Path, workshop: Path) -> Path:
    """Make the folder of an input: valid files, and what a path may lead to that is no file to read.

    Returns:
        The working directory, some levels down, so that `..` stays inside.
    """
    work = folder / "a" / "b" / "work"
    (work / "folder").mkdir(parents=True)
    (work / "cases").mkdir()
    (work / "lot").mkdir()
    (work / "tmp").mkdir()
    for file in workshop.iterdir():
        if file.is_file():
            (work / file.name).write_bytes(file.read_bytes())
            (work / file.name).chmod(file.stat().st_mode)
    (folder / "a" / "canary.json").write_text("{}")
    (work / "out-of-here.json").symlink_to(folder / "a" / "canary.json")
    for name in ("loop", "loop.toml"):
        (work / name).symlink_to(name)
    for name in ("fifo", "fifo.json"):
        os.mkfifo(work / name)
    (work / "empty").touch()
    (work / "random.bin").write_bytes(bytes(range(256)) * 16)
    (work / "utf16.toml").write_text("schema = 1\n", "utf-16")
    (work / "nul.json").write_bytes(b"\0" * 100)
    return work


def tried(entries: Sequence[tuple[Input, Path]], workshop: Path) -> Iterator[Outcome]:
    """The outcome of each input, in the folder that is named with it and made for it.

    One process takes them one after the other; where it ends, by itself or by a limit, another goes on.
    """
    left = list(entries)
    while left:
        found = _forked(left, workshop)
        yield from found
        left = left[len(found) :]


def _forked(entries: Sequence[tuple[Input, Path]], workshop: Path) -> list[Outcome]:
    """The outcomes of the first of the inputs, up to one that ended the process."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        _child(entries, workshop)
    _, status, used = os.wait4(child, 0)
    found: list[Outcome] = []
    for _, folder in entries:
        if (folder / "outcome").exists():
            found.append(_outcome(folder, *json.loads((folder / "outcome").read_text("ascii"))))
        elif folder.exists():
            cpu_s = used.ru_utime + used.ru_stime - sum(one.cpu_s for one in found)
            found.append(_outcome(folder, os.waitstatus_to_exitcode(status), cpu_s, 0))
    if not found:
        raise RuntimeError(f"the sandbox itself fell with status {status}")
    return found


def _outcome(folder: Path, exit_code: int, cpu_s: float, growth_bytes: int) -> Outcome:
    read = {name: (folder / name).read_bytes() for name in ("stdout", "stderr", "crash", "misdeeds")}
    misdeeds = tuple(read["misdeeds"].decode("utf-8", "replace").splitlines())
    crash = read["crash"].decode("utf-8", "replace")
    return Outcome(exit_code, cpu_s, growth_bytes, read["stdout"], read["stderr"], crash, misdeeds)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


def _child(entries: Sequence[tuple[Input, Path]], workshop: Path) -> None:
    """Never returns: the process ends here, whatever happens."""
    code = CRASHED
    try:
        watch = _Watch()
        _limit_memory()
        before = _resident_bytes()
        for entry, folder in entries:
            growth = _try(entry, folder, workshop, watch) - before
            if growth > LIMIT_GROWTH_BYTES // 8:
                break  # the most memory a process ever had is all the system tells: the next begins anew
        code = 0
    finally:
        os._exit(code)


def _try(entry: Input, folder: Path, workshop: Path, watch: "_Watch") -> int:
    """Run one input and write down what became of it; the most memory so far, in bytes."""
    work = furnish(folder, workshop)
    if entry.name:
        (work / entry.name).write_bytes(entry.content)
        (work / entry.name).chmod(0o600)
    start = _used_s()
    _confine(folder, work, start)
    watch.begin(entry, folder)
    code = CRASHED
    try:
        code = _called(entry.arguments)
    except BaseException:  # noqa: BLE001 - whatever comes out of the command is what is looked for
        with (folder / "crash").open("w", errors="backslashreplace") as stream:
            stream.write(traceback.format_exc())
    watch.end()
    signal.alarm(0)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    (folder / "outcome").write_text(json.dumps([code, _used_s() - start, most - watch.resident_bytes]), "ascii")
    return most


def _used_s() -> float:
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def _limit_memory() -> None:
    mapped = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + _ROOM_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_FILE_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _confine(folder: Path, work: Path, used_s: float) -> None:
    """Standard streams, folders and time for one input."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        opened = os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    opened = os.open(os.devnull, os.O_RDONLY)
    os.dup2(opened, 0)
    os.close(opened)
    os.chdir(work)
    os.environ.update(HOME=str(work), TMPDIR=str(work / "tmp"), PWD=str(work))
    tempfile.tempdir = str(work / "tmp")
    resource.setrlimit(resource.RLIMIT_CPU, (int(used_s + LIMIT_CPU_S * 4), resource.RLIM_INFINITY))
    signal.alarm(LIMIT_WALL_S)


class _Watch:
    """Writes down every misdeed; nothing is prevented, so that what follows from it is seen too."""

    def __init__(self) -> None:
        self._inside: tuple[str, ...] | None = None
        self._canary: str | None = None
        self._file = -1
        self.resident_bytes = _resident_bytes()
        sys.addaudithook(self._hook)

    def begin(self, entry: Input, folder: Path) -> None:
        self._file = os.open(folder / "misdeeds", os.O_WRONLY | os.O_CREAT, 0o600)
        (folder / "crash").touch()
        # Who names it as an argument may read it; a file from others may not lead there.
        self._canary = os.path.realpath(folder / "a" / "canary.json") if entry.name else None
        self._inside = (f"{os.path.realpath(folder)}{os.sep}", "/dev/", "/proc/self/")

    def end(self) -> None:
        self._inside = None
        os.close(self._file)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._inside is None:
            return
        if event in _NEVER:
            self._write(f"{event} {arguments!r:.200}")
        elif event in _TREE and arguments and isinstance(arguments[0], (str, bytes, os.PathLike)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            writes = event != "open" or bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            if (writes and not path.startswith(self._inside)) or path == self._canary:
                self._write(f"{event} {path!r:.200}")

    def _write(self, text: str) -> None:
        os.write(self._file, f"{text}\n".encode("utf-8", "backslashreplace"))


def _called(arguments: tuple[str, ...]) -> int:
    """The exit code of the command as the interpreter would give it."""
    from greenzone.cli.main import main

    try:
        main(list(arguments), prog_name="greenzone")
    except SystemExit as error:
        sys.stdout.flush()
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 0
