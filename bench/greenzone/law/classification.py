"""Classify a part: which regimes it meets on a day, for a transaction, with everything that decided it.

The order of asking, for each regime (design sections 4 and 5; `decisions`):

1. Which version stands? None, a rescinded or a suspended one: not applicable, with the reason.
2. What is the status of the part's box? (`status`)
3. Claims that disagree and leave it open: under a control the highest governs.
4. A measurement above the claim that crosses an edge: undecided, reason `claim_exceeded`.
5. Only unconfirmed facts on the lenient side: undecided, reason `unconfirmed`.
6. What follows for the transaction? An eligibility that holds changes the control it relieves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from greenzone.errors import UsageError, unknown
from greenzone.intervals import Interval, Range, Truth, number
from greenzone.law.regimes import DEFAULT_EFFECTS, Note, Regime, Version, load_regime, load_regimes
from greenzone.law.status import (
    CAUGHT,
    NOT_CAUGHT,
    UNDECIDED,
    Facts,
    Rule,
    Survey,
    break_evens,
    facts_of,
    missing,
    rests_on,
    status,
    survey,
)
from greenzone.law.transaction import Consequence, Situation, Transaction, consequence, may_apply, merged
from greenzone.law.verdict import Classification, ClauseVerdict, Condition, Verdict
from greenzone.parameters import PARAMETERS, weakest
from greenzone.parts.capability import Part


def classify(
    part: Part,
    on: date,
    known_on: date | None = None,
    transaction: Transaction | None = None,
    regimes: Sequence[str] | None = None,
    extra: Sequence[Regime] = (),
) -> Classification:
    """Classify a part on a day.

    Args:
        part: what is known of it (`parts.capability.part_of`).
        on: the day whose law is asked for.
        known_on: the day up to which publications count; None for `on` itself is never assumed, so
            callers pass today.
        transaction: what is done with it; None for an export with everything else unknown.
        regimes: ids; None for every control, eligibility and tariff that applies to the item.
        extra: regimes of the user's own, evaluated too.

    Raises:
        UsageError: an unknown regime.
    """
    known = known_on or on
    deal = transaction or Transaction(origin="US")
    chosen = [*_chosen(part, regimes), *extra]
    pool = {r.id: r for r in (*load_regimes(), *extra)}
    asker = _Asker(part, on, known, deal, pool)
    verdicts = [asker.verdict(regime, explicit=regimes is not None or regime in extra) for regime in chosen]
    return Classification(part, on, known, deal, tuple(verdicts))


def _chosen(part: Part, ids: Sequence[str] | None) -> list[Regime]:
    if ids is not None:
        return [load_regime(ref) for ref in dict.fromkeys(ids)]
    return [
        r for r in load_regimes() if r.effect in DEFAULT_EFFECTS and part.item in r.applies_to and not r.is_proposed
    ]


class _Asker:
    """The questions of one classification; regimes that refer to others are asked once."""

    def __init__(self, part: Part, on: date, known_on: date, transaction: Transaction, pool: dict[str, Regime]) -> None:
        self.part, self.on, self.known_on = part, on, known_on
        self.transaction, self.pool = transaction, pool
        self._asked: dict[str, Verdict] = {}
        self._asking: list[str] = []

    def verdict(self, regime: Regime, explicit: bool = False) -> Verdict:
        if regime.id not in self._asked:
            if regime.id in self._asking:
                raise UsageError(f"{regime.id}: refers to itself through {' -> '.join(self._asking)}")
            self._asking.append(regime.id)
            self._asked[regime.id] = self._ask(regime, explicit)
            self._asking.pop()
        return self._asked[regime.id]

    def _ask(self, regime: Regime, explicit: bool) -> Verdict:
        version = regime.version_on(self.on, self.known_on)
        if version is None and explicit:
            version = regime.proposal(self.known_on)
        blank = _blank(regime, version)
        if self.part.item not in regime.applies_to:
            text = f"applies to {', '.join(regime.applies_to)}, not to {self.part.item}"
            return _not_applicable(blank, "wrong_item", text)
        if version is None:
            return _not_applicable(blank, "not_in_force_yet", _first(regime, self.known_on))
        if version.status in ("rescinded", "suspended"):
            return _not_applicable(blank, version.status, f"{version.status} since {version.label}")
        control = self._relieved(regime)
        if control is not None and control.status in (NOT_CAUGHT, "not_applicable"):
            return _not_applicable(
                blank, "control_not_caught", f"{regime.relieves} does not catch it: nothing to relieve"
            )
        said = self._decided(regime, version, blank)
        if control is not None and control.status == UNDECIDED and said.status == CAUGHT:
            said = replace(said, status=UNDECIDED, reason="control_undecided", missing=control.missing)
        return self._with_outcome(regime, version, said)

    def _relieved(self, regime: Regime) -> Verdict | None:
        """The control an eligibility relieves, by its own status alone."""
        if regime.relieves is None or regime.relieves not in self.pool:
            return None
        control = self.pool[regime.relieves]
        version = control.version_on(self.on, self.known_on)
        blank = _blank(control, version)
        if version is None or version.status in ("rescinded", "suspended") or self.part.item not in control.applies_to:
            return replace(blank, status="not_applicable")
        return self._decided(control, version, blank)

    def _references(self, version: Version) -> dict[str, Truth]:
        named = [ref for c in version.clauses for ref in (c.caught, c.unless_caught) if ref]
        truths = {CAUGHT: Truth.TRUE, UNDECIDED: Truth.UNKNOWN}
        return {ref: truths.get(self.verdict(self._pooled(ref)).status, Truth.FALSE) for ref in dict.fromkeys(named)}

    def _pooled(self, ref: str) -> Regime:
        if ref not in self.pool:
            raise unknown("regime that a clause refers to", ref, self.pool)
        return self.pool[ref]

    def _decided(self, regime: Regime, version: Version, blank: Verdict) -> Verdict:
        """Steps 2 to 5: the status and what it rests on."""
        rule = Rule(version, self._references(version))
        facts = facts_of(self.part, version.programmable)
        seen = survey(rule, facts)
        verdict = replace(blank, status=seen.status, notes=(*version.notes, *_notes(self.part, version, rule, facts)))
        if seen.status == UNDECIDED:
            verdict = _resolve_conflict(regime, self.part, rule, facts, verdict)
            verdict = _with_reason(self.part, rule, facts, verdict)
        verdict = _claim_exceeded(regime, self.part, rule, facts, verdict)
        verdict = _with_confidence(regime, self.part, rule, facts, verdict)
        return _with_clauses(self.part, version, facts, seen, verdict)

    def _with_outcome(self, regime: Regime, version: Version, verdict: Verdict) -> Verdict:
        outcome = self._outcome(regime, version, verdict)
        if regime.effect == "control":
            outcome, relief = self._relieve(regime, verdict, outcome)
            verdict = replace(verdict, citations=(*verdict.citations, *relief))
        return replace(verdict, outcome=outcome)

    def _outcome(self, regime: Regime, version: Version, verdict: Verdict) -> Consequence:
        none = Consequence(licence="not_required") if regime.effect == "control" else Consequence()
        if verdict.status == NOT_CAUGHT:
            return none
        rows, facts = may_apply(version.outcomes, self._situation(version, verdict))
        found = [none if row is None else consequence(row) for row in rows]
        if verdict.status == UNDECIDED:
            found, facts = [none, *found], [*verdict.missing, *facts]
        return merged(found, facts)

    def _situation(self, version: Version, verdict: Verdict) -> Situation:
        truths = {c.id: Truth(c.truth) for c in verdict.clauses}
        paragraphs: dict[str, Truth] = {}
        for c in version.clauses:
            own = (
                Truth.TRUE if c.id in verdict.caught_by else Truth.UNKNOWN if c.id in verdict.possible else Truth.FALSE
            )
            if verdict.status == CAUGHT and not verdict.caught_by and truths[c.id] is Truth.UNKNOWN:
                own = Truth.UNKNOWN
            paragraphs[c.paragraph] = paragraphs.get(c.paragraph, Truth.FALSE) | own
        return Situation(self.transaction, self.on, self.part.datacenter, paragraphs)

    def _relieve(
        self, regime: Regime, verdict: Verdict, outcome: Consequence
    ) -> tuple[Consequence, Sequence[dict[str, Any]]]:
        """The control's outcome under the eligibilities that relieve it, and their citations."""
        citations: list[dict[str, Any]] = []
        if verdict.status != CAUGHT:
            return outcome, citations
        for other in self.pool.values():
            if other.effect != "eligibility" or other.relieves != regime.id:
                continue
            version = other.version_on(self.on, self.known_on)
            eligible = self.verdict(other)
            if version is None or eligible.status not in (CAUGHT, UNDECIDED):
                continue
            rows, facts = may_apply(version.outcomes, self._situation(version, eligible))
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


