"""Devices that lie apart: from their siblings, by robust distance, and from what their maker claims.

Neither is enough alone. A lot that is slow as a whole has no outlier in it, and a part that reaches a third of
its claim everywhere is as it was made. So the claim counts against a device only where its siblings come near it,
and against the lot where they do not. A device above its claim is no outlier by that: clocks boost, and of parts
that reach their claim half lie above it. It is told of the lot, for there the claim does not hold.

How often a sound fleet has a device apart was drawn, with 55 figures that spread by 1.8 %: where they share the
device's silicon, in 7 % of fleets of 8 devices and 6 % of those of 64; where each varies by itself, in 67 % and 42 %,
for the scale of a small lot is unsure. So a device that is apart in one figure of many is worth a second run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from greenzone.fleet.gathering.figures import DeviceSummary
from greenzone.fleet.gathering.lots import Values
from greenzone.tolerance import SMALL_LOT, THRESHOLD, centre

# Devices of one kind differ by 8 % on average where clocks follow the silicon (Sinha et al., "Not All GPUs Are
# Created Equal", SC22, arXiv 2208.11035): what lies apart by less is far out and still of no matter.
MATERIAL = 0.05
BELOW_CLAIM = 0.5  # of the claim: less is no difference of clocks
LOT_REACHES = 0.7  # of the claim: then it can be reached, and one that does not is apart
_FEW = 3  # with fewer devices nobody can be asked what can be reached

Side = Literal["slow", "fast", "below_claim"]


@dataclass(frozen=True, slots=True)
class Outlier:
    """A figure of one device that lies apart.

    Attributes:
        device: its place among the devices that count.
        deviation: from the median of the lot, as a fraction of it; from the claim where the side is below_claim.
        distance: in robust standard deviations; None where these are nothing, or the side is below_claim.
    """

    device: int
    title: str
    unit: str
    side: Side
    value: float
    middle: float
    deviation: float
    distance: float | None


def outliers_of(v: Values, limit: float = THRESHOLD) -> list[Outlier]:
    """The devices that lie apart in one figure, by either criterion, in the order of devices.

    Args:
        v: the figure of every device that counts.
        limit: robust distance from which on a device is an outlier (`tolerance.threshold` of all that are asked).
    """
    if len(v.medians) == 0:
        return []
    return sorted([*_from_siblings(v, limit), *_from_claim(v)], key=lambda o: (o.device, o.side))


def _from_siblings(v: Values, limit: float) -> Iterator[Outlier]:
    import numpy as np

    if len(v.medians) < SMALL_LOT:
        return
    # What one measurement is unsure by is no difference between devices: the scale is at least that.
    middle = centre(v.medians, float(np.median(v.halves)) / 2)
    apart = v.medians - middle.median
    far = np.abs(apart) > np.maximum(limit * middle.scale, MATERIAL * abs(middle.median))
    for place in np.flatnonzero(far):
        value = float(v.medians[place])
        distance = middle.distance(value) if middle.scale > 0 else None
        yield Outlier(
            int(v.devices[place]), v.title, v.unit, "slow" if value < middle.median else "fast", value,
            middle.median, value / middle.median - 1, distance,
        )  # fmt: skip


def _from_claim(v: Values) -> Iterator[Outlier]:
    import numpy as np

    known = np.flatnonzero(v.claims > 0)
    if not known.size:
        return
    shares = v.medians[known] / v.claims[known]
    if len(known) >= _FEW and float(np.median(shares)) < LOT_REACHES:
        return
    for place in known[shares < BELOW_CLAIM]:
        value, claim = float(v.medians[place]), float(v.claims[place])
        yield Outlier(int(v.devices[place]), v.title, v.unit, "below_claim", value, claim, value / claim - 1, None)


def lot_below_claim(v: Values) -> str | None:
    """That the lot as a whole is far below its claim, in words; None where it is not."""
    import numpy as np

    known = v.claims > 0
    if np.count_nonzero(known) < _FEW:
        return None
    share = float(np.median(v.medians[known] / v.claims[known]))
    if share >= BELOW_CLAIM:
        return None
    return f"{v.title}: half of the lot reaches less than {share:.0%} of the claim, so none is told apart by that"


def above_claim(values: Sequence[Values], rows: Sequence[DeviceSummary]) -> str | None:
    """That devices measured above their claim, y - U above it, in words, with the farthest; None where none did."""
    import numpy as np

    devices: set[int] = set()
    farthest, said = 0.0, ""
    for v in values:
        above = np.flatnonzero((v.claims > 0) & (v.medians - v.halves > v.claims))
        devices.update(map(int, v.devices[above]))
        for place in above[np.argsort(-v.medians[above] / v.claims[above])[:1]]:
            value, claim = float(v.medians[place]), float(v.claims[place])
            if value / claim > farthest:
                who = rows[int(v.devices[place])].label
                farthest, said = value / claim, f"{who}, {v.title}: {value:.4g} {v.unit} of {claim:.4g} claimed"
    return (
        f"measured above a claim of theirs: {len(devices)} of the devices; the farthest is {said}" if devices else None
    )
