"""Verdicts as rows: CSV and Markdown tables, one row a part and regime.

Names come from files of others: in a table they are text, never a formula, a link or markup.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence

from greenzone.law.verdict import Classification, Verdict


def _columns(c: Classification, v: Verdict) -> dict[str, object]:
    t, o = c.transaction, v.outcome
    return {
        "device": _device(c), "on": c.on.isoformat(), "known_on": c.known_on.isoformat(),
        "to": t.to, "from": t.origin, "kind": t.kind, "headquarters": t.headquarters,
        "regime": v.regime, "effect": v.effect, "version": v.version, "rule_status": v.rule_status,
        "status": v.status, "words": v.words, "reason": v.reason, "caught_by": v.caught_by, "possible": v.possible,
        "excluded_by": v.excluded_by, "missing": v.missing, "licence": o.licence, "review": o.review,
        "exceptions": o.exceptions, "tariff": o.tariff, "fallback": o.fallback, "conditions": o.conditions,
        "outcome_missing": o.missing, "confidence": v.confidence,
    }  # fmt: skip


def _device(c: Classification) -> str:
    """The part; the word emulated stands beside one whose measured figures are."""
    return f"{c.part.id or c.part.name}{' (emulated)' if c.part.emulated else ''}"


def verdict_rows(found: Sequence[Classification]) -> list[dict[str, str]]:
    """One row for each verdict; lists are joined with semicolons, what is not said is empty."""
    return [{name: _cell(value) for name, value in _columns(c, v).items()} for c in found for v in c.verdicts]


def _cell(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)


def write_rows(rows: Sequence[Mapping[str, object]], form: str) -> str:
    """Rows of the same columns as `csv` (RFC 4180, a line each) or `markdown`; nothing for no rows."""
    columns = list(rows[0]) if rows else []
    if form == "csv":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: csv_text(value) for name, value in row.items()} for row in rows)
        return stream.getvalue()
    cells = [columns, ["---"] * len(columns), *([markdown_text(row[c]) for c in columns] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def csv_text(value: object) -> object:
    """A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection"); numbers stay numbers.

    >>> csv_text("=1+1"), csv_text("-0.5"), csv_text(-0.5)
    ("'=1+1", '-0.5', -0.5)
    """
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")  # a lone return would end the line for some readers
    formula = text.startswith(("=", "+", "-", "@", "\t", "\n")) and not _NUMBER.fullmatch(text)
    return f"'{text}" if formula else text


def markdown_text(value: object) -> str:
    r"""A cell in which nothing is a link, an image, a tag or a column.

    >>> markdown_text("a|b ![x](y) <b>")
    'a\\|b !\\[x](y) &lt;b>'
    """
    text = re.sub(r"\s+", " ", str(value)) if "\n" in str(value) or "\r" in str(value) else str(value)
    return text.replace("<", "&lt;").replace("|", "\\|").replace("[", "\\[").replace("`", "\\`")


_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?%?")
