"""What links say of I/O: never more than what was in use at once, never less than what may be there."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from greenzone.intervals import Interval
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.evaluation import evaluate
from greenzone.lab.link_evidence import measured_links, rated_links
from greenzone.law.transaction import Transaction
from greenzone.parts.capability import part_of
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile
from greenzone.records.record import EstimateRow, Record, Row, Run

H20 = load_profile("nvidia-h20")
FACTS = {"cuda": "13.0", "driver": "580.1", "pcie_generation_max": 5, "pcie_width_max": 16}
NVLINKED = {**FACTS, "nvlink_version": 6, "nvlinks_up": 18}


def row(name: str, low: float, **changes: Any) -> Row:
    found = {
        "name": f"interconnect.{name}", "window": "sustained", "validity": "valid",
        "bandwidth_gb_s": EstimateRow(median=low + 1, low=low, high=low + 2), **changes,
    }  # fmt: skip
    return Row.model_validate(found)


def bounds(rows: list[Row], facts: dict[str, Any] = FACTS, profile: DeviceProfile | None = None) -> dict[str, float]:
    return {e.parameter: e.interval.low for e in measured_links(rows, facts, profile)}


def test_reported_links_are_rated_and_at_least_what_is_there() -> None:
    found = {e.parameter: e for e in rated_links(NVLINKED)}
    assert set(found) == {"io_bandwidth_gb_s", "interconnect_bandwidth_gb_s"}
    for e in found.values():
        assert (e.basis, e.interval) == ("rated", Interval.at_least(900 + 128))
        assert e.working == "at least NVLink 4 900 + PCIe 5.0 x16 128"
        assert e.source == "NVML, driver 580.1"


@pytest.mark.parametrize("facts", [{}, {"kind": "cpu"}, {**NVLINKED, "emulated": True}])
def test_without_reported_links_nothing_is_rated(facts: dict[str, Any]) -> None:
    assert list(rated_links(facts)) == []


def test_a_claim_stays_and_a_rating_enters_where_nothing_is_claimed() -> None:
    rated = list(rated_links(NVLINKED))
    assert part_of(H20, rated).value("io_bandwidth_gb_s").interval == Interval.point(1028)
    assert part_of(H20, rated).value("io_bandwidth_gb_s").basis == "claimed"
    unclaimed = part_of(replace(H20, links=()), rated).value("io_bandwidth_gb_s")
    assert (unclaimed.basis, unclaimed.interval) == ("rated", Interval.at_least(1028))


def test_directions_measured_one_after_the_other_are_not_added() -> None:
    rows = [row("host_to_device", 55), row("device_to_host", 54)]
    assert bounds(rows)["io_bandwidth_gb_s"] == 55
    assert bounds([*rows, row("bidirectional", 100)])["io_bandwidth_gb_s"] == 100


def test_peers_and_the_host_are_not_added_for_they_did_not_run_at_once() -> None:
    rows = [
        row("bidirectional", 100),
        row("peer", 350, variant="one way"),
        row("peer", 700, variant="both ways at once"),
    ]
    (io, _) = measured_links(rows, FACTS, None)
    assert io.interval == Interval.at_least(700)
    assert io.working == "measured at once, y - U: interconnect.peer both ways at once 700"


def all_links(low: float) -> Row:
    """A tenth of it over the host's link."""
    return row("all_links", low, shape={"host_bytes_each_way": 7, "peer_bytes_each_way": 9, "peers": 7})


def test_all_links_at_once_are_one_call_and_count_whole() -> None:
    rows = [row("bidirectional", 100), row("peer", 105), all_links(840)]
    assert bounds(rows) == {"io_bandwidth_gb_s": 840, "interconnect_bandwidth_gb_s": 840}


@pytest.mark.parametrize(
    ("part", "parameters"),
    [("nvidia-gh200", {"io_bandwidth_gb_s"}), ("nvidia-h20", {"io_bandwidth_gb_s", "interconnect_bandwidth_gb_s"})],
)
def test_all_links_are_no_interconnect_where_the_host_is_in_the_package(part: str, parameters: set[str]) -> None:
    assert set(bounds([all_links(840)], profile=load_profile(part))) == parameters


def test_all_links_are_no_evidence_where_a_peer_may_be_in_the_package() -> None:
    assert bounds([all_links(840)], {}) == {}


