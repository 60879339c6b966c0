"""Exact coverage over arrays: the question of `coverage` and `status`, asked of many parts at once.

Every edge of a rule cuts each row's box into cells, and a point of every cell is tried, row by row in one
operation. Rows whose values are all points take one point each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from greenzone.law.coverage import TIES, Tie
from greenzone.law.regimes import Box, Version
from greenzone.parameters import PARAMETERS

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]
CHUNK = 1 << 16  # rows at once: what a processor's cache holds of a few columns
WORDS = ("not_caught", "caught", "undecided", "not_applicable")
TRUTHS = ("false", "true", "unknown")


@dataclass(frozen=True)
class Table:
    """The columns of a frame as intervals and flags; a flag is 1, 0 or NaN for unknown."""

    low: Mapping[str, Array]
    high: Mapping[str, Array]
    facts: Mapping[str, Array]
    free: frozenset[str]
    size: int

    def rows(self, chosen: Any) -> "Table":
        """Some of the rows."""
        low = {k: v[chosen] for k, v in self.low.items()}
        high = {k: v[chosen] for k, v in self.high.items()}
        facts = {k: v[chosen] for k, v in self.facts.items()}
        size = len(next(iter(facts.values())))
        return Table(low, high, facts, self.free, size)

    def interval(self, name: str) -> tuple[Array, Array]:
        """Both ends of a parameter; [0, inf) where there is no column."""
        if name in self.low:
            return self.low[name], self.high[name]
        return np.zeros(self.size), np.full(self.size, np.inf)

    def fact(self, name: str) -> Array:
        """A flag; unknown where there is no column."""
        return self.facts.get(name, np.full(self.size, np.nan))


@dataclass(frozen=True)
class Answer:
    """Codes by row, those of `WORDS` for the status and of `TRUTHS` for each clause."""

    status: Codes
    clauses: Mapping[str, Codes]


def evaluated(version: Version, table: Table, references: Mapping[str, Codes]) -> Answer:
    """The status and every clause's truth, by row, given the statuses of the regimes referred to.

    Where the text allows several readings, undecided in the rows in which they differ.
    """
    found = [_under(v, table, references) for v in version.under_each_reading()]
    status = found[0].status
    for other in found[1:]:
        status = np.where(status == other.status, status, np.int8(2))
    return Answer(status, {name: codes for answer in found for name, codes in answer.clauses.items()})


def _under(version: Version, table: Table, references: Mapping[str, Codes]) -> Answer:
    status = np.empty(table.size, np.int8)
    clauses = {c.id: np.empty(table.size, np.int8) for c in version.clauses}
    for start in range(0, table.size, CHUNK):
        part = slice(start, min(start + CHUNK, table.size))
        own = table.rows(part)
        refs = {k: np.where(v[part] == 3, np.int8(0), v[part]) for k, v in references.items()}
        points = _all_points(version, own)
        for chosen, exact in ((points, True), (~points, False)):
            if chosen.all():  # spare the copy
                rows, their, place = own, refs, np.arange(part.start, part.stop)
            elif chosen.any():
                rows, their = own.rows(chosen), {k: v[chosen] for k, v in refs.items()}
                place = np.arange(part.start, part.stop)[chosen]
            else:
                continue
            seen = _Seen(version, rows.size)
            _ask_worlds(version, rows, their, seen, exact=exact)
            status[place] = seen.code(seen.caught)
            for name, pair in seen.clauses.items():
                clauses[name][place] = seen.code(pair)
    return Answer(status, clauses)


def _all_points(version: Version, table: Table) -> Flags:
    """The rows in which every parameter the version asks for is a point."""
    exact = np.ones(table.size, bool)
    for name in version.edges:
        parents = PARAMETERS[name].derived_from if name not in table.free else ()
        for primary in parents or (name,):
            low, high = table.interval(primary)
            exact &= low == high
        if name == "performance_density" and name not in table.free:
            exact &= table.interval("applicable_die_area_mm2")[1] > 0
    return exact


class _Seen:
    """Which of true and false has been seen, by row, of the whole and of each clause."""

    def __init__(self, version: Version, size: int) -> None:
        self.caught = (np.zeros(size, bool), np.zeros(size, bool))
        self.clauses = {c.id: (np.zeros(size, bool), np.zeros(size, bool)) for c in version.clauses}

    @staticmethod
    def add(pair: tuple[Flags, Flags], valid: Flags, holds: Flags) -> None:
        pair[0][valid & ~holds] = True
        pair[1][valid & holds] = True

    @staticmethod
    def code(pair: tuple[Flags, Flags]) -> Codes:
        false, true = pair
        return np.where(false & true, 2, np.where(true, 1, 0)).astype(np.int8)


def _ask_worlds(
    version: Version, table: Table, references: Mapping[str, Codes], seen: _Seen, *, exact: bool
) -> None:
    boxes = [(c, Box.read(c.when)) for c in version.clauses]
    taken = [Box.read(e.when) for e in version.exclusions]
    for world in _worlds(version, table, references, exact=exact):
        out = np.zeros(table.size, bool)
        for box in taken:
            out |= world.inside(box)
        any_holds = np.zeros(table.size, bool)
        for clause, box in boxes:
            holds = world.inside(box)
            if clause.caught:
                holds = holds & world.references[clause.caught]
            if clause.unless_caught:
                holds = holds & ~world.references[clause.unless_caught]
            seen.add(seen.clauses[clause.id], world.valid, holds)
            any_holds |= holds
        seen.add(seen.caught, world.valid, any_holds & ~out)


@dataclass(frozen=True)
class _World:
    """One point of every row's box, where it is valid, with facts and references settled."""

    point: Mapping[str, Array]
    facts: Mapping[str, Flags]
    references: Mapping[str, Flags]
    valid: Flags

    def inside(self, box: Box) -> Flags:
        holds = np.ones(len(self.valid), bool)
        for name, r in box.ranges.items():
            value = self.point[name]
            if r.low != -np.inf:
                holds &= value > r.low if r.low_open else value >= r.low
            if r.high != np.inf:
                holds &= value < r.high if r.high_open else value <= r.high
        for name, wanted in box.facts.items():
            holds &= self.facts[name] == wanted
        return holds