def _blank(regime: Regime, version: Version | None) -> Verdict:
    citations = tuple(_citation(c) for c in version.citations) if version else ()
    return Verdict(
        regime=regime.id, title=regime.title, effect=regime.effect, version=version.label if version else None,
        rule_status=version.status if version else None, status=NOT_CAUGHT, citations=citations,
        notes=_status_notes(version),
    )  # fmt: skip


def _citation(citation: Any) -> dict[str, Any]:
    plain = asdict(citation)
    return {k: v.isoformat() if isinstance(v, date) else v for k, v in plain.items() if v is not None}


def _status_notes(version: Version | None) -> tuple[Note, ...]:
    if version is None or version.status in ("in_force", "rescinded", "suspended"):
        return ()
    texts = {
        "not_enforced": f"in the text since {version.label}, and not enforced: both stand as of this date",
        "proposed": f"a proposal published {version.published.isoformat()}, not law",
    }
    return (Note(version.status, texts[version.status]),)


def _not_applicable(blank: Verdict, reason: str, text: str) -> Verdict:
    return replace(blank, status="not_applicable", reason=reason, notes=(*blank.notes, Note(reason, text)))


def _first(regime: Regime, known_on: date) -> str:
    if regime.is_proposed:
        return "proposed, not law; name it with --regime to have it evaluated"
    first = regime.first_effective
    return (
        f"first in force {first.isoformat() if first else 'never'}, as far as was published by {known_on.isoformat()}"
    )


