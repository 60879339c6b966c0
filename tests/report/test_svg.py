"""Small charts: a value stands where its scale says, and what has no place is left out."""

import re

import pytest

from greenzone.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, Dot, Series, chart

LOG, LINEAR = Axis("x", True), Axis("y")


def bars(drawn: str) -> list[tuple[float, float]]:
    """Where the marks of the first series stand: a circle begins its radius to the left of its middle."""
    found = re.findall(r'<g class="mark s0">.*?<path d="M([\d.]+) ([\d.]+)a([\d.]+)', drawn)
    return [(float(x) + float(r), float(y)) for x, y, r in found][:-1]  # the last is the legend's


def test_a_logarithmic_axis_spaces_powers_alike_and_a_linear_one_differences() -> None:
    dots = (Dot(1, 0, "a"), Dot(10, 5, "b"), Dot(100, 10, "c"))
    (x1, y1), (x2, y2), (x3, y3) = bars(chart("id", "t", LOG, LINEAR, [Series("s", dots)]))
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)
    assert LEFT <= x1 < x3 <= WIDTH - RIGHT
    assert TOP <= y3 < y1 <= HEIGHT - BOTTOM


def test_what_has_no_place_is_left_out_and_nothing_is_no_chart() -> None:
    dots = (Dot(0, 1, "zero"), Dot(1, float("inf"), "endless"), Dot(2, 2, "there"))
    drawn = chart("id", "t", LOG, LINEAR, [Series("s", dots)])
    assert "there" in drawn
    assert "zero" not in drawn
    assert "endless" not in drawn
    assert chart("id", "t", LOG, LINEAR, [Series("s", dots[:2])]) == ""


def test_words_are_escaped_and_the_second_round_of_series_is_told_apart() -> None:
    series = [Series(f"<{n}>", (Dot(1, n, "<b>"),)) for n in range(8)]
    drawn = chart("id", "<t>", LOG, LINEAR, series, stamp="EMULATED")
    assert "<b>" not in drawn
    assert "&lt;7&gt;" in drawn
    assert drawn.count('class="mark s1 solid"') == 2  # the mark and its sample in the legend
    assert ">EMULATED</text>" in drawn
