"""A CUDA device, timed with an event pair around each call and one wait at the end."""

import os
import time as host_time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import torch

from greenzone.errors import DeviceError
from greenzone.lab import ceilings
from greenzone.lab.call import Call, CallKernel
from greenzone.lab.devices.base import Kernel
from greenzone.lab.devices.cuda_driver import CudaDriver, TorchCuda, accumulates_in_16_bits, precision
from greenzone.lab.devices.cuda_graph import GraphKernel
from greenzone.lab.devices.cuda_links import CudaTransfer
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.kernels import build
from greenzone.lab.devices.layer import DecoderLayerKernel
from greenzone.lab.devices.numerics import FAST, MXFP8, Numerics, native
from greenzone.lab.devices.ranks import RanksKernel
from greenzone.lab.devices.sampler import Sampler
from greenzone.lab.devices.telemetry import Telemetry
from greenzone.lab.devices.telemetry_amd import AmdTelemetry
from greenzone.lab.devices.whole import ModelStepKernel
from greenzone.lab.layers import GRAPH
from greenzone.lab.links import ONE_DEVICE, AllLinks, AllReduce, LinkOperator
from greenzone.lab.operators import Matmul, Operator
from greenzone.lab.peak import Peak
from greenzone.lab.results import Check
from greenzone.parts.profile import DeviceProfile

# From these on, cuBLAS multiplies fp64 on the matrix units (NVIDIA, CUDA C++ Programming Guide,
# table of arithmetic throughput: 8.0, 9.0 and 10.x have them at full rate).
_FP64_TENSOR = ((8, 0), (9, 0), (10, 0), (10, 1), (10, 3))
_FP8_FROM = (8, 9)
_TF32_FROM = (8, 0)
_BF16_FROM = (8, 0)
_INT8_FROM = (7, 5)
# The matrix units of Turing, Ampere and Ada multiply int4; Hopper's and Blackwell's do not (NVIDIA, PTX ISA,
# "wgmma.mma_async" and "tcgen05.mma": no .s4). fp6 and fp4 came with Blackwell ("tcgen05.mma", "mma").
_INT4 = ((7, 5), (8, 9))
_FP4_FROM = (10, 0)
# Where the library's flag for fast accumulation has an effect (NVIDIA, cuBLAS documentation,
# CUBLASLT_MATMUL_DESC_FAST_ACCUM: "currently this flag has an effect on the following GPUs: Ada, Hopper").
_FAST_ACCUMULATION = ((8, 9), (9, 0))
_CDNA3 = (9, 4)  # HIP's number for it; its 8-bit floats have another bias


class CudaKernel:
    """A torch or Triton kernel that runs with the library settings of its format."""

    def __init__(self, inner: Kernel, format: str | None, device: "CudaDevice") -> None:
        self.inner, self._format, self._device = inner, format, device

    @property
    def operator(self) -> Operator:
        return self.inner.operator

    @property
    def variant(self) -> str | None:
        return self.inner.variant

    @property
    def note(self) -> str | None:
        return self.inner.note

    @contextmanager
    def settings(self) -> Iterator[None]:
        """The context in which the inner kernel is to be launched: the device, and the precision of the format."""
        with self._device.selected(), precision(self._format):
            yield

    def launch(self) -> None:
        with self.settings():
            self.inner.launch()

    def check(self) -> Check:
        with torch_errors(f"{self._device.id}: {self.operator.name}"), self.settings():
            return self.inner.check()

    def close(self) -> None:
        self.inner.close()
        self._device.release()


class CudaCall(CudaKernel):
    """A function of the user's own, which runs with the library settings that it finds."""

    @contextmanager
    def settings(self) -> Iterator[None]:
        with self._device.selected():
            yield


def _alone() -> str:
    """That there is one device, or that others are hidden from this process."""
    mask = os.environ.get("CUDA_VISIBLE_DEVICES")
    return f"{ONE_DEVICE} is visible (CUDA_VISIBLE_DEVICES is {mask!r:.60})" if mask else ONE_DEVICE



