"""A run on the terminal: rates by format, bandwidth, tokens a second, then the classification."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from greenzone.intervals import number
from greenzone.law.classification import classify
from greenzone.law.history import REFERENCE_DAYS
from greenzone.law.regimes import chosen
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import Classification
from greenzone.parts.capability import Part
from greenzone.records.record import EstimateRow, Finding, Record, Row
from greenzone.records.subject import part_of_record
from greenzone.report import terminal

SEVERITY = {"info": "", "warning": "yellow", "error": "bold red"}
# What one busy neighbour does to every row: from so many on, the first are shown and the rest are named.
_REPETITIVE = ("contention", "two_speeds", "throttled")
_ALIKE, _SHOWN = 4, 2
BY_DATE = "The same part on other dates, exported from the US to China"


@dataclass(frozen=True)
class Report:
    """A record with the question asked of it."""

    record: Record
    classification: Classification
    path: Path | None = None


def run_report(report: Report) -> Group:
    """Everything a run says, the measured part first."""
    record, c = report.record, report.classification
    return Group(
        *_head(record),
        *measured_sections(record, c.part).values(),
        terminal.section("Findings", *_findings(record)),
        terminal.section("Evidence by basis", terminal.evidence(c.part)),
        Text(),
        terminal.classification(c),
        terminal.section(BY_DATE, by_date(c)),
        *([Text(), Text(f"record: {report.path}")] if report.path else []),
    )


def measured_sections(record: Record, part: Part) -> dict[str, terminal.Section]:
    """What was measured, by workload; a workload that was not run has no section."""
    names = {r.name.split(".")[0] for r in record.benchmarks}
    sections: dict[str, Callable[[], terminal.Section]] = {
        "matmul": lambda: terminal.section("Rates by format (median, U with k = 2)", _rates(record, "matmul")),
        "peak": lambda: terminal.section("Rates from registers, beyond the library", _rates(record, "peak")),
        "memory": lambda: terminal.section("Memory bandwidth (median, U with k = 2)", *_bandwidth(record, part)),
        "interconnect": lambda: terminal.section("Links (median, U with k = 2)", _links(record)),
        "inference": lambda: terminal.section("Inference", *_inference(record)),
    }
    return {name: made() for name, made in sections.items() if name in names}


def _head(record: Record) -> list[RenderableType]:
    device = record.device
    label = Text(" EMULATED", style="bold magenta") if device.get("emulated") else Text("")
    why = [Text(str(device["chosen_because"]))] if device.get("chosen_because") else []
    return [Text.assemble(("Measured: " + str(device["id"]), "bold"), label), *why]


def _rows(record: Record, prefix: str) -> list[Row]:
    return [r for r in record.benchmarks if r.name.startswith(prefix) and r.measured]


def _rates(record: Record, name: str) -> Table:
    """Every row, in the record's order: of a format the best variant on normal data first, low-toggle data last."""
    rows: list[Sequence[object]] = []
    measured = _rows(record, name)
    variants = {r.format: {o.variant for o in measured if o.format == r.format} for r in measured}
    for r in measured:
        known = (_share(r.rate_tops, r.claimed_tops), _share(r.rate_tops, r.ceiling))
        words = [*([r.variant] if r.variant and len(variants[r.format]) > 1 else []), *_pattern(r), _label(r)]
        label = ", ".join(word for word in words if word)
        rows.append((r.format, r.window, estimate(r.rate_tops), _effective(r), *known, _size(r), label))
    missing = [r for r in record.benchmarks if not r.measured and r.name == name]
    rows += [(r.format or "", "", "not measured", "", "", "", "", _label(r)) for r in missing]
    columns = ("format", "window", "TOPS", "n eff", "of claim", "of ceiling", "m x n x k", "")
    return terminal.table(*columns, rows=rows, right=columns[2:6])


def _share(e: EstimateRow | None, of: float | None) -> str:
    return f"{e.median / of:.1%}" if e and of else ""


