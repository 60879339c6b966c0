"""What a record measured of the four quantities, and what counts in part or not at all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.examining import Examined
from greenzone.policy.certifying.figures import STORED_BITS, UNSETTLED, figures

Examine = Callable[..., Examined]


def row(name: str, value: float = 100.0, **more: Any) -> dict[str, Any]:
    metric = "rate_tops" if name in ("matmul", "peak") else "bandwidth_gb_s"
    estimate = {"median": value, "low": value - 1, "high": value + 1}
    return {"name": name, "window": "burst", "validity": "valid", metric: estimate, **more}


def test_tf32_counts_19_bits_and_raises_a_doubt_with_32(examined: Examine, x1: DeviceProfile) -> None:
    found = figures(examined(own=[row("peak", format="tf32")]).record, x1)["tpp"]
    assert [(f.value, f.expanded_uncertainty, f.doubt) for f in found] == [(1900, 19, None), (3200, 32, STORED_BITS)]


@pytest.mark.parametrize(
    ("more", "doubts"), [({}, [None]), ({"validity": "unstable"}, [UNSETTLED]), ({"validity": "invalid"}, [])]
)
def test_a_row_that_did_not_settle_counts_in_part_and_a_refused_one_not(
    examined: Examine, x1: DeviceProfile, more: dict[str, Any], doubts: list[str | None]
) -> None:
    found = figures(examined(own=[row("peak", format="fp8", **more)]).record, x1)["tpp"]
    assert [f.doubt for f in found] == doubts


def test_a_cache_is_no_dram_and_a_sum_over_ranks_is_no_link(examined: Examine, x1: DeviceProfile) -> None:
    own = [row("memory.sweep", 20000.0), row("interconnect.all_reduce", 2000.0), row("memory.dot")]
    found = figures(examined(own=own).record, x1)
    assert [f.row for f in found["dram_bandwidth_gb_s"]] == ["memory.dot burst"]
    assert found["interconnect_bandwidth_gb_s"] == []


def test_a_link_inside_the_package_is_no_interconnect(examined: Examine) -> None:
    own = [row("interconnect.bidirectional"), row("interconnect.peer"), row("interconnect.all_links")]
    one, grace = examined(own=own).record, load_profile("nvidia-gh200")
    inside = replace(grace, links=(*grace.links, replace(grace.links[0], on_package=True)))
    assert [f.row for f in figures(one, inside)["interconnect_bandwidth_gb_s"]] == ["interconnect.peer burst"]
    several = load_profile("amd-mi250x")
    assert [f.row for f in figures(one, several)["interconnect_bandwidth_gb_s"]] == [
        "interconnect.bidirectional burst"
    ]


def test_all_links_at_once_count_whole(examined: Examine, x1: DeviceProfile) -> None:
    one = examined(own=[row("interconnect.all_links", 1020.0), row("interconnect.peer", 740.0)]).record
    assert [f.value for f in figures(one, x1)["interconnect_bandwidth_gb_s"]] == [1020, 740]


def test_capacity_counts_what_error_correction_takes(examined: Examine, x1: DeviceProfile) -> None:
    one = examined(device={"memory_bytes": 90e9, "memory_ecc_bytes": 6e9}).record
    assert [f.value for f in figures(one, x1)["copackaged_dram_gb"]] == [96]
    assert figures(examined(device={"memory_bytes": None}).record, x1)["copackaged_dram_gb"] == []
    assert figures(one, None)["copackaged_dram_gb"] == []
