"""`greenzone classify`: the document of the contract, tables, and every way to name a part."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from greenzone.law.classification import classify
from greenzone.parts.capability import part_of
from greenzone.parts.catalogue import load_profile
from greenzone.records.subject import part_json

Invoke = Callable[..., Result]
ASKED = ("--on", "2023-11-17", "--known-on", "2026-11-21", "--to", "CN")
DOCUMENT = {"schema", "device", "on", "known_on", "transaction", "parameters", "evidence", "verdicts"}
VERDICT = {
    "regime",
    "effect",
    "version",
    "rule_status",
    "status",
    "reason",
    "caught_by",
    "possible",
    "excluded_by",
    "missing",
    "break_evens",
    "clauses",
    "outcome",
    "citations",
    "confidence",
    "notes",
}


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_the_document_has_the_keys_and_values_of_the_contract(invoke: Invoke) -> None:
    found = document(invoke("classify", "nvidia-h20", *ASKED, "--json"))
    assert set(found) >= DOCUMENT
    assert found["schema"] == "greenzone.classification/1"
    assert found["device"].items() >= {"id": "nvidia-h20", "name": "NVIDIA H20", "item": "integrated_circuit"}.items()
    assert (found["on"], found["known_on"]) == ("2023-11-17", "2026-11-21")
    assert found["transaction"] == {"to": "CN", "kind": "export", "from": "US", "headquarters": None}
    tpp = {"low": 2368.0, "high": 2368.0, "unit": "TOPS x bit", "basis": "claimed", "working": "fp8 296 x 8"}
    assert found["parameters"]["tpp"].items() >= tpp.items()
    (claim,) = [e for e in found["evidence"] if e["parameter"] == "tpp" and e["basis"] == "claimed"]
    wanted = {"low": 2368.0, "high": 2368.0, "working": "fp8 296 x 8", "emulated": False}
    assert claim.items() >= wanted.items()
    assert claim["source"]


def test_a_verdict_has_the_keys_and_values_of_the_contract(invoke: Invoke) -> None:
    found = document(invoke("classify", "nvidia-h20", *ASKED, "--json"))
    (verdict,) = [v for v in found["verdicts"] if v["regime"] == "us-3a090"]
    assert set(verdict) >= VERDICT
    plain: dict[str, Any] = {
        "effect": "control",
        "version": "2023-11-17",
        "rule_status": "in_force",
        "status": "not_caught",
        "reason": None,
        "caught_by": [],
        "possible": [],
        "excluded_by": [],
        "missing": [],
        "break_evens": [],
        "confidence": "official",
    }
    assert verdict.items() >= plain.items()
    clause = verdict["clauses"][0]
    assert (clause["id"], clause["truth"]) == ("3A090.a.1", "false")
    (condition,) = clause["conditions"]
    margin = condition.pop("margin")
    assert condition == {"parameter": "tpp", "range": ">= 4800", "low": 2368.0, "high": 2368.0}
    assert margin == pytest.approx(-0.507, abs=5e-4)
    outcome: dict[str, Any] = {
        "licence": "not_required",
        "review": None,
        "exceptions": [],
        "tariff": None,
        "missing": [],
        "conditions": [],
    }
    assert verdict["outcome"].items() >= outcome.items()
    assert verdict["citations"][0].items() >= {"cite": "88 FR 73458", "confidence": "quoted"}.items()
    assert all(set(n) == {"code", "text"} for n in verdict["notes"])


def test_an_unbounded_end_is_null(invoke: Invoke) -> None:
    found = document(invoke("classify", "--set", "tpp=4625..", "--on", "2024-01-01", "--regime", "us-3a090", "--json"))
    assert found["parameters"]["tpp"].items() >= {"low": 4625.0, "high": None, "basis": "set"}.items()
    condition = found["verdicts"][0]["clauses"][0]["conditions"][0]
    assert (condition["low"], condition["high"], condition["margin"]) == (4625.0, None, None)


def test_a_break_even_has_the_keys_of_the_contract(invoke: Invoke) -> None:
    found = document(
        invoke(
            "classify",
            "--set",
            "tpp=2000",
            "--set",
            "datacenter=true",
            "--on",
            "2024-01-01",
            "--regime",
            "us-3a090",
            "--json",
        )
    )
    assert found["verdicts"][0]["break_evens"][0] == {
        "parameter": "applicable_die_area_mm2",
        "range": "<= 337.837838",
        "status": "caught",
        "clause": "3A090.a.2",
    }
    assert found["device"]["id"] is None


def test_several_parts_make_an_array_and_one_an_object(invoke: Invoke) -> None:
    several = document(invoke("classify", "nvidia-h20", "nvidia-l4", *ASKED, "--json"))
    assert [d["device"]["id"] for d in several] == ["nvidia-h20", "nvidia-l4"]
    assert several[0] == document(invoke("classify", "nvidia-h20", *ASKED, "--json"))


def test_every_control_eligibility_and_tariff_is_asked_by_default(invoke: Invoke) -> None:
    regimes = [v["regime"] for v in document(invoke("classify", "nvidia-h20", *ASKED, "--json"))["verdicts"]]
    assert {"us-3a090", "us-letters-2025", "us-china-review-2026"} <= set(regimes)
    one = document(invoke("classify", "nvidia-h20", *ASKED, "--regime", "us-3a090", "--json"))
    assert [v["regime"] for v in one["verdicts"]] == ["us-3a090"]


@pytest.mark.parametrize("status", ["caught", "not_caught", "undecided"])
def test_the_exit_is_zero_whatever_the_verdict(invoke: Invoke, status: str) -> None:
    tpp = {"caught": "5000", "not_caught": "1000", "undecided": "2000"}[status]
    found = invoke("classify", "--set", f"tpp={tpp}", "--set", "datacenter=true", "--on", "2024-01-01", "--json")
    assert document(found)["verdicts"][0]["status"] == status


def test_the_transaction_is_said_back(invoke: Invoke) -> None:
    found = document(
        invoke(
            "classify",
            "nvidia-h200-sxm",
            "--on",
            "2026-02-01",
            "--to",
            "hk",
            "--from",
            "SG",
            "--kind",
            "reexport",
            "--headquarters",
            "MO",
            "--json",
        )
    )
    assert found["transaction"] == {"to": "CN", "kind": "reexport", "from": "SG", "headquarters": "MO"}


def test_csv_is_a_row_for_each_part_and_regime(invoke: Invoke) -> None:
    done = invoke("classify", "nvidia-h20", "nvidia-l4", *ASKED, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    found = {(r["device"], r["regime"]): r["status"] for r in rows}
    assert found["nvidia-h20", "us-3a090"] == "not_caught"
    assert found["nvidia-l4", "us-3a090"] == "caught"
    assert len(rows) == len(found)


def test_markdown_is_a_table(invoke: Invoke) -> None:
    lines = invoke("classify", "nvidia-l4", *ASKED, "--format", "markdown").stdout.splitlines()
    assert lines[0].startswith("| device | on |")
    assert set(lines[1]) <= set("| -")
    assert any("nvidia-l4" in line and "3A090.a.2" in line for line in lines[2:])
    assert len({line.count(" | ") for line in lines[2:]}) == 1


def test_the_report_says_clause_margin_citation_and_what_it_does_not_prove(invoke: Invoke) -> None:
    words = " ".join(invoke("classify", "nvidia-l4", *ASKED).stdout.split())
    for text in ("caught by 3A090.a.2 as of 2023-11-17", "88 FR 73458", "legal advice", "does not prove", "1936"):
        assert text in words
    clear = " ".join(invoke("classify", "nvidia-h20", *ASKED).stdout.split())
    assert "not caught by the modelled clauses as of 2023-11-17, on the basis of" in clear
    for word in ("compliant", "exportable", "legally permitted"):
        assert word not in clear.lower()


def test_a_file_of_ones_own_and_a_folder_of_them(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "acme-x1.toml"
    path.write_text('schema = 1\nid = "acme-x1"\nname = "X"\ndatacenter = true\n[peak_tops]\nint8 = 600\n')
    by_path = document(invoke("classify", path, "--on", "2024-01-01", "--json"))
    by_id = document(invoke("classify", "acme-x1", "--profiles", tmp_path, "--on", "2024-01-01", "--json"))
    assert by_path == by_id
    assert by_path["verdicts"][0]["caught_by"] == ["3A090.a.1"]


def test_a_record_is_classified_from_itself(invoke: Invoke, tmp_path: Path) -> None:
    part = part_of(load_profile("nvidia-h20"))
    evidence = classify(part, date(2024, 1, 1), date(2024, 1, 1)).to_json()["evidence"]
    data = {
        "schema": "greenzone.record/1",
        "run": {"id": "r", "started_at": "x"},
        "tool": {},
        "rules": {},
        "environment": {},
        "settings": {},
        "device": {"part": part_json(part)},
        "evidence": evidence,
    }
    path = tmp_path / "r.json"
    path.write_text(json.dumps(data))
    found = document(invoke("classify", path, *ASKED, "--json"))
    assert found == document(invoke("classify", "nvidia-h20", *ASKED, "--json"))


REGIME = """schema = 1
id = "my-rule"
title = "T"
authority = "A"
effect = "control"
reviewed_on = 2026-01-01
[[version]]
published = 2024-01-01
effective = 2024-01-01
status = "in_force"
citation = [{ cite = "C", title = "T", url = "https://x.org", quote = "q", confidence = "official" }]
clause = [{ id = "c", paragraph = "p", when = { tpp = ">= 2000" } }]
"""


def test_a_regime_of_ones_own_is_evaluated_too(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "my-rule.toml"
    path.write_text(REGIME)
    found = document(
        invoke("classify", "nvidia-h20", "--on", "2024-06-01", "--regime-file", path, "--regime", "us-3a090", "--json")
    )
    assert {v["regime"]: v["status"] for v in found["verdicts"]} == {"us-3a090": "not_caught", "my-rule": "caught"}


def test_the_day_is_today_and_said(invoke: Invoke) -> None:
    found = document(invoke("classify", "nvidia-h20", "--json"))
    assert found["on"] == found["known_on"]
    assert found["on"] > "2026-01-01"
