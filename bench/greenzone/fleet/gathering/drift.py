"""The same device at several dates: how its figures move, and what else is not what it was.

A change counts where it is more than both measurements are unsure by together, and more than two per cent. Of three
dates or more the slope is that of Theil and Sen (P. K. Sen, "Estimates of the regression coefficient based on
Kendall's tau", JASA 63, 1968): the median of the slopes between all pairs, which one bad day does not move.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from greenzone.fleet.gathering.figures import DeviceSummary
from greenzone.fleet.gathering.lots import Column, Standing

MATERIAL = 0.02  # of the first value: runs of one sound device differ by less
MONTH_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Drift:
    """One figure of one device that moved between its first and its last run.

    Attributes:
        change: last / first - 1.
        unsure: the expanded uncertainty of that, of a ratio: the relative ones' root of the sum of squares.
        per_month: the Theil-Sen slope for 30 days as a fraction of the first value; None with two runs.
        points: seconds since 1970 and the figure, of each run.
        beside: what else changed between the first and the last run.
    """

    label: str
    title: str
    unit: str
    runs: int
    first_at: str
    last_at: str
    first: float
    last: float
    change: float
    unsure: float
    per_month: float | None
    points: tuple[tuple[float, float], ...]
    beside: tuple[str, ...]


def drifts_of(standing: Standing) -> Iterator[Drift]:
    """Every figure that moved, of every device with several runs, the largest change first."""
    if standing.histories:
        wanted = {row for rows in standing.histories.values() for row in rows}
        found = [
            drift
            for title, column in sorted(standing.lot.columns.items())
            for drift in _moved(standing, title, column, _values(column, wanted))
        ]
        yield from sorted(found, key=lambda d: (-abs(d.change), d.label, d.title))


def _values(column: Column, wanted: set[int]) -> dict[int, tuple[float, float]]:
    """Median and U of the rows that have a history."""
    pairs = zip(column.rows, column.figures[::3], column.figures[1::3], strict=True)
    return {row: (median, half) for row, median, half in pairs if row in wanted}


def _moved(
    standing: Standing, title: str, column: Column, values: Mapping[int, tuple[float, float]]
) -> Iterator[Drift]:
    rows = standing.lot.rows
    for places in standing.histories.values():
        own = [p for p in places if p in values]
        if len(own) < 2 or not values[own[0]][0] or not values[own[-1]][0]:
            continue
        (first, first_u), (last, last_u) = values[own[0]], values[own[-1]]
        change, unsure = last / first - 1, last / first * math.hypot(first_u / first, last_u / last)
        slope = _slope([(rows[p].started_s, values[p][0]) for p in own])
        if abs(change) <= max(unsure, MATERIAL):
            continue
        a, b = rows[own[0]], rows[own[-1]]
        yield Drift(
            b.label, title, column.unit, len(own), a.started_at, b.started_at, first, last, change, unsure,
            None if slope is None else slope * MONTH_S / first,
            tuple((rows[p].started_s, values[p][0]) for p in own), tuple(_beside(a, b)),
        )  # fmt: skip


def _slope(points: list[tuple[float, float]]) -> float | None:
    """In the unit of the figure a second; None of fewer than three times."""
    times: list[Any] = [t for t, _ in points]
    if len(set(times)) < 3:
        return None
    from scipy.stats import theilslopes

    return float(theilslopes([y for _, y in points], times).slope)


def _beside(first: DeviceSummary, last: DeviceSummary) -> Iterator[str]:
    """What else is not what it was."""
    facts = [{**r.beside, "node": r.node, "place": r.place, "fault": r.fault or ""} for r in (first, last)]
    for name in dict.fromkeys(n for f in facts for n in f):
        before, after = (f.get(name, "") or "none" for f in facts)
        if before != after:
            yield f"{name}: {before} before, {after} after"