class CudaDevice:
    """One CUDA device.

    Raises:
        DeviceError: no CUDA in this torch, no usable driver, or no device of that number.
    """

    emulated = False
    chosen_because: str | None = None

    def __init__(
        self,
        index: int = 0,
        profile: DeviceProfile | None = None,
        driver: CudaDriver | None = None,
        nvml: Any | None = None,
        sleep: Callable[[float], None] = host_time.sleep,
    ) -> None:
        self.profile = profile
        self._driver = driver or TorchCuda()
        self._index, self._sleep = index, sleep
        if reason := self._driver.why_unusable():
            raise DeviceError(f"cuda:{index}: {reason}, or use --device cpu")
        if not 0 <= index < (count := self._driver.device_count()):
            here = f"this machine has 0..{count - 1}" if count else "this machine has none"
            raise DeviceError(f"cuda:{index}: no such device; {here}")
        self._properties = self._driver.properties(index)
        amd = self._driver.versions().get("hip") is not None
        self._telemetry: Telemetry | AmdTelemetry = (
            AmdTelemetry(index, self._properties.bus_id)
            if amd and nvml is None
            else Telemetry(index, self._properties.uuid, nvml)
        )
        self._limits = self._telemetry.limits()
        self._sampler = Sampler(self._telemetry.sample, host_time.perf_counter)
        self._remarks: list[str] = []
        self.named_like: tuple[str, ...] = ()

    def recognise(self, known: Iterable[DeviceProfile]) -> None:
        """Take the profile that claims this device's name; where several do, take none and say which."""
        found = match_profiles(self.name, self.capability, known)
        self.profile = found[0] if len(found) == 1 else None
        self.named_like = tuple(p.id for p in found) if len(found) > 1 else ()

    @property
    def id(self) -> str:
        return f"cuda:{self._index}"

    @property
    def name(self) -> str:
        return self._properties.name

    @property
    def capability(self) -> str:
        return ".".join(map(str, self._properties.capability))

    @property
    def last_level_cache_bytes(self) -> int:
        return self._properties.cache_bytes or 64 * 2**20

    @property
    def memory_bytes(self) -> int:
        return self._properties.memory_bytes

    @property
    def free_bytes(self) -> int:
        return self._driver.free_bytes(self._index)

    def formats(self) -> tuple[str, ...]:
        capability = self._properties.capability
        wide = "fp64_tensor" if capability in _FP64_TENSOR else "fp64"
        since = {
            "tf32": _TF32_FROM, "bf16": _BF16_FROM, "int8": _INT8_FROM, "fp8": _FP8_FROM, "fp8_acc16": _FP8_FROM,
            "fp6": _FP4_FROM, "fp4": _FP4_FROM, "int4": _INT4[0],
        }  # fmt: skip
        names = (wide, "fp32", "tf32", "fp16", "fp16_acc16", "bf16", "int8", "fp8", "fp8_acc16", "fp6", "fp4", "int4")
        return tuple(n for n in names if capability >= since.get(n, (0, 0)) and not self._dropped(n))

    def _dropped(self, format: str) -> bool:
        hip = bool(self._driver.versions().get("hip"))
        newer = self._properties.capability > _INT4[1]
        return (format == "int4" and newer) or (hip and format in ("int4", "fp8_acc16", "fp6", "fp4"))

    def variants(self, format: str) -> tuple[str | None, ...]:
        if format != "fp8":
            return (None,)
        capability = self._properties.capability
        if self._driver.versions().get("hip"):
            return ("e4m3fnuz",) if capability == _CDNA3 else ("e4m3", "e5m2 x e4m3")
        if capability in _FAST_ACCUMULATION:
            return (f"e4m3{FAST}", "e4m3", f"e5m2 x e4m3{FAST}", "e5m2 x e4m3")
        return ("e4m3", "e5m2 x e4m3", *((MXFP8,) if capability >= _FP4_FROM else ()))

    def prepare(self, operator: Operator, seed: int) -> Kernel:
        if isinstance(operator, LinkOperator):
            return self._link(operator, seed)
        if isinstance(operator, Call):
            return CudaCall(CallKernel(operator), operator.format, self)
        if isinstance(operator, (Matmul, Peak)) and operator.format not in self.formats():
            raise DeviceError(
                f"{self.id} ({self.name}, compute capability {self.capability}) has no {operator.format}"
            )
        if isinstance(operator, Matmul):
            operator = self._named(operator)
        device = self._driver.torch_device(self._index)
        with precision(operator.format):
            inner = self._build(operator, device, seed)
        return CudaKernel(inner, operator.format, self)

    def _link(self, operator: LinkOperator, seed: int) -> Kernel:
        count = self._driver.device_count()
        if operator.between_devices and count < 2:
            raise DeviceError(_alone())
        if isinstance(operator, AllReduce):
            return RanksKernel(replace(operator, ranks=count), "nccl", seed, f"NCCL over all {count} devices")
        if isinstance(operator, AllLinks):
            operator = replace(operator, peers=count - 1)
        return CudaTransfer(self._driver, self._index, operator, seed)

    def _build(self, operator: Operator, device: torch.device, seed: int) -> Kernel:
        if isinstance(operator, Peak):
            from greenzone.lab.devices.peak_triton import TritonPeak  # imports Triton where there is one

            return TritonPeak(operator, device, seed)
        kernel = build(operator, self._numerics, device, seed, self.last_level_cache_bytes)
        if isinstance(kernel, DecoderLayerKernel | ModelStepKernel) and kernel.operator.variant == GRAPH:
            with torch_errors(f"{self.id}: capturing {operator.name}"):
                return GraphKernel(kernel, self._driver, self._index)
        return kernel

    def _numerics(self, format: str, variant: str | None = None) -> Numerics:
        """As torch holds the format, in this device's usual variant where none is named."""
        return native(format, variant or self.variants(format)[0])

    def _named(self, product: Matmul) -> Matmul:
        """The product with its variant, if this torch can have it."""
        if product.format == "fp16_acc16" and not accumulates_in_16_bits():
            raise DeviceError("this torch has no switch for sums in fp16; it needs torch 2.7 or later with CUDA")
        return replace(product, variant=product.variant or self.variants(product.format)[0])

    def selected(self) -> AbstractContextManager[None]:
        """The context in which this is torch's current device: events and launches go to the current one's queue."""
        return self._driver.selected(self._index)

    def release(self) -> None:
        """Give freed memory back to the driver, so that the next operator finds it in one piece."""
        self._driver.release_cached()

    def time(self, kernel: Kernel, count: int) -> list[float]:
        if isinstance(kernel, RanksKernel):
            return kernel.timed(count)
        if isinstance(kernel, CudaTransfer):
            with torch_errors(f"{self.id}: {kernel.operator.name}"), self._sampler.running():
                return kernel.timed(count, self._remarks.append)
        if not isinstance(kernel, CudaKernel):
            raise DeviceError(f"{self.id} times kernels that it prepared itself")
        driver, index = self._driver, self._index
        pairs = [(driver.event(index), driver.event(index)) for _ in range(count)]
        with torch_errors(f"{self.id}: {kernel.operator.name}"), kernel.settings(), self._sampler.running():
            for start, end in pairs:
                start.record()
                kernel.inner.launch()
                end.record()
            driver.synchronise(index)
            return [start.elapsed_time(end) / 1e3 for start, end in pairs]

    def now(self) -> float:
        return host_time.perf_counter()

    def idle(self, seconds: float) -> None:
        self.synchronise()
        self._sleep(seconds)

    def synchronise(self) -> None:
        with torch_errors(self.id):
            self._driver.synchronise(self._index)

    def ceiling_tops(self, format: str) -> float | None:
        return ceilings.rate_tops(self.profile, {**self._limits, "units": self._properties.units}, format)

    def ceiling_bandwidth_gb_s(self) -> float | None:
        return ceilings.bandwidth_gb_s(self.profile, self._limits)

    def describe(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "kind": "cuda",
            "emulated": False,
            "chosen_because": self.chosen_because,
            "profile": self.profile.id if self.profile else None,
            "named_like": list(self.named_like),
            "uuid": self._properties.uuid,
            "driver": None,
            "capability": self.capability,
            "memory_bytes": self.memory_bytes,
            "memory_bandwidth_ceiling_gb_s": self.ceiling_bandwidth_gb_s(),
            "last_level_cache_bytes": self.last_level_cache_bytes,
            "units": self._properties.units,
            "telemetry": self._telemetry.reason or self._telemetry.source,
            **{key: value for key, value in self._limits.items() if value is not None},
            **self._driver.versions(),
        }

    def telemetry(self) -> dict[str, Any] | None:
        return self._telemetry.sample()

    def states(self) -> list[tuple[float, dict[str, Any]]]:
        return self._sampler.drain()

    def remarks(self) -> tuple[str, ...]:
        noticed, self._remarks = tuple(dict.fromkeys(self._remarks)), []
        return noticed

    def conditions(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._telemetry.conditions())


def match_profiles(
    name: str, capability: str | None, profiles: Iterable[DeviceProfile]
) -> list[DeviceProfile]:
    """The profiles whose `[match]` names this device: one, none, or several that a name does not tell apart."""
    return [
        p for p in profiles
        if p.match and name in p.match.names and p.match.compute_capability in (None, capability)
    ]  # fmt: skip


def cuda_devices(driver: CudaDriver | None = None) -> list[dict[str, Any]]:
    """One row for each CUDA device; none where CUDA cannot be used."""
    driver = driver or TorchCuda()
    found = [driver.properties(index) for index in range(driver.device_count())]
    return [
        {
            "id": f"cuda:{index}",
            "name": one.name,
            "kind": "cuda",
            "usable": True,
            "memory_bytes": one.memory_bytes,
            "capability": ".".join(map(str, one.capability)),
        }
        for index, one in enumerate(found)
    ]
