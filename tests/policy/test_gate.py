"""The gate beyond the twenty situations: age, emulation, margins, destinations, baselines, and the order of exits."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from greenzone.law.transaction import Transaction
from greenzone.parts.capability import part_of
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.document import Baseline, Forbid, Limit, Policy
from greenzone.policy.gate import Check, Subject, check
from greenzone.policy.lines import Line, exit_code
from greenzone.records.record import Record
from greenzone.records.store import read
from greenzone.records.subject import part_of_record

ON = date(2023, 11, 17)
TODAY = date(2026, 11, 22)
CONTROLS = Policy(1, forbids=(Forbid("us-3a090"),))
Write = Callable[..., Path]


def asked(subject: Subject, policy: Policy = CONTROLS, to: str | None = None, **more: Any) -> Check:
    return check(subject, policy, ON, TODAY, TODAY, Transaction.of(to, **more))


def of(part: str) -> Subject:
    return Subject(part_of(load_profile(part)))


def recorded(path: Path) -> Subject:
    record = read(path)
    return Subject(part_of_record(record), record)


def texts(found: Check, status: str) -> list[str]:
    return [line.text for line in found.lines if line.status == status]


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ((), 0), (("pass", "warn"), 0), (("undecided", "warn"), 4), (("undecided", "violated"), 3),
        (("violated", "invalid", "undecided"), 5), (("regressed", "violated"), 5),
    ],
)  # fmt: skip
def test_where_several_hold_the_first_of_the_order_is_the_exit(statuses: tuple[Any, ...], code: int) -> None:
    assert exit_code([Line("", status, "") for status in statuses]) == code


@pytest.mark.parametrize(("ended", "code"), [("2026-11-20", 0), ("2026-10-01", 4), ("2026-12-01", 4), ("soon", 4)])
def test_a_record_has_an_age(write_record: Write, ended: str, code: int) -> None:
    run = {"id": "r", "started_at": ended, "status": "complete"}
    subject = recorded(write_record(load_profile("nvidia-l2"), run=run))
    found = asked(subject, Policy(1, forbids=CONTROLS.forbids, record_age_days_max=30))
    assert found.exit_code == code
    if ended == "2026-10-01":
        said = "measured on 2026-10-01, 52 days before 2026-11-22: 22 too many; measure again"
        assert texts(found, "undecided") == [said]


def test_the_age_is_counted_in_utc(write_record: Write) -> None:
    run = {"id": "r", "started_at": "2026-11-22T23:30:00-05:00", "status": "complete"}
    found = asked(recorded(write_record(load_profile("nvidia-l2"), run=run)), Policy(1, record_age_days_max=30), "CN")
    assert texts(found, "undecided") == ["measured on 2026-11-23, after 2026-11-22"]


SMALL = """
datacenter = true
[peak_tops]
fp8 = 190
[[die]]
kind = "logic"
area_mm2 = 294
transistor = "non-planar"
"""


def emulated(write_record: Write, profile: DeviceProfile, measured: dict[str, Any] | None = None) -> Subject:
    path = write_record(profile, measured)
    data = json.loads(path.read_text("utf-8"))
    data["device"]["emulated"] = True
    for evidence in data["evidence"]:
        evidence["emulated"] = evidence["basis"] in ("burst", "sustained")
    path.write_text(json.dumps(data))
    return recorded(path)


def test_an_emulated_record_is_refused_unless_the_policy_asks_for_it(
    write_record: Write, profile: Callable[[str], DeviceProfile]
) -> None:
    subject = emulated(write_record, profile(SMALL))
    assert asked(subject).exit_code == 4
    assert "no evidence for or against a real part" in texts(asked(subject), "undecided")[0]
    found = asked(subject, Policy(1, forbids=CONTROLS.forbids, emulated=True))
    assert found.exit_code == 0
    assert texts(found, "warn")[0].startswith("EMULATED")


def test_an_emulated_device_is_judged_for_itself_alone(
    write_record: Write, profile: Callable[[str], DeviceProfile]
) -> None:
    subject = emulated(write_record, profile(SMALL), {"tpp": {"burst": 5268.8}})
    assert asked(subject).exit_code == 4, "what is emulated does not contradict a real claim"
    assert asked(subject, Policy(1, forbids=CONTROLS.forbids, emulated=True)).exit_code == 3


def test_nothing_measured_is_no_pass_whatever_is_undecided(write_record: Write) -> None:
    rows = [{"reason": "no driver"}, {"format": "fp8", "reason": "no path"}]
    subject = recorded(write_record(load_profile("nvidia-l2"), rows=rows))
    found = asked(subject, Policy(1, forbids=CONTROLS.forbids, undecided="pass"))
    assert found.exit_code == 4
    assert texts(found, "undecided") == ["no benchmark gave a figure: no driver; no path"]


def test_a_run_that_was_stopped_is_told(write_record: Write) -> None:
    run = {"id": "r", "started_at": "2026-11-01", "status": "interrupted"}
    found = asked(recorded(write_record(load_profile("nvidia-l2"), run=run)))
    assert found.exit_code == 0
    assert "the run is interrupted" in texts(found, "warn")[0]


@pytest.mark.parametrize(
    ("part", "least", "code"),
    [("nvidia-l20", 0.015, 0), ("nvidia-l20", 0.02, 3), ("nvidia-l2", 0.03, 0), ("nvidia-l2", 0.04, 3)],
)
def test_a_margin_is_the_distance_to_the_nearest_edge(part: str, least: float, code: int) -> None:
    """L20 misses 3.2 by 1.9 % of density (1.7 % of area), L2 misses 1,600 by 3.5 % (scenario A2)."""
    assert asked(of(part), Policy(1, forbids=CONTROLS.forbids, margin_min=least)).exit_code == code


def test_a_destination_that_is_not_listed_is_not_asked() -> None:
    policy = Policy(1, forbids=(Forbid("us-3a090", None, ("CN", "@D5")),))
    assert asked(of("nvidia-h100-sxm"), policy).exit_code == 3
    assert asked(of("nvidia-h100-sxm"), policy, "HK").exit_code == 3
    assert asked(of("nvidia-h100-sxm"), policy, "IR").exit_code == 3
    assert asked(of("nvidia-h100-sxm"), policy, "DE").exit_code == 0


def test_where_no_regime_is_named_the_licence_decides() -> None:
    policy = Policy(1, forbids=(Forbid(None, None, ("CN",)),))
    assert asked(of("nvidia-h20"), policy).exit_code == 0, "3A991.p catches it and asks no licence to China"
    assert asked(of("nvidia-h100-sxm"), policy).exit_code == 3
    assert asked(of("nvidia-h100-sxm"), policy, "CA", headquarters="CA").exit_code == 0
    assert {line.verdict.effect for line in asked(of("nvidia-h20"), Policy(1)).lines if line.verdict} == {"control"}


@pytest.fixture
def measured(write_record: Write) -> Callable[..., Record]:
    """A record whose read bandwidth is the figure given."""

    def make(gb_s: float, name: str = "r.json") -> Record:
        samples = [1 / gb_s] * 50
        rows = [{"name": "memory.read", "window": "sustained", "bandwidth_gb_s": gb_s, "samples": samples}]
        return read(write_record(load_profile("nvidia-l2"), rows=rows, name=name))

    return make


@pytest.mark.parametrize(("gb_s", "code"), [(300.0, 0), (290.0, 0), (280.0, 5), (340.0, 0)])
def test_a_record_that_fell_behind_its_baseline_has_regressed(
    measured: Callable[..., Record], gb_s: float, code: int
) -> None:
    now = measured(gb_s)
    subject = Subject(part_of_record(now), now, measured(300.0, "base.json"))
    found = asked(subject, Policy(1, forbids=CONTROLS.forbids, baseline=Baseline("base.json")))
    assert found.exit_code == code
    if code:
        assert "memory.read sustained is 0.933 of the baseline" in texts(found, "regressed")[0]


def test_a_limit_or_a_baseline_needs_a_record(measured: Callable[..., Record]) -> None:
    limits = (Limit("memory.read", bandwidth_gb_s=">= 3"),)
    assert asked(of("nvidia-l2"), Policy(1, forbids=CONTROLS.forbids, limits=limits)).exit_code == 4
    subject = Subject(of("nvidia-l2").part, None, measured(300.0))
    assert asked(subject, Policy(1, forbids=CONTROLS.forbids, baseline=Baseline("r.json"))).exit_code == 4
    now = measured(300.0)
    absent = (Limit("memory.copy", bandwidth_gb_s=">= 3"),)
    assert asked(Subject(part_of_record(now), now), Policy(1, forbids=CONTROLS.forbids, limits=absent)).exit_code == 4