def _worlds(
    version: Version, table: Table, references: Mapping[str, Codes], *, exact: bool
) -> Iterator[_World]:
    whens = [*(c.when for c in version.clauses), *(e.when for e in version.exclusions)]
    asked = {n for when in whens for n in Box.read(when).facts}
    flags: list[tuple[Mapping[str, Flags], Flags]] = [({}, np.ones(table.size, bool))]
    for name in sorted(asked):
        known = table.fact(name)
        flags = [
            ({**facts, name: np.full(table.size, v)}, valid & (np.isnan(known) | (known == v)))
            for facts, valid in flags for v in (False, True)
        ]  # fmt: skip
    settled: list[tuple[Mapping[str, Flags], Flags]] = [({}, np.ones(table.size, bool))]
    for name, code in references.items():
        settled = [
            ({**refs, name: np.full(table.size, v)}, valid & ((code == 2) | (code == v)))
            for refs, valid in settled for v in (0, 1)
        ]  # fmt: skip
    for point, inside in _points(version, table, exact=exact):
        for facts, fits in flags:
            for refs, agrees in settled:
                booleans = {k: v.astype(bool) for k, v in refs.items()}
                yield _World(point, facts, booleans, inside & fits & agrees)


Points = Iterator[tuple[dict[str, Array], Flags]]


def _points(version: Version, table: Table, *, exact: bool) -> Points:
    edges = version.edges
    free = set(table.free)
    ties = [t for t in TIES if t.z in edges and t.z not in free]
    tied = {name for t in ties for name in (t.x, t.y, t.z)}
    groups = [list(_tied(t, table, edges, exact=exact)) for t in ties]
    groups += [list(_single(n, table, edges[n], exact=exact)) for n in edges if n not in tied]
    yield from _product(groups, table.size)


