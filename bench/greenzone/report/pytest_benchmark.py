"""A record as pytest-benchmark's JSON, for the tools that follow benchmarks over time and read that format.

One benchmark a row that has samples; its statistics are of the seconds of one call. Names stay the same from run
to run, whatever shape a search settled on, so that `pytest-benchmark compare` finds the pairs.
"""

import statistics
from collections.abc import Sequence
from typing import Any

from greenzone.records.record import Record, Row, key
from greenzone.statistics import median, quantile

# The version of pytest-benchmark whose format this is; 5.3.1 reads it, and any that reads its own of that year.
FORMAT_VERSION = "5.3.1"
_SERIES = {"samples", "warmups", "telemetry", "rounds", "repeats", "measured"}
_PARAMS = ("format", "variant", "data", "window", "model", "batch", "context", "phase")


def to_pytest_benchmark(record: Record) -> dict[str, Any]:
    """The document that `pytest --benchmark-json` would have written; rows without samples are left out.

    Args:
        record: a run; figures that were refused as invalid are left out too.

    Returns:
        Plain data: `machine_info`, `commit_info`, `benchmarks`, `datetime`, `version`.
    """
    rows = [row for row in record.benchmarks if row.samples and row.validity != "invalid"]
    return {
        "machine_info": _machine(record),
        "commit_info": {
            "id": "unversioned", "time": None, "author_time": None, "dirty": False, "project": "greenzone",
            "branch": "(unknown)",
        },
        "benchmarks": [_benchmark(row) for row in {key(row): row for row in rows}.values()],
        "datetime": record.run.ended_at or record.run.started_at,
        "version": FORMAT_VERSION,
    }  # fmt: skip


def _machine(record: Record) -> dict[str, Any]:
    """The machine under pytest-benchmark's own names, and the device under ours; what changes by run is not in it."""
    environment, device = record.environment, record.device
    told = ("id", "name", "kind", "emulated", "profile", "uuid", "capability", "memory_bytes", "units")
    return {
        "machine": environment.get("machine"),
        "python_implementation": environment.get("implementation"),
        "python_version": environment.get("python"),
        "system": environment.get("os"),
        "cpu": {},
        "greenzone": {name: device[name] for name in told if device.get(name) is not None},
    }


def _benchmark(row: Row) -> dict[str, Any]:
    params = {name: getattr(row, name) for name in _PARAMS if getattr(row, name) is not None}
    if row.name.endswith("sweep"):  # its working sets are what it is about
        params |= row.shape
    param = "-".join(str(value) for value in params.values())
    return {
        "group": row.name,
        "name": f"{row.name}[{param}]",
        "fullname": f"greenzone::{row.name}[{param}]",
        "params": params,
        "param": param,
        "extra_info": row.model_dump(mode="json", exclude_none=True, exclude=_SERIES),
        "options": {"timer": "device_seconds"},
        "stats": seconds_statistics(row.samples),
    }


def seconds_statistics(samples: Sequence[float]) -> dict[str, Any]:
    """The statistics of at least one call, by pytest-benchmark's names; times in seconds, `ops` in calls a second.

    Quartiles lie between neighbours by proportion, where pytest-benchmark takes medians of halves.
    """
    mean, low, high = statistics.fmean(samples), quantile(samples, 0.25), quantile(samples, 0.75)
    deviation = statistics.stdev(samples) if len(samples) > 1 else 0.0
    fence = 1.5 * (high - low)  # Tukey's
    inside = [s for s in samples if low - fence <= s <= high + fence]
    far = sum(abs(s - mean) > deviation for s in samples)
    outside = len(samples) - len(inside)
    return {
        "min": min(samples), "max": max(samples), "mean": mean, "stddev": deviation, "rounds": len(samples),
        "median": median(samples), "iqr": high - low, "q1": low, "q3": high, "iqr_outliers": outside,
        "stddev_outliers": far, "outliers": f"{far};{outside}", "ld15iqr": min(inside), "hd15iqr": max(inside),
        "ops": 1 / mean, "total": sum(samples), "data": list(samples), "iterations": 1,
    }  # fmt: skip
