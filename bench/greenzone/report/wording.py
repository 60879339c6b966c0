"""The words every report shares: what was asked, what a verdict says, what nothing here proves."""

from collections.abc import Iterator, Mapping

from greenzone.intervals import number
from greenzone.law.exploring import Design, Flip, Rounding
from greenzone.law.limits import Limit
from greenzone.law.regimes import Clause, Exclusion, Outcome, Version
from greenzone.law.transaction import Consequence, Transaction, consequence
from greenzone.law.verdict import WORDS, BreakEven, Classification, ClauseVerdict, Verdict, resting_on
from greenzone.parameters import PARAMETERS

NOT_PROVEN = (
    "A measurement is a lower bound on a theoretical peak: it can show \"at or above\", never \"below\".",
    "In law TPP is the highest value the manufacturer claims; a claim is taken as it stands, with its source.",
    "Only the clauses listed are modelled. End use, end users, parties, and letters beyond their figures, are not.",
    "Whether a part is designed or marketed for data centres is a judgement, and an input here.",
    "This is no legal advice.",
)  # fmt: skip

REASONS = {
    "missing_facts": "facts are missing",
    "no_claim": "no claim: a measurement alone cannot show that it is below",
    "conflict": "sources disagree",
    "claim_exceeded": "the measurement contradicts the claim",
    "unconfirmed": "rests on unconfirmed facts alone",
    "readings_differ": "the text allows two readings, and they differ",
    "pd_undefined": "performance density is undefined: no non-planar die",
    "control_undecided": "the control it would relieve is undecided",
    "not_in_force_yet": "not in force yet",
    "not_published_yet": "not published yet",
    "proposed": "proposed, not law",
    "control_not_caught": "nothing to relieve",
    "wrong_item": "applies to other items",
    "rescinded": "rescinded",
    "suspended": "suspended",
}


def describe_transaction(t: Transaction) -> str:
    """The transaction in words, what is unknown said so."""
    route = f"{t.kind} from {t.origin or 'an unknown origin'} to {t.to or 'an unknown destination'}"
    return f"{route}, headquarters of the parties {t.headquarters or 'unknown'}"


def describe_question(c: Classification) -> str:
    """The day, what was known, and the transaction."""
    return f"as of {c.on.isoformat()}, as known on {c.known_on.isoformat()}; {describe_transaction(c.transaction)}"


def headline(v: Verdict) -> str:
    """The status in the words of its effect, with the reason where there is one."""
    tail = f" ({REASONS.get(v.reason, v.reason)})" if v.reason else ""
    return f"{v.words}{tail}"


def sentence(v: Verdict, c: Classification) -> str:
    """The one sentence that may be quoted."""
    day = c.on.isoformat()
    if v.status == "caught":
        by = ", ".join(v.caught_by) or f"one of {', '.join(v.possible)}, whichever it is"
        reach = v.effect == "eligibility" and v.outcome.review is None and not v.outcome.missing
        return f"{v.words} by {by} as of {day}{'; it does not reach this transaction' if reach else ''}"
    if v.status == "not_caught":
        basis = basis_of(v, c)
        tail = f", on the basis of {basis}" if basis else ""
        return f"{v.words} by the modelled clauses as of {day}{tail}"
    if v.status == "undecided":
        missing = f"; missing: {', '.join(v.missing)}" if v.missing else ""
        return f"undecided as of {day}: {REASONS.get(v.reason or '', v.reason or '')}{missing}"
    return next((n.text for n in v.notes if n.code == v.reason), v.reason or "")


def basis_of(v: Verdict, c: Classification) -> str:
    """The claims a verdict rests on."""
    return resting_on(v, c.part)


def condition_lines(clause: ClauseVerdict) -> str:
    """The conditions of a clause with value and margin."""
    parts = []
    for c in clause.conditions:
        value = (
            number(c.low)
            if c.low == c.high
            else f"{number(c.low)}.." + ("" if c.high == float("inf") else number(c.high))
        )
        margin = f" ({c.margin:+.1%})" if c.margin is not None else ""
        parts.append(f"{c.parameter} {value} {c.range}{margin}")
    return "; ".join([*clause.hangs_on, *parts])


def outcome_lines(outcome: Consequence) -> list[str]:
    """What follows for the transaction, one line each; none where nothing is said."""
    first = []
    if outcome.licence:
        first.append(f"licence {outcome.licence.replace('_', ' ')}")
    if outcome.review:
        first.append(f"review: {outcome.review.replace('_', ' ')}")
    if outcome.exceptions:
        first.append(f"licence exception {', '.join(outcome.exceptions)}")
    if outcome.tariff:
        first.append(f"tariff {outcome.tariff}")
    if outcome.fallback:
        first.append(f"falls back to {outcome.fallback}")
    if outcome.missing:
        first.append(f"the rest hangs on: {', '.join(outcome.missing)}")
    return ([", ".join(first)] if first else []) + [f"condition: {c}" for c in outcome.conditions]


