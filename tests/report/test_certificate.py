"""The certificate's page: whole, labelled, escaped, and in the words of the statements alone."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from greenzone.datafiles import build, load
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.certificate import Certificate
from greenzone.policy.certifying.examining import Examined, File
from greenzone.policy.certifying.method import load_method
from greenzone.policy.certifying.represented import Represented
from greenzone.policy.certifying.statements import EMULATED, NOT_SHOWN
from greenzone.records import store
from greenzone.report import certificate
from greenzone.report.certificate import page

from .test_html import Reader, words

NASTY = '<script>alert(1)</script>"\u202e'


@pytest.fixture
def lot(toml: Callable[..., Path]) -> Callable[..., Certificate]:
    """The certificate of so many units, each with one stream."""
    profile = load(DeviceProfile, toml('[memory]\nkind = "HBM3"\nbus_bits = 5120\npin_gbit_s = 5.2\n'))
    asked = {
        "schema": 1, "lot": "L1", "part": "acme-x1", "decision_rule": "simple", "decided_on": date(2026, 11, 20),
        "source": "s", "values": {"dram_bandwidth_gb_s": 3400},
    }  # fmt: skip

    def make(count: int = 2, emulated: bool = False, name: str = "GPU", **more: Any) -> Certificate:
        found: Represented = build(Represented, {**asked, "units": count, **more})
        records = tuple(_examined(f"{name}-{n}", emulated) for n in range(count))
        return Certificate(found, "f" * 64, profile, load_method(), records, date(2026, 11, 22))

    return make


def _examined(uuid: str, emulated: bool) -> Examined:
    row = {"name": "memory.read", "window": "burst", "validity": "valid",
           "bandwidth_gb_s": {"median": 3000.0, "low": 2990.0, "high": 3010.0}}  # fmt: skip
    document = {
        "schema": "greenzone.record/1", "tool": {}, "rules": {}, "environment": {}, "settings": {"suite": "lab"},
        "run": {"id": "r1", "started_at": "2026-11-21T00:00:00+00:00", "status": "complete"},
        "device": {"id": "cuda:0", "name": uuid, "uuid": uuid, "emulated": emulated}, "benchmarks": [row],
    }  # fmt: skip
    return Examined(File(f"{uuid}.json", "0" * 64, "not signed"), store.parse(document, "r"), (), (), (), ())


def test_the_page_holds_every_statement_and_what_is_not_shown(lot: Callable[..., Certificate]) -> None:
    found = lot()
    text = words(Reader(page(found)).text)
    assert found.statement in text
    for unit in found.to_json()["units"]:
        for quantity in unit["quantities"]:
            assert quantity["statement"] in text
        assert words(unit["peak_power"]["text"]) in text
    for line in NOT_SHOWN:
        assert words(line) in text
    assert found.method.sha256 in text
    assert "9.3 A certificate of emulated records" in text


def test_the_page_asks_nothing_of_any_network_and_every_tag_is_closed(lot: Callable[..., Certificate]) -> None:
    reader = Reader(page(lot()))
    assert reader.open == []
    assert [a for tag, a in reader.tags if "src" in a] == []
    assert {a["href"] for a in reader.all("a") if not str(a["href"]).startswith("#")} == set()
    assert {a["href"] for a in reader.all("link")} == {"data:,"}
    targets = {a["id"] for _, a in reader.tags if a.get("id")}
    assert {str(a["href"]).removeprefix("#") for a in reader.all("a")} <= targets


def test_every_section_of_an_emulated_lot_is_labelled_and_none_of_a_real_one(lot: Callable[..., Certificate]) -> None:
    emulated = page(lot(emulated=True))
    assert EMULATED in emulated
    headed = re.findall(r"<h2 id=[^>]*>(.*?)</h2>", emulated)
    plain = ("What this does not show", "Authorised for the laboratory by", "Method")
    assert [h for h in headed if "EMULATED</span>" not in h] == list(plain)
    assert '@bottom-center { content: "EMULATED: no evidence' in emulated, "on every printed page"
    real = page(lot())
    assert "EMULATED" not in real
    assert 'class="emulated"' not in real


def test_nothing_of_a_record_or_a_represented_file_is_markup(lot: Callable[..., Certificate]) -> None:
    found = page(lot(name=NASTY, lot=NASTY, applicant=NASTY, source=NASTY, laboratory={"name": NASTY, "address": "a"}))
    assert "<script>alert" not in found
    assert "\u202e" not in found
    assert "&lt;script&gt;alert(1)" in found


def test_a_large_lot_is_told_in_part_and_says_so(
    lot: Callable[..., Certificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate, "DETAILED", 2)
    monkeypatch.setattr(certificate, "MOST_LINES", 2)
    text = words(Reader(page(lot(5))).text)
    assert "3 more units are told in the JSON certificate" in text
    assert re.search(r"And \d+ more; the JSON certificate has each", text)
    assert "GPU-4" in text


def test_a_lot_without_a_record_that_holds_is_still_a_page(lot: Callable[..., Certificate]) -> None:
    found = lot()
    none = replace(found, examined=tuple(replace(e, faults=("changed",)) for e in found.examined))
    text = words(Reader(page(none)).text)
    assert "No unit has a record that holds." in text
    assert "set aside: changed" in text


def test_the_laboratory_stands_as_it_declares_itself(lot: Callable[..., Certificate]) -> None:
    lab = {"name": "Lab", "address": "US", "headquarters": "US", "tested_in": "US", "declarations": ["no stake"]}
    text = words(Reader(page(lot(laboratory=lab))).text)
    assert "As the laboratory declares, not checked here headquarters US; tested in US; no stake" in text
    assert "Laboratory not stated" in words(Reader(page(lot())).text)
