"""What parts are compared by: regulated parameters, claimed rates by format, and facts of the hardware.

A metric is an interval, as everything a profile says: a point, a span where sources disagree or a fact
is open, `[0, inf)` where nothing is known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenzone.errors import unknown
from greenzone.formats import FORMATS
from greenzone.intervals import Interval
from greenzone.parameters import PARAMETERS
from greenzone.parts.capability import Part, part_of
from greenzone.parts.profile import DeviceProfile, Hardware

if TYPE_CHECKING:
    import pandas as pd

Ask = Callable[[DeviceProfile, Part], Interval]


@dataclass(frozen=True)
class Metric:
    """One thing to compare parts by."""

    name: str
    title: str
    unit: str
    ask: Ask


def _known(value: float | None) -> Interval:
    return Interval.UNKNOWN if value is None else Interval.point(value)


def _parameter(name: str) -> Ask:
    return lambda _, part: part.value(name).interval


def _rate(name: str) -> Ask:
    return lambda profile, _: profile.peak(name) or Interval.UNKNOWN


def _hardware(get: Callable[[Hardware], float | None]) -> Ask:
    return lambda profile, _: _known(get(profile.hardware) if profile.hardware else None)


def _per_watt(profile: DeviceProfile, part: Part) -> Interval:
    power = profile.hardware.power_w if profile.hardware else None
    return part.value("tpp").interval.scaled(1 / power) if power else Interval.UNKNOWN


def _memory_gb(profile: DeviceProfile, _: Part) -> Interval:
    memory = profile.memory
    if memory and memory.kind.upper() in ("NONE", "SRAM"):
        return Interval.point(0)
    own = _known(memory.capacity_gb if memory else None)
    for claim in (c for c in profile.claims if c.parameter == "copackaged_dram_gb"):
        own = claim.interval if own == Interval.UNKNOWN else own.hull(claim.interval)
    return own


# Llama 3.1 8B in bf16, one sequence: bytes that a decode step at 2,048 tokens of context cannot do without, and
# operations of a prompt of 2,048 tokens, as `lab.serving` counts them (a test holds them to it).
DECODE_STEP_BYTES = 15_278_284_800
PREFILL_OPERATIONS, PREFILL_TOKENS = 29_695_783_485_440, 2048


def _decode_tokens(_: DeviceProfile, part: Part) -> Interval:
    """At most, by the memory alone: every weight and the cache are read once a token."""
    return part.value("dram_bandwidth_gb_s").interval.scaled(1e9 / DECODE_STEP_BYTES)


def _prefill_tokens(profile: DeviceProfile, _: Part) -> Interval:
    """At most, by the claimed dense rate in 16 bits alone."""
    rate = profile.peak("bf16") or profile.peak("fp16") or Interval.UNKNOWN
    return rate.scaled(1e12 * PREFILL_TOKENS / PREFILL_OPERATIONS)


METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        *(Metric(p.name, p.title, p.unit, _parameter(p.name)) for p in PARAMETERS.values()),
        Metric("memory_gb", "DRAM capacity, in the package or not", "GB", _memory_gb),
        *(Metric(f"{f}_tops", f"claimed dense {f} rate", "TOPS", _rate(f)) for f in FORMATS),
        Metric("decode_tokens_s", "decode of Llama 3.1 8B in bf16, one user, at most", "tokens/s", _decode_tokens),
        Metric("prefill_tokens_s", "prefill of Llama 3.1 8B in 16 bits, at most", "tokens/s", _prefill_tokens),
        Metric("tpp_per_w", "TPP by board power", "TOPS x bit / W", _per_watt),
        Metric("power_w", "board power", "W", _hardware(lambda h: h.power_w)),
        Metric("units", "units of the whole package", "", _hardware(lambda h: h.units)),
        Metric("boost_mhz", "rated boost clock", "MHz", _hardware(lambda h: h.boost_mhz)),
        Metric("l2_mib", "last-level cache", "MiB", _hardware(lambda h: h.l2_mib)),
    )
}


def get_metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        UsageError: there is none; the nearest are named.
    """
    if name not in METRICS:
        raise unknown("metric", name, METRICS, f"allowed: {', '.join(METRICS)}")
    return METRICS[name]


@dataclass(frozen=True)
class Row:
    """A part with the metrics asked for."""

    profile: DeviceProfile
    values: dict[str, Interval]


def rows_of(profiles: Sequence[DeviceProfile], names: Sequence[str]) -> list[Row]:
    """Every part with its metrics, in the order given.

    Raises:
        UsageError: an unknown metric.
    """
    wanted = [get_metric(name) for name in dict.fromkeys(names)]
    found = []
    for profile in profiles:
        part = part_of(profile)
        found.append(Row(profile, {m.name: m.ask(profile, part) for m in wanted}))
    return found


def ordered(rows: Sequence[Row], name: str, ascending: bool = False) -> list[Row]:
    """Rows by the lower end of a metric, which is what is sure of it; parts of which nothing is known last."""
    known = [r for r in rows if not r.values[name].is_unknown]
    unknown_ones = [r for r in rows if r.values[name].is_unknown]
    sign = 1 if ascending else -1
    return [*sorted(known, key=lambda r: (sign * r.values[name].low, r.profile.id)), *unknown_ones]


def ranks(rows: Sequence[Row], name: str) -> dict[str, int]:
    """The place of every part of which something is known, the highest lower end first; equals share a place."""
    lows = sorted((r.values[name].low for r in rows if not r.values[name].is_unknown), reverse=True)
    return {r.profile.id: lows.index(r.values[name].low) + 1 for r in rows if not r.values[name].is_unknown}


def profile_frame(profiles: Sequence[DeviceProfile]) -> "pd.DataFrame":
    """Profiles as a DataFrame, a row a part by its id: identity, and for every metric three columns.

    NAME is the value where it is a point and NaN where it is not; NAME_low and NAME_high are the ends of
    the interval, 0 and inf where nothing is known. The columns of the regulated parameters are those that
    `classify_frame` reads.
    """
    import pandas as pd

    found: list[dict[str, Any]] = []
    for row in rows_of(profiles, tuple(METRICS)):
        p = row.profile
        line: dict[str, Any] = {
            "id": p.id, "name": p.name, "vendor": p.vendor, "architecture": p.architecture, "item": p.item,
            "datacenter": p.datacenter, "released": p.released,
        }  # fmt: skip
        for name, i in row.values.items():
            line |= {name: i.low if i.is_point else float("nan"), f"{name}_low": i.low, f"{name}_high": i.high}
        found.append(line)
    frame = pd.DataFrame(found, columns=None if found else ["id", "released", "datacenter"]).set_index("id")
    frame["released"] = pd.to_datetime(frame["released"])
    frame["datacenter"] = frame["datacenter"].astype("boolean")
    return frame
