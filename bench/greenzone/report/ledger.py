"""The ledger shown: rows for tables, a document, a page of text, and a plot."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from greenzone.law.balances import NONE, OVER, UNDECIDED, WITHIN
from greenzone.law.quantities import EPOCH, Question
from greenzone.records.ledger import Answer, Ledger
from greenzone.report.plots import BAND, INK, OPEN, STYLE, save
from greenzone.report.terminal import not_proven, section, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCHEMA = "greenzone.ledger/1"
SHOWN = 12
WORDS = {"limit": {WITHIN: "within", OVER: "over"}, "notice": {WITHIN: "below", OVER: "notify"}}
STYLES = {WITHIN: "green", OVER: "bold red", UNDECIDED: "bold yellow"}
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def name_of(question: Question) -> str:
    """The limit, and the reading where there are two: country (headquarters)."""
    return question.limit.id + (f" ({question.reading.id})" if question.reading else "")


def rows(found: Ledger) -> list[dict[str, Any]]:
    """One row for each limit, reading, key and period; the same columns for all, None where it says nothing."""
    return [row for answer in found.answers for row in _rows(answer)]


def _rows(answer: Answer) -> Iterator[dict[str, Any]]:
    tally = answer.tally
    q, names = tally.question, tally.names
    labels = {p: tally.label(p) for p in answer.rows["period"].unique()}
    for row in answer.rows.to_dict("records"):
        key = {k: names[k][row[k]] if k in tally.limit.per else None for k in ("consignee", "destination")}
        crossed = row["crossing_line"] != NONE
        yield {
            "regime": q.regime, "rule_status": q.rule_status, "limit": q.limit.id,
            "reading": q.reading.id if q.reading else None, **key,
            "headquarters": names["headquarters"][row["headquarters"]] if "headquarters" in tally.limit.per else None,
            "part": names["part"][row["part"]] if "part" in tally.limit.per else None,
            "period": labels[row["period"]], "rows": row["rows"],
            "tpp_low": _finite(row["low"]), "tpp_high": _finite(row["high"]), "limit_tpp": row["amount"],
            "left_tpp": _finite(row["left"]), "status": row["status"], "words": _words(q, row["status"]),
            "crossing_line": row["crossing_line"] if crossed else None,
            "crossing_date": _day(row["crossing_day"]) if crossed else None,
            "crossing_part": names["part"][row["crossing_part"]] if crossed else None,
            "crossing_quantity": row["crossing_quantity"] if crossed else None,
            "crossing_fit": row["crossing_fit"] if row["crossing_fit"] != NONE else None,
        }  # fmt: skip


def _words(question: Question, status: str) -> str:
    return WORDS[question.limit.duty].get(status, status)


def _finite(value: float) -> float | None:
    return value if abs(value) != float("inf") else None


def _day(number: int) -> str:
    return (EPOCH + timedelta(days=int(number))).isoformat()


def safe(row: dict[str, Any]) -> dict[str, Any]:
    """A row for a spreadsheet: a text that would be run as a formula gets an apostrophe before it."""
    return {k: f"'{v}" if isinstance(v, str) and v.startswith(FORMULA) else v for k, v in row.items()}


def document(found: Ledger) -> dict[str, Any]:
    """The whole ledger as plain data."""
    reader = found.reader
    return {
        "schema": SCHEMA, "on": found.law.on.isoformat(), "known_on": found.law.known_on.isoformat(),
        "rows": reader.rows, "set_aside": reader.set_aside, "complete": found.complete,
        "parts": [{"id": name, "units": units} for name, units in found.units.items()],
        "limits": [_limit(answer) for answer in found.answers],
        "silent": [{"regime": s.regime, "first": s.first.isoformat() if s.first else None} for s in found.silent],
        "findings": findings(found),
        "faults": [fault.to_json() for fault in reader.faults.values()],
        "repeats": {"rows": found.repeats.rows, "lines": found.repeats.lines, "searched": found.repeats.searched},
    }  # fmt: skip


def _limit(answer: Answer) -> dict[str, Any]:
    q = answer.tally.question
    c = q.limit.citation
    return {
        "regime": q.regime, "version": q.version, "rule_status": q.rule_status, "limit": q.limit.id,
        "title": q.limit.title, "duty": q.limit.duty, "comparator": q.limit.comparator, "per": list(q.limit.per),
        "period": q.limit.period, "reading": q.reading.id if q.reading else None,
        "reading_text": q.reading.text if q.reading else None,
        "compliance": q.compliance.isoformat() if q.compliance else None,
        "citation": {"cite": c.cite, "url": c.url, "quote": c.quote, "confidence": c.confidence},
        "parts": [
            {"id": name, "tpp_low": _finite(low), "tpp_high": _finite(high), "counts": why}
            for name, low, high, why in answer.parts
        ],
        "balances": list(_rows(answer)),
    }  # fmt: skip


def findings(found: Ledger) -> list[str]:
    """What a reader must know of the rows: what was set aside, repeated, taken for granted."""
    reader, said = found.reader, []
    for fault in sorted(reader.faults.values(), key=lambda fault: fault.lines[:1]):
        units = f", {fault.units:,} units" if fault.units else ""
        said.append(f"{_lines(fault.lines, fault.rows)}: {fault.text}: {_count(fault.rows)} set aside{units}")
    if not found.complete:
        said.append("what is within a limit here may be over it with the rows that were set aside")
    if reader.latin1:
        said.append(f"{_lines(reader.latin1_lines[:5], reader.latin1)}: not UTF-8; taken as Latin-1")
    if found.repeats.rows:
        where = _lines(found.repeats.lines, found.repeats.rows)
        said.append(f"{where}: the same as an earlier row in every column; counted, for both may be true")
    if found.repeats.searched < reader.rows:
        said.append(f"repeated rows were looked for in the first {found.repeats.searched:,} rows")
    if reader.without_headquarters:
        said.append(
            f"{_count(reader.without_headquarters)} name no headquarters; the destination is taken for it: "
            "a consignee whose ultimate parent sits elsewhere needs the column headquarters"
        )
    if reader.without_authorization:
        said.append(
            f"{_count(reader.without_authorization)} name no authorization and count towards every limit, as if "
            "shipped under it: a licence, an exception and a validated end-user draw on limits of their own"
        )
    if found.planned:
        said.append(f"{_count(found.planned)} are dated after {found.law.on.isoformat()} and counted, as planned")
    return said


def _count(rows: int) -> str:
    return f"{rows:,} row{'s' if rows != 1 else ''}"


def _lines(lines: list[int], count: int) -> str:
    """The lines, and how many more there are."""
    more = f" and {count - len(lines):,} more" if count > len(lines) else ""
    return f"line{'s' if count > 1 else ''} {', '.join(map(str, lines))}{more}"


def page(found: Ledger) -> Group:
    """The ledger as text: the limits with the fullest totals first, the findings, what it does not prove."""
    law = found.law
    aside = f", {_count(found.reader.set_aside)} set aside and named under Findings" if found.reader.set_aside else ""
    days = f"law of {law.on.isoformat()} as known on {law.known_on.isoformat()}"
    head = f"{_count(found.reader.rows)} counted{aside}; {days}"
    silent = [
        Text(f"{s.regime}: no quantity limit stands on {law.on.isoformat()}{_first(s.first, law.on)}")
        for s in found.silent
    ]
    told = findings(found)
    return Group(
        Text(head), *silent, *(_section(a) for a in found.answers),
        *([section("Findings", *(Text(f"- {clean(line)}") for line in told))] if told else []),
        not_proven(),
    )  # fmt: skip


def _first(first: date | None, on: date) -> str:
    return f"; the first takes effect on {first.isoformat()}" if first and first > on else ""


def _section(answer: Answer) -> Group:
    q = answer.tally.question
    c = q.limit.citation
    status = q.rule_status.replace("_", " ")
    lines = [Text(f"{q.regime}, version of {q.version}, {status}; {c.cite} ({c.confidence})", style="dim")]
    if q.rule_status == "not_enforced":
        lines.append(Text("printed in the code and not enforced: what it says and that it is not enforced both stand"))
    if q.compliance:
        lines.append(Text(f"compliance was asked from {q.compliance.isoformat()}"))
    if q.reading:
        lines.append(Text(f"read as {q.reading.text}"))
    lines += [Text(line) for line in _parts(answer)]
    return section(f"{name_of(q)}: {q.limit.title}", *lines, _table(answer))


def _parts(answer: Answer) -> Iterator[str]:
    """Which parts count, at how much each, and which do not."""
    counted = [f"{n} {_tpp(low, high)}" for n, low, high, why in answer.parts if why == "caught"]
    doubtful = [f"{n} up to {_tpp(high, high)}" for n, _, high, why in answer.parts if why == "undecided"]
    out = [n for n, _, _, why in answer.parts if why == "not_caught"]
    if counted:
        yield f"counts, TPP each: {', '.join(counted)}"
    if doubtful:
        yield f"undecided whether it counts: {', '.join(doubtful)}"
    if out:
        yield f"does not count, not caught by {' and '.join(answer.tally.limit.caught)}: {', '.join(out)}"


def _table(answer: Answer) -> Any:
    if answer.rows.empty:
        alone = answer.tally.limit.period == "shipment"
        return Text("no shipment reaches it" if alone else "no shipment counts towards it")
    found = _fullest(answer)
    keys = [k for k in ("consignee", "destination", "headquarters", "part") if k in answer.tally.limit.per]
    lines = [
        (*(clean(row[k]) for k in keys), row["period"], _tpp(row["tpp_low"], row["tpp_high"]),
         f"{row['limit_tpp']:,.0f}", _tpp(row["left_tpp"], row["left_tpp"]),
         Text(row["words"], style=STYLES[row["status"]]), crossing(row))
        for row in found
    ]  # fmt: skip
    figures = ("TPP", "limit", "left")
    shown = table(*keys, "period", *figures, "status", "crossed by", rows=lines, right=figures)
    more = len(answer.rows) - len(lines)
    return Group(shown, Text(f"and {more:,} more with less of it used; --format csv has all")) if more else shown


def _fullest(answer: Answer) -> list[dict[str, Any]]:
    """The rows with the most of their limit used, as many as are shown; first those without an upper end."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):  # of a limit of nothing, all is used
        used = np.where(answer.rows["amount"] == 0, np.inf, answer.rows["high"] / answer.rows["amount"])
    order = np.argsort(-used, kind="stable")[:SHOWN]
    return list(_rows(replace(answer, rows=answer.rows.iloc[order])))


