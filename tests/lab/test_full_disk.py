"""A disk that fills: a run ends with what fits, says so, and goes on once there is room. Runs keep to themselves."""

import errno
import os
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from greenzone.errors import FileError
from greenzone.lab.harness import Request, resume, run
from greenzone.records import store
from greenzone.records.record import Record, Row
from greenzone.records.store import read

ASKED: dict[str, Any] = {"device": "emulated:nvidia-h20", "formats": ("fp8",), "workloads": ("matmul",)}
CALL = ("run", "--device", "emulated:nvidia-h20", "--workload", "matmul", "--dtype", "fp8", "-o", "out")
WRITES = 5  # of this run: begun, two rows, the workload's end, the verdicts


class Disk:
    """Room for so many writes; each after them fails as a full disk does."""

    def __init__(self, writes: int) -> None:
        self.left = writes
        self._fsync = os.fsync

    def fsync(self, descriptor: int) -> None:
        if not self.left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.left -= 1
        self._fsync(descriptor)


def figures(record: Record) -> list[Any]:
    return [(row.name, row.format, row.window, row.samples, row.validity) for row in record.benchmarks]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return run(Request(folder=tmp_path_factory.mktemp("unbroken"), **ASKED)).record


def test_as_many_writes_as_are_tried_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(100)
    monkeypatch.setattr(store.os, "fsync", disk.fsync)
    run(Request(folder=tmp_path, **ASKED))
    assert 100 - disk.left == WRITES


@pytest.mark.parametrize("writes", range(WRITES))
def test_a_run_on_a_disk_that_fills_keeps_what_fits_and_goes_on(
    writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbroken: Record
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(store.os, "fsync", Disk(writes).fsync)
        with pytest.raises(FileError, match="No space left on device") as told:
            run(Request(folder=tmp_path, **ASKED))
    assert list(tmp_path.rglob(".*")) == [], "nothing half written is left"
    found = list(tmp_path.rglob("*.json"))
    assert len(found) == min(writes, 1)
    for path in found:
        assert f"go on with `greenzone run --resume {path}`" in str(told.value)
        assert read(path).run.status == "running"
        assert figures(resume(path).record) == figures(unbroken)


def test_a_limit_on_file_size_is_told_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Callable[..., Result]
) -> None:
    """The system itself refuses here (EFBIG), as it does where a quota is used up."""
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        done = invoke(*CALL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert done.exit_code == 1
    assert "File too large" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    (path,) = Path("out").rglob("*.json")
    again = invoke("run", "--resume", path)
    assert again.exit_code == 0, again.output
    assert read(path).run.status == "complete"


def test_runs_in_one_folder_do_not_touch_each_others_files(tmp_path: Path, unbroken: Record) -> None:
    def one(seed: int) -> Path:
        return run(Request(folder=tmp_path, seed=seed, **ASKED)).path

    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(one, (0, 1, 0, 1)))
    assert sorted(tmp_path.rglob("*.*")) == sorted(paths), "four records and nothing else"
    assert len(set(paths)) == 4
    records = [read(path) for path in paths]
    assert {record.run.status for record in records} == {"complete"}
    assert figures(records[0]) == figures(records[2]) == figures(unbroken)
    assert figures(records[1]) == figures(records[3]) != figures(unbroken)


def test_no_more_is_written_than_can_be_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_SAMPLES", 10)
    record = run(Request(folder=tmp_path, **ASKED)).record
    assert [row.measured for row in record.benchmarks] == [False, False]
    assert "the record is full" in str(record.benchmarks[0].reason)
    assert store.has_room(record, Row(name="matmul", samples=[1e-3] * 10))
    assert not store.has_room(record, Row(name="matmul", samples=[1e-3] * 11))
