"""How far a part is from every line of every rule, and what would take it across."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from greenzone.intervals import Truth
from greenzone.law.classification import classify
from greenzone.law.exploring import Flip, Rounding, flips, roundings
from greenzone.law.regimes import Regime, load_regime
from greenzone.law.status import CAUGHT, UNDECIDED
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import Verdict
from greenzone.parts.capability import Part


@dataclass(frozen=True)
class Headroom:
    """One regime: its verdict with margins and break-evens, the flips, and the roundings that flip."""

    verdict: Verdict
    flips: tuple[Flip, ...]
    roundings: tuple[Rounding, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        v = self.verdict.to_json()
        return {
            "regime": v["regime"], "version": v["version"], "status": v["status"], "clauses": v["clauses"],
            "missing": v["missing"], "break_evens": v["break_evens"],
            "flips": [f.to_json() for f in self.flips],
            "roundings": [asdict(r) for r in self.roundings],
        }  # fmt: skip


def headroom(part: Part, on: date, known_on: date, regimes: Sequence[str] | None = None) -> list[Headroom]:
    """Every regime that applies on a day, with what would change its answer."""
    verdicts = classify(part, on, known_on, Transaction(), regimes).verdicts
    statuses = {v.regime: v.status for v in verdicts}
    found = []
    for verdict in verdicts:
        if verdict.status == "not_applicable":
            continue
        regime = load_regime(verdict.regime)
        references = references_of(part, regime, on, known_on, statuses)
        own = (part, regime, on, known_on, references)
        found.append(Headroom(verdict, tuple(flips(*own)), tuple(roundings(*own))))
    return found


def references_of(
    part: Part, regime: Regime, on: date, known_on: date, statuses: dict[str, str] | None = None
) -> dict[str, Truth]:
    """The truth of "is caught" for each regime that one refers to."""
    version = regime.asked_on(on, known_on)
    known = statuses or {}
    found = {}
    for ref in version.refers_to if version else ():
        said = known.get(ref) or classify(part, on, known_on, None, [ref]).verdicts[0].status
        found[ref] = Truth.TRUE if said == CAUGHT else Truth.UNKNOWN if said == UNDECIDED else Truth.FALSE
    return found
