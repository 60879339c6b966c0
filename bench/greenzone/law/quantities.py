"""Quantity limits over shipments: which limits stand, and which shipments count towards each.

`law.balances` sums what counts. A part of which it is undecided whether it counts adds nothing to the low
end of a total and all of itself to the high.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from greenzone.errors import unknown
from greenzone.law.classification import classify
from greenzone.law.countries import meant
from greenzone.law.limits import AUTHORIZATIONS, SHIPMENT_KINDS, Limit, LimitReading
from greenzone.law.regimes import Regime, Version, load_regimes
from greenzone.law.status import CAUGHT, UNDECIDED
from greenzone.parts.capability import Part

if TYPE_CHECKING:
    import pandas as pd

EPOCH = date(1970, 1, 1)
# Columns of a frame of shipments that hold numbers of names; `kind` and `authorization` have closed lists.
CODED = ("part", "consignee", "destination", "headquarters")
STANDING = ("in_force", "not_enforced")


@dataclass(frozen=True)
class Question:
    """One limit as one reading has it, under the version that stands on a day."""

    regime: str
    version: str
    rule_status: str
    limit: Limit
    reading: LimitReading | None = None
    compliance: date | None = None


@dataclass(frozen=True)
class Silence:
    """A regime that has limits, none of which stands on the day; `first` is when one first does."""

    regime: str
    first: date | None


@dataclass(frozen=True)
class Law:
    """The day whose law is asked for, and what was published by another."""

    on: date
    known_on: date

    def countries(self, patterns: tuple[str, ...], names: Sequence[str]) -> Any:
        """Which of the names a list of countries and groups means, as an array of truths."""
        import numpy as np

        wanted = meant(patterns, self.on, self.known_on)
        return np.array([name in wanted for name in names], dtype=bool)


def day_number(day: date) -> int:
    """Days since 1970-01-01, as frames of shipments have them."""
    return (day - EPOCH).days


def limit_ids() -> list[str]:
    """The ids of every limit of every regime that ships, in the order of the files."""
    return list(dict.fromkeys(limit.id for r in load_regimes() for v in r.versions for limit in v.limits))


def questions(law: Law, ids: Sequence[str] = ()) -> tuple[list[Question], list[Silence]]:
    """The limits that stand on a day, under each reading, and the regimes whose limits do not.

    Args:
        law: the day, and what was known.
        ids: limits; every one if none is named.

    Raises:
        UsageError: no limit has that id; the nearest are named.
    """
    for name in ids:
        if name not in limit_ids():
            raise unknown("limit", name, limit_ids())
    found, silent = [], []
    for regime in load_regimes():
        dated = [v for v in regime.versions if _wanted(v, ids)]
        if not dated:
            continue
        version = regime.version_on(law.on, law.known_on)
        if version is None or version.status not in STANDING or version not in dated:
            silent.append(Silence(regime.id, dated[0].effective))
        else:
            found += _under_readings(regime, version, ids)
    return found, silent


def _wanted(version: Version, ids: Sequence[str]) -> list[Limit]:
    return [limit for limit in version.limits if not ids or limit.id in ids]


def _under_readings(regime: Regime, version: Version, ids: Sequence[str]) -> list[Question]:
    return [
        Question(regime.id, version.label, version.status, read, reading, version.compliance)
        for limit in _wanted(version, ids)
        for reading, read in limit.under_each_reading()
    ]


def weights(limit: Limit, parts: Sequence[Part], law: Law) -> list[tuple[float, float, str]]:
    """What one unit of each part adds to a total, at least and at most, and why: caught, not_caught, undecided.

    TPP is that of the part's box; a part that a regime of `caught` does not catch adds nothing.
    """
    return [_weight(limit, part, law) for part in parts]


def _weight(limit: Limit, part: Part, law: Law) -> tuple[float, float, str]:
    said = {v.status for v in classify(part, law.on, law.known_on, regimes=limit.caught).verdicts}
    tpp = part.value(limit.parameter).interval
    if said == {CAUGHT}:
        return tpp.low, tpp.high, CAUGHT
    if said <= {CAUGHT, UNDECIDED}:
        return 0.0, tpp.high, UNDECIDED
    return 0.0, 0.0, "not_caught"


def cut_days(limits: Sequence[Limit], first_year: int, last_year: int) -> list[int]:
    """The days at which any period or bound changes: days between two of them are alike to every limit."""
    days = {date(year, 1, 1) for year in range(first_year, last_year + 2)}
    for limit in limits:
        days |= {step.begins for step in limit.steps} | ({limit.begins} if limit.begins else set())
        if limit.ends:
            days.add(date.fromordinal(limit.ends.toordinal() + 1))
    return sorted(day_number(day) for day in days)


@dataclass(frozen=True)
class Tally:
    """A question with everything that frames of shipments are held against, looked up once.

    `low` and `high` are the TPP of a unit by part number; `names` those of the coded columns.
    """

    question: Question
    names: Mapping[str, Sequence[str]]
    low: Any
    high: Any
    law: Law

    @property
    def limit(self) -> Limit:
        """The limit, as the reading has it."""
        return self.question.limit

    def counted(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """The shipments that count, with `period` and `against` (the side a share is taken of).

        Args:
            frame: day, the coded columns, kind, authorization, quantity; one row a shipment or a sum of them.
        """
        import pandas as pd

        limit = self.limit
        base = self._in_time(frame) & (self.high[frame["part"]] > 0)
        base &= ~self._in(frame, "destination", limit.except_to)
        base &= ~self._in(frame, "headquarters", limit.except_headquarters)
        if limit.headquarters:
            base &= self._in(frame, "headquarters", limit.headquarters)
        counts = base & self._of_kind(frame)
        if limit.to:
            counts &= self._in(frame, "destination", limit.to)
        found = frame[counts].assign(against=False)
        if limit.share is not None:
            other = base & self._in(frame, "destination", limit.of_to) & (frame["kind"] != _kind("import"))
            found = pd.concat([found, frame[other].assign(against=True)])
        return found.assign(period=self.period(found["day"].to_numpy()))

    def _in(self, frame: "pd.DataFrame", column: str, patterns: tuple[str, ...]) -> Any:
        return self.law.countries(patterns, self.names[column])[frame[column]]

    def _in_time(self, frame: "pd.DataFrame") -> Any:
        first = day_number(self.limit.begins) if self.limit.begins else 0
        last = day_number(self.limit.ends or date.max)
        return ((frame["day"] >= first) & (frame["day"] <= last)).to_numpy()

    def _of_kind(self, frame: "pd.DataFrame") -> Any:
        import numpy as np

        limit = self.limit
        kinds = [not limit.kinds or k in limit.kinds for k in SHIPMENT_KINDS]
        # The first code is "not said", which counts: nothing is left out of a total for want of a word.
        ways = [True, *(not limit.authorizations or a in limit.authorizations for a in AUTHORIZATIONS)]
        return np.array(kinds)[frame["kind"]] & np.array(ways)[frame["authorization"]]

    def period(self, days: Any) -> Any:
        """The number of each day's period: the year, the step (days before the first belong to it), or 0."""
        import numpy as np

        if self.limit.period == "calendar_year":
            return days.astype("M8[D]").astype("M8[Y]").astype(np.int64) + 1970
        if self.limit.steps:
            starts = [day_number(step.begins) for step in self.limit.steps]
            return np.maximum(np.searchsorted(starts, days, side="right") - 1, 0)
        return np.zeros(len(days), dtype=np.int64)

    def amount(self, period: int) -> float:
        """The amount a period's total is held against; 0 for a share, which is of another total."""
        steps = self.limit.steps
        return steps[period].amount if steps else self.limit.amount or 0.0

    def label(self, period: int) -> str:
        """A period in words: 2025, "2025-04-01 to 2025-06-30", "from 2025-01-01 to 2027-12-31"."""
        limit = self.limit
        if limit.period == "calendar_year":
            return str(period)
        if limit.steps:
            ends = [date.fromordinal(s.begins.toordinal() - 1) for s in limit.steps[1:]]
            return _span(limit.steps[period].begins, [*ends, limit.ends][period])
        return _span(limit.begins, limit.ends)


def _span(first: date | None, last: date | None) -> str:
    begins = first.isoformat() if first else ""
    return f"{begins} to {last.isoformat()}" if last else f"since {begins}" if begins else "all shipments"


def _kind(name: str) -> int:
    return SHIPMENT_KINDS.index(name)
