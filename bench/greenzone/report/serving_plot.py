"""Prefill and decode of several devices: bars of tokens a second, and the curve of throughput against latency."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from greenzone.errors import UsageError
from greenzone.records.record import Record, Row
from greenzone.report.beside import label_of, name_of
from greenzone.report.plots import STYLE, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours in an order that also differs in lightness; markers tell them apart in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = "osD^vPX"
_MODEL_INCHES, _WIDTH_INCHES = 2.6, 9.0


def serving_plot(records: Sequence[Record], path: Path) -> None:
    """Draw a row a model: prefill as bars, decode as throughput of all against tokens a second of a user.

    Raises:
        UsageError: no record has an inference figure; a form that cannot be drawn.
        FileError: the file cannot be written.
    """
    models = list(dict.fromkeys((r.model, r.format) for record in records for r in _rows(record)))
    if not models:
        raise UsageError("no record has an inference figure to draw; run with --workload inference")
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        size = (_WIDTH_INCHES, 0.6 + _MODEL_INCHES * len(models))
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(models), 2, squeeze=False)
        for (model, form), (left, right) in zip(models, panels, strict=True):
            _prefill(left, records, model, form)
            _decode(right, records, model, form)
        handles, labels = panels[0][1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
        save(figure, path)


def _rows(record: Record) -> list[Row]:
    found = [r for r in record.benchmarks if r.name.startswith("inference.") and r.tokens_per_s]
    return [r for r in found if r.validity != "invalid" and r.worked_out]


def _of(record: Record, model: str | None, form: str | None, phase: str) -> list[Row]:
    return [r for r in _rows(record) if (r.model, r.format, r.name) == (model, form, f"inference.{phase}")]


def _label(record: Record, row: Row | None = None) -> str:
    several = f" x {row.devices}" if row and (row.devices or 1) > 1 else ""
    kind = f" ({label_of(record)})" if label_of(record) else ""
    return f"{name_of(record)}{several}{kind}"


def _prefill(axis: "Axes", records: Sequence[Record], model: str | None, form: str | None) -> None:
    found = [(record, rows[0]) for record in records if (rows := _of(record, model, form, "prefill"))]
    figures = [row.tokens_per_s.median for _, row in found if row.tokens_per_s]
    axis.barh(range(len(found)), figures, color=[_COLOURS[n % len(_COLOURS)] for n in range(len(found))])
    axis.set_yticks(range(len(found)), [_label(record, row) for record, row in found])
    axis.invert_yaxis()
    axis.set_title(f"{model} {form}: prefill")
    axis.set_xlabel("tokens/s")


def _decode(axis: "Axes", records: Sequence[Record], model: str | None, form: str | None) -> None:
    for n, record in enumerate(records):
        rows = [r for r in _of(record, model, form, "decode") if r.tokens_per_s and r.batch]
        if not rows:
            continue
        users = [r.tokens_per_s.median / r.batch for r in rows if r.tokens_per_s and r.batch]
        everyone = [r.tokens_per_s.median for r in rows if r.tokens_per_s]
        colour, marker = _COLOURS[n % len(_COLOURS)], _MARKERS[n % len(_MARKERS)]
        axis.plot(users, everyone, color=colour, marker=marker, markersize=4, linewidth=1, label=_label(record))
    axis.set_yscale("log")
    axis.set_title(f"{model} {form}: decode, a point a batch")
    axis.set_xlabel("tokens/s of a user")
    axis.set_ylabel("tokens/s of all")
