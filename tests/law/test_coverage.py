"""Coverage is exact: no random point of a box is of a kind that `points` did not meet."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenzone.intervals import INF, Interval, Range
from greenzone.law.coverage import cells, critical, points

Box = dict[str, Interval]
EDGES = {"tpp": [1600.0, 2400.0, 4800.0], "performance_density": [1.6, 3.2, 5.92]}
SUMS = {"dram_bandwidth_gb_s": [1400.0], "io_bandwidth_gb_s": [1100.0], "dram_io_bandwidth_gb_s": [1700.0]}


def span(values: list[float], unbounded: bool = True) -> st.SearchStrategy[Interval]:
    ends = st.sampled_from(values) | st.floats(min(values) / 2, max(values) * 1.5)
    bounded = st.tuples(ends, ends).map(lambda e: Interval(min(e), max(e)))
    return bounded | ends.map(Interval.point) | (ends.map(Interval.at_least) if unbounded else st.nothing())


def kind(point: dict[str, float], edges: dict[str, list[float]]) -> tuple[tuple[int, bool], ...]:
    """In which cell of every edge a point lies."""
    return tuple((sum(e < point[n] for e in own), point[n] in own) for n, own in edges.items())


def draw(rng: random.Random, interval: Interval) -> float:
    top = interval.high if interval.is_bounded else interval.low * 3 + 10_000
    return rng.choice([interval.low, top, rng.uniform(interval.low, top)])


@settings(max_examples=150, deadline=None)
@given(
    tpp=span([1000.0, 1600.0, 2400.0, 4800.0]),
    area=span([100.0, 270.27, 500.0, 750.0, 1500.0, 3000.0]),
    seed=st.integers(0, 9),
)
def test_no_point_of_tpp_and_area_is_of_a_kind_not_met(tpp: Interval, area: Interval, seed: int) -> None:
    box = {"tpp": tpp, "applicable_die_area_mm2": area}
    met = {kind(p, EDGES) for p in points(box, EDGES)}
    rng = random.Random(seed)  # noqa: S311
    for _ in range(60):
        x, y = draw(rng, tpp), draw(rng, area)
        density = x / y
        near = any(math.isclose(density, e, rel_tol=1e-12) for e in EDGES["performance_density"])
        assert near or kind({"tpp": x, "performance_density": density}, EDGES) in met


@settings(max_examples=150, deadline=None)
@given(
    dram=span([300.0, 600.0, 1400.0, 1700.0, 4000.0]), io=span([64.0, 300.0, 1100.0, 1700.0]), seed=st.integers(0, 9)
)
def test_no_point_of_memory_and_io_is_of_a_kind_not_met(dram: Interval, io: Interval, seed: int) -> None:
    box = {"dram_bandwidth_gb_s": dram, "io_bandwidth_gb_s": io}
    met = {kind(p, SUMS) for p in points(box, SUMS)}
    rng = random.Random(seed)  # noqa: S311
    for _ in range(60):
        x, y = draw(rng, dram), draw(rng, io)
        point = {"dram_bandwidth_gb_s": x, "io_bandwidth_gb_s": y, "dram_io_bandwidth_gb_s": x + y}
        near = math.isclose(x + y, 1700, rel_tol=1e-12)
        assert near or kind(point, SUMS) in met


@settings(max_examples=100, deadline=None)
@given(tpp=span([1600.0, 2400.0, 4800.0]), area=span([270.0, 500.0, 1500.0]))
def test_every_point_can_occur(tpp: Interval, area: Interval) -> None:
    box = {"tpp": tpp, "applicable_die_area_mm2": area}
    for p in points(box, EDGES):
        assert tpp.contains(p["tpp"])
        assert area.contains(p["applicable_die_area_mm2"])
        assert p["performance_density"] == pytest.approx(p["tpp"] / p["applicable_die_area_mm2"])


@pytest.mark.parametrize(("tpp", "area"), [(1912.0, 609.0), (2368.0, 814.0), (1600.0, 500.0), (4992.0, 826.0)])
def test_a_point_is_itself_and_nothing_else(tpp: float, area: float) -> None:
    box = {"tpp": Interval.point(tpp), "applicable_die_area_mm2": Interval.point(area)}
    assert list(points(box, EDGES)) == [
        {"tpp": tpp, "applicable_die_area_mm2": area, "performance_density": tpp / area}
    ]


def test_a_density_of_its_own_is_not_tied_to_tpp() -> None:
    box = {
        "tpp": Interval.point(2000),
        "performance_density": Interval(5, 7),
        "applicable_die_area_mm2": Interval.point(1),
    }
    found = {p["performance_density"] for p in points(box, EDGES, free={"performance_density"})}
    assert min(found) == 5
    assert max(found) == 7
    assert 5.92 in found


def test_a_parameter_without_an_edge_is_left_out() -> None:
    assert [set(p) for p in points({"tpp": Interval.point(1), "tops": Interval.UNKNOWN}, {"tpp": [5.0]})] == [{"tpp"}]


@given(st.integers(0, 20), st.integers(0, 20), st.lists(st.integers(0, 20).map(float), max_size=5))
def test_cells_meet_every_edge_and_every_gap(a: int, b: int, edges: list[float]) -> None:
    interval = Interval(min(a, b), max(a, b))
    found = cells(interval, edges)
    inside = sorted({interval.low, interval.high, *(e for e in edges if interval.contains(e))})
    assert set(inside) <= set(found)
    assert len(found) == 2 * len(inside) - 1
    assert all(interval.contains(v) for v in found)


@pytest.mark.parametrize("text", [">= 4800", "> 4800", "< 4800", "<= 4800"])
def test_an_open_end_is_not_met(text: str) -> None:
    interval = Interval(4000, 4800, False, True)
    assert all(v < 4800 for v in cells(interval, Range.parse(text).edges))


def test_an_unbounded_interval_is_met_beyond_its_last_edge() -> None:
    assert max(cells(Interval.UNKNOWN, [5.0])) > 5
    assert max(cells(Interval(7, INF), [5.0])) > 7


def test_the_critical_areas_are_where_the_density_edges_fall() -> None:
    box: Box = {"tpp": Interval.point(2000)}
    found = critical("applicable_die_area_mm2", box, EDGES)
    assert all(any(math.isclose(c, 2000 / e) for c in found) for e in EDGES["performance_density"])
