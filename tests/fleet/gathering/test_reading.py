"""What arrives from folders: records checked, what cannot be used named, the rest kept."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from greenzone.errors import FileError, RecordError
from greenzone.fleet.gathering.figures import DeviceSummary, summary_of
from greenzone.fleet.gathering.reading import LeftOut, arrivals, read_record
from greenzone.records.store import read

Make = Callable[..., DeviceSummary]


@pytest.fixture
def folder(tmp_path: Path, emulated_record: Path) -> Path:
    """Three devices as `srun` leaves them, and what else lies about."""
    for place in ("gpu1-0", "gpu1-1", "gpu2-0"):
        (tmp_path / "all" / place / "dev").mkdir(parents=True)
        shutil.copy(emulated_record, tmp_path / "all" / place / "dev" / "r.json")
    (tmp_path / "all" / "notes.txt").write_text("no record")
    (tmp_path / "all" / "settings.json").write_text('{"schema": 1}')
    (tmp_path / "all" / ".hidden.json").write_text("{")
    return tmp_path / "all"


def split(found: Iterator[DeviceSummary | LeftOut]) -> tuple[list[DeviceSummary], list[LeftOut]]:
    all_of = list(found)
    return [x for x in all_of if isinstance(x, DeviceSummary)], [x for x in all_of if isinstance(x, LeftOut)]


def test_records_of_a_tree_arrive_with_their_places(folder: Path) -> None:
    devices, left_out = split(arrivals([folder]))
    assert [(d.place, d.node) for d in devices] == [
        ("gpu1-0/dev", "gpu1"), ("gpu1-1/dev", "gpu1"), ("gpu2-0/dev", "gpu2"),
    ]  # fmt: skip
    assert left_out == []


def test_a_record_is_what_the_store_reads(emulated_record: Path) -> None:
    assert read_record(emulated_record) == read(emulated_record)


def test_broken_ones_among_many_are_named_and_the_rest_kept(folder: Path, emulated_record: Path) -> None:
    text = emulated_record.read_text()
    data = json.loads(text)
    (folder / "gpu1-0" / "half.json").write_text(text[: len(text) // 2])
    data["run"]["status"] = "running"
    (folder / "gpu1-0" / "running.json").write_text(json.dumps(data))
    data["run"]["status"], data["benchmarks"][0]["rate_tops"] = "complete", {"median": 1}
    (folder / "gpu1-0" / "wrong.json").write_text(json.dumps(data))
    data["schema"] = "greenzone.record/99"
    (folder / "gpu2-0" / "newer.json").write_text(json.dumps(data))
    (folder / "gpu2-0" / "lines.jsonl").write_text('{"schema": "greenzone.device/1"}\nnonsense\n')
    devices, left_out = split(arrivals([folder]))
    assert len(devices) == 3
    why = {Path(x.where).name: x.why for x in left_out}
    assert set(why) == {"half.json", "running.json", "wrong.json", "newer.json", "lines.jsonl:1", "lines.jsonl:2"}
    assert "not valid JSON" in why["half.json"]
    assert "not complete (still running" in why["running.json"]
    assert "a broken record: benchmarks.0.rate_tops.low" in why["wrong.json"]
    assert "newer than this version reads" in why["newer.json"]
    assert all(x.grave for x in left_out)


def test_links_that_lead_in_a_circle_are_followed_once(folder: Path) -> None:
    (folder / "gpu1-0" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "gpu1-0" / "self.json").symlink_to(folder / "gpu1-0" / "self.json")
    (folder / "gpu1-0" / "gone.json").symlink_to(folder / "nowhere.json")
    devices, left_out = split(arrivals([folder]))
    assert len(devices) == 3
    assert {(Path(x.where).name, x.grave) for x in left_out} == {
        ("up", False), ("self.json", True), ("gone.json", True),
    }  # fmt: skip


def test_a_folder_behind_a_link_is_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "gpu1-0").symlink_to(folder / "gpu1-0", target_is_directory=True)
    devices, _ = split(arrivals([tmp_path / "linked"]))
    assert [d.place for d in devices] == ["gpu1-0/dev"]


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="not there"):
        list(arrivals([tmp_path / "none"]))
    assert list(arrivals([tmp_path])) == []


def test_processes_give_the_same_in_the_same_order(tmp_path: Path, emulated_record: Path) -> None:
    record = read(emulated_record)
    small = record.model_copy(update={"benchmarks": record.benchmarks[:2], "telemetry": []})
    text = small.model_dump_json(by_alias=True)
    for n in range(70):
        (tmp_path / f"d{n:02}").mkdir()
        (tmp_path / f"d{n:02}" / "r.json").write_text(text if n % 10 else text[:-9])
    alone, together = (list(arrivals([tmp_path], workers)) for workers in (1, 2))
    assert alone == together
    assert len([x for x in alone if isinstance(x, LeftOut)]) == 7
    assert alone[1] == summary_of(small, "d01")


def test_lines_and_records_give_the_same_devices(folder: Path, tmp_path: Path) -> None:
    devices, _ = split(arrivals([folder]))
    path = tmp_path / "fleet.jsonl"
    path.write_text("".join(d.line() for d in devices))
    assert split(arrivals([path])) == (devices, [])
    assert split(arrivals([path], but=path)) == ([], [])


def test_a_line_without_end_is_not_read_on(tmp_path: Path, device: Make) -> None:
    path = tmp_path / "fleet.jsonl"
    path.write_text(device(1).line() + "x" * (1 << 21) + "\n" + device(2).line())
    devices, left_out = split(arrivals([path]))
    assert (len(devices), len(left_out)) == (1, 1)
    assert "more than 1,048,576 bytes" in left_out[0].why


def test_a_record_of_too_many_values_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"schema": "greenzone.record/1", "x": [' + "[]," * 1_000_001 + "[]]}")
    with pytest.raises(RecordError, match="such a file holds at most"):
        read_record(path)
