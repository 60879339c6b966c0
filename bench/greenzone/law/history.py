"""A part through time: every change of what a regime says of it, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

from greenzone.law.classification import classify
from greenzone.law.countries import group_ids, load_group
from greenzone.law.regimes import Regime, chosen, load_regime, load_regimes
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import Verdict
from greenzone.parts.capability import Part

# The days that changed most: two lines, the letters, and the review of January 2026.
REFERENCE_DAYS = (date(2022, 10, 21), date(2023, 11, 17), date(2025, 4, 10), date(2026, 1, 15))


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
    asked = chosen(part.item, regimes)
    found: list[Change] = []
    last: dict[str, Verdict] = {}
    for day in change_days([*asked, *_beside(asked)], known_on):
        answers = classify(part, day, known_on, transaction, [r.id for r in asked])
        for verdict in answers.verdicts:
            before = last.get(verdict.regime)
            if before is None and verdict.status == "not_applicable":
                continue
            if before is None or _said(before) != _said(verdict):
                found.append(_change(day, before, verdict))
            last[verdict.regime] = verdict
    return found


def _beside(asked: Sequence[Regime]) -> list[Regime]:
    """The regimes whose answers the ones asked hang on, and those that relieve them."""
    named = {ref for r in asked for v in r.versions for ref in v.refers_to} | {r.relieves for r in asked}
    ids = {r.id for r in asked}
    return [r for r in load_regimes() if r.id in named or r.relieves in ids]


def change_days(regimes: Iterable[Regime], known_on: date) -> list[date]:
    """The days on which an answer can change: a version takes effect, a country changes its group."""
    days = {v.effective for r in regimes for v in r.versions if v.effective and v.published <= known_on}
    members = [m for name in group_ids() for m in load_group(name).members]
    moved = {day for m in members for day in (m.since, m.until) if day}
    first = min(days, default=date.max)
    return sorted(days | {day for day in moved if day >= first})


def answer(v: Verdict) -> str:
    """What a verdict says, in a few words."""
    parts = [v.words if v.status != "not_applicable" else "not applicable"]
    o = v.outcome
    if v.status in ("caught", "undecided"):
        parts[0] += f" by {', '.join(v.caught_by)}" if v.caught_by else ""
        parts[0] += f", missing {' and '.join(v.missing)}" if v.missing else ""
        parts += [f"licence {o.licence.replace('_', ' ')}"] if o.licence else []
        parts += [o.review.replace("_", " ")] if o.review else []
        parts += [f"exception {', '.join(o.exceptions)}"] if o.exceptions else []
        parts += [f"{len(o.conditions)} condition{'s' if len(o.conditions) > 1 else ''}"] if o.conditions else []
        parts += ["not enforced"] if v.rule_status == "not_enforced" else []
    return ", ".join([*parts, *([f"tariff {o.tariff}"] if o.tariff else [])])


def _said(v: Verdict) -> tuple[object, ...]:
    """What two verdicts must share to say the same."""
    bites = v.status in ("caught", "undecided")
    outcome = replace(v.outcome, missing=())
    return v.status, bites and v.rule_status == "not_enforced", v.caught_by, v.missing, outcome


def _change(day: date, before: Verdict | None, after: Verdict) -> Change:
    was = answer(before) if before else "no rule"
    return Change(day, after.regime, was, answer(after), _why(day, before, after), after)


def _why(day: date, before: Verdict | None, after: Verdict) -> str:
    """The words that changed it: of its own new version, of one that relieves it, or of a country's group."""
    if before is None or before.version != after.version:
        reason = after.reason.replace("_", " ") if after.reason else ""
        cites = after.citations[0]["cite"] if after.citations else ""
        return "; ".join(text for text in (reason, cites) if text)
    own = load_regime(after.regime)
    named = {own.relieves, *(ref for v in own.versions for ref in v.refers_to)}
    others = [r for r in load_regimes() if r.id in named or r.relieves == own.id]
    causes = [f"{r.id}: {v.citations[0].cite}" for r in others for v in r.versions if v.effective == day]
    return "; ".join([*causes, *_moves(day)]) or "a regime it refers to changed"


def _moves(day: date) -> Iterable[str]:
    """The countries that joined or left a group on a day."""
    for name in group_ids():
        for m in load_group(name).members:
            for change, way in ((m.since, "joins"), (m.until, "leaves")):
                if change == day:
                    yield f"{m.name} {way} {name} ({m.cite})"


def _is_idle(before: Verdict, after: Verdict) -> bool:
    """Whether nothing moved: a rule that came and does not bite, or went and did not."""
    return {before.status, after.status} <= {"not_applicable", "not_caught"}


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
                if before is not None and before.status != verdict.status and not _is_idle(before, verdict):
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
        ids = [r.id for r in chosen(part.item, regimes)]
        asked = {day: classify(part, day, known_on, transaction, ids) for day in dict.fromkeys(days)}
        rows.append(MatrixRow(part, {day: {v.regime: v for v in c.verdicts} for day, c in asked.items()}))
    return rows
