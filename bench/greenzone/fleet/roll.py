"""The roll of a fleet, `greenzone.fleet/1`: which devices were expected, which came, and what became of each.

It is written to `roll.json` in the fleet's folder as devices finish, so that a fleet that was stopped can go on.
A record is validated when it arrives; one that does not belong is named and stays out, and the rest is kept.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator

from greenzone.errors import GreenzoneError, RecordError, UsageError
from greenzone.fleet.engines.child import REQUEST
from greenzone.fleet.engines.engine import Answer, Slot
from greenzone.lab import harness
from greenzone.lab.harness import Request
from greenzone.lab.models import model_paths
from greenzone.lab.resuming import located, profile_of, restated
from greenzone.lab.workloads import WORKLOADS
from greenzone.parts.catalogue import names_file
from greenzone.records.record import Record, RecordModel
from greenzone.records.store import content, decoded, read, write_text

SCHEMA = "greenzone.fleet/1"
FILE = "roll.json"
WRITTEN = "a roll is what `greenzone fleet run` writes to its folder"
NEAR = ("auto", "local")  # clusters of the user's own choice, not of an address
State = Literal["waiting", "done", "failed", "missing", "twice", "late", "refused", "stopped"]
KEPT: tuple[State, ...] = ("done", "twice")  # of which there is a whole record
_CODES = (1, 5, 4)  # of a device; the first that any has is the fleet's (design section 7)


def _inside(name: str) -> str:
    """A path that stays below the folder of the roll: a roll is a file of others, and records are written there."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError("a path below the folder of the roll, without ..")
    return name


Inside = Annotated[str, AfterValidator(_inside)]


class Entry(RecordModel):
    """One device of the fleet: its place, and what became of it."""

    number: int
    node: str
    device: str
    seen_as: str
    fault: str | None = None
    state: State = "waiting"
    why: str | None = None
    uuid: str | None = None
    name: str | None = None
    emulated: bool | None = None
    record: Inside | None = None  # below the folder of the roll
    seconds: float | None = None
    exit_code: int = 0
    notes: list[str] = Field(default_factory=list)  # warnings and errors its record found


class Roll(RecordModel):
    """A fleet, whole."""

    schema_name: str = Field(default=SCHEMA, alias="schema")
    id: str
    engine: str
    started_at: str
    ended_at: str | None = None
    devices: list[str] = Field(default_factory=list)  # as they were asked for; none for all
    address: str | None = None
    serial: bool = False
    timeout_s: float
    request: dict[str, Any]
    entries: list[Entry]

    @field_validator("entries")
    @classmethod
    def _numbered(cls, entries: list[Entry]) -> list[Entry]:
        """An answer finds its device by its number."""
        if [entry.number for entry in entries] != list(range(len(entries))):
            raise ValueError("devices are numbered from 0 on, in order")
        return entries

    @property
    def exit_code(self) -> int:
        """That of its most severe device."""
        found = {entry.exit_code for entry in self.entries}
        return next((code for code in _CODES if code in found), 0)

    @property
    def unfinished(self) -> list[Entry]:
        """The devices without a whole record."""
        return [entry for entry in self.entries if entry.state not in KEPT]

    @property
    def asked_models(self) -> tuple[str, ...]:
        """The ids of the models that were asked for."""
        return REQUEST.validate_python(self.request).models

    @property
    def suite(self) -> str:
        return REQUEST.validate_python(self.request).suite

    def asked(self, models: Sequence[str] = ()) -> Request:
        """The request every device was measured by, but for its name and folder.

        Args:
            models: files of the user's own that were asked for, which a roll names by their ids alone.

        Raises:
            UsageError: a model is in no file that is known.
        """
        request = REQUEST.validate_python(self.request)
        return replace(request, models=located(request.models, models))

    def count(self) -> Mapping[State, int]:
        """How many devices are in each state."""
        return Counter(entry.state for entry in self.entries)


def entries_of(slots: Sequence[Slot], faults: Mapping[int, str], expected: int | None) -> list[Entry]:
    """The roll before anything is measured; those that are not there are missing from the beginning."""
    found = [
        Entry(
            number=number, node=slot.node, device=slot.device, seen_as=slot.seen_as, fault=faults.get(number),
            **_absent(slot.why),
        )
        for number, slot in enumerate(slots)
    ]  # fmt: skip
    short = range(len(found), expected or 0)
    why = _absent(f"{expected} devices were expected and {len(found)} are there")
    return found + [Entry(number=n, node="", device="", seen_as="", **why) for n in short]


def _absent(why: str | None) -> dict[str, Any]:
    return {"state": "missing", "why": why, "exit_code": 1} if why else {}


def entered(entry: Entry, answer: Answer, asked: Request, folder: Path) -> Entry:
    """The device's line of the roll after its answer; its record is read and judged."""
    fresh = entry.model_copy(update={"seconds": round(answer.seconds, 3), "why": answer.why, "notes": []})
    if answer.record is None:
        return fresh.model_copy(update={"state": "failed" if answer.end == "ended" else answer.end, "exit_code": 1})
    try:
        record = read(answer.record)
    except RecordError as error:
        return fresh.model_copy(update={"state": "refused", "why": str(error), "exit_code": 1})
    place = answer.record.relative_to(folder).as_posix()
    return fresh.model_copy(update={"record": place, **_facts(record), **_judged(record, answer, asked)})


