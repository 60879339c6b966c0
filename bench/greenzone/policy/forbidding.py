"""What the policy forbids, against the verdicts on a part (decisions 1, 2, 5, 6, 8 to 12, 17 to 20).

A regime that is named gates by its status: caught is violated, wherever the part goes. Where none is
named every control in force gates, by what follows: one that asks no licence for the destination does
not (3A991.p catches most accelerators and asks one for few countries), and where the licence hangs on
facts of the transaction there is no verdict. Without a destination, caught is enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from greenzone.law.classification import classify
from greenzone.law.countries import meant
from greenzone.law.exploring import flips
from greenzone.law.headroom import references_of
from greenzone.law.regimes import load_regime
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import ClauseVerdict, Verdict, resting_on
from greenzone.parts.capability import Part
from greenzone.policy.document import Forbid, Policy
from greenzone.policy.lines import SOFTENED, Line, Status

# Notes of a verdict that are told as warnings.
WARNED = ("above_claim", "conflict", "looks_sparse", "io_limit", "readings_agree", "pd_undefined")


@dataclass(frozen=True)
class Question:
    """The part, the days and the transaction that are asked about."""

    part: Part
    on: date
    known_on: date
    transaction: Transaction


def forbidden(question: Question, policy: Policy) -> list[Line]:
    """A line for each thing forbidden and each destination; warnings of the verdicts after them."""
    found = [line for rule in policy.forbids or (Forbid(),) for line in _judged(question, rule, policy)]
    verdicts = {line.verdict.regime: line.verdict for line in found if line.verdict}
    return [*found, *(line for v in verdicts.values() for line in _notes(v))]


def _judged(question: Question, rule: Forbid, policy: Policy) -> Iterator[Line]:
    deal = question.transaction
    places = meant(rule.to, question.on, question.known_on) if rule.to else frozenset()
    if rule.to and deal.to is not None and deal.to not in places:
        yield Line(str(rule), "warn", f"not asked: {deal.to} is not among its destinations", to=deal.to)
        return
    # A named regime gates by its status, which no destination changes: one question is enough.
    several = rule.regime is None and deal.to is None
    for to in sorted(places) if several and places else [deal.to]:
        asked = replace(question, transaction=replace(deal, to=to))
        for verdict in _verdicts(asked, rule):
            line = _named(rule, verdict, asked) if rule.regime else _unnamed(rule, verdict, asked)
            softened = SOFTENED[policy.undecided] if line.status == "undecided" else line.status
            where = to or ", ".join(rule.to) or None
            yield replace(line, status=softened, verdict=verdict, paragraph=rule.paragraph, to=where)
            if policy.margin_min is not None and verdict.status == "not_caught":
                yield replace(margin_line(question, verdict, policy.margin_min), to=where)


def _verdicts(question: Question, rule: Forbid) -> list[Verdict]:
    named = [rule.regime] if rule.regime else None
    found = classify(question.part, question.on, question.known_on, question.transaction, named).verdicts
    return [v for v in found if named or v.effect == "control"]


def _named(rule: Forbid, v: Verdict, q: Question) -> Line:
    status = _status_of(v, rule.paragraph)
    return Line(f"{rule} [{v.regime}]" if rule.paragraph else str(rule), status, said(v, q, rule.paragraph))


def _status_of(v: Verdict, paragraph: str | None) -> Status:
    """Caught, or a claim that the measurement contradicts, is a violation; of a paragraph only by its clauses."""
    if v.reason == "claim_exceeded":
        return "violated"
    if paragraph is None or v.status not in ("caught", "undecided"):
        known: dict[str, Status] = {"caught": "violated", "undecided": "undecided"}
        return known.get(v.status, "pass")
    own = [c.id for c in v.clauses if c.paragraph == paragraph]
    if v.status == "caught" and set(own) & set(v.caught_by):
        return "violated"
    return "undecided" if set(own) & {*v.caught_by, *v.possible} else "pass"


def _unnamed(rule: Forbid, v: Verdict, q: Question) -> Line:
    status, text, to = _status_of(v, None), said(v, q), q.transaction.to
    name = f"{rule} [{v.regime}]"
    if v.rule_status == "not_enforced" and status != "pass":
        return Line(name, "warn", f"{text}; in the text and not enforced: name the regime to have it gate")
    if status == "pass" or v.reason == "claim_exceeded":
        return Line(name, status, text)
    if v.outcome.licence == "not_required":
        return Line(name, "pass", f"{text}; no licence is asked to {to or 'any destination'}")
    if status == "violated" and to is not None and v.outcome.licence is None and v.outcome.missing:
        missing = ", ".join(v.outcome.missing)
        return Line(name, "undecided", f"{text}; whether a licence is asked to {to} hangs on: {missing}")
    return Line(name, status, text)


def said(v: Verdict, q: Question, paragraph: str | None = None) -> str:
    """The status with what decided it, and how far past the edge it is."""
    if v.status == "caught":
        own = [c for c in v.clauses if paragraph in (None, c.paragraph)]
        if by := [c for c in own if c.id in v.caught_by]:
            return f"{v.words} by {'; '.join(map(_by_how_much, by))}"
        if may := [c.id for c in own if c.id in v.possible]:
            whether = f", undecided whether by {paragraph}" if paragraph else ""
            return f"{v.words} by one of {', '.join(v.possible)}{whether}: {', '.join(may)} may be true"
        return f"{v.words} by {', '.join(v.caught_by or v.possible)}, not by {paragraph}"
    if v.status == "undecided":
        why = next((n.text for n in v.notes if n.code == v.reason), (v.reason or "").replace("_", " "))
        missing = f"; missing: {', '.join(v.missing)}" if v.missing else ""
        return f"undecided: {why}{missing}"
    if v.status == "not_applicable":
        return f"not applicable: {next((n.text for n in v.notes if n.code == v.reason), v.reason)}"
    basis = resting_on(v, q.part)
    tail = f", on the basis of {basis}" if basis else ""
    return f"{v.words} by the modelled clauses as of {q.on.isoformat()}{tail}"


def _by_how_much(clause: ClauseVerdict) -> str:
    own = [f"{c.parameter} {c.range}{'' if c.margin is None else f' by {c.margin:.1%}'}" for c in clause.conditions]
    return f"{clause.id} ({', '.join(own)})" if own else clause.id


def _notes(v: Verdict) -> Iterator[Line]:
    for note in v.notes:
        if note.code in WARNED:
            yield Line(note.code, "warn", f"{v.regime}: {note.text}", v)


def margin_line(question: Question, v: Verdict, least: float) -> Line:
    """Whether the nearest edge of a regime that does not catch the part is as far as the policy asks."""
    rule = f"margin_min = {least:g} [{v.regime}]"
    distance, what = min([*_by_flips(question, v), *_by_clauses(v)], default=(None, ""))
    if distance is None:
        return Line(rule, "pass", "no change of one value alone would have it caught", v)
    text = f"{distance:.2%} from being caught: {what}"
    if distance < least:
        return Line(rule, "violated", f"{text}; {least - distance:.2%} less than asked", v)
    return Line(rule, "pass", text, v)


def _by_flips(q: Question, v: Verdict) -> Iterator[tuple[float, str]]:
    regime = load_regime(v.regime)
    references = references_of(q.part, regime, q.on, q.known_on)
    for flip in flips(q.part, regime, q.on, q.known_on, references):
        yield abs(flip.change), f"{flip.parameter} {flip.value:g} against {flip.edge:g}"


def _by_clauses(v: Verdict) -> Iterator[tuple[float, str]]:
    """A clause is as far as the farthest of its ranges that do not hold; of intervals too, where flips are silent."""
    for clause in v.clauses:
        margins = [(c.margin, f"{c.parameter} {c.range}") for c in clause.conditions]
        failing = [(-margin, what) for margin, what in margins if margin is not None and margin < 0]
        if clause.truth == "false" and failing:
            distance, what = max(failing)
            yield distance, f"{clause.id} ({what})"
