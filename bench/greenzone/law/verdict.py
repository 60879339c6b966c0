"""What is said of a part under a regime: plain frozen data, and its JSON (`greenzone.classification/1`)."""

from dataclasses import asdict, dataclass, field
from typing import Any

from greenzone.intervals import INF
from greenzone.law.regimes import Note
from greenzone.law.transaction import Consequence

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
    """One clause: its truth, and what decided it. `excluded_by` names the exclusion that takes it out."""

    id: str
    paragraph: str
    truth: str
    conditions: tuple[Condition, ...]
    excluded_by: str | None = None


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


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return None if value == INF else value
