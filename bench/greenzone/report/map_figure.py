"""The map as a figure: regions coloured and hatched, parts as points, lines or areas, labels side by side.

Both scales are logarithmic, so that a die area is a straight line. Colours are Okabe and Ito's, and every
paragraph has a hatching of its own, so that it can be told apart without them.
"""

import math
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from greenzone.errors import UsageError
from greenzone.intervals import Range, number
from greenzone.law.verdict import WORDS
from greenzone.parameters import PARAMETERS
from greenzone.report.labels import Rect
from greenzone.report.map import ACROSS, Map, Point, Region, caption
from greenzone.report.map_marks import FILLS, INK, Window, draw_marks, extent, rgb
from greenzone.report.plots import save, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
HATCHES = ("///", "\\\\\\", "...", "xxx", "---", "+++")
WORDED = {"caught": "caught by", "undecided": "undecided under", "not_caught": "not caught by"}
AREAS_MM2 = (100, 200, 400, 814, 1600, 3200)
FEW = 20
SMALL = 1.5  # a region no wider and no higher than this ratio has its name beside it


def window_of(m: Map) -> Window:
    """A window that holds every known end of a mark and every edge of a region, with room around."""
    corners = [p for mark in m.marks for p in mark.outline]
    xs = [p[0] for p in corners] + [e for r in m.regions for e in r.across.edges]
    ys = [p[1] for p in corners] + [e for r in m.regions for e in r.up.edges]
    return Window(*_span(xs, (1000.0, 10000.0)), *_span(ys, (1.0, 10.0)))


def _span(values: Sequence[float], default: tuple[float, float]) -> tuple[float, float]:
    known = [v for v in values if 0 < v < math.inf] or list(default)
    return min(known) / 1.4, max(known) * 1.4


def draw_map(m: Map, path: Path) -> None:
    """Draw a map into a file, SVG, PDF or PNG.

    Raises:
        UsageError: a form that is not drawn, or nothing to draw.
        FileError: the file cannot be written.
    """
    with map_style():
        save(map_figure(m), path)


def map_style() -> AbstractContextManager[None]:
    """The settings under which a map is made and saved; a dollar in a part's name begins no formula."""
    return styled({"font.size": 9, "hatch.linewidth": 0.4, "axes.grid": False, "text.parse_math": False})


def map_figure(m: Map, size: tuple[float, float] | None = None, with_caption: bool = True) -> "Figure":
    """The figure of a map.

    Args:
        m: what is drawn.
        size: inches; None for one that leaves the labels room.
        with_caption: whether day, sources and what is not drawn stand under it.

    Raises:
        UsageError: neither a part nor a region.
    """
    if not m.marks and not m.regions:
        raise UsageError("there is nothing to draw: no part with a known TPP, and no rule on these axes that day")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    many = len(m.marks) > FEW
    width, height = size or ((16.0, 11.5) if many else (10.0, 7.5))
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)  # texts are measured by it, whatever the form that is written
    text = "\n".join(textwrap.fill(line, int(width * 15)) for line in caption(m)) if with_caption else ""
    foot = (0.62 + 0.145 * (text.count("\n") + 1) if text else 0.5) / height
    columns = int(width * 9)
    entries = _legend_lines(m, columns)
    head = (0.3 + 0.17 * entries) / height
    axes = figure.add_axes((0.75 / width, foot, 1 - 0.95 / width, 1 - foot - head))
    window = window_of(m)
    _frame(axes, m, window)
    names, small = _draw_regions(axes, m, window)
    _areas(axes, m, window)
    draw_marks(axes, m.marks, window, 5.5 if many else 8.0, names, small)
    _legend(figure, axes, m, columns)
    if text:
        figure.text(0.12 / width, 0.08 / height, text, fontsize=7.5, color=INK, va="bottom")
    return figure


def _frame(axes: "Axes", m: Map, window: Window) -> None:
    from matplotlib.ticker import NullFormatter

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(window.left, window.right)
    axes.set_ylim(window.bottom, window.top)
    for name, set_label in ((ACROSS, axes.set_xlabel), (m.up, axes.set_ylabel)):
        p = PARAMETERS[name]
        set_label(f"{p.title} ({p.unit}), logarithmic", color=INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: number(value))
        axis.set_minor_formatter(NullFormatter())
    _edge_ticks(axes, m)
    axes.tick_params(labelsize=8, colors=INK)


