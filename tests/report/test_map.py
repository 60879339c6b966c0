"""The map: regions are the rules' boxes, parts lie where their values can, and the same map is the same file."""

from collections.abc import Callable
from datetime import date
from math import inf
from pathlib import Path
from xml.etree import ElementTree

import pytest

from greenzone.errors import FileError, UsageError
from greenzone.intervals import Range
from greenzone.law.transaction import Transaction
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.catalogue import load_profile
from greenzone.report.map import Map, Region, best_axes, caption, map_of, outline
from greenzone.report.map_figure import draw_map, map_figure, map_style, window_of

KNOWN = date(2026, 11, 21)
H20 = part_of(load_profile("nvidia-h20"))


def map_on(day: str, axes: str | None = None, parts: tuple[Part, ...] = (H20,), to: str | None = None) -> Map:
    return map_of(parts, date.fromisoformat(day), KNOWN, axes, Transaction.of(to))


def region(m: Map, clause: str) -> Region:
    return next(r for r in m.regions if r.clause == clause)


def test_the_vertices_of_2023_are_the_edges_of_the_rule() -> None:
    m = map_on("2023-11-17", "density")
    window = window_of(m)
    assert window.corners(region(m, "3A090.b.1")) == ((2400, 1.6), (4800, 5.92))
    assert window.corners(region(m, "3A090.b.2")) == ((1600, 3.2), (window.right, 5.92))
    assert window.corners(region(m, "3A090.a.2")) == ((1600, 5.92), (window.right, window.top))
    assert window.corners(region(m, "3A090.a.1")) == ((4800, window.bottom), (window.right, window.top))
    assert region(m, "3A090.b.1").across == Range.parse(">= 2400, < 4800")


def test_2022_is_drawn_by_io_bandwidth_and_later_rules_by_density() -> None:
    assert best_axes(date(2022, 10, 21), KNOWN) == "io"
    assert best_axes(date(2023, 11, 17), KNOWN) == best_axes(date(2026, 1, 15), KNOWN) == "density"
    m = map_on("2022-10-21")
    window = window_of(m)
    assert window.corners(region(m, "3A090.a")) == ((4800, 600), (window.right, window.top))
    assert region(m, "3A991.p.2").unless_caught == "us-3a090"
    assert m.controls == ("us-3a090",)


def test_dram_bandwidth_shows_the_review_and_the_tariff_of_2026() -> None:
    m = map_on("2026-01-15", "bandwidth")
    window = window_of(m)
    assert window.corners(region(m, "742.6(b)(10)(iii)(A)(1)")) == ((window.left, window.bottom), (21000, 6500))
    assert window.corners(region(m, "note 39(b)(1)")) == ((14000, 4500), (17500, 5000))
    assert window.corners(region(m, "note 39(b)(2)")) == ((20800, 5800), (21100, 6200))
    assert region(m, "note 39(b)(1)").up.low_open


def test_before_any_rule_there_is_no_region() -> None:
    m = map_on("2020-01-01")
    assert m.regions == ()
    assert "No rule that stood on that day is drawn on these axes." in caption(m)


def test_what_rests_on_something_else_is_named_and_not_drawn() -> None:
    m = map_on("2026-01-15", "density")
    assert {u.clause for u in m.undrawn} >= {"letters.dram", "note 39(b)(1)", "3A991.p.1"}
    assert any("us-letters-2025 (total DRAM bandwidth, I/O bandwidth" in line for line in caption(m))
    assert region(m, "3A090.a.1").also == ("us-ai-diffusion 3A090.a.1 (not enforced)",)
    assert any("15 CFR 774 Supp. 1, ECCN 3A090 (official)" in line for line in caption(m))
    assert any("88 FR 73458 (quoted)" in line for line in caption(map_on("2023-11-17")))
    assert "Except 3A090 Note 2: datacenter false, tpp < 4800." in caption(m)


