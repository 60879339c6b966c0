"""A record in the making belongs to one process: two that go on with the same one would write over each other."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from greenzone.errors import FileError

_PATIENCE_S = 0.5  # for one who is just letting go
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EROFS)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a record, or a roll, for this process alone; the system lets go of it when the process ends, however.

    A process that holds it already may ask again. What is in no folder is held by nobody, and a file system that
    knows no locks is written to without one.

    Raises:
        FileError: another process holds it, or it cannot be locked.
    """
    if not path.parent.is_dir():
        yield
        return
    from filelock import FileLock, Timeout  # takes as long to import as a verdict takes

    # Who may write the folder may hold what is in it. A lock that the system does not end by itself is none.
    name = path.with_name(f".{path.name}.lock")
    lock = FileLock(name, _PATIENCE_S, mode=0o666, is_singleton=True, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise FileError(f"{path}: another process is at work on it; wait until that ends, or stop it") from None
    except NotImplementedError:
        yield
        return
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            why = error.strerror or error
            raise FileError(f"{path}: cannot be locked ({why}); check the folder's rights") from None
        yield
        return
    try:
        yield
    finally:
        if lock.lock_counter == 1:  # who waits for a file that is gone takes the next one: the library looks
            with suppress(OSError):
                name.unlink(missing_ok=True)
        lock.release()
