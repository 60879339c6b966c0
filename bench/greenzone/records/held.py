"""A record in the making belongs to one process: two that go on with the same one would write over each other."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from greenzone.errors import FileError


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a record, or a roll, for this process alone; the system lets go of it when the process ends, however.

    What is not there is held by nobody, and a folder whose system knows no locks is written to without one.

    Raises:
        FileError: another process holds it.
    """
    if not path.exists():
        yield
        return
    from filelock import FileLock, Timeout  # takes as long to import as a verdict takes

    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FileError(f"{path}: another process is at work on it; wait until that ends, or stop it") from None
    except (OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
