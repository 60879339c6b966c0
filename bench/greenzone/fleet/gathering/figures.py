"""A device in a few lines: who it is, where it stands, and each of its figures without the samples behind it.

A record is up to some MB, nearly all of it samples. A fleet is summed up from `greenzone.device/1` instead: one
JSON object a line, which `greenzone fleet gather --lines` writes of records and reads back. A figure is
[unit, median, low, high, validity, claim], low and high as in the record, the claim in the same unit or null.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic_core import from_json

from greenzone.errors import RecordError
from greenzone.fleet.identity import short
from greenzone.records.record import METRICS, Record, Row

SCHEMA = "greenzone.device/1"
LONGEST_LINE = 1 << 20  # bytes; the longest suite gives some 30 thousand
LEAST, MOST = 1e-15, 1e15  # of a figure in any unit: what lies outside is none, and its square may be no number
VALIDITIES = ("valid", "invalid", "unstable")
_TASK = re.compile(r"-\d+$")  # results/NODE-TASK, as srun is told to write


class Figure(NamedTuple):
    """A figure of one device: its median and what it is unsure by, in `unit`."""

    unit: str
    median: float
    low: float
    high: float
    validity: str
    claimed: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceSummary:
    """One run of one device. What is not known is empty text or None."""

    run: str
    started_at: str
    ended_at: str  # as started_at where the record does not say
    status: str
    suite: str
    emulated: bool
    device: str
    name: str
    uuid: str
    part: str
    node: str
    place: str  # the folder of its record, below the one that was gathered
    siblings: int | None  # how many devices its node has, where the record says so
    fault: str | None
    beside: Mapping[str, str]  # what else may explain a change: driver, clocks, power limit, versions
    figures: Mapping[str, Figure]

    @property
    def started_s(self) -> float:
        """When it began, in seconds since 1970; a time without a zone is UTC."""
        return seconds_of(self.started_at)

    @property
    def identity(self) -> str:
        """What tells it from every other device: its UUID; else where it stands."""
        return self.uuid or f"{self.node or self.place} {self.device}"

    @property
    def label(self) -> str:
        """How a person finds it."""
        where = f"{self.node} " if self.node and not self.device.startswith(self.node) else ""
        return f"{where}{self.device}{f' ({short(self.uuid):.40})' if self.uuid else ''}"

    def line(self) -> str:
        """The summary as one line of JSON, its end included."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return json.dumps({"schema": SCHEMA, **own}, allow_nan=False, separators=(",", ":")) + "\n"


def seconds_of(time: str) -> float:
    """An ISO 8601 time in seconds since 1970; one without a zone is UTC."""
    found = datetime.fromisoformat(time)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


_BESIDE = ("driver", "power_limit_w", "clock_max_mhz", "memory_bytes", "torch")


def summary_of(record: Record, place: str = "") -> DeviceSummary:
    """The summary of a record.

    Args:
        record: of one run.
        place: the folder it lay in, from which its node is told where the record names none.
    """
    device = record.device
    facts = device.get("part") if isinstance(device.get("part"), Mapping) else None
    beside = {name: _text(device.get(name)) for name in _BESIDE}
    beside |= {"greenzone": _text(record.tool.get("version")), "package": _text(record.tool.get("package_sha256"))[:12]}
    beside |= {"rules": _text(record.rules.get("sha256"))[:12]}
    held = device.get("node") if isinstance(device.get("node"), Mapping) else {}
    return DeviceSummary(
        record.run.id, record.run.started_at, record.run.ended_at or record.run.started_at, record.run.status,
        _text(record.settings.get("suite")),
        bool(device.get("emulated")) or any(row.emulated for row in record.benchmarks),
        _text(device.get("id")), _text(device.get("name")), _text(device.get("uuid")),
        _text((facts or {}).get("id")) or _text(device.get("name")), _node(record, place), place,
        _count((held or {}).get("devices")), _text(device.get("fault")) or None,
        {name: value for name, value in beside.items() if value}, _figures(record),
    )  # fmt: skip


def _text(value: object) -> str:
    return "" if value is None else str(value)[:200]


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _node(record: Record, place: str) -> str:
    """The node the fleet's run names; else the folder above the device's, NODE-TASK; else the emulated node."""
    fleet = record.environment.get("fleet")
    if isinstance(fleet, Mapping) and (named := fleet.get("node")):
        return _text(named)
    parts = place.split("/")
    if len(parts) > 1:
        return _TASK.sub("", parts[-2])
    device = _text(record.device.get("id"))
    return _emulated_node(device) if device.startswith("emulated:") else ""


