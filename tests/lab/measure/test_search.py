"""The shape search on made-up landscapes: within its limits, never worse than its own grid, near the optimum."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.measure.search import Limits, Shape, Space, Trace, search

SPACE = Space(256, 8192, 128)
FREE = Limits(math.inf, 400)


class Clock:
    """Seconds that pass only where a landscape says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def look(rate: Callable[[Shape], float], space: Space = SPACE, limits: Limits = FREE, seed: int = 0) -> Trace:
    """A search whose calls take three times what the landscape says."""
    clock = Clock()

    def timed(shape: Shape) -> float:
        clock.seconds += 3 * shape.operations / rate(shape)
        return rate(shape)

    return search(timed, space, limits, clock, seed)


def best_rate(trace: Trace) -> float:
    assert trace.best is not None
    assert trace.best.rate is not None
    return trace.best.rate


def hill(m: float, n: float, k: float) -> Callable[[Shape], float]:
    """Smooth: falls off on both sides of one shape, by a tenth at twice or half a side."""

    def rate(shape: Shape) -> float:
        away = sum(math.log2(a / b) ** 2 for a, b in zip(shape[:3], (m, n, k), strict=True))
        return 1e12 * 0.9**away * (1.0 if shape.transposed else 0.95)

    return rate


def saturating(shape: Shape) -> float:
    """Smooth: ever larger products are ever better, as where launching and loading cost the same."""
    return 1e12 / (1 + sum(200 / side for side in shape[:3]))


def stairs(units: int) -> Callable[[Shape], float]:
    """Waves of 128 x 256 tiles over the units: the last wave is rarely full."""

    def rate(shape: Shape) -> float:
        tiles = math.ceil(shape.m / 128) * math.ceil(shape.n / 256)
        return 1e12 * tiles / (math.ceil(tiles / units) * units) * shape.k / (shape.k + 300)

    return rate


def optimum(rate: Callable[[Shape], float]) -> float:
    """The best of all whole numbers of tiles; a longer sum never hurts on these stairs."""
    high = SPACE.high
    return max(rate(Shape(m, n, high, True)) for m in range(128, high + 1, 128) for n in range(256, high + 1, 256))


@settings(max_examples=25, deadline=None)
@given(side=st.tuples(*[st.floats(256, 8192)] * 3), seed=st.integers(0, 9))
def test_the_top_of_a_hill_is_found(side: tuple[float, float, float], seed: int) -> None:
    trace = look(hill(*side), seed=seed)
    top = 1e12 * math.prod(0.9 ** math.log2(SPACE.nearest(s) / s) ** 2 for s in side)
    assert best_rate(trace) >= 0.99 * top


def test_where_larger_is_better_the_largest_is_found() -> None:
    assert best_rate(look(saturating)) == saturating(Shape(8192, 8192, 8192, True))


@pytest.mark.parametrize("units", [78, 108, 114, 132, 144, 148, 188])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_top_of_a_stair_is_found(units: int, seed: int) -> None:
    assert best_rate(look(stairs(units), seed=seed)) >= 0.99 * optimum(stairs(units))


@given(st.data())
def test_it_is_never_worse_than_its_own_grid(data: st.DataObject) -> None:
    rates = st.floats(1e9, 1e12)
    known: dict[Shape, float] = {}

    def rate(shape: Shape) -> float:
        return known.setdefault(shape, data.draw(rates) if len(known) < 30 else 1e10)

    space = Space(128, 512, 128, (True,))
    trace = search(rate, space, FREE, Clock(), 0)
    assert best_rate(trace) >= max(known[s] for s in space.coarse())
    assert best_rate(trace) == max(known.values())


@pytest.mark.parametrize("seconds", [0.01, 0.1, 1.0, 5.0])
def test_no_shape_is_begun_after_the_budget_nor_one_that_cannot_end_in_it(seconds: float) -> None:
    trace = look(saturating, limits=Limits(seconds))
    last = trace.tried[-1]
    assert trace.seconds <= seconds + 3 * last.shape.operations / saturating(last.shape)
    # large ones take no longer than the best pace said, so that here not even the last one ends too late
    assert trace.seconds <= 1.01 * seconds


def test_what_would_end_too_late_is_said() -> None:
    assert "ended too late" in look(saturating, limits=Limits(0.1)).stopped
    assert "ended too late" not in look(saturating).stopped


def test_it_stops_at_its_number_of_shapes() -> None:
    trace = look(saturating, limits=Limits(math.inf, 7))
    assert len(trace.tried) == 7
    assert trace.stopped == "7 shapes were tried"


def test_time_that_is_up_is_the_reason() -> None:
    clock = Clock()

    def slow(shape: Shape) -> float:
        clock.seconds += 10
        return 1.0

    trace = search(slow, Space(256, 256), Limits(9.0), clock, 0)
    assert (len(trace.tried), trace.seconds) == (1, 10)
    assert "the budget of 9 s is spent" in trace.stopped


def test_a_flat_landscape_stops_for_want_of_gain() -> None:
    trace = look(lambda _: 1e12)
    assert trace.stopped == "the nearest neighbours of the best gained under 1%"


def test_the_seed_alone_decides() -> None:
    rate = stairs(132)
    one, two, other = (look(rate, seed=seed) for seed in (3, 3, 4))
    assert one == two
    assert one.tried != other.tried


def test_small_shapes_come_first() -> None:
    grid = [t.shape.operations for t in look(saturating).tried[: len(SPACE.coarse())]]
    assert grid == sorted(grid)


def test_shapes_that_fail_are_noted_and_passed_over() -> None:
    def rate(shape: Shape) -> float:
        if shape.n > 4096:
            raise OutOfMemory(f"{shape.n} does not fit")
        if shape.k == 2048:
            raise DeviceError("no kernel")
        return saturating(shape)

    trace = search(rate, SPACE, FREE, Clock(), 0)
    assert best_rate(trace) == saturating(Shape(8192, 4096, 8192, True))
    failed = {t.failure for t in trace.tried if t.rate is None}
    assert failed >= {"8192 does not fit", "no kernel"}
    assert any("failed" in row for row in trace.to_json()["tried"])  # type: ignore[attr-defined]


def test_where_nothing_runs_there_is_no_best() -> None:
    def rate(_: Shape) -> float:
        raise DeviceError("no path")

    trace = search(rate, SPACE, FREE, Clock(), 0)
    assert trace.best is None
    assert trace.stopped == "no shape of the coarse grid ran"


@given(st.integers(64, 1024), st.integers(0, 6), st.sampled_from([32, 64, 128]))
def test_sides_stay_in_the_space(low: int, doublings: int, step: int) -> None:
    space = Space(low, low << doublings, step)
    sides = space.sides()
    assert sides[-1] == space.high
    assert all(low <= side <= space.high for side in sides)
    assert space.nearest(10**9) == space.high
    assert space.nearest(0) == low
