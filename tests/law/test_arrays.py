"""Coverage over arrays: cells of rows, chunks of tables, and the same answers as `status` gives one by one."""

from datetime import date

import numpy as np
import pytest

from greenzone.intervals import INF, Interval, Truth
from greenzone.law import arrays
from greenzone.law.arrays import TRUTHS, WORDS, Table, evaluated
from greenzone.law.regimes import Clause, Exclusion, Reading, Version
from greenzone.law.status import Facts, Rule, survey

CLAUSES = (
    Clause("rate", "p", {"tpp": ">= 4800"}),
    Clause("density", "p", {"tpp": ">= 1600", "performance_density": "> 5, <= 8"}),
)
NOTE = Exclusion("note", {"datacenter": False, "tpp": "< 10000"})
VERSION = Version(date(2024, 1, 1), "in_force", clauses=CLAUSES, exclusions=(NOTE,))
# Low and high of the TPP and of the area, and whether it is for data centres, 1, 0 or NaN.
ROWS = [
    (4800.0, 4800.0, 800.0, 800.0, 1.0), (4799.0, 4799.0, 800.0, 800.0, 1.0), (4000.0, 4000.0, 800.0, 800.0, 1.0),
    (4000.0, 4000.0, 500.0, 500.0, 1.0), (4000.0, 4000.0, 0.0, np.inf, 1.0), (0.0, np.inf, 0.0, np.inf, np.nan),
    (4700.0, 4900.0, 800.0, 800.0, 0.0), (9000.0, 11000.0, 800.0, 800.0, 0.0), (12000.0, 12000.0, 800.0, 800.0, np.nan),
    (4000.0, 4000.0, 0.0, 0.0, 1.0), (1000.0, 1500.0, 1.0, 2.0, np.nan), (4700.0, 4900.0, 600.0, 900.0, np.nan),
]  # fmt: skip


def table(rows: list[tuple[float, ...]], *, known: bool = True) -> Table:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    names = ("tpp", "applicable_die_area_mm2")
    low, high = dict(zip(names, columns[0::2], strict=False)), dict(zip(names, columns[1::2], strict=False))
    facts = {"datacenter": columns[4]} if known else {"hbm": columns[4]}
    return Table(low, high, facts, frozenset(), len(rows))


def one_by_one(row: tuple[float, ...], version: Version) -> tuple[str, dict[str, str]]:
    low, high, area_low, area_high, flag = row
    area = Interval(area_low, area_high)
    box, free = {"tpp": Interval(low, high), "applicable_die_area_mm2": area}, frozenset[str]()
    if area_high == 0:  # with no non-planar die the density is undefined, so anything
        box, free = {**box, "performance_density": Interval.UNKNOWN}, frozenset({"performance_density"})
    seen = survey(Rule(version), Facts(box, None if np.isnan(flag) else bool(flag), free))
    return seen.status, {name: truth.value for name, truth in seen.truth.items()}


def test_every_row_has_the_answer_it_has_by_itself() -> None:
    found = evaluated(VERSION, table(ROWS), {})
    for n, row in enumerate(ROWS):
        said = WORDS[found.status[n]], {name: TRUTHS[codes[n]] for name, codes in found.clauses.items()}
        assert said == one_by_one(row, VERSION), row
    assert set(found.status) == {0, 1, 2}


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluated(VERSION, table(ROWS), {})
    monkeypatch.setattr(arrays, "CHUNK", 5)
    parts = evaluated(VERSION, table(ROWS), {})
    np.testing.assert_array_equal(parts.status, whole.status)
    for name, codes in whole.clauses.items():
        np.testing.assert_array_equal(parts.clauses[name], codes)


def test_a_fact_without_a_column_is_unknown() -> None:
    found = evaluated(VERSION, table([(5000.0, 5000.0, 800.0, 800.0, 1.0)], known=False), {})
    assert [WORDS[code] for code in found.status] == ["undecided"]


def test_rows_of_readings_that_differ_are_undecided() -> None:
    readings = (Reading("a", "a", CLAUSES[:1]), Reading("b", "b", (Clause("c", "p", {"tpp": ">= 1600"}),)))
    two = Version(date(2024, 1, 1), "in_force", readings=readings)
    rows = [(v, v, 800.0, 800.0, 1.0) for v in (1000.0, 2000.0, 5000.0)]
    assert [WORDS[code] for code in evaluated(two, table(rows), {}).status] == ["not_caught", "undecided", "caught"]


@pytest.mark.parametrize(("code", "truth"), [(0, Truth.FALSE), (1, Truth.TRUE), (2, Truth.UNKNOWN), (3, Truth.FALSE)])
def test_a_row_hangs_on_the_status_of_its_own_reference(code: int, truth: Truth) -> None:
    hanging = Version(date(2024, 1, 1), "in_force", clauses=(Clause("c", "p", caught="other"),))
    found = evaluated(hanging, table(ROWS[:1]), {"other": np.array([code], np.int8)})
    assert WORDS[found.status[0]] == survey(Rule(hanging, {"other": truth}), Facts({}, True)).status


def test_a_missing_column_is_everything_from_zero_up() -> None:
    low, high = table(ROWS).interval("tops")
    assert set(low) == {0.0}
    assert set(high) == {INF}