def _emulated_node(device: str) -> str:
    """All but the index of a device in an emulated node.

    >>> _emulated_node("emulated:8xnvidia-h20:3"), _emulated_node("emulated:8xnvidia-h20")
    ('emulated:8xnvidia-h20', 'emulated:8xnvidia-h20')
    """
    return re.sub(r"(?<=.):\d+$", "", device)


def _figures(record: Record) -> dict[str, Figure]:
    claims = _claims(record)
    found = {row.title: figure for row in record.benchmarks if (figure := _figure(row, claims)) is not None}
    for window in ("burst", "sustained"):
        if (tpp := _evidence(record, "tpp", window)) is not None:
            # y - U of the best format: a lower bound, and so without a U of its own.
            found[f"TPP {window}, at least"] = Figure("TOPS x bit", tpp, tpp, tpp, "valid", claims.get("tpp"))
    return found


def _claims(record: Record) -> dict[str, float]:
    found = {name: _evidence(record, name, "claimed") for name in ("tpp", "dram_bandwidth_gb_s")}
    return {name: value for name, value in found.items() if value}


def _evidence(record: Record, parameter: str, basis: str) -> float | None:
    """The lower end of what is known of a parameter on one basis."""
    for row in record.evidence:
        low = row.get("low")
        if row.get("parameter") == parameter and row.get("basis") == basis and isinstance(low, int | float):
            return float(low)
    return None


def _figure(row: Row, claims: Mapping[str, float]) -> Figure | None:
    e, metric = row.estimate, row.metric
    if not row.measured or e is None or metric is None:
        return None
    is_stream = row.name.startswith("memory.") and not row.name.endswith("sweep")
    claimed = row.claimed_tops if metric == "rate_tops" else claims.get("dram_bandwidth_gb_s") if is_stream else None
    return Figure(METRICS[metric], e.median, e.low, e.high, row.validity or "unstable", claimed)


_KEYS = tuple(f.name for f in fields(DeviceSummary))
_TEXTS = ("run", "started_at", "ended_at", "status", "suite", "device", "name", "uuid", "part", "node", "place")


def summary_of_line(line: bytes, where: str) -> DeviceSummary:
    """A summary from a line of JSON.

    Args:
        line: as `DeviceSummary.line` writes it.
        where: what a fault names.

    Raises:
        RecordError: no summary, or a broken one.
    """
    try:
        data = from_json(line, allow_inf_nan=False, cache_strings="all")  # a third of the time of `json`
    except ValueError as error:
        raise RecordError(f"{where}: not valid JSON ({error}); a line is what `fleet gather --lines` writes") from None
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        said = data.get("schema") if isinstance(data, dict) else None
        raise RecordError(f"{where}: no device summary (schema is {said!r:.60}, not {SCHEMA!r})")
    try:
        _require_identity(data)
        data["figures"] = {title: _checked(title, entry) for title, entry in data["figures"].items()}
        return DeviceSummary(**{key: data[key] for key in _KEYS})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = f"{error.args[0]} is not there" if isinstance(error, KeyError) else str(error)
        raise RecordError(f"{where}: a broken device summary: {said:.200}") from None


def _require_identity(data: Mapping[str, Any]) -> None:
    for key in _TEXTS:
        if not isinstance(data[key], str):
            raise TypeError(f"{key} is {data[key]!r:.60}, not text")
    seconds_of(data["started_at"]), seconds_of(data["ended_at"])
    if not isinstance(data["emulated"], bool):
        raise TypeError("emulated is true or false")
    if data["siblings"] is not None and not _count(data["siblings"]):
        raise TypeError(f"siblings is {data['siblings']!r:.60}, not a count or null")
    if not isinstance(data["fault"], str | None):
        raise TypeError("fault is text or null")
    if not all(isinstance(value, str) for value in data["beside"].values()):
        raise TypeError("beside holds text")


def _checked(title: str, entry: Any) -> Figure:
    unit, median, low, high, validity, claimed = entry
    # A NaN fails the comparison as well; a text raises TypeError.
    if not -math.inf < low <= median <= high < math.inf:
        raise ValueError(f"{title}: {low}, {median}, {high} are no low, median and high")
    if validity not in VALIDITIES or not isinstance(unit, str):
        raise ValueError(f"{title}: validity is {validity!r:.40}; allowed: {', '.join(VALIDITIES)}")
    if claimed is not None and not 0 < claimed < math.inf:
        raise ValueError(f"{title}: the claim is {claimed!r:.40}; it is above 0, or null")
    return Figure(unit, median, low, high, validity, claimed)
