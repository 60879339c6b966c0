"""A comparison as rows, and on the terminal: what differs beside the figures first, then the ratios."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from greenzone.intervals import number
from greenzone.records.comparison import Comparison, Ratio
from greenzone.report import terminal

STYLES = {"regressed": "bold red", "improved": "green", "same": "", "unclear": "yellow"}


def ratio_rows(found: Comparison) -> list[dict[str, Any]]:
    """One row for each benchmark of both sides, what regressed first."""
    order = ("regressed", "unclear", "improved", "same")
    rows = sorted(found.ratios, key=lambda r: order.index(r.status))
    return [
        {
            "benchmark": r.benchmark, "unit": r.unit, "before": r.before, "after": r.after, "ratio": r.ratio,
            "low": r.low, "high": r.high, "status": r.status, "emulated": found.emulated,
        }
        for r in rows
    ]  # fmt: skip


def rounded(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows for people: figures to four digits, ratios to three decimals."""
    figures = {"before": "{:.4g}", "after": "{:.4g}", "ratio": "{:.3f}", "low": "{:.3f}", "high": "{:.3f}"}
    return [{k: figures[k].format(v) if k in figures else v for k, v in row.items()} for row in rows]


def cells(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """The rows as a person reads them: columns and lines."""
    rows = rounded(ratio_rows(found))
    return list(rows[0]) if rows else [], [[str(value) for value in row.values()] for row in rows]


def comparison(found: Comparison) -> Group:
    """The whole answer on the terminal."""
    return Group(
        *([Text("EMULATED: both sides are of an emulated device", style="bold magenta")] if found.emulated else []),
        *_named("What differs beside the figures", found.differences),
        terminal.section("After as a fraction of before (bootstrap interval, 95 %)", _table(found)),
        *_named("Only before", found.only_before), *_named("Only after", found.only_after),
        *_named("Not compared", (*found.left_out, *found.unsound)),
        Text(), _answer(found),
    )  # fmt: skip


def _named(title: str, names: Sequence[str]) -> list[RenderableType]:
    return [terminal.section(title, *map(Text, names))] if names else []


def _table(found: Comparison) -> RenderableType:
    rows = [
        (r["benchmark"], f"{r['before']} {r['unit']}", r["after"], r["ratio"], f"{r['low']} to {r['high']}",
         Text(r["status"], style=STYLES[r["status"]]))
        for r in rounded(ratio_rows(found))
    ]  # fmt: skip
    columns = ("benchmark", "before", "after", "ratio", "interval", "")
    return terminal.table(*columns, rows=rows, right=columns[1:5])


def _answer(found: Comparison) -> Text:
    if not found.failed:
        unclear = sum(r.status == "unclear" for r in found.ratios)
        tail = f"; {unclear} cannot be told, for their interval straddles it" if unclear else ""
        return Text(f"nothing regressed by more than {found.tolerance:.3g} of {len(found.ratios)} benchmarks{tail}")
    said = [f"{len(found.regressed)} regressed: {'; '.join(map(sentence, found.regressed))}"] if found.regressed else []
    said += [f"no longer sound: {'; '.join(found.unsound)}"] if found.unsound else []
    return Text("; ".join(said), style="bold red")


def sentence(r: Ratio) -> str:
    """A regression in words."""
    return f"{r.benchmark} {number(round(r.before, 1))} to {number(round(r.after, 1))} {r.unit} ({r.ratio - 1:+.1%})"
