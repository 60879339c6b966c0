"""Reading hand-written TOML into frozen dataclasses.

A format is a frozen dataclass whose annotations say what is allowed; `load` reads a file into it.
Every file is checked in full by `schemas` (pydantic: strict types, no infinities or NaN, unknown keys
refused, all faults at once), except a file that ships with the package and still has the SHA-256 that
was written down when it was checked (`profiles/checked.json`, held fresh by a test). That spares
`classify` the import of pydantic, which takes longer than all the rest of it.
"""

import hashlib
import json
import os
import tomllib
import types
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from greenzone.errors import DataFileError, FileError

MAX_BYTES = 1 << 20
T = TypeVar("T")


@dataclass(frozen=True)
class Before:
    """Turns what a file may write into what the field holds; `accepts` is the type it may write."""

    turn: Callable[[Any], Any]
    accepts: Any


@dataclass(frozen=True)
class Check:
    """Refuses a value that its type alone allows: returns it, or raises ValueError saying what is allowed."""

    test: Callable[[Any], Any]


@dataclass(frozen=True)
class Bound:
    """Bounds of a number, as pydantic's Field has them."""

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    pattern: str | None = None


def key(name: str, default: Any = ()) -> Any:
    """A dataclass field that stands in the file under another name: `die` for `dies`."""
    return field(default=default, metadata={"key": name})


def _as_tuple(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Confidence = Literal["official", "quoted", "reported", "estimate", "unconfirmed"]
# No figure of a part comes near the upper bounds: beyond them arithmetic would overflow.
Positive = Annotated[float, Bound(gt=1e-18, le=1e18)]
Count = Annotated[int, Bound(ge=1, le=10**15)]
# A single string where a list is expected: to = "CN"
Strings = Annotated[tuple[str, ...], Before(_as_tuple, str | list[str])]


@dataclass(frozen=True)
class Source:
    """Where figures come from; the key it stands under is what they name."""

    title: str
    url: str | None = None
    confidence: Confidence | None = None


@cache
def data_root() -> Path:
    """The folder `profiles/`: inside the installed package, or beside the source in a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "profiles"
    return installed if installed.is_dir() else here.parents[1] / "profiles"


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file of at most 1 MiB, or of `most` bytes; a pipe that nobody writes to is not waited for.

    Raises:
        FileError: it cannot be read, or is too large.
    """
    try:
        if path.exists() and not path.is_file():
            raise FileError(f"{path}: cannot be read (not a regular file); give the path of a file")
        with path.open("rb") as stream:
            content = stream.read(most + 1)
    except FileError:
        raise
    except OSError as error:
        why = error.strerror or error
        raise FileError(f"{path}: cannot be read ({why}); check the path and its rights") from None
    if len(content) > most:
        allowed = f"{most >> 20} MiB, the most such a file may hold"
        raise FileError(f"{path}: larger than {allowed}; split it, or check that it is the right file")
    return content


def parse_toml(content: bytes, path: object) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        DataFileError: it is no TOML.
    """
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DataFileError(path, [f"byte {error.start} is not UTF-8; TOML files are UTF-8 text"]) from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and integers too long to read
        raise DataFileError(path, [f"not valid TOML: {error}"]) from None


def load(form: type[T], path: Path) -> T:
    """Read a file into its dataclass, checking it in full unless it ships as one of that form and is unchanged.

    Raises:
        FileError: it cannot be read, or is too large.
        DataFileError: it is no TOML, or breaks its format; holds every fault found.
    """
    content = read_bytes(path)
    data = parse_toml(content, path)
    if not _was_checked(form, path, content):
        from greenzone.schemas import check

        check(form, data, path)
    try:
        built: T = build(form, data)
    except ValueError as error:
        raise DataFileError(path, str(error).splitlines()) from None
    return built


def build(form: Any, value: Any) -> Any:
    """A value of the annotated type from plain TOML data that has been checked."""
    if get_origin(form) is Annotated:
        base, *marks = get_args(form)
        for mark in marks:
            value = mark.turn(value) if isinstance(mark, Before) else value
        built = build(base, value)
        for mark in marks:
            built = mark.test(built) if isinstance(mark, Check) else built
        return built
    if isinstance(form, type) and is_dataclass(form):
        hints = _hints(form)
        given = {f.name: f.metadata.get("key", f.name) for f in fields(form)}
        return form(**{name: build(hints[name], value[k]) for name, k in given.items() if k in value})
    if get_origin(form) is tuple:
        return tuple(build(get_args(form)[0], item) for item in value)
    if get_origin(form) is dict:
        return {k: build(get_args(form)[1], item) for k, item in value.items()}
    if get_origin(form) in (Union, types.UnionType):
        return value if value is None else build(next(a for a in get_args(form) if _fits(a, value)), value)
    return float(value) if form is float else value


def _fits(form: Any, value: Any) -> bool:
    """Which member of a union a value is meant for: text, a flag, a date, or the rest."""
    base = get_args(form)[0] if get_origin(form) is Annotated else form
    if isinstance(value, str):
        return base is str or get_origin(base) is Literal
    if isinstance(value, (bool, date)):
        return base is type(value)
    return base not in (str, bool, date, types.NoneType) and get_origin(base) is not Literal


@cache
def _hints(form: type) -> dict[str, Any]:
    return get_type_hints(form, include_extras=True)


def sha256(content: bytes) -> str:
    """The SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def data_files() -> list[Path]:
    """Every hand-written file that ships, in a fixed order."""
    return sorted(data_root().rglob("*.toml"))


@cache
def _checked() -> dict[str, dict[str, str]]:
    """By the name of the form, the SHA-256 of every file that holds to it."""
    try:
        found: dict[str, dict[str, str]] = json.loads((data_root() / "checked.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _was_checked(form: type, path: Path, content: bytes) -> bool:
    resolved = Path(os.path.realpath(path))
    if not resolved.is_relative_to(data_root()):
        return False
    of_form = _checked().get(form.__name__, {})
    return of_form.get(resolved.relative_to(data_root()).as_posix()) == sha256(content)