def _effective(r: Row) -> str:
    """How many independent samples the series is worth."""
    return f"{r.effective_samples:.0f}" if r.effective_samples is not None else ""


def _pattern(r: Row) -> list[str]:
    return ["low-toggle data"] if r.data == "low_toggle" else []


def _size(r: Row) -> str:
    return " x ".join(str(r.shape[side]) for side in ("m", "n", "k") if side in r.shape)


def _label(r: Row) -> str:
    words = [(f"model +/- {r.model_error:.0%}, " if r.model_error else "") + "emulated"] if r.emulated else []
    return " ".join([*words, *([r.validity] if r.validity != "valid" and r.validity else [])])


def _bandwidth(record: Record, part: Part) -> list[Table]:
    """The streams, by counted and by bus bytes, then the sweep of working sets."""
    claim = part.value("dram_bandwidth_gb_s")
    known = claim.interval.high if claim.basis == "claimed" and claim.interval.is_bounded else None
    streams, points = [], []
    for r in _rows(record, "memory."):
        if r.name == "memory.sweep":
            points.append((set_size(r.shape.get("working_set_bytes", 0)), estimate(r.bandwidth_gb_s), _label(r)))
            continue
        shares = (_bus(r), _effective(r), _share(r.bandwidth_gb_s, known))
        streams.append((r.name.removeprefix("memory."), r.window, estimate(r.bandwidth_gb_s), *shares, _label(r)))
    columns = ("kernel", "window", "GB/s", "on the bus", "n eff", "of claim", "")
    tables = [terminal.table(*columns, rows=streams, right=columns[2:6])] if streams else []
    if points:
        tables.append(terminal.table("working set", "GB/s", "", rows=points, right=("working set", "GB/s")))
    return tables


def _bus(r: Row) -> str:
    """What the bus of a processor carries, in GB/s, where that is known to be more or the same."""
    if not (r.bandwidth_gb_s and r.bus_bytes and r.bytes):
        return ""
    return number(float(f"{r.bandwidth_gb_s.median * r.bus_bytes / r.bytes:.4g}"))


def _links(record: Record) -> Table:
    """Bytes a second over each link: both directions together where they ran at once, bus bandwidth of a sum."""
    rows: list[Sequence[object]] = []
    for r in (r for r in record.benchmarks if r.name.startswith("interconnect.")):
        words = (r.name.removeprefix("interconnect.").replace("_", " "), r.variant)
        figure = estimate(r.bandwidth_gb_s) if r.measured else "not measured"
        where = "between processes, over no link" if r.variant == "gloo" else ""
        said = [_label(r), where if r.measured else r.reason]
        rows.append((", ".join(filter(None, words)), r.window or "", figure, " ".join(filter(None, said))))
    return terminal.table("link", "window", "GB/s", "", rows=rows, right=("GB/s",))


def set_size(size: int) -> str:
    """Bytes in the unit that caches are sold in.

    >>> set_size(2**19), set_size(3 * 2**20)
    ('512 KiB', '3 MiB')
    """
    unit, name = (2**20, "MiB") if size >= 2**20 else (2**10, "KiB")
    return f"{size / unit:.4g} {name}"


def _inference(record: Record) -> list[RenderableType]:
    """Tokens a second and the time of a step; then what holds each step up; then how it was worked out."""
    rows, held, how = [], [], []
    for r in _rows(record, "inference."):
        phase, model = r.name.removeprefix("inference."), f"{r.model} {r.format}"
        model = f"{model} x {r.devices}" if (r.devices or 1) > 1 else model
        seconds = r.ttft_s or r.tpot_s
        step = f"{seconds * 1e3:.4g}" if seconds else ""
        said = [r.variant if r.worked_out is False else None, _label(r)]
        words = ", ".join(filter(None, said))
        rows.append((phase, model, r.batch, _span(r), estimate(r.tokens_per_s), step, words))
        if r.mfu is not None and r.mbu is not None:
            utilised = f"{r.mfu:.1%}", f"{r.mbu:.1%}"
            held.append((phase, model, r.batch, _span(r), *utilised, r.bound_by, r.largest_batch or "", words))
        how.append(f"{r.how} (emulated)" if r.how and r.emulated else r.how)
    text = [Text(f"worked out, not measured whole: {h}", style="dim") for h in dict.fromkeys(h for h in how if h)]
    first = ("phase", "model", "batch", "tokens", "tokens/s", "step, ms", "")
    second = ("phase", "model", "batch", "tokens", "MFU", "MBU", "held up by", "fits", "")
    tables: list[RenderableType] = [terminal.table(*first, rows=rows, right=first[2:6])] if rows else []
    if held:
        tables.append(terminal.table(*second, rows=held, right=("batch", "tokens", "MFU", "MBU", "fits")))
    return [*tables, *text[:1], *_turns(record)]


