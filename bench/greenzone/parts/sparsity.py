"""Whether a claimed dense rate looks like a 2:4 sparse one, printed without its label.

Sparse matrix units double a rate, so a figure that is twice what it should be is suspect: twice what
units x operations x clock gives, or twice what the ladder between formats gives (half the bits, twice the
rate). A suspicion is a warning with its evidence; it changes no figure.
"""

from collections.abc import Iterator

from greenzone.intervals import number
from greenzone.parts.profile import DeviceProfile, Sourced

TOLERANCE = 0.04
SIXTEEN = ("fp16_acc16", "fp16", "bf16")  # GeForce runs the second and third at half the rate of the first
EIGHT = ("fp8", "fp8_acc16", "int8")


def suspicions(profile: DeviceProfile) -> Iterator[str]:
    """What looks sparse in a profile, with the evidence; nothing where nothing does."""
    rates = {name: figure.value for name, figure in _dense(profile).items()}
    slow = max((name for name in SIXTEEN if name in rates), key=rates.__getitem__, default=None)
    for fast in EIGHT:
        if slow is not None and fast in rates and _is_twice(rates[fast], 2 * rates[slow]):
            ladder = f"{number(rates[fast])} is 4 x {slow} {number(rates[slow])}, where 2 x is the rule"
            yield f"{fast} looks sparse: {ladder}"
    for name, rated in _rated(profile):
        if name in rates and _is_twice(rates[name], rated):
            yield f"{name} looks sparse: {number(rates[name])} is twice units x operations x clock, {rated:.4g}"


def _dense(profile: DeviceProfile) -> dict[str, Sourced]:
    figures = profile.peak_tops.rates() if profile.peak_tops else {}
    return {name: figure for name, figure in figures.items() if figure.sparsity == "dense"}


def _rated(profile: DeviceProfile) -> Iterator[tuple[str, float]]:
    h = profile.hardware
    if h and h.boost_mhz:
        for name, operations in {**h.ops_per_clock, **h.enabled_ops_per_clock}.items():
            if rate := h.rate_tops(operations, h.boost_mhz):
                yield name, rate


def _is_twice(value: float, expected: float) -> bool:
    return abs(value / expected - 2) <= 2 * TOLERANCE
