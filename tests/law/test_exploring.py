"""How far a part is from a line: flips, roundings, and the largest rate that stays out."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenzone.errors import UsageError
from greenzone.law.classification import classify
from greenzone.law.exploring import design, flips, roundings
from greenzone.law.headroom import headroom
from greenzone.law.regimes import load_regime
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.catalogue import load_profile

ON, KNOWN = date(2026, 2, 1), date(2026, 11, 21)
RULE = load_regime("us-3a090")


def part(*values: str) -> Part:
    return with_set(Part(None, "x"), list(values))


def test_the_smallest_change_comes_first() -> None:
    found = flips(part_of(load_profile("nvidia-h20")), RULE, ON, KNOWN)
    assert [(f.parameter, f.edge) for f in found] == [("tpp", 2400), ("applicable_die_area_mm2", 740)]
    assert found[0].change == pytest.approx(0.01351, abs=1e-5)


def test_a10_is_half_a_per_cent_of_area_from_the_line() -> None:
    """Scenario A13: 250 x 8 = 2,000 on 628 mm2 is 3.185; 0.5 % less area flips it."""
    found = flips(part("tpp=2000", "applicable_die_area_mm2=628", "datacenter=true"), RULE, ON, KNOWN)
    area = next(f for f in found if f.parameter == "applicable_die_area_mm2")
    assert (area.edge, area.status) == (625, "caught")
    assert area.change == pytest.approx(-0.0048, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.floats(200, 9000), st.floats(50, 2000))
def test_past_a_flip_the_status_is_the_one_it_names(tpp: float, area: float) -> None:
    base = part(f"tpp={tpp!r}", f"applicable_die_area_mm2={area!r}", "datacenter=true")
    for flip in flips(base, RULE, ON, KNOWN):
        past = flip.edge * (1 + 1e-9 if flip.change > 0 else 1 - 1e-9)
        for value, other in ((past, True), (flip.edge, flip.included)):
            moved = with_set(base, [f"{flip.parameter}={value!r}"])
            status = classify(moved, ON, KNOWN, None, ["us-3a090"]).verdict("us-3a090").status
            assert (status == flip.status) is other


def test_mi325x_hangs_on_its_digits() -> None:
    """20,919 is under 21,000 and above 20,800; a table that says 2,600 or 21,000 flips both."""
    mi325x = part_of(load_profile("amd-mi325x"))
    tariff = {r.rounded for r in roundings(mi325x, load_regime("us-section-232"), ON, KNOWN)}
    review = {r.rounded for r in roundings(mi325x, load_regime("us-china-review-2026"), ON, KNOWN)}
    assert 20800 in tariff
    assert 21000 in review


@pytest.mark.parametrize(
    ("area", "tops", "clause"), [(600, 240, "3A090.b.2"), (814, 300, "3A090.b.1"), (200, 200, "3A090.a.2")]
)
def test_the_largest_rate_that_stays_out(area: float, tops: float, clause: str) -> None:
    found = design(area, "fp8", RULE, ON, KNOWN)
    assert (found.rate_tops, found.clause, found.included) == (tops, clause, False)


def test_outside_data_centres_the_line_is_4800() -> None:
    found = design(100, "fp16", RULE, ON, KNOWN, datacenter=False)
    assert (found.tpp, found.rate_tops, found.clause) == (4800, 300, "3A090.a.1")


@settings(max_examples=60, deadline=None)
@given(st.floats(20, 5000))
def test_a_design_at_its_bound_is_caught_and_under_it_is_not(area: float) -> None:
    bound = design(area, "fp8", RULE, ON, KNOWN).tpp
    assert bound is not None

    def at(tpp: float) -> str:
        asked = part(f"tpp={tpp!r}", f"applicable_die_area_mm2={area!r}", "datacenter=true")
        return classify(asked, ON, KNOWN, None, ["us-3a090"]).verdict("us-3a090").status

    assert at(bound * (1 + 1e-12)) == "caught"
    assert at(bound * (1 - 1e-9)) == "not_caught"


def test_a_rule_without_tpp_has_no_design() -> None:
    with pytest.raises(UsageError, match="do not rest on TPP"):
        design(600, "fp8", load_regime("us-letters-2025"), ON, KNOWN)


def test_headroom_leaves_out_what_does_not_apply() -> None:
    found = headroom(part_of(load_profile("nvidia-h20")), date(2024, 1, 1), KNOWN)
    assert [h.verdict.regime for h in found] == ["us-3a090", "us-3a991-p"]
    assert found[0].to_json()["flips"][0]["edge"] == 2400
