"""What a device and a kernel promise to whoever measures them.

A device prepares operators into kernels and times them by its own clock: the processor's, CUDA
events, or an emulated one that nobody waits for. Nothing here imports torch.
"""

from typing import Any, Protocol, runtime_checkable

from greenzone.lab.operators import Operator
from greenzone.lab.results import Check


class Kernel(Protocol):
    """An operator that is ready to be launched on a device: inputs drawn, outputs allocated."""

    @property
    def operator(self) -> Operator: ...

    @property
    def variant(self) -> str | None:
        """What the format's name leaves open: "e4m3", "fast accumulate"."""

    @property
    def note(self) -> str | None:
        """What a reader of the figures must know about how it ran."""

    def launch(self) -> None:
        """Start one call. Operands rotate, so that no call finds its inputs in a cache."""

    def check(self) -> Check:
        """Poison the output, launch once, compare with a float64 reference.

        Every element must have been written; a NaN never passes.
        """

    def close(self) -> None:
        """Give the memory back; a second call does nothing."""


class Device(Protocol):
    """Something that runs operators."""

    chosen_because: str | None  # why `auto` took it

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def emulated(self) -> bool: ...

    @property
    def last_level_cache_bytes(self) -> int: ...

    @property
    def memory_bytes(self) -> int:
        """What the device has in all; 0 where that is not known."""

    @property
    def free_bytes(self) -> int:
        """What can still be allocated."""

    def formats(self) -> tuple[str, ...]:
        """Candidate number formats; a workload probes each once before it loops."""

    def variants(self, format: str) -> tuple[str | None, ...]:
        """The ways a product in that format may run, the usual one first; (None,) where there is one alone."""

    def prepare(self, operator: Operator, seed: int) -> Kernel:
        """Allocate and fill what the operator needs, with random normal data or what a product names.

        Raises:
            DeviceError: this device has no path for the operator or its format.
            OutOfMemory: it does not fit.
        """

    def time(self, kernel: Kernel, count: int) -> list[float]:
        """Seconds of each of `count` calls in a row, by the device's own clock.

        Raises:
            DeviceError: the kernel failed.
            OutOfMemory: it needed more memory than is left.
        """

    def now(self) -> float:
        """The device's clock, in seconds from an arbitrary start."""

    def idle(self, seconds: float) -> None:
        """Let it cool down, so that the next call is one from a cold start."""

    def synchronise(self) -> None:
        """Wait until everything launched has ended."""

    def ceiling_tops(self, format: str) -> float | None:
        """The rate in TOPS that no correct measurement exceeds; None where it is not known."""

    def ceiling_bandwidth_gb_s(self) -> float | None:
        """The memory bandwidth that no correct measurement exceeds; None where it is not known."""

    def describe(self) -> dict[str, Any]:
        """What a record keeps of the device, ready for JSON."""

    def telemetry(self) -> dict[str, Any] | None:
        """Clocks, power, temperature and throttle reasons now; None where there is no such source."""

    def states(self) -> list[tuple[float, dict[str, Any]]]:
        """The telemetry read while it timed, since this was last asked, each with the time by `now`.

        Where clocks are known a state has `clock_sm_mhz` and `clock_default_sm_mhz`.
        """

    def remarks(self) -> tuple[str, ...]:
        """What the device noticed while it timed, since this was last asked; a `Disturbance` asks for another try."""

    def conditions(self) -> tuple[tuple[str, str], ...]:
        """What of the machine's present state a reader of any figure must know: a code and a sentence each."""


@runtime_checkable
class Restartable(Protocol):
    """A device that can begin anew, as if it had just been opened: an emulated one."""

    def restart(self, name: str) -> None:
        """Begin anew for the part of a run that is so called."""

    def resumed(self) -> None:
        """A run goes on after its process ended."""
