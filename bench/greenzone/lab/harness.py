"""A suite on a device, made into a record: opened, checked, measured, judged and written as it goes.

The record is written after every benchmark, so that a run that is stopped leaves what it had
finished. Emulated figures are labelled in every row and never enter the verdict on a real part.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from greenzone.errors import FileError, GreenzoneError, Interrupted, unknown
from greenzone.lab import evaluation, provenance
from greenzone.lab.devices import Device, open_device, require_fault, require_spec
from greenzone.lab.devices.base import Restartable
from greenzone.lab.isolation import Watched
from greenzone.lab.layers import require_context
from greenzone.lab.models import default_model, load_model
from greenzone.lab.repeats import combined
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.resuming import asked, gone_on, located, require_same, restated, stopped
from greenzone.lab.rounds import further_rounds
from greenzone.lab.units import Unit, units_of
from greenzone.lab.workloads import WORKLOADS, Plan, left_out
from greenzone.lab.workloads.plan import is_processor
from greenzone.law.transaction import Transaction
from greenzone.parts.catalogue import load_profile, load_profiles
from greenzone.parts.profile import DeviceProfile
from greenzone.records.digests import digests
from greenzone.records.held import held
from greenzone.records.record import CheckRow, EstimateRow, Record, Row, Run, key
from greenzone.records.record import Unit as FinishedUnit
from greenzone.records.store import has_room, new_id, path_for, require_writable, write

SUITES = ("quick", "standard", "lab")
# How long a workload may say nothing before it is ended: longer than its slowest benchmark takes.
SILENCE_S = {"quick": 120.0, "standard": 600.0, "lab": 900.0}
SILENCE_HANG_S = 5.0  # of an emulated device that is to hang: every benchmark of a sound one takes less
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked for."""

    device: str = "auto"
    suite: str = "quick"
    workloads: tuple[str, ...] = ()
    formats: tuple[str, ...] | None = None
    models: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    contexts: tuple[int, ...] = ()
    seed: int = 0
    folder: Path = Path("results")
    on: date = field(default_factory=lambda: datetime.now(UTC).date())
    known_on: date = field(default_factory=lambda: datetime.now(UTC).date())
    transaction: Transaction = field(default_factory=Transaction)
    watched: bool = False  # workloads of a real device in a child process, ended when it hangs
    fault: str | None = None  # of an emulated device: NAME or NAME@SECONDS
    fleet: Mapping[str, Any] | None = None  # of one device among many: which it is, and what ran beside it


@dataclass(frozen=True, slots=True)
class Outcome:
    """The record of a run and where it lies."""

    record: Record
    path: Path


def require(request: Request) -> None:
    """Look at what is asked for without opening the device.

    Raises:
        UsageError: an unknown device, profile, fault, suite, workload or model.
    """
    _plans(request)
    require_spec(request.device, load_profile)
    if request.fault is not None:
        require_fault(request.device, request.fault)


def run(request: Request, progress: Progress = lambda _: None) -> Outcome:
    """Measure a device and say which clauses it meets.

    Args:
        request: what to run.
        progress: told the name of each benchmark as it is finished.

    Raises:
        UsageError: an unknown device, profile, model or format.
        DeviceError: the device is not there or cannot be used.
        FileError: records cannot be written; found before anything is measured.
        Interrupted: stopped; what was finished is in the record, which the message names.
    """
    require_writable(request.folder)
    plans = _plans(request)
    device = open_device(request.device, load_profile, request.seed, known=load_profiles(), fault=request.fault)
    record = _begun(request, device)
    path = path_for(request.folder, device.id, record.run.id)
    require_writable(path.parent)
    with held(path):
        return _measured(request, plans, device, record, path, progress)


