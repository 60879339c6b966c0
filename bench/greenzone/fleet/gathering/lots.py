"""Devices put together by part, their figures as columns of numbers, and which of them count.

One lot for each part, and emulated devices never in one with real ones. A column of a figure takes some 30 bytes
a device, so that a hundred thousand devices of fifty figures take some 150 MB.
"""

import sys
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from greenzone.fleet.gathering.figures import LEAST, MOST, DeviceSummary, Figure, seconds_of
from greenzone.fleet.gathering.reading import Arrival, LeftOut

_DAY_S = 86_400.0


@dataclass(slots=True)
class Column:
    """One figure of every device that has it: places in the lot's rows, and for each its median, U and claim (0: none).

    The three stand one after another in `figures`: one call puts them there, of which there are millions.
    """

    unit: str
    rows: "array[int]" = field(default_factory=lambda: array("I"))
    figures: "array[float]" = field(default_factory=lambda: array("d"))
    unsound: list[tuple[int, str]] = field(default_factory=list)

    def add(self, row: int, f: Figure) -> None:
        """A figure of the device in that row; one that is not valid is remembered, and no figure."""
        if f.validity != "valid" or not (f.median >= LEAST and f.high <= MOST):
            self.unsound.append((row, "invalid" if f.validity == "valid" else f.validity))
            return
        claim = f.claimed if f.claimed and LEAST <= f.claimed <= MOST else 0.0
        self.rows.append(row)
        self.figures.extend((f.median, f.high - f.median, claim))


@dataclass(slots=True)
class Lot:
    """All devices of one part that arrived, without their figures; the figures as columns by title."""

    part: str
    emulated: bool
    rows: list[DeviceSummary] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)
    _shared: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = field(default_factory=dict)

    def add(self, device: DeviceSummary) -> None:
        """A device with its figures."""
        row = len(self.rows)
        # The facts beside are the same few for most devices: held once.
        beside = self._shared.setdefault(tuple(device.beside.items()), device.beside)
        suite, name, node = (sys.intern(text) for text in (device.suite, device.name, device.node))
        self.rows.append(replace(device, figures={}, beside=beside, part=self.part, suite=suite, name=name, node=node))
        for title, figure in device.figures.items():
            if (column := self.columns.get(title)) is None:
                column = self.columns[title] = Column(figure.unit)
            column.add(row, figure)


@dataclass(frozen=True, slots=True)
class Values:
    """One figure of the devices that count: (n,) each, in the unit of the figure, by place in `Standing.rows`."""

    title: str
    unit: str
    devices: Any
    medians: Any
    halves: Any
    claims: Any
    unsound: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """The devices of a lot that count, each by its newest run, in the order of nodes and names.

    `rows` are places in the lot's; `histories` all runs of each device that was measured more than once, by time.
    """

    lot: Lot
    suite: str
    rows: tuple[int, ...]
    histories: Mapping[str, tuple[int, ...]]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]

    @property
    def devices(self) -> list[DeviceSummary]:
        return [self.lot.rows[row] for row in self.rows]

    def values(self) -> Iterator[Values]:
        """Each figure of the devices that count, in the order of titles."""
        import numpy as np

        place = np.full(len(self.lot.rows), -1, dtype=np.int64)
        place[list(self.rows)] = np.arange(len(self.rows))
        for title, c in sorted(self.lot.columns.items()):
            found = place[np.asarray(c.rows, dtype=np.int64)]
            order = np.argsort(found, kind="stable")[np.count_nonzero(found < 0) :]
            medians, halves, claims = np.asarray(c.figures, dtype=float).reshape(-1, 3)[order].T
            unsound = tuple(sorted((int(place[row]), why) for row, why in c.unsound if place[row] >= 0))
            yield Values(title, c.unit, found[order], medians, halves, claims, unsound)


def gathered(found: Iterable[Arrival]) -> tuple[list[Lot], list[LeftOut]]:
    """Everything that arrives, as lots in the order of parts, real ones first, and what is left out."""
    lots: dict[tuple[str, bool], Lot] = {}
    left_out: list[LeftOut] = []
    for arrival in found:
        if isinstance(arrival, LeftOut):
            left_out.append(arrival)
        else:
            key = arrival.part, arrival.emulated
            lots.setdefault(key, Lot(*key)).add(arrival)
    return [lots[key] for key in sorted(lots)], sorted(left_out, key=lambda x: (x.where, x.why))


