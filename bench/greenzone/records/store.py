"""Records on disk: written whole or not at all, read in every version ever written."""

import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from greenzone.errors import FileError, GreenzoneError, RecordError, UsageError
from greenzone.records.record import READABLE, Record, Row

WRITTEN = "a record is the JSON file that `greenzone run` writes"
MAX_BYTES = 64 << 20  # the longest suite writes some 6 MB
MAX_VALUES = 1_000_000
_HEAD = 4096  # bytes in which a file says that it is a record
MAX_ROWS, MAX_SAMPLES = 5_000, 20_000  # the longest suite: some 150, of at most 3,000
MOST_SAMPLES = 600_000  # of all rows: four times those of the longest suite, some ten seconds of work to verify
PREFIX = "greenzone.record/"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def new_id(now: datetime) -> str:
    """A run's id: the time in UTC and six random characters, so that names sort by time."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def path_for(folder: Path, device_id: str, run_id: str) -> Path:
    """Where a run's record goes: FOLDER/DEVICE/RUN.json."""
    return folder / device_id.replace(":", "-").replace("/", "-") / f"{run_id}.json"


def require_writable(folder: Path) -> None:
    """Make the folder and try a file in it, before anything is measured.

    Raises:
        FileError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".greenzone-"):
            pass
    except OSError as error:
        why = error.strerror or error
        raise FileError(f"{folder}: records cannot be written there ({why}); choose another folder with -o") from None


def has_room(record: Record, row: Row) -> bool:
    """Whether a record with one row more can still be read and verified."""
    rows = [*record.benchmarks, *(one for rows in record.pending.values() for one in rows), row]
    return len(rows) <= MAX_ROWS and sum(len(one.samples) for one in rows) <= MOST_SAMPLES


def write(record: Record, path: Path) -> None:
    """Write a record atomically: a reader sees the old file or the new one, never half of one.

    Raises:
        FileError: the disk is full or the folder went away.
    """
    write_document(record.model_dump_json(by_alias=True, indent=1) + "\n", path)


def write_document(text: str, path: Path) -> None:
    """Write a record's text, over an older state of it if there is one.

    Raises:
        FileError: the disk is full or the folder went away.
    """
    with _whole(path) as stream:
        stream.write(text.encode("utf-8"))


def require_no_record(path: Path) -> None:
    """What is written of records is never written over one: nobody can measure it again.

    Raises:
        UsageError: the file is a record.
    """
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as stream:
                if b'"greenzone.record/' in stream.read(_HEAD):
                    raise UsageError(f"{path}: is a record of a run, and is not written over; give another file")


def write_text(text: str, path: Path) -> None:
    """Write a text file, as `write_bytes` does.

    Raises:
        UsageError: it would be written over a record.
        FileError: the disk is full or the folder went away.
    """
    write_bytes(text.encode("utf-8"), path)


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file atomically; through a link to what it points at, and straight to what is no regular file.

    Raises:
        UsageError: it would be written over a record.
        FileError: the disk is full or the folder went away.
    """
    with writing(path) as stream:
        stream.write(content)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A stream that becomes a file when all of it is written, as `write_bytes` does.

    Raises:
        UsageError: it would be written over a record.
        FileError: the disk is full or the folder went away.
    """
    require_no_record(path)
    with _whole(path) as stream:
        yield stream


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    path = Path(os.path.realpath(path))  # Path.resolve raises where links lead in a circle
    is_special = path.exists() and not path.is_file()
    try:
        # A device or a pipe is written to, never replaced by a file.
        with path.open("wb") if is_special else _replacing(path) as stream:
            yield stream
    except OSError as error:
        if isinstance(error, GreenzoneError):  # of whoever writes
            raise
        why = error.strerror or error
        raise FileError(f"{path}: cannot be written ({why}); free space or choose another place") from None


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        # Gone after the replace; left behind by a full disk or a Ctrl-C.
        with suppress(OSError):
            partial.unlink()


def read(path: Path) -> Record:
    """Read a record of any version.

    Raises:
        RecordError: no JSON, no record, of a version not known, or broken.
        FileError: it cannot be read.
    """
    return parse(decoded(content(path), path), path)


def read_all(path: Path) -> list[tuple[Path, Record]]:
    """The record of a file, or every record in a folder and below it, in the order of names.

    Other JSON files of a folder are passed by; one that is broken is not.

    Raises:
        RecordError: a record that is broken, or of a version not known.
        FileError: it cannot be read, or the folder holds no record.
    """
    if not path.is_dir():
        return [(path, read(path))]
    found = []
    for file in sorted(p for p in path.rglob("*.json") if not p.name.startswith(".") and p.is_file()):
        data = decoded(content(file), file)
        if isinstance(data, dict) and str(data.get("schema")).startswith(PREFIX):
            found.append((file, parse(data, file)))
    if not found:
        raise FileError(f"{path}: holds no record; give a folder that `greenzone run -o` wrote to, or a record in it")
    return found


def content(path: Path, hint: str = WRITTEN) -> bytes:
    """The bytes of a record, or of what else holds JSON of its size.

    Args:
        path: the file.
        hint: what such a file is, for who gave another.

    Raises:
        RecordError: no file, or larger than a record can be.
        FileError: it cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise RecordError(f"{path}: cannot be read (not a regular file); {hint}")
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MAX_BYTES:
                raise RecordError(
                    f"{path}: {size / 2**20:.0f} MiB, and such a file holds at most {MAX_BYTES >> 20} MiB; {hint}"
                )
            return stream.read(MAX_BYTES)
    except RecordError:
        raise
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error}); check the path and its rights") from None


