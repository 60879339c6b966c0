"""From evidence to the part's box: what folds, what stays, and what `--set` does."""

from collections.abc import Callable

import pytest

from greenzone.errors import UsageError
from greenzone.intervals import INF, Interval
from greenzone.law.verdict import Verdict
from greenzone.parts.capability import MISSING, Part, fold, parse_value, part_of, with_set
from greenzone.parts.catalogue import load_profile
from greenzone.parts.evidence import Evidence, measured_rates
from greenzone.parts.profile import DeviceProfile

Make = Callable[[str], DeviceProfile]
PartOf = Callable[[str], Part]
Decide = Callable[..., Verdict]


def said(basis: str, low: float, high: float | None = None, emulated: bool = False) -> Evidence:
    return Evidence("tpp", basis, Interval(low, low if high is None else high), f"{basis} {low}", emulated=emulated)


def measured(low: float, window: str = "burst", emulated: bool = False) -> Evidence:
    return Evidence("tpp", window, Interval.at_least(low), f"measured {low}", emulated=emulated)


@pytest.mark.parametrize(
    ("evidence", "interval", "basis"),
    [
        ([], Interval.UNKNOWN, None),
        ([said("claimed", 4992)], Interval.point(4992), "claimed"),
        ([said("rated", 4700), said("claimed", 4992)], Interval.point(4992), "claimed"),
        ([said("rated", 4700)], Interval.point(4700), "rated"),
        ([said("ceiling", 4700)], Interval.UNKNOWN, None),
        ([said("claimed", 4992), measured(4339)], Interval.point(4992), "claimed"),
        ([said("claimed", 4750), measured(5216)], Interval.point(4750), "claimed"),
        ([said("claimed", 4750, 4800)], Interval(4750, 4800), "claimed"),
        ([said("claimed", 4000, INF), measured(4500)], Interval.at_least(4500), "claimed"),
        ([measured(4625.6)], Interval.at_least(4625.6), "burst"),
        ([measured(4500), measured(4625.6, "sustained")], Interval.at_least(4625.6), "sustained"),
        ([said("rated", 4700), measured(4500)], Interval.point(4700), "rated"),
        ([said("ceiling", 9000), measured(4500)], Interval.at_least(4500), "burst"),
        ([measured(9000, emulated=True)], Interval.UNKNOWN, None),
        ([said("claimed", 4750), measured(9000, emulated=True)], Interval.point(4750), "claimed"),
    ],
)
def test_evidence_folds_as_the_contract_says(evidence: list[Evidence], interval: Interval, basis: str | None) -> None:
    assert (fold(evidence).interval, fold(evidence).basis) == (interval, basis)


def test_a_measurement_above_a_claim_is_kept_beside_it() -> None:
    assert fold([said("claimed", 4750), measured(5216)]).measured_low == 5216
    assert fold([said("claimed", 4750), measured(5216, emulated=True)]).measured_low is None


def test_what_nothing_is_known_of_is_missing(part: PartOf) -> None:
    assert part("").value("tpp") == MISSING
    assert part("").value("performance_density").interval == Interval.UNKNOWN


def test_density_is_worked_out_from_tpp_and_area() -> None:
    value = part_of(load_profile("nvidia-h20")).value("performance_density")
    assert value.interval == Interval.point(2368 / 814)
    assert (value.basis, value.working) == ("claimed", "2368 / 814")


def test_memory_and_io_add_up() -> None:
    value = part_of(load_profile("nvidia-h20")).value("dram_io_bandwidth_gb_s")
    assert (value.interval, value.working) == (Interval.point(5028), "4000 + 1028")


def test_a_worked_out_value_is_as_sure_as_the_weaker_of_two(part: PartOf) -> None:
    lines = "[peak_tops]\nsource = 'a'\nfp8 = 100\n[[die]]\nkind = 'logic'\narea_mm2 = 100\ntransistor = 'non-planar'\n"
    assert part(lines + "confidence = 'unconfirmed'").value("performance_density").confidence == "unconfirmed"
    assert part(lines + "source = 'b'").value("performance_density").confidence == "official"


def test_with_no_non_planar_die_the_density_is_undefined(part: PartOf) -> None:
    found = part("[peak_tops]\nfp8 = 400\n[[die]]\nkind = 'logic'\narea_mm2 = 500\ntransistor = 'planar'")
    assert found.density_is_undefined
    assert found.value("performance_density").interval == Interval.UNKNOWN


def test_a_measured_part_of_no_claim_is_a_lower_bound(profile: Make, decide: Decide) -> None:
    def verdict(rate: float, uncertainty: float) -> Verdict:
        low = rate * (1 - uncertainty)
        return decide(part_of(profile("datacenter = true"), measured_rates([("int8", low)], "sustained")))

    assert verdict(661.3, 0.01).status == "caught"
    below = verdict(590, 0.02)
    assert (below.status, below.reason) == ("undecided", "no_claim")
    assert below.clauses[0].conditions[0].low == pytest.approx(4625.6)


def test_measured_and_no_data_centre_is_caught_at_4800(profile: Make, decide: Decide) -> None:
    found = decide(part_of(profile(""), measured_rates([("int8", 661.3 * 0.99)], "sustained")))
    assert (found.status, found.caught_by[0]) == ("caught", "3A090.a.1")


def test_rated_stands_in_where_nothing_is_claimed(profile: Make, decide: Decide) -> None:
    lines = "datacenter = true\n[hardware]\nunits = 100\nboost_mhz = 1000\nops_per_clock = {{ int8 = {} }}\n"
    found = part_of(profile(lines.format(6000)))
    assert (found.value("tpp").basis, decide(found).status) == ("rated", "caught")
    assert decide(part_of(profile(lines.format(1900)))).status == "not_caught"