def resume(
    path: Path, progress: Progress = lambda _: None, models: Sequence[str] = (), devices: Sequence[str] = ()
) -> Outcome:
    """Go on with the run of a record where it was stopped; the part that was under way is measured again.

    Args:
        path: the record.
        progress: told what was finished.
        models: files of the user's own that the run was asked for, which a record names by their ids alone.
        devices: the device once more, where it is emulated from a file of the user's own.

    Raises:
        UsageError: the run is complete, a file is to be named again, or device, driver, package, rules or
            settings are not what they were.
        RecordError: no record, or one that cannot be gone on with.
        DeviceError, FileError, Interrupted: as `run`; or another process is at work on the record.
    """
    with held(path):
        return _resumed(path, progress, models, devices)


def _resumed(path: Path, progress: Progress, models: Sequence[str], devices: Sequence[str]) -> Outcome:
    found = stopped(path)
    request = Request(**asked(found.record), folder=path.parent, watched=True)
    request = replace(request, models=located(request.models, models), device=restated(request.device, devices))
    require_writable(path.parent)
    plans = _plans(request)
    device = open_device(request.device, load_profile, request.seed, known=load_profiles(), fault=request.fault)
    fresh = _begun(request, device)
    require_same(found.record, fresh, path)
    if isinstance(device, Restartable):
        device.resumed()
    record = gone_on(found)
    record.findings = fresh.findings
    return _measured(request, plans, device, record, path, progress)


def _plans(request: Request) -> list[Plan]:
    """One plan for each model: only inference looks at it, the rest runs with the first."""
    if request.suite not in SUITES:
        raise unknown("suite", request.suite, SUITES)
    for name in request.workloads:
        if name not in WORKLOADS:
            raise unknown("workload", name, WORKLOADS)
    shapes = [load_model(ref) for ref in dict.fromkeys(request.models)]
    for shape in shapes:
        require_context(shape, max(request.contexts, default=1))
    suite: Any = request.suite
    plan = Plan(suite, request.formats, request.seed, None, request.batches, request.contexts)
    return [replace(plan, model=shape) for shape in shapes] or [plan]


def _begun(request: Request, device: Device) -> Record:
    now = datetime.now(UTC)
    run_id = new_id(now)
    profile = profile_of(device)
    description = {"id": device.id, "name": device.name, "emulated": device.emulated, **device.describe()}
    record = Record(
        run=Run(id=run_id, started_at=now.isoformat(timespec="seconds")),
        tool=provenance.tool(),
        rules=provenance.rules(profile, request.device, _models(request, device), device.emulated),
        device={**description, "chosen_because": device.chosen_because, "part": evaluation.part_facts(device, profile)},
        environment=_environment(request), settings=_settings(request),
    )  # fmt: skip
    for code, text in device.conditions():
        record.find(code, "warning", f"{device.id}: {text}")
    if device.chosen_because:
        record.find("device_chosen", "info", f"{device.id}: {device.chosen_because}")
    if fault := record.device.get("fault"):
        text = f"{device.id}: the fault {fault} is switched on: what follows is of a device that is to fail"
        record.find("fault_switched_on", "warning", text)
    if missing := record.settings["left_out"]:
        text = f"suite {request.suite} leaves out {', '.join(missing)}; a longer suite has them"
        record.find("left_out", "info", text)
    return record


def _environment(request: Request) -> dict[str, Any]:
    return provenance.environment() | ({"fleet": dict(request.fleet)} if request.fleet else {})


def _models(request: Request, device: Device) -> tuple[str, ...]:
    """Those that inference runs, as they were asked for; the usual one where none was."""
    if request.workloads and "inference" not in request.workloads:
        return ()
    return request.models or (default_model(is_processor(device)).id,)


def profile_of(device: Device) -> DeviceProfile | None:
    """The profile of an emulated device, or the one that a live device was recognised by."""
    own = getattr(device, "profile", None)
    return own if isinstance(own, DeviceProfile) else None


