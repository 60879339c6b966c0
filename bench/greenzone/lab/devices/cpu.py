"""This machine's processor, measured for real through torch."""

import math
import os
import time as host_time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.formats import get_format
from greenzone.lab.call import Call, CallKernel
from greenzone.lab.devices import host
from greenzone.lab.devices.base import Kernel
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.kernels import build, rotation_sets
from greenzone.lab.devices.numerics import ONEDNN, has_onednn, native
from greenzone.lab.devices.ranks import RanksKernel
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.links import HOST_ITSELF, ONE_DEVICE, AllReduce, LinkOperator
from greenzone.lab.operators import Matmul, Operator
from greenzone.lab.peak import Peak
from greenzone.lab.results import Disturbance
from greenzone.lab.steps import ModelStep

_NO_PEAK = "the peak kernel runs on GPUs, through Triton; matmul is what is measured of a processor"
FORMATS = ("fp64", "fp32", "bf16", "fp16", "int8", "fp8")
_UNITS = 2  # vector pipes that multiply and add at the widest width: no x86 core has more
# One AMX tile instruction multiplies 16 x 16 x 64 bytes of inputs in 16 cycles (Intel, "Intel 64 and
# IA-32 Architectures Optimization Reference Manual", chapter on AMX): 2,048 int8 operations a cycle.
_AMX_OPERATIONS = {"amx_int8": ("int8", 2048.0), "amx_bf16": ("bf16", 1024.0), "amx_fp16": ("fp16", 1024.0)}
_CACHE_UNKNOWN = 64 * 2**20
_SHORT_CALL = 50e-6  # below this the clock's own 50 ns and Python's 1 us would be seen: loop inside
_GLOO = "gloo between two processes over this machine's loopback: the processor's own speed, no link's"
_CONTENTION = 0.9
_CONTENTION_FROM = 0.05  # seconds of wall time before the ratio means anything
# Involuntary switches a second and thread: 0.5 an iteration of some 20 ms on a quiet machine, 2.4 to 7 on
# one that is shared with a busy process.
_SWITCHES = 75.0


@dataclass(frozen=True, slots=True)
class HostClocks:
    """Where the time comes from; tests hand in their own."""

    wall: Callable[[], float] = host_time.perf_counter
    process: Callable[[], float] = host_time.process_time
    switches: Callable[[], int] = host.involuntary_switches


