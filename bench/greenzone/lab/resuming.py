"""Going on with a run that was stopped: what it asked for, and whether everything is still as it was.

What a run had finished stands; the part that was under way is measured again from its beginning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from greenzone.errors import RecordError, UsageError
from greenzone.lab.models import load_model, model_paths
from greenzone.law.transaction import Transaction
from greenzone.parts.catalogue import names_file
from greenzone.records.record import Record
from greenzone.records.store import read

# What must be the same for figures of one record to be of one thing.
_DEVICE = ("id", "name", "uuid", "driver", "memory_bytes", "fault", "silicon", "profile")
_TOOL = ("version", "package_sha256")

_MOST = 2**32  # no seed, batch or context comes near
T = TypeVar("T")


@dataclass(frozen=True)
class Stopped:
    """A record of a run that can go on, and where it lies."""

    record: Record
    path: Path


def stopped(path: Path) -> Stopped:
    """The run of a record, with what was not finished left out of it.

    Raises:
        UsageError: the run is complete.
        RecordError: a record of before runs could be resumed, or no record.
    """
    record = read(path)
    if record.run.status == "complete":
        raise UsageError(f"{path}: this run is complete; there is nothing to resume")
    if "batches" not in record.settings:
        raise RecordError(f"{path}: an older version wrote this record and cannot be gone on with; run again")
    done = {unit.name for unit in record.run.finished}
    record.benchmarks = record.benchmarks[: record.run.finished[-1].rows if record.run.finished else 0]
    record.pending = {name: rows for name, rows in record.pending.items() if name in done}
    record.findings = []
    return Stopped(record, path)


def asked(record: Record) -> dict[str, Any]:
    """The arguments of the request that the record was made by.

    Raises:
        RecordError: its settings cannot be read.
    """
    s: Mapping[str, Any] = record.settings
    try:
        deal = s["transaction"]
        return {
            "device": _one(str, s["device"]), "suite": _one(str, s["suite"]), "workloads": _each(str, s["workloads"]),
            "formats": _each(str, s["formats"]) or None, "models": _each(str, s["models"]),
            "batches": _each(int, s["batches"]), "contexts": _each(int, s["contexts"]), "seed": _one(int, s["seed"]),
            "fault": None if s.get("fault") is None else _one(str, s["fault"]),
            "on": date.fromisoformat(s["on"]), "known_on": date.fromisoformat(s["known_on"]),
            "transaction": Transaction.of(
                deal["to"], deal["kind"], deal["from"], deal["headquarters"], deal.get("on_sale_us")
            ),
        }  # fmt: skip
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(f"its settings cannot be read ({error!r}); run again without --resume") from None


def located(ids: Sequence[str], files: Sequence[str]) -> tuple[str, ...]:
    """The models of a record, which names them by their ids, those of the user's own by their files.

    Raises:
        UsageError: a model is in no file that is known, or a file's model was not asked for.
    """
    own = {load_model(ref).id: ref for ref in files}
    if other := [name for name in own if name not in ids]:
        raise UsageError(f"--model {own[other[0]]}: the run was not asked for {other[0]!r}; leave it out")
    if gone := [name for name in ids if name not in own and name not in model_paths()]:
        raise UsageError(f"the model {gone[0]!r} was a file of your own; name it again, with --model {gone[0]}.toml")
    return tuple(own.get(name, name) for name in ids)


def restated(spec: str, given: Sequence[str]) -> str:
    """The device of a record or a roll; a name that leads to a file is followed only if the user gives it too.

    Records and rolls are files of others, and nothing they name is read unasked.

    Args:
        spec: the device, as it is written there.
        given: the devices that the user names again.

    Raises:
        UsageError: it is to be named again, or another was.
    """
    if other := [name for name in given if name != spec]:
        raise UsageError(f"--device {other[0]}: the run was of {spec}; leave --device out")
    if not given and names_file(profile_of(spec)):
        raise UsageError(f"the device {spec} is made from a file; name it again, with --device {spec}")
    return spec


def profile_of(spec: str) -> str:
    """The id or file of an emulated device's profile; of a real device nothing."""
    from greenzone.lab.devices.emulated.node import Place  # imports numpy

    kind, _, own = spec.partition(":")
    return Place.of(own).profile if kind == "emulated" and own else ""


def _one(kind: type[T], value: Any) -> T:
    """A value of a record that must be of a kind, and a number from 0 on."""
    if type(value) is not kind or (isinstance(value, int) and not 0 <= value < _MOST):
        raise ValueError(f"{value!r:.60} is not what a run writes there")
    return value


def _each(kind: type[T], values: Any) -> tuple[T, ...]:
    return tuple(_one(kind, value) for value in _one(list, values or []))


def require_same(old: Record, new: Record, path: Path) -> None:
    """Refuse to go on where device, driver, package, rules or settings are not what they were.

    Raises:
        UsageError: what changed, from what to what.
    """
    changes = [
        *_changes("device", _DEVICE, old.device, new.device), *_changes("tool", _TOOL, old.tool, new.tool),
        *_changes("rules", ("sha256", "profiles"), old.rules, new.rules),
        *_changes("settings", tuple(old.settings), old.settings, new.settings),
    ]  # fmt: skip
    if changes:
        raise UsageError(f"{path}: cannot be resumed, for it is no longer the same: {'; '.join(changes)}; run anew")


def _changes(where: str, names: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    other = [name for name in names if old.get(name) != new.get(name)]
    return [_change(f"{where}.{name}", old.get(name), new.get(name)) for name in other]


def _change(what: str, old: object, new: object) -> str:
    """From what to what; of tables, which of their entries: a hash tells nobody anything."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return f"{what}: {', '.join(sorted(str(k) for k in {*old, *new} if old.get(k) != new.get(k)))} changed"
    return f"{what} was {old!r:.200} and is {new!r:.200}"


def gone_on(run: Stopped) -> Record:
    """The record, running again."""
    run.record.run.status, run.record.run.ended_at = "running", None
    run.record.digests = {}  # those of the stopped run: its end has others
    run.record.run.resumed_at.append(datetime.now(UTC).isoformat(timespec="seconds"))
    return run.record