def _product(groups: list[list[tuple[dict[str, Array], Flags]]], size: int) -> Points:
    if not groups:
        yield {}, np.ones(size, bool)
        return
    for point, valid in groups[0]:
        for others, fits in _product(groups[1:], size):
            yield {**point, **others}, valid & fits


def _single(name: str, table: Table, edges: Sequence[float] | set[float], *, exact: bool) -> Points:
    low, high = table.interval(name)
    if exact:
        yield {name: low}, np.ones(table.size, bool)
        return
    cuts = [np.full(table.size, e) for e in sorted(edges)]
    for value, valid in _cells(low, high, cuts):
        yield {name: value}, valid


def _tied(tie: Tie, table: Table, edges: Mapping[str, set[float]], *, exact: bool) -> Points:
    (x_low, x_high), (y_low, y_high) = table.interval(tie.x), table.interval(tie.y)
    if exact:
        z = _snapped(_of(tie, x_low, y_low), sorted(edges[tie.z]))
        yield {tie.x: x_low, tie.y: y_low, tie.z: z}, np.ones(table.size, bool)
        return
    z_edges = sorted(edges[tie.z])
    own_x, own_y = sorted(edges.get(tie.x, ())), sorted(edges.get(tie.y, ()))
    ends = [y_low, y_high, *(np.full(table.size, e) for e in own_y)]
    cuts = [np.full(table.size, e) for e in own_x] + [_solve_x(tie, y, e) for y in ends for e in z_edges]
    undefined = (y_high == 0) if tie.z == "performance_density" else np.zeros(table.size, bool)
    for x, x_valid in _cells(x_low, x_high, cuts):
        y_cuts = [np.full(table.size, e) for e in own_y] + [_solve_y(tie, x, e) for e in z_edges]
        for y, y_valid in _cells(y_low, y_high, y_cuts):
            z = _snapped(_of(tie, x, y), z_edges)
            yield {tie.x: x, tie.y: y, tie.z: z}, x_valid & y_valid & ~undefined
        if undefined.any():
            zero, top = np.zeros(table.size), np.full(table.size, np.inf)
            for z, z_valid in _cells(zero, top, [np.full(table.size, e) for e in z_edges]):
                yield {tie.x: x, tie.y: y_low, tie.z: z}, x_valid & z_valid & undefined


def _of(tie: Tie, x: Array, y: Array) -> Array:
    if tie.z != "performance_density":
        return x + y
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y == 0, np.inf, x / y)


def _solve_x(tie: Tie, y: Array, z: float) -> Array:
    return y * z if tie.z == "performance_density" else z - y


def _solve_y(tie: Tie, x: Array, z: float) -> Array:
    return x / z if tie.z == "performance_density" else z - x


def _snapped(value: Array, edges: Sequence[float]) -> Array:
    for e in edges:
        value = np.where(np.abs(value - e) <= 1e-15 * e, e, value)
    return value


def _cells(low: Array, high: Array, cuts: list[Array]) -> Iterator[tuple[Array, Flags]]:
    """A point of every cell of every row: both ends, each cut inside, and each gap between."""
    top = np.where(np.isinf(high), np.nan, high)
    inside = [np.where((c > low) & (c < high) & np.isfinite(c), c, np.nan) for c in cuts]
    marks = np.sort(np.stack([low, *inside, top]), axis=0)  # NaN, for a mark that is none, goes last
    for n, here in enumerate(marks):
        if (valid := ~np.isnan(here)).any():
            yield np.nan_to_num(here), valid
        if n + 1 < len(marks) and (gap := marks[n + 1] > here).any():
            yield np.nan_to_num(here + (marks[n + 1] - here) / 2), gap
    if (unbounded := np.isinf(high)).any():
        yield np.nanmax(marks, axis=0) * 2 + 1, unbounded
