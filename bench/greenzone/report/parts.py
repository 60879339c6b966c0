"""Parts side by side: tiers, and profiles compared, as rows that every form of table is made of.

A part is never ranked by one metric alone: beside the one it is sorted by stand the others that rules
and users look at, each with its own place and its share of a reference part.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from greenzone.errors import UsageError
from greenzone.intervals import Interval, number
from greenzone.parts.metrics import Row, get_metric, ordered, ranks, rows_of
from greenzone.parts.profile import DeviceProfile

TIER_METRICS = (
    "tpp", "performance_density", "dram_bandwidth_gb_s", "memory_gb", "interconnect_bandwidth_gb_s",
    "decode_tokens_s", "prefill_tokens_s",
)  # fmt: skip
# As a column is headed where the name is too wide.
HEADS = {
    "tpp": "TPP", "performance_density": "density", "dram_bandwidth_gb_s": "DRAM GB/s", "memory_gb": "DRAM GB",
    "interconnect_bandwidth_gb_s": "interconnect GB/s", "applicable_die_area_mm2": "die area mm2",
    "decode_tokens_s": "decode t/s", "prefill_tokens_s": "prefill t/s",
}  # fmt: skip
COMPARED = (
    *TIER_METRICS, "applicable_die_area_mm2", "io_bandwidth_gb_s", "copackaged_dram_gb", "dram_io_bandwidth_gb_s",
    "tops", "fp16_tops", "bf16_tops", "fp8_tops", "int8_tops", "fp4_tops", "fp64_tops", "tpp_per_w", "power_w",
    "units", "boost_mhz", "l2_mib",
)  # fmt: skip


def tiers(
    profiles: Sequence[DeviceProfile],
    sort: str = "tpp",
    reference: DeviceProfile | None = None,
    metrics: Sequence[str] = (),
    ascending: bool = False,
) -> list[dict[str, Any]]:
    """A row a part in the order of one metric, with the other metrics of a tier beside it.

    Args:
        profiles: the parts.
        sort: the metric of the order; the lower end of what is known of it counts.
        reference: the part of which every value is given as a share, NAME_share_low and _high.
        metrics: those shown; of a tier if none. Fewer than two are refused.
        ascending: the lowest first.

    Raises:
        UsageError: an unknown metric, or one metric alone.
    """
    names = tuple(dict.fromkeys((sort, *(metrics or TIER_METRICS))))
    if len(names) < 2:
        raise UsageError(f"{sort} alone ranks no part: name a second metric, or none for {', '.join(TIER_METRICS)}")
    rows = rows_of(profiles, names)
    places = {name: ranks(rows, name) for name in names}
    of = rows_of([reference], names)[0].values if reference else {}
    return [_tier(row, names, places, of) for row in ordered(rows, sort, ascending)]


def _tier(
    row: Row, names: Sequence[str], places: Mapping[str, Mapping[str, int]], of: Mapping[str, Interval]
) -> dict[str, Any]:
    p = row.profile
    found: dict[str, Any] = {"id": p.id, "name": p.name, "vendor": p.vendor}
    for name in names:
        value = row.values[name]
        found |= {f"{name}_low": _low(value), f"{name}_high": _high(value), f"{name}_rank": places[name].get(p.id)}
        if of:
            low, high = _share(value, of[name])
            found |= {f"{name}_share_low": low, f"{name}_share_high": high}
    return found


def _low(i: Interval) -> float | None:
    return None if i.is_unknown else i.low


def _high(i: Interval) -> float | None:
    return i.high if i.is_bounded else None


def _share(value: Interval, of: Interval) -> tuple[float | None, float | None]:
    """The least and the most share, by the ends of both; None where an end is open or nothing is known."""
    if value.is_unknown or of.low <= 0:
        return None, None
    low = value.low / of.high if of.is_bounded else None
    return low, (value.high / of.low if value.is_bounded else None)


def tier_cells(rows: Sequence[dict[str, Any]], metrics: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """The rows as a person reads them: one cell a metric, with its place and its share."""
    head = ["part", *(HEADS.get(m, m) for m in metrics)]
    return head, [[row["id"], *(_cell(row, m) for m in metrics)] for row in rows]


def _cell(row: Mapping[str, Any], name: str) -> str:
    text = span(row[f"{name}_low"], row[f"{name}_high"])
    if text == "unknown":
        return text
    share = percent(row.get(f"{name}_share_low"), row.get(f"{name}_share_high"))
    return f"{text} (#{row[f'{name}_rank']}{f', {share}' if share else ''})"


def percent(low: float | None, high: float | None) -> str:
    """A share in per cent: one figure where both ends round to it; nothing where an end is open."""
    if low is None or high is None:
        return ""
    return f"{low:.0%}" if f"{low:.0%}" == f"{high:.0%}" else f"{low:.0%} to {high:.0%}"


def span(low: float | None, high: float | None) -> str:
    """An interval in words, to four digits."""
    if low is None:
        return "unknown"
    if high is None:
        return f"at least {_short(low)}"
    return _short(low) if low == high else f"{_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    return number(round(value, 3 if value < 100 else 1 if value < 1e4 else 0))


def compared(
    profiles: Sequence[DeviceProfile], metrics: Sequence[str] = (), sort: str | None = None
) -> list[dict[str, Any]]:
    """A row a metric with the value of every part, and beside all but the first their share of the first.

    Metrics of which nothing is known of any part are left out, unless they were asked for.

    Raises:
        UsageError: an unknown metric, fewer than two parts, or a part given twice.
    """
    if len(profiles) < 2:
        raise UsageError("give at least two profiles to compare; `greenzone profiles show` shows one")
    ids = [p.id for p in profiles]
    if twice := next((i for i in ids if ids.count(i) > 1), None):
        raise UsageError(f"{twice} is given twice; give each profile once")
    names = tuple(metrics) or COMPARED
    parts = rows_of(profiles, (*names, *([sort] if sort else ())))
    parts = ordered(parts, sort) if sort else parts
    rows = [_compared(name, parts) for name in names]
    return [r for r in rows if metrics or any(r[f"{p.profile.id} low"] is not None for p in parts)]


def _compared(name: str, parts: Sequence[Row]) -> dict[str, Any]:
    first = parts[0].values[name]
    found: dict[str, Any] = {"metric": name, "unit": get_metric(name).unit}
    for n, row in enumerate(parts):
        value, ref = row.values[name], row.profile.id
        found |= {f"{ref} low": _low(value), f"{ref} high": _high(value)}
        if n:
            low, high = _share(value, first)
            found |= {f"{ref} share low": low, f"{ref} share high": high}
    return found


def compared_cells(rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """The comparison as a person reads it: one column a part, shares of the first in brackets."""
    ends = [k.removesuffix(" low") for k in rows[0] if k.endswith(" low")] if rows else []
    ids = [i for i in ends if not i.endswith(" share")]
    return ["", *ids], [[_named(row), *(_compared_cell(row, i) for i in ids)] for row in rows]


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['metric']} ({row['unit']})" if row["unit"] else str(row["metric"])


def _compared_cell(row: Mapping[str, Any], ref: str) -> str:
    share = percent(row.get(f"{ref} share low"), row.get(f"{ref} share high"))
    return span(row[f"{ref} low"], row[f"{ref} high"]) + (f" ({share})" if share else "")