def _edge_ticks(axes: "Axes", m: Map) -> None:
    """The rules' edges are named on the axes, beside the powers of ten."""
    for axis, edges in (
        (axes.xaxis, {e for r in m.regions for e in r.across.edges}),
        (axes.yaxis, {e for r in m.regions for e in r.up.edges}),
    ):
        low, high = axis.get_view_interval()
        gap = 0.045 * math.log10(high / low)
        powers = {10.0**n for n in range(-3, 8) if low <= 10.0**n <= high}
        chosen: list[float] = []
        for value in [*sorted(edges), *sorted(powers)]:
            if value > 0 and all(abs(math.log10(value / other)) > gap for other in chosen):
                chosen.append(value)
        axis.set_ticks(sorted(chosen))


def _draw_regions(axes: "Axes", m: Map, window: Window) -> tuple[list["Text"], list[tuple[Point, str]]]:
    """Every region filled and hatched by its paragraph, its edges drawn, its clause named in a corner.

    Returns:
        The names that were written, and those of regions too small to hold theirs, with the corner of each.
    """
    from matplotlib.patches import Rectangle

    names: list[Text] = []
    small = []
    styles = styles_of(m)
    for region in m.regions:
        (left, bottom), (right, top) = window.corners(region)
        if right <= left or top <= bottom:
            continue
        colour, hatch = styles[region.regime, region.paragraph]
        # Two patches, for in SVG a fill that is see-through makes its hatching so too.
        box = (left, bottom), right - left, top - bottom
        gid = f"region-{region.regime}-{region.clause}".replace(" ", "-")
        axes.add_patch(Rectangle(*box, facecolor=(*rgb(colour), 0.10), linewidth=0, gid=gid))
        axes.add_patch(Rectangle(*box, facecolor="none", hatch=hatch, edgecolor=(*rgb(colour), 0.35), linewidth=0))
        _edges(axes, region, window, colour)
        if right / left < SMALL and top / bottom < SMALL:
            small.append(((right, top), region.clause))
            continue
        corner, offset, (across, up) = _corner(m, region, window)
        frame = {"facecolor": "white", "edgecolor": colour, "pad": 1.5, "linewidth": 0.6}
        names.append(
            axes.annotate(region.clause, corner, offset, textcoords="offset points", ha=across, va=up, fontsize=8,
                          color=INK, fontweight="bold", bbox=frame)
        )  # fmt: skip
    _spread(axes, names)
    return names, small


def _corner(m: Map, region: Region, window: Window) -> tuple[Point, Point, tuple[str, str]]:
    """The corner in which the fewest other regions lie: where its name is least mistaken for another's."""
    (left, bottom), (right, top) = window.corners(region)
    corners = [(right, top), (left, top), (right, bottom), (left, bottom)]

    def others(corner: Point) -> int:
        x = corner[0] * 1.01 if corner[0] == left else corner[0] / 1.01
        y = corner[1] * 1.01 if corner[1] == bottom else corner[1] / 1.01
        return sum(r.across.holds(x) and r.up.holds(y) for r in m.regions)

    best = min(corners, key=others)
    across, up = "left" if best[0] == left else "right", "bottom" if best[1] == bottom else "top"
    return best, (4.0 if across == "left" else -4.0, 4.0 if up == "bottom" else -4.0), (across, up)


def _spread(axes: "Axes", names: Sequence["Text"]) -> None:
    """Names of regions that share a corner stand under each other."""
    taken: list[Rect] = []
    for name in names:
        rect = extent(axes, name)
        drop = 0.0
        while any(rect.meets(other) for other in taken):
            drop += 2.0
            rect = Rect(rect.left, rect.bottom - 2.0, rect.right, rect.top - 2.0)
        x, y = name.get_position()
        name.set_position((x, y - drop))
        taken.append(rect)


def styles_of(m: Map) -> dict[tuple[str, str], tuple[str, str]]:
    """A colour and a hatching for every paragraph, in the order drawn."""
    paragraphs = list(dict.fromkeys((r.regime, r.paragraph) for r in m.regions))
    return {p: (COLOURS[n % len(COLOURS)], HATCHES[n % len(HATCHES)]) for n, p in enumerate(paragraphs)}


