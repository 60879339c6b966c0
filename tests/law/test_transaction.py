"""What a verdict means for a transaction: the first row that applies, and what hangs on an unknown fact."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenzone.errors import UsageError
from greenzone.intervals import Truth
from greenzone.law.regimes import Outcome, Version, load_regime
from greenzone.law.transaction import Consequence, Situation, Transaction, consequence, may_apply, merged

DAY = date(2024, 6, 1)
PLACES = ["CN", "MO", "SA", "DE", "SG", "US", "RU", "VN"]
VERSIONS = [v for r in ("us-3a090", "us-letters-2025", "us-china-review-2026") for v in load_regime(r).versions]


def situation(deal: Transaction, datacenter: bool | None = True, **paragraphs: Truth) -> Situation:
    return Situation(deal, DAY, datacenter, dict(paragraphs))


@pytest.mark.parametrize(
    ("kind", "origin", "leaves"),
    [
        ("export", None, "US"),
        ("reexport", None, None),
        ("import", None, None),
        ("transfer", None, None),
        ("export", "sg", "SG"),
    ],
)
def test_an_export_is_from_the_united_states_unless_said(kind: str, origin: str | None, leaves: str | None) -> None:
    assert Transaction.of("CN", kind, origin).origin == leaves


def test_what_is_not_said_is_unknown() -> None:
    assert Transaction.of() == Transaction(None, "export", "US", None, None)


@pytest.mark.parametrize("facts", [{"kind": "sale"}, {"to": "XX"}, {"origin": "1"}, {"headquarters": "Mars"}])
def test_a_fact_that_is_none_is_refused(facts: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        Transaction.of(**facts)


ROWS = (
    Outcome("required", "p", {"to": ("CN",), "datacenter": True}, "presumption_of_denial"),
    Outcome("required", "p", {"to": ("CN",)}, "case_by_case", ("NAC",)),
    Outcome("required", "q", {}, "case_by_case"),
)


@pytest.mark.parametrize(
    ("to", "datacenter", "rows", "missing"),
    [
        ("CN", True, [ROWS[0]], []), ("CN", False, [ROWS[1]], []), ("DE", True, [None], []),
        ("CN", None, [ROWS[0], ROWS[1]], ["datacenter"]), (None, False, [ROWS[1], None], ["to"]),
        (None, True, [ROWS[0], None], ["to"]), (None, None, [ROWS[0], ROWS[1], None], ["to", "datacenter"]),
    ],
)  # fmt: skip
def test_the_first_row_that_applies_wins_and_every_row_that_may_is_kept(
    to: str | None, datacenter: bool | None, rows: list[Outcome | None], missing: list[str]
) -> None:
    found, lacking = may_apply(ROWS, situation(Transaction(to), datacenter, p=Truth.TRUE, q=Truth.FALSE))
    assert [r.review if r else None for r in found] == [r.review if r else None for r in rows]
    assert set(lacking) == set(missing)


def test_an_open_paragraph_is_open_in_the_same_way_for_all_its_rows() -> None:
    found, lacking = may_apply(ROWS, situation(Transaction("CN"), True, p=Truth.UNKNOWN, q=Truth.TRUE))
    assert found == [ROWS[0], ROWS[2]]
    assert lacking == []


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_may_apply_holds_what_applies_once_all_is_known(data: st.DataObject) -> None:
    version: Version = data.draw(st.sampled_from(VERSIONS))
    known = Transaction(
        data.draw(st.sampled_from(PLACES)), data.draw(st.sampled_from(["export", "reexport", "transfer"])),
        data.draw(st.sampled_from(PLACES)), data.draw(st.sampled_from(PLACES)),
    )  # fmt: skip
    hidden = data.draw(st.sets(st.sampled_from(["to", "origin", "headquarters"])))
    datacenter = data.draw(st.booleans())
    truths = {c.paragraph: Truth.TRUE for c in version.clauses}
    (row,), none = may_apply(version.outcomes, situation(known, datacenter, **truths))
    assert none == []
    unknown: dict[str, Any] = dict.fromkeys(hidden)
    blurred = replace(known, **unknown)
    hide_datacenter = data.draw(st.booleans())
    rows, lacking = may_apply(version.outcomes, situation(blurred, None if hide_datacenter else datacenter, **truths))
    assert consequence(row) in [consequence(r) for r in rows]
    names = {"from" if n == "origin" else n for n in hidden} | ({"datacenter"} if hide_datacenter else set())
    assert set(lacking) <= names, "only what is unknown is missing"
    if len({consequence(r) for r in rows}) == 1:
        assert lacking == [], "a fact that cannot change the answer is never asked for"


def test_consequences_that_agree_are_one_and_others_name_what_is_missing() -> None:
    a, b = Consequence("required", "case_by_case", ("NAC",)), Consequence("required", "presumption_of_denial", ("NAC",))
    assert merged([a, a], ["to"]) == replace(a, missing=())
    both = merged([a, b], ["datacenter"])
    assert (both.licence, both.review, both.exceptions, both.missing) == ("required", None, ("NAC",), ("datacenter",))
