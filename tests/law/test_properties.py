"""What holds of every verdict: it never turns with more knowledge, and an unknown never clears a part."""

import random
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from greenzone.intervals import INF, Interval, Range
from greenzone.law.classification import classify
from greenzone.law.regimes import load_regime
from greenzone.law.status import facts_of
from greenzone.law.verdict import Verdict
from greenzone.parts.capability import Part, Value, with_derived
from greenzone.report.wording import headline, sentence

KNOWN = date(2026, 11, 21)
DAYS = [date(2022, 12, 1), date(2024, 1, 1), date(2025, 5, 1), date(2026, 2, 1)]
REGIMES = ["us-3a090", "us-letters-2025", "us-china-review-2026"]
ASKED = {
    "tpp": [1600.0, 2400.0, 4800.0, 21000.0], "applicable_die_area_mm2": [270.27, 500.0, 814.0, 1500.0],
    "dram_bandwidth_gb_s": [1400.0, 600.0, 6500.0], "io_bandwidth_gb_s": [300.0, 600.0, 1100.0],
}  # fmt: skip
DECIDED = ("caught", "not_caught")
SLOW = settings(max_examples=60, deadline=None)


def interval(edges: list[float]) -> st.SearchStrategy[Interval]:
    near = st.sampled_from(edges).flatmap(lambda e: st.sampled_from([e, e * 0.99, e * 1.01, e / 2, e * 2]))
    spans = st.tuples(near, near).map(lambda p: Interval(min(p), max(p)))
    return near.map(Interval.point) | spans | near.map(Interval.at_least) | st.just(Interval.UNKNOWN)


BOXES = st.fixed_dictionaries({name: interval(edges) for name, edges in ASKED.items()})
DATACENTER = st.sampled_from([True, False, None])


def part_of_box(box: dict[str, Interval], datacenter: bool | None, confidence: str = "official") -> Part:
    values = {n: Value(i, "claimed", "x", None, confidence) for n, i in box.items() if i != Interval.UNKNOWN}
    return with_derived(Part("p", "P", datacenter=datacenter, values=values))


def verdict(part: Part, regime: str, on: date) -> Verdict:
    return classify(part, on, KNOWN, None, [regime]).verdict(regime)


def narrowed(box: dict[str, Interval], rng: random.Random) -> dict[str, Interval]:
    """A box within the box: some facts known better, some to a point."""
    found = dict(box)
    for name, own in box.items():
        if rng.random() < 0.6:
            top = own.high if own.is_bounded else own.low * 3 + 9000
            cuts = [c for c in (own.low, top, *ASKED[name], rng.uniform(own.low, top)) if own.low <= c <= top]
            low, high = sorted((rng.choice(cuts), rng.choice(cuts)))
            open_top = not own.is_bounded and rng.random() < 0.3
            found[name] = Interval(low, INF) if open_top else Interval(low, high if rng.random() < 0.5 else low)
    # With no die at all the density is undefined: that is less knowledge of it, not more.
    area = found["applicable_die_area_mm2"]
    found["applicable_die_area_mm2"] = Interval(max(area.low, 1.0), max(area.high, 1.0)) if area.high < INF else area
    return found


