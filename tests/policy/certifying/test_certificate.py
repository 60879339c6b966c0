"""A lot: which records make which units, what they come to together, and every sentence held to what it may say."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying import statements
from greenzone.policy.certifying.certificate import Certificate
from greenzone.policy.certifying.examining import Examined
from greenzone.policy.certifying.figures import Power
from greenzone.policy.certifying.method import load_method
from greenzone.policy.certifying.represented import QUANTITIES
from greenzone.policy.certifying.searching import NEVER

from .conftest import rows

Examine = Callable[..., Examined]
Certify = Callable[..., Certificate]


def outcomes(found: Certificate, unit: int = 0) -> dict[str, str]:
    return {b.quantity: b.outcome for b in found.units[unit].bounds}


def lines(found: Certificate, status: str) -> str:
    return "\n".join(line.text for line in found.lines if line.status == status)


def test_a_lot_passes_where_every_ceiling_keeps_to_what_is_represented(examined: Examine, certified: Certify) -> None:
    found = certified(examined("GPU-1"), examined("GPU-2", name="s.json"))
    assert set(outcomes(found).values()) == {"bounded"}
    assert found.exit_code == 0
    assert "passes by the method" in found.statement
    assert "2 of 2 units were tested by the method: every one." in lines(found, "pass")


def test_the_ceilings_are_those_of_the_silicon(examined: Examine, certified: Certify) -> None:
    found = {b.quantity: b.ceiling.value for b in certified(examined()).units[0].bounds}
    assert found == {
        "tpp": 16000, "dram_bandwidth_gb_s": pytest.approx(4915.2), "interconnect_bandwidth_gb_s": 1028,
        "copackaged_dram_gb": pytest.approx(144 * 2**30 / 1e9),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("device", "quantity", "top"),
    [
        ({"clock_max_sm_mhz": 2100}, "tpp", 16800), ({"units": 120}, "tpp", 19200), ({"units": 80}, "tpp", 16000),
        ({"memory_bandwidth_ceiling_gb_s": 7000}, "dram_bandwidth_gb_s", 7000),
        ({"memory_bandwidth_ceiling_gb_s": 4000}, "dram_bandwidth_gb_s", 4915.2),
        ({"nvlinks_up": 36, "nvlink_version": 6}, "interconnect_bandwidth_gb_s", 1800),
    ],
)  # fmt: skip
def test_a_device_that_reports_more_than_its_part_has_raises_the_ceiling(
    examined: Examine, certified: Certify, device: dict[str, float], quantity: str, top: float
) -> None:
    found = certified(examined(device=device)).units[0].bounds
    assert next(b.ceiling.value for b in found if b.quantity == quantity) == pytest.approx(top)


def test_a_value_that_is_exceeded_fails_the_lot_and_names_the_unit(examined: Examine, certified: Certify) -> None:
    bad = examined("GPU-2", rows(gb_s=6000.0), name="s.json", device={"memory_bandwidth_ceiling_gb_s": 7000})
    found = certified(examined("GPU-1"), bad)
    assert found.exit_code == 3
    assert found.statement == (
        "The lot fails: unit GPU-2 (total DRAM bandwidth, 6000 +/- 60 GB/s) exceeded what is represented."
    )
    assert "1000 GB/s (20.0%) above the represented 5000 GB/s" in lines(found, "violated")
    assert "above 99.9 %" in lines(found, "violated")
    assert outcomes(found, 0)["dram_bandwidth_gb_s"] == "bounded"


@pytest.mark.parametrize(
    ("values", "own", "outcome", "code"),
    [
        ({"tpp": 15999}, None, "open", 4), ({"tpp": None}, None, "not_represented", 4),
        ({"tpp": 14401}, None, "doubtful", 4), ({"tpp": 14000}, None, "exceeded", 3),
        ({}, [], "not_measured", 4), ({"tpp": 17000}, rows(tops=2100.0, u=0.001), "contradicts", 5),
    ],
)  # fmt: skip
def test_the_exit_of_each_outcome(
    examined: Examine, certified: Certify, values: dict[str, float | None], own: object, outcome: str, code: int
) -> None:
    found = certified(examined(own=own), values=values)
    assert outcomes(found)["tpp"] == outcome
    assert found.exit_code == code


def test_two_records_of_one_uuid_are_one_unit_and_the_highest_figure_governs(
    examined: Examine, certified: Certify
) -> None:
    found = certified(examined("GPU-1"), examined("GPU-1", rows(gb_s=4500.0), name="s.json"), units=1)
    assert len(found.units) == 1
    figure = next(b.figure for b in found.units[0].bounds if b.quantity == "dram_bandwidth_gb_s")
    assert figure is not None
    assert figure.value == 4500
    assert found.exit_code == 0


def test_a_run_that_departs_is_named_and_counts_against_a_unit_alone(examined: Examine, certified: Certify) -> None:
    quick = examined("GPU-1", departures=("run with --suite quick, and the method asks for --suite lab",))
    assert certified(quick).exit_code == 4
    assert "departs from the method: run with --suite quick" in lines(certified(quick), "undecided")
    beside = certified(quick, examined("GPU-1", name="s.json"), units=1)
    assert beside.exit_code == 0
    over = examined("GPU-1", rows(gb_s=6000.0), departures=("quick",), device={"memory_bandwidth_ceiling_gb_s": 7000})
    assert certified(over).exit_code == 3


def test_what_several_records_of_a_unit_searched_counts_together_and_a_departing_one_for_nothing(
    examined: Examine, certified: Certify
) -> None:
    library = [row for row in rows(format="fp8") if row["name"] == "matmul"]
    registers = [row for row in rows(format="fp8") if row["name"] == "peak"]
    one = examined("GPU-1", library)
    both = certified(one, examined("GPU-1", registers, name="s.json"), units=1).units[0].searches["tpp"]
    assert "fp8 from registers" in both.searched
    assert "fp8 by library" in both.searched
    quick = examined("GPU-1", registers, name="s.json", departures=("quick",))
    assert "fp8 from registers: not run" in certified(one, quick, units=1).units[0].searches["tpp"].not_searched


def test_a_unit_without_a_uuid_is_not_one_that_was_tested(examined: Examine, certified: Certify) -> None:
    found = certified(examined(None))
    assert found.exit_code == 4
    assert "the record does not tell which unit it is of" in lines(found, "undecided")
    assert found.sample.tested == 0


def test_one_device_of_a_package_of_several_is_not_the_whole_of_it(
    examined: Examine, certified: Certify, x1: DeviceProfile
) -> None:
    found = certified(examined())
    assert x1.hardware is not None
    two = replace(x1, hardware=replace(x1.hardware, devices_per_package=2))
    again = Certificate(found.represented, "", two, found.method, found.examined, found.issued_on)
    assert again.exit_code == 4
    assert "the package shows 2 devices and a record is of one" in lines(again, "undecided")


def test_where_the_identity_is_in_doubt_no_ceiling_is_used(examined: Examine, certified: Certify) -> None:
    found = certified(examined(conflicts=("it behaves like nvidia-h20",)))
    assert set(outcomes(found).values()) == {"no_ceiling"}
    assert "identity: it behaves like nvidia-h20" in lines(found, "undecided")
    assert found.exit_code == 4


def test_a_record_that_does_not_hold_is_set_aside_and_named(examined: Examine, certified: Certify) -> None:
    bad = examined("GPU-2", rows(gb_s=9000.0), name="bad.json", faults=("digests: samples was changed",))
    found = certified(examined("GPU-1"), bad)
    assert [unit.id for unit in found.units] == ["GPU-1"]
    assert found.exit_code == 5
    assert "bad.json does not hold and is set aside: digests: samples was changed" in lines(found, "invalid")
    assert "No statement on the lot" in found.statement
    emulated = certified(examined("GPU-1", emulated=True), bad)
    assert "No statement on the emulated lot" in emulated.statement


def test_a_refused_row_is_evidence_that_does_not_stand(examined: Examine, certified: Certify) -> None:
    wrong = {"name": "peak", "format": "fp8", "window": "burst", "measured": True, "validity": "invalid",
             "notes": ["wrong result after the timing"]}  # fmt: skip
    found = certified(examined(own=[*rows(), wrong]))
    assert found.exit_code == 5
    assert "a row was refused: peak fp8 burst: wrong result after the timing" in lines(found, "invalid")


def test_an_emulated_lot_may_fail_and_never_passes(examined: Examine, certified: Certify) -> None:
    fine = certified(examined(emulated=True))
    assert fine.exit_code == 4
    assert fine.to_json()["label"] == statements.EMULATED
    bad = examined(emulated=True, own=rows(gb_s=6000.0), device={"memory_bandwidth_ceiling_gb_s": 7000})
    assert certified(bad).statement.startswith("The emulated lot fails")
    mixed = certified(examined("GPU-1", emulated=True), examined("GPU-2", name="s.json"))
    assert mixed.exit_code == 5


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"units": 40}, "at most 4 of the 20 not tested"),
        ({"units": 40, "nonconforming_max": 3}, "Chosen before: at most 3 may remain."),
        ({"units": 19}, "20 units have records, and the lot has 19"),
        ({"uuids": ["GPU-0", "GPU-77"], "units": 20}, "GPU-1 is not among the units listed of the lot"),
    ],
)  # fmt: skip
def test_a_lot_that_is_not_the_units_tested_has_no_statement(
    examined: Examine, certified: Certify, more: dict[str, object], said: str
) -> None:
    found = certified(*(examined(f"GPU-{n}", name=f"{n}.json") for n in range(20)), **more)
    assert found.exit_code == 4
    assert said in lines(found, "undecided")


def test_a_sample_that_leaves_no_more_than_was_chosen_before_is_enough(examined: Examine, certified: Certify) -> None:
    some = [examined(f"GPU-{n}", name=f"{n}.json") for n in range(20)]
    enough = certified(*some, units=40, nonconforming_max=4)
    assert enough.exit_code == 0
    assert "of a sample no unit was found above" in enough.statement


def test_power_is_that_of_the_row_with_the_highest_tpp(examined: Examine, certified: Certify) -> None:
    unit = certified(examined(), values={"peak_power_w": 700}).units[0]
    assert (unit.power.watts, unit.power.readings) == (690.0, 2)
    said = statements.power(unit.power, 700)
    assert "690 W, the highest of 2 readings" in said
    assert "not above it" in said
    assert "not known" in statements.power(Power(None, None, 0, "no rate was measured"), 700)


def test_what_was_searched_and_what_was_not_is_listed(examined: Examine, certified: Certify) -> None:
    search = certified(examined(own=rows(format="fp8"))).units[0].searches
    assert search["tpp"].searched == ("fp8 by library", "fp8 on low-toggle data", "fp8 from registers")
    assert search["tpp"].not_searched == NEVER["tpp"]
    assert "memory triad: not run" in search["dram_bandwidth_gb_s"].not_searched
    assert search["interconnect_bandwidth_gb_s"].searched == ("interconnect peer",)
    assert "interconnect all links: not run" in search["interconnect_bandwidth_gb_s"].not_searched


def test_the_json_is_plain_and_says_all_of_it(examined: Examine, certified: Certify) -> None:
    found = json.loads(json.dumps(certified(examined()).to_json(), allow_nan=False))
    assert found["schema"] == "greenzone.certificate/1"
    assert found["method"]["sha256"] == load_method().sha256
    assert [q["quantity"] for q in found["units"][0]["quantities"]] == list(QUANTITIES)
    assert found["represented"]["decided_on"] == "2026-11-20"
    assert found["records"][0]["sha256"] == "0" * 64
    assert found["units"][0]["device"]["uuid"] == "GPU-1"
    assert found["units"][0]["not_reported"] == ["serial", "board", "vbios", "driver"]


@pytest.mark.parametrize(
    "device",
    [
        {"uuid": 7}, {"uuid": "\x1b[31m"}, {"uuid": "G" * 65}, {"uuid": ["GPU"]}, {"memory_bytes": float("inf")},
        {"memory_bytes": "much"}, {"memory_bytes": -1}, {"units": float("inf"), "clock_max_sm_mhz": True},
        {"serial": {"a": 1}, "vbios": float("inf")}, {"memory_bandwidth_ceiling_gb_s": 1e300}, {"name": None},
    ],
    ids=str,
)  # fmt: skip
def test_nothing_that_a_record_may_say_of_its_device_breaks_the_certificate(
    examined: Examine, certified: Certify, device: dict[str, object]
) -> None:
    found = certified(examined(device=device))
    json.dumps(found.to_json(), allow_nan=False)
    assert found.statement.isprintable()
    assert ("uuid" in device) != found.units[0].identified


def test_a_part_whose_memory_is_not_in_the_package_has_no_copackaged_dram(
    examined: Examine, certified: Certify, x1: DeviceProfile
) -> None:
    found = certified(examined(), values={"copackaged_dram_gib": None, "copackaged_dram_gb": 1})
    assert outcomes(found)["copackaged_dram_gb"] == "exceeded"
    assert x1.memory is not None
    beside = replace(x1, memory=replace(x1.memory, kind="GDDR7"))
    again = Certificate(found.represented, "", beside, found.method, found.examined, found.issued_on)
    assert outcomes(again)["copackaged_dram_gb"] == "bounded"


@given(st.lists(st.sampled_from(["fine", "over", "open", "fault", "quick", "none"]), min_size=1, max_size=5))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_lot_passes_only_where_nothing_at_all_is_missing(
    examined: Examine, certified: Certify, kinds: list[str]
) -> None:
    made = {
        "fine": {}, "over": {"own": rows(tops=2030.0, u=0.001)}, "open": {"device": {"clock_max_sm_mhz": 2100}},
        "fault": {"faults": ("changed",)}, "quick": {"departures": ("quick",)}, "none": {"own": []},
    }  # fmt: skip
    found = certified(*(examined(f"GPU-{n}", name=f"{n}.json", **made[kind]) for n, kind in enumerate(kinds)))
    expected = {"fault": 5, "over": 3, "open": 4, "quick": 4, "none": 4, "fine": 0}
    codes = {expected[kind] for kind in kinds}
    assert found.exit_code == next(code for code in (5, 3, 4, 0) if code in codes)
