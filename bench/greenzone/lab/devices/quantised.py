"""Products of a layer in 8 bits: a weight kept with one scale, rows rounded as they come.

    rows k-bit = round(rows / s), s = largest magnitude of rows / largest of the format
    result = (rows k-bit x weight k-bit) x s x scale of the weight, in the format that is passed on

The scale is found anew at each call and for all rows together ("dynamic, per tensor"). Rounding and scaling
are kernels of their own here; who serves fuses them with their neighbours.
"""

import math

import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices.numerics import Numerics
from greenzone.lab.devices.weights import Weight, wide

NOTE = "rows of each product rounded at run time by their largest value, unfused"
_INT8_NOTE = "; products of fewer than 32 rows padded to 32, as torch's int8 product on a GPU needs"
_LARGEST = {"fp8": 448.0, "int8": 127.0}  # e4m3, where the type does not tell (emulated)
_ROWS = 32  # torch._int_mm on CUDA: more than 16 rows, a multiple of 8
# How far one product is from that of unrounded rows, relative (Frobenius). A value of e4m3 has 3 bits of
# mantissa: its steps are 1/8 of its power of two, rounding errs by step / sqrt(12) = 0.036 of that, and by
# 0.026 of the value itself, which lies between one and two powers. int8 has one step for all: rows of
# largest value c deviations err by c / 127 / sqrt(12) of one. Normal rows reach 4.5 (0.010); a norm's rows,
# normal times a normal weight, reach 11 to 15 in 10^5 to 10^7 values, for which 15 is taken (0.034). The sums
# keep these shares: errors and values both add as squares.
_ROUNDING = {"fp8": 0.026, "int8": 0.034}


def rounding(numerics: Numerics) -> float:
    """The relative error of a product in 8 bits beside one whose rows are not rounded.

    Raises:
        DeviceError: a layer has no products in that format.
    """
    if numerics.format not in _ROUNDING:
        raise DeviceError(
            f"the products of a layer run in fp8, int8 or a 16, 32 or 64 bit float, not in {numerics.format}"
        )
    return _ROUNDING[numerics.format]


def note(format: str, on_gpu: bool) -> str:
    """How products in 8 bits run, for a reader of the figures."""
    return NOTE + (_INT8_NOTE if format == "int8" and on_gpu else "")


class QuantisedWeight(Weight):
    """An (n, k) weight in 8 bits with one scale; what it holds is what a reference multiplies with."""

    def __init__(self, values: Tensor, numerics: Numerics) -> None:
        self._numerics, self._passing = numerics, values.dtype
        self._codes, self._scale = self._rounded(values)
        self._fewest = _ROWS if numerics.format == "int8" and values.device.type == "cuda" else 1

    def multiply(self, rows: Tensor, bias: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """(rows, k) to (rows, n) in the format that is passed on, written into `out` where there is one."""
        codes, scale = self._rounded(rows)
        if more := _missing(len(rows), self._fewest):
            codes = torch.nn.functional.pad(codes, (0, 0, 0, more))
        product = torch.empty((len(codes), len(self._codes)), dtype=self._numerics.result, device=rows.device)
        self._numerics.product(codes, self._codes.t(), product)
        if out is None:
            out = torch.empty((len(rows), len(self._codes)), dtype=self._passing, device=rows.device)
        torch.mul(product[: len(rows)], scale * self._scale, out=out)
        return out if bias is None else out.add_(bias)

    def wide(self) -> Tensor:
        """The numbers it holds, in float64 on the processor."""
        return wide(self._codes) * wide(self._scale)

    def _rounded(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """The values in 8 bits, and what one step of them is worth: a tensor, so that nobody waits for it."""
        scale = values.abs().amax().to(torch.float32).clamp_(min=1e-30) / _largest(self._numerics)
        steps = values.to(torch.float32) / scale
        if self._numerics.format == "int8":
            return steps.round_().to(self._numerics.storage), scale
        return self._numerics.quantise(steps), scale


def _largest(numerics: Numerics) -> float:
    """The largest magnitude of the format; of e4m3fnuz it is 240."""
    narrow = numerics.storage.is_floating_point and numerics.storage.itemsize == 1
    return torch.finfo(numerics.storage).max if narrow else _LARGEST[numerics.format]


def _missing(rows: int, fewest: int) -> int:
    """Rows that are to be added until there are enough, in eights; none where one is enough."""
    return max(fewest, 8 * math.ceil(rows / 8)) - rows if fewest > 1 else 0
