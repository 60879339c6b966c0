"""Which devices count: one lot a part, one suite, one device an identity, its newest run; the rest is named."""

from collections.abc import Callable
from typing import Any

import pytest

from greenzone.fleet.gathering.figures import DeviceSummary, Figure
from greenzone.fleet.gathering.lots import gathered, missing, settled
from greenzone.fleet.gathering.reading import LeftOut

Make = Callable[..., DeviceSummary]
Lot = Callable[..., list[DeviceSummary]]


def test_parts_and_the_emulated_are_never_in_one_lot(device: Make) -> None:
    devices = [device(0), device(1, emulated=False), device(2, part="nvidia-h100-sxm"), device(3)]
    lots, _ = gathered(devices)
    assert [(x.part, x.emulated, len(x.rows)) for x in lots] == [
        ("nvidia-h100-sxm", True, 1), ("nvidia-h20", False, 1), ("nvidia-h20", True, 2),
    ]  # fmt: skip


def test_a_record_of_another_suite_is_named_and_left_out(lot: Lot, device: Make) -> None:
    standing = settled(gathered([*lot([140.0] * 4), device(4, suite="lab")])[0][0])
    assert (standing.suite, len(standing.rows)) == ("quick", 4)
    assert [(x.where, x.why) for x in standing.left_out] == [
        ("node00 cuda:4 (EMULATED-4), run run4", "of suite lab; the others are of quick")
    ]


def test_the_newest_run_of_a_device_counts(device: Make) -> None:
    old, new = device(1, 150.0), device(1, 130.0, run="b", started_at="2026-11-03", ended_at="2026-11-03")
    for order in ([old, new], [new, old]):
        standing = settled(gathered(order)[0][0])
        assert [r.run for r in standing.devices] == ["b"]
        assert [len(h) for h in standing.histories.values()] == [2]
        assert standing.left_out == ()
        assert "measured more than once: 1 of the devices" in standing.notes[0]


def test_two_devices_that_report_one_uuid_are_both_left_out(lot: Lot, device: Make) -> None:
    twin = device(9, uuid="EMULATED-0")
    standing = settled(gathered([*lot([140.0] * 4), twin])[0][0])
    assert [r.uuid for r in standing.devices] == ["EMULATED-1", "EMULATED-2", "EMULATED-3"]
    [said] = standing.left_out
    assert said.where == "EMULATED-0"
    assert "node00-0 (cuda:0), node01-1 (cuda:1)" in said.why


def test_two_runs_at_once_in_one_place_are_of_two_devices(device: Make) -> None:
    at_once = device(0, run="b", started_at="2026-11-01T00:00:30+00:00")
    assert settled(gathered([device(0), at_once])[0][0]).rows == ()
    after = device(0, run="b", started_at="2026-11-01T00:02:00+00:00", ended_at="2026-11-01T00:03:00+00:00")
    assert len(settled(gathered([device(0), after])[0][0]).rows) == 1


def test_a_device_that_was_moved_is_the_same_device(device: Make) -> None:
    moved = device(9, uuid="EMULATED-0", run="b", started_at="2026-12-01", ended_at="2026-12-01")
    standing = settled(gathered([device(0), moved])[0][0])
    assert [r.node for r in standing.devices] == ["node01"]


def test_a_run_that_is_there_twice_is_named_and_counted_once(device: Make) -> None:
    standing = settled(gathered([device(0), device(0, place="copy"), device(1)])[0][0])
    assert len(standing.rows) == 2
    assert standing.left_out == (LeftOut("run run0", "there more than once; counted once"),)
    many = [device(n, place=place) for n in range(9) for place in ("a", "b")]
    assert settled(gathered(many)[0][0]).left_out[0].where == "run run0, run1, run2 and 6 more"


def test_devices_without_a_uuid_are_told_apart_by_where_they_stand(device: Make) -> None:
    assert len(settled(gathered([device(n, uuid="") for n in range(16)])[0][0]).rows) == 16


@pytest.mark.parametrize("bad", [{"validity": "unstable"}, {"validity": "invalid"}, {"median": 0.0}, {"median": 1e200}])
def test_a_figure_that_is_none_is_remembered_and_in_no_column(
    device: Make, figure: Callable[..., Figure], bad: dict[str, Any]
) -> None:
    bad_one = device(1, figures={"matmul bf16 sustained": figure(**{"median": 140.0, **bad})})
    [values] = settled(gathered([device(0), bad_one])[0][0]).values()
    assert list(values.medians) == [140.0]
    assert [d for d, _ in values.unsound] == [1]


def test_what_devices_differ_in_is_noted(device: Make) -> None:
    devices = [device(0), device(1, beside={"driver": "590"}), device(2, fault="slow-sibling")]
    notes = settled(gathered(devices)[0][0]).notes
    assert "devices differ in driver: 580 (2), 590 (1)" in notes
    assert "node00 cuda:2 (EMULATED-2): the fault slow-sibling was switched on" in notes


def test_a_node_that_lacks_a_device_is_named(lot: Lot) -> None:
    rows = [r for r in lot([140.0] * 24) if r.uuid != "EMULATED-13"]
    assert missing(rows, None) == [LeftOut("node node01", "7 devices, and 8 should be there")]
    assert [x.where for x in missing(rows, 7)] == ["node node00", "node node02"]
    assert missing(rows, None, ["node00", "node77"])[-1] == LeftOut("node node77", "no device of it is there")


def test_a_record_that_tells_of_its_siblings_is_believed(lot: Lot) -> None:
    assert missing(lot([140.0] * 8, siblings=8), None) == []
    assert missing(lot([140.0] * 7, siblings=8), None) == [LeftOut("node node00", "7 devices, and 8 should be there")]