def _turns(record: Record) -> list[Text]:
    """Where decode turns to be bound by arithmetic, and how the whole compares with the working out."""
    said = []
    for r in _rows(record, "inference.decode"):
        if r.turns_at:
            said.append(f"{r.model} {r.format}: decode is bound by arithmetic from a batch of {r.turns_at} on")
    for r in _rows(record, "inference."):
        if r.worked_out_over_measured:
            said.append(
                f"{r.name.removeprefix('inference.')} of {r.model} measured whole: "
                f"worked out it is {r.worked_out_over_measured:.3f} of that"
            )
    return [Text(line) for line in said]


def _span(r: Row) -> str:
    """Tokens of a prompt, or of the context that is read."""
    return f"{r.tokens / (r.batch or 1):.0f}" if r.name.endswith("prefill") and r.tokens else str(r.context or "")


def _findings(record: Record) -> list[RenderableType]:
    """All of them, but of what a contended machine says of every row a few: the record has the rest."""
    shown: list[RenderableType] = []
    for code, found in _by_code(record).items():
        few = found if len(found) <= _ALIKE or code not in _REPETITIVE else found[:_SHOWN]
        shown += [Text(f"{f.severity}: {f.text}", style=SEVERITY[f.severity]) for f in few]
        if len(few) < len(found):
            rest = list(dict.fromkeys(f.text.partition(":")[0] for f in found[_SHOWN:]))
            text = f"and {code} in {len(found) - _SHOWN} more, in {', '.join(rest)}; the record has each"
            shown.append(Text(f"{found[0].severity}: {text}", style=SEVERITY[found[0].severity]))
    return shown or [Text("none")]


def _by_code(record: Record) -> dict[str, list[Finding]]:
    """Findings by code, in the order in which each code first came."""
    codes: dict[str, list[Finding]] = {}
    for finding in record.findings:
        codes.setdefault(finding.code, []).append(finding)
    return codes


def estimate(e: EstimateRow | None) -> str:
    """A median with its expanded uncertainty."""
    if e is None:
        return "refused"
    if e.median == 0:
        return "0"
    return f"{number(float(f'{e.median:.4g}'))} +/- {(e.high - e.median) / e.median:.1%}"


def by_date(c: Classification, dates: Sequence[date] = REFERENCE_DAYS) -> Table:
    """The status under every default regime on the days that made the news, for an export to China."""
    deal = Transaction.of("CN")
    days = [*dates, *([c.on] if c.on not in dates else [])]
    asked = [classify(c.part, day, c.known_on, deal) for day in days]
    ids = [r.id for r in chosen(c.part.item)]
    rows = []
    for ref in ids:
        found = [next((v for v in a.verdicts if v.regime == ref), None) for a in asked]
        cells = [Text(v.words, style=terminal.STYLES[v.status]) if v else Text("") for v in found]
        rows.append([ref, *cells])
    return terminal.table("regime", *(d.isoformat() for d in days), rows=rows)


def report_of(record: Record, on: date, known_on: date, transaction: Transaction, path: Path | None = None) -> Report:
    """A record classified anew, from itself alone."""
    part = part_of_record(record, path or "record")
    return Report(record, classify(part, on, known_on, transaction), path)
