"""A fleet from its roll to its records: who is measured, by which engine, and what is written down as they finish."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from greenzone.errors import UsageError
from greenzone.fleet.engines.child import REQUEST
from greenzone.fleet.engines.engine import Answer, Engine, Job, Slot, beside
from greenzone.fleet.engines.process import newest
from greenzone.fleet.roll import FILE, KEPT, Entry, Roll, entered, entries_of, is_whole, name_twins, write_roll
from greenzone.lab import harness
from greenzone.lab.harness import Request
from greenzone.lab.models import load_model, model_paths
from greenzone.records.held import held
from greenzone.records.store import new_id, require_writable

TIMEOUT_S = {"quick": 1800.0, "standard": 4 * 3600.0, "lab": 12 * 3600.0}  # a device takes a tenth of it or less
Heard = Callable[[Entry, str | None], None]  # a device, and the benchmark it finished; None when it is at its end


def new_roll(
    request: Request, engine: str, devices: Sequence[str] = (), *, address: str | None = None, serial: bool = False,
    timeout_s: float | None = None,
) -> Roll:  # fmt: skip
    """The roll of a fleet that nobody has answered yet.

    Args:
        request: of every device; its own device, folder and fault say nothing.
        engine: who measures, by name: what a fleet that goes on finds it again by.
        devices: those asked for, as `greenzone run --device` takes them; none for all.
        address: of a cluster.
        serial: devices of a node take turns.
        timeout_s: for each device; by the suite if none is given.
    """
    now, ids = datetime.now(UTC), tuple(_own(ref) for ref in request.models)
    return Roll(
        id=new_id(now), engine=engine, started_at=now.isoformat(timespec="seconds"), devices=list(devices),
        address=address, serial=serial, timeout_s=timeout_s or TIMEOUT_S[request.suite],
        request=REQUEST.dump_python(replace(request, device="", folder=Path(), models=ids), mode="json"), entries=[],
    )  # fmt: skip


def _own(ref: str) -> str:
    """The id of a model, which is how a roll names it: one of the user's own has an id of its own."""
    found = load_model(ref).id
    if ref != found and found in model_paths():
        raise UsageError(f"--model {ref}: its id {found!r} is a shipped model's; give it another, or name {found}")
    return found


def call(
    roll: Roll, engine: Engine, folder: Path, faults: Mapping[int, str] | None = None, expected: int | None = None,
    models: Sequence[str] = (),
) -> Sequence[Slot]:  # fmt: skip
    """Ask which devices there are, before anything is measured; a roll that was called before keeps its entries.

    Args:
        roll: gets its entries.
        engine: who is there.
        folder: of the fleet.
        faults: of emulated devices, by number.
        expected: how many devices there should be, if that is known.
        models: files of the user's own that were asked for.

    Raises:
        UsageError: the folder holds another fleet, or a device, model or fault is none.
        DeviceError: there is no device.
        FileError: the folder cannot be written.
    """
    if not roll.entries:
        _require_none(folder)
    asked = roll.asked(models)
    slots = engine.devices(roll.devices)
    if roll.entries:
        require_writable(folder)
        return slots
    _require(asked, slots, faults or {})
    roll.entries = entries_of(slots, faults or {}, expected)
    require_writable(folder)
    with held(folder / FILE):
        _require_none(folder)
        write_roll(roll, folder)
    return slots


def _require_none(folder: Path) -> None:
    if (folder / FILE).exists():
        raise UsageError(f"{folder} holds a fleet already; go on with it by --resume {folder}, or choose another -o")


def _require(asked: Request, slots: Sequence[Slot], faults: Mapping[int, str]) -> None:
    if alien := [number for number in faults if number >= len(slots)]:
        raise UsageError(f"--fault {alien[0]}:...: no device {alien[0]}; this fleet has 0..{len(slots) - 1}")
    for number, slot in enumerate(slots):
        if slot.why is None:
            harness.require(replace(asked, device=slot.seen_as, fault=faults.get(number)))


def conduct(
    roll: Roll, slots: Sequence[Slot], engine: Engine, folder: Path, heard: Heard, models: Sequence[str] = ()
) -> Roll:
    """Measure every device of the roll that has no whole record; the roll is written after each.

    Args:
        roll: called already.
        slots: the devices that are there.
        engine: who measures.
        folder: of the fleet.
        heard: told of what is finished.
        models: files of the user's own that were asked for.

    Raises:
        KeyboardInterrupt: stopped; the roll says which devices were.
        FileError: the disk is full, the folder went away, or another process is at work on the fleet.
    """
    with held(folder / FILE):
        return _conducted(roll, slots, engine, folder, heard, models)


