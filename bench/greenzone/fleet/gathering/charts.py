"""The charts of a fleet: every figure by device, the nodes side by side, and what moved between dates."""

from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from greenzone.fleet.gathering.drift import Drift
from greenzone.fleet.gathering.figures import DeviceSummary
from greenzone.fleet.gathering.lots import Values
from greenzone.fleet.gathering.outliers import Outlier
from greenzone.fleet.gathering.summary import LotSummary, by_title
from greenzone.fleet.gathering.terminal import sentence
from greenzone.report.plain import plain
from greenzone.report.svg import Axis, Dot, Series, chart

MOST_DOTS = 120  # of the devices that are like their siblings: more cannot be told apart
MOST_APART = 40  # of those that are not, the farthest
NAMED = 3
MOST_FIGURES = 120
MOST_DRIFTS = 6
_NODES_NAMED = 4  # more do not fit below a small chart
SMALL = (330, 210)
_LETTERS = 20  # of a name beside a mark
_DAY_S = 86_400.0


def strips(lot: LotSummary, prefix: str) -> Markup:
    """A strip plot of each figure: devices in the order of nodes, those that lie apart marked and named."""
    apart: dict[str, dict[int, Outlier]] = {}
    for o in lot.outliers:
        known = apart.setdefault(o.title, {}).get(o.device)
        if known is None or known.distance is None:
            apart[o.title][o.device] = o
    places = _places(lot)
    values = sorted((v for v in lot.standing.values() if len(v.medians)), key=lambda v: by_title(v.title))
    drawn = (
        _strip(lot, v, apart.get(v.title, {}), places, f"{prefix}-{n}") for n, v in enumerate(values[:MOST_FIGURES])
    )
    return Markup("").join(drawn)


def _places(lot: LotSummary) -> tuple[Any, Axis]:
    """Where each device stands on the axis across, and the axis: the nodes by name where these are few."""
    import numpy as np

    rows = lot.standing.devices
    nodes = list(dict.fromkeys(row.node for row in rows))
    if len(nodes) > _NODES_NAMED:
        return np.arange(1.0, len(rows) + 1), Axis("devices, in the order of nodes")
    number = {node: n for n, node in enumerate(nodes)}
    counts, seen, at = [0] * len(nodes), [0] * len(nodes), []
    for row in rows:
        counts[number[row.node]] += 1
    for row in rows:
        n = number[row.node]
        seen[n] += 1
        at.append(n + 0.8 * ((seen[n] - 0.5) / counts[n] - 0.5))
    return np.array(at), Axis("node", labels=tuple(plain(node or "unknown", 24) for node in nodes))


def _strip(lot: LotSummary, v: Values, apart: dict[int, Outlier], places: tuple[Any, Axis], name: str) -> Markup:
    import numpy as np

    rows, tail = lot.standing.devices, ", emulated" if lot.standing.lot.emulated else ""
    at, across = places
    is_apart = np.isin(v.devices, list(apart))
    like = np.flatnonzero(~is_apart)
    like = like[:: max(1, -(-len(like) // MOST_DOTS))]
    far = sorted(np.flatnonzero(is_apart), key=lambda i: -abs(apart[int(v.devices[i])].deviation))[:MOST_APART]

    def dot(i: int, label: str = "") -> Dot:
        device, value, half = int(v.devices[i]), float(v.medians[i]), float(v.halves[i])
        o = apart.get(device)
        said = sentence(o).removeprefix(f"{v.title}: ") if o else f"{value:.4g} {v.unit}"
        words = plain(f"{rows[device].label}: {said}{tail}", 200)
        return Dot(float(at[device]), value, words, value - half, value + half, label)

    middle = float(np.median(v.medians))
    edges = (float(at.min()), float(at.max())) if len(at) > 1 else (float(at[0]) - 0.4, float(at[0]) + 0.4)
    line = tuple(Dot(x, middle, plain(f"median {middle:.4g} {v.unit}{tail}", 99)) for x in edges)
    series = [
        Series("a device", tuple(dot(int(i)) for i in like)),
        Series("apart", tuple(dot(int(i), _short(rows[int(v.devices[i])]) * (n < NAMED)) for n, i in enumerate(far))),
        Series("median", line, joined=True, marked=False),
    ]
    title = plain(f"{v.title}: by device", 160)
    drawn = chart(name, title, across, Axis(plain(v.unit, 20)), series, "EMULATED" if tail else "", SMALL)
    return _titled(v.title, drawn)


def _titled(title: str, drawn: Markup) -> Markup:
    """A chart below its title: what a small chart shows does not fit into it."""
    return Markup('<div class="strip"><p class="strong">{}</p>{}</div>\n').format(plain(title, 160), drawn)


def _short(row: DeviceSummary) -> str:
    """The end of a device's name, which tells it from its siblings."""
    name = plain(row.device if row.device.startswith(row.node) else f"{row.node} {row.device}", 400)
    return name if len(name) <= _LETTERS else f"...{name[-_LETTERS:]}"


def drift_charts(found: Sequence[Drift], prefix: str, stamp: str) -> Markup:
    """The figures that moved most, over the days since the first run."""
    return Markup("").join(_drift_charts(found[:MOST_DRIFTS], prefix, stamp))


def _drift_charts(found: Sequence[Drift], prefix: str, stamp: str) -> Iterator[Markup]:
    tail = ", emulated" if stamp else ""
    for n, d in enumerate(found):
        start = d.points[0][0]
        dots = tuple(
            Dot((at - start) / _DAY_S, value, plain(f"{(at - start) / _DAY_S:.1f} days: {value:.4g} {d.unit}{tail}"))
            for at, value in d.points
        )
        title = plain(f"{d.label}: {d.title}", 160)
        axes = Axis(f"days since {d.first_at[:10]}"), Axis(plain(d.unit, 20))
        yield _titled(title, chart(f"{prefix}-{n}", title, *axes, [Series("a run", dots, joined=True)], stamp, SMALL))
