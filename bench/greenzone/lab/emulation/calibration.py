"""The `[emulation]` table of a part from records of the real one: what it reached over what is claimed.

For each format and stream, from valid sustained rows on normal data:

    matmul_efficiency    = highest sustained rate of a format / claimed dense peak
    bandwidth_efficiency = sustained bandwidth of a stream / claimed bandwidth
    clock_mhz            = the median clock read off while a format was sustained
    idle_w               = the lowest board power read off
"""

from collections.abc import Iterator, Sequence
from typing import Any

import tomlkit

from greenzone.errors import NothingMeasured, RecordError, UsageError
from greenzone.formats import FORMATS
from greenzone.parts.catalogue import load_catalogue, named
from greenzone.parts.profile import DeviceProfile
from greenzone.records.record import EstimateRow, Record, Row
from greenzone.statistics import median

Table = dict[str, Any]
_NORMAL = (None, "normal")


def part_measured(records: Sequence[tuple[str, Record]]) -> DeviceProfile:
    """The profile of the part that all records are of.

    Raises:
        RecordError: a record of an emulated device, or of no part that is known.
        UsageError: records of several parts.
    """
    found = [_profile_of(where, record) for where, record in records]
    ids = list(dict.fromkeys(profile.id for profile in found))
    if len(ids) > 1:
        raise UsageError(f"the records are of {' and of '.join(ids)}; calibrate one part at a time")
    return found[0]


def _profile_of(where: str, record: Record) -> DeviceProfile:
    if record.device.get("emulated") or any(row.emulated for row in record.benchmarks):
        raise RecordError(
            f"{where}: is of an emulated device, and nothing learns from itself; give a record of a real one"
        )
    name = str(record.device.get("name") or "")
    found = named(name, load_catalogue().profiles)
    if len(found) != 1:
        raise RecordError(
            f"{where}: {name or 'a device without a name'} is in {len(found)} profiles; "
            "add the name to [match] of one (`greenzone identify` says which it behaves like)"
        )
    return found[0]


def calibrate(profile: DeviceProfile, records: Sequence[tuple[str, Record]]) -> Table:
    """The `[emulation]` table that the records say.

    Raises:
        RecordError: a figure that no efficiency can come of.
        NothingMeasured: no valid sustained figure in any record.
    """
    products: dict[str, float] = {}
    streams: dict[str, float] = {}
    clocks: dict[str, list[float]] = {}
    powers: list[float] = []
    for where, row in _sustained(records):
        powers += _readings(row, "power_w")
        if row.name == "matmul" and row.format in FORMATS and row.rate_tops and (peak := profile.peak(row.format)):
            share = _share(where, row, row.rate_tops, peak.high)
            if share > products.get(row.format, 0.0):
                products[row.format], clocks[row.format] = share, _readings(row, "clock_sm_mhz")
        elif row.bandwidth_gb_s and profile.memory and profile.memory.bandwidth_gb_s and row.name in _STREAMS:
            share = _share(where, row, row.bandwidth_gb_s, profile.memory.bandwidth_gb_s)
            streams[_STREAMS[row.name]] = max(share, streams.get(_STREAMS[row.name], 0.0))
    if not products and not streams:
        raise NothingMeasured("no record has a valid sustained product or stream; run matmul and memory first")
    seen = {name: round(median(values)) for name, values in clocks.items() if values}
    table: Table = {"matmul_efficiency": products, "bandwidth_efficiency": streams, "clock_mhz": seen}
    return {key: value for key, value in table.items() if value} | ({"idle_w": min(powers)} if powers else {})


_STREAMS = {f"memory.{name}": name for name in ("read", "copy", "triad")}


def _sustained(records: Sequence[tuple[str, Record]]) -> Iterator[tuple[str, Row]]:
    for where, record in records:
        for row in record.benchmarks:
            if row.measured and row.window == "sustained" and row.validity == "valid" and row.data in _NORMAL:
                yield where, row


def _share(where: str, row: Row, estimate: EstimateRow, claimed: float) -> float:
    """Measured over claimed, to four digits."""
    share = estimate.median / claimed
    if not 0 < share < 10:
        raise RecordError(
            f"{where}: {row.name} {row.format or ''} of {estimate.median:g} beside the claimed {claimed:g} is no "
            "efficiency; it lies above 0 and under 10"
        )
    return float(f"{share:.4g}")


def _readings(row: Row, name: str) -> list[float]:
    found = [state.get(name) for state in row.telemetry]
    return [float(v) for v in found if isinstance(v, int | float) and not isinstance(v, bool) and v > 0]


def calibrated_text(text: str, table: Table, source: str) -> str:
    """A profile's file with its `[emulation]` table replaced, everything else as it was.

    Args:
        text: of the profile's TOML file.
        table: what `calibrate` gave; a limiter that the file has stays.
        source: what the figures are from.
    """
    document = tomlkit.parse(text)
    old = document.get("emulation", {})
    new = tomlkit.table()
    for key, value in {**table, "source": source, "confidence": "reported"}.items():
        new[key] = _inline(value) if isinstance(value, dict) else value
    if "limiter" in old:
        new["limiter"] = old["limiter"]
    if "emulation" in document:
        document.remove("emulation")
    document["emulation"] = new
    return tomlkit.dumps(document)


def _inline(values: dict[str, float]) -> Any:
    table = tomlkit.inline_table()
    table.update(values)
    return table
