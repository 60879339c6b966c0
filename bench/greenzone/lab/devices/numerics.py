"""The number formats as torch holds them, and as the emulated device rounds to them.

A `Numerics` says in which type operands are stored, in which the result comes out, how a product
is called and how far from float64 a correct one may be.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from greenzone.errors import DeviceError

Product = Callable[[Tensor, Tensor, Tensor], object]  # (a, b, out)

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
    "fp8": 3e-2,  # Hopper keeps about 14 bits of a partial sum with fast accumulation
    "fp8_acc16": 5e-2,
    "int8": 0.0,  # integers are exact
}


@dataclass(frozen=True)
class Numerics:
    """How a format is stored, multiplied and judged."""

    format: str
    storage: torch.dtype
    result: torch.dtype
    tolerance: float
    product: Product
    quantise: Callable[[Tensor], Tensor]
    variant: str | None = None
    columns_only: bool = False  # the second operand must be kept transposed


def _mm(a: Tensor, b: Tensor, out: Tensor) -> object:
    return torch.mm(a, b, out=out)


def _int_mm(a: Tensor, b: Tensor, out: Tensor) -> object:
    return torch._int_mm(a, b, out=out)


def _scaled_mm(a: Tensor, b: Tensor, out: Tensor) -> object:
    one = _ones(a.device)
    fast = a.device.type == "cuda"
    return torch._scaled_mm(a, b, scale_a=one, scale_b=one, out_dtype=out.dtype, use_fast_accum=fast, out=out)


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


def native(format: str) -> Numerics:
    """The format as hardware multiplies it.

    Raises:
        DeviceError: torch has no dense product in that format.
    """
    if format in _STORAGE:
        dtype = _STORAGE[format]
        return Numerics(format, dtype, dtype, _TOLERANCES[format], _mm, lambda x: x.to(dtype))
    if format == "int8":
        return Numerics(format, torch.int8, torch.int32, 0.0, _int_mm, _to_int8)
    if format == "fp8":
        narrow, tolerance = torch.float8_e4m3fn, _TOLERANCES["fp8"]
        return Numerics(
            format, narrow, torch.bfloat16, tolerance, _scaled_mm, lambda x: x.to(narrow), "e4m3", True
        )
    raise DeviceError(
        f"torch has no dense product in {format}; it has {', '.join((*_STORAGE, 'int8', 'fp8'))}"
    )


def simulated(format: str) -> Numerics:
    """The format by rounding: inputs on its grid, held and multiplied in a wider type.

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
