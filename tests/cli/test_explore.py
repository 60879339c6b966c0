"""`greenzone timeline`, `matrix`, `headroom`, `design` as a user calls them."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from greenzone.cli.main import main
from greenzone.cli.options import profile_ids

KNOWN = ["--known-on", "2026-11-21"]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), prog_name="greenzone")


def document(*arguments: str) -> Any:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_timeline_tells_by_rule_and_date() -> None:
    found = document("timeline", "nvidia-h20", "--to", "CN", *KNOWN)
    assert found["device"]["id"] == "nvidia-h20"
    assert ("2025-04-09", "us-letters-2025") in {(c["on"], c["regime"]) for c in found["changes"]}


def test_timeline_ends_on_the_day_asked_for() -> None:
    found = document("timeline", "nvidia-h20", "--to", "CN", "--on", "2025-01-01", *KNOWN)
    assert max(c["on"] for c in found["changes"]) < "2025-01-01"


@pytest.mark.parametrize("form", ["csv", "markdown"])
def test_timeline_and_matrix_in_other_forms(form: str) -> None:
    for command in (["timeline", "nvidia-h20", "--to", "CN"], ["matrix", "nvidia-h20", "--on", "2025-04-10"]):
        result = invoke(*command, *KNOWN, "--format", form)
        assert result.exit_code == 0
        assert "us-letters-2025" in result.stdout


def test_matrix_of_every_part_over_the_four_days() -> None:
    days = ["2022-10-21", "2023-11-17", "2025-04-10", "2026-01-15"]
    found = document("matrix", *KNOWN, *(word for day in days for word in ("--on", day)))
    assert [row["id"] for row in found] == profile_ids()
    assert len(found) >= 15
    assert all(list(row["dates"]) == days for row in found)


def test_headroom_warns_of_a_rounding() -> None:
    result = invoke("headroom", "amd-mi325x", "--on", "2026-02-01", *KNOWN)
    said = " ".join(result.stdout.split())
    assert "warning: us-china-review-2026: not eligible where tpp 20919.2 is rounded to 21000 (2 digits)" in said
    assert "not met where the rate 2614.9 is rounded to 2600, tpp 20800 (2 digits)" in said


def test_headroom_answers_a13() -> None:
    found = document("headroom", "nvidia-a10", "--set", "applicable_die_area_mm2=unknown", "--on", "2024-01-01", *KNOWN)
    rows = next(h for h in found["regimes"] if h["regime"] == "us-3a090")["break_evens"]
    assert [(r["range"], r["clause"]) for r in rows] == [
        ("<= 337.837838", "3A090.a.2"), ("> 337.837838, <= 625", "3A090.b.2"), ("> 625", None)
    ]  # fmt: skip


@pytest.mark.parametrize(("area", "words"), [("600", "below 240 TOPS"), ("814", "below 300 TOPS")])
def test_design_in_a_sentence(area: str, words: str) -> None:
    assert words in invoke("design", "--area", area).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["design", "--area", "0"], 2, "more than 0"),
        (["design", "--area", "nan"], 2, "more than 0"),
        (["design", "--area", "600", "--dtype", "fp7"], 2, "unknown number format"),
        (["design", "--area", "600", "--on", "2020-01-01"], 2, "no version stands"),
        (["timeline", "nvidia-h2"], 2, "nearest: nvidia-h20"),
        (["matrix", "--on", "yesterday"], 2, "is no date"),
        (["headroom", "nvidia-h20", "--regime", "us-3a09"], 2, "unknown regime"),
    ],
)
def test_bad_input(arguments: list[str], code: int, words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_headroom_of_values_alone() -> None:
    found = document("headroom", "--set", "tpp=2000", "--set", "datacenter=true", "--on", "2024-01-01", *KNOWN)
    assert found["schema"] == "greenzone.headroom/1"
    assert next(h for h in found["regimes"] if h["regime"] == "us-3a090")["missing"] == ["applicable_die_area_mm2"]


def test_a_timeline_of_a_rule_that_hangs_on_another_moves_with_it() -> None:
    found = document("timeline", "nvidia-l4", "--regime", "us-3a991-p", "--to", "CN", *KNOWN)
    assert [c["on"] for c in found["changes"]] == ["2022-10-21", "2023-11-17"]
