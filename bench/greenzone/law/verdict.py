"""What is said of a part under its regimes: plain frozen data, and its JSON (`greenzone.classification/1`)."""

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from greenzone.errors import unknown
from greenzone.intervals import INF
from greenzone.law.regimes import Note
from greenzone.law.transaction import Consequence, Transaction
from greenzone.parameters import PARAMETERS
from greenzone.parts.capability import Part
from greenzone.parts.document import evidence_json, parameters_json

SCHEMA = "greenzone.classification/1"

WORDS = {
    "control": {"caught": "caught", "not_caught": "not caught"},
    "eligibility": {"caught": "eligible", "not_caught": "not eligible"},
    "tariff": {"caught": "met", "not_caught": "not met"},
    "quantity": {"caught": "over", "not_caught": "not over"},
}


@dataclass(frozen=True)
class Condition:
    """One range of a clause against the part's value."""

    parameter: str
    range: str
    low: float
    high: float
    margin: float | None


@dataclass(frozen=True)
class ClauseVerdict:
    """One clause: its truth, and what decided it.

    `excluded_by` names the exclusion that takes it out, or may; `catches` is the truth after exclusions;
    `hangs_on` says what other regimes it refers to, and what they say.
    """

    id: str
    paragraph: str
    truth: str
    conditions: tuple[Condition, ...]
    excluded_by: str | None = None
    catches: str = "false"
    hangs_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class BreakEven:
    """A range of a missing fact and the status it would give; `clause` is the first that catches."""

    parameter: str
    range: str
    status: str
    clause: str | None


@dataclass(frozen=True)
class Verdict:
    """The status of one regime, with everything it rests on."""

    regime: str
    title: str
    effect: str
    version: str | None
    rule_status: str | None
    status: str
    reason: str | None = None
    caught_by: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    excluded_by: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    break_evens: tuple[BreakEven, ...] = ()
    clauses: tuple[ClauseVerdict, ...] = ()
    outcome: Consequence = field(default_factory=Consequence)
    citations: tuple[dict[str, Any], ...] = ()
    confidence: str = "official"
    notes: tuple[Note, ...] = ()

    @property
    def words(self) -> str:
        """The status in the words of the regime's effect: caught, eligible, met, over."""
        return WORDS[self.effect].get(self.status, self.status.replace("_", " "))

    def to_json(self) -> dict[str, Any]:
        """Plain data; an unbounded end is null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


@dataclass(frozen=True)
class Classification:
    """A part under a set of regimes on a day, as far as was known on another."""

    part: Part
    on: date
    known_on: date
    transaction: Transaction
    verdicts: tuple[Verdict, ...]

    def verdict(self, regime: str) -> Verdict:
        """The verdict of one regime.

        Raises:
            UsageError: it was not asked.
        """
        for v in self.verdicts:
            if v.regime == regime:
                return v
        raise unknown("regime in this classification", regime, [v.regime for v in self.verdicts])

    def to_json(self) -> dict[str, Any]:
        """The document of design section 7; an unbounded end is null."""
        t = self.transaction
        return {
            "schema": SCHEMA,
            "device": _device(self.part),
            "on": self.on.isoformat(),
            "known_on": self.known_on.isoformat(),
            "transaction": {
                "to": t.to, "kind": t.kind, "from": t.origin, "headquarters": t.headquarters,
                **({} if t.on_sale_us is None else {"on_sale_us": t.on_sale_us}),
            },
            "parameters": parameters_json(self.part),
            "evidence": evidence_json(self.part),
            "verdicts": [v.to_json() for v in self.verdicts],
        }


def _device(part: Part) -> dict[str, Any]:
    plain = {
        "id": part.id,
        "name": part.name,
        "item": part.item,
        "datacenter": part.datacenter,
        "io_limit": part.io_limit,
    }
    return plain | ({"emulated": True} if part.emulated else {})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return None if value == INF else value


def resting_on(v: Verdict, part: Part) -> str:
    """The claims a verdict rests on: parameter, value and basis of what its clauses name."""
    names = dict.fromkeys(n.parameter for clause in v.clauses for n in clause.conditions)
    primary = dict.fromkeys(p for n in names for p in (PARAMETERS[n].derived_from or (n,)))
    known = [(n, part.value(n)) for n in primary if part.value(n).basis]
    return ", ".join(f"{PARAMETERS[n].title} {value.interval} ({value.basis})" for n, value in known)