def test_a_ceiling_never_enters_a_verdict(profile: Make, decide: Decide) -> None:
    lines = "datacenter = true\n[peak_tops]\nint8 = 100\n[hardware]\nunits = 100\nboost_mhz = 1000\n" \
            "ops_per_clock = { int8 = 9999 }\nenabled_ops_per_clock = { int8 = 1000 }"  # fmt: skip
    assert decide(part_of(profile(lines))).status == "not_caught"


def test_a_measurement_below_the_claim_is_silent(profile: Make, decide: Decide) -> None:
    lines = "datacenter = true\n[peak_tops]\nint8 = 624"
    found = decide(part_of(profile(lines), measured_rates([("bf16", 271.2)], "sustained")))
    assert (found.status, found.caught_by) == ("caught", ("3A090.a.1",))


CLAIM = "[peak_tops]\nint8 = {}\n[[die]]\nkind = 'logic'\narea_mm2 = {}\ntransistor = 'non-planar'\n"


@pytest.mark.parametrize(
    ("claim", "area", "datacenter", "low", "status", "reason"),
    [
        (590, 3000, "true", 601 * 8, "undecided", "claim_exceeded"),
        (593.75, 750, "false", 651.96 * 8, "undecided", "claim_exceeded"),
        (290, 900, "true", 295 * 8, "not_caught", None),
        (190, 250, "true", 199 * 8, "not_caught", None),
        (190, 250, "true", 200 * 8, "undecided", "claim_exceeded"),
        (624, 800, "true", 700 * 8, "caught", None),
    ],
)  # fmt: skip
def test_a_claim_that_a_measurement_passes_stands_until_an_edge_is_crossed(
    profile: Make,
    decide: Decide,
    claim: float,
    area: float,
    datacenter: str,
    low: float,
    status: str,
    reason: str | None,
) -> None:
    found = profile(f"datacenter = {datacenter}\n" + CLAIM.format(claim, area))
    # 4720 on 3000 mm2 is under 1.6; 2320 on 900 mm2 under 3.2; 1520 on 250 mm2 over 5.92 but under 1600.
    verdict = decide(part_of(found, [Evidence("tpp", "burst", Interval.at_least(low), "measured")]))
    assert (verdict.status, verdict.reason) == (status, reason)
    codes = {n.code for n in verdict.notes}
    assert ("claim_exceeded" in codes) == (reason == "claim_exceeded")


def test_emulated_figures_never_contradict_a_claim(profile: Make, decide: Decide) -> None:
    found = part_of(
        profile("datacenter = true\n" + CLAIM.format(190, 250)), measured_rates([("int8", 900)], "burst", True)
    )
    assert decide(found).status == "not_caught"


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("4800", Interval.point(4800)), ("4800.5", Interval.point(4800.5)), ("0", Interval.point(0)),
        ("4625..", Interval.at_least(4625)), ("..4800", Interval(0, 4800)), ("4625..4800", Interval(4625, 4800)),
        ("unknown", Interval.UNKNOWN), ("< 4800", Interval(0, 4800, False, True)), (">= 4625", Interval.at_least(4625)),
        ("> 1, < 2", Interval(1, 2, True, True)), ("== 5", Interval.point(5)), ("..", Interval.UNKNOWN),
    ],
)  # fmt: skip
def test_a_value_is_a_number_a_range_or_unknown(text: str, interval: Interval) -> None:
    assert parse_value("tpp", text) == interval


@pytest.mark.parametrize(
    "text", ["", "-1", "nan", "inf", "1e999", "x", "5..4", "1...2", "nan..", "..inf", "< -1", "=> 5", ">= inf"]
)
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--set tpp"):
        with_set(Part(None, "x"), [f"tpp={text}"])


@pytest.mark.parametrize("text", ["tpp", "=5", "ttp=5", "datacenter=yes", "item=gpu", "io_limit=soft", "Tpp=5", ""])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        with_set(Part(None, "x"), [text])


def test_what_derives_from_a_set_value_is_worked_out_anew() -> None:
    found = with_set(part_of(load_profile("nvidia-h20")), ["tpp=3000"])
    assert found.value("tpp").basis == "set"
    assert found.value("performance_density").interval == Interval.point(3000 / 814)
    assert found.value("dram_bandwidth_gb_s").basis == "claimed"


def test_a_derived_value_that_is_set_stands() -> None:
    found = with_set(part_of(load_profile("nvidia-h20")), ["performance_density=6", "tpp=2000"])
    assert found.value("performance_density").interval == Interval.point(6)
    assert found.value("performance_density").basis == "set"


def test_a_set_value_takes_the_place_of_claims_and_measurements() -> None:
    found = with_set(part_of(load_profile("nvidia-rtx-5090-d-v2")), ["tpp=4000"])
    assert (found.value("tpp").interval, found.value("tpp").measured_low) == (Interval.point(4000), None)
    assert [e.basis for e in found.evidence if e.parameter == "tpp"][-1] == "set"


def test_facts_are_set_too() -> None:
    found = with_set(Part(None, "x"), ["datacenter=false", "item=hbm_stack", "io_limit=programmable"])
    assert (found.datacenter, found.item, found.io_limit) == (False, "hbm_stack", "programmable")
    assert with_set(found, ["datacenter=unknown", "io_limit=unknown"]).datacenter is None
