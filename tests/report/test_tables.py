"""Cells of tables are text: no formula in a spreadsheet, no markup on a page."""

import csv
import io

import pytest

from greenzone.report.tables import csv_text, markdown_text, write_rows


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", '=HYPERLINK("x")'])
def test_a_formula_is_text_in_csv(text: str) -> None:
    (row,) = csv.DictReader(io.StringIO(write_rows([{"name": text}], "csv"), newline=""))
    assert row["name"] == f"'{text}"


def test_a_line_break_in_a_cell_ends_no_line() -> None:
    rows = [{"name": "a\r=1"}, {"name": "\r=1"}, {"name": "b\r\nc"}]
    found = csv.DictReader(io.StringIO(write_rows(rows, "csv"), newline=""))
    assert [row["name"] for row in found] == ["a\n=1", "'\n=1", "b\nc"]


@pytest.mark.parametrize("value", ["-0.5", "+1.9%", "1e-3", -0.5, 12, "not caught", "", None, "us-3a090"])
def test_figures_and_names_stay_as_they_are(value: object) -> None:
    assert csv_text(value) == value


def test_markdown_keeps_its_columns_and_has_no_markup_of_others() -> None:
    text = write_rows([{"a": "x|y\nz", "b": "<script> ![i](http://x) `c`"}], "markdown")
    head, _, line = text.splitlines()
    assert head == "| a | b |"
    assert line.replace("\\|", "").count("|") == 3
    assert "<" not in line
    assert "![i]" not in line
    assert markdown_text(0.5) == "0.5"
