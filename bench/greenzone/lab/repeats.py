"""Rows of several runs of one suite, made into one row each: the run in the middle, and how runs differ.

What one process measures depends on where its memory lies and when it ran; that spread is seen between
processes alone. It enters U as one more standard uncertainty.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from greenzone.records.record import METRICS, EstimateRow, Row, key

KEPT = 100  # samples of each process that a row keeps beside those of the middle one


def combined(runs: Sequence[Sequence[Row]]) -> Iterator[Row]:
    """One row for each benchmark of the first run, with what the others measured of it.

    A benchmark that one run found invalid is invalid; one that a run could not settle is unstable; one
    that no run measured stands as the first run has it.
    """
    by_run = [{key(row): row for row in run} for run in runs]
    for benchmark in dict.fromkeys(name for rows in by_run for name in rows):
        yield _combined([rows.get(benchmark) for rows in by_run])


def _combined(rows: Sequence[Row | None]) -> Row:
    present = [(n, row) for n, row in enumerate(rows, 1) if row is not None]
    measured = [(n, row, value) for n, row in present if (value := _value(row)) is not None]
    spoiled = [row for _, row in present if row.validity == "invalid"]
    if spoiled or not measured:
        return (spoiled or [row for _, row in present])[0]
    medians = [value.median for _, _, value in measured]
    middle = next(row for _, row, value in measured if value.median == statistics.median_low(medians))
    unstable = any(row.validity == "unstable" for _, row, _ in measured)
    changes: dict[str, Any] = {
        "repeats": [_process(n, row, value) for n, row, value in measured],
        "validity": "unstable" if unstable else middle.validity,
    }
    if len(measured) < len(rows):
        changes["notes"] = [*middle.notes, f"measured in {len(measured)} of {len(rows)} runs"]
    return widened(middle, medians).model_copy(update=changes)


def widened(row: Row, medians: Sequence[float]) -> Row:
    """A row of one process with the spread between the medians of several in its U."""
    between = _between(medians)
    estimate = _value(row)
    if estimate is None:
        return row
    changes = {metric(row): _widened(estimate, between), "uncertainty": _with_between(row.uncertainty, between)}
    return row.model_copy(update=changes)


def _process(n: int, row: Row, value: EstimateRow) -> dict[str, Any]:
    """What a reader needs to work out the median of one process again."""
    plain = {"process": n, "median": value.median, "operations": row.operations, "bytes": row.bytes}
    rest = {"rest_seconds": row.rest_seconds} if row.rest_seconds is not None else {}
    return {**plain, **rest, "samples": around_median(row.samples)}


def around_median(samples: Sequence[float], kept: int = KEPT) -> list[float]:
    """Some of the samples, in their order, whose median is that of all: as many of each half, mirrored by rank.

    >>> around_median([5.0, 1.0, 4.0, 2.0, 3.0], kept=2)
    [4.0, 2.0, 3.0]
    """
    count, half, each = len(samples), len(samples) // 2, kept // 2
    if half <= each:
        return list(samples)
    ranked = sorted(range(count), key=samples.__getitem__)
    below = [(place + 1) * half // each - 1 for place in range(each)]
    ranks = {*below, *(count - 1 - rank for rank in below), *([half] if count % 2 else [])}
    return [samples[place] for place in sorted(ranked[rank] for rank in ranks)]


def _between(medians: Sequence[float]) -> float:
    """The relative standard uncertainty of the mean of several runs, by how they differ (GUM 4.2.3)."""
    if len(medians) < 2:
        return 0.0
    return statistics.stdev(medians) / statistics.mean(medians) / math.sqrt(len(medians))


def metric(row: Row) -> str:
    """The name of the figure a row is about."""
    return next(name for name in METRICS if getattr(row, name) is not None)


def _value(row: Row) -> EstimateRow | None:
    found = next((getattr(row, name) for name in METRICS if getattr(row, name) is not None), None)
    return found if row.measured else None


def _widened(e: EstimateRow, between: float) -> EstimateRow:
    half = math.hypot((e.high - e.median) / e.median, 2 * between) * e.median
    return EstimateRow(median=e.median, low=e.median - half, high=e.median + half)


def _with_between(budget: dict[str, float] | None, between: float) -> dict[str, float] | None:
    if budget is None:
        return None
    whole = math.hypot(budget["combined"], between)
    return {**budget, "between_runs": between, "combined": whole, "expanded": budget["k"] * whole}