def test_a_part_is_a_point_a_line_or_an_area(part: Callable[[str], Part]) -> None:
    die = '[[die]]\nkind = "logic"\ntransistor = "non-planar"\nsource = "maker"\n'
    rate = '[peak_tops]\nsource = "maker"\nfp8 = 300\n'
    tail = '[source.maker]\ntitle = "t"\nurl = "https://example.com"\nconfidence = "official"\n'
    assert outline(part(die + "area_mm2 = 600\n" + rate + tail), "performance_density") == ((2400, 4),)
    assert outline(part(die + rate + tail), "performance_density") == ((2400, inf), (2400, 0))
    diagonal = with_set(part(die + "area_mm2 = 600\n" + tail), ["tpp=2400..6000"])
    assert outline(diagonal, "performance_density") == ((2400, 4), (6000, 10))
    area = with_set(part(tail), ["tpp=2400..4800", "applicable_die_area_mm2=600..1200"])
    assert outline(area, "performance_density") == ((2400, 4), (2400, 2), (4800, 4), (4800, 8))
    anywhere = with_set(part(tail), ["tpp=2400.."])
    assert set(outline(anywhere, "performance_density")) == {(2400, inf), (2400, 0), (inf, 0), (inf, inf)}
    assert outline(area, "dram_bandwidth_gb_s") == ((2400, 0), (2400, inf), (4800, inf), (4800, 0))


def test_marks_have_the_status_of_the_law_and_say_what_was_set() -> None:
    fast = with_set(Part(None, "mine"), ["tpp=5000"])
    m = map_on("2023-11-17", "density", (H20, fast, Part(None, "unknown one")))
    assert [(mark.name, mark.status) for mark in m.marks] == [("nvidia-h20", "not_caught"), ("mine (set)", "caught")]
    assert m.unplaced == ("unknown one",)
    assert any("unknown one" in line for line in caption(m))


def test_the_outcome_is_named_for_a_destination_alone() -> None:
    said = map_on("2026-01-15", "bandwidth", to="CN").outcomes
    assert "us-china-review-2026 742.6(b)(10)(iii)(A)(1): licence required, review: case by case" in said
    assert map_on("2026-01-15", "bandwidth").outcomes == ()


def test_the_same_map_is_the_same_file_with_text_as_text(tmp_path: Path) -> None:
    m = map_on("2023-11-17")
    for name in ("a.svg", "b.svg", "a.png"):
        draw_map(m, tmp_path / name)
    drawn = (tmp_path / "a.svg").read_text("utf-8")
    assert drawn == (tmp_path / "b.svg").read_text("utf-8")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    for words in ("nvidia-h20", "3A090.b.1", "Law as of 2023-11-17", "15 CFR 774", "814 mm2", "no legal advice"):
        assert words in drawn
    assert "<dc:date>" not in drawn


def test_no_two_labels_of_a_crowded_map_overlap() -> None:
    """Twelve parts close together: no name lies over another."""
    parts = tuple(with_set(Part(None, f"part number {n}"), [f"tpp={2400 + 7 * n}", f"performance_density={3 + n / 50}"])
                  for n in range(12))  # fmt: skip
    with map_style():
        figure = map_figure(map_on("2023-11-17", "density", parts))
        (axes,) = figure.axes
        renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
        boxes = [t.get_window_extent(renderer) for t in axes.texts if t.get_text().startswith("part number")]
    assert len(boxes) == 12
    assert not [(a, b) for n, a in enumerate(boxes) for b in boxes[:n] if a.overlaps(b)]


@pytest.mark.parametrize("name", ["$\\frac{", "<b>&\"'", "a\u202eb\x00\x1b", "x" * 10_000])
def test_a_name_of_any_kind_is_a_label(tmp_path: Path, name: str) -> None:
    m = map_on("2023-11-17", "density", (with_set(Part(None, name), ["tpp=5000", "performance_density=2"]),))
    draw_map(m, tmp_path / "a.svg")
    drawn = ElementTree.parse(tmp_path / "a.svg")  # noqa: S314 - written a line above
    texts = [t.text or "" for t in drawn.iter() if t.tag.endswith("text")]
    assert any(m.marks[0].name in t for t in texts)
    assert len(m.marks[0].name) < 120


def test_what_cannot_be_drawn_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to draw"):
        draw_map(map_on("2020-01-01", parts=()), tmp_path / "a.svg")
    with pytest.raises(UsageError, match="end its name with one of them"):
        draw_map(map_on("2023-11-17"), tmp_path / "a.gif")
    with pytest.raises(UsageError, match="no choice of axes; allowed: density"):
        map_on("2023-11-17", "colour")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        draw_map(map_on("2023-11-17"), tmp_path / "file" / "a.svg")
