"""Which shape of a product runs fastest: a coarse logarithmic grid, then refinement around the best.

A pure function over `rate(shape)`, operations a second of a shape, so that it can be tried on made-up
landscapes. The grid is tried from small to large, so that a budget in seconds buys the most shapes;
the refinement asks ever nearer neighbours of the best along each side, which climbs what is smooth,
and results (m, n) drawn at random around the largest shape that is as good: how full the last wave of
tiles is hangs on m and n together, stairs where a step along one side may gain nothing. It stops when
the nearest ones gain under 1 %. Shapes that fail or do not fit are noted and passed over.
"""

import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from greenzone.errors import DeviceError

_FACTORS = (2.0, 2**0.5, 2**0.25, 2**0.125)  # between a side and its neighbour, round by round
_DRAWN = 12  # neighbours drawn at random beside the six along the sides
_GRID_RATIO = 4.0  # between neighbouring sides of the coarse grid


class Shape(NamedTuple):
    """A product of (m, k) and (k, n); `transposed` keeps the second matrix as (n, k) rows."""

    m: int
    n: int
    k: int
    transposed: bool

    @property
    def operations(self) -> float:
        return 2.0 * self.m * self.n * self.k


@dataclass(frozen=True, slots=True)
class Space:
    """The shapes that may be tried: sides from `low` to `high` in multiples of `step`.

    >>> Space(256, 4096).sides()
    (256, 1024, 4096)
    """

    low: int
    high: int
    step: int = 128
    layouts: tuple[bool, ...] = (True, False)

    def sides(self) -> tuple[int, ...]:
        """The sides of the coarse grid: a logarithmic ladder down from the largest."""
        rungs = math.ceil(math.log(self.high / self.low, _GRID_RATIO) - 1e-9)
        return tuple(sorted({self.nearest(self.high / _GRID_RATIO**i) for i in range(rungs + 1)}))

    def nearest(self, side: float) -> int:
        """The side that may be tried nearest to any number: a multiple of the step, or an end."""
        inside = self.low < side < self.high
        rounded = round(side / self.step) * self.step if inside else side
        return int(min(self.high, max(self.low, rounded)))

    def coarse(self) -> list[Shape]:
        """Every shape of the coarse grid."""
        s = self.sides()
        return [Shape(m, n, k, t) for m in s for n in s for k in s for t in self.layouts]


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop: seconds of the clock, shapes tried, and the gain that is not worth going on for."""

    seconds: float
    shapes: int = 250
    gain: float = 0.01


@dataclass(frozen=True, slots=True)
class Tried:
    """A shape, and its rate in operations a second or why it has none."""

    shape: Shape
    rate: float | None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """All that was tried, in order, and why it stopped."""

    tried: tuple[Tried, ...]
    stopped: str
    seconds: float

    @property
    def best(self) -> Tried | None:
        """The fastest shape; None where every one failed."""
        return max((t for t in self.tried if t.rate is not None), key=lambda t: t.rate or 0.0, default=None)

    def to_json(self) -> dict[str, object]:
        """Plain data for a record: rates in 10^12 operations a second, at six digits."""
        return {"stopped": self.stopped, "seconds": self.seconds, "tried": [_row(t) for t in self.tried]}


def _row(tried: Tried) -> dict[str, object]:
    s = tried.shape
    row: dict[str, object] = {"m": s.m, "n": s.n, "k": s.k, "layout": "NT" if s.transposed else "NN"}
    if tried.rate is None:
        return row | {"failed": tried.failure}
    return row | {"tops": float(f"{tried.rate / 1e12:.6g}")}


def search(
    rate: Callable[[Shape], float],
    space: Space,
    limits: Limits,
    clock: Callable[[], float],
    seed: int = 0,
) -> Trace:
    """Look for the shape with the highest rate.

    Args:
        rate: operations a second of a shape; a DeviceError (out of memory is one) passes it over.
        space: the shapes that may be tried.
        limits: when to stop; a shape that at the best pace so far would end too late is not begun.
        clock: seconds, the device's own.
        seed: of the order among equals and of the neighbours drawn; the same seed tries the same shapes
            wherever `rate` and `clock` say the same.
    """
    return _Search(rate, space, limits, clock, random.Random(seed)).run()  # noqa: S311


class _SpentError(Exception):
    """A limit was reached; its text says which."""


@dataclass
class _Search:
    rate: Callable[[Shape], float]
    space: Space
    limits: Limits
    clock: Callable[[], float]
    random: random.Random
    tried: dict[Shape, Tried] = field(default_factory=dict)
    too_long: set[Shape] = field(default_factory=set)
    best: Tried | None = None
    pace: float = 0.0  # the fewest seconds that an operation has taken, all that goes with it included

    def run(self) -> Trace:
        self.start = self.clock()
        try:
            stopped = self._all()
        except _SpentError as spent:
            stopped = str(spent)
        if self.too_long:
            stopped += f"; {len(self.too_long)} shapes would have ended too late and were left out"
        return Trace(tuple(self.tried.values()), stopped, self.clock() - self.start)

    def _all(self) -> str:
        grid = self.space.coarse()
        self.random.shuffle(grid)
        self._try(sorted(grid, key=lambda shape: shape.operations))
        if self.best is None:
            return "no shape of the coarse grid ran"
        for factor in _FACTORS:
            while self._gain(self._neighbours(factor)) >= self.limits.gain:
                pass
        return f"the nearest neighbours of the best gained under {self.limits.gain:.0%}"

    def _gain(self, shapes: Iterable[Shape]) -> float:
        """How much better the best became, as a fraction."""
        before = self._best_rate()
        self._try(shapes)
        return self._best_rate() / before - 1

    def _best_rate(self) -> float:
        return (self.best.rate or 0.0) if self.best else 0.0

    def _try(self, shapes: Iterable[Shape]) -> None:
        for shape in shapes:
            if shape in self.tried:
                continue
            if self._fits_in_time(shape):
                self._one(shape)
            else:
                self.too_long.add(shape)

    def _fits_in_time(self, shape: Shape) -> bool:
        """Whether it may end in time.

        Raises:
            _SpentError: nothing may any more.
        """
        left = self.limits.seconds - (self.clock() - self.start)
        if left <= 0:
            raise _SpentError(f"the budget of {self.limits.seconds:.3g} s is spent")
        if len(self.tried) >= self.limits.shapes:
            raise _SpentError(f"{self.limits.shapes} shapes were tried")
        return self.pace * shape.operations <= left

    def _one(self, shape: Shape) -> None:
        begun = self.clock()
        try:
            found = Tried(shape, self.rate(shape))
        except DeviceError as error:
            found = Tried(shape, None, str(error))
        self.tried[shape] = found
        if found.rate is None:
            return
        took = (self.clock() - begun) / shape.operations
        self.pace = min(self.pace, took) if self.pace else took
        if found.rate > self._best_rate():
            self.best = found

    def _neighbours(self, factor: float) -> Iterator[Shape]:
        """Shapes around the best, each side alone both ways; then results drawn around the largest as good."""
        if self.best is None:
            return
        centre, largest = self.best.shape, self._largest()
        for side in ("m", "n", "k"):
            for scale in (factor, 1 / factor):
                moved: Any = {side: self.space.nearest(getattr(centre, side) * scale)}
                yield centre._replace(**moved)
        for _ in range(_DRAWN):
            yield largest._replace(m=self._drawn(largest.m, factor), n=self._drawn(largest.n, factor))

    def _largest(self) -> Shape:
        """The largest of the shapes as good as the best: where tiles are many, the last wave matters least."""
        enough = (1 - self.limits.gain) * self._best_rate()
        good = (t.shape for t in self.tried.values() if t.rate is not None and t.rate >= enough)
        return max(good, key=lambda shape: shape.operations)

    def _drawn(self, side: int, factor: float) -> int:
        """A side up to a factor away, inside the space: at its edge all draws go inwards."""
        low, high = max(self.space.low, side / factor), min(self.space.high, side * factor)
        return self.space.nearest(low * (high / low) ** self.random.random())
