"""The sentences of a verdict: what may be quoted, and what each word hangs on."""

from dataclasses import replace
from datetime import date

import pytest

from greenzone.intervals import INF
from greenzone.law.classification import classify
from greenzone.law.exploring import Design, Flip, Rounding
from greenzone.law.transaction import Consequence, Transaction
from greenzone.law.verdict import BreakEven, Classification, ClauseVerdict, Condition, Verdict
from greenzone.parts.capability import Part, with_set
from greenzone.report.wording import (
    REASONS,
    break_even_line,
    condition_lines,
    describe_question,
    design_line,
    flip_line,
    headline,
    outcome_lines,
    rounding_line,
    sentence,
)

DAY = date(2024, 1, 1)


@pytest.fixture(scope="module")
def asked() -> Classification:
    part = with_set(Part("x1", "X1"), ["tpp=2000", "applicable_die_area_mm2=800", "datacenter=true"])
    return classify(part, DAY, date(2026, 11, 21), Transaction.of("CN"), ["us-3a090"])


def said(asked: Classification, **changes: object) -> Verdict:
    return replace(asked.verdicts[0], **changes)  # type: ignore[arg-type]


def test_the_question_says_what_is_unknown(asked: Classification) -> None:
    route = "export from US to CN, headquarters of the parties unknown"
    assert describe_question(asked) == f"as of 2024-01-01, as known on 2026-11-21; {route}"
    nowhere = replace(asked, transaction=Transaction(kind="reexport"))
    assert "reexport from an unknown origin to an unknown destination" in describe_question(nowhere)


def test_not_caught_is_never_said_without_day_and_basis(asked: Classification) -> None:
    basis = "total processing performance 2000 (set), applicable die area 800 (set)"
    assert sentence(asked.verdicts[0], asked) == (
        f"not caught by the modelled clauses as of 2024-01-01, on the basis of {basis}"
    )


def test_caught_names_its_clauses_or_says_that_it_is_one_of_them(asked: Classification) -> None:
    certain = said(asked, status="caught", caught_by=("a.1", "a.2"))
    assert sentence(certain, asked) == "caught by a.1, a.2 as of 2024-01-01"
    either = said(asked, status="caught", caught_by=(), possible=("a.2", "b.1"))
    assert sentence(either, asked) == "caught by one of a.2, b.1, whichever it is as of 2024-01-01"


@pytest.mark.parametrize(
    ("outcome", "tail"),
    [
        (Consequence(), "; it does not reach this transaction"),
        (Consequence(review="case_by_case"), ""),
        (Consequence(missing=("to",)), ""),
    ],
)
def test_an_eligibility_says_whether_it_reaches_the_transaction(
    asked: Classification, outcome: Consequence, tail: str
) -> None:
    eligible = said(asked, effect="eligibility", status="caught", caught_by=("e",), outcome=outcome)
    assert sentence(eligible, asked) == f"eligible by e as of 2024-01-01{tail}"


def test_undecided_has_its_reason_in_words_and_what_is_missing(asked: Classification) -> None:
    open_ = said(asked, status="undecided", reason="no_claim", missing=("tpp",))
    assert sentence(open_, asked) == f"undecided as of 2024-01-01: {REASONS['no_claim']}; missing: tpp"
    assert headline(open_) == f"undecided ({REASONS['no_claim']})"


def test_a_condition_stands_with_value_edge_and_margin() -> None:
    conditions = (
        Condition("tpp", ">= 4800", 2368.0, 2368.0, -0.506667), Condition("tops", ">= 8", 4.0, INF, None),
        Condition("io_bandwidth_gb_s", ">= 600", 500.0, 700.0, -0.166667),
    )  # fmt: skip
    clause = ClauseVerdict("c", "p", "false", conditions, hangs_on=("if other is caught (it is not)",))
    assert condition_lines(clause) == (
        "if other is caught (it is not); tpp 2368 >= 4800 (-50.7%); tops 4.. >= 8; "
        "io_bandwidth_gb_s 500..700 >= 600 (-16.7%)"
    )


def test_what_follows_is_one_line_and_each_condition_another() -> None:
    outcome = Consequence(
        "required", "presumption_of_denial", ("NAC",), None, ("certify",), ("headquarters",), "us-3a991-p"
    )
    assert outcome_lines(outcome) == [
        "licence required, review: presumption of denial, licence exception NAC, falls back to us-3a991-p, "
        "the rest hangs on: headquarters",
        "condition: certify",
    ]
    assert outcome_lines(Consequence()) == []


@pytest.mark.parametrize(
    ("change", "included", "words"),
    [(0.1, True, "rises to"), (0.1, False, "rises above"), (-0.1, True, "falls to"), (-0.1, False, "falls below")],
)
def test_a_flip_says_whether_its_edge_is_across(
    asked: Classification, change: float, included: bool, words: str
) -> None:
    flip = Flip("tpp", 2000.0, 2000.0 * (1 + change), change, "caught", included)
    line = flip_line(asked.verdicts[0], flip)
    assert f"us-3a090: caught once the total processing performance {words} " in line
    assert f"({change:+.1%} from 2000)" in line


def test_a_break_even_names_the_clause_where_one_catches() -> None:
    assert break_even_line(BreakEven("tpp", ">= 4800", "caught", "a.1")) == "if tpp >= 4800: caught by a.1"
    assert break_even_line(BreakEven("tpp", "< 1600", "not_caught", None)) == "if tpp < 1600: not caught"


def test_a_rounding_names_the_rate_it_comes_from(asked: Classification) -> None:
    by_rate = Rounding("tpp", 4799.2, 4800.0, 3, "caught", 599.9, 600.0)
    assert "the rate 599.9 is rounded to 600, tpp 4800 (3 digits)" in rounding_line(asked.verdicts[0], by_rate)
    alone = Rounding("tpp", 4799.2, 4800.0, 2, "caught")
    assert "tpp 4799.2 is rounded to 4800 (2 digits)" in rounding_line(asked.verdicts[0], alone)


def test_a_design_says_whether_the_bound_itself_stays_out_and_what_it_did_not_look_at() -> None:
    bound = Design("us-3a090", "2023-11-17", 800.0, "fp8", 2400.0, 300.0, "3A090.b.1", False, ("io_bandwidth_gb_s",))
    assert design_line(bound) == (
        "fp8, 800 mm2: stays out of us-3a090 (version of 2023-11-17) below 300 TOPS dense (TPP 2400), bound by "
        "3A090.b.1, whatever its I/O bandwidth"
    )
    assert " up to 300 TOPS" in design_line(replace(bound, included=True))
    assert "no rate is caught by" in design_line(replace(bound, tpp=None, rate_tops=None))
