"""The twenty situations: the exit of the gate in each, and the words that say why."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile

Invoke = Callable[..., Result]
CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("decisions.toml").read_text("utf-8"))["case"]
RECORDED = ("measured", "rows", "findings")


def test_every_situation_has_a_case() -> None:
    assert {case["row"] for case in CASES} == set(range(1, 21))


@pytest.fixture
def subject(
    toml: Callable[..., Path], profile: Callable[[str], DeviceProfile], write_record: Callable[..., Path]
) -> Callable[[dict[str, Any]], str]:
    """What a case checks: an id, a profile of its lines, or a record of either."""

    def make(case: dict[str, Any]) -> str:
        recorded = {key: case[key] for key in RECORDED if key in case}
        if not recorded:
            return case["part"] if "part" in case else str(toml(case["profile"]))
        own = load_profile(case["part"]) if "part" in case else profile(case["profile"])
        return str(write_record(own, **recorded))

    return make


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['row']}: {c['title']}")
def test_the_gate_answers_as_decided(
    invoke: Invoke, tmp_path: Path, subject: Callable[[dict[str, Any]], str], case: dict[str, Any]
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("schema = 1\n" + case["policy"], "utf-8")
    days = ("--on", "2026-11-22", "--known-on", "2026-11-22")
    done = invoke("check", subject(case), "--policy", policy, *days, *case.get("arguments", ()), "--json")
    assert done.exit_code == case["exit"], done.output
    found = json.loads(done.stdout)
    said = " | ".join([found["words"], *(line["text"] for line in found["lines"])])
    assert [words for words in case["says"] if words not in said] == [], said
    assert not {"compliant", "exportable", "legal"} & set(said.split())
