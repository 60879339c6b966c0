"""The harness: a suite on a device made into a record, whatever happens on the way."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from greenzone.errors import DeviceError, FileError, Interrupted, UsageError
from greenzone.lab import harness
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.workloads import Plan
from greenzone.law.transaction import Transaction
from greenzone.records.record import Record, Row
from greenzone.records.store import read
from greenzone.statistics import estimate_rate

ON = date(2025, 4, 10)


def request_for(folder: Path, **changes: Any) -> harness.Request:
    """A short emulated run."""
    plain = harness.Request(
        device="emulated:nvidia-h20", workloads=("matmul",), formats=("fp8",), folder=folder, on=ON,
        transaction=Transaction.of("CN"),
    )  # fmt: skip
    return replace(plain, **changes)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> harness.Outcome:
    """One emulated run of everything, kept for all that looks at it."""
    folder = tmp_path_factory.mktemp("results")
    return harness.run(request_for(folder, workloads=(), formats=("fp8", "bf16")))


def test_record_on_disk_is_the_record_returned(outcome: harness.Outcome) -> None:
    assert read(outcome.path).to_json() == outcome.record.to_json()
    assert outcome.record.run.status == "complete"


def test_every_row_of_an_emulated_device_is_labelled(outcome: harness.Outcome) -> None:
    assert outcome.record.benchmarks
    assert all(row.emulated for row in outcome.record.benchmarks)
    assert outcome.record.device["emulated"] is True
    assert any(f.code == "emulated" for f in outcome.record.findings)


def test_h20_is_not_caught_by_3a090_and_caught_by_the_letters(outcome: harness.Outcome) -> None:
    verdicts = {v["regime"]: v for v in outcome.record.verdicts}
    assert verdicts["us-3a090"]["status"] == "not_caught"
    assert verdicts["us-letters-2025"]["status"] == "caught"
    assert verdicts["us-letters-2025"]["outcome"]["licence"] == "required"
    tpp = outcome.record.parameters["tpp"]
    assert (tpp["low"], tpp["high"], tpp["basis"], tpp["working"]) == (2368, 2368, "claimed", "fp8 296 x 8")
    assert outcome.record.parameters["copackaged_dram_gb"]["low"] == 96
    assert outcome.record.parameters["dram_bandwidth_gb_s"]["low"] == 4000


def test_emulated_evidence_enters_no_value(outcome: harness.Outcome) -> None:
    emulated = [e for e in outcome.record.evidence if e["emulated"]]
    assert {e["basis"] for e in emulated} == {"burst", "sustained"}
    assert all(p["basis"] in ("claimed", None) for p in outcome.record.parameters.values())


def test_every_figure_can_be_worked_out_from_its_samples(outcome: harness.Outcome) -> None:
    rows = [r for r in outcome.record.benchmarks if r.rate_tops and r.operations]
    assert rows
    for row in rows:
        uncertainty = row.timer_uncertainty or 0.0
        again = estimate_rate(row.samples, (row.operations or 0) / 1e12, uncertainty)
        assert row.rate_tops is not None
        assert again.median == pytest.approx(row.rate_tops.median, rel=1e-9)
        assert again.low == pytest.approx(row.rate_tops.low, rel=1e-9)


def test_claim_stands_beside_the_rate(outcome: harness.Outcome) -> None:
    claims = {r.format: r.claimed_tops for r in outcome.record.benchmarks if r.name == "matmul"}
    assert claims == {"fp8": 296, "bf16": 148}


def test_rules_are_hashed(outcome: harness.Outcome) -> None:
    rules = outcome.record.rules
    assert len(rules["sha256"]) == 64
    assert "regimes/us/us-3a090.toml" in rules["files"]
    assert [*rules["profiles"]] == [
        "devices/nvidia/nvidia-h20.toml", "models/llama-3.1-8b.toml", "emulation/times.toml"
    ]  # fmt: skip
    assert len(outcome.record.tool["package_sha256"]) == 64


def test_the_same_seed_gives_the_same_figures(tmp_path: Path, outcome: harness.Outcome) -> None:
    again = harness.run(request_for(tmp_path, workloads=(), formats=("fp8", "bf16")))
    assert [r.samples for r in again.record.benchmarks] == [r.samples for r in outcome.record.benchmarks]


def test_unwritable_folder_is_found_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(harness, "open_device", lambda *a, **k: pytest.fail("a device was opened"))
    with pytest.raises(FileError, match="choose another folder"):
        harness.run(request_for(tmp_path / "file" / "results"))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"device": "emulated:nvidia-h21"}, UsageError),
        ({"device": "gpu"}, UsageError),
        ({"models": ("llama",)}, UsageError),
        ({"workloads": ("sleep",)}, UsageError),
        ({"suite": "long"}, UsageError),
    ],
)
def test_bad_requests(tmp_path: Path, changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        harness.run(request_for(tmp_path, **changes))


def finished_row() -> NotMeasured:
    """A row that was finished before the run stopped."""
    return NotMeasured("matmul", "fp8", "for the test")


def stopping(error: BaseException) -> Any:
    """A workload that finishes one row and then stops."""

    def workload(device: object, plan: object) -> Iterator[Result | NotMeasured]:
        yield finished_row()
        raise error

    return workload


@pytest.mark.parametrize(
    ("error", "raised", "status"),
    [(KeyboardInterrupt(), Interrupted, "interrupted"), (DeviceError("it fell off the bus"), DeviceError, "failed")],
)
def test_what_was_finished_is_in_a_readable_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, raised: type[Exception], status: str
) -> None:
    monkeypatch.setitem(harness.WORKLOADS, "matmul", stopping(error))
    with pytest.raises(raised):
        harness.run(request_for(tmp_path))
    (path,) = tmp_path.rglob("*.json")
    record = read(path)
    assert record.run.status == status
    assert [r.reason for r in record.benchmarks] == ["for the test"]
    assert record.verdicts, "the claims are classified even when the measuring stopped"


def test_nothing_measured_is_told_apart_from_unsound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(harness.WORKLOADS, "matmul", lambda device, plan: iter([finished_row()]))
    record = harness.run(request_for(tmp_path)).record
    assert harness.nothing_measured(record)
    assert not harness.unsound(record)
    assert any(f.code == "not_measured" for f in record.findings)


def test_checkpoint_after_every_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def watching(text: str) -> None:
        (path,) = tmp_path.rglob("*.json")
        seen.append(len(json.loads(path.read_text())["benchmarks"]))

    record: Record = harness.run(request_for(tmp_path), watching).record
    assert seen == list(range(1, len(record.benchmarks) + 1))


def test_the_lab_suite_repeats_and_says_how_the_runs_differ(tmp_path: Path) -> None:
    found = harness.run(request_for(tmp_path, suite="lab", formats=("fp8", "bf16")))
    rows = [r for r in found.record.benchmarks if r.measured]
    assert {(r.format, r.window) for r in rows} >= {(f, w) for f in ("fp8", "bf16") for w in ("burst", "sustained")}
    assert all([x["process"] for x in r.repeats] == [1, 2, 3] for r in rows)
    assert all(r.uncertainty and "between_runs" in r.uncertainty for r in rows)


def test_a_watched_workload_is_measured_by_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Apart:
        def __init__(self, work: Any, silence_s: float, formats: Any) -> None:
            seen.append((work, silence_s))

        def rows(self, name: str, plan: Plan) -> Iterator[Row]:
            yield Row(name=name, format="fp32", measured=False, reason="no answer for 120 s: it hangs")

    monkeypatch.setattr(harness, "Watched", Apart)
    request = request_for(tmp_path, device="cpu", suite="lab", formats=("fp32",), watched=True)
    found = harness.run(request)
    assert seen == [(harness.Measure("cpu"), harness.SILENCE_S["lab"])] * 3
    assert [f.text for f in found.record.findings if f.code == "hang"] == [
        "matmul fp32: not measured: no answer for 120 s: it hangs"
    ]
    emulated = harness.run(request_for(tmp_path, watched=True))
    assert len(seen) == 3, "an emulated device does not hang"
    assert emulated.record.benchmarks[0].measured


def test_what_is_not_as_usual_on_the_machine_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmulatedDevice, "conditions", lambda _: (("other_tenant", "another process computes on it"),))
    found = harness.run(request_for(tmp_path))
    assert "emulated:nvidia-h20: another process computes on it" in [f.text for f in found.record.findings]


def test_two_runs_with_one_seed_give_equal_samples(tmp_path: Path) -> None:
    def samples(seed: int) -> list[list[float]]:
        asked = request_for(tmp_path, device="emulated:2xnvidia-h20:1", workloads=("matmul", "interconnect"), seed=seed)
        return [row.samples for row in harness.run(asked).record.benchmarks]

    assert samples(5) == samples(5) != samples(6)


def test_what_is_finished_is_told_as_emulated(tmp_path: Path) -> None:
    told: list[str] = []
    harness.run(request_for(tmp_path), told.append)
    assert told
    assert all(text.endswith("(emulated)") for text in told)