def _resolve_conflict(regime: Regime, part: Part, rule: Rule, facts: Facts, verdict: Verdict) -> Verdict:
    """Claims that disagree: under a control the highest claim of a rate governs (decision row 20)."""
    highest = {
        n: v.governing for n, v in part.values.items() if v.governing and PARAMETERS[n].rate and n in _asked(rule)
    }
    if regime.effect != "control" or not highest:
        return verdict
    governed = replace(facts, box={**facts.box, **highest})
    if status(rule, governed) != CAUGHT:
        return verdict
    names = ", ".join(f"{PARAMETERS[n].title} {part.value(n).interval}" for n in highest)
    text = f"sources disagree on {names}: under a control the highest claim governs"
    return replace(verdict, status=CAUGHT, notes=(*verdict.notes, Note("conflict", text)))


def _asked(rule: Rule) -> set[str]:
    return {*rule.primaries, *rule.edges}


def _with_reason(part: Part, rule: Rule, facts: Facts, verdict: Verdict) -> Verdict:
    """Why it is undecided, which facts would settle it, and where they would."""
    if verdict.status != UNDECIDED:
        return verdict
    lacking = missing(rule, facts)
    conflicting = [n for n in lacking if part.value(n).governing]
    unclaimed = [n for n in lacking if n in PARAMETERS and part.value(n).basis in (None, "burst", "sustained")]
    undefined = part.density_is_undefined and "performance_density" in rule.edges and not lacking
    reason = (
        "pd_undefined" if undefined else "conflict" if conflicting
        else "no_claim" if any(part.value(n).basis for n in unclaimed) else "missing_facts"
    )  # fmt: skip
    rows = tuple(break_evens(rule, facts, lacking))
    return replace(verdict, reason=reason, missing=tuple(lacking), break_evens=rows)


