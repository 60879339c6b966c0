"""Many parts at once give the same answers as one by one."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenzone.errors import UsageError
from greenzone.intervals import INF, Interval
from greenzone.law.classification import classify
from greenzone.law.frame import classify_frame
from greenzone.law.regimes import load_regimes
from greenzone.law.transaction import Transaction
from greenzone.parts.capability import Part, Value, with_derived

KNOWN = date(2026, 11, 21)
DAYS = [date(2022, 12, 1), date(2024, 1, 1), date(2025, 5, 1), date(2026, 2, 1)]
NAMES = ["tpp", "applicable_die_area_mm2", "dram_bandwidth_gb_s", "io_bandwidth_gb_s", "tops"]
EDGES = {
    "tpp": [0.0, 1599.0, 1600.0, 2400.0, 4799.9, 4800.0, 14000.0, 15832.0, 20919.0, 21000.0],
    "applicable_die_area_mm2": [1.0, 270.0, 500.0, 625.0, 814.0, 1500.0, 3000.0],
    "dram_bandwidth_gb_s": [0.0, 600.0, 1400.0, 4800.0, 6000.0, 6500.0],
    "io_bandwidth_gb_s": [0.0, 64.0, 150.0, 300.0, 600.0, 1100.0],
    "tops": [0.0, 7.9, 8.0, 300.0],
}


@st.composite
def boxes(draw: st.DrawFn) -> dict[str, Interval]:
    """A box with points, spans and unknowns, near the edges and off them."""
    found = {}
    for name in NAMES:
        ends = st.one_of(st.sampled_from(EDGES[name]), st.floats(0.5, 30000))
        kind = draw(st.sampled_from(["point", "span", "unknown", "at least"]))
        low = draw(ends)
        high = low if kind == "point" else max(low, draw(ends))
        found[name] = {"unknown": Interval.UNKNOWN, "at least": Interval.at_least(low)}.get(kind, Interval(low, high))
    return found


def one_by_one(box: dict[str, Interval], datacenter: bool | None, on: date) -> dict[str, Any]:
    values = {name: Value(interval, "set", confidence="official") for name, interval in box.items()}
    part = with_derived(Part(None, "x", datacenter=datacenter, values=values))
    found = classify(part, on, KNOWN, Transaction())
    standing = [v for v in found.verdicts if v.rule_status in ("in_force", "not_enforced")]
    statuses = {f"{v.regime} status": v.status for v in standing}
    return statuses | {f"{v.regime} {c.id}": c.truth for v in standing for c in v.clauses}


def frame_of(found: list[tuple[dict[str, Interval], bool | None]]) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for name in NAMES:
        columns[f"{name}_low"] = [box[name].low for box, _ in found]
        columns[f"{name}_high"] = [box[name].high for box, _ in found]
    columns["datacenter"] = pd.array([flag for _, flag in found], dtype="boolean")
    return pd.DataFrame(columns)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(boxes(), st.sampled_from([True, False, None])), min_size=1, max_size=6), st.sampled_from(DAYS)
)
def test_the_same_answers_as_one_by_one(found: list[tuple[dict[str, Interval], bool | None]], on: date) -> None:
    answers = classify_frame(frame_of(found), on=on, known_on=KNOWN)
    for row, (box, datacenter) in enumerate(found):
        single = one_by_one(box, datacenter, on)
        for column, answer in single.items():
            assert answers[column].iloc[row] == answer, (column, box, datacenter)


def test_points_columns_and_missing_values() -> None:
    frame = pd.DataFrame({"tpp": [4800.0, 2000.0, np.nan], "applicable_die_area_mm2": [np.nan, 700.0, 700.0]})
    found = classify_frame(frame, on=date(2024, 1, 1), known_on=KNOWN, datacenter=True)
    assert list(found["us-3a090 status"]) == ["caught", "not_caught", "undecided"]
    assert list(found["us-3a090 3A090.a.1"]) == ["true", "false", "unknown"]


def test_a_density_column_stands_for_itself() -> None:
    frame = pd.DataFrame({"tpp": [1600.0, 1600.0], "performance_density": [5.92, 3.19]})
    found = classify_frame(frame, on=date(2024, 1, 1), known_on=KNOWN, datacenter=True)
    assert list(found["us-3a090 status"]) == ["caught", "not_caught"]


def test_every_regime_in_force_has_a_column_and_the_index_stays() -> None:
    frame = pd.DataFrame({"tpp": [100.0]}, index=["mine"])
    found = classify_frame(frame, on=date(2026, 2, 1), known_on=KNOWN)
    named = {c.removesuffix(" status") for c in found.columns if c.endswith(" status")}
    assert named == {r.id for r in load_regimes() if r.is_default and "integrated_circuit" in r.applies_to}
    assert list(found.index) == ["mine"]


def test_readings_that_differ_are_undecided() -> None:
    frame = pd.DataFrame({"transistor_count": [29e9, 32e9, 36e9], "hbm": [False] * 3})
    found = classify_frame(frame, on=date(2028, 6, 1), known_on=KNOWN, regimes=["us-foundry-presumption"])
    assert list(found["us-foundry-presumption status"]) == ["not_caught", "undecided", "caught"]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"tp": [1.0]}), "unknown column 'tp'; nearest: tpp"),
        (pd.DataFrame({"tpp": ["many"]}), "not numbers"),
        (pd.DataFrame({"tpp": [-1.0]}), "is no interval"),
        (pd.DataFrame({"tpp_low": [5.0], "tpp_high": [4.0]}), "is no interval"),
        (pd.DataFrame({"tpp_low": [INF]}), "is no interval"),
    ],
)
def test_bad_frames_are_refused(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        classify_frame(frame, on=date(2024, 1, 1), known_on=KNOWN)