def decoded(found: bytes, path: object, hint: str = WRITTEN) -> Any:
    """The plain data of a record's bytes; `path` is named in every fault.

    Args:
        found: the bytes.
        path: where they are from.
        hint: what such a file is, for who gave another.

    Raises:
        RecordError: no JSON, or more values than a record can have.
    """
    # Counted before they are made: an empty list takes two bytes in the file and fifty in memory.
    if (values := found.count(b",") + found.count(b"[") + found.count(b"{")) > MAX_VALUES:
        raise RecordError(f"{path}: some {values:,} values; such a file holds at most {MAX_VALUES:,}; {hint}")
    try:
        data = json.loads(found.decode("utf-8"))
        if _SURROGATE.search(found):
            json.dumps(data, ensure_ascii=False).encode("utf-8")  # half a surrogate pair cannot be printed
    except (ValueError, RecursionError) as error:  # UnicodeError is a ValueError
        raise RecordError(f"{path}: not valid JSON ({error}); {hint}") from None
    return data


_OTHERS = {
    "greenzone.fleet/": "the roll of a fleet: give its folder to `greenzone fleet gather`, or a record in it",
    "greenzone.certificate/": "the certificate of a lot: `greenzone verify` and `sign` take it",
    "greenzone.verification/": "what `greenzone verify` said of one",
}


def _other(data: Any, schema: object) -> str:
    """What a file is that is none, for who named the wrong one."""
    if isinstance(data, dict) and "payloadType" in data:
        return "the envelope of a signature: `greenzone verify RECORD --signature` takes it"
    said = next((text for prefix, text in _OTHERS.items() if str(schema).startswith(prefix)), None)
    return said or f"schema is {schema!r:.60}, not {READABLE[-1]!r}"


def parse(data: Any, path: object) -> Record:
    """A record from plain data; `path` is named in every fault."""
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(schema, str) or not schema.startswith(PREFIX):
        raise RecordError(f"{path}: no greenzone record ({_other(data, schema)})")
    if schema not in READABLE:
        tool = data.get("tool")
        by = tool.get("version") if isinstance(tool, dict) else None
        wrote = f" to {by} or later, which wrote it" if by else ""
        raise RecordError(
            f"{path}: {schema} is newer than this version reads ({', '.join(READABLE)}); update greenzone{wrote}"
        )
    _require_sizes(data, path)
    try:
        return Record.model_validate(data)
    except ValidationError as error:
        faults = [f"{'.'.join(str(p) for p in e['loc'])} - {e['msg']}" for e in error.errors(include_url=False)]
        more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise RecordError(f"{path}: a broken record: {'; '.join(faults[:5])}{more}") from None


def _require_sizes(data: dict[str, Any], path: object) -> None:
    """Refuse what no run writes and what would take long to tell every fault of."""
    rows = data.get("benchmarks")
    if isinstance(rows, list) and len(rows) > MAX_ROWS:
        raise RecordError(f"{path}: {len(rows):,} benchmarks; a record has at most {MAX_ROWS:,}")
    _require_few(data.get("digests"), "digests", path)
    for place, row in enumerate(rows if isinstance(rows, list) else ()):
        for key in ("samples", "shape", "uncertainty") if isinstance(row, dict) else ():
            _require_few(row.get(key), f"benchmarks.{place}.{key}", path)


def _require_few(value: Any, where: str, path: object) -> None:
    if isinstance(value, (list, dict)) and len(value) > MAX_SAMPLES:
        raise RecordError(f"{path}: {where} holds {len(value):,} values; at most {MAX_SAMPLES:,} can stand there")
