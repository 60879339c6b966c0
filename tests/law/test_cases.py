"""Cases as data, `tests/regimes/REGIME.toml` and `REGIME.TOPIC.toml`: each a question, its answer, and the source."""

import tomllib
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from greenzone.law.classification import classify
from greenzone.law.regimes import load_regime
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import Verdict
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.catalogue import load_profile

FOLDER = Path(__file__).parents[1] / "regimes"
KEYS = {"name", "on", "known_on", "profile", "set", "to", "from", "kind", "headquarters", "expect", "source"}
REQUIRED = {"name", "on", "expect", "source"}
EXPECT = {
    "status",
    "reason",
    "words",
    "version",
    "rule_status",
    "caught_by",
    "possible",
    "excluded_by",
    "missing",
    "confidence",
    "licence",
    "review",
    "exceptions",
    "outcome_missing",
    "truth",
    "margin",
    "break_evens",
    "notes",
    "conditions",
    "cites",
    "tariff",
    "fallback",
}
KNOWN_ON = date(2026, 11, 21)


@cache
def cases() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        for case in tomllib.loads(path.read_text("utf-8"))["case"]:
            found.append((path.name.split(".")[0], case))
    return found


def ask(regime: str, case: dict[str, Any]) -> Verdict:
    subject = part_of(load_profile(case["profile"])) if "profile" in case else Part(None, "set")
    part = with_set(subject, case.get("set", []))
    deal = Transaction.of(case.get("to"), case.get("kind", "export"), case.get("from"), case.get("headquarters"))
    return classify(part, case["on"], case.get("known_on", KNOWN_ON), deal, [regime]).verdict(regime)


def answers(v: Verdict) -> dict[str, Any]:
    """A verdict under the keys a case may expect."""
    o = v.outcome
    return {
        "status": v.status,
        "reason": v.reason or "",
        "words": v.words,
        "version": v.version,
        "rule_status": v.rule_status,
        "caught_by": list(v.caught_by),
        "possible": list(v.possible),
        "excluded_by": list(v.excluded_by),
        "missing": list(v.missing),
        "confidence": v.confidence,
        "licence": o.licence or "",
        "review": o.review or "",
        "exceptions": list(o.exceptions),
        "outcome_missing": list(o.missing),
        "truth": {c.id: c.truth for c in v.clauses},
        "margin": {f"{c.id} {k.parameter}": k.margin for c in v.clauses for k in c.conditions},
        "break_evens": [f"{b.parameter} {b.range}: {b.status} {b.clause or ''}".strip() for b in v.break_evens],
        "notes": [n.code for n in v.notes],
        "conditions": list(o.conditions),
        "tariff": o.tariff or "",
        "fallback": o.fallback or "",
        "cites": [c["cite"] for c in v.citations],
    }


@pytest.mark.parametrize(("regime", "case"), cases(), ids=lambda v: v if isinstance(v, str) else v.get("name"))
def test_the_case_is_answered_as_it_says(regime: str, case: dict[str, Any]) -> None:
    found = answers(ask(regime, case))
    for key, wanted in case["expect"].items():
        if key == "truth":
            assert {k: found[key][k] for k in wanted} == wanted
        elif key == "margin":
            assert {k: found[key][k] for k in wanted} == pytest.approx(wanted, abs=5e-4)
        elif key in ("notes", "cites"):
            assert set(wanted) <= set(found[key]), key
        elif key == "conditions":
            assert all(any(text in c for c in found[key]) for text in wanted), found[key]
        else:
            assert found[key] == wanted, key


@pytest.mark.parametrize(("regime", "case"), cases(), ids=lambda v: v if isinstance(v, str) else v.get("name"))
def test_the_case_has_the_closed_set_of_keys(regime: str, case: dict[str, Any]) -> None:
    assert REQUIRED <= set(case) <= KEYS
    assert {"status"} <= set(case["expect"]) <= EXPECT
    assert "profile" in case or "set" in case
    assert load_regime(regime).id == regime


def test_no_two_cases_have_one_name() -> None:
    assert [n for n, count in Counter((r, c["name"]) for r, c in cases()).items() if count > 1] == []
