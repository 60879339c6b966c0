"""What the gate writes for others: JUnit, GitHub, Markdown; names from outside are text in each."""

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from greenzone.errors import FileError
from greenzone.law.transaction import Transaction
from greenzone.parts.capability import Part, part_of
from greenzone.parts.catalogue import load_profile
from greenzone.policy.document import Forbid, Policy
from greenzone.policy.gate import Check, Subject, check
from greenzone.report import github
from greenzone.report.gate import gate, markdown, ordered
from greenzone.report.junit import junit

ON, TODAY = date(2023, 11, 17), date(2026, 11, 22)
HOSTILE = "X\x00\x1b]0;\n::error::owned\nexit-code=0 | <img src=x> [a](b) ![c](d) %0A"


def asked(part: str | Part, *forbids: Forbid, to: str | None = None) -> Check:
    own = part if isinstance(part, Part) else part_of(load_profile(part))
    policy = Policy(1, forbids=forbids or (Forbid("us-3a090", None, ("CN",)),))
    return check(Subject(own), policy, ON, TODAY, TODAY, Transaction.of(to))


@pytest.fixture
def hostile() -> Check:
    return asked(replace(part_of(load_profile("nvidia-h100-sxm")), id=None, name=HOSTILE))


def cases(text: str) -> dict[str, str | None]:
    """The name of each case, and the tag of what it came to; None for a pass."""
    found = {}
    for case in ET.fromstring(text).iter("testcase"):  # noqa: S314 - our own file
        tags = [child.tag for child in case if child.tag in ("failure", "skipped", "error")]
        found[str(case.get("name"))] = tags[0] if tags else None
    return found


def test_a_suite_is_a_regime_and_a_case_a_clause_and_destination() -> None:
    text = junit([asked("nvidia-l4")])
    root = ET.fromstring(text)  # noqa: S314
    assert [suite.get("name") for suite in root.iter("testsuite")] == ["us-3a090"]
    assert cases(text) == {
        "3A090.a.1 to CN": None, "3A090.a.2 to CN": "failure", "3A090.b.1 to CN": None, "3A090.b.2 to CN": None,
    }  # fmt: skip
    assert root.find("testsuite").get("failures") == "1"  # type: ignore[union-attr]


def test_what_is_undecided_is_skipped(part: Callable[[str], Part]) -> None:
    found = cases(junit([asked(part("datacenter = true\n[peak_tops]\nfp8 = 250"))]))
    assert found == {
        "3A090.a.1 to CN": None, "3A090.a.2 to CN": "skipped", "3A090.b.1 to CN": None, "3A090.b.2 to CN": "skipped",
    }  # fmt: skip


def test_a_violation_that_no_clause_shows_alone_has_a_case_of_its_own(part: Callable[[str], Part]) -> None:
    """TPP in [2400, 4000] with density in [5, 7]: a.2 or b.1, whichever."""
    lines = (
        'datacenter = true\n[peak_tops]\nfp8 = 400\n[[claim]]\nparameter = "peak_tops.fp8"\nvalue = 300\nsource = "a"\n'
        '[[die]]\nkind = "logic"\narea_mm2 = 480\ntransistor = "non-planar"\n'
        '[[claim]]\nparameter = "applicable_die_area_mm2"\nvalue = 600\nsource = "b"\n'
    )
    check = asked(part(lines))
    assert check.exit_code == 3
    assert "failure" in cases(junit([check])).values()


def test_every_document_is_whole_whatever_a_part_is_named(hostile: Check) -> None:
    root = ET.fromstring(junit([hostile]))  # noqa: S314
    assert "\x00" not in junit([hostile])
    assert len(list(root.iter("failure"))) == 2
    page = markdown(hostile)
    assert "<img" not in page
    assert "\n::error" not in page
    assert not re.search(r"(?<!\\)\[", page)


def test_the_terminal_obeys_no_name(hostile: Check) -> None:
    stream = io.StringIO()
    Console(file=stream, width=100, force_terminal=True, color_system=None).print(gate(hostile))
    assert not set(stream.getvalue()) & {"\x00", "\x1b"}
    assert "exit 3: the policy is violated" in stream.getvalue()


def test_annotations_are_one_line_each_and_escaped(hostile: Check, part: Callable[[str], Part]) -> None:
    lines = github.annotations([hostile])
    assert len(lines) == 1
    assert lines[0].startswith("::error title=greenzone%3A forbid us-3a090 to CN::X ")
    assert ": caught by 3A090.a.1 (tpp >= 4800 by 229.8%25)" in lines[0]
    assert not set(lines[0]) & {"\x00", "\x1b"}
    named = replace(hostile, lines=(replace(hostile.lines[0], rule=HOSTILE, text=HOSTILE),))
    (line,) = github.annotations([named])
    assert len(line.splitlines()) == 1
    assert line.count("::error") == 3, "one command, and the name twice as text"
    assert line.endswith("%250A")


def test_no_more_annotations_than_are_shown(hostile: Check) -> None:
    many = replace(hostile, lines=hostile.lines * 30)
    assert len(github.annotations([many])) == github.ANNOTATIONS_MAX


def test_the_outputs_are_four_lines_whatever_a_part_is_named(hostile: Check, tmp_path: Path) -> None:
    path = tmp_path / "outputs"
    path.write_text("before=1\n")
    github.write_outputs([hostile], path)
    lines = path.read_text("utf-8").split("\n")
    assert [line.split("=")[0] for line in lines] == ["before", "exit-code", "verdict", "device", "failed", ""]
    assert lines[1] == "exit-code=3"


def test_the_summary_is_appended_and_never_past_what_a_step_may_have(hostile: Check, tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    github.write_summary([hostile], path)
    github.write_summary([hostile], path)
    assert path.read_text("utf-8").count("### greenzone check: the policy is violated") == 2
    path.write_bytes(b"x" * (github.SUMMARY_MAX_BYTES - 10))
    github.write_summary([hostile], path)
    assert path.stat().st_size == github.SUMMARY_MAX_BYTES - 10


def test_a_summary_that_cannot_be_written_is_said(hostile: Check, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be written"):
        github.write_summary([hostile], tmp_path)


def test_what_failed_comes_first() -> None:
    check = asked("nvidia-h100-sxm", Forbid("us-letters-2025"), Forbid("us-3a090"))
    assert [line.status for line in ordered(check)] == ["violated", "pass"]
    assert "| violated | forbid us-3a090 |" in markdown(check)
    assert "What this does not prove" in markdown(check)