def _edges(axes: "Axes", region: Region, window: Window, colour: str) -> None:
    """Each finite edge: solid where it is part of the region, dashed where it is not."""
    (left, bottom), (right, top) = window.corners(region)

    def line(range_: Range, ends: tuple[float, float], upright: bool) -> None:
        for value, is_open in ((range_.low, range_.low_open), (range_.high, range_.high_open)):
            if 0 < value < math.inf:
                xs, ys = ([value, value], list(ends)) if upright else (list(ends), [value, value])
                axes.plot(xs, ys, color=colour, linewidth=1.3, linestyle="--" if is_open else "-")

    line(region.across, (bottom, top), True)
    line(region.up, (left, right), False)


def _areas(axes: "Axes", m: Map, window: Window) -> None:
    """On the map of density: the lines of equal die area, density = TPP / area."""
    if m.up != "performance_density":
        return
    for area in AREAS_MM2:
        xs = (max(window.left, window.bottom * area), min(window.right, window.top * area))
        if xs[0] >= xs[1]:
            continue
        axes.plot(xs, [x / area for x in xs], color=INK, linewidth=0.5, alpha=0.45, linestyle=(0, (1, 2)))
        if xs[0] > window.right * (window.left / window.right) ** 0.15:  # no room left of the frame
            continue
        axes.annotate(f"{area} mm2", (xs[0], xs[0] / area), (3, 3), textcoords="offset points", fontsize=6.5,
                      color=INK, alpha=0.75)  # fmt: skip


def _legend_entries(m: Map, columns: int) -> list[tuple[str, str, str]]:
    """An entry a paragraph: colour, hatching, words in lines of so many characters."""
    lines = []
    for (regime, paragraph), (colour, hatch) in styles_of(m).items():
        own = [r for r in m.regions if (r.regime, r.paragraph) == (regime, paragraph)]
        words = f"{regime} {paragraph}: {WORDS[own[0].effect]['caught']}"
        words += f", unless caught by {own[0].unless_caught}" if own[0].unless_caught else ""
        words += "" if own[0].rule_status == "in_force" else f" ({own[0].rule_status.replace('_', ' ')})"
        also = [a for r in own for a in r.also]
        words += f"; the same: {', '.join(also)}" if also else ""
        lines.append((colour, hatch, textwrap.fill(words, columns, subsequent_indent="    ")))
    return lines


def _legend_lines(m: Map, columns: int) -> int:
    words = sum(text.count("\n") + 1 for _, _, text in _legend_entries(m, columns))
    return max(words, len({mark.status for mark in m.marks}) + 2)


def _legend(figure: "Figure", axes: "Axes", m: Map, columns: int) -> None:
    """Above the map: paragraphs to the left, what the marks mean to the right."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    where = axes.get_position()
    common = {"fontsize": 7.5, "frameon": False, "borderaxespad": 0.2, "handlelength": 2.2, "labelspacing": 0.35,
              "labelcolor": INK}  # fmt: skip
    patches = [
        Patch(facecolor=(*rgb(colour), 0.10), edgecolor=colour, hatch=hatch, linewidth=0.8, label=words)
        for colour, hatch, words in _legend_entries(m, columns)
    ]
    statuses = [s for s in WORDED if any(mark.status == s for mark in m.marks)]
    of = ", ".join(m.controls)
    marks = [
        Line2D([], [], marker="o", color=INK, fillstyle=FILLS[s], linestyle="", markersize=5, markeredgewidth=0.8,
               markerfacecoloralt="white", label=f"{WORDED[s]} {of}") for s in statuses
    ]  # fmt: skip
    marks.append(Line2D([], [], color=INK, linewidth=1.2, label="line or area: where it can lie"))
    marks.append(Line2D([], [], color=INK, linewidth=1.2, linestyle=":", label="an end is not known"))
    if patches:
        figure.legend(handles=patches, loc="lower left", bbox_to_anchor=(where.x0, where.y1), **common)
    figure.legend(handles=marks, loc="lower right", bbox_to_anchor=(where.x1, where.y1), **common)
