"""A record verified: what holds, and each thing that does not by its name."""

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from greenzone.datafiles import data_root
from greenzone.errors import RecordError
from greenzone.lab.harness import Request, run
from greenzone.lab.verification import Verification, differing, verify
from greenzone.law.transaction import Transaction
from greenzone.records.digests import digests
from greenzone.records.store import parse


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An emulated run of one format as plain data; each test changes a copy."""
    request = Request(
        device="emulated:nvidia-h20", workloads=("matmul",), formats=("fp8",), folder=tmp_path_factory.mktemp("one"),
        on=date(2025, 4, 10), known_on=date(2026, 11, 21), transaction=Transaction.of("CN", on_sale_us=False),
    )  # fmt: skip
    return json.loads(run(request).path.read_text())


def verified(document: Any, **changes: Any) -> Verification:
    """The verification of a record, with digests of its own where it was changed by who can work them out."""
    return verify(document, parse(document, "test"), **changes)


def place_of(document: Any, name: str) -> int:
    return next(n for n, row in enumerate(document["benchmarks"]) if row["name"] == name)


def test_a_record_as_it_was_written_holds(emulated_record: Path) -> None:
    document = json.loads(emulated_record.read_text())
    whole = verified(document)
    assert (whole.differences, whole.changes, whole.notes) == ((), (), ())
    assert whole.holds
    assert whole.verdicts == len(document["verdicts"]) > 3
    assert whole.figures > 10 * len([row for row in document["benchmarks"] if row["measured"]])
    assert whole.identity["basis"] == "emulated"


@pytest.mark.parametrize(
    ("fault", "code"),
    [("lost-device@0.05", "device_lost"), ("wrong-result", "invalid"), ("throttle", "throttled"),
     ("out-of-memory", "smaller_size")],
)  # fmt: skip
def test_the_record_of_a_device_that_fails_holds_with_its_findings(fault: str, code: str, tmp_path: Path) -> None:
    request = Request(
        device="emulated:nvidia-h20", workloads=("matmul", "memory"), formats=("fp8",), folder=tmp_path, fault=fault,
    )  # fmt: skip
    document = json.loads(run(request).path.read_text())
    assert code in {finding["code"] for finding in document["findings"]}
    assert verified(document).holds
    hidden = {**document, "findings": [f for f in document["findings"] if f["code"] != code], "digests": {}}
    assert code in {d.figure for d in verified(hidden).differences}


def test_the_links_of_a_node_hold(tmp_path: Path) -> None:
    request = Request(device="emulated:4xnvidia-h20:2", workloads=("interconnect",), folder=tmp_path)
    document = json.loads(run(request).path.read_text())
    measured = {row["name"] for row in document["benchmarks"] if row["measured"]}
    assert {"interconnect.all_reduce", "interconnect.all_links"} <= measured
    assert verified(document).holds


def test_one_digit_of_one_sample_is_named(document: Any) -> None:
    other = copy.deepcopy(document)
    n = place_of(other, "matmul")
    other["benchmarks"][n]["samples"][3] *= 1 + 1e-12
    found = verified(other)
    assert found.changes == (f"benchmarks[{n}] (matmul fp8 e4m3 burst) samples was changed",)
    assert not found.holds


def test_a_sample_that_matters_is_named_by_its_figures_though_the_digests_agree(document: Any) -> None:
    other = copy.deepcopy(document)
    n = place_of(other, "matmul")
    other["benchmarks"][n]["samples"] = [s * 1.001 for s in other["benchmarks"][n]["samples"]]
    other["digests"] = digests(other)
    found = verified(other)
    assert found.changes == ()
    named = {(d.where, d.figure) for d in found.differences}
    assert (f"benchmarks[{n}] (matmul fp8 e4m3 burst)", "rate_tops.median") in named
    assert all(d.recorded != d.recomputed for d in found.differences)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("benchmarks", 0, "rate_tops", "median"), 1e6, "rate_tops.median"),
        (("benchmarks", 0, "operations"), 1e20, "operations"),
        (("benchmarks", 0, "uncertainty", "repeatability"), 0.0, "uncertainty.repeatability"),
        (("benchmarks", 0, "effective_samples"), 1e6, "effective_samples"),
        (("benchmarks", 0, "shape", "k"), 16, "operations"),
        (("evidence", 0, "low"), 1.0, ").low"),
        (("parameters", "tpp", "low"), 10.0, "tpp.low"),
        (("verdicts", 0, "status"), "eligible", ".status"),
        (("device", "part", "datacenter"), False, "part.datacenter"),
        (("settings", "on"), "2020-01-01", ".version"),
        (("settings", "transaction", "to"), "CA", ".outcome."),
    ],
)
def test_a_changed_figure_fact_or_verdict_is_named(
    document: Any, path: tuple[Any, ...], value: Any, named: str
) -> None:
    other: Any = copy.deepcopy(document)
    *way, last = path
    place = other
    for step in way:
        place = place[step]
    assert place[last] != value
    place[last] = value
    other["digests"] = digests(other)
    found = verified(other)
    assert found.changes == ()
    assert any(named in d.figure for d in found.differences), [str(d) for d in found.differences]


def test_figures_that_agree_to_nine_digits_are_the_same(document: Any) -> None:
    other = copy.deepcopy(document)
    other["benchmarks"][0]["rate_tops"]["median"] *= 1 + 1e-10
    other["digests"] = digests(other)
    assert verified(other).holds
    other["benchmarks"][0]["rate_tops"]["median"] *= 1 + 1e-8
    other["digests"] = digests(other)
    assert not verified(other).holds


def test_an_impossible_figure_that_is_recorded_as_valid_differs(document: Any) -> None:
    other = copy.deepcopy(document)
    row = other["benchmarks"][place_of(other, "matmul")]
    row["samples"] = [sample / 10 for sample in row["samples"]]
    figures = {d.figure: d.recomputed for d in verified(other).differences}
    assert figures["validity"] == "invalid"


@pytest.mark.parametrize("raised", [1e6, None])
def test_a_ceiling_that_the_profile_does_not_give_is_named(document: Any, raised: float | None) -> None:
    other = copy.deepcopy(document)
    n = place_of(other, "matmul")
    recorded, other["benchmarks"][n]["ceiling"] = other["benchmarks"][n]["ceiling"], raised
    other["digests"] = digests(other)
    (found,) = verified(other).differences
    assert (found.figure, found.recorded, found.recomputed) == ("ceiling", raised, recorded)


def test_a_finding_that_was_taken_out_is_missed(document: Any) -> None:
    other = copy.deepcopy(document)
    other["findings"] = [f for f in other["findings"] if f["code"] != "emulated"]
    other["digests"] = digests(other)
    (found,) = verified(other).differences
    assert (found.where, found.figure) == ("findings", "emulated")


def test_emulated_figures_cannot_be_passed_off_as_measured(document: Any) -> None:
    other = copy.deepcopy(document)
    other["device"]["emulated"] = False
    other["digests"] = digests(other)
    found = verified(other)
    assert any(text.startswith("device.id is emulated:nvidia-h20") for text in found.changes)
    assert any("do not agree on whether they are emulated" in text for text in found.changes)
    other["device"]["id"] = "cuda:0"
    assert "device.kind is emulated and device.emulated is False" in verified(other).changes
    other["device"]["emulated"], other["device"]["kind"] = True, "cuda"
    assert "device.kind is cuda and device.emulated is True" in verified(other).changes


def test_a_run_that_was_not_finished_has_its_rows_verified(document: Any) -> None:
    other = {**document, "evidence": [], "parameters": {}, "verdicts": [], "digests": {}}
    other["run"] = {**document["run"], "status": "running"}
    found = verified(other)
    assert found.holds
    assert found.verdicts == 0
    assert found.notes == ("the run was not finished: there are rows, and no evidence or verdicts yet",)


def test_other_source_and_missing_digests_are_said(document: Any) -> None:
    tool = {**document["tool"], "package_sha256": "0" * 64, "version": "9.9"}
    rules = {key: value for key, value in document["rules"].items() if key != "profiles"}
    found = verified({**document, "tool": tool, "rules": rules, "digests": {}})
    assert found.holds
    digest, profiles, package = found.notes
    assert "no digests" in digest
    assert "does not list the profiles" in profiles
    assert "made with other source of greenzone (9.9, source " in package


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("settings", {}), ("settings", {"transaction": 5}), ("settings", {"transaction": {"to": []}}),
        ("settings", {"on": 5, "known_on": None, "transaction": {"kind": "export"}}),
        ("rules", {}), ("rules", {"files": 5, "profiles": []}), ("rules", {"files": {"regimes/x.toml": [1]}}),
        ("environment", {"distributions": 5}), ("environment", {"distributions": ["x==1"]}),
        ("device", {"id": "emulated:nvidia-h20", "name": [], "emulated": True, "part": {"id": 5}}),
        ("device", {"id": "emulated:nvidia-h20", "name": "x", "emulated": True, "part": {"id": "../../x"}}),
        ("device", {"id": "x", "emulated": "yes", "memory_bytes": "many", "nvlink_version": []}),
        ("evidence", [{}, {"low": float("nan")}]), ("verdicts", [{"regime": {"a": 1}}]), ("parameters", {"tpp": []}),
    ],
)  # fmt: skip
def test_a_section_that_makes_no_sense_is_named_and_breaks_nothing(document: Any, section: str, value: Any) -> None:
    found = verified({**document, section: value, "digests": {}})
    assert not found.holds
    assert all(isinstance(text, str) for text in map(str, found.differences))


def test_a_record_cannot_name_a_file_to_be_read_as_its_profile(document: Any, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("password = 'x'")
    part = {**document["device"]["part"], "id": str(path)}
    found = verified({**document, "device": {**document["device"], "part": part}, "digests": {}})
    assert any("no profile here has the id" in str(d) for d in found.differences)
    assert "password" not in json.dumps(found.to_json())


def test_a_profile_of_the_user_s_own_is_taken_from_its_folder(tmp_path: Path) -> None:
    own = tmp_path / "acme-h20.toml"
    shipped = (data_root() / "devices" / "nvidia" / "nvidia-h20.toml").read_text()
    own.write_text(shipped.replace('id = "nvidia-h20"', 'id = "acme-h20"').replace("NVIDIA H20", "ACME H20"))
    request = Request(
        device=f"emulated:{own}", workloads=("matmul",), formats=("fp8",), folder=tmp_path / "results",
        on=date(2025, 4, 10), known_on=date(2026, 11, 21),
    )  # fmt: skip
    document = json.loads(run(request).path.read_text())
    assert verified(document, folder=tmp_path).holds
    found = verified(document)
    assert found.changes == ("acme-h20.toml is not here; the record was made with it",)
    assert "no profile here has the id 'acme-h20'; give the folder" in str(found.differences[0])


def test_more_samples_than_any_run_has_are_refused(document: Any) -> None:
    row = {**document["benchmarks"][0], "samples": [1e-3] * 20_000}
    with pytest.raises(RecordError, match="620,000 samples in all; at most 600,000"):
        verified({**document, "benchmarks": [row] * 31})


def test_low_and_high_are_compared_to_nine_digits_of_their_median() -> None:
    recorded = {"median": 100.0, "low": 1e-9, "high": 200.0}
    assert [*differing(recorded, {**recorded, "low": 2e-9}, "rate")] == []
    assert [*differing({"low": 1e-9}, {"low": 2e-9}, "rate")] == [("rate.low", 1e-9, 2e-9)]
    assert [*differing({"a": [1, True]}, {"a": [1, 1]}, "x")] == [("x.a[1]", True, 1)]
    assert [*differing(10**400, 1.0, "x")] == [("x", 10**400, 1.0)]
