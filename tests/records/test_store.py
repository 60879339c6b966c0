"""Records on disk: whole or not at all, and read in every version known."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from greenzone.errors import FileError, RecordError
from greenzone.records import store
from greenzone.records.record import SCHEMA, Record


def record(**more: Any) -> Record:
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "run": {"id": "r1", "started_at": "2026-11-21T00:00:00Z"},
        "tool": {},
        "rules": {},
        "device": {"id": "x"},
        "environment": {},
        "settings": {},
        "benchmarks": [
            {
                "name": "matmul",
                "format": "bf16",
                "window": "burst",
                "emulated": True,
                "samples": [0.1, 0.2],
                "rate_tops": {"median": 141.2, "low": 140.6, "high": 141.9},
                "operations": 137438953472,
            }
        ],
    }
    return store.parse(data | more, "test")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "r1.json"
    first = record()
    first.find("limiter", "warning", "a limiter is suspected")
    store.write(first, path)
    assert store.read(path) == first
    assert json.loads(path.read_text())["schema"] == "greenzone.record/1"
    assert [p.name for p in path.parent.iterdir()] == ["r1.json"], "nothing else is left behind"


def test_the_document_has_the_keys_of_the_contract() -> None:
    assert set(record().to_json()) >= {
        "schema",
        "run",
        "tool",
        "rules",
        "device",
        "environment",
        "settings",
        "benchmarks",
        "telemetry",
        "evidence",
        "parameters",
        "verdicts",
        "findings",
    }


def test_what_a_later_version_adds_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    store.write(record(weather="fine"), path)
    assert store.read(path).to_json()["weather"] == "fine"


def test_a_finding_is_told_once() -> None:
    found = record()
    found.find("a", "info", "x")
    found.find("a", "info", "x")
    found.find("a", "info", "y")
    assert [f.text for f in found.findings] == ["x", "y"]


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.json"
    store.write(record(), path)
    before = path.read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left on device"):
        store.write(record(weather="bad"), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    store.write(record(), path)
    with path.open(encoding="utf-8") as reader:
        store.write(record(weather="new"), path)
        assert "weather" not in json.load(reader)
    assert store.read(path).to_json()["weather"] == "new"


def test_no_infinity_is_ever_written(tmp_path: Path) -> None:
    broken = record()
    broken.parameters["tpp"] = {"high": float("inf")}
    store.write(broken, tmp_path / "r.json")
    assert store.read(tmp_path / "r.json").parameters["tpp"] == {"high": None}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "no greenzone record"),
        ("{}", "no greenzone record"),
        ('{"schema": 1}', "no greenzone record"),
        ('{"schema": "other/1"}', "no greenzone record"),
        ('{"schema": "greenzone.record/2"}', "newer than this version reads .*update greenzone"),
        ('{"schema": "greenzone.record/1"}', "a broken record: run - "),
    ],
)
def test_what_is_no_record_is_said_so(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=words) as caught:
        store.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.exit_code == 1


def test_many_faults_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"schema": SCHEMA, "benchmarks": [{}] * 20}))
    with pytest.raises(RecordError, match=r"and \d+ more"):
        store.read(path)


def test_what_is_not_utf8_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(b'{"schema": "\xff"}')
    with pytest.raises(RecordError, match="not valid JSON"):
        store.read(path)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        store.read(tmp_path / "none.json")
    with pytest.raises(FileError, match="cannot be read"):
        store.read(tmp_path)


def test_a_file_too_large_for_a_record_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with path.open("wb") as stream:
        stream.truncate(500 << 20)  # sparse: it takes no space
    with pytest.raises(RecordError, match="500 MiB, and such a file holds at most 64 MiB; a record is"):
        store.read(path)


def test_a_newer_record_says_which_version_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"schema": "greenzone.record/2", "tool": {"version": "3.1"}}))
    with pytest.raises(RecordError, match=r"update greenzone to 3\.1 or later, which wrote it"):
        store.read(path)


def test_a_folder_is_every_record_in_it_and_below(tmp_path: Path) -> None:
    for name in ("b/r2.json", "a/r1.json", ".hidden.json"):
        store.write(record(), tmp_path / name)
    (tmp_path / "other.json").write_text('{"schema": "other/1"}')
    (tmp_path / "list.json").write_text("[]")
    assert [path.name for path, _ in store.read_all(tmp_path)] == ["r1.json", "r2.json"]
    assert [path.name for path, _ in store.read_all(tmp_path / "a" / "r1.json")] == ["r1.json"]
    (tmp_path / "b" / "r3.json").write_text("{")
    with pytest.raises(RecordError, match="not valid JSON"):
        store.read_all(tmp_path)


def test_a_folder_without_a_record_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no record; give a folder that `greenzone run -o` wrote to"):
        store.read_all(tmp_path)


def test_a_folder_that_cannot_be_written_is_found_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"cannot be written there .*choose another folder with -o"):
        store.require_writable(tmp_path / "file" / "results")
    store.require_writable(tmp_path / "new" / "results")
    assert list((tmp_path / "new" / "results").iterdir()) == []


def test_ids_sort_by_time_and_differ() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert store.new_id(early) < store.new_id(late)
    assert store.new_id(early) != store.new_id(early)
    assert store.new_id(early).startswith("20260101T000000Z-")


def test_a_path_holds_no_colon_and_stays_in_its_folder(tmp_path: Path) -> None:
    path = store.path_for(tmp_path, "emulated:nvidia-h20", "r1")
    assert path == tmp_path / "emulated-nvidia-h20" / "r1.json"
    assert store.path_for(tmp_path, "a/../b", "r1").parent.parent == tmp_path
