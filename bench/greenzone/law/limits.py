"""Limits on quantity, as dated data: how much of a parameter one consignee, country or part may come to.

A limit stands in a regime's version (`[[version.limit]]`) and says what counts, what is excepted, over
which period the total runs, and what it is held against. Where a text allows two readings, both stand
in the data (`[[version.limit.reading]]`) and both are answered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, Any, Literal

from greenzone.datafiles import Before, Bound, Check, Confidence, Positive
from greenzone.errors import nearest
from greenzone.law.countries import ISO, group_ids

Duty = Literal["limit", "notice"]
Key = Literal["consignee", "destination", "headquarters", "part"]
Period = Literal["calendar_year", "cumulative", "shipment"]
Comparator = Literal["<=", "<"]
ShipmentKind = Literal["export", "reexport", "transfer", "import", "domestic"]
Authorization = Literal["licence", "LPP", "AIA", "ACM", "NAC", "ACA", "UVEU", "NVEU"]
SHIPMENT_KINDS = ("export", "reexport", "transfer", "import", "domestic")
AUTHORIZATIONS = ("licence", "LPP", "AIA", "ACM", "NAC", "ACA", "UVEU", "NVEU")


def _check_countries(values: Sequence[str]) -> Sequence[str]:
    allowed = [*ISO, *(sign + g for g in group_ids() for sign in ("@", "!@"))]
    for value in values:
        if value not in allowed:
            raise ValueError(f"{value!r} is no country or group; nearest: {', '.join(nearest(value, allowed))}")
    return values


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


# Countries and groups, as outcomes have them: ["@D5", "MO"].
Countries = Annotated[tuple[str, ...], Before(_as_list, str | list[str]), Check(_check_countries)]
Share = Annotated[float, Bound(gt=0, le=1)]


@dataclass(frozen=True)
class Step:
    """An amount that holds from a day on, until the next step."""

    begins: date
    amount: Positive


@dataclass(frozen=True)
class LimitReading:
    """One of several ways to read a limit: what it says in place of the limit's own words."""

    id: str
    text: str
    per: tuple[Key, ...] = ()
    comparator: Comparator | None = None
    except_to: Countries = ()
    except_headquarters: Countries = ()


@dataclass(frozen=True)
class LimitCitation:
    """Where a limit is printed, with its operative words."""

    cite: str
    url: Annotated[str, Bound(pattern=r"^https://")]
    quote: str
    confidence: Confidence


@dataclass(frozen=True)
class Limit:
    """The total of a parameter that must not be passed, or that a notice hangs on.

    A shipment counts if its part is caught by every regime of `caught`, its kind and authorization are
    named (an authorization that is not known counts), it goes `to` a country named, to a party with its
    seat in `headquarters`, on a day from `begins` to `ends`; unless its destination is in `except_to` or
    its party's seat in `except_headquarters`. An empty list asks nothing.

    The total stays within it while `total COMPARATOR amount`. A `share` is of what was shipped to `of_to`.
    """

    id: Annotated[str, Bound(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    period: Period
    citation: LimitCitation
    caught: tuple[str, ...]
    parameter: Literal["tpp"] = "tpp"
    duty: Duty = "limit"
    per: tuple[Key, ...] = ()
    amount: Positive | None = None
    steps: tuple[Step, ...] = field(default=(), metadata={"key": "step"})
    share: Share | None = None
    of_to: Countries = ()
    comparator: Comparator = "<="
    begins: date | None = None
    ends: date | None = None
    kinds: tuple[ShipmentKind, ...] = ()
    authorizations: tuple[Authorization, ...] = ()
    to: Countries = ()
    headquarters: Countries = ()
    except_to: Countries = ()
    except_headquarters: Countries = ()
    readings: tuple[LimitReading, ...] = field(default=(), metadata={"key": "reading"})

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise ValueError("; ".join(f"limit {self.id!r} - {fault}" for fault in faults))

    def _faults(self) -> Iterable[str]:
        if sum((self.amount is not None, bool(self.steps), self.share is not None)) != 1:
            yield "give one of amount, step and share"
        if (self.share is None) != (not self.of_to):
            yield "a share names what it is a share of (of_to), and nothing else does"
        if self.period != "cumulative" and (self.steps or self.share):
            yield "steps and shares are of a cumulative total"
        if [s.begins for s in self.steps] != sorted({s.begins for s in self.steps}):
            yield "the steps are not in the order of their days"
        if len(self.readings) == 1:
            yield "where a text allows one reading alone, its words are the limit's"
        if not self.caught:
            yield "name the regimes that must catch a part for it to count"

    def under_each_reading(self) -> list[tuple[LimitReading | None, "Limit"]]:
        """The limit as each reading has it; itself alone where the text allows one."""
        return [(r, self._read(r)) for r in self.readings] or [(None, self)]

    def _read(self, reading: LimitReading) -> "Limit":
        names = ("per", "comparator", "except_to", "except_headquarters")
        said: dict[str, Any] = {n: getattr(reading, n) for n in names if getattr(reading, n)}
        return replace(self, readings=(), **said)
