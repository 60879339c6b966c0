"""Two that go on with one record at once would write over each other: the second is told so."""

import errno
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from filelock import FileLock

from greenzone.errors import FileError
from greenzone.records.held import held

Hold = Callable[[Path], AbstractContextManager[None]]
BUSY = r"a\.json: another process is at work on it"
HOLD = "import sys; from pathlib import Path; from greenzone.records.held import held\n"
HOLD += "with held(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"


def made(folder: Path) -> Path:
    path = folder / "a.json"
    path.write_text("{}")
    return path


def test_another_is_refused_until_the_first_lets_go_and_nothing_is_left(tmp_path: Path, held_elsewhere: Hold) -> None:
    path = made(tmp_path)
    for _ in range(2):
        with held_elsewhere(path), pytest.raises(FileError, match=BUSY), held(path):
            pytest.fail("held twice")
        with held(path):
            pass
    assert list(tmp_path.iterdir()) == [path]


def test_who_holds_it_may_ask_again_and_lets_go_at_the_end(tmp_path: Path) -> None:
    path = made(tmp_path)
    with held(path):
        with held(path):
            pass
        assert len(list(tmp_path.iterdir())) == 2, "let go too soon"
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    path = made(tmp_path)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], **pipes) as other:  # type: ignore[call-overload]
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(FileError, match=BUSY), held(path):
            pytest.fail("held twice")
        other.kill()
        other.wait()
    with held(path):
        assert path.read_text() == "{}"


def test_of_many_that_wait_for_it_one_has_it_at_a_time(tmp_path: Path) -> None:
    """Each takes the lock's file away as it lets go; who had opened that file must not think it holds anything."""
    path, inside, most = made(tmp_path), [0], [0]

    def work() -> None:
        for _ in range(30):
            try:
                with held(path):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    inside[0] -= 1
            except FileError:
                continue

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_what_is_in_no_folder_is_held_by_nobody(tmp_path: Path) -> None:
    with held(tmp_path / "folder" / "a.json"):
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [NotImplementedError("no flock"), OSError(errno.ENOLCK, "No locks available")])
def test_a_folder_without_locks_is_written_to_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuses)
    with held(made(tmp_path)):
        assert len(list(tmp_path.iterdir())) == 1


def test_a_lock_that_may_not_be_taken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", refuses)
    with pytest.raises(FileError, match=r"cannot be locked \(Permission denied\)"), held(made(tmp_path)):
        pytest.fail("held")
