"""The page: whole in one file, the terminal's words, readable by every reader, and nothing of a record is trusted."""

import itertools
import re
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from greenzone.lab import harness
from greenzone.law.transaction import Transaction
from greenzone.records.record import Finding, Record
from greenzone.report import terminal, wording
from greenzone.report.charts import charts
from greenzone.report.html import page
from greenzone.report.pages import TEMPLATES
from greenzone.report.run import Report, measured_sections, report_of

ON, KNOWN = date(2025, 4, 10), date(2026, 11, 21)
VOID = {"meta", "link", "br", "path"}


class Reader(HTMLParser):
    """Tags with their attributes in order, the text of each table and heading, and whether every tag is closed."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += " " + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    request = harness.Request(
        device="emulated:nvidia-h20",
        formats=("fp8", "bf16"),
        folder=tmp_path_factory.mktemp("r"),
        on=ON,
        known_on=KNOWN,
    )
    return harness.run(request).record


def asked(record: Record) -> Report:
    return report_of(record, ON, KNOWN, Transaction.of("CN"))


@pytest.fixture(scope="module")
def content(record: Record) -> str:
    return page([asked(record)])


@pytest.fixture(scope="module")
def read(content: str) -> Reader:
    return Reader(content)


def test_it_is_one_file_that_asks_nothing_of_any_network(content: str, read: Reader) -> None:
    assert not [attrs for _, attrs in read.tags if "src" in attrs]
    assert "default-src 'none'" in str(read.all("meta"))
    outside = [
        a for a in re.findall(r"""[\w:-]+=["']https?://[^"']*""", content) if not a.startswith(("href=", "xmlns"))
    ]
    assert outside == []
    assert all(str(a.get("href")).startswith(("#", "https://")) for a in read.all("a"))
    assert "@import" not in content
    assert "url(http" not in content
    assert len(content) < 2_000_000


def test_the_same_record_makes_the_same_page(record: Record, content: str) -> None:
    assert page([asked(record)]) == content


def test_it_has_what_readers_tools_need(read: Reader) -> None:
    assert read.open == []
    assert read.all("html") == [{"lang": "en"}]
    assert [len(read.all(tag)) for tag in ("title", "main", "h1", "nav")][1:] == [1, 1, 1]
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    linked = {str(a["href"])[1:] for a in read.all("a") if str(a.get("href")).startswith("#")}
    assert linked <= set(ids)
    assert len(read.all("caption")) == len(read.all("table")) > 8
    assert all(th.get("scope") in ("col", "row") for th in read.all("th"))
    drawn = read.all("svg")
    assert len(drawn) > 6
    assert all(svg["role"] == "img" and svg["aria-labelledby"] in ids for svg in drawn)


def test_no_heading_is_skipped(read: Reader) -> None:
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_the_answer_comes_first_in_the_words_of_the_terminal(record: Record, read: Reader) -> None:
    c = asked(record).classification
    text = words(read.text)
    assert text.index(wording.describe_transaction(c.transaction)) < text.index("What would change them")
    for v in c.verdicts:
        said = [wording.headline(v), wording.sentence(v, c), *wording.outcome_lines(v.outcome)]
        said += [wording.condition_lines(clause) for clause in v.clauses]
        assert [line for line in said if words(line) not in text] == []
    assert all(line in text for line in wording.NOT_PROVEN)


def test_every_cell_of_the_terminals_tables_is_there(record: Record, read: Reader) -> None:
    text = words(read.text)
    for section in measured_sections(record, asked(record).classification.part).values():
        assert section.title in text
        for shown in section.body:
            cells = [str(cell) for column in getattr(shown, "columns", []) for cell in column.cells]
            assert [cell for cell in cells if words(cell) not in text] == []
    c = asked(record).classification
    assert terminal.shown(c.part.value("performance_density").interval) in text


