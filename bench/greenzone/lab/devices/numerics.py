"""The number formats as torch holds them, and as the emulated device rounds to them.

A `Numerics` says in which type operands are stored, in which the result comes out, how a product
is called and how far from float64 a correct one may be.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices import block_scaled
from greenzone.lab.devices.block_scaled import BlockScaled

Operand = Any  # a Tensor, or a BlockScaled: both have t() and clone()
Product = Callable[[Any, Any, Tensor], object]  # (a, b, out)
ONEDNN = "oneDNN"

# One standard deviation of normal data spans this many steps of an integer format, so that nearly
# nothing is cut off at its ends (4 standard deviations of int8's 127, 2.3 of int4's 7).
_INTEGER_STEPS = {"int8": 32.0, "int4": 3.0}
_INTEGER_LIMIT = {"int8": 127.0, "int4": 7.0}

# All magnitudes of the narrow floats (Open Compute Project, "OCP Microscaling Formats (MX)
# Specification" v1.0, 2023, section 5.3: e2m1 and e2m3, no infinities, no NaN).
_GRIDS = {
    "fp4": [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0],
    "fp6": [*(i / 8 for i in range(16)), *(2 + i / 4 for i in range(8)), *(4 + i / 2 for i in range(8))],
}

# Largest relative error (Frobenius) of a correct product or layer against float64 on the same
# stored inputs. Each is a few times the rounding of the result: half a unit in the last place is
# 2^-53, 2^-24, 2^-11 and 2^-8 for fp64, fp32, fp16 and bf16, and errors of a long sum grow by
# about the root of its length.
_TOLERANCES = {
    "fp64": 1e-12,
    "fp64_tensor": 1e-12,
    "fp32": 2e-5,
    "tf32": 2e-3,  # inputs are cut to 10 bits of mantissa: 2^-11 for each factor
    "fp16": 2e-3,
    "bf16": 1e-2,
    "fp16_acc16": 5e-2,  # partial sums are rounded to 11 bits
    # Products of narrow floats are exact in 32 bits, so that the result's rounding to bf16 is what is left.
    "fp8": 1e-2,
    "fp4": 1e-2,
}
# With fast accumulation Hopper keeps about 14 bits of a partial sum (DeepSeek-AI, "DeepSeek-V3 Technical
# Report", arXiv 2412.19437, section 3.3.2).
_FAST_TOLERANCE = 3e-2

# fp8 in its variants: types of the two operands, and whether sums stay in the matrix unit to the end.
# All count as fp8, fast accumulation too: its registers are those of the instruction with 32-bit sums (what
# is left out is adding them up outside from time to time), and it is the rate that makers claim as FP8 with
# FP32 accumulate. `fp8_acc16` is another instruction, whose sums are 16-bit floats. No library multiplies
# e5m2 by e5m2, so one operand is e4m3.
FAST = ", fast accumulation"
_FP8 = {
    "e4m3": ("float8_e4m3fn", "float8_e4m3fn", False),
    f"e4m3{FAST}": ("float8_e4m3fn", "float8_e4m3fn", True),
    "e5m2 x e4m3": ("float8_e5m2", "float8_e4m3fn", False),
    f"e5m2 x e4m3{FAST}": ("float8_e5m2", "float8_e4m3fn", True),
    "e4m3fnuz": ("float8_e4m3fnuz", "float8_e4m3fnuz", False),  # AMD CDNA 3
}
MXFP8, NVFP4 = "mxfp8", "nvfp4"

# Formats that some parts multiply and torch cannot ask for.
_NO_PATH = {
    "int4": "torch has no 4-bit integer product: its int4 kernels unpack weights to a wider type first",
    "fp6": "torch has no 6-bit float type",
    "fp8_acc16": "cuBLASLt sums products of fp8 in 32-bit registers alone; the instruction with 16-bit sums "
    "has no path in torch",
}


@dataclass(frozen=True)
class Numerics:
    """How a format is stored, multiplied and judged."""

    format: str
    storage: torch.dtype
    result: torch.dtype
    tolerance: float
    product: Product
    quantise: Callable[[Tensor], Operand]
    variant: str | None = None
    columns_only: bool = False  # the second operand must be kept transposed
    quantise_second: Callable[[Tensor], Operand] | None = None  # where it is kept in another type
    decode: Callable[[Operand], Tensor] = lambda operand: operand  # what an operand holds, for the check


def _mm(a: Tensor, b: Tensor, out: Tensor) -> object:
    return torch.mm(a, b, out=out)


def _int_mm(a: Tensor, b: Tensor, out: Tensor) -> object:
    return torch._int_mm(a, b, out=out)


def has_onednn() -> bool:
    """Whether this torch offers oneDNN's product of fp32 by itself."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _onednn_mm(a: Tensor, b: Tensor, out: Tensor) -> object:
    # The operator has no `out=`; its result is put in place without a copy. "medium" lets it round to bf16
    # on processors with AMX, which would not be fp32 (the check would refuse it too).
    if torch.get_float32_matmul_precision() != "highest":
        raise DeviceError("oneDNN may round fp32 to bf16 here; set torch.set_float32_matmul_precision('highest')")
    return out.set_(torch.ops.mkldnn._linear_pointwise(a, b.t(), None, "none", [], ""))


def _scaled_mm(fast: bool) -> Product:
    def product(a: Tensor, b: Tensor, out: Tensor) -> object:
        one = _ones(a.device)
        return torch._scaled_mm(a, b, scale_a=one, scale_b=one, out_dtype=out.dtype, use_fast_accum=fast, out=out)

    return product


