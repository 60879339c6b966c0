"""Tiers and comparisons: never one metric alone, shares of a reference, unknown never zero."""

from pathlib import Path

import pytest

from greenzone.errors import FileError, UsageError
from greenzone.parts.catalogue import load_catalogue, load_profile
from greenzone.report.parts import TIER_METRICS, compared, compared_cells, percent, span, tier_cells, tiers
from greenzone.report.plots import tiers_plot

H20, H100 = load_profile("nvidia-h20"), load_profile("nvidia-h100-sxm")
CHINA = load_profile("intel-gaudi-3-china")


def test_the_h20_is_15_percent_of_an_h100_and_119() -> None:
    """Issue: its TPP is 15 % of the H100's, its memory bandwidth 119 %."""
    rows = tiers([H20, H100], reference=H100)
    assert "2368 (#2, 15%)" in tier_cells(rows, TIER_METRICS)[1][1]
    by_metric = {r["metric"]: r for r in compared([H100, H20])}
    assert by_metric["dram_bandwidth_gb_s"]["nvidia-h20 share low"] == pytest.approx(4000 / 3350)
    tpp = by_metric["tpp"]
    assert (tpp["nvidia-h20 share low"], tpp["nvidia-h20 share high"]) == pytest.approx((2368 / 15832, 2368 / 15831.2))


def test_a_share_of_an_interval_is_an_interval_and_of_an_open_one_nothing() -> None:
    h20, china = tiers([CHINA, H20], reference=load_profile("nvidia-b300"))
    assert (h20["tpp_share_low"], h20["tpp_share_high"]) == pytest.approx((2368 / 56000, 2368 / 50400))
    assert percent(0.1, None) == ""
    assert percent(0.1, 0.2) == "10% to 20%"
    assert china["performance_density_share_high"] is None


def test_beside_the_metric_of_the_order_stand_the_others_with_their_places() -> None:
    rows = tiers([H20, H100], sort="dram_bandwidth_gb_s")
    assert [r["id"] for r in rows] == ["nvidia-h20", "nvidia-h100-sxm"]
    assert (rows[0]["dram_bandwidth_gb_s_rank"], rows[0]["tpp_rank"]) == (1, 2)
    head, lines = tier_cells(rows, TIER_METRICS)
    assert len(head) == len(lines[0]) == 1 + len(TIER_METRICS)
    assert "2368 (#2)" in lines[0]


def test_one_metric_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="tpp alone ranks no part"):
        tiers([H20], "tpp", metrics=["tpp"])


def test_what_is_not_known_is_empty_and_unknown_never_zero() -> None:
    (row,) = tiers([CHINA])
    assert (row["performance_density_low"], row["performance_density_rank"]) == (None, None)
    assert "unknown" in tier_cells([row], TIER_METRICS)[1][0]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(None, None, "unknown"), (5.0, None, "at least 5"), (1.0, 1.0, "1"), (1600.04, 2e4, "1600 to 20000"), (0, 0, "0")],
)
def test_a_span_in_words(low: float | None, high: float | None, text: str) -> None:
    assert span(low, high) == text


def test_a_comparison_leaves_out_what_is_known_of_no_part_unless_it_was_asked_for() -> None:
    assert "fp4_tops" not in {r["metric"] for r in compared([H20, H100])}
    (row,) = compared([H20, H100], ["fp4_tops"])
    assert compared_cells([row])[1][0][1:] == ["unknown", "unknown"]
    assert list(compared([H20, H100], ["tpp"], sort="tpp")[0])[2] == "nvidia-h100-sxm low"


@pytest.mark.parametrize(("parts", "words"), [([H20], "at least two"), ([H20, H20], "nvidia-h20 is given twice")])
def test_a_comparison_of_fewer_than_two_is_refused(parts: list[object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        compared(parts)  # type: ignore[arg-type]


def test_the_plot_is_the_same_for_the_same_rows_and_names_every_part(tmp_path: Path) -> None:
    rows = tiers(load_catalogue().profiles, "performance_density")
    for name in ("a.svg", "b.svg"):
        tiers_plot(rows, ("performance_density", *TIER_METRICS[:1]), tmp_path / name)
    first = (tmp_path / "a.svg").read_text("utf-8")
    assert first == (tmp_path / "b.svg").read_text("utf-8")
    assert all(row["id"] in first for row in rows)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.svg", "b.svg"]


def test_the_plot_draws_a_point_for_each_value_and_an_arrow_for_each_open_end(tmp_path: Path) -> None:
    rows = tiers([H20, load_profile("amd-mi308x"), CHINA], "tpp")
    tiers_plot(rows, ("tpp",), tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text("utf-8")
    assert 'id="low 2368"' in text
    assert 'id="low at least 3245.8"' in text


@pytest.mark.parametrize("name", ["a.gif", "a"])
def test_a_form_that_is_not_drawn_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"is written as \.svg, \.pdf, \.png"):
        tiers_plot(tiers([H20]), ("tpp",), tmp_path / name)
    with pytest.raises(UsageError, match="no part"):
        tiers_plot([], ("tpp",), tmp_path / "a.svg")


def test_a_plot_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="cannot be written"):
        tiers_plot(tiers([H20]), ("tpp",), tmp_path / "file" / "a.svg")
