"""Every error greenzone raises on purpose, and the exit code of each.

    GreenzoneError                 1  could not do it
    |-- UsageError                 2  unknown id, a date that is none, a bad option
    |-- FileError                  1  a file that cannot be read or written
    |   |-- DataFileError          1  a profile, regime, country or model file that breaks its format
    |   `-- RecordError            1  a record that cannot be read, or of a schema not known
    |-- DeviceError                1  no such device, or one that cannot be used
    |   |-- OutOfMemory            1  an allocation larger than the device's memory
    |   `-- DeviceLost             1  a device that was there and is gone
    |-- Interrupted                1  Ctrl-C or SIGTERM; what was finished is in the record
    |-- NothingMeasured            4  no benchmark gave a figure
    |-- InvalidMeasurement         5  a wrong result, or a figure above what is physically possible
    `-- NotVerified                5  a record that is not what was signed, or whose figures its samples do not give

A message is one sentence or a few: what, where, what is allowed, what to do next.
The exit codes are those of the table in README; only `cli` turns an error into an exit.
"""

import difflib
from collections.abc import Iterable
from typing import ClassVar

_LONGEST = 200  # characters of a name that is looked for: no name is longer, and comparing takes their square


class GreenzoneError(Exception):
    """The root of all errors that are greenzone's own."""

    exit_code: ClassVar[int] = 1


class UsageError(GreenzoneError, ValueError):
    """What was asked for does not exist or makes no sense."""

    exit_code = 2


class FileError(GreenzoneError, OSError):
    """A file that cannot be read or written."""


_SHOWN = 8  # faults of a file: one of another kind breaks every rule there is


class DataFileError(FileError, ValueError):
    """A hand-written file that breaks its format; holds every fault found, not the first alone."""

    def __init__(self, path: object, faults: Iterable[str]) -> None:
        self.path = str(path)
        self.faults = list(faults)
        super().__init__("\n".join(f"{self.path}: {fault}" for fault in self.faults))

    def __str__(self) -> str:
        left = len(self.faults) - _SHOWN
        more = [f"{left} faults more; is it a file of another kind?"] if left > 0 else []
        return "\n".join(f"{self.path}: {fault}" for fault in [*self.faults[:_SHOWN], *more])


class RecordError(FileError, ValueError):
    """A record that cannot be read, or one of a schema this version does not know."""


class DeviceError(GreenzoneError, RuntimeError):
    """No such device, or one that is there and cannot be used."""


class OutOfMemory(DeviceError):
    """An allocation larger than what the device has left."""


class DeviceLost(DeviceError):
    """A device that was there and is gone: nothing more can be asked of it."""


class Interrupted(GreenzoneError):
    """Stopped by Ctrl-C or SIGTERM."""


class NothingMeasured(GreenzoneError, RuntimeError):
    """No benchmark gave a figure, so there is no verdict from measurement."""

    exit_code = 4


class InvalidMeasurement(GreenzoneError, RuntimeError):
    """A kernel with a wrong result, or a figure above what is physically possible."""

    exit_code = 5


class NotVerified(GreenzoneError, ValueError):
    """A record that is not what was signed, or whose samples do not give the figures in it."""

    exit_code = 5


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "") -> UsageError:
    """The error for a name that is not in a closed set; it names the three nearest.

    >>> str(unknown("regime", "us-3a09", ["us-3a090", "us-3a991-p"]))
    "unknown regime 'us-3a09'; nearest: us-3a090, us-3a991-p"
    """
    near = nearest(name, known)
    tail = f"; {hint}" if hint else ""
    return UsageError(f"unknown {kind} {name[:_LONGEST]!r}; nearest: {', '.join(near) or 'none'}{tail}")


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The `count` names of `known` that look most like `name`."""
    return difflib.get_close_matches(name[:_LONGEST], sorted(set(known)), n=count, cutoff=0.0)
