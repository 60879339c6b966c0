"""Totals and crossings: what must hold of them whatever the shipments are."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenzone.law.balances import Crossings, Singles, balances
from greenzone.law.quantities import Law, Tally, day_number, questions

LAW = Law(date(2026, 6, 1), date(2026, 11, 21))
NAMES = {"part": ["one", "two"], "consignee": ["A", "B"], "destination": ["CH", "MY", "DE", "CN", "US"]}
Shipment = tuple[date, int, int, int, int]  # day, part, quantity, consignee, destination


def tally(name: str, reading: str | None = None, low: tuple[float, float] = (15832, 5000)) -> Tally:
    asked, _ = questions(LAW, [name])
    chosen = next(q for q in asked if reading in (None, q.reading and q.reading.id))
    names = {**NAMES, "headquarters": NAMES["destination"]}
    return Tally(chosen, names, np.array(low, float), np.array([15832.0, 5000.0]), LAW)


def frame(shipments: Sequence[Shipment]) -> pd.DataFrame:
    columns = ["day", "part", "quantity", "consignee", "destination"]
    rows = [(day_number(day), *rest) for day, *rest in shipments]
    found = pd.DataFrame(rows, columns=columns, dtype="int64")
    return found.assign(
        headquarters=found["destination"], kind=0, authorization=0, line=np.arange(2, 2 + len(found))
    )


def answered(asked: Tally, shipments: Sequence[Shipment], chunk: int = 1000) -> pd.DataFrame:
    whole = frame(shipments)
    found = Crossings(asked, balances(asked, whole))
    for start in range(0, len(whole), chunk):
        found.add(whole[start : start + chunk])
    return found.found()


DAYS = st.dates(date(2024, 12, 1), date(2028, 2, 1))
SHIPMENTS = st.lists(
    st.tuples(DAYS, st.integers(0, 1), st.integers(1, 60_000), st.integers(0, 1), st.integers(0, 4)),
    min_size=1, max_size=12,
)  # fmt: skip
LIMITS = st.sampled_from(["lpp", "country", "nveu", "aia-report", "china-half"])
DAY = date(2025, 6, 2)


def test_1699_fit_and_the_1700th_does_not() -> None:
    within = answered(tally("lpp"), [(DAY, 0, 1699, 0, 0)]).iloc[0]
    assert (within["status"], within["high"], within["left"]) == ("within", 26_898_568, 1_432)
    over = answered(tally("lpp"), [(DAY, 0, 1699, 0, 0), (date(2025, 7, 1), 0, 1, 0, 0)]).iloc[0]
    assert (over["status"], over["crossing_line"], over["crossing_fit"], over["left"]) == ("over", 3, 0, -14_400)
    lot = answered(tally("lpp"), [(DAY, 0, 1700, 0, 0)]).iloc[0]
    assert (lot["crossing_line"], lot["crossing_fit"]) == (2, 1699)


def test_the_amount_itself_is_within_and_one_unit_more_is_not() -> None:
    asked = tally("lpp")
    assert answered(asked, [(DAY, 1, 5380, 0, 0)]).iloc[0]["status"] == "within"  # 5,380 x 5,000 = 26,900,000
    assert answered(asked, [(DAY, 1, 5381, 0, 0)]).iloc[0]["status"] == "over"


def test_a_year_begins_anew_and_days_before_the_rule_do_not_count() -> None:
    rows = [(date(2025, 1, 12), 0, 9000, 0, 0), (date(2025, 12, 31), 0, 1699, 0, 0), (date(2026, 1, 1), 0, 1699, 0, 0)]
    found = answered(tally("lpp"), rows)
    assert list(found["period"]) == [2025, 2026]
    assert list(found["status"]) == ["within", "within"]


def test_a_country_counts_to_2027_and_not_where_allocations_do_not_reach() -> None:
    rows = [
        (date(2027, 12, 31), 0, 49_898, 0, 1), (date(2028, 1, 1), 0, 60_000, 0, 1), (DAY, 0, 60_000, 0, 2),
        (DAY, 0, 60_000, 1, 3),
    ]  # fmt: skip
    found = answered(tally("country"), rows)
    assert [NAMES["destination"][n] for n in found["destination"]] == ["MY"]
    assert list(found["status"]) == ["within"]  # 49,898 x 15,832 = 789,985,136


def test_a_national_table_carries_the_base_over_and_rises() -> None:
    rows = [(date(2025, 2, 1), 0, 45_000, 0, 1), (date(2025, 5, 1), 0, 1, 0, 1)]
    found = answered(tally("nveu"), rows)
    assert list(found["status"]) == ["over", "within"]  # 712 million of 633, then of 949.5
    assert found.iloc[1]["carried_high"] == 45_000 * 15_832
    assert list(found["crossing_line"]) == [2, -1]


def test_a_base_that_is_over_before_a_quarter_begins_is_crossed_by_no_row_of_it() -> None:
    rows = [(date(2025, 2, 1), 0, 70_000, 0, 1), (date(2025, 5, 1), 0, 1, 0, 1)]
    found = answered(tally("nveu"), rows)
    assert list(found["status"]) == ["over", "over"]
    assert list(found["crossing_line"]) == [2, -1]


def test_half_is_of_the_same_part_under_one_reading_and_of_all_under_the_other() -> None:
    rows = [(DAY, 0, 1000, 0, 4), (DAY, 1, 400, 0, 3)]
    each = answered(tally("china-half", "each_part"), rows)
    together = answered(tally("china-half", "together"), rows)
    assert list(each["status"]) == ["over"]  # nothing of the second part went to the United States
    assert list(together["status"]) == ["within"]  # 2 million of half of 15.8


def test_claims_that_disagree_cancel_where_a_part_is_held_against_itself() -> None:
    rows = [(DAY, 0, 1000, 0, 4), (DAY, 0, 500, 0, 3)]
    assert list(answered(tally("china-half", "each_part", low=(15000, 5000)), rows)["status"]) == ["within"]


def test_a_share_is_over_since_the_row_after_which_it_stays_over() -> None:
    rows = [
        (date(2026, 2, 1), 0, 10, 0, 3), (date(2026, 2, 2), 0, 100, 0, 4), (date(2026, 2, 3), 0, 41, 0, 3),
        (date(2026, 2, 4), 0, 1, 0, 3),
    ]  # fmt: skip
    assert answered(tally("china-half", "each_part"), rows).iloc[0]["crossing_line"] == 4


def test_an_uncertain_total_is_undecided_and_says_where_it_may_cross() -> None:
    found = answered(tally("lpp", low=(0, 5000)), [(DAY, 0, 1699, 0, 0), (DAY, 0, 1, 0, 0)]).iloc[0]
    assert (found["status"], found["low"], found["crossing_line"]) == ("undecided", 0, 3)


@pytest.mark.parametrize(("reading", "reached"), [("or_more", [640, 641]), ("above", [641])])
def test_a_notice_is_of_a_shipment_alone_under_both_readings(reading: str, reached: list[int]) -> None:
    asked = tally("lpp-notice", reading)
    rows = [(DAY, 1, quantity, quantity % 2, 0) for quantity in (600, 640, 641)]  # 640 x 5,000 = 3,200,000
    found = Singles(asked)
    found.add(frame(rows))
    assert sorted(found.found()["crossing_quantity"]) == reached


@given(SHIPMENTS, LIMITS)
@settings(max_examples=12)
def test_one_more_shipment_never_lowers_a_total(shipments: list[Shipment], name: str) -> None:
    asked = tally(name)
    keys = [*asked.limit.per, "period"]
    both = (shipments[:-1] or shipments, shipments)
    less, more = (balances(asked, frame(rows)).set_index(keys)["high"] for rows in both)
    assert (more.reindex(less.index) >= less).all()


@given(SHIPMENTS, LIMITS, st.integers(1, 12))
@settings(max_examples=12)
def test_pieces_of_a_file_say_what_the_whole_says(shipments: list[Shipment], name: str, chunk: int) -> None:
    asked = tally(name)
    pd.testing.assert_frame_equal(answered(asked, shipments), answered(asked, shipments, chunk))


@given(SHIPMENTS, LIMITS)
@settings(max_examples=12)
def test_a_row_split_in_two_changes_no_total(shipments: list[Shipment], name: str) -> None:
    asked = tally(name)
    halves = [
        (day, part, n, *rest)
        for day, part, quantity, *rest in shipments
        for n in (quantity // 2, quantity - quantity // 2) if n
    ]  # fmt: skip
    columns = [*asked.limit.per, "period", "low", "high", "amount", "left", "status"]
    whole, split = (balances(asked, frame(rows))[columns] for rows in (shipments, halves))
    pd.testing.assert_frame_equal(whole, split)


@given(SHIPMENTS, st.sampled_from(["lpp", "country", "aia-report"]))
@settings(max_examples=12)
def test_a_total_is_crossed_once_and_by_the_first_row_that_can(shipments: list[Shipment], name: str) -> None:
    asked = tally(name)
    for row in answered(asked, shipments).to_dict("records"):
        rows = asked.counted(frame(shipments)).sort_values(["day", "line"])
        for key in (*asked.limit.per, "period"):
            rows = rows[rows[key] == row[key]]
        total, crossed = 0.0, -1
        for part, quantity, line in zip(rows["part"], rows["quantity"], rows["line"], strict=True):
            total += float(asked.low[part]) * quantity
            over = total > row["amount"] if asked.limit.comparator == "<=" else total >= row["amount"]
            if over and crossed < 0:
                crossed = line
        assert row["crossing_line"] == crossed
        assert (row["status"] == "over") == (crossed > 0)
