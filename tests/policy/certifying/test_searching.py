"""What was searched, and why something was not."""

from collections.abc import Callable

import pytest

from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.examining import Examined
from greenzone.policy.certifying.searching import NEVER, searches

from .conftest import rows

Examine = Callable[..., Examined]


def test_why_something_was_not_searched_is_told(x1: DeviceProfile, examined: Examine) -> None:
    own = [
        {"name": "peak", "measured": False, "reason": "no Triton here"},
        {"name": "matmul", "format": "fp8", "window": "burst", "validity": "valid"},
        {"name": "matmul", "format": "fp8", "window": "sustained", "validity": "unstable", "notes": ["n"]},
    ]  # fmt: skip
    missing = searches(examined(own=own).record.benchmarks, x1)["tpp"].not_searched
    assert "fp8 from registers: no Triton here" in missing
    assert "fp8 by library: unstable: n" in missing


def test_a_way_counts_where_both_windows_gave_a_figure(x1: DeviceProfile, examined: Examine) -> None:
    half = [row for row in rows(format="fp8") if row["window"] == "burst"]
    found = searches(examined(own=half).record.benchmarks, x1)["tpp"]
    assert found.searched == ()
    assert "fp8 from registers: not run" in found.not_searched
    whole = searches(examined(own=rows(format="fp8")).record.benchmarks, x1)
    assert whole["tpp"].not_searched == NEVER["tpp"]


def link(name: str, variant: str | None = None, **more: object) -> list[dict[str, object]]:
    row = {"name": f"interconnect.{name}", "variant": variant, "validity": "valid", **more}
    return [{**row, "window": window} for window in ("burst", "sustained")]


@pytest.mark.parametrize("more", [{"validity": "invalid", "notes": ["n"]}, {"measured": False, "reason": "no room"}])
def test_of_two_ways_to_ask_one_that_failed_is_a_gap(
    x1: DeviceProfile, examined: Examine, more: dict[str, object]
) -> None:
    own = [*link("all_links", "one link for all"), *link("all_links", "a link each", **more)]
    found = searches(examined(own=own).record.benchmarks, x1)["interconnect_bandwidth_gb_s"]
    assert found.searched == ("interconnect all links one link for all",)
    assert any(gap.startswith("interconnect all links a link each: ") for gap in found.not_searched)


def test_a_way_that_gave_a_reason_alone_is_a_gap(x1: DeviceProfile, examined: Examine) -> None:
    own = [*link("peer", "one way"), {"name": "interconnect.peer", "measured": False, "reason": "it hangs"}]
    found = searches(examined(own=own).record.benchmarks, x1)["interconnect_bandwidth_gb_s"]
    assert "interconnect peer one way" in found.searched
    assert "interconnect peer: it hangs" in found.not_searched


def test_what_stays_in_the_package_is_no_search_for_what_leaves_it(examined: Examine) -> None:
    own = [*link("bidirectional"), *link("peer"), *link("all_links")]
    found = searches(examined(own=own).record.benchmarks, load_profile("nvidia-gh200"))["interconnect_bandwidth_gb_s"]
    assert found.searched == ("interconnect peer",)
    assert "interconnect bidirectional: it may stay inside the package, and is not counted" in found.not_searched
