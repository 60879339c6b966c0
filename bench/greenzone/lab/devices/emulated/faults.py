"""Faults that can be switched on in an emulated device, so that the harness's own checks can be seen to find them.

A fault changes what the device does and nothing else: the harness is not told, but for the record's word
that one was switched on, and for a `hang`, which it watches for as for a real device's.
"""

import math
import os
import signal
from dataclasses import dataclass

from greenzone.errors import UsageError, unknown

FAULTS = {
    "wrong-result": "an eighth of every result is twice what it should be",
    "dropped-launch": "kernels are not run, and return at once",
    "lost-device": "the device falls off the bus",
    "hang": "a call does not return",
    "throttle": "the cooling fails: the temperature passes the limit and the clock falls",
    "slow-sibling": "every call takes twice as long as on other devices of its kind, or slow-sibling:FACTOR times",
    "contention": "something else runs on the device: three calls in ten take twice as long",
    "out-of-memory": "something else holds nearly all of the memory",
    "killed": "the process that measures is killed, as by a driver's crash or for want of memory",
}
SLOW_SIBLING = 2.0  # where no factor is named
CONTENTION, CONTENDED_SHARE = 2.0, 0.3
LEFT_BYTES = 256 * 2**20  # when something else holds the memory: enough for small sizes


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by name, the device's own time in seconds from which on it acts, and how many times slower it makes.

    >>> Fault.of("hang@2.5")
    Fault(name='hang', after_s=2.5, factor=None)
    """

    name: str
    after_s: float = 0.0
    factor: float | None = None

    @classmethod
    def of(cls, text: str) -> "Fault":
        """A fault as NAME or NAME@SECONDS; slow-sibling may have a factor, slow-sibling:3@SECONDS.

        Raises:
            UsageError: no such fault, no such time, or no such factor.
        """
        named, at, seconds = text.partition("@")
        name, colon, factor = named.partition(":")
        if name not in FAULTS:
            raise unknown("fault", name, FAULTS, f"allowed: {', '.join(FAULTS)}")
        after_s = _number(seconds) if at else 0.0
        if not 0 <= after_s < math.inf:
            raise UsageError(f"--fault {text}: {seconds!r} is no time; write seconds from 0 on, as in {name}@2.5")
        if colon and (name != "slow-sibling" or not 1 <= _number(factor) < math.inf):
            raise UsageError(
                f"--fault {text}: {factor!r} is no factor; slow-sibling takes one from 1 on, as in slow-sibling:3"
            )
        return cls(name, after_s, _number(factor) if colon else None)

    @property
    def slower(self) -> float:
        """How many times as long a call of a slow sibling takes."""
        return SLOW_SIBLING if self.factor is None else self.factor

    def __str__(self) -> str:
        factor = "" if self.factor is None else f":{self.factor:g}"
        return f"{self.name}{factor}" + (f"@{self.after_s:g}" if self.after_s else "")


def _number(text: str) -> float:
    """NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def end_process() -> None:
    """End this process as the system would, with no word and nothing tidied up."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
