"""The charts of a record: what was measured, drawn from its rows as they stand; no figure is made here.

Each says in its title what it shows, and that it is emulated where it is. A chart without data is left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import median

from markupsafe import Markup

from greenzone.records.record import EstimateRow, Record, Row
from greenzone.report.plain import plain
from greenzone.report.run import estimate, set_size
from greenzone.report.svg import Axis, Dot, Series, chart

MOST_DOTS = 120  # of one series over time: more cannot be told apart, and the record has them all
SMALL = (330, 210)


@dataclass(frozen=True)
class Figure:
    """A chart, or several of one kind side by side, under one caption."""

    caption: str
    drawn: Markup


def charts(record: Record, prefix: str) -> dict[str, Figure]:
    """The figures of a record by the section they belong to; those without data are left out.

    Args:
        record: what was measured.
        prefix: what the ids of this record's charts start with.
    """
    stamp = "EMULATED" if record.device.get("emulated") else ""
    made = {
        "roofline": _roofline(record, f"{prefix}-roofline", stamp),
        "rates": _rates(record, f"{prefix}-rates", stamp),
        "time": _over_time(record, f"{prefix}-time", stamp),
        "telemetry": _telemetry(record, f"{prefix}-telemetry", stamp),
        "sweep": _sweep(record, f"{prefix}-sweep", stamp),
        "inference": _inference(record, f"{prefix}-inference", stamp),
    }
    tail = " Every figure is emulated." if stamp else ""
    return {key: Figure(f.caption + tail, f.drawn) for key, f in made.items() if f.drawn}


def _rows(record: Record, prefix: str, window: str | None = None) -> list[Row]:
    return [
        r
        for r in record.benchmarks
        if r.name.startswith(prefix) and r.measured and r.validity != "invalid" and window in (None, r.window)
    ]


def _words(r: Row, figure: EstimateRow | None, unit: str) -> str:
    named = " ".join(
        filter(None, (r.name, r.format, r.variant, r.window, "low-toggle data" * (r.data == "low_toggle")))
    )
    return plain(f"{named}: {estimate(figure)} {unit}{', emulated' if r.emulated else ''}", 200)


def _dot(x: float, r: Row, e: EstimateRow, unit: str) -> Dot:
    return Dot(x, e.median, _words(r, e, unit), e.low, e.high)


def _best(rows: Sequence[Row], kind: str) -> Row | None:
    return max((r for r in rows if getattr(r, kind)), key=lambda r: getattr(r, kind).median, default=None)


def _roofline(record: Record, name: str, stamp: str) -> Figure:
    """Every operator at its intensity and rate, under the best sustained rates and bandwidth measured."""
    caption = (
        "Roofline: each operator at its operations for each byte and the rate it reached, under the best rate of "
        "each format and the best bandwidth that were measured, sustained where they were."
    )
    points = [
        (r, r.operations / r.bytes, _reached(r)) for r in _rows(record, "") if r.operations and r.bytes and r.samples
    ]
    # A sweep repeats the read at other sizes, and a link is no part of this roof.
    points = [p for p in points if p[0].name != "memory.sweep" and not p[0].name.startswith("interconnect.")]
    stream = _best(_rows(record, "memory.", "sustained"), "bandwidth_gb_s")
    if not points or stream is None or stream.bandwidth_gb_s is None or stream.bandwidth_gb_s.median <= 0:
        return Figure(caption, Markup(""))
    bandwidth = stream.bandwidth_gb_s.median
    reach = max(x for _, x, _ in points) * 2, min(x for _, x, _ in points) / 2
    roofs = [s for f in _formats(record) if (s := _roof(record, f, bandwidth, *reach))]
    kinds = dict.fromkeys(r.name.split(".")[0] for r, _, _ in points)
    marks = [
        Series(kind, tuple(Dot(x, y, f"{_words_of_point(r, x, y)}") for r, x, y in points if r.name.startswith(kind)))
        for kind in kinds
    ]
    axes = Axis("operations for each byte, logarithmic", True), Axis("TOPS, logarithmic", True)
    return Figure(caption, chart(name, caption, *axes, [*marks, *roofs], stamp, (680, 380)))


def _reached(r: Row) -> float:
    """TOPS of the median call."""
    seconds = median(r.samples)
    return float(r.operations or 0) / seconds / 1e12 if seconds > 0 else 0.0


def _words_of_point(r: Row, x: float, y: float) -> str:
    named = " ".join(filter(None, (r.name, r.format, r.window)))
    return plain(f"{named}: {x:.4g} operations for each byte, {y:.4g} TOPS{', emulated' if r.emulated else ''}", 200)


def _roof(record: Record, fmt: str, bandwidth_gb_s: float, far: float, near: float) -> Series | None:
    own = [r for r in record.benchmarks if r.name in ("matmul", "peak") and r.format == fmt and r.validity != "invalid"]
    best = _best([r for r in own if r.window == "sustained"], "rate_tops") or _best(own, "rate_tops")
    if best is None or best.rate_tops is None:
        return None
    top = best.rate_tops.median
    ridge = top * 1e3 / bandwidth_gb_s  # operations for each byte at which the two roofs meet
    places = [(min(near, ridge), min(near, ridge) * bandwidth_gb_s / 1e3), (ridge, top), (max(far, ridge), top)]
    words = f"{fmt}: {top:.4g} TOPS above {ridge:.4g} operations for each byte, {bandwidth_gb_s:.4g} GB/s below"
    words += ", emulated" if best.emulated else ""
    return Series(plain(fmt, 20), tuple(Dot(x, y, plain(words, 200)) for x, y in places), joined=True, marked=False)


def _formats(record: Record) -> list[str]:
    return list(
        dict.fromkeys(r.format for r in _rows(record, "matmul") + _rows(record, "peak") if r.format and r.rate_tops)
    )


def _rates(record: Record, name: str, stamp: str) -> Figure:
    """Burst, sustained and claimed rate of each format, side by side."""
    caption = "Rates by format: burst and sustained with their uncertainty, beside what is claimed; logarithmic."
    formats = _formats(record)
    series = []
    for kind in ("matmul", "peak"):
        for window in ("burst", "sustained"):
            shift = (-0.16 if window == "burst" else 0.16) + (0.07 if kind == "peak" else -0.07)
            found = [r for r in _rows(record, kind, window) if r.name == kind and r.rate_tops and r.format]
            dots = tuple(
                _dot(formats.index(r.format or "") + shift, r, r.rate_tops, "TOPS") for r in found if r.rate_tops
            )
            series.append(Series(f"{kind}, {window}", dots))
    claims = {r.format: r.claimed_tops for r in _rows(record, "matmul") if r.format in formats and r.claimed_tops}
    said = tuple(Dot(formats.index(f or ""), v, plain(f"{f}: {v:.4g} TOPS claimed", 99)) for f, v in claims.items())
    series.append(Series("claimed", said))
    axes = Axis("number format", labels=tuple(plain(f, 12) for f in formats)), Axis("TOPS, logarithmic", True)
    return Figure(caption, chart(name, caption, *axes, series, stamp))


def _over_time(record: Record, name: str, stamp: str) -> Figure:
    """The rate of single calls, from the cold start of a burst and at the steady state, for each format."""
    caption = (
        f"Burst against sustained: the rate of single calls over the time of their window, from zero, "
        f"rounds one after another; the largest windows are thinned to {MOST_DOTS} calls."
    )
    parts = []
    for n, fmt in enumerate(_formats(record)):
        rows = [
            r
            for r in _rows(record, "matmul")
            if r.format == fmt and r.operations and r.samples and r.data != "low_toggle"
        ]
        series = [Series(r.window or "", tuple(_calls(r))) for r in rows[:2]]
        title = f"{plain(fmt, 20)}: rate of single calls over time, burst and sustained"
        drawn = chart(
            f"{name}-{n}", title, Axis(f"{plain(fmt, 20)}: seconds in the window"), Axis("TOPS"), series, stamp, SMALL
        )
        parts.append(drawn)
    return Figure(caption, Markup("").join(parts))


def _calls(r: Row) -> Iterator[Dot]:
    ends = list(accumulate(r.samples))
    every = max(1, -(-len(ends) // MOST_DOTS))
    tail = ", emulated" if r.emulated else ""
    for at, seconds in list(zip(ends, r.samples, strict=True))[::every]:
        if seconds > 0:
            rate = float(r.operations or 0) / seconds / 1e12
            yield Dot(at, rate, f"{r.window}: {rate:.4g} TOPS at {at:.4g} s{tail}")


def _telemetry(record: Record, name: str, stamp: str) -> Figure:
    """Clock, power and temperature under load, by format."""
    caption = "Clock, power and temperature while each format was under load, as the device tells them."
    parts = []
    for key, title in (
        ("clock_sm_mhz", "clock, MHz"),
        ("power_w", "power, W"),
        ("temperature_c", "temperature, degrees C"),
    ):
        series = []
        for fmt in _formats(record):
            row = next((r for r in _rows(record, "matmul", "sustained") if r.format == fmt and r.telemetry), None)
            series.append(Series(plain(fmt, 20), tuple(_told(row, key)) if row else (), joined=True))
        drawn = chart(
            f"{name}-{key}",
            f"{title}, over time under load",
            Axis("seconds under load"),
            Axis(title),
            series,
            stamp,
            SMALL,
        )
        parts.append(drawn)
    return Figure(caption, Markup("").join(parts))


def _told(r: Row, key: str) -> Iterator[Dot]:
    tail = ", emulated" if r.emulated else ""
    for sample in r.telemetry[:MOST_DOTS]:
        at, value = sample.get("load_s"), sample.get(key)
        if isinstance(at, (int, float)) and isinstance(value, (int, float)) and not isinstance(value, bool):
            yield Dot(float(at), float(value), plain(f"{r.format}: {value:.4g} at {at:.4g} s{tail}", 99))


def _sweep(record: Record, name: str, stamp: str) -> Figure:
    """Bandwidth by working set: each level of cache is a step."""
    caption = "Bandwidth against working set: each level of cache is a step, the last is memory."
    rows = [r for r in _rows(record, "memory.sweep") if r.bandwidth_gb_s and r.shape.get("working_set_bytes", 0) > 0]
    rows.sort(key=lambda r: r.shape["working_set_bytes"])
    dots = []
    for r in rows:
        if e := r.bandwidth_gb_s:
            size = r.shape["working_set_bytes"]
            words = plain(f"{set_size(size)}: {estimate(e)} GB/s{', emulated' if r.emulated else ''}", 200)
            dots.append(Dot(size / 2**20, e.median, words, e.low, e.high))
    axes = Axis("working set in MiB, logarithmic", True), Axis("GB/s, logarithmic", True)
    return Figure(caption, chart(name, caption, *axes, [Series("read, burst", tuple(dots), joined=True)], stamp))


def _inference(record: Record, name: str, stamp: str) -> Figure:
    """Tokens a second by batch, for each phase, model, format and context."""
    caption = "Inference: tokens a second against batch, for each phase, model, format and context; logarithmic."
    found: dict[str, list[Dot]] = {}
    for r in _rows(record, "inference."):
        if e := r.tokens_per_s:
            kind = f"{r.name.removeprefix('inference.')}, {r.model} {r.format}, context {r.context}"
            found.setdefault(plain(kind, 60), []).append(_dot(float(r.batch or 1), r, e, "tokens/s"))
    series = [Series(kind, tuple(sorted(dots, key=lambda d: d.x)), joined=True) for kind, dots in found.items()]
    if all(len(s.dots) < 2 for s in series):  # a curve of one batch is no curve: the table has it
        return Figure(caption, Markup(""))
    axes = Axis("batch, logarithmic", True), Axis("tokens/s, logarithmic", True)
    return Figure(caption, chart(name, caption, *axes, series, stamp))
