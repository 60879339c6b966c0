"""The terminal report: the words it may say, and those it may not."""

import io
import re
from datetime import date

import pytest
from rich.console import Console, RenderableType

from greenzone.law.classification import classify
from greenzone.law.headroom import headroom
from greenzone.law.regimes import load_regimes
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import Classification
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.catalogue import load_profile, load_profiles
from greenzone.report import terminal, wording
from greenzone.report.run import by_date
from greenzone.report.tables import verdict_rows, write_rows

ON, KNOWN = date(2025, 4, 10), date(2026, 11, 21)


def text(renderable: RenderableType) -> str:
    """What a terminal of 200 columns shows."""
    stream = io.StringIO()
    Console(file=stream, width=200, highlight=False, color_system=None).print(renderable)
    return stream.getvalue()


def asked(part: Part, on: date = ON, to: str | None = "CN") -> Classification:
    return classify(part, on, KNOWN, Transaction.of(to))


@pytest.fixture(scope="module")
def h20() -> Classification:
    return asked(part_of(load_profile("nvidia-h20")))


def test_days_and_transaction_are_printed(h20: Classification) -> None:
    shown = text(terminal.classification(h20))
    assert "as of 2025-04-10, as known on 2026-11-21; export from US to CN" in shown


def test_not_caught_is_said_with_its_basis_and_date(h20: Classification) -> None:
    shown = text(terminal.classification(h20))
    assert "not caught by the modelled clauses as of 2025-04-10, on the basis of" in shown
    assert "total processing performance 2368 (claimed)" in shown


def test_caught_is_said_with_clause_margin_and_citation(h20: Classification) -> None:
    shown = text(terminal.classification(h20))
    assert "caught by letters.dram, letters.sum" in shown
    assert "dram_bandwidth_gb_s 4000 >= 1400 (+185.7%)" in shown
    assert "NVIDIA Form 8-K, 2025-04-15 (reported)" in shown


def test_every_report_ends_with_what_it_does_not_prove(h20: Classification) -> None:
    shown = text(terminal.classification(h20)).rstrip()
    assert shown.endswith("This is no legal advice.")


@pytest.mark.parametrize("word", [r"\bcompliant\b", r"\bexportable\b", r"\blegal(ly)?\b"])
def test_words_that_are_never_printed(word: str) -> None:
    parts = [part_of(p) for p in load_profiles()]
    days = [date(2022, 12, 1), date(2024, 1, 1), ON, date(2026, 2, 1)]
    shown = "".join(text(terminal.classification(asked(part, day))) for part in parts for day in days)
    shown += "".join(text(terminal.headroom(part, headroom(part, ON, KNOWN), ON)) for part in parts)
    shown += "".join(line for r in load_regimes() for v in r.versions for line in wording.version_lines(v))
    assert not re.search(word, shown.lower().replace("no legal advice", ""))


def test_undecided_says_what_is_missing_and_where_it_would_settle() -> None:
    part = with_set(Part(None, "x"), ["tpp=2000", "datacenter=true"])
    shown = text(terminal.classification(asked(part, date(2024, 1, 1))))
    assert "undecided as of 2024-01-01: facts are missing; missing: applicable_die_area_mm2" in shown
    assert "if applicable_die_area_mm2 > 625: not caught" in shown


def test_what_would_change_a_verdict_is_named(h20: Classification) -> None:
    shown = text(terminal.classification(h20))
    assert "us-3a090: caught once the total processing performance rises to 2400 TOPS x bit (+1.4% from 2368)" in shown


def test_eligibility_has_words_of_its_own() -> None:
    c = asked(part_of(load_profile("nvidia-h200-sxm")), date(2026, 2, 1))
    assert wording.headline(c.verdict("us-china-review-2026")) == "eligible"
    assert "review: case by case" in text(terminal.classification(c))


def test_by_date_shows_the_letters_from_april_2025(h20: Classification) -> None:
    lines = {line.split()[0]: line for line in text(by_date(h20)).splitlines()}
    assert "2025-04-10" in lines["regime"]
    assert lines["us-letters-2025"].split()[1:5] == ["not", "applicable", "not", "applicable"]
    assert "caught" in lines["us-letters-2025"]


def test_markdown_and_csv_have_a_row_for_each_verdict(h20: Classification) -> None:
    rows = verdict_rows([h20])
    assert len(rows) == len(h20.verdicts)
    csv_lines = write_rows(rows, "csv").splitlines()
    assert csv_lines[0].split(",")[:4] == ["device", "on", "known_on", "to"]
    assert len(csv_lines) == len(rows) + 1
    markdown = write_rows(rows, "markdown").splitlines()
    assert len(markdown) == len(rows) + 2
    assert all(line.startswith("|") and line.endswith("|") for line in markdown)
