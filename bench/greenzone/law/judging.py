"""Judge a part under one regime: everything of a verdict but what follows for the transaction.

The order of asking (design sections 4 and 5; `decisions`):

1. Which version stands? None, a rescinded or a suspended one: not applicable, with the reason.
2. What is the status of the part's box? (`status`) Where the text allows two readings, under both.
3. Claims that disagree and leave it open: under a control the highest governs.
4. A measurement above the claim that crosses an edge: undecided, reason `claim_exceeded`.
5. Only unconfirmed facts on the lenient side: undecided, reason `unconfirmed`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from greenzone.errors import UsageError, unknown
from greenzone.intervals import Interval, Range, Truth, number
from greenzone.law.regimes import Clause, Note, Regime, Version
from greenzone.law.status import (
    CAUGHT,
    NOT_CAUGHT,
    UNDECIDED,
    Facts,
    Rule,
    Survey,
    break_evens,
    by_reading,
    facts_of,
    missing,
    rests_on,
    status,
    survey,
)
from greenzone.law.verdict import WORDS, ClauseVerdict, Condition, Verdict
from greenzone.parameters import PARAMETERS, weakest
from greenzone.parts.capability import Part


class Judge:
    """The regimes of one classification, each judged once; one that others refer to as well."""

    def __init__(self, part: Part, on: date, known_on: date, pool: Mapping[str, Regime]) -> None:
        self.part, self.on, self.known_on, self.pool = part, on, known_on, pool
        self._judged: dict[tuple[str, bool], Verdict] = {}
        self._judging: list[str] = []

    def judged(self, regime: Regime, explicit: bool = False) -> Verdict:
        """The verdict without its outcome.

        Args:
            regime: the rule.
            explicit: whether it was named: a proposal is evaluated only then.

        Raises:
            UsageError: it refers to itself, or to a regime that is not there.
        """
        key = (regime.id, explicit)
        if key not in self._judged:
            if regime.id in self._judging:
                raise UsageError(f"{regime.id}: refers to itself through {' -> '.join(self._judging)}")
            self._judging.append(regime.id)
            self._judged[key] = self._judge(regime, explicit)
            self._judging.pop()
        return self._judged[key]

    def version(self, regime: Regime, explicit: bool = False) -> Version | None:
        """The version that stands, or a proposal that was named."""
        standing = regime.version_on(self.on, self.known_on)
        return regime.proposal(self.known_on) if standing is None and explicit else standing

    def _judge(self, regime: Regime, explicit: bool) -> Verdict:
        version = self.version(regime, explicit)
        blank = _blank(regime, version)
        if self.part.item not in regime.applies_to:
            text = f"applies to {', '.join(regime.applies_to)}, not to {self.part.item}"
            return _not_applicable(blank, "wrong_item", text)
        if version is None:
            return _not_applicable(blank, *self._not_yet(regime))
        if version.status in ("rescinded", "suspended"):
            return _not_applicable(blank, version.status, f"{version.status} since {version.label}")
        control = self.judged(self._pooled(regime.relieves)) if regime.relieves else None
        if control is not None and control.status in (NOT_CAUGHT, "not_applicable"):
            text = f"{regime.relieves} does not catch it: nothing to relieve"
            return _not_applicable(blank, "control_not_caught", text)
        said = self._decided(regime, version, blank)
        return _under_doubt(said, control) if control is not None and control.status == UNDECIDED else said

    def _not_yet(self, regime: Regime) -> tuple[str, str]:
        """Why no version stands: proposed, not in force, or not published by then."""
        if regime.is_proposed:
            return "proposed", "proposed, not law; name it with --regime to have it evaluated"
        later = regime.version_on(self.on, date.max)
        if later is not None:
            known = self.known_on.isoformat()
            return "not_published_yet", f"published {later.published.isoformat()}, after what was known on {known}"
        return "not_in_force_yet", f"first in force on {min(v.label for v in regime.versions)}"

    def _references(self, version: Version) -> dict[str, Truth]:
        truths = {CAUGHT: Truth.TRUE, UNDECIDED: Truth.UNKNOWN}
        return {ref: truths.get(self.judged(self._pooled(ref)).status, Truth.FALSE) for ref in version.refers_to}

    def _missing_of_references(self, rule: Rule, facts: Facts) -> list[str]:
        """What is missing of the regimes referred to that are undecided and make a difference."""
        found: list[str] = []
        for ref, truth in rule.references.items():
            if truth is Truth.UNKNOWN:
                sides = [Rule(rule.version, {**rule.references, ref: side}) for side in (Truth.TRUE, Truth.FALSE)]
                if len({status(side, facts) for side in sides}) > 1:
                    found += self.judged(self._pooled(ref)).missing
        return found

    def _pooled(self, ref: str) -> Regime:
        if ref not in self.pool:
            raise unknown("regime that another refers to", ref, self.pool)
        return self.pool[ref]

    def _decided(self, regime: Regime, version: Version, blank: Verdict) -> Verdict:
        """Steps 2 to 5: the status and what it rests on."""
        rule = Rule(version, self._references(version))
        facts = facts_of(self.part, version.programmable)
        seen = survey(rule, facts)
        notes = [*blank.notes, *version.notes, *_notes(self.part, version, rule, facts)]
        if seen.status == UNDECIDED and (governed := governing(regime, self.part, rule, facts)) is not None:
            facts, note = governed
            seen, notes = survey(rule, facts), [*notes, note]
        verdict = replace(blank, status=seen.status, notes=tuple(notes))
        verdict = _with_reason(self.part, rule, facts, verdict, self._missing_of_references(rule, facts))
        verdict = _with_readings(regime, rule, facts, verdict)
        verdict = _claim_exceeded(regime, self.part, rule, facts, verdict)
        verdict = _with_confidence(regime, self.part, rule, facts, verdict)
        return _with_clauses(version, facts, seen, verdict, rule.references)


def _under_doubt(said: Verdict, control: Verdict) -> Verdict:
    """An eligibility whose control is undecided: it cannot be held while there may be nothing to relieve."""
    if said.status == NOT_CAUGHT:
        return said
    missing_facts = tuple(dict.fromkeys([*said.missing, *control.missing]))
    reason = "control_undecided" if said.status == CAUGHT else said.reason
    return replace(said, status=UNDECIDED, reason=reason, missing=missing_facts, break_evens=())


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


def governing(regime: Regime, part: Part, rule: Rule, facts: Facts) -> tuple[Facts, Note] | None:
    """The box by the highest of claims that disagree, where under a control it governs (decision row 20)."""
    highest = {
        n: v.governing for n, v in part.values.items() if v.governing and PARAMETERS[n].rate and n in _asked(rule)
    }
    if regime.effect != "control" or not highest:
        return None
    governed = replace(facts, box={**facts.box, **highest})
    if status(rule, governed) != CAUGHT:
        return None
    names = ", ".join(f"{PARAMETERS[n].title} {part.value(n).interval}" for n in highest)
    return governed, Note("conflict", f"sources disagree on {names}: under a control the highest claim governs")


def _asked(rule: Rule) -> set[str]:
    return {*rule.primaries, *rule.edges}


def _with_reason(part: Part, rule: Rule, facts: Facts, verdict: Verdict, referred: Sequence[str]) -> Verdict:
    """Why it is undecided, which facts would settle it (those of regimes referred to as well), and where."""
    if verdict.status != UNDECIDED:
        return verdict
    own = missing(rule, facts)
    lacking = list(dict.fromkeys([*own, *referred]))
    conflicting = [n for n in lacking if part.value(n).governing]
    unclaimed = [n for n in lacking if n in PARAMETERS and part.value(n).basis in (None, "burst", "sustained")]
    undefined = part.density_is_undefined and "performance_density" in rule.edges and not lacking
    reason = (
        "pd_undefined" if undefined else "conflict" if conflicting
        else "no_claim" if any(part.value(n).basis for n in unclaimed) else "missing_facts"
    )  # fmt: skip
    rows = tuple(break_evens(rule, facts, own))
    return replace(verdict, reason=reason, missing=tuple(lacking), break_evens=rows)


def _with_readings(regime: Regime, rule: Rule, facts: Facts, verdict: Verdict) -> Verdict:
    """What each reading of the text says, where it allows several; undecided where they differ."""
    readings = rule.version.readings
    if not readings:
        return verdict
    found = by_reading(rule, facts)
    words = [WORDS[regime.effect].get(answer, answer) for answer in found]
    said = "; ".join(f"{r.id} ({r.text}): {word}" for r, word in zip(readings, words, strict=True))
    differ = len(set(found)) > 1
    code = "readings_differ" if differ else "readings_agree"
    text = f"the text allows {len(readings)} readings, which {'differ' if differ else 'agree'}: {said}"
    reason = code if differ and UNDECIDED not in found else verdict.reason
    return replace(verdict, reason=reason, notes=(*verdict.notes, Note(code, text)))


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
    same = status(rule, held) == verdict.status and _paragraphs(rule, held) == _paragraphs(rule, facts)
    shown = "; ".join(
        f"{n} measured at least {number(low)}, claimed {part.value(n).interval}" for n, low in above.items()
    )
    if regime.effect != "control" or same:
        return replace(verdict, notes=(*verdict.notes, Note("above_claim", f"{shown}; the claim's verdict stands")))
    text = f"{shown}: the claim is contradicted; do not rely on this claim, ask the manufacturer for its basis"
    return replace(
        verdict, status=UNDECIDED, reason="claim_exceeded", missing=(), break_evens=(),
        notes=(*verdict.notes, Note("claim_exceeded", text)),
    )  # fmt: skip


def _paragraphs(rule: Rule, facts: Facts) -> set[str]:
    """The paragraphs a box is caught by for certain: what the outcome hangs on."""
    caught = {name for name, truth in survey(rule, facts).catches.items() if truth is Truth.TRUE}
    return {c.paragraph for c in rule.version.all_clauses if c.id in caught}


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


def _with_clauses(
    version: Version, facts: Facts, seen: Survey, verdict: Verdict, references: Mapping[str, Truth]
) -> Verdict:
    clauses = tuple(
        ClauseVerdict(
            c.id,
            c.paragraph,
            seen.truth[c.id].value,
            _conditions(c.when, facts),
            seen.excluded_by.get(c.id),
            seen.catches[c.id].value,
            tuple(_hangs_on(c, references)),
        )
        for c in version.all_clauses
    )
    return replace(
        verdict,
        clauses=clauses,
        caught_by=tuple(n for n, t in seen.catches.items() if t is Truth.TRUE),
        possible=tuple(n for n, t in seen.catches.items() if t is Truth.UNKNOWN),
        excluded_by=tuple(n for n, t in seen.catches.items() if n in seen.excluded_by and t is Truth.FALSE),
    )


def _hangs_on(clause: Clause, references: Mapping[str, Truth]) -> Iterable[str]:
    words = {Truth.TRUE: "it is", Truth.FALSE: "it is not", Truth.UNKNOWN: "it is undecided"}
    for ref, when in ((clause.caught, "if"), (clause.unless_caught, "unless")):
        if ref is not None:
            yield f"{when} {ref} is caught ({words[references[ref]]})"


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
    if "tpp" in rule.primaries or "tops" in rule.primaries:
        yield from (Note("looks_sparse", f"{text}; check whether the figure is dense") for text in part.warnings)
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
