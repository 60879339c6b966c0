"""The certificate as a page: the answer, the lot, what decides, every unit with its three sides, and the method.

Its sentences are those of `policy.certifying.statements`, word for word; what is added is order and tables.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from greenzone.policy.certifying import statements
from greenzone.policy.certifying.bounding import OUTCOMES, Bound, Outcome
from greenzone.policy.certifying.certificate import STATUS, Certificate
from greenzone.policy.certifying.represented import QUANTITIES
from greenzone.policy.certifying.units import Unit
from greenzone.policy.lines import Status
from greenzone.report.markup import table
from greenzone.report.pages import rendered
from greenzone.report.plain import plain

WORDS: dict[Outcome, str] = {
    "exceeded": "exceeded", "contradicts": "the sides disagree", "doubtful": "undecided: doubtful",
    "not_measured": "not measured", "not_represented": "not represented",
    "no_ceiling": "no evidence above; no ceiling known", "open": "no evidence above; the ceiling is higher",
    "bounded": "no evidence above; the ceiling keeps to it",
}  # fmt: skip
SHORT: dict[Outcome, str] = {
    "exceeded": "exceeded", "contradicts": "sides disagree", "doubtful": "doubtful", "not_measured": "not measured",
    "not_represented": "not represented", "no_ceiling": "no ceiling known", "open": "ceiling higher",
    "bounded": "bounded",
}  # fmt: skip
KINDS = {"exceeded": "caught", "contradicts": "caught", "bounded": "free"}
EXIT_KINDS = {0: "free", 3: "caught", 5: "caught"}
ORDER: tuple[Status, ...] = ("invalid", "violated", "undecided", "warn")
DETAILED = 40  # units told in full on the page, and
MOST_LINES = 100  # lines that decide; the JSON has every one of both
NAMED = 3  # units by their name, where a finding is of more


@dataclass(frozen=True)
class Section:
    """A titled part of the page."""

    anchor: str
    title: str
    body: Markup
    listed: bool = True  # among the links at the top


def page(found: Certificate) -> str:
    """The page of a certificate, whole."""
    label = "EMULATED: " if found.emulated else ""
    return rendered(
        "certificate.html", title=f"{label}certificate of lot {plain(found.represented.lot, 60)} - greenzone",
        lot=found.represented.lot, emulated=found.emulated, label=statements.EMULATED, statement=found.statement,
        kind=EXIT_KINDS.get(found.exit_code, "open"), facts=list(_facts(found)), sections=list(_sections(found)),
        not_shown=statements.NOT_SHOWN, method=_method(found.method.text),
    )  # fmt: skip


def _facts(found: Certificate) -> Iterator[tuple[str, str]]:
    lot = found.represented
    yield "Part represented", f"{found.profile.name} ({found.profile.id})"
    yield "Represented by", f"{lot.applicant or 'not stated'}; {lot.source}"
    yield "Decision rule", statements.decided(lot.decision_rule, lot.decided_on)
    yield "Sample", statements.sample(found.sample)
    yield "Issued on", found.issued_on.isoformat()
    yield "Method", f"{found.method.title}, SHA-256 {found.method.sha256}"
    yield "Represented values", f"file with SHA-256 {found.represented_sha256}"
    if lab := lot.laboratory:
        yield "Laboratory", f"{lab.name}, {lab.address}"
        own = [f"headquarters {lab.headquarters}"] if lab.headquarters else []
        own += [f"tested in {lab.tested_in}"] if lab.tested_in else []
        own += [lab.accreditation] if lab.accreditation else []
        if own or lab.declarations:
            yield "As the laboratory declares, not checked here", "; ".join([*own, *lab.declarations])
    else:
        yield "Laboratory", "not stated"


def _sections(found: Certificate) -> Iterator[Section]:
    yield Section("quantities", "Quantities", _quantities(found))
    yield Section("units", "Units", _units(found.units))
    yield Section("decides", "What decides", _decides(found))
    for n, unit in enumerate(found.units[:DETAILED], 1):
        yield Section(f"u{n}", f"Unit {plain(unit.id, 80)}", Markup("").join(_unit(unit, found)), listed=False)
    if len(found.units) > DETAILED:
        text = f"{len(found.units) - DETAILED} more units are told in the JSON certificate, as in full as these."
        yield Section("more", "Further units", Markup("<p>{}</p>").format(text))
    yield Section("records", "Records", _records(found))


def _quantities(found: Certificate) -> Markup:
    """A row a quantity: what is represented, the range measured over units, and how many came to which outcome."""
    rows = []
    for name in QUANTITIES:
        own = [b for unit in found.units for b in unit.bounds if b.quantity == name]
        value = found.represented.values.of(name)
        figures = sorted(b.figure.value for b in own if b.figure)
        measured = f"{statements.shown(figures[0])} to {statements.shown(figures[-1])}" if figures else "none"
        counts = Counter(b.outcome for b in own)
        said = "; ".join(f"{counts[o]} {WORDS[o]}" for o in OUTCOMES if counts[o]) or "no unit"
        gib = found.represented.values.copackaged_dram_gib if name == "copackaged_dram_gb" else None
        given = f"{statements.shown(value)}{f' ({statements.shown(gib)} GiB)' if gib else ''}" if value else "none"
        rows.append((_named(name), given, measured, said))
    heads = ("quantity", "represented", "highest figure, lowest to highest unit", "units by outcome")
    return table(heads, rows, "Represented values and what the units came to", (False, True, True, False))


def _named(quantity: str) -> str:
    return f"{statements.titled(quantity)}, {statements.unit_of(quantity)}"


def _units(units: Sequence[Unit]) -> Markup:
    if not units:
        return Markup("<p>No unit has a record that holds.</p>")
    rows = []
    for n, unit in enumerate(units, 1):
        name = Markup('<a href="#u{}">{}</a>').format(n, plain(unit.id, 80)) if n <= DETAILED else plain(unit.id, 80)
        told = "follows it" if unit.follows_method else f"departs: {len(unit.departures)}"
        identity = "in doubt" if unit.conflicts else "agrees"
        rows.append([name, *(_outcome(b, SHORT) for b in unit.bounds), told, identity])
    heads = ("unit", "TPP", "DRAM bandwidth", "interconnect", "capacity", "method", "identity")
    return table(heads, rows, "Every unit, and the outcome for each quantity")


def _outcome(b: Bound, words: Mapping[Outcome, str] = WORDS) -> Markup:
    return Markup('<span class="{}">{}</span>').format(KINDS.get(b.outcome, "open"), words[b.outcome])


def _decides(found: Certificate) -> Markup:
    """What kept the lot from passing, the gravest first; what is said alike of several units stands once."""
    units: dict[tuple[Status, str], list[str]] = {}
    for line in found.lines_of_lot:
        units.setdefault((line.status, line.text), []).append(line.rule)
    for unit in found.units:
        for status, text in _against(unit):
            units.setdefault((status, text), []).append(plain(unit.id, 80))
    told = [(status, _whom(own, len(found.units)), text) for (status, text), own in units.items() if status in ORDER]
    if not told:
        return Markup("<p>Nothing speaks against the lot: see each unit for what was found.</p>")
    rows = sorted(told, key=lambda row: ORDER.index(row[0]))
    shown = table(("status", "of", "finding"), rows[:MOST_LINES], "What decides, gravest first")
    more = len(rows) - MOST_LINES
    return shown + Markup("<p>And {} more; the JSON certificate has each.</p>").format(more) if more > 0 else shown


def _against(unit: Unit) -> Iterator[tuple[Status, str]]:
    """What speaks against a unit: in full where it fails, in short where its own section has the figures."""
    for b in unit.bounds:
        status, title = STATUS[b.outcome], _capital(statements.titled(b.quantity))
        text = statements.statement(b) if status in ("violated", "invalid") else f"{WORDS[b.outcome]}."
        yield status, f"{title}: {text}"
    yield from (("invalid", f"A row was refused: {text}") for text in unit.refused)
    yield from (("undecided", f"Departs from the method: {text}") for text in unit.departures)
    yield from (("undecided", f"Identity: {text}") for text in unit.conflicts)


def _whom(names: Sequence[str], units: int) -> str:
    """The units a finding is of, or what of the lot."""
    few = ", ".join(names[:NAMED])
    if len(names) <= NAMED:
        return few
    return f"{few} and {len(names) - NAMED} more of {units} units" if len(names) < units else f"all {units} units"


def _unit(unit: Unit, found: Certificate) -> Iterator[Markup]:
    yield _list("Departs from the method", unit.departures, "warning")
    yield _list("Identity in doubt", unit.conflicts, "warning")
    yield _list("Rows that were refused", unit.refused, "warning")
    rows = [(_named(b.quantity), *_sides(b), _outcome(b)) for b in unit.bounds]
    heads = ("quantity", "represented", "measured", "U (k = 2)", "P(above)", "ceiling", "outcome")
    yield table(heads, rows, f"Three sides of each quantity of {unit.id}", (False, *[True] * 5, False))
    said = [f"{_capital(statements.titled(b.quantity))}: {statements.statement(b)}" for b in unit.bounds]
    yield _list("What was found", [*said, statements.power(unit.power, found.represented.values.peak_power_w)])
    searched = [(statements.titled(q), *("; ".join(s) for s in (v.searched, v.not_searched)))
                for q, v in unit.searches.items()]  # fmt: skip
    yield table(("quantity", "searched", "not searched"), searched, f"The search for more on {unit.id}")
    facts = [(name, str(value)) for name, value in unit.facts.items()]
    facts += [("not reported", ", ".join(unit.not_reported))] if unit.not_reported else []
    yield table(("name", "value"), facts, f"What {unit.id} reports of itself")


def _sides(b: Bound) -> tuple[str, ...]:
    figure, odds = b.figure, b.above_probability
    return (
        statements.shown(b.represented) if b.represented else "none",
        statements.shown(figure.value) if figure else "none",
        statements.uncertainty(figure.expanded_uncertainty) if figure else "",
        statements.probability(odds) if odds is not None else "",
        statements.shown(b.ceiling.value) if b.ceiling.value is not None else "not known",
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _list(title: str, lines: Sequence[str], kind: str = "") -> Markup:
    if not lines:
        return Markup("")
    items = Markup("").join(Markup("<li>{}</li>").format(plain(line)) for line in lines)
    return Markup('<h3 class="{}">{}</h3><ul class="prose">{}</ul>\n').format(kind, title, items)


def _records(found: Certificate) -> Markup:
    rows = []
    for one in found.examined:
        holds = "holds" if one.holds else f"set aside: {'; '.join(one.faults)}"
        suite = str(one.record.settings.get("suite"))
        unit = one.uuid or "unknown"
        emulated = "EMULATED, " if one.emulated else ""
        run = f"{emulated}{one.record.run.started_at}"
        rows.append((one.file.name, unit, run, suite, holds, one.file.signature, one.file.sha256))
    heads = ("record", "unit", "begun", "suite", "worked out again", "signature", "SHA-256")
    return table(heads, rows, "Every record given")


def _method(text: str) -> Markup:
    """The method's text: headings and paragraphs, its emphasis and code without marks of their own."""
    blocks = [block.strip() for block in text.split("\n\n") if block.strip()]
    heading, paragraph = Markup("<h3>{}</h3>\n"), Markup("<p>{}</p>\n")
    return Markup("").join(
        (heading if block.startswith("#") else paragraph).format(plain(re.sub(r"[*`]", "", block.lstrip("# ")), 4000))
        for block in blocks
    )