def _used(row: dict[str, Any]) -> float:
    """How much of a limit is used; the most where the total has no upper end."""
    if row["tpp_high"] is None or not row["limit_tpp"]:
        return float("inf")
    return float(row["tpp_high"]) / float(row["limit_tpp"])


def crossing(row: dict[str, Any]) -> str:
    """The row that crosses a limit, in words; what was carried over where none does."""
    if row["crossing_line"] is None:
        return "what earlier periods carry over" if row["status"] != WITHIN else ""
    fit = row["crossing_fit"]
    some = f"; {fit:,} of its {row['crossing_quantity']:,} fit" if fit is not None else ""
    return f"line {row['crossing_line']}, {row['crossing_date']}, {row['crossing_part']}{some}"


def _tpp(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "no upper end" if low is None else f"at least {low:,.0f}"
    return f"{low:,.0f}" if round(low) == round(high) else f"{low:,.0f} to {high:,.0f}"


def clean(text: object) -> str:
    """Text of a file, without characters that would steer the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(text))


def plot(found: Ledger, path: Path) -> None:
    """Draw the fullest totals of each limit as shares of it, a panel a limit and reading.

    Raises:
        UsageError: a form that cannot be drawn, or nothing to draw.
        FileError: the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure

    from greenzone.errors import UsageError

    drawn = [a for a in found.answers if not a.rows.empty]
    if not drawn:
        raise UsageError("there is nothing to draw: no shipment counts towards a limit that stands on that day")
    with matplotlib.rc_context(STYLE):
        heights = [min(len(a.rows), SHOWN) + 2 for a in drawn]
        figure = Figure(figsize=(8, 0.5 + 0.18 * sum(heights)), layout="constrained")
        panels = figure.subplots(len(drawn), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, answer in zip(panels, drawn, strict=True):
            _panel(axis, answer)
        figure.supxlabel("share of the limit used; blue within it, orange over, light blue undecided", fontsize=8)
        save(figure, path)


def _panel(axis: "Axes", answer: Answer) -> None:
    q = answer.tally.question
    found = _fullest(answer)
    names = [", ".join(clean(row[k]) for k in (*q.limit.per, "period")) for row in found]
    # A total without an upper end, or of a limit of nothing, is drawn past every other.
    ends = [_used(row) for row in found]
    most = 1.2 * max([1.0, *(end for end in ends if end != float("inf"))])
    shares = [min(end, most) for end in ends]
    colours = [{WITHIN: INK, OVER: OPEN, UNDECIDED: BAND}[row["status"]] for row in found]
    axis.barh(range(len(found)), shares, color=colours)
    axis.axvline(1.0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(found)), names)
    axis.invert_yaxis()
    axis.set_title(f"{name_of(q)}, {q.rule_status.replace('_', ' ')}", fontsize=8, loc="left")
