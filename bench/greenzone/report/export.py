"""The rows of records for other tools: tidy tables, JSON lines, and OpenMetrics text."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from greenzone.errors import UsageError
from greenzone.parameters import PARAMETERS
from greenzone.records.record import METRICS, Record, Row

# From the units of a record to the base units that OpenMetrics asks for in names.
_BASE = {
    "rate_tops": ("greenzone_rate_operations_per_second", 1e12, "dense operations a second, median"),
    "bandwidth_gb_s": ("greenzone_bandwidth_bytes_per_second", 1e9, "bytes a second, median"),
    "tokens_per_s": ("greenzone_tokens_per_second", 1.0, "tokens a second, median"),
}  # fmt: skip


def benchmark_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """One row for each benchmark of each record, with its run and device; None where nothing is said."""
    return [_row(record, row) for record in records for row in record.benchmarks]


def _row(record: Record, row: Row) -> dict[str, Any]:
    e = row.estimate
    return {
        "run": record.run.id, "started_at": record.run.started_at, "device": record.device.get("id"),
        "device_name": record.device.get("name"), "device_uuid": record.device.get("uuid"), "emulated": row.emulated,
        "benchmark": row.name, "format": row.format, "variant": row.variant, "window": row.window, "data": row.data,
        "model": row.model, "batch": row.batch, "context": row.context,
        "shape": " ".join(f"{name}={size}" for name, size in row.shape.items()) or None,
        "metric": row.metric, "unit": METRICS[row.metric] if row.metric else None,
        "median": e.median if e else None, "low": e.low if e else None, "high": e.high if e else None,
        "samples": len(row.samples), "measured": row.measured, "validity": row.validity, "reason": row.reason,
    }  # fmt: skip


def json_lines(rows: Sequence[dict[str, Any]]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(row, allow_nan=False, ensure_ascii=False) + "\n" for row in rows)


def openmetrics(records: Sequence[Record]) -> str:
    """OpenMetrics 1.0 text, for the textfile collector of Prometheus' node exporter.

    Raises:
        UsageError: the extra `metrics` is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, Gauge
        from prometheus_client.openmetrics.exposition import generate_latest
    except ImportError:
        raise UsageError("--format openmetrics needs prometheus-client: pip install 'greenzone[metrics]'") from None
    registry = CollectorRegistry()
    gauges: dict[str, Any] = {}

    def put(name: str, text: str, labels: dict[str, str], value: float) -> None:
        if name not in gauges:
            gauges[name] = Gauge(name, text, list(labels), registry=registry)
        gauges[name].labels(**labels).set(value)

    for record in records:
        own = {name: str(record.device.get(name) or "") for name in ("id", "uuid")}
        emulated = "true" if record.device.get("emulated") else "false"
        device = {"device": own["id"], "uuid": own["uuid"], "emulated": emulated}
        put("greenzone_run_start_timestamp_seconds", "when the run began", device, _timestamp(record))
        _put_benchmarks(record, device, put)
        _put_judged(record, device, put)
    text: str = generate_latest(registry).decode("utf-8")  # type: ignore[no-untyped-call]
    return text


def _timestamp(record: Record) -> float:
    try:
        return datetime.fromisoformat(record.run.started_at).timestamp()
    except ValueError:
        return 0.0


def _put_benchmarks(record: Record, device: dict[str, str], put: Any) -> None:
    for row in record.benchmarks:
        if row.metric is None or row.estimate is None or row.validity != "valid":
            continue  # a refused or unsettled figure is none: a gap in the series, not a zero
        name, scale, text = _BASE[row.metric]
        working_set = str(row.shape.get("working_set_bytes", "")) if row.name.endswith("sweep") else ""
        said = {
            "benchmark": row.name, "format": row.format, "variant": row.variant, "window": row.window,
            "data": row.data, "model": row.model, "batch": row.batch, "context": row.context,
            "working_set_bytes": working_set,
        }  # fmt: skip
        labels = device | {k: "" if v is None else str(v) for k, v in said.items()}
        put(name, text, labels, row.estimate.median * scale)


def _put_judged(record: Record, device: dict[str, str], put: Any) -> None:
    for name, value in record.parameters.items():
        for bound in ("low", "high"):
            if name in PARAMETERS and isinstance(value, dict) and isinstance(value.get(bound), int | float):
                labels = device | {"bound": bound, "basis": str(value.get("basis") or "")}
                put(f"greenzone_{name}", f"{PARAMETERS[name].title}, {PARAMETERS[name].unit}", labels, value[bound])
    for verdict in record.verdicts:
        labels = device | {"regime": str(verdict.get("regime")), "status": str(verdict.get("status"))}
        put("greenzone_verdict", "1 for the status of each regime when the run was judged", labels, 1.0)
