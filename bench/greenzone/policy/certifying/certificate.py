"""A lot held to what is represented of it: its units, what each came to, and the one answer with its exit code.

Where several hold, evidence that does not stand (5) comes before a value exceeded (3) before no statement (4). A
lot of emulated devices may fail, and is never more than "no statement": it is no evidence of a real part.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from typing import Any

from greenzone.parameters import PARAMETERS
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying import statements
from greenzone.policy.certifying.bounding import Bound, Outcome
from greenzone.policy.certifying.examining import Examined
from greenzone.policy.certifying.lots import Sample
from greenzone.policy.certifying.method import Method
from greenzone.policy.certifying.represented import Represented
from greenzone.policy.certifying.units import Unit, units_of
from greenzone.policy.lines import Line, Status, exit_code
from greenzone.records.signature import CERTIFICATE

STATUS: dict[Outcome, Status] = {
    "exceeded": "violated", "contradicts": "invalid", "doubtful": "undecided", "not_measured": "undecided",
    "not_represented": "undecided", "no_ceiling": "undecided", "open": "undecided", "bounded": "pass",
}  # fmt: skip


@dataclass(frozen=True)
class Certificate:
    """A lot held to a method.

    Args:
        represented: what is represented, and the rule.
        represented_sha256: of its file.
        profile: of the part represented.
        method: that was followed.
        examined: every record given, those that do not hold among them.
        issued_on: the day it is issued.
    """

    represented: Represented
    represented_sha256: str
    profile: DeviceProfile
    method: Method
    examined: tuple[Examined, ...]
    issued_on: date

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The units that records that hold are of."""
        return tuple(units_of((e for e in self.examined if e.holds), self.represented, self.profile))

    @cached_property
    def refused(self) -> tuple[Examined, ...]:
        """Records that do not hold."""
        return tuple(e for e in self.examined if not e.holds)

    @property
    def emulated(self) -> bool:
        """Whether any record is of an emulated device, those set aside among them."""
        return any(e.emulated for e in self.examined)

    @property
    def exceeding(self) -> list[tuple[str, Bound]]:
        """Every value that is exceeded, by the unit."""
        return [(unit.id, b) for unit in self.units for b in unit.exceeded]

    @property
    def sample(self) -> Sample:
        """The units tested by the method, and those found to exceed by whatever record."""
        tested = sum(unit.follows_method for unit in self.units)
        return Sample(self.represented.units, tested, len({name for name, _ in self.exceeding}))

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Everything that decides, a line each."""
        return (*self.lines_of_lot, *(line for unit in self.units for line in _of_unit(unit)))

    @cached_property
    def lines_of_lot(self) -> tuple[Line, ...]:
        """Those of the lot as a whole."""
        return tuple(self._of_lot())

    @property
    def exit_code(self) -> int:
        """0, 3, 4 or 5 (design section 7)."""
        return exit_code(self.lines)

    @property
    def statement(self) -> str:
        """The answer in one sentence."""
        return statements.headline(self.exit_code, self.exceeding, self.sample.is_whole, self.emulated)

    def _of_lot(self) -> Iterator[Line]:
        lot, sample = self.represented, self.sample
        for one in self.refused:
            yield Line("record", "invalid", f"{one.file.name} does not hold and is set aside: {'; '.join(one.faults)}")
        if self.emulated:
            yield Line("emulated", "undecided", statements.EMULATED)
            if not all(e.emulated for e in self.examined):
                yield Line("emulated", "invalid", "records of emulated and of real devices stand in one lot; part them")
        if len(self.units) > lot.units:
            text = f"{len(self.units)} units have records, and the lot has {lot.units}"
            yield Line("lot", "undecided", text)
        if missing := [name for name in lot.uuids if name not in {u.id for u in self.units}]:
            yield Line("lot", "warn", f"{len(missing)} of the units listed have no record: {', '.join(missing[:5])}")
        left = sample.remaining_max
        enough = left is not None and left <= lot.nonconforming_max and sample.tested > 0
        status: Status = "pass" if enough else "undecided" if left is not None else "violated"
        few = sample.tested > 0 and left is not None and not enough
        asked = f" Chosen before: at most {lot.nonconforming_max} may remain." if few else ""
        yield Line("sample", status, f"{statements.sample(sample)}{asked}")

    def to_json(self) -> dict[str, Any]:
        """Plain data (`greenzone.certificate/1`)."""
        lot, sample = self.represented, self.sample
        return {
            "schema": CERTIFICATE, "lot": lot.lot, "emulated": self.emulated, "statement": self.statement,
            "exit_code": self.exit_code, "issued_on": self.issued_on.isoformat(),
            "label": statements.EMULATED if self.emulated else None,
            "method": {"id": self.method.id, "title": self.method.title, "sha256": self.method.sha256},
            "represented": {**_plain(asdict(lot)), "sha256": self.represented_sha256},
            "part": {"id": self.profile.id, "name": self.profile.name},
            "decision_rule": statements.decided(lot.decision_rule, lot.decided_on),
            "sample": {**asdict(sample), "remaining_max": sample.remaining_max},
            "lines": [{"rule": line.rule, "status": line.status, "text": line.text} for line in self.lines],
            "units": [unit_json(unit, lot.values.peak_power_w) for unit in self.units],
            "records": [one.to_json() for one in self.examined], "does_not_show": list(statements.NOT_SHOWN),
        }  # fmt: skip


def _plain(value: Any) -> Any:
    """Data as JSON has it: dates are text, tuples lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _of_unit(unit: Unit) -> Iterator[Line]:
    name = f"unit {unit.id}"
    for b in unit.bounds:
        yield Line(name, STATUS[b.outcome], f"{statements.titled(b.quantity)}: {statements.statement(b)}")
    yield from (Line(name, "invalid", f"a row was refused: {text}") for text in unit.refused)
    yield from (Line(name, "undecided", f"departs from the method: {text}") for text in unit.departures)
    yield from (Line(name, "undecided", f"identity: {text}") for text in unit.conflicts)


def unit_json(unit: Unit, represented_w: float | None) -> dict[str, Any]:
    """A unit as plain data."""
    p = unit.power
    return {
        "id": unit.id, "identified": unit.identified, "emulated": unit.emulated, "outcome": unit.outcome,
        "device": unit.facts, "not_reported": list(unit.not_reported), "records": [r.file.name for r in unit.records],
        "quantities": [_bound_json(b, unit) for b in unit.bounds],
        "peak_power": {**asdict(p), "text": statements.power(p, represented_w)},
        "departures": list(unit.departures), "conflicts": list(unit.conflicts), "refused": list(unit.refused),
    }  # fmt: skip


def _bound_json(b: Bound, unit: Unit) -> dict[str, Any]:
    search = unit.searches[b.quantity]
    return {
        "quantity": b.quantity, "unit": PARAMETERS[b.quantity].unit, "outcome": b.outcome,
        "represented": b.represented, "measured": asdict(b.figure) if b.figure else None,
        "ceiling": asdict(b.ceiling), "ceiling_excess": b.ceiling_excess, "answer": b.answer,
        "above_probability": b.above_probability, "statement": statements.statement(b),
        "searched": list(search.searched), "not_searched": list(search.not_searched),
    }  # fmt: skip
