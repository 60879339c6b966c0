"""What counts towards a limit, on which day, and how much a unit of a part adds."""

from datetime import date

import pytest

from greenzone.errors import UsageError
from greenzone.law.quantities import Law, cut_days, day_number, limit_ids, questions, weights
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.catalogue import load_profile

KNOWN = date(2026, 11, 21)


def law(on: date) -> Law:
    return Law(on, KNOWN)



def test_before_the_first_rule_there_is_no_limit() -> None:
    found, silent = questions(law(date(2025, 1, 12)))
    assert found == []
    assert {s.regime: s.first for s in silent} == {
        "us-ai-diffusion": date(2025, 1, 13),
        "us-china-review-2026": date(2026, 1, 15),
    }


@pytest.mark.parametrize(
    ("on", "status"),
    [
        (date(2025, 1, 13), "in_force"),
        (date(2025, 5, 12), "in_force"),
        (date(2025, 5, 13), "not_enforced"),
        (date(2026, 6, 1), "not_enforced"),
    ],
)
def test_the_status_is_that_of_the_day(on: date, status: str) -> None:
    found, _ = questions(law(on), ["lpp"])
    assert [q.rule_status for q in found] == [status]


def test_a_rule_that_was_not_published_yet_sets_no_limit() -> None:
    found, silent = questions(Law(date(2025, 1, 14), date(2025, 1, 14)), ["lpp"])
    assert found == []
    assert [s.regime for s in silent] == ["us-ai-diffusion"]


def test_a_limit_with_two_readings_is_asked_twice() -> None:
    found, _ = questions(law(date(2025, 6, 1)), ["country", "lpp"])
    assert [(q.limit.id, q.reading and q.reading.id) for q in found] == [
        ("lpp", None), ("country", "destination"), ("country", "headquarters"),
    ]  # fmt: skip


def test_an_unknown_limit_brings_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown limit 'llp'; nearest: lpp"):
        questions(law(date(2025, 6, 1)), ["llp"])
    assert limit_ids() == ["lpp", "lpp-notice", "country", "nveu", "aia-report", "china-half"]


def test_an_h100_counts_and_an_h20_does_not() -> None:
    (lpp,), _ = questions(law(date(2025, 3, 1)), ["lpp"])
    parts = [part_of(load_profile(name)) for name in ("nvidia-h100-sxm", "nvidia-h20", "nvidia-l4")]
    h100, h20, l4 = weights(lpp.limit, parts, law(date(2025, 3, 1)))
    assert h100 == (15831.2, 15832.0, "caught")
    assert h20 == (0.0, 0.0, "not_caught")
    assert l4[2] == "caught"  # by its density


def test_a_part_of_which_it_is_undecided_adds_nothing_at_least_and_all_of_itself_at_most() -> None:
    (lpp,), _ = questions(law(date(2025, 3, 1)), ["lpp"])
    doubtful = with_set(Part(None, "x"), ["tpp=2000", "datacenter=true"])
    unheard_of = Part(None, "y")
    assert weights(lpp.limit, [doubtful, unheard_of], law(date(2025, 3, 1))) == [
        (0.0, 2000.0, "undecided"), (0.0, float("inf"), "undecided"),
    ]  # fmt: skip


def test_only_what_the_review_of_2026_is_open_to_counts_towards_its_half() -> None:
    day = law(date(2026, 2, 1))
    half = questions(day, ["china-half"])[0][0]
    parts = [part_of(load_profile(name)) for name in ("nvidia-h200-sxm", "nvidia-b200", "nvidia-h20")]
    assert [why for _, _, why in weights(half.limit, parts, day)] == ["caught", "not_caught", "not_caught"]


def test_periods_are_cut_where_any_limit_changes() -> None:
    found, _ = questions(law(date(2025, 3, 1)))
    cuts = cut_days([q.limit for q in found], 2024, 2026)
    wanted = [date(2024, 1, 1), date(2025, 1, 13), date(2025, 4, 1), date(2028, 1, 1)]
    assert {day_number(day) for day in wanted} <= set(cuts)
    assert cuts == sorted(set(cuts))
