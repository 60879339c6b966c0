"""Metrics of parts: intervals, their order, their places, and the DataFrame of all of them."""

import math
from collections.abc import Callable

import pytest

from greenzone import classify, classify_frame, load_profile, load_profiles
from greenzone.errors import UsageError
from greenzone.intervals import Interval
from greenzone.parameters import PARAMETERS
from greenzone.parts.catalogue import load_catalogue
from greenzone.parts.metrics import METRICS, get_metric, ordered, profile_frame, ranks, rows_of
from greenzone.parts.profile import DeviceProfile

Make = Callable[[str], DeviceProfile]
ALL = load_catalogue().profiles


def test_a_metric_is_an_interval_of_what_the_profile_says(profile: Make) -> None:
    lines = '[memory]\nkind = "GDDR7"\ncapacity_gb = 24\n[hardware]\nunits = 170\npower_w = 500\n'
    lines += "[peak_tops]\nint8 = 600\n"
    (row,) = rows_of([profile(lines)], ["memory_gb", "copackaged_dram_gb", "units", "int8_tops", "tpp_per_w", "l2_mib"])
    assert row.values["memory_gb"] == Interval.point(24)
    assert row.values["copackaged_dram_gb"] == Interval.point(0)
    assert row.values["units"] == Interval.point(170)
    assert row.values["int8_tops"] == Interval.point(600)
    assert row.values["tpp_per_w"] == Interval.point(9.6)
    assert row.values["l2_mib"] == Interval.UNKNOWN


def test_parts_of_which_nothing_is_known_come_last_either_way() -> None:
    rows = rows_of(ALL, ["performance_density"])
    down, up = ordered(rows, "performance_density"), ordered(rows, "performance_density", ascending=True)
    known = [r for r in down if not r.values["performance_density"].is_unknown]
    assert [r.values["performance_density"].low for r in known] == sorted(
        (r.values["performance_density"].low for r in known), reverse=True
    )
    for found in (down, up):
        assert found[len(known) :] == [r for r in rows if r.values["performance_density"].is_unknown]


def test_equals_share_a_place_and_the_unknown_has_none() -> None:
    places = ranks(rows_of(ALL, ["tpp"]), "tpp")
    assert places["nvidia-h20"] == places["nvidia-h20-3e"]
    assert min(places.values()) == 1
    areas = ranks(rows_of(ALL, ["applicable_die_area_mm2"]), "applicable_die_area_mm2")
    assert "intel-gaudi-3-china" not in areas


def test_an_unknown_metric_names_the_nearest_and_what_is_allowed() -> None:
    with pytest.raises(UsageError, match=r"unknown metric 'tp'; nearest: tpp.*; allowed: tpp, "):
        get_metric("tp")


def test_the_frame_has_every_part_and_three_columns_a_metric() -> None:
    frame = load_profiles()
    assert list(frame.index) == [p.id for p in ALL]
    assert {c for m in METRICS for c in (m, f"{m}_low", f"{m}_high")} <= set(frame.columns)
    h20 = frame.loc["nvidia-h20"]
    assert (h20["tpp"], h20["tpp_low"], h20["tpp_high"]) == (2368, 2368, 2368)
    b300 = frame.loc["nvidia-b300"]
    assert (math.isnan(b300["tpp"]), b300["tpp_low"], b300["tpp_high"]) == (True, 50400, 56000)
    gaudi = frame.loc["intel-gaudi-3-china"]
    assert (gaudi["applicable_die_area_mm2_low"], gaudi["applicable_die_area_mm2_high"]) == (0, math.inf)
    assert str(frame["released"].dtype).startswith("datetime64")
    assert len(profile_frame(ALL[:2])) == 2


def test_the_columns_of_the_parameters_are_those_that_classify_frame_reads() -> None:
    frame = load_profiles()
    primaries = [p.name for p in PARAMETERS.values() if p.primary]
    columns = [f"{name}_{end}" for name in primaries for end in ("low", "high")]
    found = classify_frame(frame[[*columns, "datacenter"]], on="2024-01-01", regimes=["us-3a090"])
    for ref in ("nvidia-h20", "nvidia-h100-sxm", "nvidia-rtx-4090", "nvidia-l2", "huawei-ascend-910b4"):
        one = classify(load_profile(ref), on="2024-01-01", regimes=["us-3a090"]).verdict("us-3a090").status
        assert found.loc[ref, "us-3a090 status"] == one
