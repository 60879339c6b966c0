"""Two sides of records, benchmark by benchmark: the ratio of their rates, and whether it is a regression.

A side is the records of one run, or of several of the same device: their samples are put together as
rounds of one series, so that what differs between runs widens the interval (`statistics.median_ratio`).
The interval of two single runs knows nothing of what would differ in a third.

A benchmark has regressed only where the whole interval lies below 1 - tolerance.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from greenzone.errors import NothingMeasured, UsageError
from greenzone.records.record import METRICS, Record, Row, key
from greenzone.statistics import COVERAGE_FACTOR, Series, median, median_ratio

SCHEMA = "greenzone.comparison/1"
TOLERANCE = 0.05
# What a difference in explains a ratio: said before any figure.
_DEVICE = ("id", "name", "uuid", "driver", "power_limit_w", "clock_max_mhz", "memory_bytes", "torch")
# Samples of one side that are resampled, evenly spread over its rounds: what bounds the memory of a long history.
_MOST, _FEWEST = 10_000, 20
_SETTINGS = ("suite", "seed", "batch", "context", "data")

Status = Literal["regressed", "improved", "same", "unclear"]


@dataclass(frozen=True)
class Ratio:
    """The rate of one benchmark after, as a fraction of that before; `low` and `high` hold nominally 95 %."""

    benchmark: str
    unit: str
    before: float
    after: float
    ratio: float
    low: float
    high: float
    status: Status


@dataclass(frozen=True)
class Comparison:
    """Two sides compared: what differs beside the figures first, then the ratios, then what has none.

    `unsound` are benchmarks that the first side settled and the second did not.
    """

    tolerance: float
    emulated: bool
    differences: tuple[str, ...]
    ratios: tuple[Ratio, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    left_out: tuple[str, ...]
    unsound: tuple[str, ...]

    @property
    def regressed(self) -> tuple[Ratio, ...]:
        return tuple(r for r in self.ratios if r.status == "regressed")

    @property
    def failed(self) -> bool:
        """Whether a benchmark regressed, or could be measured before and not now."""
        return bool(self.regressed or self.unsound)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"schema": SCHEMA, **asdict(self)}


def compare(before: Sequence[Record], after: Sequence[Record], tolerance: float = TOLERANCE) -> Comparison:
    """Compare two sides.

    Args:
        before: the records compared with.
        after: the records that are judged.
        tolerance: the fraction by which a rate may fall without being a regression.

    Raises:
        UsageError: one side is emulated and the other measured.
        NothingMeasured: no benchmark was measured on both sides.
    """
    emulated = [_emulated(side) for side in (before, after)]
    if emulated[0] != emulated[1]:
        first, second = ("emulated" if e else "measured" for e in emulated)
        raise UsageError(f"the first side is {first}, the second {second}: a model's figures are none of a real part")
    left, right = _benchmarks(before), _benchmarks(after)
    common = [k for k in left if k in right]
    sound = [k for k in common if _sound(left[k]) and _sound(right[k])]
    if not sound and not any(_sound(left[k]) for k in common):
        raise NothingMeasured("the two sides have no benchmark in common that was measured soundly; nothing to compare")
    return Comparison(
        tolerance, emulated[0], tuple(differences(before, after)),
        tuple(_ratio(left[k], right[k], tolerance) for k in sound),
        tuple(_title(left[k]) for k in left if k not in right), tuple(_title(right[k]) for k in right if k not in left),
        tuple(f"{_title(left[k])}: {_why(left[k])} before" for k in common if not _sound(left[k])),
        tuple(f"{_title(left[k])}: {_why(right[k])}" for k in common if _sound(left[k]) and not _sound(right[k])),
    )  # fmt: skip


def _emulated(side: Sequence[Record]) -> bool:
    kinds = {bool(r.device.get("emulated")) or any(row.emulated for row in r.benchmarks) for r in side}
    if len(kinds) > 1:
        raise UsageError("one side holds emulated and measured records: give a side of one kind")
    return True in kinds


def _benchmarks(side: Sequence[Record]) -> dict[tuple[Any, ...], list[Row]]:
    """The rows of each benchmark, one from each record; of several devices each by itself."""
    several = len({record.device.get("id") for record in side}) > 1
    found: dict[tuple[Any, ...], list[Row]] = {}
    for record in side:
        for row in record.benchmarks:
            if row.measured:
                found.setdefault((str(record.device.get("id")) if several else None, *key(row)), []).append(row)
    return found


def _title(rows: Sequence[Row]) -> str:
    return rows[0].title


def _sound(rows: Sequence[Row]) -> bool:
    return all(row.validity == "valid" and row.estimate is not None and row.estimate.median > 0 for row in rows)


def _why(rows: Sequence[Row]) -> str:
    return next((row.validity for row in rows if row.validity not in (None, "valid")), None) or "without a figure"


def _ratio(before: Sequence[Row], after: Sequence[Row], tolerance: float) -> Ratio:
    left, right = _series(before), _series(after)
    systematic = math.hypot(_systematic(before), _systematic(after))
    # Seconds go the other way than rates: the time before by the time after.
    found = median_ratio(left, right, systematic)
    status = _status(found.low, found.high, tolerance)
    rates = (1 / median(left.samples), 1 / median(right.samples))
    unit = METRICS[before[0].metric or "rate_tops"]
    return Ratio(_title(before), unit, *rates, found.median, found.low, found.high, status)


def _series(rows: Sequence[Row]) -> Series:
    """The seconds for a unit of work of every call of every run, runs and their rounds as rounds."""
    parts = [part for row in rows for part in _rounds(row)]
    most = max(_FEWEST, _MOST // len(parts))
    thinned = [part[:: math.ceil(len(part) / most)] for part in parts]
    return Series(tuple(s for part in thinned for s in part), tuple(len(part) for part in thinned))


def _rounds(row: Row) -> Iterator[list[float]]:
    """The seconds for a unit of work in each round of a run; one figure where the calls were not kept."""
    rate = row.estimate.median if row.estimate else 1.0
    scale = median(row.samples) * rate if row.samples else 1.0
    own = [s / scale for s in row.samples] or [1 / rate]
    sizes = row.rounds if row.rounds and sum(row.rounds) == len(own) else [len(own)]
    for end, size in zip(itertools.accumulate(sizes), sizes, strict=True):
        yield own[end - size : end]


def _systematic(rows: Sequence[Row]) -> float:
    """The relative standard uncertainty that resampling the calls does not show: clock, resolution, other runs."""
    return max(_beside_samples(row) for row in rows)


def _beside_samples(row: Row) -> float:
    e, budget = row.estimate, row.uncertainty or {}
    if not row.samples and e is not None:
        return (e.high - e.median) / e.median / COVERAGE_FACTOR
    if "combined" in budget:
        return math.sqrt(max(0.0, budget["combined"] ** 2 - budget.get("repeatability", 0.0) ** 2))
    return row.timer_uncertainty or 0.0


def _status(low: float, high: float, tolerance: float) -> Status:
    if high < 1 - tolerance:
        return "regressed"
    if low > 1 + tolerance:
        return "improved"
    return "same" if low >= 1 - tolerance and high <= 1 + tolerance else "unclear"


def differences(before: Sequence[Record], after: Sequence[Record]) -> Iterator[str]:
    """What the two sides differ in beside their figures: device, environment, settings, version of the tool."""
    left, right = ([_facts(r) for r in side] for side in (before, after))
    for name in dict.fromkeys(name for facts in (*left, *right) for name in facts):
        values = [list(dict.fromkeys(str(f.get(name)) for f in side)) for side in (left, right)]
        if values[0] != values[1]:
            yield f"{name}: {', '.join(values[0])} before, {', '.join(values[1])} after"


def _facts(record: Record) -> Mapping[str, Any]:
    device = {f"device {name}": record.device.get(name) for name in _DEVICE}
    settings = {f"setting {name}": record.settings.get(name) for name in _SETTINGS}
    environment = {name: value for name, value in record.environment.items() if name != "executable"}
    return {**device, **environment, **settings, "greenzone": record.tool.get("version")}
