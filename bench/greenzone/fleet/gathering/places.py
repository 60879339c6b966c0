"""Where devices stand: nodes and racks whose devices sit together apart from the others, and the links of a node.

A cold aisle, a power limit or a driver is shared by a node, so that all its devices are a little slow and none of
them is an outlier. A group is judged by the median of its devices, which one slow device does not move.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenzone.datafiles import parse_toml, read_bytes
from greenzone.errors import DataFileError
from greenzone.fleet.gathering.figures import DeviceSummary
from greenzone.fleet.gathering.lots import Values
from greenzone.tolerance import MAD_TO_SD, SMALL_LOT, centre, threshold

_MEDIAN_SD = math.sqrt(math.pi / 2)  # of the median of n normal values, in standard deviations over sqrt(n)
# A node of devices that all differ from the others by less is of no matter, as the spread of clocks alone is larger.
MATERIAL = 0.02


@dataclass(frozen=True, slots=True)
class Apart:
    """A figure in which a group lies apart: its median as a fraction of the others' less one, and how far out."""

    title: str
    deviation: float
    distance: float


@dataclass(frozen=True, slots=True)
class Group:
    """The devices of one node or rack.

    `median` is that of its devices' figures, each as a fraction of its median over the lot; `apart` the figures in
    which the group lies apart, the farthest first.
    """

    name: str
    devices: int
    median: float
    slowest: float
    apart: tuple[Apart, ...]


@dataclass(frozen=True, slots=True)
class Links:
    """A link figure over the devices of one node: the slowest, the fastest and the median, in `unit`."""

    node: str
    title: str
    unit: str
    devices: int
    slowest_device: str
    slowest: float
    median: float
    fastest: float


@dataclass(frozen=True, slots=True)
class _Grouped:
    """One figure by group: (groups,) each, NaN where a group has none of it; `slowest` is a place in the values."""

    counts: Any
    lows: Any
    medians: Any
    highs: Any
    slowest: Any


