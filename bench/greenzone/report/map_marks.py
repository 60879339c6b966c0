"""The marks of a map and their labels: a point, a line or an area for each part, its name beside it.

Texts are measured and placed in points, so that the same map has the same labels in every form.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenzone.report.labels import Placed, Rect, end_of_leader, place
from greenzone.report.map import Mark, Point, Region

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

INK = "#222222"
# How a part is drawn by its status: filled, half filled, hollow.
FILLS: dict[str, Any] = {"caught": "full", "undecided": "left", "not_caught": "none", "not_applicable": "none"}


@dataclass(frozen=True)
class Window:
    """The part of the plane that is shown."""

    left: float
    right: float
    bottom: float
    top: float

    def clipped(self, point: Point) -> Point:
        """The nearest point of the window: where an end that is not known is drawn."""
        return min(max(point[0], self.left), self.right), min(max(point[1], self.bottom), self.top)

    def corners(self, region: Region) -> tuple[Point, Point]:
        """The lower left and upper right corner of a region as shown."""
        low = self.clipped((region.across.low, region.up.low))
        return low, self.clipped((region.across.high, region.up.high))


def rgb(colour: str) -> tuple[float, float, float]:
    """A colour as parts of one."""
    return tuple(int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))  # type: ignore[return-value]


def extent(axes: "Axes", text: "Text") -> Rect:
    """Where a text stands, in points."""
    figure = axes.figure
    box = text.get_window_extent(_renderer(axes))
    scale = 72 / figure.dpi
    return Rect(box.x0 * scale - 2, box.y0 * scale - 2, box.x1 * scale + 2, box.y1 * scale + 2)


def _renderer(axes: "Axes") -> Any:
    canvas: Any = axes.figure.canvas
    return canvas.get_renderer()


def draw_marks(
    axes: "Axes", marks: Sequence[Mark], window: Window, size: float, names: Sequence["Text"],
    small: Sequence[tuple[Point, str]],
) -> None:  # fmt: skip
    """The parts, those of one outline together, and the labels of all that has none yet."""
    together: dict[tuple[Point, ...], list[Mark]] = {}
    for mark in marks:
        together.setdefault(mark.outline, []).append(mark)
    for corners, same in together.items():
        _draw_mark(axes, corners, same, window)
    anchors = [*(_anchor(corners, window) for corners in together), *(corner for corner, _ in small)]
    texts = ["\n".join(mark.name for mark in same) for same in together.values()] + [clause for _, clause in small]
    _draw_labels(axes, anchors, texts, size, [extent(axes, name) for name in names])


def _draw_mark(axes: "Axes", corners: tuple[Point, ...], same: Sequence[Mark], window: Window) -> None:
    from matplotlib.patches import Polygon

    shown = [window.clipped(c) for c in corners]
    gid = "-".join(["mark", *(mark.name for mark in same)]).replace(" ", "-")
    fill = FILLS[same[0].status]
    if len(corners) == 1:
        axes.plot(*shown[0], marker="o", markersize=5, color=INK, fillstyle=fill, markeredgewidth=0.8,
                  markerfacecoloralt="white", gid=gid, zorder=4)  # fmt: skip
    elif len(corners) == 2:
        open_ended = [p != q for p, q in zip(corners, shown, strict=True)]
        axes.plot(*zip(*shown, strict=True), color=INK, linewidth=1.2, linestyle=":" if any(open_ended) else "-",
                  gid=gid, marker="o", markersize=3.5, fillstyle=fill, markerfacecoloralt="white", markeredgewidth=0.6,
                  markevery=[n for n, is_open in enumerate(open_ended) if not is_open] or [0], zorder=4)  # fmt: skip
    else:
        whole = tuple(shown) == corners
        face, edge = (*rgb(INK), 0.16 if whole else 0.03), (*rgb(INK), 1.0 if whole else 0.5)
        style = "-" if whole else ":"
        axes.add_patch(
            Polygon(shown, facecolor=face, edgecolor=edge, linewidth=0.7, linestyle=style, gid=gid, zorder=3)
        )


LOW_DOWN = 0.22  # of the height: few parts are known to lie there, so there is room


def _anchor(corners: tuple[Point, ...], window: Window) -> Point:
    """Where a mark's label belongs: the middle of its known corners, as the eye sees it on logarithmic scales.

    Of a part whose value up may be anything, every height is as good.
    """
    shown = [window.clipped(c) for c in corners]
    known = [s for s, c in zip(shown, corners, strict=True) if s == c] or shown
    x, y = (math.exp(sum(math.log(p[n]) for p in known) / len(known)) for n in (0, 1))
    heights = {p[1] for p in shown}
    return (
        (x, window.bottom * (window.top / window.bottom) ** LOW_DOWN)
        if {window.bottom, window.top} <= heights
        else (x, y)
    )


def _draw_labels(
    axes: "Axes", anchors: Sequence[Point], texts: Sequence[str], size: float, names: Sequence[Rect]
) -> None:
    scale = 72 / axes.figure.dpi
    points = [tuple(scale * v for v in axes.transData.transform(a)) for a in anchors]
    frame = axes.get_window_extent(_renderer(axes))
    inner = Rect(*(scale * v for v in (frame.x0, frame.y0, frame.x1, frame.y1)))
    sizes = [_size(axes, text, size) for text in texts]
    dots = [Rect(x - 3, y - 3, x + 3, y + 3) for x, y in points]  # what is longer than a point may be written over
    order = sorted(range(len(points)), key=lambda n: (points[n], texts[n]))
    found = place([points[n] for n in order], [sizes[n] for n in order], inner, [*names, *dots])
    for n, placed in zip(order, found, strict=True):
        _draw_label(axes, points[n], texts[n], placed, size)


def _size(axes: "Axes", text: str, size: float) -> tuple[float, float]:
    probe = axes.text(0, 0, text, fontsize=size, linespacing=1.0)
    box = probe.get_window_extent(_renderer(axes))
    probe.remove()
    scale = 72 / axes.figure.dpi
    return box.width * scale + 2, box.height * scale + 1


def _draw_label(axes: "Axes", anchor: Point, text: str, placed: Placed, size: float) -> None:
    inches = axes.figure.dpi_scale_trans
    rect = placed.rect
    axes.text((rect.left + 1) / 72, (rect.bottom + 0.5) / 72, text, fontsize=size, color=INK, transform=inches,
              linespacing=1.0, va="bottom", zorder=5,
              bbox={"facecolor": (1, 1, 1, 0.6), "edgecolor": "none", "pad": 0.2})  # fmt: skip
    if placed.has_leader:
        end = end_of_leader(anchor, rect)
        xs, ys = ([from_ / 72, to / 72] for from_, to in zip(anchor, end, strict=True))
        axes.plot(xs, ys, color=INK, linewidth=0.35, alpha=0.7, transform=inches, zorder=2)
