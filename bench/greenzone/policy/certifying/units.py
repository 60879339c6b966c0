"""Units of a lot: the records of one device together, and what they come to for each quantity.

Several records of one UUID are of one unit. Every figure of all of them counts, so the highest governs; how hard
was searched is read off those that follow the method.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.bounding import OUTCOMES, Bound, Ceiling, Figure, Outcome, bound
from greenzone.policy.certifying.ceilings import ceilings
from greenzone.policy.certifying.examining import FACTS, TOLD_BY_DRIVER, Examined
from greenzone.policy.certifying.figures import Power, figures, peak_power, plain_number
from greenzone.policy.certifying.represented import QUANTITIES, Represented
from greenzone.policy.certifying.searching import Search, refused, searches

ONE_OF = "the package shows {} devices and a record is of one: what all of them reach at once was not measured"
NO_UUID = "no UUID: the record does not tell which unit it is of"


@dataclass(frozen=True)
class Unit:
    """One device of a lot, with every record of it that holds."""

    id: str
    identified: bool
    records: tuple[Examined, ...]
    bounds: tuple[Bound, ...]
    searches: dict[str, Search]
    power: Power
    departures: tuple[str, ...]
    conflicts: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def emulated(self) -> bool:
        return any(r.emulated for r in self.records)

    @property
    def outcome(self) -> Outcome:
        """The worst of its quantities."""
        return min((b.outcome for b in self.bounds), key=OUTCOMES.index)

    @property
    def exceeded(self) -> tuple[Bound, ...]:
        return tuple(b for b in self.bounds if b.outcome == "exceeded")

    @property
    def follows_method(self) -> bool:
        """Whether a record of it follows the method, and it is known which unit of the lot it is."""
        return not self.departures

    @property
    def facts(self) -> dict[str, Any]:
        """What the device says of itself; a fact is there once, as the last record has it."""
        told = [(key, r.record.device.get(key)) for r in self.records for key in FACTS]
        return {key: value for key, value in told if isinstance(value, (str, bool)) or plain_number(value) is not None}

    @property
    def not_reported(self) -> tuple[str, ...]:
        """What the driver does not tell of it."""
        return tuple(name for name in TOLD_BY_DRIVER if name not in self.facts)


def units_of(examined: Iterable[Examined], represented: Represented, profile: DeviceProfile) -> list[Unit]:
    """The units that records are of, in the order in which each first came.

    Args:
        examined: records that hold.
        represented: what is asked of the lot.
        profile: of the part represented.
    """
    grouped: dict[str, list[Examined]] = {}
    for one in examined:
        grouped.setdefault(one.uuid or f"unknown, of {one.file.name}", []).append(one)
    return [_unit(name, own, represented, profile) for name, own in grouped.items()]


def _unit(name: str, own: Sequence[Examined], represented: Represented, profile: DeviceProfile) -> Unit:
    identified = own[0].uuid is not None
    conflicts = tuple(dict.fromkeys(text for one in own for text in one.conflicts))
    sound = [one for one in own if not one.departures]
    rows = [row for one in sound or own for row in one.record.benchmarks]
    return Unit(
        name, identified, tuple(own), tuple(_bounds(own, represented, profile, bool(conflicts))),
        searches(rows, profile), peak_power(one.record for one in own),
        tuple(_departures(own, bool(sound), name, represented, profile)), conflicts,
        tuple(f"{row.title}: {row.notes[-1] if row.notes else 'refused'}"
              for one in own for row in refused(one.record.benchmarks)),
    )  # fmt: skip


def _departures(
    own: Sequence[Examined], followed: bool, name: str, represented: Represented, profile: DeviceProfile
) -> Iterable[str]:
    """Why the unit is not tested by the method; those of single records do not count where another follows it."""
    if own[0].uuid is None:
        yield NO_UUID
    elif represented.uuids and name not in represented.uuids:
        yield f"{name} is not among the units listed of the lot"
    if (devices := profile.hardware.devices_per_package if profile.hardware else 1) > 1:
        yield ONE_OF.format(devices)
    if not followed:
        yield from dict.fromkeys(text for one in own for text in one.departures)


def _bounds(
    own: Sequence[Examined], represented: Represented, profile: DeviceProfile, in_doubt: bool
) -> Iterable[Bound]:  # fmt: skip
    """Each quantity; where the identity is in doubt, the ceiling of the represented part is not that of the unit."""
    measured: dict[str, list[Figure]] = {name: [] for name in QUANTITIES}
    highest: dict[str, Ceiling] = {}
    for one in own:
        for name, found in figures(one.record, profile).items():
            measured[name] += found
        for name, top in ceilings(profile, one.record.device).items():
            highest[name] = max(highest.get(name, top), top, key=_height)
    for name in QUANTITIES:
        top = Ceiling(None, f"{_NOT_ITS_OWN} ({highest[name].working})") if in_doubt else highest[name]
        yield bound(name, represented.values.of(name), measured[name], top, represented.decision_rule)


_NOT_ITS_OWN = "the identity does not agree with the part represented, so its ceiling may not be that of the unit"


def _height(c: Ceiling) -> float:
    """A ceiling that is not known is above every other."""
    return float("inf") if c.value is None else c.value
