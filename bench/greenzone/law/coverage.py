"""Exact coverage: whether a rule's boxes cover all of a part's box, none of it, or some of it.

The part's box is not a plain product: density is TPP / area and the memory-and-I/O sum is a sum, so
only some combinations can occur. Every edge of the rule cuts the box into cells in which nothing
changes; `points` gives at least one point of every cell that can occur, so that asking the rule at
these points answers for the whole box. The cuts are found by following each edge across the tie:
TPP = density x area and DRAM = sum - I/O.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from greenzone.errors import UsageError
from greenzone.intervals import INF, Interval

Point = dict[str, float]
MOST_CELLS = 200_000  # what can be tried in a second or two; a rule of the books needs some hundreds
Edges = Mapping[str, Iterable[float]]


@dataclass(frozen=True)
class Tie:
    """A parameter fixed by two others: z = of(x, y), with the inverses x = x_of(y, z), y = y_of(x, z)."""

    x: str
    y: str
    z: str
    of: Callable[[float, float], float]
    x_of: Callable[[float, float], float]
    y_of: Callable[[float, float], float]


def _quotient(a: float, b: float) -> float:
    return INF if b == 0 else 0.0 if b == INF else a / b


TIES = (
    Tie(
        "tpp", "applicable_die_area_mm2", "performance_density",
        of=_quotient, x_of=lambda area, density: area * density if area < INF else INF, y_of=_quotient,
    ),
    Tie(
        "dram_bandwidth_gb_s", "io_bandwidth_gb_s", "dram_io_bandwidth_gb_s",
        of=lambda dram, io: dram + io, x_of=lambda io, total: total - io, y_of=lambda dram, total: total - dram,
    ),
)  # fmt: skip


def cells(interval: Interval, edges: Iterable[float]) -> list[float]:
    """A point of every cell that the edges cut an interval into: each end, each edge, each gap between.

    >>> cells(Interval(2, 8), [5, 9])
    [2, 3.5, 5, 6.5, 8]
    """
    ends = {interval.low} | ({interval.high} if interval.is_bounded else set())
    marks = sorted(ends | {e for e in edges if interval.low < e < interval.high})
    found = []
    for here, after in zip(marks, [*marks[1:], None], strict=True):
        if interval.contains(here):
            found.append(here)
        if after is not None:
            found.append(here + (after - here) / 2)
    return found if interval.is_bounded else [*found, marks[-1] * 2 + 1]


def critical(name: str, box: Mapping[str, Interval], edges: Edges, free: Iterable[str] = ()) -> list[float]:
    """The values of a parameter at which anything can change, its tie to others included."""
    found = list(edges.get(name, ()))
    for tie in TIES:
        if name not in (tie.x, tie.y) or tie.z in free:
            continue
        other = tie.y if name == tie.x else tie.x
        solve = tie.x_of if name == tie.x else tie.y_of
        span = box.get(other, Interval.UNKNOWN)
        ends = [span.low, span.high, *edges.get(other, ())]
        found += [solve(end, e) for end in ends if end < INF for e in edges.get(tie.z, ())]
    return [value for value in found if 0 <= value < INF]


def points(box: Mapping[str, Interval], edges: Edges, free: Iterable[str] = ()) -> Iterator[Point]:
    """At least one point of every cell of the box that can occur.

    Args:
        box: the interval of every primary parameter, and of derived ones that stand for themselves.
        edges: the edges of the rule by parameter; parameters without an edge are left out.
        free: derived parameters that are not tied to their parents (set by hand, or undefined).
    """
    free = set(free)
    groups: list[list[Point]] = []
    tied: set[str] = set()
    for tie in TIES:
        if tie.z in edges and tie.z not in free:
            groups.append(list(_tied_points(tie, box, edges, free)))
            tied |= {tie.x, tie.y, tie.z}
    for name in edges:
        if name not in tied:
            own = cells(box.get(name, Interval.UNKNOWN), edges[name])
            groups.append([{name: value} for value in own])
    if math.prod(len(group) for group in groups) > MOST_CELLS:
        raise UsageError(f"the facts that are open leave more than {MOST_CELLS} combinations to try; give more of them")
    for combination in itertools.product(*groups):
        yield {name: value for part in combination for name, value in part.items()}


def _tied_points(tie: Tie, box: Mapping[str, Interval], edges: Edges, free: Iterable[str]) -> Iterator[Point]:
    xs, ys = box.get(tie.x, Interval.UNKNOWN), box.get(tie.y, Interval.UNKNOWN)
    for x in cells(xs, critical(tie.x, box, edges, free)):
        y_cuts = [*edges.get(tie.y, ()), *(tie.y_of(x, e) for e in edges.get(tie.z, ()))]
        for y in cells(ys, [y for y in y_cuts if 0 <= y < INF]):
            yield {tie.x: x, tie.y: y, tie.z: _snapped(tie.of(x, y), edges.get(tie.z, ()))}


def _snapped(value: float, edges: Iterable[float]) -> float:
    """The edge itself where a quotient or sum lies within a few units in the last place of it.

    1600.32 / 500.1 is 3.2 in decimals and falls just short of it in binary: a derived value is known to
    rounding alone, and at a legal edge it counts as what its decimals say.
    """
    return next((e for e in edges if abs(value - e) <= 1e-15 * e), value)