def test_emulated_is_said_in_title_head_charts_and_rows(record: Record, content: str) -> None:
    assert re.search(r"<title>EMULATED: NVIDIA H20", content)
    assert re.search(r"<h1>.*?EMULATED", content, re.DOTALL)
    assert all("Every figure is emulated." in f.caption for f in charts(record, "x").values())
    assert len(re.findall('<svg class="chart"', content)) == len(re.findall('class="stamp"', content)) > 5
    assert "nvidia-h20 (emulated run)" in content
    rows = [row for row in re.findall(r"<tr>.*?</tr>", content, re.DOTALL) if "+/-" in row]
    assert len(rows) > 20
    assert [row for row in rows if "emulated" not in row] == []
    marks = re.findall(r'<g class="mark[^>]*>(?:(?!</g>).)*<title>(.*?)</title>', content)
    marks += re.findall(r'<path class="line[^>]*><title>(.*? TOPS above .*?)</title>', content)
    assert len(marks) > 100
    assert [m for m in marks if "emulated" not in m and "claimed" not in m] == []


def hostile(record: Record, text: str) -> Record:
    own = record.model_copy(deep=True)
    own.device["part"]["name"] = own.device["name"] = own.run.id = text
    own.environment["python"] = text
    own.findings.append(Finding(code="c", severity="info", text=text))
    for row in own.benchmarks:
        row.variant = row.model = row.reason = text
    own.benchmarks[0].format = text
    return own


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script><img src=x onerror=y>", "\"><svg onload='z'>", "{{ 7 * 7 }}", "</title></style>"]
)
def test_markup_in_a_record_is_text(record: Record, text: str) -> None:
    found = Reader(page([asked(hostile(record, text))]))
    assert found.open == []
    assert words(text) in words(found.text)
    assert len(found.all("script")) == 1
    assert not [attrs for _, attrs in found.tags if {"onerror", "onload", "onclick"} & set(attrs)]


def test_what_cannot_be_seen_is_shown_and_what_is_endless_is_cut(record: Record) -> None:
    made = page([asked(hostile(record, "a\u202eb\x1b[31m\u200f" + "x" * 10_000))])
    assert not re.search("[\u202e\u200f\x1b]", made)
    assert "a\\u202eb\\u001b[31m\\u200f" in made
    assert "(10009 characters in all)" in made
    assert "x" * 1100 not in made
    assert "<bdi>" in made


def test_a_record_of_zeros_is_drawn_without_them(record: Record) -> None:
    own = record.model_copy(deep=True)
    for row in own.benchmarks:
        row.samples, row.batch, row.shape = [0.0] * 3, 0, {"working_set_bytes": 0}
        for e in (row.rate_tops, row.bandwidth_gb_s, row.tokens_per_s):
            if e is not None:
                e.median = e.low = e.high = 0.0
    assert "Answer" in page([asked(own)])


def test_a_record_without_figures_has_no_empty_chart(record: Record) -> None:
    own = record.model_copy(deep=True)
    own.benchmarks = []
    assert charts(own, "x") == {}
    assert "Burst against sustained" not in page([asked(own)])


def test_several_records_have_a_summary_and_a_section_each(record: Record) -> None:
    other = record.model_copy(deep=True)
    other.device["part"]["name"] = "The second"
    found = Reader(page([asked(record), asked(other)]))
    assert {"r1", "r2"} <= {attrs.get("id") for attrs in found.all("article")}
    assert words(found.text).index("The records of this page") < words(found.text).index("What would change them")
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def colours() -> Iterator[dict[str, str]]:
    css = (TEMPLATES / "report.css").read_text("utf-8")
    for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL):
        yield dict(re.findall(r"--([\w]+): (#[0-9a-f]{6})", block))


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_every_text_colour_stands_out_in_light_and_dark() -> None:
    """4.5 to 1 for text and 3 to 1 for what is drawn (WCAG 2.2, 1.4.3 and 1.4.11)."""
    schemes = list(colours())
    assert len(schemes) == 2
    for scheme in schemes:
        for name in ("ink", "soft", "link", "caught", "free", "open", "emulated"):
            assert contrast(scheme[name], scheme["paper"]) >= 4.5, name
            assert contrast(scheme[name], scheme["band"]) >= 4.5, name
        for n in range(6):
            assert contrast(scheme[f"c{n}"], scheme["paper"]) >= 3, n


def test_the_files_of_the_page_lie_in_the_package() -> None:
    pages = {"page.html", "report.html", "fleet.html", "certificate.html"}
    assert {p.name for p in TEMPLATES.iterdir()} == {*pages, "report.css", "report.js"}
    assert Path(TEMPLATES).parent.name == "report"
