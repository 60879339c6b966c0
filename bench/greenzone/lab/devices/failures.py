"""torch's errors as ours: one sentence, and the class that says what can be done."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from greenzone.errors import DeviceError, GreenzoneError, OutOfMemory


@contextmanager
def torch_errors(what: str) -> Iterator[None]:
    """Turn torch's errors into ours: memory that is not there, and anything else that failed.

    Raises:
        OutOfMemory: an allocation failed.
        DeviceError: the kernel could not be launched or failed.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(f"{what}: out of memory ({_first_line(error)})") from error
    except (RuntimeError, NotImplementedError, ValueError) as error:
        if isinstance(error, GreenzoneError):
            raise
        if "allocate memory" in str(error):
            raise OutOfMemory(f"{what}: out of memory ({_first_line(error)})") from error
        raise DeviceError(f"{what}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
