"""Several records side by side: a table a topic, a line a device, ratios to the first and what explains them."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from greenzone.formats import FORMATS
from greenzone.intervals import number
from greenzone.records.record import EstimateRow, Record, Row
from greenzone.report import terminal

_STREAMS = ("memory.copy", "memory.triad", "memory.read", "memory.update")
_ABREAST = 5  # formats of one table: with more, names and figures are broken to fit
_APART = 0.02  # a burst that is no more above the sustained rate than this is the same figure


def beside(records: Sequence[Record]) -> Group:
    """What several runs measured, the emulated ones labelled in every line."""
    sections: list[tuple[str, list[RenderableType]]] = [
        ("Rates by format, sustained: TOPS (share of the claim)", _rates(records, "sustained")),
        ("Rates by format, burst, where it is another: TOPS (share of the claim)", _rates(records, "burst")),
        ("Memory bandwidth, sustained: GB/s", _memory(records)),
        ("Inference", _inference(records)),
    ]
    found: list[RenderableType] = [terminal.section(title, *body) for title, body in sections if body]
    return Group(*(found or [Text("no record has a figure")]))


def name_of(record: Record) -> str:
    """The device of a record, by its profile where it has one."""
    return str(record.device.get("profile") or record.device.get("name") or record.device.get("id"))


def label_of(record: Record) -> str:
    """The word for a device that is emulated; nothing for one that is there."""
    return "emulated" if record.device.get("emulated") else ""


def _sound(record: Record, prefix: str) -> list[Row]:
    return [r for r in record.benchmarks if r.name.startswith(prefix) and r.measured and r.validity != "invalid"]


def _best(record: Record, window: str) -> dict[str, Row]:
    """The best row of each format on normal data."""
    found: dict[str, Row] = {}
    for row in _sound(record, "matmul"):
        if row.window != window or row.data != "normal" or not row.format or not row.rate_tops:
            continue
        known = found.get(row.format)
        if known is None or known.rate_tops is None or row.rate_tops.median > known.rate_tops.median:
            found[row.format] = row
    return found


def _rates(records: Sequence[Record], window: str) -> list[RenderableType]:
    best = [_best(record, window) for record in records]
    if window == "burst":
        best = [_apart(found, _best(record, "sustained")) for found, record in zip(best, records, strict=True)]
    formats = [name for name in FORMATS if any(name in found for found in best)]
    few = [formats[start : start + _ABREAST] for start in range(0, len(formats), _ABREAST)]
    return [_rates_in(own, records, best) for own in few]


def _rates_in(formats: Sequence[str], records: Sequence[Record], best: Sequence[dict[str, Row]]) -> RenderableType:
    """The devices that have a figure in one of some formats."""
    rows = [
        (name_of(r), *(_share(found.get(f)) for f in formats), label_of(r))
        for r, found in zip(records, best, strict=True) if any(f in found for f in formats)
    ]  # fmt: skip
    return terminal.table("device", *formats, "", rows=rows, right=formats)


def _apart(burst: dict[str, Row], steady: dict[str, Row]) -> dict[str, Row]:
    """The bursts that are above what is sustained."""
    return {
        form: row for form, row in burst.items()
        if row.rate_tops and (other := steady.get(form)) and other.rate_tops
        and row.rate_tops.median > (1 + _APART) * other.rate_tops.median
    }  # fmt: skip


def _share(row: Row | None) -> str:
    if row is None or row.rate_tops is None:
        return ""
    share = f" ({row.rate_tops.median / row.claimed_tops:.0%})" if row.claimed_tops else ""
    return f"{_number(row.rate_tops.median)}{share}"


def _memory(records: Sequence[Record]) -> list[RenderableType]:
    found = [
        {r.name: r.bandwidth_gb_s for r in _sound(record, "memory.") if r.window == "sustained" and r.bandwidth_gb_s}
        for record in records
    ]
    streams = [name for name in _STREAMS if any(name in own for own in found)]
    if not streams:
        return []
    titles = [name.removeprefix("memory.") for name in streams]
    rows = [
        (name_of(r), *(_figure(own.get(s)) for s in streams), label_of(r))
        for r, own in zip(records, found, strict=True)
    ]
    return [terminal.table("device", *titles, "", rows=rows, right=titles)]


def _figure(estimate: EstimateRow | None) -> str:
    return _number(estimate.median) if estimate else ""


Question = tuple[str | None, str, str | None, int | None, int | None]


def _inference(records: Sequence[Record]) -> list[RenderableType]:
    """A table a model, phase, format, batch and context, with what explains the ratios; then what gave no figure."""
    answers = [{_question(r): r for r in _sound(record, "inference.") if r.tokens_per_s} for record in records]
    asked = list(dict.fromkeys(question for own in answers for question in own))
    tables = [part for question in asked for part in _answered(question, records, answers)]
    return [*tables, *(Text(line) for record in records for line in _unanswered(record))]


def _unanswered(record: Record) -> Iterable[str]:
    """What of the inference workload gave no figure, and why."""
    for row in record.benchmarks:
        if row.name.startswith("inference") and not row.measured:
            said = " ".join(filter(None, (label_of(record), row.name, row.format)))
            yield f"{name_of(record)}: {said}: not measured: {row.reason}"


def _question(row: Row) -> Question:
    context = row.context if row.name.endswith("decode") else int((row.tokens or 0) / (row.batch or 1))
    return row.model, row.name.removeprefix("inference."), row.format, row.batch, context


def _answered(
    question: Question, records: Sequence[Record], answers: Sequence[dict[Question, Row]]
) -> Iterable[RenderableType]:
    model, phase, form, batch, context = question
    first = next(own[question].tokens_per_s for own in answers if question in own)
    rows: list[Sequence[object]] = []
    for record, own in zip(records, answers, strict=True):
        if (r := own.get(question)) is None:
            rows.append((name_of(record), "", "none", "", "", _too_large(question, own), label_of(record)))
            continue
        step = _number((r.ttft_s or r.tpot_s or 0) * 1e3)
        figures = (_figure(r.tokens_per_s), step, _ratio(r.tokens_per_s, first), _held(r))
        rows.append((name_of(record), r.devices or 1, *figures, label_of(record)))
    columns = ("device", "of them", "tokens/s", "step, ms", "ratio", "held up by", "")
    yield Text(f"{model} {form}, {phase}, batch {batch}, {context} tokens", style="bold")
    yield terminal.table(*columns, rows=rows, right=columns[1:5])
    yield Text()


def _too_large(question: Question, own: dict[Question, Row]) -> str:
    """Why a device has no figure at a batch: its memory, where a smaller batch told how much that holds."""
    model, _, form, batch, context = question
    for (a_model, _, a_form, _, a_context), row in own.items():
        held = row.largest_batch
        if (a_model, a_form, a_context) == (model, form, context) and held and held < (batch or 0):
            return f"memory holds a batch of {held}"
    return "not measured"


def _ratio(own: EstimateRow | None, first: EstimateRow | None) -> str:
    return f"{own.median / first.median:.2f}" if own and first else ""


def _held(row: Row) -> str:
    """The resource that a step waits for, with what one device has of it: "memory, 3480 GB/s"."""
    against = (row.model_extra or {}).get("against") or {}
    if row.bound_by == "memory bandwidth":
        return f"memory, {_number(against.get('bandwidth_gb_s', 0))} GB/s"
    if row.bound_by == "arithmetic":
        return f"arithmetic, {_number(against.get('rate_tops', 0))} TOPS"
    return row.bound_by or ""


def _number(value: float) -> str:
    return number(float(f"{value:.4g}"))
