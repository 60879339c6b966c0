"""The report page of a fleet: one file that holds all it shows and asks nothing of any network.

Its look is that of the page of a run (`report.html`), its words are those of the terminal (`gathering.terminal`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup
from rich.console import RenderableType

from greenzone.fleet.gathering import terminal
from greenzone.fleet.gathering.charts import MOST_APART, MOST_DOTS, MOST_FIGURES, drift_charts, strips
from greenzone.fleet.gathering.outliers import MATERIAL
from greenzone.fleet.gathering.summary import Fleet, LotSummary, by_device, of_siblings
from greenzone.report.markup import html, table
from greenzone.report.pages import rendered
from greenzone.report.plain import plain
from greenzone.report.terminal import as_text

MOST = 200  # rows of a table on the page; the JSON has them all


@dataclass(frozen=True)
class Part:
    """One lot on the page: its anchor, its name, what it is, and its sections from the answer on."""

    anchor: str
    name: str
    emulated: bool
    told: tuple[tuple[str, str], ...]
    answer: Markup
    sections: tuple[tuple[str, Markup], ...]


def page(fleet: Fleet) -> str:
    """The page of a fleet, whole."""
    parts = [_part(n, lot) for n, lot in enumerate(fleet.lots, 1)]
    emulated = any(p.emulated for p in parts)
    return rendered(
        "fleet.html", parts=parts, headline=terminal.headline(fleet), emulated=emulated, word=terminal.EMULATED,
        title=f"{'EMULATED: ' if emulated else ''}{terminal.headline(fleet)} - greenzone fleet",
        left_out=_left_out(fleet), not_proven=terminal.NOT_PROVEN,
    )  # fmt: skip


def _part(n: int, lot: LotSummary) -> Part:
    anchor, s = f"lot{n}", lot.standing
    nodes = len({row.node for row in s.devices if row.node})
    told = (
        ("Part", plain(s.lot.part, 80)), ("Devices", str(lot.devices)), ("Nodes", str(nodes or "unknown")),
        ("Suite", plain(s.suite, 40)),
        ("Apart", f"from {lot.threshold:.3g} robust standard deviations on, where these are {MATERIAL:.0%} or more"),
    )  # fmt: skip
    return Part(anchor, terminal.title(lot), s.lot.emulated, told, _answer(lot), tuple(_sections(anchor, lot)))


def _answer(lot: LotSummary) -> Markup:
    """The devices that lie apart, a row each."""
    found = list(by_device(lot.outliers))
    if not found:
        return Markup("<p>No device lies apart from its siblings or its claim.</p>")
    devices, rows = lot.standing.devices, []
    for device, own in found[:MOST]:
        row, share = devices[device], of_siblings(own)
        middle = "" if share is None else f"{share:.3f}"
        name = Markup('<span class="caught">{}</span>').format(plain(row.device, 80))
        count = len({o.title for o in own})
        rows.append((name, row.node, row.uuid, count, middle, terminal.sentence(own[0])))
    heads = ("device", "node", "UUID", "figures", "of its siblings", "farthest")
    shown = table(heads, rows, "Devices that lie apart, those in most figures first", [h in heads[3:5] for h in heads])
    return shown + _more(len(found))


def _more(count: int) -> Markup:
    return Markup("<p>And {} more; the JSON has them all.</p>").format(count - MOST) if count > MOST else Markup("")


def _sections(anchor: str, lot: LotSummary) -> Iterator[tuple[str, Markup]]:
    """What lies below the answer, in order: title and body."""
    stamp = "EMULATED" if lot.standing.lot.emulated else ""
    if lot.unsound:
        yield "Invalid or unstable", _joined(terminal.unsound(lot, MOST))
    yield "Figures by device", _figure(strips(lot, f"{anchor}-strip"), _said(lot))
    yield "Figures over the devices", html(terminal.figures(lot.figures), "Figures over the devices", headed=True)
    yield terminal.LIMITS, html(terminal.limits(lot.figures), "Tolerance intervals", headed=True)
    for name, groups in (("Nodes", lot.nodes), ("Racks", lot.racks)):
        yield name, _joined(terminal.places(groups, MOST), name) if groups else Markup("")
    yield "Links of each node", html(terminal.links(lot, MOST), "Links of each node") if lot.links else Markup("")
    drawn = drift_charts(lot.drifts, f"{anchor}-drift", stamp)
    moved = _figure(drawn, "The figures that moved most, by days since the first run.") if drawn else Markup("")
    yield "Devices that moved between dates", moved + _joined(terminal.drifts(lot.drifts, MOST))
    yield "Notes", _joined([as_text(plain(note)) for note in lot.notes[:MOST]])


def _said(lot: LotSummary) -> str:
    """What the strips show, and what they leave out."""
    tail = " Every figure is emulated." if lot.standing.lot.emulated else ""
    least = f"At most {MOST_DOTS} devices evenly taken and the {MOST_APART} farthest are drawn of each figure"
    rest = f", and the first {MOST_FIGURES} figures" if len(lot.figures) > MOST_FIGURES else ""
    return (
        f"Each figure by device, devices in the order of nodes, with the uncertainty of each; the line is the median. "
        f"{least}{rest}.{tail}"
    )


def _joined(found: list[RenderableType], caption: str = "") -> Markup:
    return Markup("").join(html(x, caption, headed=True) for x in found)


def _figure(drawn: Markup, said: str) -> Markup:
    return Markup(
        '<figure><div role="region" aria-label="{1}" class="strips">{0}</div><figcaption>{1}</figcaption></figure>\n'
    ).format(drawn, said)


def _left_out(fleet: Fleet) -> Markup:
    """What is in no statistic, and why."""
    if not fleet.left_out:
        return Markup("<p>Nothing: every record that was found counts.</p>")
    rows = [(x.where, x.why) for x in fleet.left_out[:MOST]]
    return table(("what", "why"), rows, "Left out, missing or twice there") + _more(len(fleet.left_out))
