"""What lies in folders of results, as it arrives: each record checked, each that cannot be used named, the rest kept.

Records are checked whole, as everywhere, and only then made light; a process for each core does that. Nothing is
held but the light form, so that a fleet of any size goes through.
"""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from greenzone.errors import FileError, GreenzoneError, RecordError
from greenzone.fleet.gathering.figures import LONGEST_LINE, DeviceSummary, seconds_of, summary_of, summary_of_line
from greenzone.records.record import READABLE, Record
from greenzone.records.store import MAX_VALUES, PREFIX, content, decoded, parse

_APART = 64  # from so many records on, processes that start in a second are worth it
_AT_ONCE = 16  # records a process is handed
_AHEAD = 4  # batches for each process that are read before the first is asked for


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is not in the statistics, and why. `grave` is what no sound fleet has."""

    where: str
    why: str
    grave: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A file, and the folder it lies in below the one that was named."""

    path: Path
    place: str


Arrival = DeviceSummary | LeftOut


def arrivals(roots: Sequence[Path], workers: int = 1, but: Path | None = None) -> Iterator[Arrival]:
    """Everything in some folders and files, in the order of names.

    Args:
        roots: folders of records (*.json) and device summaries (*.jsonl), or such files.
        workers: processes that records are checked in.
        but: a file that is passed by: the one that is about to be written.

    Raises:
        FileError: a root that is not there, or a process that was killed.
    """
    for root in roots:
        if not root.exists():
            raise FileError(f"{root}: not there; name a folder that `greenzone run -o` wrote to")
    # A link that leads to itself has no end for `resolve`; `realpath` lets it be, and reading it says so.
    written = os.path.realpath(but) if but else None
    files = (x for x in _files(roots) if isinstance(x, LeftOut) or os.path.realpath(x.path) != written)
    try:
        yield from _read(files, workers)
    except BrokenProcessPool:
        raise FileError("a process that read records was killed, for memory perhaps; try --workers 1") from None


def _files(roots: Sequence[Path]) -> Iterator[Found | LeftOut]:
    seen: set[tuple[int, int]] = set()
    for root in roots:
        yield from _below(root, root, seen) if root.is_dir() else (Found(root, ""),)


def _below(folder: Path, root: Path, seen: set[tuple[int, int]]) -> Iterator[Found | LeftOut]:
    """Files of a folder in the order of names; a folder that a link leads back to is entered once."""
    try:
        own = folder.stat()
        if (own.st_dev, own.st_ino) in seen:
            yield LeftOut(str(folder), "a link to a folder that was read already", grave=False)
            return
        seen.add((own.st_dev, own.st_ino))
        inside = sorted(folder.iterdir())
    except OSError as error:
        yield LeftOut(str(folder), f"cannot be read ({error.strerror or error})")
        return
    for path in inside:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _below(path, root, seen)
        elif path.suffix in (".json", ".jsonl"):
            yield Found(path, folder.relative_to(root).as_posix().removeprefix("."))


def _read(files: Iterator[Found | LeftOut], workers: int) -> Iterator[Arrival]:
    """Runs of records go to the processes, what else there is is read here."""
    first = list(islice(files, _APART))
    if workers < 2 or len(first) < _APART:
        for file in _chained(first, files):
            yield from (file,) if isinstance(file, LeftOut) else read_file(file)
        return
    # A child that is forked from a process with threads may hang: each begins afresh.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from _in_pool(_chained(first, files), pool, workers)


def _chained(first: Sequence[Found | LeftOut], rest: Iterator[Found | LeftOut]) -> Iterator[Found | LeftOut]:
    yield from first
    yield from rest


def _in_pool(files: Iterator[Found | LeftOut], pool: ProcessPoolExecutor, workers: int) -> Iterator[Arrival]:
    """Batches in order, a few of them ahead: a hundred thousand are never waited for at once."""
    waiting: list[Future[list[Arrival]]] = []
    while True:
        while len(waiting) < workers * _AHEAD and (batch := list(islice(files, _AT_ONCE))):
            waiting.append(pool.submit(_read_batch, batch))
        if not waiting:
            return
        yield from waiting.pop(0).result()


def _read_batch(batch: Sequence[Found | LeftOut]) -> list[Arrival]:
    return [found for file in batch for found in ((file,) if isinstance(file, LeftOut) else read_file(file))]


def read_file(file: Found) -> Iterator[Arrival]:
    """What a file holds: one device of a record, or one a line; nothing for JSON of other kinds."""
    try:
        if file.path.suffix == ".jsonl":
            yield from _lines(file.path)
        elif (record := read_record(file.path)) is not None:
            yield _finished(record, file)
    except GreenzoneError as error:
        yield LeftOut(str(file.path), str(error).removeprefix(f"{file.path}: "))
    except OSError as error:
        yield LeftOut(str(file.path), f"cannot be read ({error.strerror or error})")


def read_record(path: Path) -> Record | None:
    """A record, checked whole; None for JSON that is no record and does not say so.

    pydantic's own reader of JSON takes a sixth of the time of the standard library's; what it refuses goes the
    usual way (`records.store`), which says what is wrong.

    Raises:
        RecordError: a broken record.
        FileError: it cannot be read.
    """
    found = content(path)
    few = found.count(b",") + found.count(b"[") + found.count(b"{") <= MAX_VALUES
    try:
        record = Record.model_validate_json(found) if few else None
        if record is not None and record.schema_name in READABLE and "schema_name" in record.model_fields_set:
            return record
    except ValidationError:
        pass
    data = decoded(found, path)
    if isinstance(data, dict) and str(data.get("schema")).startswith(PREFIX):
        return parse(data, path)
    return None


def _finished(record: Record, file: Found) -> Arrival:
    """The light form of a run that is over; one that is not has no part in statistics."""
    where = str(file.path)
    if record.run.status != "complete":
        why = "still running, or killed without a word" if record.run.status == "running" else record.run.status
        return LeftOut(where, f"the run is not complete ({why}); go on with it by `greenzone run --resume`")
    summary = summary_of(record, file.place)
    try:
        seconds_of(summary.started_at), seconds_of(summary.ended_at)
    except ValueError:
        return LeftOut(where, f"it ran from {summary.started_at!r:.60} to {summary.ended_at!r:.60}, which are no times")
    return summary


def _lines(path: Path) -> Iterator[Arrival]:
    if not path.is_file():  # a pipe that nobody writes to is not waited for
        yield LeftOut(str(path), "not a regular file")
        return
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            where = f"{path}:{number}"
            if len(line) > LONGEST_LINE:
                yield LeftOut(where, f"a line of more than {LONGEST_LINE:,} bytes; the rest of the file is not read")
                return
            try:
                yield summary_of_line(line, where)
            except RecordError as error:
                yield LeftOut(where, str(error).removeprefix(f"{where}: "))
