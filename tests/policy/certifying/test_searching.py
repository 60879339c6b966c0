"""What was searched, and why something was not."""

from collections.abc import Callable

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
