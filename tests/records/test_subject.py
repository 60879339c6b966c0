"""A part as a record keeps it: classified from the record alone, it is given the same verdicts."""

import json
from datetime import date
from typing import Any

import pytest

from greenzone.errors import RecordError
from greenzone.law.classification import classify
from greenzone.law.transaction import Transaction
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.catalogue import load_profile, profile_paths
from greenzone.parts.evidence import measured_rates
from greenzone.records.record import SCHEMA, Record
from greenzone.records.store import parse
from greenzone.records.subject import part_json, part_of_record

KNOWN = date(2026, 11, 21)
DAYS = [date(2022, 12, 1), date(2024, 1, 1), date(2026, 2, 1)]


def kept(part: Part, **device: Any) -> Record:
    evidence = classify(part, KNOWN, KNOWN).to_json()["evidence"]
    text = json.dumps(
        {
            "schema": SCHEMA,
            "run": {"id": "r", "started_at": "x"},
            "tool": {},
            "rules": {},
            "environment": {},
            "settings": {},
            "device": {"part": part_json(part), **device},
            "evidence": evidence,
        },
        allow_nan=False,
    )
    return parse(json.loads(text), "test")


def said(part: Part, on: date) -> list[dict[str, Any]]:
    return [v.to_json() for v in classify(part, on, KNOWN, Transaction.of("CN")).verdicts]


@pytest.mark.parametrize("ref", sorted(profile_paths()))
def test_a_part_and_its_record_are_given_the_same_verdicts(ref: str) -> None:
    part = part_of(load_profile(ref))
    again = part_of_record(kept(part))
    assert {n: v.interval for n, v in again.values.items()} == {n: v.interval for n, v in part.values.items()}
    for on in DAYS:
        assert said(again, on) == said(part, on)


@pytest.mark.parametrize(
    "settings",
    [
        ["tpp=4625.."],
        ["tpp=unknown"],
        ["tpp=< 4800"],
        ["tpp=2000"],
        ["performance_density=6", "tpp=2000"],
        ["io_bandwidth_gb_s=600", "io_limit=programmable"],
        ["tpp=> 4800"],
    ],
)
def test_what_is_set_over_a_record_is_as_over_its_profile(settings: list[str]) -> None:
    profile = part_of(load_profile("nvidia-a800-sxm-80gb"))
    part, again = with_set(profile, settings), with_set(part_of_record(kept(profile)), settings)
    for on in DAYS:
        assert said(again, on) == said(part, on)


def test_a_measurement_above_the_claim_is_kept() -> None:
    part = part_of(load_profile("nvidia-h20"), measured_rates([("fp8", 400.0)], "burst"))
    assert classify(part, DAYS[1], KNOWN).verdict("us-3a090").reason == "claim_exceeded"
    assert said(part_of_record(kept(part)), DAYS[1]) == said(part, DAYS[1])


def test_emulated_figures_stay_out_of_the_verdict() -> None:
    part = part_of(load_profile("nvidia-h20"), measured_rates([("fp8", 4000.0)], "burst", emulated=True))
    again = part_of_record(kept(part, emulated=True))
    assert again.emulated
    assert classify(again, DAYS[1], KNOWN).verdict("us-3a090").status == "not_caught"


def test_a_record_without_a_part_is_refused() -> None:
    record = kept(part_of(load_profile("nvidia-h20")))
    record.device.pop("part")
    with pytest.raises(RecordError, match="names no part"):
        part_of_record(record, "r.json")


@pytest.mark.parametrize(
    "change",
    [
        {"low": None},
        {"low": "x"},
        {"low": 5, "high": 4},
        {"governing": [1]},
        {"low": float("inf")},
        {"low": float("nan")},
    ],
)
def test_evidence_that_cannot_be_read_is_refused(change: dict[str, Any]) -> None:
    record = kept(part_of(load_profile("nvidia-h20")))
    record.evidence[0] |= change
    with pytest.raises(RecordError, match=r"r\.json: its evidence cannot be read"):
        part_of_record(record, "r.json")


@pytest.mark.parametrize("key", ["parameter", "basis", "low", "high", "working", "emulated"])
def test_evidence_that_lacks_a_key_is_refused(key: str) -> None:
    record = kept(part_of(load_profile("nvidia-h20")))
    del record.evidence[0][key]
    with pytest.raises(RecordError, match=key):
        part_of_record(record)