@SLOW
@given(BOXES, DATACENTER, st.sampled_from(REGIMES), st.sampled_from(DAYS), st.integers(0, 99))
def test_more_knowledge_never_turns_a_decided_answer(
    box: dict[str, Interval], datacenter: bool | None, regime: str, on: date, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311
    before = verdict(part_of_box(box, datacenter), regime, on)
    known = rng.choice([True, False]) if datacenter is None and rng.random() < 0.7 else datacenter
    after = verdict(part_of_box(narrowed(box, rng), known), regime, on)
    if before.status in DECIDED and after.status != "not_applicable":
        assert after.status == before.status
    if before.status == "not_applicable":
        assert after.status == "not_applicable"


@SLOW
@given(BOXES, DATACENTER, st.sampled_from(REGIMES), st.sampled_from(DAYS), st.integers(0, 99))
def test_what_is_not_caught_is_so_at_every_point_of_the_box(
    box: dict[str, Interval], datacenter: bool | None, regime: str, on: date, seed: int
) -> None:
    whole = verdict(part_of_box(box, datacenter), regime, on)
    if whole.status not in DECIDED:
        return
    rng = random.Random(seed)  # noqa: S311
    for _ in range(8):
        point = {
            n: Interval.point(rng.uniform(max(i.low, 1), i.high if i.is_bounded else i.low + 9e3))
            for n, i in box.items()
        }
        flag = rng.choice([True, False]) if datacenter is None else datacenter
        assert verdict(part_of_box(point, flag), regime, on).status in (whole.status, "not_applicable")


@SLOW
@given(BOXES, DATACENTER, st.sampled_from(REGIMES), st.sampled_from(DAYS))
def test_an_unknown_never_prints_as_not_caught(
    box: dict[str, Interval], datacenter: bool | None, regime: str, on: date
) -> None:
    found = classify(part_of_box(box, datacenter), on, KNOWN, None, [regime])
    v = found.verdict(regime)
    if v.status == "undecided":
        assert v.possible or v.reason in ("control_undecided", "claim_exceeded", "unconfirmed")
        assert v.reason
        for text in (headline(v), sentence(v, found)):
            assert "not caught" not in text
            assert "not eligible" not in text
            assert "undecided" in text
    if v.status == "not_caught":
        assert not v.possible
        assert not v.caught_by


@SLOW
@given(BOXES, DATACENTER, st.sampled_from(DAYS[1:]))
def test_a_missing_fact_alone_can_give_two_answers(box: dict[str, Interval], datacenter: bool | None, on: date) -> None:
    found = verdict(part_of_box(box, datacenter), "us-3a090", on)
    for name in found.missing:
        if name == "datacenter":
            answers = {verdict(part_of_box(box, flag), "us-3a090", on).status for flag in (True, False)}
        else:
            own = box[name]
            ends = [own.low, *ASKED[name], own.high if own.is_bounded else own.low + 1e5]
            rows = [e.range for e in found.break_evens if e.parameter == name]
            answers = {e.status for e in found.break_evens if e.parameter == name} if rows else set()
            for value in (v for v in ends if own.contains(v) and v > 0):
                answers.add(
                    verdict(part_of_box({**box, name: Interval.point(value)}, datacenter), "us-3a090", on).status
                )
        assert len(answers) > 1, name
    if found.status != "undecided":
        assert found.missing == ()


@SLOW
@given(BOXES, DATACENTER, st.sampled_from(REGIMES), st.sampled_from(DAYS[1:]))
def test_a_break_even_says_what_its_values_give(
    box: dict[str, Interval], datacenter: bool | None, regime: str, on: date
) -> None:
    for row in verdict(part_of_box(box, datacenter), regime, on).break_evens:
        own = Range.parse(row.range)
        low = max(own.low, 0.0)
        value = low if own.low == own.high else low + 1 if own.high == INF else (low + own.high) / 2
        found = verdict(part_of_box({**box, row.parameter: Interval.point(value)}, datacenter), regime, on)
        assert found.status in (row.status, "not_applicable"), f"{row} at {value}"
        if row.clause and found.status == "caught":
            assert row.clause in found.caught_by


@SLOW
@given(st.floats(100, 9000), st.floats(0.5, 2000), st.floats(50, 3000), st.sampled_from(DAYS[1:]))
def test_raising_tpp_never_frees_a_data_centre_part_of_fixed_area(
    tpp: float, more: float, area: float, on: date
) -> None:
    def at(value: float) -> str:
        box = {"tpp": Interval.point(value), "applicable_die_area_mm2": Interval.point(area)}
        return verdict(part_of_box(box, True), "us-3a090", on).status

    assert not (at(tpp) == "caught" and at(tpp + more) == "not_caught")


@SLOW
@given(BOXES, DATACENTER, st.sampled_from(REGIMES), st.sampled_from(DAYS))
def test_unconfirmed_facts_alone_never_clear_a_part(
    box: dict[str, Interval], datacenter: bool | None, regime: str, on: date
) -> None:
    found = verdict(part_of_box(box, datacenter, "unconfirmed"), regime, on)
    lenient = "caught" if found.effect == "eligibility" else "not_caught"
    if any(i != Interval.UNKNOWN for i in box.values()) and found.confidence == "unconfirmed":
        assert found.status != lenient
    sure = verdict(part_of_box(box, datacenter), regime, on)
    if found.status == lenient:
        assert sure.status == lenient


@SLOW
@given(BOXES, DATACENTER, st.sampled_from(DAYS))
def test_the_document_is_plain_json_of_finite_numbers(
    box: dict[str, Interval], datacenter: bool | None, on: date
) -> None:
    def finite(value: Any) -> bool:
        if isinstance(value, dict):
            return all(isinstance(k, str) and finite(v) for k, v in value.items())
        if isinstance(value, list):
            return all(finite(v) for v in value)
        return value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and abs(value) < INF)

    assert finite(classify(part_of_box(box, datacenter), on, KNOWN).to_json())


def test_every_clause_of_the_control_is_looked_at_in_every_version() -> None:
    for version in load_regime("us-3a090").versions:
        assert version.effective is not None
        found = verdict(part_of_box({"tpp": Interval.point(5000)}, True), "us-3a090", version.effective)
        assert [c.id for c in found.clauses] == [c.id for c in version.clauses]
        assert facts_of(part_of_box({}, None)).datacenter is None