def _claim_exceeded(regime: Regime, part: Part, rule: Rule, facts: Facts, verdict: Verdict) -> Verdict:
    """A measurement whose lower limit passes the claim: undecided where that changes a control's answer."""
    above = {
        n: v.measured_low
        for n, v in part.values.items()
        if v.measured_low is not None
        and v.basis == "claimed"
        and v.measured_low > v.interval.high
        and n in _asked(rule)
    }
    if not above:
        return verdict
    held = facts
    for name, low in above.items():
        held = held.held(name, Interval.point(low))
    shown = "; ".join(
        f"{n} measured at least {number(low)}, claimed {part.value(n).interval}" for n, low in above.items()
    )
    if regime.effect != "control" or status(rule, held) == verdict.status:
        return replace(verdict, notes=(*verdict.notes, Note("above_claim", f"{shown}; the claim's verdict stands")))
    text = f"{shown}: the claim is contradicted; do not rely on this claim, ask the manufacturer for its basis"
    return replace(
        verdict, status=UNDECIDED, reason="claim_exceeded", missing=(), break_evens=(),
        notes=(*verdict.notes, Note("claim_exceeded", text)),
    )  # fmt: skip


def _with_confidence(regime: Regime, part: Part, rule: Rule, facts: Facts, verdict: Verdict) -> Verdict:
    """The weakest confidence the verdict rests on; unconfirmed facts alone never clear a part."""
    law = [str(c["confidence"]) for c in verdict.citations if c["of"] == "parameters"]
    needed = rests_on(rule, facts, verdict.status)
    names = [n for n in needed if part.value(n).basis]
    sure = weakest([*law, *(part.value(n).confidence for n in names)])
    lenient = CAUGHT if regime.effect == "eligibility" else NOT_CAUGHT
    if verdict.status == lenient and sure == "unconfirmed":
        weak = tuple(n for n in names if part.value(n).confidence == "unconfirmed")
        text = "rests on unconfirmed facts alone, which never clear a part: " + ", ".join(weak or ("the rule itself",))
        note = Note("unconfirmed", text)
        verdict = replace(verdict, status=UNDECIDED, reason="unconfirmed", missing=weak, notes=(*verdict.notes, note))
    return replace(verdict, confidence=sure)


def _with_clauses(part: Part, version: Version, facts: Facts, seen: Survey, verdict: Verdict) -> Verdict:
    clauses = tuple(
        ClauseVerdict(
            c.id,
            c.paragraph,
            seen.truth[c.id].value,
            _conditions(c.when, facts),
            seen.excluded_by.get(c.id),
            seen.catches[c.id].value,
        )
        for c in version.clauses
    )
    return replace(
        verdict,
        clauses=clauses,
        caught_by=tuple(n for n, t in seen.catches.items() if t is Truth.TRUE),
        possible=tuple(n for n, t in seen.catches.items() if t is Truth.UNKNOWN),
        excluded_by=tuple(n for n, t in seen.catches.items() if n in seen.excluded_by and t is Truth.FALSE),
    )


def _conditions(when: dict[str, Any], facts: Facts) -> tuple[Condition, ...]:
    found = []
    for name, text in when.items():
        if isinstance(text, bool):
            continue
        own = facts.box.get(name, Interval.UNKNOWN)
        range_ = Range.parse(text)
        margin = range_.margin(own)
        found.append(Condition(name, str(range_), own.low, own.high, None if margin is None else round(margin, 6)))
    return tuple(found)


def _notes(part: Part, version: Version, rule: Rule, facts: Facts) -> Iterable[Note]:
    if part.density_is_undefined and "performance_density" in rule.edges:
        yield Note(
            "pd_undefined", "no die is on a non-planar node: performance density is undefined, its ranges are unknown"
        )
    if version.programmable and part.io_limit is None and part.uncapped_io_gb_s is not None:
        uncapped = facts.held("io_bandwidth_gb_s", Interval.point(part.uncapped_io_gb_s))
        if status(rule, uncapped) != status(rule, facts):
            yield Note(
                "io_limit",
                f'the text counts what a circuit is "programmable to have": if the I/O limit is not fused, '
                f"{number(part.uncapped_io_gb_s)} GB/s count and the answer changes; set io_limit",
            )
