"""Small charts as SVG inside a page: text is text, colours are the page's own, values show when pointed at.

A chart is axes and series; a series is marks of one shape, joined or not, each with the words that a
pointer or a screen reader gets. Shapes and dashes differ, so that colour is never all that tells.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from greenzone.intervals import number

WIDTH, HEIGHT = 680, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 22, 46
SHAPES = 6  # shapes and colours before they repeat, filled and with thicker lines
CROWD = 40  # from so many marks on, they are small


@dataclass(frozen=True)
class Dot:
    """A value at a place, with its limits where there are any, what it is in words, and the name beside it if any."""

    x: float
    y: float
    words: str
    low: float | None = None
    high: float | None = None
    label: str = ""


@dataclass(frozen=True)
class Series:
    """Marks of one shape; `joined` by a line, with its marks or without."""

    name: str
    dots: tuple[Dot, ...]
    joined: bool = False
    marked: bool = True


@dataclass(frozen=True)
class Axis:
    """A scale with its name and unit; `labels` name the places 0, 1, 2 ... of one that is no quantity."""

    title: str
    is_log: bool = False
    labels: tuple[str, ...] = ()
    from_zero: bool = False


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    is_log: bool
    start: float
    end: float

    def at(self, value: float) -> float:
        low, high, v = (math.log10(x) if self.is_log else x for x in (self.low, self.high, value))
        return self.start + (v - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if not self.is_log:
            return _round_steps(self.low, self.high)
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = (1,) if len(decades) > 4 else (1, 2, 5)
        every = 1 if len(decades) <= 9 else 2
        return [s * 10.0**d for d in decades[::every] for s in steps if self.low <= s * 10.0**d <= self.high]


def _round_steps(low: float, high: float) -> list[float]:
    """About five round values between two.

    >>> _round_steps(0, 9)
    [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def chart(
    name: str,
    title: str,
    x: Axis,
    y: Axis,
    series: Sequence[Series],
    stamp: str = "",
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Markup:
    """A chart; nothing where there is nothing to draw.

    Args:
        name: an id that no other chart of the page has.
        title: what it shows, for those who cannot see it.
        x: the axis across.
        y: the axis up.
        series: what is drawn, in the order of the legend.
        stamp: what is written across a corner, "EMULATED".
        size: width and height in pixels.
    """
    drawn = [kept for s in series if (kept := _drawable(s, x, y)).dots]
    if not drawn:
        return Markup("")
    width, height = size
    columns = max(1, min(3, (width - LEFT) // (30 + 7 * max(len(s.name) for s in drawn))))
    legend_rows = -(-len(drawn) // columns)
    across = _scale(x, [d.x for s in drawn for d in s.dots], LEFT, width - RIGHT)
    values = [v for s in drawn for d in s.dots for v in (d.y, d.low, d.high) if v is not None]
    up = _scale(y, values, height - BOTTOM, TOP)
    parts = [*_grid(x, y, across, up, size), *(m for n, s in enumerate(drawn) for m in _series(n, s, across, up))]
    if stamp:
        parts.append(Markup('<text class="stamp" x="{}" y="{}">{}</text>').format(LEFT, TOP - 8, stamp))
    parts += [_legend(n, s, size, columns) for n, s in enumerate(drawn)]
    return Markup(
        '<svg class="chart" role="img" aria-labelledby="{0}" viewBox="0 0 {1} {2}" width="{1}" height="{2}">'
        '<title id="{0}">{3}</title>{4}</svg>'
    ).format(name, width, height + 16 * legend_rows, title, Markup("").join(parts))


def _drawable(s: Series, x: Axis, y: Axis) -> Series:
    """Without what has no place: a logarithmic axis has no zero, and none has an infinity."""
    kept = (d for d in s.dots if math.isfinite(d.x) and math.isfinite(d.y))
    return replace(s, dots=tuple(d for d in kept if (d.x > 0 or not x.is_log) and (d.y > 0 or not y.is_log)))


def _scale(axis: Axis, values: Sequence[float], start: float, end: float) -> _Scale:
    if axis.labels:
        return _Scale(-0.5, len(axis.labels) - 0.5, False, start, end)
    if axis.is_log:
        known = [v for v in values if v > 0] or [1.0]
        return _Scale(min(known) / 1.3, max(known) * 1.3, True, start, end)
    low, high = (0.0 if axis.from_zero else min(values)), max(values)
    room = (high - low or abs(high) or 1.0) * 0.06
    return _Scale(low if axis.from_zero else low - room, high + room, False, start, end)


def _grid(x: Axis, y: Axis, across: _Scale, up: _Scale, size: tuple[int, int]) -> list[Markup]:
    bottom, parts = size[1] - BOTTOM, []
    for value, label in _ticks(x, across):
        at = round(across.at(value), 1)
        parts.append(
            Markup('<path class="grid" d="M{0} {1}V{2}"/><text class="tick mid" x="{0}" y="{3}">{4}</text>').format(
                at, TOP, bottom, bottom + 15, label
            )
        )
    for value, label in _ticks(y, up):
        at = round(up.at(value), 1)
        parts.append(
            Markup('<path class="grid" d="M{} {}H{}"/><text class="tick end" x="{}" y="{}">{}</text>').format(
                LEFT, at, size[0] - RIGHT, LEFT - 6, at + 4, label
            )
        )
    middle = round((TOP + bottom) / 2)
    parts.append(
        Markup('<text class="axis mid" x="{}" y="{}">{}</text>').format((LEFT + size[0]) // 2, bottom + 34, x.title)
    )
    parts.append(
        Markup('<text class="axis mid" transform="translate(13 {}) rotate(-90)">{}</text>').format(middle, y.title)
    )
    return parts


def _ticks(axis: Axis, scale: _Scale) -> list[tuple[float, str]]:
    if axis.labels:
        return [(float(n), label) for n, label in enumerate(axis.labels)]
    return [(value, number(value)) for value in scale.ticks()]


def _series(n: int, s: Series, across: _Scale, up: _Scale) -> list[Markup]:
    shown = [(round(across.at(d.x), 1), round(up.at(d.y), 1), d) for d in s.dots]
    parts = []
    if s.joined and shown:
        path = "M" + "L".join(f"{px} {py}" for px, py, _ in shown)
        words = Markup("<title>{}</title>").format(s.name if s.marked else shown[0][2].words)
        parts.append(Markup('<path class="line {}" d="{}">{}</path>').format(_class(n), path, words))
    for px, py, dot in shown if s.marked else ():
        limits = Markup("")
        if dot.low is not None and dot.high is not None and (dot.low > 0 or not up.is_log):
            limits = Markup('<path class="limit" d="M{0} {1}V{2}"/>').format(
                px, round(up.at(dot.low), 1), round(up.at(dot.high), 1)
            )
        parts.append(
            Markup('<g class="mark {}">{}{}<title>{}</title></g>').format(
                _class(n), limits, _shape(n, px, py, 2.2 if len(shown) > CROWD else 3.6), dot.words
            )
        )
        parts += [_name(dot.label, px, py, across)] if dot.label else []
    return parts


def _name(label: str, x: float, y: float, across: _Scale) -> Markup:
    """The name of a mark, on the side of it where there is room."""
    is_right = x > (across.start + across.end) / 2
    return Markup('<text class="tick{}" x="{}" y="{}">{}</text>').format(
        " end" if is_right else "", round(x + (-8 if is_right else 8), 1), round(y + 4, 1), label
    )


def _class(n: int) -> str:
    """The colour and dash of a series, and whether it is of the second round."""
    return f"s{n % SHAPES}{' solid' if n // SHAPES % 2 else ''}"


def _shape(n: int, x: float, y: float, r: float = 3.6) -> Markup:
    """A circle, a square, a triangle, a diamond, a cross, a bar."""
    d = 1.4 * r
    paths = (
        f"M{x - r} {y}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 -{2 * r} 0",
        f"M{x - r:.1f} {y - r:.1f}h{2 * r}v{2 * r}h-{2 * r}z",
        f"M{x:.1f} {y - 1.3 * r:.1f}l{1.2 * r:.1f} {2.2 * r:.1f}h-{2.4 * r:.1f}z",
        f"M{x:.1f} {y - d:.1f}l{d:.1f} {d:.1f}l-{d:.1f} {d:.1f}l-{d:.1f} -{d:.1f}z",
        f"M{x - r:.1f} {y - r:.1f}l{2 * r} {2 * r}M{x - r:.1f} {y + r:.1f}l{2 * r} -{2 * r}",
        f"M{x - 2 * r:.1f} {y:.1f}h{4 * r}",
    )
    return Markup('<path d="{}"/>').format(paths[n % SHAPES])


def _legend(n: int, s: Series, size: tuple[int, int], columns: int) -> Markup:
    column = (size[0] - LEFT) // columns
    x, y = LEFT + column * (n % columns), size[1] + 4 + 16 * (n // columns)
    sample = _shape(n, x + 8, y - 4) if s.marked else Markup('<path d="M{} {}h16"/>').format(x, y - 4)
    kind = "mark" if s.marked else "line"
    return Markup('<g class="{} {}">{}</g><text class="tick" x="{}" y="{}">{}</text>').format(
        kind, _class(n), sample, x + 22, y, s.name
    )
