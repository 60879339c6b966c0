"""A classification and a run on the terminal: the answer first, then what it rests on."""

import re
from collections.abc import Iterable, Sequence
from datetime import date

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from greenzone.intervals import Interval, number
from greenzone.law.exploring import flips
from greenzone.law.headroom import Headroom, references_of
from greenzone.law.regimes import load_regime, regime_paths
from greenzone.law.verdict import Classification, Condition, Verdict
from greenzone.parameters import PARAMETERS
from greenzone.parts.capability import MEASURED, Part
from greenzone.parts.evidence import Evidence
from greenzone.report import wording

STYLES = {"caught": "bold red", "not_caught": "bold green", "undecided": "bold yellow", "not_applicable": "dim"}


# A name from a file may hold what moves the cursor or colours the rest of the page.
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def as_text(words: str, style: str = "") -> Text:
    """Words of others as text alone: control characters are shown, not obeyed."""
    return Text(_CONTROL.sub("\ufffd", words), style=style)


def table(*columns: str, rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> Table:
    """A plain table; figures stand to the right."""
    found = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        found.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        found.add_row(*[cell if isinstance(cell, Text) else as_text(str(cell)) for cell in row])
    return found


class Section(Group):
    """A titled, indented block; a page takes its title and body as they are."""

    def __init__(self, title: str, *body: RenderableType) -> None:
        self.title, self.body = title, body
        indented = [Padding(b, (0, 0, 0, 2), expand=False) for b in body]
        super().__init__(Text(), Text(title, style="bold underline"), *indented)


def section(title: str, *body: RenderableType) -> Section:
    """A titled, indented block."""
    return Section(title, *body)


def classification(c: Classification) -> Group:
    """A part under its regimes: verdicts, what would change them, parameters, what is not proven."""
    return Group(
        as_text(f"{c.part.name}{f' ({c.part.id})' if c.part.id else ''}", style="bold"),
        Text(wording.describe_question(c)),
        *(
            [Text("EMULATED: the measured figures are of an emulated device", style="bold magenta")]
            if c.part.emulated
            else []
        ),
        section("Verdicts", *(verdict(v, c) for v in c.verdicts)),
        *changes(c),
        section("Parameters", parameters(c)),
        not_proven(),
    )


def verdict(v: Verdict, c: Classification) -> Group:
    """One regime: the status, the sentence, the clauses, the outcome, the citations."""
    lines: list[RenderableType] = [
        Text.assemble((f"{v.regime}  ", "bold"), (wording.headline(v), STYLES[v.status])),
    ]
    if v.status == "not_applicable":
        return Group(*lines, Padding(Text(wording.sentence(v, c)), (0, 0, 0, 2), expand=False))
    body: list[RenderableType] = [Text(wording.sentence(v, c))]
    for clause in v.clauses:
        way = "taken out" if clause.catches == "false" else "may be taken out"
        tail = f"; {way} by {clause.excluded_by}" if clause.excluded_by else ""
        body.append(Text(f"{clause.id} {clause.truth}{tail}: {wording.condition_lines(clause)}", style="dim"))
    body += [Text(line) for line in wording.outcome_lines(v.outcome)]
    body += [Text(wording.break_even_line(b)) for b in v.break_evens]
    body += [Text(f"note: {n.text}") for n in v.notes]
    cites = "; ".join(dict.fromkeys(f"{x['cite']} ({x['confidence']})" for x in v.citations))
    body.append(
        Text(
            f"version of {v.version}, {(v.rule_status or '').replace('_', ' ')}; {cites}; confidence {v.confidence}",
            style="dim",
        )
    )
    return Group(*lines, *[Padding(b, (0, 0, 0, 2), expand=False) for b in body])


def changes(c: Classification) -> list[Section]:
    """The smallest change of each parameter that would change a verdict."""
    lines = []
    statuses = {v.regime: v.status for v in c.verdicts}
    for v in c.verdicts:
        if v.regime in regime_paths() and v.status in ("caught", "not_caught"):
            regime = load_regime(v.regime)
            found = flips(c.part, regime, c.on, c.known_on, references_of(c.part, regime, c.on, c.known_on, statuses))
            lines += [Text(wording.flip_line(v, f)) for f in found[:2]]
    return [section("What would change them", *lines)] if lines else []


def parameters(c: Classification) -> Table:
    """Every parameter that is known of, with its basis and working."""
    rows = []
    for name, p in PARAMETERS.items():
        value = c.part.value(name)
        if value.basis or value.working:
            rows.append((name, shown(value.interval), p.unit, value.basis or "", value.working))
    return table("parameter", "value", "unit", "basis", "working", rows=rows, right=("value",))


def evidence(part: Part) -> Table:
    """TPP and DRAM bandwidth on each basis they are known on; the bases are never mixed."""
    rows = [
        (e.parameter, e.basis, shown(e.interval), e.working, _kind(e))
        for e in part.evidence
        if e.parameter in ("tpp", "dram_bandwidth_gb_s")
    ]
    return table("parameter", "basis", "value", "working", "confidence", rows=rows, right=("value",))


def _kind(e: Evidence) -> str:
    if e.emulated:
        return "emulated"
    return "measured here" if e.basis in MEASURED and e.source is None else e.confidence


def shown(i: Interval) -> str:
    """An interval to six significant digits; the JSON has them all."""
    low, high = (number(float(f"{v:.6g}")) for v in (i.low, i.high))
    if i.is_point:
        return low
    if not i.is_bounded:
        return "unknown" if i.low == 0 else f">= {low}"
    return f"{'> ' if i.low_open else ''}{low} to {'< ' if i.high_open else ''}{high}"


def headroom(part: Part, found: Sequence[Headroom], on: date) -> Group:
    """Margins to every edge, break-evens, the flips and the roundings that flip."""
    blocks: list[RenderableType] = [Text(f"{part.name} ({part.id}) as of {on.isoformat()}", style="bold")]
    for h in found:
        v = h.verdict
        rows = [
            (clause.id, clause.truth, c.parameter, c.range, _value(c), "" if c.margin is None else f"{c.margin:+.2%}")
            for clause in v.clauses
            for c in clause.conditions
        ]
        lines: list[RenderableType] = [
            table("clause", "truth", "parameter", "range", "value", "margin", rows=rows, right=("value", "margin"))
        ]
        lines += [Text(wording.break_even_line(b)) for b in v.break_evens]
        lines += [Text(wording.flip_line(v, f)) for f in h.flips]
        lines += [Text(f"warning: {wording.rounding_line(v, r)}", style="yellow") for r in h.roundings]
        blocks.append(section(f"{v.regime}: {wording.headline(v)}", *lines))
    return Group(*blocks, not_proven())


def _value(c: Condition) -> str:
    return shown(Interval(c.low, c.high))


def not_proven() -> Section:
    """What every report ends with."""
    return section("What this does not prove", *(Text(f"- {line}") for line in wording.NOT_PROVEN))
