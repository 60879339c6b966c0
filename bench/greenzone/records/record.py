"""The record: one JSON document a run, `greenzone.record/1` (design section 5).

Samples are seconds for a call, kept beside `operations` and `bytes`, so that every figure can be
worked out again from the record alone. Readers accept every version ever written.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

SCHEMA = "greenzone.record/1"
READABLE = (SCHEMA,)

# The first fault of a list is told, not every one: a file of a million of them is to be refused at once.
FIRST = FailFast()
# What a benchmark may be a figure of, and the unit of each.
METRICS = {"rate_tops": "TOPS", "bandwidth_gb_s": "GB/s", "tokens_per_s": "tokens/s"}

Severity = Literal["info", "warning", "error"]
RunStatus = Literal["running", "complete", "interrupted", "failed"]


class RecordModel(BaseModel):
    """Plain JSON types, no infinities; keys a later version may add are kept, not refused."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, populate_by_name=True)


class EstimateRow(RecordModel):
    """A median with median -/+ U, U the expanded uncertainty (k = 2)."""

    median: float
    low: float
    high: float


class CheckRow(RecordModel):
    """The numerical check that came before any timing."""

    error: float
    tolerance: float
    reference: str


class Row(RecordModel):
    """One benchmark in one window; what is particular to a workload stands beside these keys."""

    name: str
    format: str | None = None
    variant: str | None = None
    window: Literal["burst", "sustained"] | None = None
    data: str | None = None
    emulated: bool = False
    measured: bool = True
    reason: str | None = None
    shape: dict[str, int] = Field(default_factory=dict)
    operations: float | None = None
    bytes: float | None = None
    claimed_tops: float | None = None
    rate_tops: EstimateRow | None = None
    bandwidth_gb_s: EstimateRow | None = None
    tokens_per_s: EstimateRow | None = None
    check: CheckRow | None = None
    validity: Literal["valid", "invalid", "unstable"] | None = None
    model: str | None = None
    batch: int | None = None
    context: int | None = None
    phase: str | None = None
    tokens: float | None = None
    layout: str | None = None
    ceiling: float | None = None
    timer_uncertainty: float | None = None
    burst_window_s: float | None = None
    effective_samples: float | None = None
    uncertainty: dict[str, float] | None = None
    model_error: float | None = None
    model_error_source: str | None = None
    set_aside: int | None = None
    limiter: dict[str, Any] | None = None
    repeats: Annotated[list[dict[str, Any]], FIRST] = Field(default_factory=list)
    bus_bytes: float | None = None
    search: dict[str, Any] | None = None
    worked_out: bool | None = None
    layers: int | None = None
    layer_seconds: float | None = None
    head_seconds: float | None = None
    rest_seconds: float | None = None
    devices: int | None = None
    ttft_s: float | None = None
    tpot_s: float | None = None
    mfu: float | None = None
    mbu: float | None = None
    bound_by: str | None = None
    turns_at: int | None = None
    largest_batch: int | None = None
    largest_context: int | None = None
    worked_out_over_measured: float | None = None
    roofline: Annotated[list[dict[str, Any]], FIRST] = Field(default_factory=list)
    how: str | None = None
    fits: bool | None = None
    telemetry: Annotated[list[dict[str, Any]], FIRST] = Field(default_factory=list)
    notes: Annotated[list[str], FIRST] = Field(default_factory=list)
    warmups: Annotated[list[float], FIRST] = Field(default_factory=list)
    samples: Annotated[list[float], FIRST] = Field(default_factory=list)
    rounds: Annotated[list[int], FIRST] = Field(default_factory=list)

    @property
    def metric(self) -> str | None:
        """The name of its figure; None where it has none."""
        return next((name for name in METRICS if getattr(self, name) is not None), None)

    @property
    def estimate(self) -> EstimateRow | None:
        """Its figure, in the unit of its metric."""
        found: EstimateRow | None = getattr(self, self.metric) if self.metric else None
        return found

    @property
    def title(self) -> str:
        """What tells it from the other benchmarks of a run, in words."""
        inference = [self.model or "", f"batch {self.batch}" if self.batch else ""]
        inference += [f"context {self.context}"] if self.context else []
        working_set = self.shape.get("working_set_bytes") if self.name.endswith("sweep") else None
        size = f"of {working_set} bytes" if working_set else ""
        data = "low-toggle data" if self.data == "low_toggle" else ""
        words = [self.name, size, self.format or "", self.variant or "", *inference, data, self.window or ""]
        return " ".join(word for word in words if word)


def key(row: Row) -> tuple[Any, ...]:
    """What tells one benchmark of a run from another."""
    sweep = tuple(sorted(row.shape.items())) if row.name.endswith("sweep") else None
    return row.name, row.format, row.variant, row.data, row.window, row.model, row.batch, row.context, row.phase, sweep


class Finding(RecordModel):
    """Something a reader must know, with how grave it is."""

    code: str
    severity: Severity
    text: str


class Unit(RecordModel):
    """A part of a run that was finished, and how many rows there were behind it."""

    name: str
    rows: int


class Run(RecordModel):
    """When and how the run went."""

    id: str
    started_at: str
    ended_at: str | None = None
    status: RunStatus = "running"
    finished: list[Unit] = Field(default_factory=list)
    resumed_at: list[str] = Field(default_factory=list)


class Record(RecordModel):
    """One run, whole."""

    schema_name: str = Field(default=SCHEMA, alias="schema")
    run: Run
    tool: dict[str, Any]
    rules: dict[str, Any]
    device: dict[str, Any]
    environment: dict[str, Any]
    settings: dict[str, Any]
    benchmarks: Annotated[list[Row], FIRST] = Field(default_factory=list)
    pending: dict[str, list[Row]] = Field(default_factory=dict)
    telemetry: Annotated[list[dict[str, Any]], FIRST] = Field(default_factory=list)
    evidence: Annotated[list[dict[str, Any]], FIRST] = Field(default_factory=list)
    parameters: dict[str, Any] = Field(default_factory=dict)
    verdicts: Annotated[list[dict[str, Any]], FIRST] = Field(default_factory=list)
    findings: Annotated[list[Finding], FIRST] = Field(default_factory=list)
    digests: dict[str, str] = Field(default_factory=dict)

    def find(self, code: str, severity: Severity, text: str) -> None:
        """Add a finding, once."""
        if not any(f.code == code and f.text == text for f in self.findings):
            self.findings.append(Finding(code=code, severity=severity, text=text))

    def to_json(self) -> dict[str, Any]:
        """Plain data, in the order of the fields."""
        return self.model_dump(mode="json", by_alias=True)
