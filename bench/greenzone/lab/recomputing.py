"""The figures of a row worked out again from its samples, as the run worked them out, without a device.

What one call amounts to comes from the shape; time from the samples; their uncertainty from both. Taken as
recorded are the ceiling (`verification` holds it against the profile), whether a load had settled, which
earlier samples told, and of inference the operations and bytes of the layer and of the step, the seconds of
each part of its rest, and what fits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from greenzone.errors import RecordError
from greenzone.lab.links import AllLinks, AllReduce, Transfer
from greenzone.lab.measure.sampling import CEILING_MARGIN
from greenzone.lab.operators import Matmul, Operator
from greenzone.lab.peak import Peak
from greenzone.lab.repeats import widened
from greenzone.lab.results import Check
from greenzone.lab.streams import STREAMS, Sweep
from greenzone.lab.workloads.plan import figures
from greenzone.lab.workloads.steps import Reached, judged
from greenzone.records.record import METRICS, EstimateRow, Row
from greenzone.records.store import MAX_SAMPLES
from greenzone.statistics import median

_SHORTEST_S, _LONGEST_S = 1e-12, 1e6  # of a call
_NONE: Mapping[str, Any] = dict.fromkeys((*METRICS, "ttft_s", "tpot_s", "mfu", "mbu", "bound_by"))
_SCALE = {"rate_tops": 1e12, "bandwidth_gb_s": 1e9}
_STREAMS = {stream.name: stream for stream in STREAMS}
_STREAM_ELEMENT_BYTES = 4  # streams run in fp32
_ROUTES: Mapping[str, Any] = {
    f"interconnect.{route}": route for route in ("host_to_device", "device_to_host", "bidirectional", "peer")
}


def recomputed(row: Row) -> Row:
    """The row with every figure worked out again; one without samples has none.

    Raises:
        GreenzoneError, ArithmeticError, LookupError, TypeError, ValueError: it cannot be worked out; the
            message says why.
    """
    if not row.measured:
        return row.model_copy(update=_NONE)
    row = _counted(row)
    if not row.samples:
        return _judged(row.model_copy(update=_NONE))
    _require_samples(row)
    name = _metric(row)
    step = _step(row) if name == "tokens_per_s" else {}
    found = figures(name, _amount(row, name), _whole(row, row.samples, _rest_seconds(row)), row.rounds)
    e = found.metrics[name]
    estimate = EstimateRow(median=e.median, low=e.low, high=e.high)
    again = row.model_copy(update={**_NONE, name: estimate, **found.sureness, **step})
    return _judged(_with_repeats(again, name))


def _counted(row: Row) -> Row:
    """With the operations and bytes that its shape comes to, where the row says what was run."""
    operator = _operator(row)
    return row.model_copy(update={"operations": operator.operations, "bytes": operator.bytes}) if operator else row


def _operator(row: Row) -> Operator | None:
    shape, form = row.shape, row.format or ""
    if row.name == "matmul":
        return Matmul(shape["m"], shape["n"], shape["k"], form)
    if row.name == "peak":
        return Peak(form, shape["programs"], shape["m"], shape["n"], shape["k"], shape["repeats"])
    if row.name in _STREAMS:
        return _STREAMS[row.name](shape["elements"] * _STREAM_ELEMENT_BYTES)
    if row.name == Sweep.name:
        return Sweep(shape["working_set_bytes"], passes=shape["passes"])
    if row.name in _ROUTES:
        both = row.name.endswith("peer") and row.variant == "both ways at once"
        return Transfer(_ROUTES[row.name], shape["bytes_each_way"], both)
    if row.name == AllLinks.name:
        return AllLinks(shape["host_bytes_each_way"], shape["peer_bytes_each_way"], shape["peers"])
    return AllReduce(shape["bytes"], shape["ranks"]) if row.name == AllReduce.name else None


def _metric(row: Row) -> str:
    """Which figure a row of that name has; the name says it, so that a row cannot choose."""
    if row.name in ("matmul", "peak"):
        return "rate_tops"
    if row.name.startswith(("memory.", "interconnect.")):
        return "bandwidth_gb_s"
    if row.name.startswith("inference."):
        return "tokens_per_s"
    raise RecordError(f"no benchmark is called {row.name!r:.60}")


def _amount(row: Row, name: str, one: Mapping[str, Any] | None = None) -> float:
    """What one call amounts to: 10^12 operations, 10^9 bytes, or tokens."""
    if name == "tokens_per_s":
        return _number(row.tokens, "tokens")
    key = "operations" if name == "rate_tops" else "bytes"
    return _number(one[key] if one is not None else getattr(row, key), key) / _SCALE[name]


def _whole(row: Row, samples: list[float], rest_seconds: Any) -> list[float]:
    """Seconds of what the figure is about: of a model worked out, that is every layer and the rest."""
    if not _is_worked_out(row):
        return samples
    layers, rest = _number(row.layers, "layers"), _number(rest_seconds, "rest_seconds")
    return [layers * sample + rest for sample in samples]


def _is_worked_out(row: Row) -> bool:
    """Whether its samples are those of one layer; a model measured whole says that it is not."""
    return row.name.startswith("inference.") and row.worked_out is not False


def _rest_seconds(row: Row) -> float | None:
    """Seconds of a step beside its commonest layers; in older records, those of the head."""
    if parts := _table(row, "rest"):
        return sum(_number(seconds, f"rest.{name}") for name, seconds in parts.items())
    return row.head_seconds if row.rest_seconds is None else row.rest_seconds


@dataclass(frozen=True, slots=True)
class _Told:
    """A step as a row tells of it."""

    phase: Any
    operations: float
    bytes: float
    devices: int


def _step(row: Row) -> dict[str, Any]:
    """What of a step was worked out from the first round: its seconds, and how well it uses the device."""
    first = median(row.samples[: row.rounds[0]] if row.rounds else row.samples)
    rest = _rest_seconds(row)
    found: dict[str, Any] = {"layer_seconds": first, "roofline": [*map(_point, row.roofline)]}
    if not _is_worked_out(row):
        del found["layer_seconds"]
    elif row.rest_seconds is not None:
        found["rest_seconds"] = rest
    if not (against := _table(row, "against")):  # as in older records
        return found
    step = _Told(row.phase, _told(row, "step_operations"), _told(row, "step_bytes"), row.devices or 1)
    reached = Reached(*(_number(against[key], f"against.{key}") for key in ("rate_tops", "bandwidth_gb_s")))
    (seconds,) = _whole(row, [first], rest)
    return found | judged(step, seconds, _table(row, "rest").get("links", 0.0), reached)


def _point(point: dict[str, Any]) -> dict[str, Any]:
    """An operator of a layer, with the rate it reached alone, if it was run alone."""
    if point.get("seconds") is None:
        return {**point, "tops": None}
    operations, seconds = (_number(point[key], f"roofline.{key}") for key in ("operations", "seconds"))
    return {**point, "tops": operations / seconds / 1e12}


def _table(row: Row, key: str) -> Mapping[str, Any]:
    found = (row.model_extra or {}).get(key)
    return found if isinstance(found, Mapping) else {}


def _told(row: Row, key: str) -> float:
    return _number((row.model_extra or {}).get(key), key)


def _with_repeats(row: Row, name: str) -> Row:
    """With the spread between processes, each one's median from the samples kept of it."""
    if not row.repeats:
        return row
    own = getattr(row, name).median
    medians = [_process_median(row, name, one) for one in row.repeats]
    if not any(abs(m / own - 1) <= 1e-9 for m in medians):
        raise RecordError("none of the processes under repeats has the median of the samples")
    repeats = [{**one, "median": value} for one, value in zip(row.repeats, medians, strict=True)]
    return widened(row, medians).model_copy(update={"repeats": repeats})


