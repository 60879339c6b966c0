"""The status of a box under a rule of two clauses and an exclusion, small enough to work out by hand."""

from datetime import date

import pytest

from greenzone.intervals import INF, Interval, Truth
from greenzone.law.regimes import Clause, Exclusion, Reading, Version
from greenzone.law.status import Facts, Rule, break_evens, by_reading, facts_of, missing, rests_on, status, survey
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.catalogue import load_profile

# tops in [8, 16) or from 16 up; nothing under 20 that is for no data centre.
LOW, HIGH = Clause("low", "p", {"tops": ">= 8, < 16"}), Clause("high", "q", {"tops": ">= 16"})
CONSUMER = Exclusion("consumer", {"datacenter": False, "tops": "< 20"})


def rule(*clauses: Clause, exclusions: tuple[Exclusion, ...] = (), readings: tuple[Reading, ...] = ()) -> Rule:
    return Rule(Version(date(2024, 1, 1), "in_force", clauses=clauses, exclusions=exclusions, readings=readings))


def tops(low: float, high: float | None = None, datacenter: bool | None = True) -> Facts:
    return Facts({"tops": Interval(low, low if high is None else high)}, datacenter)


WHOLE = rule(LOW, HIGH, exclusions=(CONSUMER,))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (tops(7.999), "not_caught"),
        (tops(8), "caught"),
        (tops(7, 9), "undecided"),
        (tops(10, 30), "caught"),  # by one clause or the other, nobody knows which
        (tops(10, datacenter=False), "not_caught"),
        (tops(10, datacenter=None), "undecided"),
        (tops(25, datacenter=None), "caught"),  # the exclusion ends before
        (tops(10, 30, datacenter=False), "undecided"),
        (Facts({}, True), "undecided"),
    ],
)
def test_status_asks_whether_the_clauses_cover_the_box(facts: Facts, said: str) -> None:
    assert status(WHOLE, facts) == said
    assert survey(WHOLE, facts).status == said


def test_an_excluded_clause_keeps_its_truth_and_catches_nothing() -> None:
    seen = survey(WHOLE, tops(10, datacenter=False))
    assert (seen.truth["low"], seen.catches["low"]) == (Truth.TRUE, Truth.FALSE)
    assert seen.excluded_by == {"low": "consumer"}


def test_a_box_over_two_clauses_leaves_each_unknown() -> None:
    seen = survey(WHOLE, tops(10, 30))
    assert seen.catches == {"low": Truth.UNKNOWN, "high": Truth.UNKNOWN}


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        (tops(10, datacenter=None), ["datacenter"]),
        (tops(7, 9), ["tops"]),
        # no data centre clears it whatever the rate; and a rate under 8 does, whatever it is for
        (tops(7, 9, datacenter=None), ["tops", "datacenter"]),
        (tops(25, datacenter=None), []),
    ],
)
def test_only_a_fact_that_changes_the_answer_is_missing(facts: Facts, names: list[str]) -> None:
    assert missing(WHOLE, facts) == names


def test_break_evens_lie_at_the_edges_of_the_clauses() -> None:
    rows = break_evens(WHOLE, Facts({}, True), ["tops"])
    assert [(r.range, r.status, r.clause) for r in rows] == [
        ("< 8", "not_caught", None), (">= 8, < 16", "caught", "low"), (">= 16", "caught", "high"),
    ]  # fmt: skip


def test_readings_are_asked_one_by_one_and_together() -> None:
    narrow, wide = Reading("narrow", "n", (HIGH,)), Reading("wide", "w", (LOW,))
    two = rule(readings=(narrow, wide))
    assert by_reading(two, tops(10)) == ["not_caught", "caught"]
    assert status(two, tops(10)) == "undecided"
    assert status(two, tops(1)) == "not_caught"


def test_a_clause_hangs_on_what_another_regime_says() -> None:
    hanging = Version(date(2024, 1, 1), "in_force", clauses=(Clause("c", "p", caught="other"),))
    answers = {truth: status(Rule(hanging, {"other": truth}), tops(1)) for truth in Truth}
    assert answers == {Truth.TRUE: "caught", Truth.FALSE: "not_caught", Truth.UNKNOWN: "undecided"}


def test_a_status_rests_on_what_it_would_not_stand_without() -> None:
    both = rule(Clause("c", "p", {"tops": ">= 8", "transistor_count": ">= 100"}))
    box = {"tops": Interval.point(9), "transistor_count": Interval.point(200)}
    assert rests_on(both, Facts(box, True), "caught") == ["tops", "transistor_count"]
    few = Facts({**box, "transistor_count": Interval.point(50)}, True)
    assert rests_on(both, few, "not_caught") == ["transistor_count"]


def test_a_programmable_limit_is_none_where_the_text_counts_what_can_be_programmed() -> None:
    a800 = part_of(load_profile("nvidia-a800-sxm-80gb"))
    loose = with_set(a800, ["io_limit=programmable"])
    own = facts_of(a800, ("io_bandwidth_gb_s",)).box["io_bandwidth_gb_s"]
    uncapped = facts_of(loose, ("io_bandwidth_gb_s",)).box["io_bandwidth_gb_s"]
    assert uncapped.low == a800.uncapped_io_gb_s
    assert uncapped.low > own.high
    assert facts_of(loose).box["io_bandwidth_gb_s"] == own


def test_without_a_non_planar_die_the_density_is_free() -> None:
    planar = with_set(Part(None, "x"), ["tpp=2000", "applicable_die_area_mm2=0"])
    facts = facts_of(planar)
    assert "performance_density" in facts.free
    assert facts.box["performance_density"] == Interval(0, INF, False, facts.box["performance_density"].high_open)