def _conducted(
    roll: Roll, slots: Sequence[Slot], engine: Engine, folder: Path, heard: Heard, models: Sequence[str]
) -> Roll:
    roll.entries = _placed(roll.entries, slots)
    places = {entry.number: slot for entry, slot in _pairs(roll.entries, slots)}
    jobs = _entered(roll, _jobs(roll, roll.asked(models), places, folder), folder)
    asked = {job.number: job.request for job in jobs}
    roll.ended_at = None
    try:
        with closing(engine.run(jobs, lambda number, text: heard(roll.entries[number], text))) as answers:
            for answer in answers:
                entry = entered(roll.entries[answer.number], answer, asked[answer.number], folder)
                roll.entries[answer.number] = entry
                roll.entries = name_twins(roll.entries)
                write_roll(roll, folder)
                heard(roll.entries[answer.number], None)
    finally:
        roll.ended_at = datetime.now(UTC).isoformat(timespec="seconds")
        write_roll(roll, folder)
    return roll


def _entered(roll: Roll, jobs: Sequence[Job], folder: Path) -> list[Job]:
    """The jobs that are left when whole records, which whoever began them did not live to enter, are entered."""
    left = []
    for job in jobs:
        if job.begun is not None and is_whole(job.begun, job.request):
            answer = Answer(job.number, "ended", None, job.begun, roll.entries[job.number].seconds or 0.0)
            roll.entries[job.number] = entered(roll.entries[job.number], answer, job.request, folder)
        else:
            left.append(job)
    roll.entries = name_twins(roll.entries)
    return left


def _pairs(entries: Sequence[Entry], slots: Sequence[Slot]) -> list[tuple[Entry, Slot]]:
    """Each device with its place: the one it had, one of its name on another node, or a new one if it had none."""
    left, waiting = list(slots), list(entries)
    found: list[tuple[Entry, Slot]] = []
    for fits in (_same_place, _same_name, _new_place):
        for entry in list(waiting):
            if (slot := next((s for s in left if fits(entry, s)), None)) is not None:
                left.remove(slot)
                waiting.remove(entry)
                found.append((entry, slot))
    return found


def _same_place(entry: Entry, slot: Slot) -> bool:
    return (entry.node, entry.device) == (slot.node, slot.device)


def _same_name(entry: Entry, slot: Slot) -> bool:
    """A cluster that was started anew calls its nodes otherwise; what an emulated device is does not hang on them."""
    return entry.device == slot.device


def _new_place(entry: Entry, slot: Slot) -> bool:
    """A device that never came may come now."""
    return not entry.node and not slot.why


def _placed(entries: Sequence[Entry], slots: Sequence[Slot]) -> list[Entry]:
    """The roll with the devices that have come or gone since it was called."""
    places = {entry.number: slot for entry, slot in _pairs(entries, slots)}
    return [_moved(entry, places.get(entry.number)) for entry in entries]


def _moved(entry: Entry, slot: Slot | None) -> Entry:
    if entry.state in KEPT:
        return entry
    if slot is None or slot.why:
        why = slot.why if slot else entry.why or "it is not there any more"
        return entry.model_copy(update={"state": "missing", "why": why, "exit_code": 1})
    return entry.model_copy(update={"state": "waiting", "why": None, "exit_code": 0, **_place(slot)})


def _place(slot: Slot) -> dict[str, str]:
    return {"node": slot.node, "device": slot.device, "seen_as": slot.seen_as}


def _jobs(roll: Roll, asked: Request, places: Mapping[int, Slot], folder: Path) -> list[Job]:
    waiting = [entry for entry in roll.entries if entry.state == "waiting"]
    bare = [Job(entry.number, places[entry.number], asked) for entry in waiting]
    siblings = beside(bare, roll.serial)
    return [_job(roll, job, siblings[job.number], folder) for job in bare]


def _job(roll: Roll, job: Job, siblings: Sequence[str], folder: Path) -> Job:
    entry = roll.entries[job.number]
    own = folder / (Path(entry.record).parts[0] if entry.record else f"{_safe(job.slot.node)}-{job.number}")
    told = {
        "id": roll.id, "engine": roll.engine, "node": job.slot.node, "number": job.number, "of": len(roll.entries),
        "device": job.slot.device, "serial": roll.serial, "beside": list(siblings),
    }  # fmt: skip
    request = replace(
        job.request, device=job.slot.seen_as, folder=own, fault=entry.fault, watched=True, fleet=told
    )
    return replace(job, request=request, begun=newest(own) if own.is_dir() else None)


def _safe(name: str) -> str:
    """A node's name as a folder's."""
    return name.replace("/", "-").replace(os.sep, "-").replace(":", "-")
