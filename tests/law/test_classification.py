"""Classification: conflicts, contradictions, weak confidence, undefined density, and the document."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from greenzone.errors import UsageError
from greenzone.law.classification import classify
from greenzone.law.regimes import load_regime, load_regime_file, load_regimes
from greenzone.law.verdict import Verdict
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.catalogue import load_profile

PartOf = Callable[[str], Part]
Decide = Callable[..., Verdict]
DAY, KNOWN = date(2024, 1, 1), date(2026, 11, 21)
DIE = "[[die]]\nkind = 'logic'\narea_mm2 = {}\n{}\n"
NP = "transistor = 'non-planar'"


def claims(first: str, second: str, extra: str = "") -> str:
    claim = f"[[claim]]\nparameter = 'peak_tops.fp8'\nvalue = {second}\n"
    return f"datacenter = true\n{extra}\n[peak_tops]\nfp8 = {first}\n{claim}"


def codes(verdict: Verdict) -> set[str]:
    return {n.code for n in verdict.notes}


@pytest.mark.parametrize(
    ("first", "second", "area", "status", "conflict"),
    [
        ("590", "610", 3000, "caught", True),  # the highest governs
        ("610", "590", 3000, "caught", True),  # in either order
        ("610", "620", 3000, "caught", False),  # both agree
        ("100", "190", 3000, "not_caught", False),  # both agree
        ("290", "301", 900, "caught", True),  # 2408 on 900 mm2 is 2.68: b.1
    ],
)
def test_of_rates_that_disagree_the_highest_governs_under_a_control(
    part: PartOf, decide: Decide, first: str, second: str, area: int, status: str, conflict: bool
) -> None:
    found = decide(part(claims(first, second) + DIE.format(area, NP)))
    assert (found.status, "conflict" in codes(found)) == (status, conflict)


def test_areas_that_disagree_leave_it_undecided(part: PartOf, decide: Decide) -> None:
    lines = "datacenter = true\n[peak_tops]\nfp8 = 250\n" + DIE.format(600, NP)
    found = decide(part(lines + "[[claim]]\nparameter = 'applicable_die_area_mm2'\nvalue = 650"))
    assert (found.status, found.reason, found.missing) == ("undecided", "conflict", ("applicable_die_area_mm2",))


def test_an_eligibility_has_no_safe_side(part: PartOf, decide: Decide) -> None:
    lines = claims("2600", "2700") + "[memory]\nkind = 'HBM3'\nbandwidth_gb_s = 4000\n"
    found = decide(part(lines), "us-china-review-2026", date(2026, 2, 1))
    assert (found.status, found.reason, found.missing) == ("undecided", "conflict", ("tpp",))


def test_the_highest_claim_does_not_settle_what_the_area_leaves_open(part: PartOf, decide: Decide) -> None:
    found = decide(part(claims("240", "260")))
    assert (found.status, "conflict" in codes(found)) == ("undecided", False)
    assert "applicable_die_area_mm2" in found.missing


@pytest.mark.parametrize(
    ("rate", "status"), [(190, "not_caught"), (200, "undecided"), (400, "undecided"), (600, "caught")]
)
def test_all_planar_leaves_the_density_undefined(part: PartOf, decide: Decide, rate: int, status: str) -> None:
    found = decide(part(f"datacenter = true\n[peak_tops]\nfp8 = {rate}\n" + DIE.format(500, "transistor = 'planar'")))
    assert found.status == status
    assert "pd_undefined" in codes(found)
    if status == "undecided":
        assert (found.reason, found.missing) == ("pd_undefined", ())


@pytest.mark.parametrize(
    ("rate", "area", "status"),
    [
        (190, 500, "not_caught"),
        (250, 300, "undecided"),
        (250, 1000, "undecided"),
        (250, 500, "undecided"),
        (600, 500, "caught"),
    ],
)
def test_planar_or_not_is_worked_out_both_ways(part: PartOf, decide: Decide, rate: int, area: int, status: str) -> None:
    lines = f"datacenter = true\n[peak_tops]\nfp8 = {rate}\n"
    found = decide(part(lines + DIE.format(area, "")))
    assert found.status == status
    assert found.missing == (("applicable_die_area_mm2",) if status == "undecided" else ())


@pytest.mark.parametrize(("confidence", "status"), [("unconfirmed", "undecided"), ("estimate", "not_caught")])
def test_unconfirmed_alone_never_clears_a_part(part: PartOf, decide: Decide, confidence: str, status: str) -> None:
    found = decide(part(f"datacenter = true\n[peak_tops]\nconfidence = '{confidence}'\nfp8 = 100"))
    assert (found.status, found.confidence) == (status, confidence)
    if status == "undecided":
        assert (found.reason, found.missing) == ("unconfirmed", ("tpp",))


def test_unconfirmed_facts_may_catch_a_part(part: PartOf, decide: Decide) -> None:
    found = decide(part("datacenter = true\n[peak_tops]\nconfidence = 'unconfirmed'\nfp8 = 700"))
    assert (found.status, found.confidence) == ("caught", "unconfirmed")


def test_unconfirmed_alone_makes_nothing_eligible(part: PartOf, decide: Decide) -> None:
    lines = "datacenter = true\n[peak_tops]\nconfidence = 'unconfirmed'\nfp8 = 700\n[memory]\nkind = 'none'"
    assert decide(part(lines), "us-china-review-2026", date(2026, 2, 1)).reason == "unconfirmed"


def test_a_verdict_does_not_rest_on_what_it_does_not_need(part: PartOf, decide: Decide) -> None:
    lines = "datacenter = true\n[peak_tops]\nconfidence = 'official'\nfp8 = 700\n"
    assert decide(part(lines + DIE.format(800, NP + "\nconfidence = 'unconfirmed'"))).confidence == "official"
    assert decide(part_of(load_profile("amd-mi300x"))).confidence == "official"


def test_a_programmable_limit_is_asked_for_only_where_it_matters(decide: Decide) -> None:
    a800, day = part_of(load_profile("nvidia-a800-sxm-80gb")), date(2022, 11, 1)
    assert "io_limit" in codes(decide(a800, on=day))
    assert "io_limit" not in codes(decide(with_set(a800, ["io_limit=fused"]), on=day))
    assert "io_limit" not in codes(decide(a800, on=date(2023, 12, 1)))
    assert decide(with_set(a800, ["io_limit=programmable"]), on=day).status == "caught"


def test_a_regime_for_other_items_does_not_apply(decide: Decide) -> None:
    found = decide("item=hbm_stack tpp=9000")
    assert (found.status, found.reason) == ("not_applicable", "wrong_item")


@pytest.mark.parametrize("regime", load_regimes(), ids=lambda r: r.id)
def test_every_verdict_cites_its_version_and_says_its_effect(regime: object, decide: Decide) -> None:
    found = decide("datacenter=true tpp=5000 dram_bandwidth_gb_s=5000 io_bandwidth_gb_s=900", regime.id, KNOWN)  # type: ignore[attr-defined]
    assert found.citations
    assert all(c["url"].startswith("https://") for c in found.citations)
    assert found.effect == load_regime(found.regime).effect
    assert found.version is not None


def test_a_control_that_is_relieved_has_both_citations(decide: Decide) -> None:
    relief = load_regime("us-china-review-2026").versions[0].citations[0].title
    h200, day = part_of(load_profile("nvidia-h200-sxm")), date(2026, 2, 1)
    assert relief in [c["title"] for c in decide(h200, on=day, to="CN").citations]
    assert relief not in [c["title"] for c in decide(h200, on=day, to="RU").citations]


def test_only_what_was_asked_is_answered() -> None:
    part = with_set(Part(None, "x"), ["tpp=5000"])
    found = classify(part, DAY, KNOWN, None, ["us-3a090"])
    assert [v.regime for v in found.verdicts] == ["us-3a090"]
    with pytest.raises(UsageError, match="us-letters-2025"):
        found.verdict("us-letters-2025")
    with pytest.raises(UsageError, match=r"unknown regime 'us-3a09'; nearest: us-3a090, .*, "):
        classify(part, DAY, KNOWN, None, ["us-3a09"])


REGIME = """schema = 1
id = "{id}"
title = "T"
authority = "A"
effect = "{effect}"
reviewed_on = 2026-01-01
{top}
[[version]]
published = 2024-01-01
{dates}
  [[version.citation]]
  cite = "C"
  title = "T"
  url = "https://x.org"
  quote = "q"
  confidence = "{confidence}"
  [[version.clause]]
  id = "c"
  paragraph = "p"
{when}
"""
FORCE = 'effective = 2024-01-01\nstatus = "in_force"'


def own(folder: Path, **parts: str) -> Path:
    given = {
        "id": "my-rule",
        "effect": "control",
        "top": "",
        "dates": FORCE,
        "confidence": "official",
        "when": '  when = { tpp = ">= 9" }',
    }
    path = folder / f"{parts.get('id', 'my-rule')}.toml"
    path.write_text(REGIME.format(**(given | parts)))
    return path


@pytest.mark.parametrize(
    ("dates", "status", "reason", "note"),
    [
        (FORCE, "caught", None, None),
        ('effective = 2024-01-01\nstatus = "not_enforced"', "caught", None, "not_enforced"),
        ('effective = 2024-01-01\nstatus = "rescinded"', "not_applicable", "rescinded", None),
        ('effective = 2024-01-01\nstatus = "suspended"', "not_applicable", "suspended", None),
        ('status = "proposed"', "caught", None, "proposed"),
    ],
)
def test_the_status_of_a_rule_is_data(
    tmp_path: Path, dates: str, status: str, reason: str | None, note: str | None
) -> None:
    regime = load_regime_file(own(tmp_path, dates=dates))
    found = classify(with_set(Part(None, "x"), ["tpp=10"]), date(2025, 1, 1), KNOWN, None, [], [regime]).verdict(
        "my-rule"
    )
    assert (found.status, found.reason) == (status, reason)
    assert note is None or note in codes(found)


@pytest.mark.parametrize(
    ("when", "tpp", "status"),
    [
        ('  caught = "us-3a090"', "5000", "caught"), ('  caught = "us-3a090"', "1000", "not_caught"),
        ('  caught = "us-3a090"', "2000", "undecided"), ('  unless_caught = "us-3a090"', "5000", "not_caught"),
        ('  unless_caught = "us-3a090"', "1000", "caught"), ('  unless_caught = "us-3a090"', "2000", "undecided"),
    ],
)  # fmt: skip
def test_a_clause_may_hang_on_another_regime(tmp_path: Path, when: str, tpp: str, status: str) -> None:
    regime = load_regime_file(own(tmp_path, when=when))
    part = with_set(Part(None, "x"), [f"tpp={tpp}", "datacenter=true"])
    assert classify(part, date(2024, 6, 1), KNOWN, None, [], [regime]).verdict("my-rule").status == status


def test_a_rule_that_refers_to_itself_is_refused(tmp_path: Path) -> None:
    regime = load_regime_file(own(tmp_path, when='  caught = "my-rule"'))
    with pytest.raises(UsageError, match="refers to itself"):
        classify(with_set(Part(None, "x"), ["tpp=10"]), KNOWN, KNOWN, None, [], [regime])


def test_a_rule_of_unconfirmed_figures_clears_nothing(tmp_path: Path) -> None:
    regime = load_regime_file(own(tmp_path, confidence="unconfirmed"))
    found = classify(with_set(Part(None, "x"), ["tpp=1"]), KNOWN, KNOWN, None, [], [regime]).verdict("my-rule")
    assert (found.status, found.reason) == ("undecided", "unconfirmed")
