"""What silicon could do at most, and that a term that is missing leaves it unknown."""

from dataclasses import replace

import pytest

from greenzone.parts.capability import part_of
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.ceilings import ceilings


def test_a_term_that_is_missing_leaves_no_ceiling(x1: DeviceProfile) -> None:
    assert x1.hardware is not None
    assert x1.memory is not None
    without = {
        "tpp": replace(x1, hardware=replace(x1.hardware, units=None)),
        "dram_bandwidth_gb_s": replace(x1, memory=replace(x1.memory, bus_bits=None)),
        "interconnect_bandwidth_gb_s": replace(x1, link_complete=False),
        "copackaged_dram_gb": replace(x1, memory=replace(x1.memory, installed_gb=None)),
    }
    for name, profile in without.items():
        assert ceilings(profile, {})[name].value is None
        assert "known" in ceilings(profile, {})[name].working
    assert {c.value for c in ceilings(None, {"units": 9}).values()} == {None}


def test_a_claimed_format_without_operations_leaves_no_ceiling() -> None:
    b200 = load_profile("nvidia-b200")
    assert "not known in int8, tf32, fp32, fp64, fp64_tensor, fp6" in ceilings(b200, {})["tpp"].working


def test_a_capped_part_has_the_ceiling_of_its_silicon() -> None:
    found = ceilings(load_profile("nvidia-h20"), {})["tpp"]
    assert found.value == pytest.approx(78 * 8192 * 1.98e9 * 8 / 1e12)


@pytest.mark.parametrize(
    ("part", "sold", "ceiling"),
    [("nvidia-h20", 2368, 10121), ("nvidia-h800-sxm", 15832, 15831), ("nvidia-a800-sxm-80gb", 4992, 4990),
     ("nvidia-l20", 1912, 3798), ("nvidia-rtx-4090-d", 4707, 4707), ("amd-mi308x", None, 5505)],
)  # fmt: skip
def test_the_parts_that_were_made_for_the_limits_have_a_ceiling(part: str, sold: float | None, ceiling: float) -> None:
    """And of the capped ones it is several times what is sold."""
    profile = load_profile(part)
    assert ceilings(profile, {})["tpp"].value == pytest.approx(ceiling, rel=1e-3)
    if sold is not None:
        assert part_of(profile).value("tpp").interval.high == pytest.approx(sold, rel=2e-3)


def test_a_package_of_several_devices_has_the_ceiling_of_all() -> None:
    mi250x = load_profile("amd-mi250x")
    found = ceilings(mi250x, {"memory_bandwidth_ceiling_gb_s": 2000.0, "units": 200})
    assert found["dram_bandwidth_gb_s"].value == 4000


def test_a_link_that_is_capped_counts_as_fast_as_its_silicon_and_one_inside_the_package_not(x1: DeviceProfile) -> None:
    nvlink, pcie = x1.links
    capped = replace(x1, links=(replace(nvlink, bidirectional_gb_s=400, uncapped_gb_s=900), pcie))
    assert ceilings(capped, {})["interconnect_bandwidth_gb_s"].value == 1028
    inside = replace(x1, links=(replace(nvlink, on_package=True), pcie))
    assert ceilings(inside, {})["interconnect_bandwidth_gb_s"].value == 128