def settled(lot: Lot) -> Standing:
    """Which devices of a lot count: one suite, one device for each identity, its newest run."""
    left_out: list[LeftOut] = []
    suite = _usual(row.suite for row in lot.rows)
    runs: dict[str, list[int]] = defaultdict(list)
    for place, row in sorted(enumerate(lot.rows), key=lambda x: _order(x[1])):
        if row.suite == suite:
            runs[row.identity].append(place)
        else:
            left_out.append(
                LeftOut(f"{row.label}, run {row.run}", f"of suite {row.suite or 'unknown'}; the others are of {suite}")
            )
    twice = [run for identity in runs for run in _once(lot, runs, identity)]
    if twice:
        more = f" and {len(twice) - 3} more" if len(twice) > 3 else ""
        left_out.append(LeftOut(f"run {', '.join(twice[:3])}{more}", "there more than once; counted once"))
    left_out += [x for identity in runs for x in _doubts(lot, runs, identity)]
    histories = {identity: tuple(places) for identity, places in runs.items() if len(places) > 1}
    current = sorted((places[-1] for places in runs.values() if places), key=lambda p: _place(lot.rows[p]))
    return Standing(lot, suite, tuple(current), histories, tuple(left_out), tuple(_notes(lot, current, histories)))


def _usual(names: Iterable[str]) -> str:
    """The most frequent; of several the first by name."""
    return min(Counter(names).items(), key=lambda x: (-x[1], x[0]))[0]


def _order(row: DeviceSummary) -> tuple[Any, ...]:
    return row.started_s, row.run, row.place, row.device


def _place(row: DeviceSummary) -> tuple[Any, ...]:
    return row.node, row.device, row.place, row.uuid


def _once(lot: Lot, runs: dict[str, list[int]], identity: str) -> list[str]:
    """Take out of a device's runs those that are there already; their ids."""
    first: dict[str, int] = {}
    for place in runs[identity]:
        first.setdefault(lot.rows[place].run, place)
    again = {lot.rows[place].run for place in set(runs[identity]) - set(first.values())}
    runs[identity] = list(first.values())
    return sorted(again)


def _doubts(lot: Lot, runs: dict[str, list[int]], identity: str) -> Iterator[LeftOut]:
    """Runs that cannot all be of one device: none of them is kept."""
    kept = runs[identity]
    if any(_at_once(lot.rows[a], lot.rows[b]) for a, b in pairwise(kept)):
        places = sorted({f"{lot.rows[p].place or '.'} ({lot.rows[p].device})" for p in kept})
        why = f"{len(kept)} runs report this UUID at one time, in {', '.join(places[:4])}; which is which is not known"
        yield LeftOut(identity, f"{why}; none of them is counted")
        runs[identity] = []


def _at_once(first: DeviceSummary, second: DeviceSummary) -> bool:
    """Whether two runs of one identity can hardly be of one device: at once, or elsewhere within a day."""
    is_elsewhere = (first.place, first.device) != (second.place, second.device)
    return second.started_s - (seconds_of(first.ended_at)) < (_DAY_S if is_elsewhere else 0.0)


def _notes(lot: Lot, current: Sequence[int], histories: Mapping[str, Sequence[int]]) -> Iterator[str]:
    rows = [lot.rows[place] for place in current]
    if histories:
        again = sum(len(places) for places in histories.values()) - len(histories)
        yield f"measured more than once: {len(histories)} of the devices; the newest run of each counts ({again} older)"
    for row in rows:
        if row.fault:
            yield f"{row.label}: the fault {row.fault} was switched on"
    for name in ("greenzone", "package", "rules", "driver", "torch", "power_limit_w", "clock_max_mhz", "memory_bytes"):
        said = Counter(row.beside.get(name, "") for row in rows)
        if len(said) > 1:
            counted = ", ".join(f"{value or 'unknown'} ({n})" for value, n in sorted(said.items()))
            yield f"devices differ in {name}: {counted:.300}"


def missing(rows: Sequence[DeviceSummary], per_node: int | None, nodes: Iterable[str] = ()) -> list[LeftOut]:
    """Nodes with fewer or more devices than they should have.

    Args:
        rows: the devices that count.
        per_node: how many each node should have; what its records say, or most nodes have, if None.
        nodes: those that should be there.
    """
    counts = Counter(row.node for row in rows if row.node)
    told = {row.node: row.siblings for row in rows if row.siblings}
    usual = int(_usual(str(n) for n in counts.values())) if len(counts) > 1 else None
    found = [
        LeftOut(f"node {node}", f"{counts[node]} devices, and {should} should be there")
        for node in sorted(counts)
        if (should := per_node or told.get(node) or usual) and counts[node] != should
    ]
    return found + [LeftOut(f"node {node}", "no device of it is there") for node in sorted(set(nodes) - set(counts))]
