"""The report page: one file that holds all it shows, for one record or several, and asks nothing of any network.

Its words are the terminal's, taken from the same functions (`report.run`, `report.terminal`, `report.wording`);
what is added is order, charts and tables of everything the record says of itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from greenzone.law.verdict import Classification, ClauseVerdict, Verdict
from greenzone.records.record import Record
from greenzone.report import terminal, wording
from greenzone.report.charts import Figure, charts
from greenzone.report.map import caption, map_of
from greenzone.report.markup import html, name, table
from greenzone.report.pages import rendered
from greenzone.report.plain import plain
from greenzone.report.run import BY_DATE, SEVERITY, Report, by_date, measured_sections


@dataclass(frozen=True)
class Part:
    """One record on the page: its anchor, its name, and its sections from the answer to the hashes."""

    anchor: str
    name: Markup
    emulated: bool
    told: tuple[tuple[str, str], ...]
    verdicts: Markup
    sections: tuple[tuple[str, Markup], ...]


def page(reports: Sequence[Report]) -> str:
    """The page of one report or several, whole.

    Raises:
        RecordError: a record that cannot be shown.
    """
    parts = [_part(n, report) for n, report in enumerate(reports, 1)]
    return rendered(
        "report.html", parts=parts, title=_title(reports),
        summary=_summary(reports, parts) if len(parts) > 1 else "",
        not_proven=wording.NOT_PROVEN, emulated=any(p.emulated for p in parts), word=EMULATED,
    )  # fmt: skip


EMULATED = "EMULATED: the measured figures are of an emulated device"


def _title(reports: Sequence[Report]) -> str:
    label = "EMULATED: " if any(_is_emulated(r) for r in reports) else ""
    names = ", ".join(plain(r.classification.part.name, 60) for r in reports[:3])
    return f"{label}{names}{' and more' if len(reports) > 3 else ''} - greenzone report"


def _is_emulated(report: Report) -> bool:
    return bool(report.record.device.get("emulated")) or report.classification.part.emulated


def _part(n: int, report: Report) -> Part:
    c = report.classification
    anchor = f"r{n}"
    return Part(
        anchor, name(c.part.name), _is_emulated(report),
        tuple(_told(report)), _verdicts(c), tuple(_sections(anchor, report)),
    )  # fmt: skip


def _told(report: Report) -> Iterator[tuple[str, str]]:
    """Device, run and destination, in a few words."""
    record, c = report.record, report.classification
    part = f" ({c.part.id})" if c.part.id else ""
    yield "Part", plain(f"{c.part.name}{part}", 200)
    yield "Measured device", plain(record.device.get("id"), 200) + (" EMULATED" if _is_emulated(report) else "")
    yield "Asked", wording.describe_question(c)
    yield "Run", plain(f"{record.run.id}, started {record.run.started_at}, {record.run.status}", 200)


def _verdicts(c: Classification) -> Markup:
    """The answer: a row a regime, with the clause that decides, its margin and its source."""
    rows = [(v.regime, _status(v), ", ".join(_deciding(v)) or "", _conditions(v), _citations(v)) for v in c.verdicts]
    heads = ("regime", "status", "clause", "value, range and margin", "source")
    return table(heads, rows, "Status under each regime")


def _status(v: Verdict) -> Markup:
    kind = {"caught": "caught", "not_caught": "free", "undecided": "open"}.get(v.status, "dim")
    return Markup('<span class="{}">{}</span>').format(kind, plain(wording.headline(v)))


def _deciding(v: Verdict) -> tuple[str, ...]:
    """The clauses it is caught by or may be; else the one it comes nearest to."""
    nearest = max(v.clauses, key=_nearness, default=None)
    return (
        v.caught_by or v.possible or ((f"nearest: {nearest.id}",) if nearest and v.status != "not_applicable" else ())
    )


def _nearness(clause: ClauseVerdict) -> float:
    """How near a part is to a clause: the margin of the condition it is farthest outside of."""
    return min((c.margin for c in clause.conditions if c.margin is not None), default=-float("inf"))


def _conditions(v: Verdict) -> str:
    if v.status == "not_applicable":
        return next((n.text for n in v.notes if n.code == v.reason), "")
    named = {*v.caught_by, *v.possible}
    shown = [c for c in v.clauses if c.id in named] or sorted(v.clauses, key=_nearness)[-1:]
    return "; ".join(wording.condition_lines(c) for c in shown)


def _citations(v: Verdict) -> Markup:
    links = {x["cite"]: (x["url"], x["confidence"]) for x in v.citations}
    return Markup("; ").join(
        Markup('<a href="{}" rel="noreferrer">{}</a> ({})').format(url, cite, sure)
        for cite, (url, sure) in links.items()
    )


def _summary(reports: Sequence[Report], parts: Sequence[Part]) -> Markup:
    """Several records side by side: a row a record, a column a regime."""
    regimes = list(dict.fromkeys(v.regime for r in reports for v in r.classification.verdicts))
    rows = []
    for report, part in zip(reports, parts, strict=True):
        said = {v.regime: v for v in report.classification.verdicts}
        link = Markup('<a href="#{}">{}</a>{}').format(part.anchor, part.name, " EMULATED" if part.emulated else "")
        cells = [_status(said[ref]) if ref in said else Markup("") for ref in regimes]
        rows.append([link, plain(report.record.run.started_at, 40), *cells])
    return table(["record", "started", *regimes], rows, "The records of this page")


def _sections(anchor: str, report: Report) -> Iterator[tuple[str, Markup]]:
    """Everything below the answer, in order: title and body."""
    record, c = report.record, report.classification
    drawn = charts(record, anchor)
    measured = measured_sections(record, c.part)
    yield "Verdicts in full", Markup("").join([*(html(terminal.verdict(v, c)) for v in c.verdicts),
                                               *(html(s) for s in terminal.changes(c))])  # fmt: skip
    yield "Map", _map(anchor, report)
    yield "Rates", _with(drawn, ("rates", "roofline"), [measured.get("matmul"), measured.get("peak")])
    yield "Burst against sustained", _with(drawn, ("time", "telemetry"), [])
    yield "Memory", _with(drawn, ("sweep",), [measured.get("memory")])
    yield "Links", _with(drawn, (), [measured.get("interconnect")])
    yield "Inference", _with(drawn, ("inference",), [measured.get("inference")])
    yield (
        "Evidence and parameters",
        Markup("").join(
            (
                html(terminal.evidence(c.part), "Evidence by basis, never mixed"),
                html(terminal.parameters(c), "Parameters"),
            )
        ),
    )
    yield "Findings", _findings(record)
    yield "Other dates", html(terminal.section(BY_DATE, by_date(c)))
    yield "Environment, settings and hashes", Markup("").join(_kept(record))


def _with(drawn: Mapping[str, Figure], keys: Sequence[str], sections: Sequence[terminal.Section | None]) -> Markup:
    """Figures, then what the terminal shows of the same."""
    figures = [_figure(drawn[key].drawn, drawn[key].caption) for key in keys if key in drawn]
    return Markup("").join([*figures, *(html(s) for s in sections if s is not None)])


def _figure(drawn: Markup, said: str) -> Markup:
    return Markup(
        '<figure><div class="wide" role="region" aria-label="{1}" tabindex="0">{0}</div>'
        "<figcaption>{1}</figcaption></figure>\n"
    ).format(drawn, said)


def _map(anchor: str, report: Report) -> Markup:
    """The part among the rules of the day; nothing where its TPP is not known and no rule is drawn."""
    from greenzone.report.map_page import map_svg

    c = report.classification
    if c.part.item != "integrated_circuit":
        return Markup("")
    m = map_of([c.part], c.on, c.known_on, transaction=c.transaction)
    lines = [*caption(m), *(["The part is as claimed; what was measured is emulated."] if _is_emulated(report) else [])]
    drawn = map_svg(m, f"{anchor}-map") if m.marks or m.regions else Markup("")
    return _figure(drawn, " ".join(map(plain, lines))) if drawn else Markup("")


def _findings(record: Record) -> Markup:
    order = list(SEVERITY)[::-1]
    found = sorted(record.findings, key=lambda f: order.index(f.severity))
    if not found:
        return Markup("<p>none</p>")
    return table(("severity", "code", "finding"), [(f.severity, f.code, f.text) for f in found], "Findings")


def _kept(record: Record) -> Iterator[Markup]:
    """What the record says of itself: a table each for device, environment, settings, and hashes."""
    device = {k: v for k, v in record.device.items() if k != "part"}
    hashes = {**_flat({k: v for k, v in record.rules.items() if k != "files"}, "rules "), **_flat(record.tool, "tool ")}
    files = record.rules.get("files")
    yield _facts("Device", _flat(device))
    yield _facts("Environment", _flat(record.environment))
    yield _facts("Settings", _flat(record.settings))
    yield _facts("Hashes and versions", {"schema": record.schema_name, **hashes})
    yield _facts("Hash of each rule file (SHA-256)", _flat(files)) if isinstance(files, dict) else Markup("")


def _facts(title: str, facts: Mapping[str, str]) -> Markup:
    return table(("name", "value"), list(facts.items()), title) if facts else Markup("")


def _flat(data: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Nested plain data as names and texts; what is not there is left out."""
    found: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{plain(key, 100)} ")
        elif value not in (None, [], ""):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            found[f"{before}{plain(key, 100)}"] = text
    return found
