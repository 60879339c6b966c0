"""Two sides compared: ratios, intervals that hold what they promise, and what is said before any figure."""

from typing import Any

import numpy as np
import pytest

from greenzone.errors import NothingMeasured, UsageError
from greenzone.records.comparison import compare
from greenzone.records.record import Record, Row, Run


def series(rate: float, seed: int = 0, spread: float = 0.02, n: int = 200, correlation: float = 0.7) -> list[float]:
    """Seconds for a unit of work, correlated as the calls of a run are."""
    noise = np.random.default_rng(seed).normal(size=n)
    for i in range(1, n):
        noise[i] = correlation * noise[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    return [float(s) for s in np.exp(spread * noise) / rate]


def bench(samples: list[float], name: str = "memory.read", **more: Any) -> Row:
    rate = 1 / float(np.median(samples))
    estimate = {"median": rate, "low": rate * 0.99, "high": rate * 1.01}
    own = {"name": name, "window": "burst", "validity": "valid", "bandwidth_gb_s": estimate, "samples": samples}
    return Row.model_validate(own | more)


def record(*rows: Row, **device: Any) -> Record:
    return Record(
        run=Run(id="r", started_at="2026-01-01", status="complete"), tool={"version": "1"}, rules={},
        device={"id": "cuda:0", "name": "ACME X1", **device}, environment={"python": "3.11"}, settings={"seed": 0},
        benchmarks=list(rows),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "status"), [(100.0, "same"), (90.0, "regressed"), (110.0, "improved"), (95.0, "unclear"), (97.0, "same")]
)
def test_a_benchmark_has_regressed_where_its_whole_interval_has(rate: float, status: str) -> None:
    found = compare([record(bench(series(100.0, 1)))], [record(bench(series(rate, 2)))])
    (ratio,) = found.ratios
    assert ratio.status == status
    assert ratio.low <= ratio.ratio <= ratio.high
    assert ratio.ratio == pytest.approx(rate / 100, abs=0.02)
    assert found.failed is (status == "regressed")


def test_a_record_beside_itself_is_the_same() -> None:
    own = record(bench(series(100.0)))
    found = compare([own], [own])
    assert found.ratios[0].ratio == 1.0
    assert found.differences == ()
    assert not found.failed


def test_the_interval_holds_the_true_ratio_as_often_as_it_says() -> None:
    """Nominally 95 %; over many pairs 90 % of 200 correlated calls, where taking them as independent gives 66 %."""
    inside = 0
    for n in range(60):
        pair = [record(bench(series(100.0, 2 * n + side, spread=0.05))) for side in (0, 1)]
        (ratio,) = compare(pair[:1], pair[1:]).ratios
        inside += ratio.low <= 1.0 <= ratio.high
    assert inside >= 50


def test_runs_that_differ_widen_the_interval_of_a_folder() -> None:
    """The calls of one run agree to 0.1 %, three runs differ by 10 %: one run alone would not know."""
    runs = [record(bench(series(rate, n, 0.001))) for n, rate in enumerate((95.0, 100.0, 105.0))]
    alone = compare(runs[:1], runs[1:2]).ratios[0]
    together = compare(runs, runs).ratios[0]
    assert alone.high - alone.low < 0.005
    assert together.high - together.low > 0.05
    assert together.ratio == 1.0


def test_rounds_of_a_row_are_rounds_of_the_bootstrap() -> None:
    samples = series(100.0, 1, 0.001, 100) + series(110.0, 2, 0.001, 100)
    after = record(bench(series(105.0, 3)))
    whole, rounds = (compare([record(bench(samples, rounds=r))], [after]) for r in ([], [100, 100]))
    assert rounds.ratios[0].high - rounds.ratios[0].low > 0.04
    assert whole.ratios[0].before == rounds.ratios[0].before


def test_a_long_history_is_resampled_in_bounded_memory() -> None:
    runs = [record(bench(series(100.0, n, n=2000))) for n in range(40)]
    (ratio,) = compare(runs, runs[:20]).ratios
    assert ratio.status == "same"
    assert ratio.low < 1.0 < ratio.high


def test_what_the_calls_do_not_show_widens_the_interval() -> None:
    plain, sure = (
        compare([record(bench([0.01] * 20, **more))], [record(bench([0.01] * 20))]).ratios[0]
        for more in ({}, {"uncertainty": {"repeatability": 0.03, "combined": 0.05, "between_runs": 0.04}})
    )
    assert (plain.low, plain.high) == (1.0, 1.0)
    assert (sure.low, sure.high) == (pytest.approx(0.92), pytest.approx(1.08))


def test_a_row_without_samples_goes_by_its_own_uncertainty() -> None:
    left, right = (bench(series(100.0)).model_copy(update={"samples": []}) for _ in "ab")
    (ratio,) = compare([record(left)], [record(right)]).ratios
    assert ratio.high - 1 == pytest.approx(np.hypot(0.01, 0.01), rel=1e-6)


def test_the_shape_that_a_search_took_does_not_part_two_benchmarks() -> None:
    left, right = (bench(series(100.0), "matmul", format="fp8", shape={"m": m}) for m in (4096, 8192))
    assert len(compare([record(left)], [record(right)]).ratios) == 1
    left, right = (bench(series(100.0), "memory.sweep", shape={"working_set_bytes": b}) for b in (1, 2))
    other = bench(series(100.0))
    found = compare([record(left, other)], [record(right, other)])
    assert found.only_before == ("memory.sweep of 1 bytes burst",)
    assert found.only_after == ("memory.sweep of 2 bytes burst",)


def test_what_was_not_measured_soundly_is_named_and_not_compared() -> None:
    good, bad = bench(series(100.0)), bench(series(50.0), validity="unstable")
    other = bench(series(100.0), "memory.copy")
    after = compare([record(good, other)], [record(bad, other)])
    assert after.unsound == ("memory.read burst: unstable",)
    assert (len(after.ratios), after.failed) == (1, True)
    before = compare([record(bad, other)], [record(good, other)])
    assert before.left_out == ("memory.read burst: unstable before",)
    assert not before.failed


def test_other_devices_and_settings_are_said() -> None:
    rows = bench(series(100.0))
    found = compare([record(rows)], [record(rows, name="ACME X2", power_limit_w=300)])
    assert found.differences == (
        "device name: ACME X1 before, ACME X2 after", "device power_limit_w: None before, 300 after",
    )  # fmt: skip


def test_of_several_devices_each_is_compared_with_itself() -> None:
    def side(first: float) -> list[Record]:
        return [record(bench(series(rate)), id=f"cuda:{n}") for n, rate in enumerate((first, 50.0))]

    found = compare(side(100.0), side(80.0))
    assert [r.status for r in found.ratios] == ["regressed", "same"]


def test_what_cannot_be_compared_is_refused() -> None:
    real, model = record(bench(series(100.0))), record(bench(series(100.0)), emulated=True)
    with pytest.raises(UsageError, match="the first side is measured, the second emulated"):
        compare([real], [model])
    with pytest.raises(UsageError, match="emulated and measured records"):
        compare([real, model], [real])
    with pytest.raises(NothingMeasured, match="no benchmark in common"):
        compare([real], [record(bench(series(1.0), "memory.copy"))])
    assert compare([model], [model]).emulated