def _measured(
    request: Request, plans: Sequence[Plan], device: Device, record: Record, path: Path, progress: Progress
) -> Outcome:
    try:
        write(record, path)
        done = {unit.name for unit in record.run.finished}
        for unit in units_of(request.workloads or tuple(WORKLOADS), plans, device):
            if unit.name not in done:
                _measure(request, unit, device, record, path, progress)
        _finished(request, device, record, "complete")
        write(record, path)
    except (KeyboardInterrupt, Interrupted):
        _finished(request, device, record, "interrupted")
        write(record, path)
        raise Interrupted(
            f"stopped after {len(record.benchmarks)} benchmarks; what was finished is in {path}"
        ) from None
    except GreenzoneError as error:
        _finished(request, device, record, "failed")
        try:
            write(record, path)
        except FileError:  # the disk is what failed, and what fitted is there
            raise FileError(f"{error}; {_kept(path)}") from None
        raise
    return Outcome(record, path)


def _kept(path: Path) -> str:
    if not path.exists():
        return "nothing of this run was kept"
    return f"what was finished before is in the record; go on with `greenzone run --resume {path}`"


def _measure(request: Request, unit: Unit, device: Device, record: Record, path: Path, progress: Progress) -> None:
    """One part of a run, a row at a time on disk; at its end the record says that it is finished."""
    rows = record.pending.setdefault(unit.name, []) if unit.siblings else record.benchmarks
    if isinstance(device, Restartable):
        device.restart(unit.name)
    for row in _workload(request, unit.workload, unit.plan, device):
        _put(rows, row if has_room(record, row) else _left_out(row))
        write(record, path)
        progress(_finished_row(row))
    if unit.siblings and unit.is_last:
        record.benchmarks += combined([record.pending.pop(name) for name in unit.siblings])
    record.run.finished.append(FinishedUnit(name=unit.name, rows=len(record.benchmarks)))
    write(record, path)


def _left_out(row: Row) -> Row:
    """A row without its figure: what is written can be read and verified, whatever was asked for."""
    reason = "the record is full: no verifier reads more samples; measure it in a run of its own"
    return Row(
        name=row.name, format=row.format, variant=row.variant, window=row.window, model=row.model, batch=row.batch,
        context=row.context, phase=row.phase, emulated=row.emulated, measured=False, reason=reason,
    )  # fmt: skip


def _put(rows: list[Row], row: Row) -> None:
    """Append a row, or put it in the place of the one of an earlier round."""
    known = {key(old): n for n, old in enumerate(rows)}
    if row.rounds and (place := known.get(key(row))) is not None:
        rows[place] = row
    else:
        rows.append(row)


def _finished_row(row: Row) -> str:
    words = (row.name, row.format, row.window or "not measured", "(emulated)" if row.emulated else None)
    return " ".join(word for word in words if word)


def _workload(request: Request, name: str, plan: Plan, device: Device) -> Iterator[Row]:
    if (watched := _watched(request, plan, device)) is not None:
        yield from (row.model_copy(update={"emulated": device.emulated}) for row in watched.rows(name, plan))
    else:
        yield from measured_rows(device, name, plan)


def _watched(request: Request, plan: Plan, device: Device) -> Watched | None:
    """How a workload is run apart; None where nothing is known to hang."""
    if (request.fault or "").partition("@")[0] == "hang":
        # A call that never returns is one event: the child that goes on after it has a sound device.
        faulty, sound = (Measure(device.id, request.seed, fault) for fault in (request.fault, None))
        return Watched(faulty, SILENCE_HANG_S, device.formats(), again=sound)
    # A processor's kernels do not hang, and a process of their own takes seconds to start: for lab alone.
    apart = plan.suite == "lab" or not is_processor(device)
    if not request.watched or not apart or device.emulated:
        return None
    return Watched(Measure(request.device), SILENCE_S[plan.suite], device.formats())


def measured_rows(device: Device, name: str, plan: Plan) -> Iterator[Row]:
    """The rows of a workload on a device of this process; once more, each with the samples of all rounds."""
    profile, found = profile_of(device), []
    for result in WORKLOADS[name](device, plan):
        found.append(result)
        yield row_of(result, device.emulated, profile)
    for again in further_rounds(device, found, plan):
        yield row_of(again, device.emulated, profile)


