"""Faults that can be switched on in an emulated device, so that the harness's own checks can be seen to find them.

A fault changes what the device does and nothing else: the harness is not told, but for the record's word
that one was switched on, and for a `hang`, which it watches for as for a real device's.
"""

import math
from dataclasses import dataclass

from greenzone.errors import UsageError, unknown

FAULTS = {
    "wrong-result": "an eighth of every result is twice what it should be",
    "dropped-launch": "kernels are not run, and return at once",
    "lost-device": "the device falls off the bus",
    "hang": "a call does not return",
    "throttle": "the cooling fails: the temperature passes the limit and the clock falls",
    "slow-sibling": "every call takes twice as long as on other devices of its kind",
    "contention": "something else runs on the device: three calls in ten take twice as long",
    "out-of-memory": "something else holds nearly all of the memory",
}
SLOW_SIBLING = 2.0
CONTENTION, CONTENDED_SHARE = 2.0, 0.3
LEFT_BYTES = 256 * 2**20  # when something else holds the memory: enough for small sizes


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by name, and the device's own time in seconds from which on it acts.

    >>> Fault.of("hang@2.5")
    Fault(name='hang', after_s=2.5)
    """

    name: str
    after_s: float = 0.0

    @classmethod
    def of(cls, text: str) -> "Fault":
        """A fault as NAME or NAME@SECONDS.

        Raises:
            UsageError: no such fault, or no such time.
        """
        name, at, seconds = text.partition("@")
        if name not in FAULTS:
            raise unknown("fault", name, FAULTS, f"allowed: {', '.join(FAULTS)}")
        try:
            after_s = float(seconds) if at else 0.0
        except ValueError:
            after_s = math.nan
        if not 0 <= after_s < math.inf:
            raise UsageError(f"--fault {text}: {seconds!r} is no time; write seconds from 0 on, as in {name}@2.5")
        return cls(name, after_s)

    def __str__(self) -> str:
        return f"{self.name}@{self.after_s:g}" if self.after_s else self.name
