"""Verdicts as rows: CSV and Markdown tables, one row a part and regime."""

import csv
import io
from collections.abc import Sequence

from greenzone.law.verdict import Classification

COLUMNS = (
    "device", "on", "known_on", "to", "regime", "effect", "version", "rule_status", "status", "words", "reason",
    "caught_by", "possible", "excluded_by", "missing", "licence", "review", "exceptions", "confidence",
)  # fmt: skip


def verdict_rows(found: Sequence[Classification]) -> list[dict[str, str]]:
    """One row for each verdict; lists are joined with semicolons, what is not said is empty."""
    rows = []
    for c in found:
        for v in c.verdicts:
            values = (
                c.part.id or c.part.name, c.on.isoformat(), c.known_on.isoformat(), c.transaction.to, v.regime,
                v.effect, v.version, v.rule_status, v.status, v.words, v.reason, v.caught_by, v.possible,
                v.excluded_by, v.missing,
                v.outcome.licence, v.outcome.review, v.outcome.exceptions, v.confidence,
            )  # fmt: skip
            rows.append({name: _cell(value) for name, value in zip(COLUMNS, values, strict=True)})
    return rows


def _cell(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)


def write_rows(rows: Sequence[dict[str, str]], form: str) -> str:
    """The rows as `csv` (RFC 4180, a line each) or `markdown`."""
    if form == "csv":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return stream.getvalue()
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += ["| " + " | ".join(row[c].replace("|", "\\|") for c in COLUMNS) + " |" for row in rows]
    return "\n".join(lines) + "\n"