_ONES: dict[torch.device, Tensor] = {}


def _ones(device: torch.device) -> Tensor:
    # made once for a device: an allocation inside the timing would be timed
    if device not in _ONES:
        _ONES[device] = torch.ones((), dtype=torch.float32, device=device)
    return _ONES[device]


_STORAGE = {
    "fp64": torch.float64,
    "fp64_tensor": torch.float64,
    "fp32": torch.float32,
    "tf32": torch.float32,
    "fp16": torch.float16,
    "fp16_acc16": torch.float16,
    "bf16": torch.bfloat16,
}


def native(format: str, variant: str | None = None) -> Numerics:
    """The format as hardware multiplies it.

    Args:
        format: of the inputs.
        variant: what the format leaves open; None takes the usual one.

    Raises:
        DeviceError: torch has no dense product in that format, or none of that variant.
    """
    if format == "fp8":
        return _mxfp8() if variant == MXFP8 else _fp8(variant or "e4m3")
    if format == "fp4" and variant in (None, NVFP4):
        return _nvfp4()
    if format == "fp32" and variant == ONEDNN:
        return replace(native("fp32"), product=_onednn_mm, variant=ONEDNN)
    if variant is not None:
        raise DeviceError(f"{format} has no variant {variant!r} here")
    if format in _STORAGE:
        dtype = _STORAGE[format]
        return Numerics(format, dtype, dtype, _TOLERANCES[format], _mm, lambda x: x.to(dtype))
    if format == "int8":
        return Numerics(format, torch.int8, torch.int32, 0.0, _int_mm, _to_int8)  # integers are exact
    reason = _NO_PATH.get(format, f"torch has no such product; it has {', '.join((*_STORAGE, 'int8', 'fp8', 'fp4'))}")
    raise DeviceError(f"no dense product in {format}: {reason}")


def _fp8(variant: str) -> Numerics:
    if variant not in _FP8:
        raise DeviceError(f"fp8 has no variant {variant!r}; it has {'; '.join((*_FP8, MXFP8))}")
    first, second, fast = _FP8[variant]
    one, two = getattr(torch, first), getattr(torch, second)
    tolerance = _FAST_TOLERANCE if fast else _TOLERANCES["fp8"]
    return Numerics(
        "fp8", one, torch.bfloat16, tolerance, _scaled_mm(fast), lambda x: x.to(one), variant,
        columns_only=True, quantise_second=lambda x: x.to(two),
    )  # fmt: skip


def _mxfp8() -> Numerics:
    if block_scaled.E8M0 is None:
        raise DeviceError(f"mxfp8 needs torch 2.7 or later for its scales; this is {torch.__version__}")
    return _blocks("fp8", torch.float8_e4m3fn, block_scaled.mxfp8, MXFP8)


def _nvfp4() -> Numerics:
    if block_scaled.FP4 is None:
        raise DeviceError(f"fp4 needs torch 2.8 or later; this is {torch.__version__}")
    return _blocks("fp4", block_scaled.FP4, block_scaled.nvfp4, NVFP4)


def _blocks(format: str, storage: torch.dtype, quantise: Callable[[Tensor], BlockScaled], variant: str) -> Numerics:
    return Numerics(
        format, storage, torch.bfloat16, _TOLERANCES[format], block_scaled.multiply, quantise, variant,
        columns_only=True, decode=BlockScaled.values,
    )  # fmt: skip


def simulated(format: str, variant: str | None = None) -> Numerics:
    """The format by rounding: inputs on its grid, held and multiplied in a wider type.

    Every format has one variant here, and an emulated device names no other: `variant` is not looked at.
    Products of two such inputs are exact in the wider type, so only the rounding of sums is left.
    """
    wide = torch.float64 if format in ("fp64", "fp64_tensor") else torch.float32
    tolerance = _TOLERANCES["fp64"] if wide is torch.float64 else _TOLERANCES["fp32"]
    rounded = Numerics(format, wide, wide, tolerance, _mm, lambda x: quantise(x, format).to(wide))
    return replace(rounded, variant={"fp8": "e4m3", "fp4": "e2m1", "fp6": "e2m3"}.get(format))


def quantise(values: Tensor, format: str) -> Tensor:
    """The values rounded to the nearest the format holds, in the type they came in.

    Integer formats scale first: one standard deviation is 32 steps of int8 and 3 of int4.
    """
    if format in _GRIDS:
        return _to_grid(values, values.new_tensor(_GRIDS[format]))
    if format in _INTEGER_STEPS:
        limit = _INTEGER_LIMIT[format]
        return (values * _INTEGER_STEPS[format]).round().clamp(-limit, limit)
    if format == "tf32":
        return _to_tf32(values)
    if format in ("fp8", "fp8_acc16"):
        return values.to(torch.float8_e4m3fn).to(values.dtype)
    return values.to(_STORAGE[format]).to(values.dtype)


def _to_int8(values: Tensor) -> Tensor:
    return quantise(values, "int8").to(torch.int8)


def _to_grid(values: Tensor, grid: Tensor) -> Tensor:
    middles = (grid[1:] + grid[:-1]) / 2
    return grid[torch.bucketize(values.abs(), middles)] * values.sign()


def _to_tf32(values: Tensor) -> Tensor:
    # keep 10 of 23 bits of mantissa, to nearest, ties to even
    bits = values.to(torch.float32).contiguous().view(torch.int32)
    odd = (bits >> 13) & 1
    return ((bits + 0x0FFF + odd) & ~0x1FFF).view(torch.float32).to(values.dtype)
