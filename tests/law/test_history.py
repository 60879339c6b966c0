"""A part through time: the stories that are known, and nothing that did not change."""

from datetime import date
from itertools import pairwise

import pytest

from greenzone.law.history import Change, change_days, matrix, timeline
from greenzone.law.regimes import load_regime
from greenzone.law.transaction import Transaction
from greenzone.parts.capability import part_of
from greenzone.parts.catalogue import load_profile

KNOWN = date(2026, 11, 21)
CHINA = Transaction.of("CN")


def story(ref: str, *regimes: str, known_on: date = KNOWN) -> list[Change]:
    return timeline(part_of(load_profile(ref)), known_on, CHINA, regimes or None)


def words(changes: list[Change]) -> list[tuple[str, str]]:
    return [(c.on.isoformat(), c.after.split(",")[0].split(" by")[0]) for c in changes]


def test_h20_was_made_for_the_green_zone_and_stopped_by_a_letter() -> None:
    assert words(story("nvidia-h20", "us-3a090")) == [("2022-10-21", "not caught")]
    letters = story("nvidia-h20", "us-letters-2025")
    assert [c.on.isoformat() for c in letters] == ["2025-04-09", "2025-07-14", "2025-08-11"]
    caught = "caught by letters.dram, letters.sum, licence required"
    assert [c.after for c in letters] == [
        caught,
        f"{caught}, 1 condition",
        f"{caught}, 2 conditions",
    ]


def test_a800_fell_outside_one_line_and_was_caught_by_the_next() -> None:
    found = words(story("nvidia-a800-sxm-80gb", "us-3a090"))
    assert found[:2] == [("2022-10-21", "not caught"), ("2023-11-17", "caught")]


def test_h200_becomes_eligible_for_review_in_january_2026() -> None:
    found = story("nvidia-h200-sxm", "us-3a090", "us-china-review-2026")
    last = {c.regime: c for c in found}
    assert last["us-china-review-2026"].after.startswith("eligible")
    assert last["us-3a090"].on == date(2026, 1, 15)
    assert "case by case" in last["us-3a090"].after
    assert "presumption of denial" in last["us-3a090"].before


@pytest.mark.parametrize("ref", ["nvidia-h20", "nvidia-h200-sxm", "amd-mi308x", "nvidia-rtx-4090"])
def test_every_change_changes_something_and_days_do_not_run_back(ref: str) -> None:
    found = story(ref)
    assert all(c.before != c.after for c in found)
    assert all(a.on <= b.on for a, b in pairwise(found))
    assert all(c.why for c in found)


def test_what_was_not_published_is_not_in_the_story() -> None:
    assert story("nvidia-h20", "us-letters-2025", known_on=date(2025, 4, 14)) == []
    assert len(story("nvidia-h20", "us-letters-2025", known_on=date(2025, 4, 15))) == 1


def test_days_hold_every_version_and_every_change_of_a_group() -> None:
    days = change_days([load_regime("us-3a090")], KNOWN)
    assert {date(2022, 10, 21), date(2023, 11, 17), date(2026, 7, 10), date(2026, 2, 3)} <= set(days)
    assert days == sorted(days)


def test_matrix_says_what_moved() -> None:
    days = [date(2022, 10, 21), date(2023, 11, 17)]
    (row,) = matrix([part_of(load_profile("nvidia-a800-sxm-80gb"))], days, KNOWN, CHINA, ["us-3a090"])
    assert row.migrated() == ["2023-11-17 us-3a090: not caught -> caught"]
    assert row.to_json()["dates"]["2022-10-21"] == {"us-3a090": "not_caught"}


def test_a_country_that_leaves_a_group_is_named() -> None:
    cambodia = timeline(part_of(load_profile("nvidia-h100-sxm")), KNOWN, Transaction.of("KH"), ["us-3a090"])
    (change,) = [c for c in cambodia if c.on == date(2026, 2, 3)]
    assert "Cambodia leaves D5" in change.why
