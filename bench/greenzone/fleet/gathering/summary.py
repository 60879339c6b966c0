"""What a fleet says: each figure over the devices of a lot, and what of it a lot of that size can show.

A lot is taken as a sample of the devices of its kind. Statistics are of all devices that count, outliers among
them: none is taken out. Nothing is assumed to be normal in silence: a limit says what it rests on.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from greenzone.fleet.gathering.drift import Drift, drifts_of
from greenzone.fleet.gathering.lots import Lot, Standing, Values, gathered, missing, settled
from greenzone.fleet.gathering.outliers import Outlier, above_claim, lot_below_claim, outliers_of
from greenzone.fleet.gathering.places import Group, Links, groups_of, links_of
from greenzone.fleet.gathering.reading import Arrival, LeftOut
from greenzone.statistics import COVERAGE_FACTOR, median
from greenzone.tolerance import (
    CONFIDENCE,
    CONTENT,
    SMALL_LOT,
    THRESHOLD,
    content_of_range,
    one_sided_factor,
    order_rank,
    sample_size,
    threshold,
    two_sided_factor,
)

SCHEMA = "greenzone.fleet-summary/1"
NORMAL_P = 0.05  # below that a normal distribution is refused (Shapiro and Wilk, Biometrika 52, 1965)


@dataclass(frozen=True, slots=True)
class Limit:
    """A tolerance limit or interval, and what it rests on.

    `method` is "order statistics", which assumes nothing; "normal, not refused", of a lot too small for it whose
    values a test of normality did not refuse; or None, and then `content` is all that the range of the values holds.
    """

    low: float | None
    high: float | None
    content: float
    confidence: float
    method: str | None
    needs: int  # devices, for order statistics to give it


@dataclass(frozen=True, slots=True)
class Distribution:
    """One figure over the devices of a lot, in its unit; fractions are of the median.

    Attributes:
        own: the expanded uncertainty of one measurement, the median of the devices'.
        spread: the standard deviation between devices, each measurement's own taken off in quadrature; None
            where they differ by no more than that, or there is one device.
        of_claim: the median as a fraction of the median claim.
        unsound: how many figures were invalid or unstable; they are in no statistic.
    """

    title: str
    unit: str
    devices: int
    minimum: float
    p5: float
    median: float
    p95: float
    maximum: float
    own: float
    spread: float | None
    tolerance: Limit
    at_least: Limit
    of_claim: float | None
    unsound: int


@dataclass(frozen=True, slots=True)
class LotSummary:
    """One table of a fleet: a part, all real or all emulated."""

    standing: Standing
    threshold: float  # robust standard deviations from which on a device of it is apart
    figures: tuple[Distribution, ...]
    outliers: tuple[Outlier, ...]
    unsound: tuple[tuple[int, str], ...]  # a device, and which figure of it is what
    nodes: tuple[Group, ...]
    racks: tuple[Group, ...]
    links: tuple[Links, ...]
    drifts: tuple[Drift, ...]
    notes: tuple[str, ...]

    @property
    def devices(self) -> int:
        return len(self.standing.rows)


@dataclass(frozen=True, slots=True)
class Fleet:
    """All lots of a fleet, and everything that is in none of them."""

    lots: tuple[LotSummary, ...]
    left_out: tuple[LeftOut, ...]
    threshold: float

    @property
    def exit_code(self) -> int:
        """As the table of exit codes has it: 1 incomplete, 5 a device apart or a figure unsound, 4 nothing, 0."""
        if any(x.grave for x in self.left_out):
            return 1
        if any(lot.outliers or lot.unsound for lot in self.lots):
            return 5
        return 0 if any(lot.figures for lot in self.lots) else 4


def summarised(
    found: Iterable[Arrival], racks: dict[str, str] | None = None, per_node: int | None = None,
    least: float = THRESHOLD,
) -> Fleet:  # fmt: skip
    """A fleet from what arrives, in any order.

    Args:
        found: devices, and what could not be used.
        racks: the rack of each node; a node that is named and has no device is missing.
        per_node: how many devices a node should have.
        least: robust distance from which on a device is an outlier, at the least.
    """
    lots, left_out = gathered(found)
    standings = [settled(lot) for lot in lots]
    counted = [row for s in standings for row in s.devices]
    left_out += [x for s in standings for x in s.left_out] + missing(counted, per_node, racks or ())
    return Fleet(tuple(_lot(s, racks or {}, least) for s in standings if s.rows), tuple(left_out), least)


def _lot(standing: Standing, racks: dict[str, str], least: float) -> LotSummary:
    figures, outliers, unsound, notes = [], [], [], list(standing.notes)
    values, rows = sorted(standing.values(), key=lambda v: by_title(v.title)), standing.devices
    # Every figure of every device is asked, and each may lie out by chance.
    limit = threshold(len(rows) * len(values), least)
    for v in values:
        unsound += [(device, f"{v.title} {why}") for device, why in v.unsound]
        if len(v.medians):
            figures.append(distribution(v))
            outliers += outliers_of(v, limit)
            notes += [said] if (said := lot_below_claim(v)) else []
    notes += [said] if (said := above_claim(values, rows)) else []
    if len(rows) < SMALL_LOT:
        notes.append(
            f"a lot of {len(rows)} is too small to tell a device from its siblings by ({SMALL_LOT} are needed): only "
            "the claim is asked"
        )
    return LotSummary(
        standing, limit, tuple(figures), tuple(outliers), tuple(unsound),
        tuple(groups_of(values, [row.node for row in rows], least)),
        tuple(groups_of(values, [racks.get(row.node, "") for row in rows], least)),
        tuple(links_of(values, rows)), tuple(drifts_of(standing)), tuple(notes),
    )  # fmt: skip


def distribution(v: Values) -> Distribution:
    """One figure over the devices that have it, at least one."""
    import numpy as np

    n = len(v.medians)
    p5, middle, p95 = (float(q) for q in np.quantile(v.medians, (0.05, 0.5, 0.95)))
    claims = v.claims[v.claims > 0]
    return Distribution(
        v.title, v.unit, n, float(v.medians.min()), p5, middle, p95, float(v.medians.max()),
        float(np.median(v.halves)), between_devices(v.medians, v.halves), _limit(v.medians, sides=2),
        _limit(v.medians, sides=1), middle / float(np.median(claims)) if claims.size and middle else None,
        len(v.unsound),
    )  # fmt: skip


def between_devices(medians: Any, halves: Any) -> float | None:
    """The standard deviation between devices: what is left of the whole after each measurement's own.

    The root of s^2 less the mean of the squared standard uncertainties (JCGM 100:2008, 5.1.2, the other way round).

    Args:
        medians: (n,) of the devices.
        halves: (n,) their expanded uncertainties (k = 2).
    """
    import numpy as np

    if len(medians) < 2:
        return None
    own = float(np.mean((halves / COVERAGE_FACTOR) ** 2))
    left = float(np.var(medians, ddof=1)) - own
    return math.sqrt(left) if left > 0 else None


def _limit(values: Any, sides: int) -> Limit:
    """The 95 % / 95 % tolerance interval (2 sides) or lower limit (1), by what the lot is large enough for."""
    import numpy as np

    n, needs = len(values), sample_size(sides=sides)
    if rank := order_rank(n, sides=sides):
        ordered = np.partition(values, (rank - 1, n - rank))
        high = float(ordered[n - rank]) if sides == 2 else None
        return Limit(float(ordered[rank - 1]), high, CONTENT, CONFIDENCE, "order statistics", needs)
    if n >= SMALL_LOT and _may_be_normal(values):
        mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
        k = two_sided_factor(n) if sides == 2 else one_sided_factor(n)
        return Limit(
            mean - k * sd, mean + k * sd if sides == 2 else None, CONTENT, CONFIDENCE, "normal, not refused", needs
        )
    low, high = float(values.min()), float(values.max()) if sides == 2 else None
    return Limit(low, high, content_of_range(n, sides=sides), CONFIDENCE, None, needs)


def _may_be_normal(values: Any) -> bool:
    from scipy.stats import shapiro

    return bool(values.max() > values.min()) and float(shapiro(values).pvalue) >= NORMAL_P


def to_json(fleet: Fleet) -> dict[str, Any]:
    """Plain data, `greenzone.fleet-summary/1`; what is no number is null."""
    return {
        "schema": SCHEMA, "devices": sum(lot.devices for lot in fleet.lots), "threshold": fleet.threshold,
        "left_out": list(map(_plain, fleet.left_out)), "lots": list(map(_lot_json, fleet.lots)),
    }  # fmt: skip


def _plain(found: Any) -> Any:
    """A dataclass as plain data: `dataclasses.asdict` takes ten times as long, and there may be a row a node."""
    if isinstance(found, tuple | list):
        return [_plain(x) for x in found]
    return {f.name: _plain(getattr(found, f.name)) for f in fields(found)} if is_dataclass(found) else found


def _lot_json(lot: LotSummary) -> dict[str, Any]:
    s, rows = lot.standing, lot.standing.devices
    return {
        "part": s.lot.part, "name": usual_name(s.lot, s.rows), "emulated": s.lot.emulated, "suite": s.suite,
        "devices": lot.devices, "threshold": lot.threshold, "notes": list(lot.notes), "figures": _plain(lot.figures),
        "outliers": [{**_plain(o), **_who(rows[o.device])} for o in lot.outliers],
        "unsound": [{**_who(rows[device]), "figure": said} for device, said in lot.unsound],
        "nodes": _plain(lot.nodes), "racks": _plain(lot.racks), "links": _plain(lot.links),
        "drifts": _plain(lot.drifts),
    }  # fmt: skip


def _who(row: Any) -> dict[str, Any]:
    return {"device": row.device, "node": row.node, "uuid": row.uuid, "run": row.run, "place": row.place}


def usual_name(lot: Lot, rows: Sequence[int]) -> str:
    """What most of the devices call themselves."""
    return min(Counter(lot.rows[r].name for r in rows).items(), key=lambda x: (-x[1], x[0]))[0]


def by_device(outliers: Iterable[Outlier]) -> Iterator[tuple[int, list[Outlier]]]:
    """The outliers of each device, those farthest out first: by the number of figures, then by deviation."""
    found: dict[int, list[Outlier]] = {}
    for outlier in outliers:
        found.setdefault(outlier.device, []).append(outlier)
    for own in found.values():
        own.sort(key=lambda o: (o.distance is None, -abs(o.deviation), o.title, o.side))
    yield from sorted(found.items(), key=lambda x: (-len(x[1]), -abs(x[1][0].deviation), x[0]))


def of_siblings(own: Iterable[Outlier]) -> float | None:
    """What a device reaches of its siblings' median in the middle one of the figures it lies apart from them in."""
    shares = [1 + o.deviation for o in own if o.side != "below_claim"]
    return median(shares) if shares else None


FAMILIES = ("TPP", "matmul", "peak", "memory", "interconnect", "inference")


def by_title(title: str) -> tuple[int, list[tuple[str, int]]]:
    """The order of titles: as a record has them, numbers in them by size.

    >>> sorted(["peak fp8", "memory.sweep of 1024", "memory.sweep of 64"], key=by_title)
    ['peak fp8', 'memory.sweep of 64', 'memory.sweep of 1024']
    """
    family = next((n for n, name in enumerate(FAMILIES) if title.startswith(name)), len(FAMILIES))
    return family, [(text, int(x or 0)) for text, x in re.findall(r"(\D*)(\d*)", title) if text or x]
