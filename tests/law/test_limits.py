"""Limits as data: every shipped one reads, is cited, and is refused where it contradicts itself."""

from dataclasses import replace
from datetime import date

import pytest

from greenzone.law.limits import Limit, LimitReading, Step
from greenzone.law.regimes import load_regime


def shipped(regime: str, name: str) -> Limit:
    version = load_regime(regime).versions[0]
    return next(limit for limit in version.limits if limit.id == name)


def test_the_amounts_are_those_of_the_text() -> None:
    assert shipped("us-ai-diffusion", "lpp").amount == 26_900_000
    assert shipped("us-ai-diffusion", "lpp-notice").amount == 3_200_000
    assert shipped("us-ai-diffusion", "country").amount == 790_000_000
    assert shipped("us-ai-diffusion", "aia-report").amount == 253_000_000
    assert shipped("us-china-review-2026", "china-half").share == 0.5


def test_the_national_table_rises_by_quarter_and_ends_with_a_year() -> None:
    steps = shipped("us-ai-diffusion", "nveu").steps
    assert [s.amount / 1e6 for s in steps] == [633, 949.5, 1266, 1582.5, 1899, 2690.25, 3481.5, 4272.75, 5064]
    assert steps[-1].begins == date(2027, 1, 1)


def test_the_limits_are_kept_by_every_later_version() -> None:
    versions = load_regime("us-ai-diffusion").versions
    assert {len(v.limits) for v in versions} == {5}
    assert [v.status for v in versions] == ["in_force", "not_enforced", "not_enforced"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"amount": None}, "one of amount, step and share"),
        ({"share": 0.5}, "one of amount, step and share"),
        ({"of_to": ("US",)}, "a share names what it is a share of"),
        ({"amount": None, "steps": (Step(date(2025, 1, 1), 1.0),)}, "cumulative"),
        ({"caught": ()}, "name the regimes"),
        ({"readings": (LimitReading("one", "alone"),)}, "one reading alone"),
    ],
)
def test_a_limit_that_contradicts_itself_is_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(shipped("us-ai-diffusion", "lpp"), **changed)  # type: ignore[arg-type]


def test_steps_out_of_order_are_refused() -> None:
    steps = shipped("us-ai-diffusion", "nveu").steps
    with pytest.raises(ValueError, match="order of their days"):
        replace(shipped("us-ai-diffusion", "nveu"), steps=tuple(reversed(steps)))


def test_a_reading_speaks_in_place_of_the_limit() -> None:
    by_destination, by_seat = (limit for _, limit in shipped("us-ai-diffusion", "country").under_each_reading())
    assert (by_destination.per, by_seat.per) == (("destination",), ("headquarters",))
    assert by_seat.except_to == ("@D5", "MO")
    assert by_destination.except_to == ("@S5a", "@D5", "MO")
    assert by_seat.amount == by_destination.amount