def _process_median(row: Row, name: str, one: Mapping[str, Any]) -> float:
    samples = one.get("samples")
    if samples is None:  # records written before samples of each process were kept
        return _number(one["median"], "repeats.median")
    if not isinstance(samples, list) or not samples or len(samples) > MAX_SAMPLES:
        raise RecordError(f"repeats.samples is no list of 1 to {MAX_SAMPLES} numbers")
    if not {*map(type, samples)} <= {int, float} or not _SHORTEST_S <= min(samples) <= max(samples) <= _LONGEST_S:
        raise RecordError("repeats.samples holds what is no time of a call; a number above 0 stands there")
    rest = one.get("rest_seconds", one.get("head_seconds"))
    return _amount(row, name, one) / median(_whole(row, samples, rest))


def _judged(row: Row) -> Row:
    """Invalid where its check failed or it is above what is physically possible; else as the run has it."""
    checked = row.check is None or Check(row.check.error, row.check.tolerance, row.check.reference).passed
    estimate = row.rate_tops or row.bandwidth_gb_s
    possible = row.ceiling is None or estimate is None or estimate.low <= CEILING_MARGIN * row.ceiling
    return row if checked and possible else row.model_copy(update={"validity": "invalid"})


def _require_samples(row: Row) -> None:
    if len(row.samples) > MAX_SAMPLES:
        raise RecordError(f"{len(row.samples)} samples; a row has at most {MAX_SAMPLES}")
    if not _SHORTEST_S <= min(row.samples) <= max(row.samples) <= _LONGEST_S:
        raise RecordError(f"a sample of {min(row.samples):g} to {max(row.samples):g} s is no time of a call")
    if row.rounds and (min(row.rounds) < 1 or sum(row.rounds) != len(row.samples)):
        raise RecordError(f"rounds do not add up to {len(row.samples)} samples")


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1e30:
        raise RecordError(f"{name} is {value!r:.40}; a number above 0 stands there")
    return float(value)