@dataclass(frozen=True, slots=True)
class Measure:
    """A workload on a device that the process it is called in opens for itself, before it gives a row."""

    device: str
    seed: int = 0
    fault: str | None = None

    def __call__(self, name: str, plan: Plan) -> Iterator[Row]:
        device = open_device(self.device, load_profile, self.seed, known=load_profiles(), fault=self.fault)
        return measured_rows(device, name, plan)


def row_of(result: Result | NotMeasured, emulated: bool, profile: DeviceProfile | None = None) -> Row:
    """A result as the record keeps it, with the profile's claim for its format beside it."""
    if isinstance(result, NotMeasured):
        return Row(name=result.name, format=result.format, emulated=emulated, measured=False, reason=result.reason)
    metrics = {k: EstimateRow(median=e.median, low=e.low, high=e.high) for k, e in result.metrics.items()}
    c = result.check
    check = CheckRow(error=c.error, tolerance=c.tolerance, reference=c.reference) if c else None
    claim = profile.peak(result.format) if profile and result.format and "rate_tops" in metrics else None
    return Row.model_validate(
        {
            "name": result.name, "format": result.format, "variant": result.variant, "window": result.window,
            "data": result.data, "emulated": emulated, "shape": dict(result.shape), "operations": result.operations,
            "bytes": result.bytes, "claimed_tops": claim.high if claim and claim.is_bounded else None, **metrics,
            "validity": result.validity, "notes": list(result.notes),
            "check": check,
            "warmups": list(result.warmups), "samples": list(result.samples), "telemetry": list(result.telemetry),
            **_model_error(result, emulated, profile), **result.extra,
        }
    )  # fmt: skip


def _model_error(result: Result, emulated: bool, profile: DeviceProfile | None) -> dict[str, Any]:
    """How far off the time model is known to be, beside every emulated figure that comes from it."""
    if not emulated or profile is None or not result.metrics or result.name.startswith("interconnect."):
        return {}
    from greenzone.lab.emulation.validation import model_error

    share, why = model_error(result.name, profile)
    return {"model_error": share, "model_error_source": why}


def _finished(request: Request, device: Device, record: Record, status: Any) -> None:
    """Evidence, parameters, verdicts and findings from the rows there are; the run is over."""
    record.telemetry = [t for t in (device.telemetry(),) if t is not None]
    evaluation.evaluate(record, device, profile_of(device), request.on, request.known_on, request.transaction)
    evaluation.find_identity(record, load_profiles())
    record.run.status = status
    record.run.ended_at = datetime.now(UTC).isoformat(timespec="seconds")
    record.digests = digests(record.to_json())


def _settings(request: Request) -> dict[str, Any]:
    t = request.transaction
    return {
        "device": request.device, "suite": request.suite, "workloads": list(request.workloads or WORKLOADS),
        "formats": list(request.formats) if request.formats else None,
        "models": [load_model(ref).id for ref in request.models] or None,
        "batches": list(request.batches) or None, "contexts": list(request.contexts) or None,
        "seed": request.seed, "fault": request.fault, "data": "normal", "on": request.on.isoformat(),
        "known_on": request.known_on.isoformat(),
        "left_out": left_out(request.workloads or WORKLOADS, request.suite),
        "transaction": {
            "to": t.to, "kind": t.kind, "from": t.origin, "headquarters": t.headquarters, "on_sale_us": t.on_sale_us
        },
    }  # fmt: skip


def nothing_measured(record: Record) -> bool:
    """Whether no benchmark gave a valid or unstable figure."""
    return not any(row.measured and row.validity in ("valid", "unstable") for row in record.benchmarks)


def unsound(record: Record) -> Sequence[Row]:
    """The rows whose figure is invalid or unstable."""
    return [row for row in record.benchmarks if row.validity in ("invalid", "unstable")]
