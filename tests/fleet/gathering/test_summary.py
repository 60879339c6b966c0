"""What a fleet says: against numpy and pandas, in any order, and what it rests on."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.fleet.gathering.figures import DeviceSummary, Figure
from greenzone.fleet.gathering.reading import LeftOut, arrivals
from greenzone.fleet.gathering.summary import between_devices, by_device, of_siblings, summarised, to_json
from greenzone.tolerance import one_sided_factor, two_sided_factor

Make = Callable[..., DeviceSummary]
Lot = Callable[..., list[DeviceSummary]]
Write = Callable[..., Path]


def drawn(n: int, spread: float = 2.0) -> list[float]:
    return [float(x) for x in np.random.default_rng(n).normal(140, spread, n)]


def test_the_figures_are_those_of_pandas(lot: Lot) -> None:
    rates = drawn(50)
    [d] = summarised(lot(rates)).lots[0].figures
    said = pd.Series(rates).describe(percentiles=[0.05, 0.5, 0.95])
    found = (d.devices, d.minimum, d.p5, d.median, d.p95, d.maximum)
    assert found == pytest.approx(tuple(said[k] for k in ("count", "min", "5%", "50%", "95%", "max")))
    assert d.spread == pytest.approx(math.sqrt(said["std"] ** 2 - 0.1**2))
    assert d.own == pytest.approx(0.2)
    assert d.of_claim == pytest.approx(said["50%"] / 148)


def test_a_stream_from_a_file_is_the_same_as_the_devices_in_memory(lot: Lot, write_lines: Write) -> None:
    devices = lot(drawn(120))
    streamed = summarised(arrivals([write_lines(devices)]))
    assert to_json(streamed) == to_json(summarised(devices))


@given(st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(shuffle: random.Random) -> None:
    figures = [{"a": Figure("TOPS", 100.0 + n, 99.0, 200.0, "valid", 90.0), "b": Figure("GB/s", 7.0 * n + 1, 0.0, 99.0,
               "unstable" if n == 3 else "valid")} for n in range(12)]  # fmt: skip
    devices: list[DeviceSummary | LeftOut] = [
        DeviceSummary(
            f"r{n}", f"2026-11-{n % 3 + 1:02}", f"2026-11-{n % 3 + 1:02}", "complete", "lab" if n == 5 else "quick",
            True, f"cuda:{n}", "X", f"u{n % 9}", "x", f"node{n % 3}", f"p{n % 9}", None, None, {"driver": str(n % 2)},
            figures[n],
        )
        for n in range(12)
    ]  # fmt: skip
    devices += [LeftOut("b", "broken"), LeftOut("a", "broken")]
    ordered = json.dumps(to_json(summarised(devices)))
    shuffle.shuffle(devices)
    assert json.dumps(to_json(summarised(devices))) == ordered


def test_large_lots_have_limits_by_order_alone(lot: Lot) -> None:
    rates = drawn(100)
    [d] = summarised(lot(rates)).lots[0].figures
    assert (d.tolerance.method, d.at_least.method) == ("order statistics", "order statistics")
    assert (d.tolerance.low, d.tolerance.high, d.at_least.low) == (min(rates), max(rates), sorted(rates)[1])


def test_small_lots_have_limits_where_they_may_be_normal(lot: Lot) -> None:
    rates = drawn(20)
    [d] = summarised(lot(rates)).lots[0].figures
    mean, sd = np.mean(rates), np.std(rates, ddof=1)
    assert (d.tolerance.method, d.tolerance.needs) == ("normal, not refused", 93)
    assert d.tolerance.low == pytest.approx(mean - two_sided_factor(20) * sd)
    assert d.at_least.low == pytest.approx(mean - one_sided_factor(20) * sd)


@pytest.mark.parametrize("rates", [[140.0] * 8, [*drawn(7), 46.0], [140.0, 141.0], [140.0]])
def test_otherwise_the_range_is_all_there_is_and_says_what_it_holds(lot: Lot, rates: list[float]) -> None:
    n = len(rates)
    [d] = summarised(lot(rates)).lots[0].figures
    assert (d.tolerance.method, d.tolerance.low, d.tolerance.high) == (None, min(rates), max(rates))
    p = d.tolerance.content
    if n > 1:
        assert 1 - n * p ** (n - 1) + (n - 1) * p**n == pytest.approx(0.95)  # Wilks 1941
    else:
        assert p == 0


def test_a_small_lot_says_so(lot: Lot) -> None:
    assert "a lot of 3 is too small" in str(summarised(lot(drawn(3))).lots[0].notes)
    assert "too small" not in str(summarised(lot(drawn(5))).lots[0].notes)


def test_the_spread_between_devices_is_what_is_left_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    silicon, own = rng.normal(140, 2.0, 20_000), rng.normal(0, 1.5, 20_000)
    assert between_devices(silicon + own, np.full(20_000, 3.0)) == pytest.approx(2.0, rel=0.03)
    assert between_devices(140 + own, np.full(20_000, 3.2)) is None
    assert between_devices(np.array([1.0]), np.array([0.0])) is None


def test_exit_codes_are_those_of_the_table(lot: Lot, device: Make, figure: Callable[..., Figure]) -> None:
    sound = lot([140.0, 140.1, 139.9, 140.2, 139.8, 140.0, 140.1, 139.9])
    slow = [*sound[:7], device(7, 47.0)]
    shaky = [*sound[:7], device(7, figures={"x": figure(140.0, validity="unstable")})]
    link = LeftOut("x", "a link", grave=False)
    assert summarised(sound).exit_code == summarised([*sound, link]).exit_code == 0
    assert summarised(slow).exit_code == summarised(shaky).exit_code == 5
    assert summarised([*slow, LeftOut("x", "broken")]).exit_code == 1
    assert summarised(sound, per_node=9).exit_code == summarised(sound, {"node01": "a"}).exit_code == 1
    assert summarised([device(0, figures={})]).exit_code == summarised([]).exit_code == 4


def test_devices_are_told_by_how_many_figures_they_are_apart_in(lot: Lot) -> None:
    devices = lot(drawn(16, 0.3))
    two = {t: Figure("TOPS", 70.0, 69.0, 71.0, "valid") for t in ("matmul bf16 sustained", "peak")}
    devices[3] = DeviceSummary(**{n: getattr(devices[3], n) for n in DeviceSummary.__slots__} | {"figures": two})
    devices[5] = DeviceSummary(**{n: getattr(devices[5], n) for n in DeviceSummary.__slots__} | {
        "figures": {"matmul bf16 sustained": Figure("TOPS", 30.0, 29.0, 31.0, "valid")}})  # fmt: skip
    found = list(by_device(summarised(devices).lots[0].outliers))
    assert [device for device, _ in found] == [5, 3]
    assert of_siblings(found[1][1]) == pytest.approx(0.5, abs=0.01)


def test_the_json_has_no_number_that_is_none(lot: Lot) -> None:
    devices = lot([140.0] * 7 + [20.0])
    text = json.dumps(to_json(summarised(devices)), allow_nan=False)
    said = json.loads(text)
    assert said["schema"] == "greenzone.fleet-summary/1"
    assert said["lots"][0]["outliers"][0]["node"] == "node00"
