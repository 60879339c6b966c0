"""Figures that look sparse, by the ladder between formats and by units x operations x clock."""

from collections.abc import Callable

import pytest

from greenzone.parts.capability import Part, part_of
from greenzone.parts.catalogue import load_profiles
from greenzone.parts.profile import DeviceProfile
from greenzone.parts.sparsity import suspicions

Make = Callable[[str], DeviceProfile]


def test_485_printed_as_dense_trips_the_ladder(profile: Make) -> None:
    """Scenario A1: the L4's sheet says 485 INT8, sparse; dense it is 242."""
    (found,) = suspicions(profile("[peak_tops]\nfp16 = 121\nint8 = 485"))
    assert found == "int8 looks sparse: 485 is 4 x fp16 121, where 2 x is the rule"


def test_485_printed_as_dense_trips_units_times_clock(profile: Make) -> None:
    hardware = "[hardware]\nunits = 58\nboost_mhz = 2040\nops_per_clock = { int8 = 2048 }"
    (found,) = suspicions(profile(f"[peak_tops]\nint8 = 485\n{hardware}"))
    assert "twice units x operations x clock, 242.3" in found


@pytest.mark.parametrize("rates", ["fp16 = 121\nint8 = 242", "fp16 = 165.2\nfp16_acc16 = 330.3\nint8 = 660.6"])
def test_dense_ladders_raise_nothing(profile: Make, rates: str) -> None:
    assert list(suspicions(profile(f"[peak_tops]\n{rates}"))) == []


def test_a_figure_labelled_sparse_is_halved_and_no_suspicion(profile: Make) -> None:
    figure = "int8 = { value = 485, sparsity = '2:4' }"
    assert list(suspicions(profile(f"[peak_tops]\nfp16 = 121\n{figure}"))) == []


def test_a_part_carries_the_warning_unless_its_file_explains_it(part: Callable[[str], Part]) -> None:
    rates = "[peak_tops]\nfp16 = 188\nint8 = 750\n"
    assert len(part(rates).warnings) == 1
    assert part(f"{rates}[explained]\nsparse = 'FP16 really runs at a quarter of the INT8 rate'").warnings == ()


def test_no_shipped_part_looks_sparse() -> None:
    assert [(p.id, text) for p in load_profiles() for text in part_of(p).warnings] == []