def _grouped(values: Any, groups: Any, count: int) -> _Grouped:
    """Least, median and greatest of each group.

    Args:
        values: (n,) of the devices.
        groups: (n,) the number of each device's group, -1 where it has none.
        count: of groups.
    """
    import numpy as np

    order = np.lexsort((values, groups))
    edges = np.searchsorted(groups[order], np.arange(count + 1))
    counts = np.diff(edges)
    first, last = edges[:-1], np.maximum(edges[1:] - 1, 0)
    at = [np.minimum(i, len(values) - 1) for i in (first, (first + last) // 2, (first + last + 1) // 2, last)]
    low, below, above, high = (np.where(counts, values[order[i]], np.nan) for i in at)
    return _Grouped(counts, low, (below + above) / 2, high, order[at[0]])


def groups_of(values: Sequence[Values], names: Sequence[str], least: float) -> list[Group]:
    """The groups of a lot in the order of names; none where all devices stand in one, or nobody knows where.

    Args:
        values: each figure of the devices that count.
        names: the group of each of them; empty where it is not known.
        least: robust distance from which on a group lies apart, at the least; more of many groups and figures.
    """
    import numpy as np

    known = sorted({name for name in names if name})
    if len(known) < 2:
        return []
    number = {name: n for n, name in enumerate(known)}
    of_device = np.array([number.get(name, -1) for name in names])
    shares, apart = [], [list[Apart]() for _ in known]
    limit = threshold(len(known) * len(values), least)
    for v in values:
        if len(v.medians) and (middle := float(np.median(v.medians))):
            relative = v.medians / middle
            found = _grouped(relative, of_device[v.devices], len(known))
            shares.append((found.medians, found.lows))
            for n, one in _apart(v.title, found, relative, limit):
                apart[n].append(one)
    if not shares:
        return []
    medians, lows = (np.array(side) for side in zip(*shares, strict=True))
    medians[:, np.isnan(medians).all(axis=0)] = lows[:, np.isnan(lows).all(axis=0)] = 1.0  # a group without a figure
    middles, least_of = np.nanmedian(medians, axis=0), np.nanmin(lows, axis=0)
    counts = np.bincount(of_device[of_device >= 0], minlength=len(known))
    return [
        Group(name, int(counts[n]), float(middles[n]), float(least_of[n]), tuple(sorted(apart[n], key=_farthest)))
        for n, name in enumerate(known)
    ]


def _farthest(found: Apart) -> tuple[float, str]:
    return -abs(found.deviation), found.title


def _apart(title: str, found: _Grouped, relative: Any, limit: float) -> Iterator[tuple[int, Apart]]:
    """The groups whose median lies out among the medians of all, by more than devices drawn at random would."""
    import numpy as np

    there = np.flatnonzero(found.counts)
    if len(there) < SMALL_LOT:
        return
    spread = MAD_TO_SD * float(np.median(np.abs(relative - np.median(relative))))
    middle = centre(found.medians[there])
    scales = np.maximum(middle.scale, _MEDIAN_SD * spread / np.sqrt(found.counts[there]))
    deviations = found.medians[there] - middle.median
    out = (np.abs(deviations) > np.maximum(limit * scales, MATERIAL)) & (scales > 0)
    for n, deviation, scale in zip(there[out], deviations[out], scales[out], strict=True):
        yield int(n), Apart(title, float(deviation), float(deviation / scale))


def links_of(values: Sequence[Values], rows: Sequence[DeviceSummary]) -> list[Links]:
    """Every link figure of every node with several devices, the least even first."""
    import numpy as np

    known = sorted({row.node for row in rows if row.node})
    number = {name: n for n, name in enumerate(known)}
    of_device = np.array([number.get(row.node, -1) for row in rows])
    links = []
    for v in values:
        if not v.title.startswith("interconnect.") or not len(v.medians):
            continue
        found = _grouped(v.medians, of_device[v.devices], len(known))
        for n in np.flatnonzero(found.counts > 1):
            slowest = rows[int(v.devices[found.slowest[n]])].device
            figures = (float(a[n]) for a in (found.lows, found.medians, found.highs))
            links.append(Links(known[n], v.title, v.unit, int(found.counts[n]), slowest, *figures))
    return sorted(links, key=lambda x: (x.slowest / x.median if x.median else 1.0, x.node, x.title))


def read_racks(path: Path) -> dict[str, str]:
    """The rack of each node: a CSV file of the columns node and rack, or a TOML file of RACK = [NODE, ...].

    Raises:
        FileError: it cannot be read.
        DataFileError: neither of the two, or a node in two racks.
    """
    content = read_bytes(path)
    pairs = _from_toml(parse_toml(content, path), path) if path.suffix == ".toml" else _from_csv(content, path)
    racks: dict[str, str] = {}
    twice = [node for node, rack in pairs if racks.setdefault(node, rack) != rack]
    if twice:
        raise DataFileError(path, [f"{node} - in two racks; a node stands in one" for node in dict.fromkeys(twice)])
    return racks


def _from_toml(data: Mapping[str, Any], path: Path) -> list[tuple[str, str]]:
    wrong = [k for k, v in data.items() if not isinstance(v, list) or not all(isinstance(x, str) for x in v)]
    if wrong:
        raise DataFileError(path, [f'{key} - not a list of nodes; write RACK = ["node1", "node2"]' for key in wrong])
    return [(node, rack) for rack, nodes in data.items() for node in nodes]


def _from_csv(content: bytes, path: Path) -> list[tuple[str, str]]:
    try:
        return _pairs(csv.DictReader(content.decode("utf-8-sig").splitlines()), path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataFileError(path, [f"not a CSV file in UTF-8 ({error})"]) from None


def _pairs(reader: "csv.DictReader[str]", path: Path) -> list[tuple[str, str]]:
    if not {"node", "rack"} <= set(reader.fieldnames or ()):
        there = ", ".join(reader.fieldnames or ()) or "none"
        raise DataFileError(path, [f"its columns are {there}; they must be node and rack"])
    return [(row["node"].strip(), row["rack"].strip()) for row in reader if row["node"] and row["rack"]]
