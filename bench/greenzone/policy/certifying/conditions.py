"""Where a record departs from the method: what makes its figures no hardest search, or no evidence of this unit.

Each departure is a sentence. A unit of which every record departs is not confirmed by this method, whatever was
measured; what was measured above a represented value still counts, for a lower bound needs no method.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime

from greenzone.errors import RecordError
from greenzone.lab.fingerprint import seen
from greenzone.lab.identify import identify
from greenzone.parts.catalogue import Catalogue, named
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.represented import Represented
from greenzone.records.record import Record

SUITE = "lab"
WORKLOADS = ("matmul", "peak", "memory", "interconnect")
# Findings of a run that lower a figure, or say it is not of the whole device, or not of it as sold.
LOWERING = (
    "contention", "other_tenant", "throttled", "power_limit_lowered", "power_limit_raised", "mig", "vgpu", "partition",
    "device_lost", "hang", "fault_switched_on", "two_speeds",
)  # fmt: skip


def departures(record: Record, represented: Represented) -> Iterator[str]:
    """Where a run departs from the method."""
    settings, run = record.settings, record.run
    if settings.get("suite") != SUITE:
        yield f"run with --suite {settings.get('suite')!s:.20}, and the method asks for --suite {SUITE}"
    asked = settings.get("workloads")
    ran = asked if isinstance(asked, list) else []
    if missing := [name for name in WORKLOADS if name not in ran]:
        yield f"run without {', '.join(missing)}"
    if formats := settings.get("formats"):
        told = ", ".join(map(str, formats)) if isinstance(formats, list) else str(formats)
        yield f"run with --dtype {told:.200}: the other formats were not tried"
    if run.status != "complete":
        yield f"the run is {run.status}"
    yield from _beside(record)
    yield from _too_early(record, represented.decided_on)
    for finding in record.findings:
        if finding.code in LOWERING:
            yield f"{finding.code.replace('_', ' ')}: {finding.text}"


def _beside(record: Record) -> Iterator[str]:
    """Devices of one host share its links, its memory and its power."""
    fleet = record.environment.get("fleet")
    others = fleet.get("beside") if isinstance(fleet, Mapping) else None
    if isinstance(others, list) and others:
        many = f"{len(others)} other devices" if len(others) > 1 else "another device"
        yield f"run while {many} of its host ran: run them in turns (`greenzone fleet run --serial`)"


def _too_early(record: Record, decided_on: date) -> Iterator[str]:
    """The rule is chosen before the run; a resumed run began when it first began."""
    try:
        at = datetime.fromisoformat(record.run.started_at)
        began = (at if at.tzinfo is None else at.astimezone(UTC)).date()
    except (ValueError, OverflowError):
        yield f"when it began cannot be read: {record.run.started_at!r:.40}"
        return
    if began < decided_on:
        yield f"begun on {began.isoformat()}, before the decision rule was chosen on {decided_on.isoformat()}"


def conflicts(record: Record, profile: DeviceProfile, known: Catalogue) -> Iterator[str]:
    """What does not agree with the part represented: the profile used, the name given, or the behaviour.

    An emulated device is what its profile says, so its behaviour is not asked.
    """
    part = record.device.get("part")
    own = part.get("id") if isinstance(part, dict) else None
    if own != profile.id:
        yield f"the record is of the part {own!s:.60}, and {profile.id} is represented"
    if record.device.get("emulated"):
        return
    name = record.device.get("name")
    if not isinstance(name, str) or not named(name, [profile]):
        yield f"it names itself {name!s:.60}, which is no name of {profile.id}"
    try:
        identity = identify(seen(record), known.profiles)
    except RecordError as error:
        yield f"what it is cannot be told: {error}"
        return
    yield from (text for code, text in identity.findings if code != "limiter")
    likeliest = [c.profile.id for c in identity.likeliest]
    if likeliest and profile.id not in likeliest:
        yield f"it behaves like {', '.join(likeliest)}"
