"""Plots, the same bytes for the same data: no dates, fixed ids, text as text."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from greenzone.errors import GreenzoneError, UsageError
from greenzone.parts.metrics import METRICS
from greenzone.records.store import writing
from greenzone.report.parts import span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".svg", ".pdf", ".png")
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "greenzone", "svg.fonttype": "none", "font.size": 8, "axes.grid": True, "grid.alpha": 0.3,
}  # fmt: skip
# Okabe and Ito's colours, told apart by the colour-blind.
INK, BAND, OPEN = "#0072B2", "#56B4E9", "#D55E00"
ROW_INCHES, PANEL_INCHES, LABEL_INCHES = 0.16, 2.1, 2.3


def tiers_plot(rows: Sequence[dict[str, Any]], metrics: Sequence[str], path: Path) -> None:
    """Draw tiers: a line a part in the order of the rows, a panel a metric, logarithmic.

    A point is a value, a bar the interval where sources disagree or a fact is open, an arrow one without
    an upper end; a logarithmic axis has no zero, and nothing is drawn where nothing is known.

    Raises:
        UsageError: a form that cannot be drawn, or no part.
        FileError: the file cannot be written.
    """
    if not rows:
        raise UsageError("there is no part to draw")
    with styled():
        figure = _figure(rows, metrics)
        save(figure, path)


def styled(more: Mapping[Any, Any] = MappingProxyType({})) -> AbstractContextManager[None]:
    """The settings under which figures are made and saved, with more of one's own.

    Raises:
        GreenzoneError: matplotlib cannot be loaded.
    """
    try:
        import matplotlib

        return matplotlib.rc_context({**STYLE, **more})
    except (ImportError, ValueError) as error:  # it is not there, or MPLBACKEND names a backend that is none
        why = str(error).partition(";")[0]
        raise GreenzoneError(f"matplotlib cannot be loaded ({why}); unset MPLBACKEND, or install it again") from None


def _figure(rows: Sequence[dict[str, Any]], metrics: Sequence[str]) -> "Figure":
    from matplotlib.figure import Figure

    width = LABEL_INCHES + PANEL_INCHES * len(metrics)
    figure = Figure(figsize=(width, 1.0 + ROW_INCHES * len(rows)), layout="constrained")
    axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, metrics, strict=True):
        _panel(axis, rows, name)
    axes[0].set_yticks(range(len(rows)), [row["id"] for row in rows])
    axes[0].set_ylim(len(rows) - 0.5, -0.5)
    legend = "dot: the least that is known; bar: sources disagree or a fact is open; arrow: no upper end is known"
    figure.supxlabel(legend, fontsize=8)
    return figure


def _panel(axis: "Axes", rows: Sequence[dict[str, Any]], name: str) -> None:
    metric = METRICS[name]
    axis.set_title(f"{metric.title}\n({metric.unit})" if metric.unit else f"{metric.title}\n", fontsize=8)
    ends = [v for r in rows for v in (r[f"{name}_low"], r[f"{name}_high"]) if v]
    if not ends:
        axis.text(0.5, 0.5, "nothing known", transform=axis.transAxes, ha="center")
        return
    axis.set_xscale("log")
    floor, top = min(ends) / 1.3, max(ends) * 1.5
    axis.set_xlim(floor, top)
    for y, row in enumerate(rows):
        _mark(axis, y, row[f"{name}_low"], row[f"{name}_high"], floor, top)


def _mark(axis: "Axes", y: int, low: float | None, high: float | None, floor: float, top: float) -> None:
    if low is None or high == 0:
        return
    start = max(low, floor)
    if high is None:
        axis.annotate("", (top, y), (start, y), arrowprops={"arrowstyle": "->", "color": OPEN})
    elif high > low:
        axis.plot([start, high], [y, y], color=BAND, linewidth=4, solid_capstyle="butt")
    if low > 0:
        axis.plot([low], [y], marker="o", markersize=3, color=INK, gid=f"low {span(low, high)}")


def require_form(path: Path) -> None:
    """Refuse a name that tells no form, before what is to be drawn is worked out.

    Raises:
        UsageError: a form that is not drawn.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: a plot is written as {', '.join(FORMATS)}; end its name with one of them")


def save(figure: "Figure", path: Path) -> None:
    """Write a figure whole or not at all, in the form its name ends with.

    Raises:
        UsageError: a form that is not drawn.
        FileError: the file cannot be written.
    """
    require_form(path)
    # A date in the file would make two runs differ.
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})
    with writing(path) as stream:
        figure.savefig(stream, format=path.suffix.lower().removeprefix("."), metadata=metadata)
