"""What a profile says of each parameter, on which basis and with which working."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.formats import FORMATS
from greenzone.intervals import INF, Interval
from greenzone.parts.catalogue import load_profile
from greenzone.parts.evidence import Evidence, ceiling, claimed, measured_elsewhere, measured_rates, rated, uncapped_io
from greenzone.parts.profile import DeviceProfile, PeakTops, Sourced

Make = Callable[[str], DeviceProfile]


def of(evidence: list[Evidence], parameter: str) -> Evidence:
    (found,) = [e for e in evidence if e.parameter == parameter]
    return found


@pytest.mark.parametrize(
    ("ref", "tpp", "working"),
    [
        ("nvidia-h20", 2368, "fp8 296 x 8"), ("nvidia-a100-sxm-80gb", 4992, "int8 624 x 8"),
        ("nvidia-h800-sxm", 15832, "fp8 1979 x 8"), ("nvidia-h200-sxm", 15832, "fp8 1979 x 8"),
        ("nvidia-b200", 36000, "fp4 9000 x 4"),
        ("nvidia-rtx-5090-d-v2", 4750, "fp4 1187.5 x 4"), ("huawei-ascend-910b2", 6016, "fp16 376 x 16"),
    ],
)  # fmt: skip
def test_tpp_is_the_highest_dense_rate_times_bits_with_its_working(ref: str, tpp: float, working: str) -> None:
    found = of(claimed(load_profile(ref)), "tpp")
    assert found.interval.high == pytest.approx(tpp)
    assert (found.basis, found.working) == ("claimed", working)


@given(st.dictionaries(st.sampled_from([f for f in FORMATS if f != "tf32"]), st.floats(0.1, 1e4), min_size=1))
def test_tpp_is_the_maximum_over_formats(rates: dict[str, float]) -> None:
    table = PeakTops(**{name: Sourced(value) for name, value in rates.items()})  # type: ignore[arg-type]
    found = claimed(DeviceProfile(1, "x", "X", peak_tops=table))
    assert of(found, "tpp").interval == Interval.point(max(v * FORMATS[n].bits.low for n, v in rates.items()))
    assert of(found, "tops").interval == Interval.point(max(rates.values()))


def test_matrix_and_vector_rates_of_one_circuit_are_never_added(profile: Make) -> None:
    found = claimed(profile("[peak_tops]\nfp32 = 10\nfp64 = 5\nfp16 = 20"))
    assert of(found, "tpp").interval == Interval.point(320)


def test_a_tie_is_named_as_the_surest_then_in_the_order_of_formats(profile: Make) -> None:
    assert of(claimed(profile("[peak_tops]\nfp16 = 148\nint8 = 296\nfp8 = 296")), "tpp").working == "fp8 296 x 8"
    lines = (
        "[peak_tops]\nint8 = { value = 296, confidence = 'official' }\nfp8 = { value = 296, confidence = 'reported' }"
    )
    found = of(claimed(profile(lines)), "tpp")
    assert (found.working, found.confidence) == ("int8 296 x 8", "official")


def test_tf32_alone_leaves_tpp_between_nineteen_and_thirty_two_bits(profile: Make) -> None:
    assert of(claimed(profile("[peak_tops]\ntf32 = 156")), "tpp").interval == Interval(156 * 19, 156 * 32)
    assert of(claimed(profile("[peak_tops]\ntf32 = 156\nint8 = 624")), "tpp").interval == Interval.point(4992)
    assert of(claimed(profile("[peak_tops]\ntf32 = 156\nint8 = 500")), "tpp").interval == Interval(4000, 4992)


def test_claims_that_disagree_make_an_interval_and_the_highest_governs(profile: Make) -> None:
    lines = "[peak_tops]\nfp8 = 290\n[[claim]]\nparameter = 'peak_tops.fp8'\nvalue = 300\nsource = 's'"
    found = of(claimed(profile(lines)), "tpp")
    assert (found.interval, found.governing) == (Interval(2320, 2400), Interval.point(2400))


def test_a_claim_that_agrees_is_no_conflict(profile: Make) -> None:
    lines = "[peak_tops]\nfp8 = 290\n[[claim]]\nparameter = 'peak_tops.fp8'\nvalue = 580\nsparsity = '2:4'"
    found = of(claimed(profile(lines)), "tpp")
    assert (found.interval, found.governing) == (Interval.point(2320), None)


def test_an_unlabelled_sparse_claim_leaves_a_range(profile: Make) -> None:
    lines = "[[claim]]\nparameter = 'tpp'\nvalue = 3880\nsparsity = 'unknown'"
    assert of(claimed(profile(lines)), "tpp").interval == Interval(1940, 3880)


def test_a_claim_written_as_a_range_is_that_range(profile: Make) -> None:
    lines = "[[claim]]\nparameter = 'io_bandwidth_gb_s'\nvalue = '< 600'"
    assert of(claimed(profile(lines)), "io_bandwidth_gb_s").interval == Interval(0, 600, False, True)


def test_rates_that_are_not_complete_are_a_lower_bound(profile: Make) -> None:
    found = of(claimed(profile("[peak_tops]\ncomplete = false\nfp8 = 290")), "tpp")
    assert found.interval == Interval.at_least(2320)
    only = of(claimed(profile("[[claim]]\nparameter = 'peak_tops.fp8'\nvalue = 290")), "tpp")
    assert only.interval.high == INF, "a figure of one format is not the maker's whole claim"


UNIT = "[peak_tops]\nfp8 = 100\n[[unit]]\nname = 'NPU'\n[unit.peak_tops]\n"


def test_separate_units_are_added_each_at_its_own_maximum(profile: Make) -> None:
    found = of(claimed(profile(UNIT + "int8 = 50\nfp16 = 30")), "tpp")
    assert found.interval == Interval.point(100 * 8 + 30 * 16)
    assert found.working == "fp8 100 x 8 + NPU fp16 30 x 16"


def test_a_unit_whose_rates_are_not_complete_makes_the_sum_a_lower_bound(profile: Make) -> None:
    assert of(claimed(profile(UNIT + "complete = false\nint8 = 50")), "tpp").interval == Interval.at_least(1200)


def test_a_unit_of_no_rates_makes_the_sum_a_lower_bound(profile: Make) -> None:
    assert of(claimed(profile(UNIT)), "tpp").interval == Interval.at_least(800)


def test_a_claim_of_the_circuit_is_none_of_a_unit(profile: Make) -> None:
    lines = UNIT + "fp8 = 10\n[[claim]]\nparameter = 'peak_tops.fp8'\nvalue = 110"
    found = of(claimed(profile(lines)), "tpp")
    assert (found.interval, found.governing) == (Interval(880, 960), Interval.point(960))


DIE = "[[die]]\nkind = '{}'\ncount = {}\n{}\n"
NP = "transistor = 'non-planar'\n"


@pytest.mark.parametrize(
    ("dies", "area"),
    [
        ([("logic", 2, NP + "area_mm2 = 800")], Interval.point(1600)),
        ([("logic", 1, NP + "area_mm2 = 800"), ("memory", 6, NP + "area_mm2 = 121")], Interval.point(800)),
        ([("logic", 1, NP + "area_mm2 = 800"), ("interposer", 1, "area_mm2 = 900")], Interval.point(800)),
        ([("logic", 8, NP + "area_mm2 = 115"), ("logic", 4, NP + "area_mm2 = 370")], Interval.point(2400)),
        ([("logic", 1, "transistor = 'planar'\narea_mm2 = 800")], Interval.point(0)),
        ([("logic", 1, "transistor = 'planar'")], Interval.point(0)),
        ([("logic", 1, "area_mm2 = 800")], Interval(0, 800)),
        ([("logic", 1, NP)], Interval.UNKNOWN),
        ([("logic", 1, NP + "area_mm2 = 800"), ("logic", 1, "")], Interval.at_least(800)),
        ([("logic", 1, NP + "area_mm2 = 800"), ("logic", 2, "area_mm2 = 100")], Interval(800, 1000)),
    ],
)
def test_the_applicable_die_area_is_that_of_non_planar_logic(
    profile: Make, dies: list[tuple[str, int, str]], area: Interval
) -> None:
    found = of(claimed(profile("".join(DIE.format(*d) for d in dies))), "applicable_die_area_mm2")
    assert found.interval == area


def test_dies_that_are_not_all_listed_are_a_lower_bound(profile: Make) -> None:
    found = claimed(profile("die_complete = false\n" + DIE.format("logic", 1, NP + "area_mm2 = 800")))
    assert of(found, "applicable_die_area_mm2").interval == Interval.at_least(800)


LINKS = (
    "[[link]]\nkind = 'A'\nbidirectional_gb_s = 600\nuncapped_gb_s = 900\n"
    "[[link]]\nkind = 'B'\nbidirectional_gb_s = 64\non_package = {}\n"
)


def test_io_is_every_link_and_interconnect_those_that_leave_the_package(profile: Make) -> None:
    found = claimed(profile(LINKS.format("true")))
    assert of(found, "io_bandwidth_gb_s").interval == Interval.point(664)
    assert of(found, "interconnect_bandwidth_gb_s").interval == Interval.point(600)
    outside = claimed(profile(LINKS.format("false")))
    assert of(outside, "interconnect_bandwidth_gb_s").interval == Interval.point(664)


def test_links_that_are_not_all_listed_are_a_lower_bound(profile: Make) -> None:
    found = claimed(profile("link_complete = false\n" + LINKS.format("false")))
    assert of(found, "io_bandwidth_gb_s").interval == Interval.at_least(664)


def test_what_the_silicon_would_link_uncapped_is_kept_beside(profile: Make) -> None:
    assert uncapped_io(profile(LINKS.format("false"))) == 964
    assert uncapped_io(load_profile("nvidia-a800-sxm-80gb")) == 664
    assert uncapped_io(load_profile("nvidia-h20")) is None


@pytest.mark.parametrize(
    ("lines", "bandwidth", "capacity"),
    [
        ("kind = 'HBM3'\ncapacity_gb = 96\nbandwidth_gb_s = 4000", Interval.point(4000), Interval.point(96)),
        ("kind = 'GDDR6'\ncapacity_gb = 24\nbandwidth_gb_s = 300", Interval.point(300), Interval.point(0)),
        ("kind = 'LPDDR5'\ncapacity_gb = 32", None, Interval(0, 32)),
        ("kind = 'LPDDR5'\ncapacity_gb = 32\ncopackaged = true", None, Interval.point(32)),
        ("kind = 'none'", Interval.point(0), Interval.point(0)),
        ("kind = 'HBM3'", None, None),
    ],
)
def test_memory_counts_as_its_kind_says(
    profile: Make, lines: str, bandwidth: Interval | None, capacity: Interval | None
) -> None:
    found = {e.parameter: e.interval for e in claimed(profile(f"[memory]\n{lines}"))}
    assert found.get("dram_bandwidth_gb_s") == bandwidth
    assert found.get("copackaged_dram_gb") == capacity


def test_what_is_not_claimed_is_not_there(profile: Make) -> None:
    assert claimed(profile("")) == []


HARDWARE = "[hardware]\nunits = 100\nboost_mhz = 1000\nmax_mhz = 1100\n" \
           "ops_per_clock = { fp8 = 8192 }\nenabled_ops_per_clock = { fp8 = 1024 }"  # fmt: skip


def test_rated_takes_the_enabled_rate_and_ceiling_the_silicons(profile: Make) -> None:
    found = profile(HARDWARE)
    low, high = of(rated(found), "tpp").interval, of(ceiling(found), "tpp").interval
    assert low.low == low.high == pytest.approx(100 * 1024 * 1000e6 / 1e12 * 8)
    assert high.low == high.high == pytest.approx(100 * 8192 * 1100e6 / 1e12 * 8)
    assert {e.basis for e in rated(found)} == {"rated"}
    assert {e.basis for e in ceiling(found)} == {"ceiling"}


def test_without_units_or_clock_nothing_is_rated(profile: Make) -> None:
    assert rated(profile("[hardware]\nunits = 100\nops_per_clock = { fp8 = 8192 }")) == []
    assert ceiling(profile("[hardware]\nboost_mhz = 100\nops_per_clock = { fp8 = 8192 }")) == []
    assert rated(profile("")) == []


def test_a_measurement_is_its_lower_limit_and_no_more(profile: Make) -> None:
    row = "[[measurement]]\nformat = '{}'\nwindow = '{}'\nrate_tops = {}\nexpanded_uncertainty = {}\n"
    lines = row.format("int8", "burst", 661.3, 0.01) + row.format("bf16", "sustained", 271.2, 0)
    found = measured_elsewhere(profile(lines))
    tpp = {e.basis: e.interval for e in found if e.parameter == "tpp"}
    assert {basis: i.low for basis, i in tpp.items()} == {
        "burst": pytest.approx(5237.496),
        "sustained": pytest.approx(4339.2),
    }
    assert not any(i.is_bounded for i in tpp.values())


def test_a_measured_tf32_rate_counts_its_nineteen_bits_alone() -> None:
    assert of(measured_rates([("tf32", 100.0)], "burst"), "tpp").interval == Interval.at_least(1900)


def test_emulated_figures_are_labelled() -> None:
    assert all(e.emulated for e in measured_rates([("fp8", 1.0)], "burst", emulated=True))
