"""Classify a part: which regimes it meets on a day, for a transaction, with everything that decided it.

`judging` gives each regime's verdict; here it gets its outcome. An eligibility that holds changes the
control it relieves, and an item that a control does not catch is shown what it falls back to.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from greenzone.intervals import Truth
from greenzone.law.judging import Judge
from greenzone.law.regimes import Note, Outcome, Regime, Version, chosen, load_regimes
from greenzone.law.status import CAUGHT, NOT_CAUGHT, UNDECIDED
from greenzone.law.transaction import NOT_REQUIRED, Consequence, Situation, Transaction, consequence, may_apply, merged
from greenzone.law.verdict import Classification, Verdict
from greenzone.parts.capability import Part


def classify(
    part: Part,
    on: date,
    known_on: date,
    transaction: Transaction | None = None,
    regimes: Sequence[str] | None = None,
    extra: Sequence[Regime] = (),
) -> Classification:
    """Classify a part on a day.

    Args:
        part: what is known of it (`parts.capability.part_of`).
        on: the day whose law is asked for.
        known_on: the day up to which publications count: today, but for a question of the past.
        transaction: what is done with it; None for an export with everything else unknown.
        regimes: ids; None for every control, eligibility and tariff that applies to the item.
        extra: regimes of the user's own, evaluated too.

    Raises:
        UsageError: an unknown regime.
    """
    deal = transaction or Transaction()
    asked = [*chosen(part.item, regimes), *extra]
    pool = {r.id: r for r in (*load_regimes(), *extra)}
    judge = Judge(part, on, known_on, pool)
    verdicts = [_asked(judge, deal, regime, regimes is not None or regime in extra) for regime in asked]
    return Classification(part, on, known_on, deal, tuple(verdicts))


def _asked(judge: Judge, deal: Transaction, regime: Regime, explicit: bool) -> Verdict:
    """A verdict with what follows for the transaction."""
    verdict = judge.judged(regime, explicit)
    version = judge.version(regime, explicit)
    if version is None or verdict.status == "not_applicable":
        return verdict
    outcome = _outcome(judge, deal, regime, version, verdict)
    if regime.effect == "control" and verdict.status == CAUGHT:
        outcome, citations = _relieved(judge, deal, regime, outcome)
        verdict = replace(verdict, citations=(*verdict.citations, *citations))
    return _with_fallback(judge, regime, replace(verdict, outcome=outcome))


def _outcome(judge: Judge, deal: Transaction, regime: Regime, version: Version, verdict: Verdict) -> Consequence:
    if regime.effect == "control" and deal.kind == "import":
        return NOT_REQUIRED  # these controls are on exports, reexports and transfers
    none = NOT_REQUIRED if regime.effect == "control" and version.outcomes else Consequence()
    situation = _situation(judge, deal, verdict)
    not_met = _possible((version.otherwise,) if version.otherwise else (), situation, none)
    if verdict.status == NOT_CAUGHT:
        return merged(*not_met)
    found, facts = _possible(version.outcomes, situation, none)
    if verdict.status == UNDECIDED:
        found, facts = [*not_met[0], *found], [*verdict.missing, *not_met[1], *facts]
    return merged(found, facts)


def _possible(
    outcomes: Sequence[Outcome], situation: Situation, none: Consequence
) -> tuple[list[Consequence], list[str]]:
    """What may follow by these rows, `none` where no row applies, and the facts that are missing."""
    rows, facts = may_apply(outcomes, situation)
    return [none if row is None else consequence(row) for row in rows], facts


def _situation(judge: Judge, deal: Transaction, verdict: Verdict) -> Situation:
    paragraphs: dict[str, Truth] = {}
    for c in verdict.clauses:
        own = Truth.TRUE if c.id in verdict.caught_by else Truth.of(None if c.id in verdict.possible else False)
        paragraphs[c.paragraph] = paragraphs.get(c.paragraph, Truth.FALSE) | own
    box = {name: value.interval for name, value in judge.part.values.items()}
    return Situation(deal, judge.on, judge.part.datacenter, paragraphs, box, judge.known_on)


def _relieved(
    judge: Judge, deal: Transaction, regime: Regime, outcome: Consequence
) -> tuple[Consequence, list[dict[str, Any]]]:
    """The control's outcome under the eligibilities that relieve it, and their citations."""
    citations: list[dict[str, Any]] = []
    for other in judge.pool.values():
        version = judge.version(other)
        if other.effect != "eligibility" or other.relieves != regime.id or version is None:
            continue
        eligible = judge.judged(other)
        if eligible.status not in (CAUGHT, UNDECIDED):
            continue
        rows, facts = may_apply(version.outcomes, _situation(judge, deal, eligible))
        found = [outcome if row is None else _relieving(outcome, consequence(row)) for row in rows]
        if eligible.status == UNDECIDED:
            found, facts = [outcome, *found], [*eligible.missing, *facts]
        if any(row is not None for row in rows):
            citations += eligible.citations
        outcome = merged(found, facts)
    return outcome, citations


def _relieving(control: Consequence, relief: Consequence) -> Consequence:
    """The relief's licence and review, with the exceptions and conditions of the control beside its own."""
    return replace(relief, exceptions=control.exceptions, conditions=(*control.conditions, *relief.conditions))


def _with_fallback(judge: Judge, regime: Regime, verdict: Verdict) -> Verdict:
    """What an item that this control does not catch falls back to: not 3A090 is not EAR99."""
    if regime.fallback is None or verdict.status != NOT_CAUGHT or regime.fallback not in judge.pool:
        return verdict
    other = judge.judged(judge.pool[regime.fallback])
    if other.status not in (CAUGHT, UNDECIDED):
        return verdict
    text = f"not caught here is not uncontrolled: {other.regime} {other.words} {', '.join(other.caught_by)}".rstrip()
    outcome = replace(verdict.outcome, fallback=other.regime)
    return replace(verdict, outcome=outcome, notes=(*verdict.notes, Note("fallback", text)))