class CpuDevice:
    """The processor torch runs on, with all the threads torch takes, in one pool."""

    id = "cpu"
    emulated = False
    chosen_because: str | None = None

    def __init__(self, root: Path = host.ROOT, clocks: HostClocks | None = None) -> None:
        self._root = root
        self._clocks = clocks or HostClocks()
        self._threads = torch.get_num_threads()
        self._flags = host.processor_flags(root)
        self._clock = host.maximum_clock(root)
        self._cores = host.core_count(_allowed(), root) or self._threads
        self._worst_share, self._worst_switches = 1.0, 0.0
        self._paths: dict[tuple[str, bool, str | None], str | None] = {}

    @property
    def name(self) -> str:
        return host.processor_name(self._root)

    @property
    def last_level_cache_bytes(self) -> int:
        return host.last_level_cache_bytes(self._root) or _CACHE_UNKNOWN

    @property
    def memory_bytes(self) -> int:
        return host.memory_bytes(self._root)

    @property
    def free_bytes(self) -> int:
        return host.available_bytes(self._root)

    def formats(self) -> tuple[str, ...]:
        return FORMATS

    def variants(self, format: str) -> tuple[str | None, ...]:
        return (None, ONEDNN) if format == "fp32" and has_onednn() else (None,)

    def prepare(self, operator: Operator, seed: int) -> Kernel:
        if isinstance(operator, AllReduce):
            return RanksKernel(replace(operator, ranks=2), "gloo", seed, _GLOO)
        if isinstance(operator, LinkOperator):
            raise DeviceError(ONE_DEVICE if operator.between_devices else HOST_ITSELF)
        if isinstance(operator, Call):
            return CallKernel(operator)
        self._check_path(operator)
        sets = rotation_sets(operator, self.last_level_cache_bytes)
        needed, free = sets * operator.resident_bytes, self.free_bytes
        if free and needed > free:
            raise OutOfMemory(
                f"cpu: {operator.name} needs {needed / 1e9:.3g} GB of memory and {free / 1e9:.3g} GB are free"
            )
        return build(operator, native, torch.device("cpu"), seed, self.last_level_cache_bytes)

    def _check_path(self, operator: Operator) -> None:
        """Try a tiny product once for each format, layout and variant: some builds of torch lack the path."""
        if isinstance(operator, Peak):
            raise DeviceError(f"cpu: {_NO_PEAK}")
        if isinstance(operator, DecoderLayer | ModelStep):
            if operator.variant:
                raise DeviceError(f"cpu: {operator.variant} is a way to launch on CUDA devices alone")
            operator = Matmul(1, 1, 1, operator.format, transposed=True)  # what its products need
        if not isinstance(operator, Matmul):
            return
        key = (operator.format, operator.transposed, operator.variant)
        if key not in self._paths:
            self._paths[key] = self._missing_path(operator)
        if reason := self._paths[key]:
            raise DeviceError(reason)

    @staticmethod
    def _missing_path(operator: Matmul) -> str | None:
        tiny = Matmul(32, 32, 32, operator.format, operator.transposed, operator.variant)
        try:
            kernel = build(tiny, native, torch.device("cpu"), 0, cache_bytes=0)
            with torch_errors(f"cpu: no product in {operator.format}"):
                kernel.launch()
        except DeviceError as error:
            return str(error)
        return None

    def time(self, kernel: Kernel, count: int) -> list[float]:
        if isinstance(kernel, RanksKernel):
            return kernel.timed(count)
        with torch_errors(f"cpu: {kernel.operator.name}"):
            wall, process, switches = self._clocks.wall(), self._clocks.process(), self._clocks.switches()
            samples = [self._one(kernel, 1)]
            if 0 < samples[0] < _SHORT_CALL:
                inner = math.ceil(_SHORT_CALL / samples.pop())
                samples = [self._one(kernel, inner) for _ in range(count)]
            samples += [self._one(kernel, 1) for _ in range(count - len(samples))]
            switched = self._clocks.switches() - switches
            self._watch(self._clocks.wall() - wall, self._clocks.process() - process, switched)
        return samples

    def _one(self, kernel: Kernel, inner: int) -> float:
        clock = self._clocks.wall
        start = clock()
        for _ in range(inner):
            kernel.launch()
        return (clock() - start) / inner

    def _watch(self, wall: float, process: float, switches: int) -> None:
        """Keep the worst share of processor time, and the worst rate of switches, of a time worth judging."""
        if wall < _CONTENTION_FROM:
            return
        self._worst_share = min(self._worst_share, process / (wall * self._threads))
        self._worst_switches = max(self._worst_switches, switches / (wall * self._threads))

    def remarks(self) -> tuple[str, ...]:
        share, switches = self._worst_share, self._worst_switches
        self._worst_share, self._worst_switches = 1.0, 0.0
        found = []
        if share < _CONTENTION:
            found.append(f"got {share:.0%} of the processor time of its {self._threads} threads")
        if switches > _SWITCHES:
            found.append(f"was put off its processors {switches:.0f} times a second and thread")
        if not found:
            return ()
        words = f"contention: the process {' and '.join(found)}"
        return (Disturbance(f"{words}; something else was running, or the kernel does not use them all"),)

    def states(self) -> list[tuple[float, dict[str, Any]]]:
        return []

    def conditions(self) -> tuple[tuple[str, str], ...]:
        """One core, a battery, a governor that saves power."""
        found = []
        if self._threads == 1:
            text = "one thread: whatever else runs takes its time from the measurement"
            found.append(("one_core", text))
        if host.on_battery(self._root):
            text = "the machine runs on its battery, where clocks are held down; plug it in and run again"
            found.append(("on_battery", text))
        if (governor := host.governor(self._root)) == "powersave" and "intel_pstate" not in self._clock.source:
            text = f"the frequency governor is {governor}: clocks stay low; choose performance and run again"
            found.append(("governor", text))
        return tuple(found)

    def now(self) -> float:
        return self._clocks.wall()

    def idle(self, seconds: float) -> None:
        """A processor's limits are not those of an accelerator: nothing to wait for."""

    def synchronise(self) -> None:
        """Calls return when they are done."""

    def vector_bits(self) -> int | None:
        """The widest vector of an x86 processor; None elsewhere, where pipes differ in number."""
        for flag, bits in (("avx512f", 512), ("avx", 256), ("sse2", 128)):
            if flag in self._flags:
                return bits
        return None

    def ceiling_tops(self, format: str) -> float | None:
        per_clock = self._operations_per_clock(format)
        if per_clock is None or self._clock.mhz is None:
            return None
        return per_clock * self._cores * self._clock.mhz * 1e6 / 1e12

    def _operations_per_clock(self, format: str) -> float | None:
        """Of one core: two for each lane and pipe, or the matrix tiles' where they are wider."""
        bits = self.vector_bits()
        if bits is None:
            return None
        vector = 2 * _UNITS * bits / (8 * get_format(format).element_bytes)
        tiles = [
            rate for flag, (form, rate) in _AMX_OPERATIONS.items() if flag in self._flags and form == format
        ]
        return max([vector, *tiles])

    def ceiling_bandwidth_gb_s(self) -> float | None:
        return None  # the number and clock of the memory channels are not told to a user

    def describe(self) -> dict[str, Any]:
        bits = self.vector_bits()
        return {
            "id": self.id,
            "name": self.name,
            "kind": "cpu",
            "emulated": False,
            "chosen_because": self.chosen_because,
            "uuid": None,
            "driver": None,
            "memory_bytes": self.memory_bytes or None,
            "last_level_cache_bytes": self.last_level_cache_bytes,
            "units": self._cores,
            "clock_max_mhz": self._clock.mhz,
            "clock_max_source": self._clock.source,
            "vector_bits": bits,
            "ceiling": "widest vector x two units x cores x maximum clock"
            if bits and self._clock.mhz
            else f"not known: {self._clock.source if bits else 'no x86 vector width to count'}",
            "threads": self._threads,
            "capability": torch.backends.cpu.get_cpu_capability(),
            "torch": torch.__version__,
        }

    def telemetry(self) -> dict[str, Any] | None:
        return None


def _allowed() -> frozenset[int] | None:
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
