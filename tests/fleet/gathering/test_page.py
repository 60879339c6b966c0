"""The page and the terminal of a fleet: the outlier is named, emulated is said everywhere, nothing is trusted."""

import itertools
import re
from collections.abc import Callable
from html.parser import HTMLParser
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from greenzone.fleet.gathering.charts import MOST_APART, MOST_DOTS
from greenzone.fleet.gathering.figures import DeviceSummary, Figure
from greenzone.fleet.gathering.page import MOST, page
from greenzone.fleet.gathering.reading import LeftOut
from greenzone.fleet.gathering.summary import Fleet, summarised
from greenzone.fleet.gathering.terminal import fleet as shown

Make = Callable[..., DeviceSummary]
Lot = Callable[..., list[DeviceSummary]]
VOID = {"meta", "link", "br"}
RATES = [140.1, 139.8, 140.3, 46.7, 140.0, 139.9, 140.2, 139.7] * 2


class Reader(HTMLParser):
    """Tags with their attributes, text, and whether every tag is closed in order."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def terminal(fleet: Fleet) -> str:
    console = Console(file=StringIO(), width=400)
    console.print(shown(fleet))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


@pytest.fixture
def found(lot: Lot) -> Fleet:
    again = {"started_at": "2026-12-01", "ended_at": "2026-12-01", "run": "later"}
    devices = lot(RATES)
    moved = [DeviceSummary(**{n: getattr(devices[0], n) for n in DeviceSummary.__slots__} | again | {
        "figures": {"matmul bf16 sustained": Figure("TOPS", 137.0, 136.8, 137.2, "valid", 148.0)}})]  # fmt: skip
    return summarised([*devices, *moved, LeftOut("results/x.json", "not valid JSON")], {"node00": "a", "node01": "b"})


@pytest.mark.parametrize("form", [page, terminal])
def test_the_slow_ones_are_named_and_by_how_much(found: Fleet, form: Callable[[Fleet], str]) -> None:
    text = form(found)
    assert "cuda:3" in text
    assert "46.7 TOPS against a median of" in text
    assert "16 devices in 1 lot; 2 apart; 1 left out" in text
    assert "results/x.json" in text
    assert "137 TOPS (-2.2%" in text
    assert text.index("46.7 TOPS") < text.rindex("Figures over the devices")


def test_the_page_is_whole_and_asks_nothing_of_any_network(found: Fleet) -> None:
    content = page(found)
    read = Reader(content)
    assert read.open == []
    assert not [attrs for _, attrs in read.tags if "src" in attrs]
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [str(a["href"]) for tag, a in read.tags if tag == "a"]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert all(a["aria-labelledby"] in ids for tag, a in read.tags if tag == "svg")
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", content)
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    for title in ("Figures by device", "Racks", "Nodes", "Devices that moved between dates", "Notes"):
        assert title in read.text


def test_emulated_is_said_at_every_chart_and_heading(found: Fleet, device: Make) -> None:
    content = page(found)
    charts = re.findall(r'<svg class="chart".*?</svg>', content, re.S)
    assert charts
    assert all(">EMULATED<" in c for c in charts)
    marks = re.findall(r'<g class="mark[^"]*">(?:(?!</g>).)*?<title>(.*?)</title>', content, re.S)
    assert marks
    assert all(m.endswith(", emulated") for m in marks)
    assert "EMULATED: " in content[: content.index("</title>")]
    real = page(summarised([device(n, emulated=False, uuid=f"GPU-{n}") for n in range(8)]))
    assert "emulated" not in Reader(re.sub("<style>.*</style>", "", real, flags=re.S)).text.lower()
    mixed = page(summarised([device(0), device(1, emulated=False)]))
    assert "some EMULATED" in mixed


def test_a_large_fleet_makes_a_page_that_can_be_opened(lot: Lot) -> None:
    rates = [140.0 + n % 7 / 10 for n in range(3000)]
    rates[::10] = [50.0] * 300
    fleet = summarised(lot(rates))
    content = page(fleet)
    dots = content.count('<g class="mark s0">') - 1 + content.count('<g class="mark s1">') - 1
    assert dots <= MOST_DOTS + MOST_APART
    assert f"And {300 - MOST} more" in content
    assert len(content) < 1_000_000


@pytest.mark.parametrize("bad", ["<script>alert(1)</script>", "a\x1b[31mb", "x" * 5000, "\u202eabc", "]]>", "'\"&"])
def test_names_of_others_are_shown_and_never_obeyed(device: Make, bad: str) -> None:
    figures = {bad: Figure(bad, 40.0, 39.0, 41.0, "valid", 148.0)}
    said: dict[str, Any] = dict.fromkeys(("device", "name", "uuid", "part", "node", "place", "suite", "fault"), bad)
    devices = [device(n, figures={bad: Figure(bad, 140.0, 139.0, 141.0, "valid", 148.0)}) for n in range(8)]
    hostile = [device(9, **said, figures=figures), device(10, part=bad, figures=figures, beside={bad: bad})]
    found = summarised([*devices, *hostile, LeftOut(bad, bad)], {bad: bad})
    content = page(found)
    assert "<script>alert" not in content
    read = Reader(content)
    assert read.open == []
    for text in (content, terminal(found)):
        assert "\x1b[31m" not in text
        assert "\u202e" not in text
    assert len(content) < 1_000_000


def test_an_empty_fleet_has_a_page() -> None:
    content = page(summarised([LeftOut("x", "broken")]))
    assert "0 devices in 0 lots" in Reader(content).text


def test_a_terminal_leaves_the_sweep_and_most_links_to_the_page(
    device: Make, figure: Callable[..., Figure]
) -> None:
    titles = [f"interconnect.link{n} sustained" for n in range(10)]
    titles += [f"memory.sweep of {2**n} bytes fp32 burst" for n in range(16, 20)]
    own = {title: figure(140.0, claimed=None) for title in titles}
    fleet = summarised([device(n, figures=own) for n in range(8)])
    text = terminal(fleet)
    assert "memory.sweep" not in text
    assert "and 4 of the sweep over caches; --json and the page have them" in text
    assert "and 4 more; --json has them all" in text.split("Links of each node")[1]
    assert all(title in page(fleet) for title in titles)