def _facts(record: Record) -> dict[str, Any]:
    notes = [f.text for f in record.findings if f.severity != "info" and f.code != "fault_switched_on"]
    told = {key: record.device.get(key) for key in ("uuid", "name", "emulated")}
    return {**told, "notes": notes}


def _judged(record: Record, answer: Answer, asked: Request) -> dict[str, Any]:
    if others := differences(record, asked):
        return {"state": "refused", "why": f"its record is of another run: {'; '.join(others)}", "exit_code": 1}
    if answer.end != "ended":
        return {"state": "failed" if answer.end == "missing" else answer.end, "exit_code": 1}
    if failed := [f.text for f in record.findings if f.code in ("device_lost", "hang")]:
        return {"state": "failed", "why": failed[0], "exit_code": 1}
    if rows := harness.unsound(record):
        names = dict.fromkeys(f"{row.title} {row.validity}" for row in rows)
        return {"state": "done", "why": f"not sound: {', '.join(names)}", "exit_code": 5}
    if harness.nothing_measured(record):
        return {"state": "done", "why": "no benchmark gave a figure", "exit_code": 4}
    return {"state": "done", "exit_code": 0}


def is_whole(path: Path, asked: Request) -> bool:
    """Whether a record is complete and of the run that was asked for."""
    try:
        record = read(path)
    except GreenzoneError:
        return False
    return record.run.status == "complete" and not differences(record, asked)


def differences(record: Record, asked: Request) -> list[str]:
    """What a record was made by that the fleet was not asked for: figures of two suites are never set together."""
    wanted = {
        "suite": asked.suite, "workloads": list(asked.workloads or WORKLOADS), "seed": asked.seed,
        "formats": list(asked.formats) if asked.formats else None, "device": asked.device,
    }  # fmt: skip
    found = record.settings
    return [f"{name} {found.get(name)!r}, not {value!r}" for name, value in wanted.items() if found.get(name) != value]


def beyond(roll: Roll) -> list[str]:
    """What a roll names that does not lie in its folder, as the options for it: files, and a cluster's address."""
    devices = [f"--device {spec}" for spec in roll.devices if names_file(profile_of(spec))]
    models = [f"--model {name}.toml" for name in roll.asked_models if name not in model_paths()]
    return [*devices, *models, *([f"--address {roll.address}"] if roll.address not in (None, *NEAR) else [])]


def require_restated(
    roll: Roll, devices: Sequence[str], models: Sequence[str] = (), address: str | None = None
) -> None:
    """A roll is a file of others: what it names beyond its folder is followed only if the user names it too.

    Args:
        roll: of the fleet that is to go on.
        devices: those the user names again, as they were asked for at first.
        models: the files of models that the user names again.
        address: of the cluster, if the user names it again.

    Raises:
        UsageError: what is to be named again, or was not asked for.
    """
    if other := [name for name in devices if name not in roll.devices]:
        wanted = ", ".join(roll.devices) or "all that is there"
        raise UsageError(f"--device {other[0]}: this fleet was asked for {wanted}; name it as that, or leave it out")
    if address is not None and address != roll.address:
        raise UsageError(f"--address {address}: this fleet ran on {roll.address or 'no cluster'}; leave it out")
    given = {"--device": bool(devices), "--model": bool(models), "--address": address is not None}
    if missing := [option for option in beyond(roll) if not given[option.split()[0]]]:
        raise UsageError(f"this fleet used what lies outside its folder; name it again, with {' '.join(missing)}")
    for spec in roll.devices:
        restated(spec, [name for name in devices if name == spec])


def name_twins(entries: Sequence[Entry]) -> list[Entry]:
    """The roll with every device named that has the identity of another: one of them was measured twice."""
    by_uuid: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.uuid and entry.state in KEPT:
            by_uuid.setdefault(entry.uuid, []).append(entry)
    return [_twin(entry, by_uuid.get(entry.uuid or "", [])) for entry in entries]


def _twin(entry: Entry, same: Sequence[Entry]) -> Entry:
    others = [other for other in same if other.number != entry.number]
    if entry.state not in KEPT or not others:
        return entry
    named = ", ".join(f"{other.number} ({other.node} {other.device})" for other in others)
    why = f"reports the UUID of device {named}: one device came twice, and another not at all"
    return entry.model_copy(update={"state": "twice", "why": why, "exit_code": 1})


def write_roll(roll: Roll, folder: Path) -> None:
    """Write `roll.json` atomically.

    Raises:
        FileError: it cannot be written.
    """
    write_text(roll.model_dump_json(by_alias=True, indent=1) + "\n", folder / FILE)


def read_roll(folder: Path) -> Roll:
    """The roll of a fleet's folder.

    Raises:
        RecordError: there is none, or it is broken or of a later version.
    """
    path = folder / FILE
    data = decoded(content(path, WRITTEN), path, WRITTEN)
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise RecordError(f"{path}: no roll of a fleet (schema is {schema!r}, not {SCHEMA!r})")
    try:
        roll = Roll.model_validate(data)
        REQUEST.validate_python(roll.request)
        return roll
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))} - {e['msg']}" for e in error.errors(include_url=False)]
        raise RecordError(f"{path}: a broken roll: {'; '.join(faults[:5])}") from None
