"""The register peak as a Triton kernel: one `tl.dot` in a long loop, for any part Triton compiles for.

The tiles are read once, into shared memory or registers; the loop holds matrix instructions and no
access to global memory, which a test sees in the code compiled for sm_80, sm_90, sm_100 and gfx942.
Nothing can be taken out of the loop: each product is added, inside the matrix unit, to the sum of
the one before. Triton comes with torch's CUDA and ROCm builds; without it this module still imports.
"""

import subprocess
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices.checking import poison
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.peak_tiles import check_peak, tiles
from greenzone.lab.peak import Peak
from greenzone.lab.results import Check

try:
    import triton
    import triton.language as tl
except ImportError:
    triton, tl = None, SimpleNamespace(constexpr=object)  # which the kernel's signature needs

MISSING = "the peak kernel needs Triton, which comes with the CUDA and ROCm builds of torch for Linux; install one"


def multiply(  # type: ignore[no-untyped-def]  # Triton's own language, compiled and never called
    first, second, out, repeats,
    M: tl.constexpr, N: tl.constexpr, K: tl.constexpr,  # noqa: N803
    SUM: tl.constexpr, PRECISION: tl.constexpr, SCALED: tl.constexpr,  # noqa: N803
):  # fmt: skip
    """Both tiles are stored with their depth as the last axis; scaled ones are e2m1, two in a byte."""
    rows = tl.arange(0, M)
    columns = tl.arange(0, N)
    STORED: tl.constexpr = K // 2 if SCALED else K  # noqa: N806
    depth = tl.arange(0, STORED)
    a = tl.load(first + rows[:, None] * STORED + depth[None, :])
    b = tl.load(second + columns[None, :] * STORED + depth[:, None])
    total = tl.zeros((M, N), SUM)
    if SCALED:
        one_a = tl.full((M, K // 32), 127, tl.uint8)  # e8m0: 2^(127 - 127), for each 32 elements
        one_b = tl.full((N, K // 32), 127, tl.uint8)
        for _ in range(repeats):
            total = tl.dot_scaled(a, one_a, "e2m1", b, one_b, "e2m1", total)
    else:
        for _ in range(repeats):
            total = tl.dot(a, b, total, input_precision=PRECISION, out_dtype=SUM)
    row = tl.program_id(0) % M
    line = tl.sum(tl.where(rows[:, None] == row, total, 0), 0)
    tl.store(out + tl.program_id(0) * N + columns, line)


kernel: Any = triton.jit(multiply) if triton else None


@dataclass(frozen=True, slots=True)
class Target:
    """What Triton compiles for: ("cuda", "90"), ("hip", "gfx942"), or ("interpreter", "")."""

    backend: str
    arch: str

    @property
    def capability(self) -> int:
        """Of an NVIDIA part, ten times its number; the interpreter does what any part does."""
        return int(self.arch) if self.backend == "cuda" else 999


@dataclass(frozen=True, slots=True)
class Types:
    """How a format is stored, in what it is summed, and how `tl.dot` is told."""

    storage: torch.dtype
    result: torch.dtype = torch.float32
    precision: str = "ieee"
    scaled: bool = False


_FP64 = Types(torch.float64, torch.float64)
_TYPES = {
    "fp64": _FP64,
    "fp64_tensor": _FP64,
    "fp32": Types(torch.float32),
    "tf32": Types(torch.float32, precision="tf32"),
    "fp16": Types(torch.float16),
    "fp16_acc16": Types(torch.float16, torch.float16),
    "bf16": Types(torch.bfloat16),
    "int8": Types(torch.int8, torch.int32),
    "fp4": Types(torch.uint8, scaled=True),
}
_FP8 = {"e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2}
# gfx94x has its own 8-bit floats, with another bias and no negative zero; the common ones would be
# widened to fp16 there (AMD, "AMD Instinct MI300 Instruction Set Architecture", 2025).
_FP8_MI300 = {"e4m3": torch.float8_e4m3fnuz, "e5m2": torch.float8_e5m2fnuz}
# First compute capability whose matrix units have the format: below it Triton would convert to a
# wider one, which is another rate (NVIDIA, "PTX ISA", mma and tcgen05.mma).
_CUDA_SINCE = {"fp8": 89, "fp4": 100}
_CUDA_LEAST = 80
_HIP_ONLY = {"tf32": ("gfx94",), "fp8": ("gfx94", "gfx95", "gfx12"), "fp4": ("gfx95",), "fp16_acc16": ()}


def types_of(operator: Peak, target: Target) -> Types:
    """How the target multiplies the operator's format.

    Raises:
        DeviceError: its matrix units have no such format, or Triton has none.
    """
    form = operator.format
    if form not in (*_TYPES, "fp8"):
        raise DeviceError(f"Triton has no dense product in {form}; it has {', '.join((*_TYPES, 'fp8'))}")
    if target.backend == "hip" and not target.arch.startswith(_HIP_ONLY.get(form, ("gfx",))):
        raise DeviceError(f"the matrix units of {target.arch} have no {form}; Triton would widen it")
    if target.capability < (since := _CUDA_SINCE.get(form, _CUDA_LEAST)):
        have = f"from compute capability {since / 10:.1f} on; this part has {target.capability / 10:.1f}"
        raise DeviceError(f"Triton multiplies {form} on matrix units {have}")
    if form != "fp8":
        return _TYPES[form]
    return Types((_FP8_MI300 if target.arch.startswith("gfx94") else _FP8)[operator.variant or "e4m3"])


def target_of(device: torch.device) -> Target:
    """What Triton would compile for on a device; its interpreter on the processor."""
    if device.type != "cuda":
        return Target("interpreter", "")
    with torch.cuda.device(device):
        found = triton.runtime.driver.active.get_current_target()
    return Target(str(found.backend), str(found.arch))


class TritonPeak:
    """The kernel compiled for one device, tiles in its memory.

    Raises:
        DeviceError: no Triton, no such format on the device, or it cannot be compiled or launched.
        OutOfMemory: the tile is too large for the registers or the shared memory.
    """

    note: str | None = "operands are integers from 1 to 3, either sign: every sum is exact, and few bits toggle"

    def __init__(self, operator: Peak, device: torch.device, seed: int, target: Target | None = None) -> None:
        if triton is None:
            raise DeviceError(MISSING)
        self.operator, self._seed, self._device = operator, seed, device
        self._types = types_of(operator, target or target_of(device))
        self.variant = "mx e2m1" if self._types.scaled else operator.variant
        self._a, self._b = stored(operator, self._types, seed, device)
        shape = (operator.programs, operator.n)
        self._out = torch.empty(shape, dtype=self._types.result, device=device)
        self._compile()

    def _compile(self) -> None:
        what = f"peak in {self.operator.format}, tile {self.operator.tile}"
        try:
            with torch_errors(what):
                self.launch()
        except triton.runtime.errors.OutOfResources as error:
            raise OutOfMemory(f"{what}: {_first_line(error)}") from error
        except (triton.TritonError, OSError, subprocess.SubprocessError) as error:
            raise DeviceError(f"{what}: {_first_line(error)}") from error

    def launch(self) -> None:
        with self._current():
            kernel[(self.operator.programs,)](
                self._a, self._b, self._out, self.operator.repeats,
                **constants(self.operator, self._types), num_warps=self.operator.warps, enable_fp_fusion=True,
            )  # fmt: skip

    def _current(self) -> AbstractContextManager[Any]:
        """Triton launches on the current device, which need not be this one."""
        return torch.cuda.device(self._device) if self._device.type == "cuda" else nullcontext()

    @torch_errors("check of the peak")
    def check(self) -> Check:
        poison(self._out)
        self.launch()
        return check_peak(self.operator, self._seed, self._out)

    def close(self) -> None:
        """Give the tiles back."""
        self._a = self._b = self._out = torch.empty(0)


def constants(operator: Peak, types: Types) -> dict[str, Any]:
    """What the kernel is compiled with."""
    sums = {
        torch.float64: tl.float64, torch.float32: tl.float32, torch.float16: tl.float16, torch.int32: tl.int32,
    }  # fmt: skip
    return {
        "M": operator.m, "N": operator.n, "K": operator.k,
        "SUM": sums[types.result], "PRECISION": types.precision, "SCALED": types.scaled,
    }  # fmt: skip


def stored(operator: Peak, types: Types, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Both tiles as the kernel reads them, (m, k) and (n, k), in the format's own type."""
    a, b = tiles(operator, seed)
    if types.scaled:
        return _packed(a).to(device), _packed(b.t()).to(device)
    return a.to(types.storage).to(device), b.t().contiguous().to(types.storage).to(device)


def _packed(values: Tensor) -> Tensor:
    """Integers up to 3 as e2m1, two in a byte, the first in the low half (OCP MX v1.0, section 5.3.3)."""
    codes = torch.tensor([0b0000, 0b0010, 0b0100, 0b0101], dtype=torch.uint8)[values.abs().long()]
    codes = codes | ((values < 0).to(torch.uint8) << 3)
    return (codes[:, 0::2] | (codes[:, 1::2] << 4)).contiguous()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