@pytest.mark.parametrize(("low", "counts"), [(1270, True), (1290, False)])
def test_what_the_host_s_share_of_all_links_is_decides_without_a_profile(low: float, counts: bool) -> None:
    """128 GB/s are the slot's; a tenth of the figure went over it."""
    assert ("interconnect_bandwidth_gb_s" in bounds([all_links(low)])) is counts


def test_all_links_that_do_not_say_their_sizes_are_taken_to_be_the_host_s() -> None:
    assert set(bounds([row("all_links", 840)])) == {"io_bandwidth_gb_s"}


def test_an_all_reduce_is_no_evidence() -> None:
    assert bounds([row("all_reduce", 480, variant="nccl")]) == {}


@pytest.mark.parametrize("changes", [{"validity": "unstable"}, {"validity": "invalid"}, {"measured": False}])
def test_rows_that_are_not_sound_are_no_evidence(changes: dict[str, Any]) -> None:
    assert bounds([row("bidirectional", 100, **changes)]) == {}


def test_a_bound_that_its_uncertainty_takes_below_zero_says_nothing() -> None:
    assert bounds([row("bidirectional", -1)]) == {}


def test_windows_and_emulated_rows_are_kept_apart() -> None:
    rows = [
        row("bidirectional", 100),
        row("bidirectional", 110, window="burst"),
        row("bidirectional", 120, emulated=True),
    ]
    found = [e for e in measured_links(rows, FACTS, None) if e.parameter == "io_bandwidth_gb_s"]
    assert [(e.basis, e.emulated, e.interval.low) for e in found] == [
        ("burst", False, 110), ("sustained", False, 100), ("sustained", True, 120),
    ]  # fmt: skip


def test_a_peer_that_may_be_in_the_same_package_does_not_count() -> None:
    peer = [row("peer", 350)]
    assert bounds(peer, {"hip": "6.2", "cuda": None}) == {}
    assert H20.hardware is not None
    two = replace(H20, hardware=replace(H20.hardware, devices_per_package=2))
    assert bounds(peer, FACTS, two) == {}
    assert bounds(peer, FACTS, H20)["io_bandwidth_gb_s"] == 350


def test_a_host_in_the_same_module_is_io_and_no_interconnect() -> None:
    host = [row("host_to_device", 380)]
    assert bounds(host, FACTS, load_profile("nvidia-gh200")) == {"io_bandwidth_gb_s": 380}
    assert bounds(host, FACTS) == {"io_bandwidth_gb_s": 380}, "380 GB/s did not go over PCIe 5.0 x16"
    assert set(bounds([row("host_to_device", 55)], FACTS)) == {"io_bandwidth_gb_s", "interconnect_bandwidth_gb_s"}
    assert set(bounds(host, FACTS, H20)) == {"io_bandwidth_gb_s", "interconnect_bandwidth_gb_s"}


def record(rows: list[Row], device: dict[str, Any] | None = None) -> Record:
    plain: dict[str, Any] = {"tool": {}, "rules": {}, "device": device or {}, "environment": {}, "settings": {}}
    own = Record(run=Run(id="x", started_at="2026-01-01T00:00:00+00:00"), **plain)
    own.benchmarks = rows
    return own


class Live(EmulatedDevice):
    """A device that is taken for a live one of an unknown name."""

    emulated = False


def evaluated(rows: list[Row], facts: dict[str, Any]) -> Record:
    own = record(rows, facts)
    evaluate(own, Live(H20), None, date(2023, 1, 20), date(2026, 1, 20), Transaction())
    return own


def test_a_live_device_without_a_profile_has_its_links_in_its_verdict() -> None:
    own = evaluated([row("bidirectional", 100)], NVLINKED)
    value = own.parameters["io_bandwidth_gb_s"]
    assert (value["basis"], value["low"], value["high"]) == ("rated", 1028, None)
    assert {e["basis"] for e in own.evidence if e["parameter"] == "io_bandwidth_gb_s"} == {"rated", "sustained"}


def test_a_measurement_above_the_reported_links_raises_them() -> None:
    assert evaluated([row("bidirectional", 300)], FACTS).parameters["io_bandwidth_gb_s"]["low"] == 300


def test_what_cannot_be_measured_here_is_no_warning() -> None:
    rows = [
        row("peer", 0, measured=False, reason="not measurable here: one device"),
        row("all_reduce", 0, measured=False, reason="all-reduce of 2 ranks on gloo: rank 0 went away"),
    ]
    found = {f.text.split(":")[0]: f.severity for f in evaluated(rows, {}).findings if f.code == "not_measured"}
    assert found == {"interconnect.peer": "info", "interconnect.all_reduce": "warning"}
