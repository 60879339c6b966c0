"""A part through time: every change of what a regime says of it, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from greenzone.law.classification import classify
from greenzone.law.countries import group_ids, load_group
from greenzone.law.regimes import Regime, load_regime, load_regimes
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import Verdict
from greenzone.parts.capability import Part


@dataclass(frozen=True)
class Change:
    """One change of one regime's answer: what it was, what it is, and the words that changed it."""

    on: date
    regime: str
    before: str
    after: str
    why: str
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        v = self.verdict
        return {
            "on": self.on.isoformat(), "regime": self.regime, "before": self.before, "after": self.after,
            "status": v.status, "caught_by": list(v.caught_by), "licence": v.outcome.licence,
            "review": v.outcome.review, "exceptions": list(v.outcome.exceptions), "tariff": v.outcome.tariff,
            "version": v.version, "cites": [c["cite"] for c in v.citations], "why": self.why,
        }  # fmt: skip


def timeline(
    part: Part, known_on: date, transaction: Transaction, regimes: Sequence[str] | None = None
) -> list[Change]:
    """Every change of status or outcome of a part, from the first rule to the last that was known.

    Args:
        part: what is known of it.
        known_on: the day up to which publications count.
        transaction: what is done with it; its day is the one that moves.
        regimes: ids; every control, eligibility and tariff that applies if none.
    """
    chosen = _chosen(part, regimes)
    found: list[Change] = []
    last: dict[str, Verdict] = {}
    for day in change_days(chosen, known_on):
        answers = classify(part, day, known_on, transaction, [r.id for r in chosen])
        for verdict in answers.verdicts:
            before = last.get(verdict.regime)
            if before is None and verdict.status == "not_applicable":
                continue
            if before is None or answer(before) != answer(verdict):
                found.append(_change(day, before, verdict))
            last[verdict.regime] = verdict
    return found


def _chosen(part: Part, ids: Sequence[str] | None) -> list[Regime]:
    if ids is not None:
        return [load_regime(ref) for ref in ids]
    return [r for r in load_regimes() if part.item in r.applies_to and r.is_default]


def change_days(regimes: Iterable[Regime], known_on: date) -> list[date]:
    """The days on which an answer can change: a version takes effect, a country changes its group."""
    days = {v.effective for r in regimes for v in r.versions if v.effective and v.published <= known_on}
    members = [m for name in group_ids() for m in load_group(name).members]
    moved = {day for m in members for day in (m.since, m.until) if day}
    first = min(days, default=date.max)
    return sorted(days | {day for day in moved if day >= first})


def answer(v: Verdict) -> str:
    """What a verdict says, in a few words: two verdicts that say the same have the same answer."""
    parts = [v.words if v.status != "not_applicable" else "not applicable"]
    if v.status in ("caught", "undecided"):
        o = v.outcome
        parts += [f"licence {o.licence.replace('_', ' ')}"] if o.licence else []
        parts += [o.review.replace("_", " ")] if o.review else []
        parts += [f"exception {', '.join(o.exceptions)}"] if o.exceptions else []
        parts += [f"tariff {o.tariff}"] if o.tariff else []
        parts += ["not enforced"] if v.rule_status == "not_enforced" else []
    return ", ".join(parts)


def _change(day: date, before: Verdict | None, after: Verdict) -> Change:
    was = answer(before) if before else "no rule"
    return Change(day, after.regime, was, answer(after), _why(before, after), after)


def _why(before: Verdict | None, after: Verdict) -> str:
    by = f"by {', '.join(after.caught_by)}" if after.caught_by else ""
    cites = after.citations[0]["cite"] if after.citations else ""
    if before is not None and before.version == after.version and before.status == after.status:
        other = "the review of exports to China" if after.effect == "control" else "a country's group"
        return f"{other} changed"
    reason = f"{after.reason.replace('_', ' ')}" if after.reason else ""
    return "; ".join(text for text in (by, reason, cites) if text)


@dataclass(frozen=True)
class MatrixRow:
    """One part on several days: each regime's status by day, and what moved between them."""

    part: Part
    statuses: dict[date, dict[str, Verdict]]

    def migrated(self) -> list[str]:
        """Every change of status from one day to the next, in words."""
        days = sorted(self.statuses)
        found = []
        for earlier, later in pairwise(days):
            for regime, verdict in self.statuses[later].items():
                before = self.statuses[earlier].get(regime)
                if before is not None and before.status != verdict.status:
                    found.append(f"{later.isoformat()} {regime}: {before.words} -> {verdict.words}")
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        days = {
            day.isoformat(): {regime: v.status for regime, v in verdicts.items()}
            for day, verdicts in sorted(self.statuses.items())
        }
        return {"id": self.part.id, "name": self.part.name, "dates": days, "migrated": self.migrated()}


def matrix(
    parts: Sequence[Part], days: Sequence[date], known_on: date, transaction: Transaction,
    regimes: Sequence[str] | None = None,
) -> list[MatrixRow]:  # fmt: skip
    """Parts by days."""
    rows = []
    for part in parts:
        ids = [r.id for r in _chosen(part, regimes)]
        asked = {day: classify(part, day, known_on, transaction, ids) for day in dict.fromkeys(days)}
        rows.append(MatrixRow(part, {day: {v.regime: v for v in c.verdicts} for day, c in asked.items()}))
    return rows