def version_lines(v: Version) -> Iterator[str]:
    """A version of a rule, whole: dates, clauses, readings, outcomes, words, notes."""
    dates = f"published {v.published.isoformat()}"
    dates += f", compliance {v.compliance.isoformat()}" if v.compliance else ""
    yield f"{dates}, {v.status.replace('_', ' ')}"
    yield from (clause_line(c) for c in v.clauses)
    for reading in v.readings:
        yield f"read as {reading.id}: {reading.text}"
        yield from (f"  {clause_line(c)}" for c in reading.clauses)
    yield from (f"except {exclusion_line(e)}" for e in v.exclusions)
    yield from (outcome_line(o) for o in v.outcomes)
    yield from [f"otherwise {outcome_line(v.otherwise)}"] if v.otherwise else []
    yield from (limit_line(limit) for limit in v.limits)
    yield from (f'{c.cite} ({c.confidence}): "{c.quote}"' for c in v.citations)
    yield from (f"note: {n.text}" for n in v.notes)


def clause_line(c: Clause) -> str:
    """A clause as regime files have it."""
    parts = [_when(c.when)] if c.when else []
    parts += [f"caught by {c.caught}"] if c.caught else []
    parts += [f"unless caught by {c.unless_caught}"] if c.unless_caught else []
    return f"{c.id}: {', '.join(parts)}"


def limit_line(limit: Limit) -> str:
    """A limit on quantity: its amount, of whom, over what period, where it is printed."""
    amounts = [f"{number(step.amount)} from {step.begins.isoformat()}" for step in limit.steps]
    if limit.amount is not None:
        amounts = [number(limit.amount)]
    if limit.share is not None:
        amounts = [f"{number(limit.share)} of that to {' '.join(limit.of_to)}"]
    per = f" per {' and '.join(limit.per)}" if limit.per else ""
    read = f"; read {len(limit.readings)} ways" if limit.readings else ""
    what = f"{limit.duty} {limit.id}: {limit.parameter}{per}, {limit.period.replace('_', ' ')}"
    return f"{what}, {limit.comparator} {', '.join(amounts)}{read}; {limit.citation.cite}"


def exclusion_line(e: Exclusion) -> str:
    """What is taken out of every clause, as regime files have it."""
    return f"{e.id}: {_when(e.when)}"


def _when(when: Mapping[str, object]) -> str:
    words = {name: " ".join(v) if isinstance(v, tuple) else str(v).lower() for name, v in when.items()}
    return ", ".join(f"{name} {text}" for name, text in words.items())


def outcome_line(row: Outcome) -> str:
    """A row of what being caught means, as regime files have it."""
    facts = [_when(row.when)] if row.when else []
    where = ", ".join([*([row.paragraph] if row.paragraph else []), *facts]) or "else"
    says = outcome_lines(consequence(row))
    return f"{where}: {'; '.join(says) or 'nothing said'}"


def break_even_line(b: BreakEven) -> str:
    """What a range of a missing fact would give."""
    by = f" by {b.clause}" if b.clause else ""
    return f"if {b.parameter} {b.range}: {b.status.replace('_', ' ')}{by}"


def flip_line(v: Verdict, flip: Flip) -> str:
    """A change that would change a verdict, as a sentence."""
    p = PARAMETERS[flip.parameter]
    rises = "rises to" if flip.included else "rises above"
    falls = "falls to" if flip.included else "falls below"
    way = rises if flip.change >= 0 else falls
    return (
        f"{v.regime}: {_said(v, flip.status)} once the {p.title} {way} {number(flip.edge)} {p.unit} "
        f"({flip.change:+.1%} from {number(flip.value)})"
    )


def rounding_line(v: Verdict, r: Rounding) -> str:
    """A rounding that would change a verdict, as a sentence."""
    what = f"{r.parameter} {number(r.value)} is rounded to {number(r.rounded)}"
    if r.rate is not None and r.rounded_rate is not None:
        what = f"the rate {number(r.rate)} is rounded to {number(r.rounded_rate)}, {r.parameter} {number(r.rounded)}"
    return f"{v.regime}: {_said(v, r.status)} where {what} ({r.digits} digits): use the exact figure"


def design_line(d: Design) -> str:
    """The largest rate that stays out, as a sentence."""
    of = f"{d.regime} (version of {d.version})"
    if d.tpp is None or d.rate_tops is None:
        return f"{d.format}, {number(d.area_mm2)} mm2: no rate is caught by {of}"
    way = "up to" if d.included else "below"
    rest = f", whatever its {', '.join(PARAMETERS[n].title for n in d.whatever)}" if d.whatever else ""
    return (
        f"{d.format}, {number(d.area_mm2)} mm2: stays out of {of} {way} {number(d.rate_tops)} TOPS dense "
        f"(TPP {number(d.tpp)}), bound by {d.clause}{rest}"
    )


def _said(v: Verdict, status: str) -> str:
    return WORDS[v.effect].get(status, status.replace("_", " "))
