"""Devices that lie apart: found by their siblings and by the claim, and no sound one among them."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from greenzone.fleet.gathering.figures import DeviceSummary, Figure
from greenzone.fleet.gathering.lots import Values, gathered, settled
from greenzone.fleet.gathering.outliers import above_claim, lot_below_claim, outliers_of

Make = Callable[..., DeviceSummary]
Lot = Callable[..., list[DeviceSummary]]


def values(devices: Sequence[DeviceSummary]) -> Values:
    [found] = settled(gathered(devices)[0][0]).values()
    return found


def test_the_one_three_times_slower_is_found_and_no_other(lot: Lot) -> None:
    found = outliers_of(values(lot([140.1, 139.8, 140.3, 46.7, 140.0, 139.9, 140.2, 139.7])))
    assert {o.device for o in found} == {3}
    by_side = {o.side: o for o in found}
    assert set(by_side) == {"slow", "below_claim"}
    assert by_side["slow"].deviation == pytest.approx(46.7 / 139.95 - 1)
    assert by_side["slow"].distance is not None
    assert by_side["slow"].distance < -100
    assert by_side["below_claim"].deviation == pytest.approx(46.7 / 148 - 1)


def test_a_fast_one_is_apart_too(lot: Lot) -> None:
    [found] = outliers_of(values(lot([140.1, 139.8, 140.3, 170.0, 140.0, 139.9])))
    assert (found.device, found.side) == (3, "fast")


def test_what_is_far_out_and_of_no_matter_is_not_apart(lot: Lot) -> None:
    assert outliers_of(values(lot([140.0, 140.01, 139.99, 140.0, 140.02, 137.0]))) == []


def test_the_uncertainty_of_one_measurement_is_no_difference(device: Make, figure: Callable[..., Figure]) -> None:
    devices = [device(n, figures={"x": figure(rate, u=20.0)}) for n, rate in enumerate([140.0] * 7 + [125.0])]
    assert outliers_of(values(devices)) == []


def test_a_small_lot_has_no_siblings_to_ask(lot: Lot) -> None:
    found = outliers_of(values(lot([140.0, 140.1, 139.9, 46.0])))
    assert [(o.device, o.side) for o in found] == [(3, "below_claim")]
    assert [o.side for o in outliers_of(values(lot([46.0])))] == ["below_claim"]
    assert outliers_of(values(lot([90.0]))) == []


def test_a_lot_that_is_slow_as_a_whole_is_told_of_as_a_whole(lot: Lot) -> None:
    slow = values(lot([50.0, 50.1, 49.9, 50.2, 49.8, 50.0]))
    assert outliers_of(slow) == []
    assert "half of the lot reaches less than 34% of the claim" in str(lot_below_claim(slow))
    assert lot_below_claim(values(lot([140.0] * 6))) is None


def test_devices_above_their_claim_are_told_of_the_lot(lot: Lot) -> None:
    devices = lot([141.0, 142.0, 143.0, 144.0, 145.0, 170.0, 148.3])
    found = values(devices)
    assert [o.side for o in outliers_of(found)] == ["fast"]
    said = above_claim([found], devices)
    assert said is not None
    assert said.startswith("measured above a claim of theirs: 2 of the devices")
    assert "cuda:5" in said
    assert above_claim([values(lot([140.0] * 6))], devices) is None


def test_few_sound_nodes_of_eight_have_a_device_apart(device: Make) -> None:
    """The silicon of an emulated node spreads by 1.8 %: of 400 nodes, how many have one that is called apart."""
    rng = np.random.default_rng(0)
    zeros = np.zeros(8)
    lots = rng.normal(140, 140 * 0.018, size=(400, 8))
    apart = sum(bool(outliers_of(Values("x", "TOPS", np.arange(8), m, zeros + 0.2, zeros, ()))) for m in lots)
    assert apart / 400 < 0.05
