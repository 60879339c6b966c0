"""Two that go on with one record at once would write over each other: the second is told so."""

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from greenzone.errors import FileError
from greenzone.records.held import held

HOLD = "import sys; from pathlib import Path; from greenzone.records.held import held\n"
HOLD += "with held(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"


def made(folder: Path) -> Path:
    path = folder / "a.json"
    path.write_text("{}")
    return path


def test_another_process_is_refused_until_the_first_lets_go_and_nothing_is_left(tmp_path: Path) -> None:
    path = made(tmp_path)
    for _ in range(2):
        with held(path), pytest.raises(FileError, match=r"a\.json: another process is at work on it"), held(path):
            pytest.fail("held twice")
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    path = made(tmp_path)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], **pipes) as other:  # type: ignore[call-overload]
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(FileError, match="another process"), held(path):
            pytest.fail("held twice")
        other.kill()
        other.wait()
    with held(path):
        assert path.read_text() == "{}"


def test_what_is_not_there_is_held_by_nobody(tmp_path: Path) -> None:
    with held(tmp_path / "folder" / "a.json"):
        assert list(tmp_path.iterdir()) == []


def test_a_folder_without_locks_is_written_to_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(FileLock, "acquire", refuses)
    with held(made(tmp_path)):
        assert len(list(tmp_path.iterdir())) == 1
