"""Many parts at once: the same answers as one by one, over the columns of a pandas DataFrame.

A column is a parameter's name (points; NaN is unknown) or `NAME_low` and `NAME_high` (an interval; a
high of NaN or inf is unbounded). The question is that of `coverage`, asked of whole arrays: every edge
of a rule cuts each row's box into cells, and a point of every cell is tried. Rows whose values are all
points take one point each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from greenzone.errors import UsageError, unknown
from greenzone.law.coverage import TIES, Tie
from greenzone.law.regimes import DEFAULT_EFFECTS, Box, Regime, Version, load_regime, load_regimes
from greenzone.parameters import ITEM_FACTS, ITEMS, PARAMETERS

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
CHUNK = 1 << 16  # rows at once: what a processor's cache holds of a few columns
WORDS = np.array(["not_caught", "caught", "undecided"])
TRUTHS = np.array(["false", "true", "unknown"])


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


def classify_frame(
    frame: pd.DataFrame,
    *,
    on: date | None = None,
    known_on: date | None = None,
    item: str = "integrated_circuit",
    regimes: Sequence[str] | None = None,
    **facts: float | bool | None,
) -> pd.DataFrame:
    """The truth of every clause and the status of every regime, for each row.

    Args:
        frame: a row a part; columns as the parameters of the registry, or NAME_low and NAME_high, and
            `datacenter` and the other item facts (True, False, or missing).
        on: the day whose law is asked for; today if none.
        known_on: the day up to which publications count; today if none.
        item: the kind of item all rows are.
        regimes: ids; every control, eligibility and tariff in force if none.
        facts: values that hold for every row, where the frame has no such column: datacenter=True.

    Returns:
        A frame with the same index: a column `REGIME status` for each regime, and `REGIME CLAUSE` for
        each of its clauses (true, false or unknown).

    Raises:
        UsageError: an unknown column, fact or regime, a value that is negative, or an interval that
            holds nothing.
    """
    today = datetime.now(UTC).date()
    day, known = on or today, known_on or today
    if item not in ITEMS:
        raise UsageError(f"{item!r} is no kind of item; allowed: {', '.join(ITEMS)}")
    table = _table(frame, facts)
    asker = _Asker(table, day, known, item)
    columns: dict[str, NDArray[Any]] = {}
    for regime in _chosen(regimes, day, known, item):
        answer = asker.answer(regime)
        columns[f"{regime.id} status"] = answer.words
        columns |= {f"{regime.id} {clause}": TRUTHS[code] for clause, code in answer.clauses.items()}
    return pd.DataFrame(columns, index=frame.index)


def _chosen(ids: Sequence[str] | None, on: date, known_on: date, item: str) -> list[Regime]:
    if ids is not None:
        return [load_regime(ref) for ref in ids]
    default = [r for r in load_regimes() if r.effect in DEFAULT_EFFECTS and item in r.applies_to and r.is_default]
    standing = [(r, r.version_on(on, known_on)) for r in default]
    return [r for r, v in standing if v is not None and v.status in ("in_force", "not_enforced")]


def _table(frame: pd.DataFrame, facts: Mapping[str, Any]) -> Table:
    low: dict[str, Array] = {}
    high: dict[str, Array] = {}
    flags: dict[str, Array] = {}
    size = len(frame)
    for column in [*frame.columns, *facts]:
        values = frame[column] if column in frame.columns else pd.Series(facts[column], index=frame.index)
        _read_column(str(column), values, low, high, flags)
    for name in low.keys() | high.keys():
        _check_interval(name, low.setdefault(name, np.zeros(size)), high.setdefault(name, np.full(size, np.inf)))
    derived = {p.name for p in PARAMETERS.values() if p.derived_from}
    return Table(low, high, {"": np.zeros(size), **flags}, frozenset(derived & low.keys()), size)


def _read_column(
    column: str, values: pd.Series, low: dict[str, Array], high: dict[str, Array], flags: dict[str, Array]
) -> None:
    if column in ITEM_FACTS:
        flags[column] = pd.array(values, dtype="boolean").to_numpy(dtype=float, na_value=np.nan)
        return
    name, end = column, ""
    for suffix in ("_low", "_high"):
        if column not in PARAMETERS and column.endswith(suffix):
            name, end = column.removesuffix(suffix), suffix
    if name not in PARAMETERS:
        raise unknown("column", column, [*PARAMETERS, *ITEM_FACTS], "a parameter's name, or NAME_low and NAME_high")
    try:
        numbers = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise UsageError(f"column {column!r}: not numbers ({error}); leave a value out (NaN) where it is unknown") from None
    if end != "_high":
        low[name] = np.nan_to_num(numbers, nan=0.0, posinf=np.inf)
    if end != "_low":
        high[name] = np.where(np.isnan(numbers), np.inf, numbers)


def _check_interval(name: str, low: Array, high: Array) -> None:
    bad = np.flatnonzero((low < 0) | (low > high) | np.isinf(low))
    if len(bad):
        row = int(bad[0])
        raise UsageError(
            f"{name}, row {row}: from {low[row]:g} to {high[row]:g} is no interval; values are not negative, low is "
            "finite and at most high"
        )


@dataclass(frozen=True)
class Answer:
    """Codes by row: 0 false or not caught, 1 true or caught, 2 unknown or undecided."""

    words: NDArray[Any]
    status: NDArray[np.int8]
    clauses: Mapping[str, NDArray[np.int8]]


class _Asker:
    """The regimes of one frame; one that others refer to is asked once."""

    def __init__(self, table: Table, on: date, known_on: date, item: str) -> None:
        self.table, self.on, self.known_on, self.item = table, on, known_on, item
        self._asked: dict[str, Answer] = {}

    def answer(self, regime: Regime) -> Answer:
        if regime.id not in self._asked:
            self._asked[regime.id] = self._ask(regime)
        return self._asked[regime.id]

    def _ask(self, regime: Regime) -> Answer:
        version = regime.version_on(self.on, self.known_on)
        size = self.table.size
        if version is None or version.status not in ("in_force", "not_enforced") or self.item not in regime.applies_to:
            none = np.zeros(size, np.int8)
            return Answer(np.full(size, "not_applicable"), none, {})
        references = {ref: self.answer(load_regime(ref)).status for ref in _references(version)}
        answer = _evaluated(version, self.table, references)
        return self._relieving(regime, answer) if regime.relieves else answer

    def _relieving(self, regime: Regime, answer: Answer) -> Answer:
        """An eligibility is not applicable while the control is not caught, undecided while that is."""
        control = self.answer(load_regime(str(regime.relieves)))
        words = answer.words.copy()
        words[(control.status == 2) & (answer.status == 1)] = "undecided"
        words = words.astype("U14")
        words[(control.status == 0)] = "not_applicable"
        return Answer(words, answer.status, answer.clauses)


def _references(version: Version) -> list[str]:
    return list(dict.fromkeys(r for c in version.clauses for r in (c.caught, c.unless_caught) if r))


def _evaluated(version: Version, table: Table, references: Mapping[str, NDArray[np.int8]]) -> Answer:
    status = np.empty(table.size, np.int8)
    clauses = {c.id: np.empty(table.size, np.int8) for c in version.clauses}
    for start in range(0, table.size, CHUNK):
        part = slice(start, min(start + CHUNK, table.size))
        own = table.rows(part)
        refs = {k: v[part] for k, v in references.items()}
        points = _all_points(version, own)
        for chosen, exact in ((points, True), (~points, False)):
            if not chosen.any():
                continue
            seen = _Seen(version, int(chosen.sum()))
            _ask_worlds(version, own.rows(chosen), {k: v[chosen] for k, v in refs.items()}, seen, exact=exact)
            place = np.arange(part.start, part.stop)[chosen]
            status[place] = seen.code(seen.caught)
            for name, pair in seen.clauses.items():
                clauses[name][place] = seen.code(pair)
    return Answer(WORDS[status], status, clauses)


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
    def code(pair: tuple[Flags, Flags]) -> NDArray[np.int8]:
        false, true = pair
        return np.where(false & true, 2, np.where(true, 1, 0)).astype(np.int8)


def _ask_worlds(
    version: Version, table: Table, references: Mapping[str, NDArray[np.int8]], seen: _Seen, *, exact: bool
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
    version: Version, table: Table, references: Mapping[str, NDArray[np.int8]], *, exact: bool
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
        yield {tie.x: x_low, tie.y: y_low, tie.z: _of(tie, x_low, y_low)}, np.ones(table.size, bool)
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
    for n in range(len(marks)):
        here = marks[n]
        yield np.nan_to_num(here), ~np.isnan(here)
        if n + 1 < len(marks):
            after = marks[n + 1]
            yield np.nan_to_num(here + (after - here) / 2), ~np.isnan(after) & (after > here)
    last = np.nanmax(marks, axis=0)
    yield last * 2 + 1, np.isinf(high)
