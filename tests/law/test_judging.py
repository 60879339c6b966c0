"""A verdict's steps in their order: the version that stands, claims that disagree, a claim that is contradicted."""

from dataclasses import replace
from datetime import date

import pytest

from greenzone.errors import UsageError
from greenzone.intervals import Interval
from greenzone.law.judging import Judge, governing
from greenzone.law.regimes import Citation, Clause, Regime, Version
from greenzone.law.status import Rule, facts_of
from greenzone.law.verdict import Verdict
from greenzone.parts.capability import Part, Value, with_derived, with_set

START = date(2024, 1, 1)
CITED = (Citation("C", "T", "https://x.org", "q", "official"),)


def regime(
    id: str = "mine", effect: str = "control", relieves: str | None = None, status: str = "in_force", **clause: str
) -> Regime:
    clauses = (Clause("c", "p", {} if clause else {"tpp": ">= 100"}, **clause),)
    effective = None if status == "proposed" else START
    version = Version(START, status, effective, citations=CITED, clauses=clauses)  # type: ignore[arg-type]
    return Regime(1, id, "T", "A", effect, START, relieves=relieves, versions=(version,))  # type: ignore[arg-type]


def tpp(value: Interval, **more: object) -> Part:
    own = Value(value, "claimed", confidence="official", **more)  # type: ignore[arg-type]
    return with_derived(Part(None, "x", values={"tpp": own}))


def judged(part: Part, *regimes: Regime, on: date = START, known_on: date = START, explicit: bool = False) -> Verdict:
    return Judge(part, on, known_on, {r.id: r for r in regimes}).judged(regimes[0], explicit)


@pytest.mark.parametrize(
    ("on", "known_on", "reason"),
    [(date(2023, 12, 31), START, "not_in_force_yet"), (START, date(2023, 12, 31), "not_published_yet")],
)
def test_before_its_day_and_before_it_was_published_a_rule_does_not_apply(
    on: date, known_on: date, reason: str
) -> None:
    found = judged(tpp(Interval.point(500)), regime(), on=on, known_on=known_on)
    assert (found.status, found.reason) == ("not_applicable", reason)


def test_a_proposal_is_evaluated_only_where_it_is_named() -> None:
    proposed = regime(status="proposed")
    assert judged(tpp(Interval.point(500)), proposed).reason == "proposed"
    assert judged(tpp(Interval.point(500)), proposed, explicit=True).status == "caught"


def test_an_item_of_another_kind_is_not_the_rules_business() -> None:
    stack = replace(tpp(Interval.point(500)), item="hbm_stack")
    assert judged(stack, regime()).reason == "wrong_item"


def test_the_highest_claim_governs_a_control_and_says_so() -> None:
    disagree = tpp(Interval(90, 110), governing=Interval.point(110))
    found = judged(disagree, regime())
    assert (found.status, [n.code for n in found.notes]) == ("caught", ["conflict"])
    assert judged(disagree, regime(effect="tariff")).status == "undecided"


def test_the_highest_claim_is_asked_only_where_the_rule_asks_for_it() -> None:
    rule = Rule(regime().versions[0])
    elsewhere = Part(None, "x", values={"tops": Value(Interval(1, 2), governing=Interval.point(2))})
    assert governing(regime(), elsewhere, rule, facts_of(elsewhere)) is None


@pytest.mark.parametrize(
    ("measured", "status", "code"),
    [
        (95.0, "not_caught", "above_claim"),  # above the claim, and on the same side of the edge
        (101.0, "undecided", "claim_exceeded"),
        (80.0, "not_caught", None),
    ],
)
def test_a_measurement_above_the_claim_counts_where_it_crosses_an_edge(
    measured: float, status: str, code: str | None
) -> None:
    found = judged(tpp(Interval.point(90), measured_low=measured), regime())
    assert found.status == status
    assert [n.code for n in found.notes] == ([code] if code else [])
    assert found.missing == ()


def test_what_contradicts_a_claim_makes_nothing_of_a_tariff() -> None:
    found = judged(tpp(Interval.point(90), measured_low=101.0), regime(effect="tariff"))
    assert (found.status, found.notes[-1].code) == ("not_caught", "above_claim")


@pytest.mark.parametrize(
    ("value", "status", "reason"),
    [
        (Interval.point(500), "caught", None),
        (Interval.point(50), "not_applicable", "control_not_caught"),
        (Interval(50, 500), "undecided", "control_undecided"),
    ],
)
def test_an_eligibility_hangs_on_the_control_it_relieves(value: Interval, status: str, reason: str | None) -> None:
    control = regime("control")
    version = Version(START, "in_force", START, citations=CITED, clauses=(Clause("e", "p", {"tpp": "< 1000"}),))
    relief = replace(regime("relief", "eligibility", "control"), versions=(version,))
    found = judged(tpp(value), relief, control)
    assert (found.status, found.reason) == (status, reason)
    assert found.missing == (("tpp",) if status == "undecided" else ())


def test_what_is_missing_of_another_regime_is_missing_here() -> None:
    found = judged(tpp(Interval(50, 500)), regime("bill", caught="other"), regime("other"))
    assert (found.status, found.missing) == ("undecided", ("tpp",))
    assert found.clauses[0].hangs_on == ("if other is caught (it is undecided)",)


def test_a_reference_to_what_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown regime that another refers to 'other'"):
        judged(tpp(Interval.point(1)), regime("bill", caught="other"))


def test_unknown_is_undecided_for_want_of_facts_and_a_measurement_for_want_of_a_claim() -> None:
    assert judged(with_set(Part(None, "x"), ["tpp=unknown"]), regime()).reason == "missing_facts"
    measured = Part(None, "x", values={"tpp": Value(Interval.at_least(50), "burst", measured_low=50.0)})
    assert judged(with_derived(measured), regime()).reason == "no_claim"
