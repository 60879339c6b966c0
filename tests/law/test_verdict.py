"""Verdicts as plain data: the words of each effect, and JSON without infinities."""

import json
from datetime import date

import pytest

from greenzone.errors import UsageError
from greenzone.intervals import INF
from greenzone.law.classification import classify
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import ClauseVerdict, Condition, Verdict
from greenzone.parts.capability import Part, with_set

DAY = date(2024, 1, 1)


def verdict(effect: str = "control", status: str = "caught", **more: object) -> Verdict:
    plain = Verdict("my-rule", "T", effect, "2024-01-01", "in_force", status)
    return Verdict(**{**vars(plain), **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("effect", "status", "words"),
    [
        ("control", "caught", "caught"), ("control", "not_caught", "not caught"), ("eligibility", "caught", "eligible"),
        ("eligibility", "not_caught", "not eligible"), ("tariff", "caught", "met"), ("quantity", "caught", "over"),
        ("quantity", "undecided", "undecided"), ("tariff", "not_applicable", "not applicable"),
    ],
)  # fmt: skip
def test_the_words_follow_the_effect(effect: str, status: str, words: str) -> None:
    assert verdict(effect, status).words == words


def test_json_has_null_for_an_unbounded_end() -> None:
    condition = Condition("tpp", ">= 4800", 100.0, INF, None)
    clause = ClauseVerdict("c", "p", "unknown", (condition,))
    document = verdict(clauses=(clause,)).to_json()
    assert document["clauses"][0]["conditions"] == [
        {"parameter": "tpp", "range": ">= 4800", "low": 100.0, "high": None, "margin": None}
    ]
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_classification_gives_the_verdict_of_a_regime_and_refuses_one_that_was_not_asked() -> None:
    part = with_set(Part("x1", "X1", emulated=True), ["tpp=5000"])
    found = classify(part, DAY, DAY, Transaction.of("CN"), ["us-3a090"])
    assert found.verdict("us-3a090").status == "caught"
    with pytest.raises(UsageError, match="unknown regime in this classification 'us-section-232'"):
        found.verdict("us-section-232")


def test_the_document_names_part_days_and_transaction() -> None:
    part = with_set(Part("x1", "X1", emulated=True), ["tpp=5000"])
    document = classify(part, DAY, date(2024, 2, 1), Transaction.of("HK"), ["us-3a090"]).to_json()
    assert document["schema"] == "greenzone.classification/1"
    assert document["device"]["emulated"] is True
    assert (document["on"], document["known_on"]) == ("2024-01-01", "2024-02-01")
    assert document["transaction"] == {"to": "CN", "kind": "export", "from": "US", "headquarters": None}
