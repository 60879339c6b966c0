"""Narrow floats that share a scale by block of a row: NVFP4 and MXFP8, as cuBLASLt multiplies them.

NVFP4: e2m1 values, two a byte, and an e4m3 scale for every 16 of them (NVIDIA, cuBLAS documentation,
"Narrow precision data types usage"). MXFP8: e4m3 values and a power of two for every 32 (Open Compute
Project, "OCP Microscaling Formats (MX) Specification" v1.0, 2023, sections 5.1 and 6.3).
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

_NV_BLOCK, _MX_BLOCK = 16, 32
_E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # by their code; the fourth bit is the sign
_E4M3_LARGEST, _E4M3_EXPONENT = 448.0, 8
_E4M3_SMALLEST = 2.0**-9  # subnormals included
FP4: Any = getattr(torch, "float4_e2m1fn_x2", None)  # torch 2.8 and later
E8M0: Any = getattr(torch, "float8_e8m0fnu", None)  # torch 2.7 and later
_TILE_ROWS, _TILE_COLUMNS = 128, 4


@dataclass(frozen=True)
class BlockScaled:
    """A matrix of `rows` by k values in blocks along k, kept by rows also where it is seen transposed.

    `data` is (rows, k), or (rows, k / 2) bytes of two values; `scales` is (rows, k / block); `tiled` holds
    the scales as the library reads them.
    """

    data: Tensor
    scales: Tensor
    tiled: Tensor
    transposed: bool = False

    def t(self) -> "BlockScaled":
        """The same matrix, seen transposed."""
        return replace(self, data=self.data.t(), transposed=not self.transposed)

    def clone(self) -> "BlockScaled":
        """A copy at other addresses."""
        return replace(self, data=_copy(self.data), tiled=_copy(self.tiled))

    def values(self) -> Tensor:
        """What the matrix holds, in float32, as it is seen."""
        rows = self.data.t() if self.transposed else self.data
        numbers = _unpacked(rows) if rows.dtype == FP4 else rows.to(torch.float32)
        blocks = numbers.reshape(*self.scales.shape, -1) * self.scales.to(torch.float32).unsqueeze(-1)
        whole = blocks.reshape(numbers.shape)
        return whole.t() if self.transposed else whole


def nvfp4(values: Tensor) -> BlockScaled:
    """(rows, k) values rounded to e2m1, each block of 16 scaled so that its largest is 6.

    The scale is rounded to e4m3 first, so values are rounded to what is really multiplied.
    """
    blocks = values.reshape(values.shape[0], -1, _NV_BLOCK)
    scales = (blocks.abs().amax(-1) / _E2M1[-1]).clamp(_E4M3_SMALLEST, _E4M3_LARGEST).to(torch.float8_e4m3fn)
    codes = _e2m1_codes(blocks / scales.to(values.dtype).unsqueeze(-1)).reshape(values.shape)
    packed = (codes[:, 0::2] | (codes[:, 1::2] << 4)).view(FP4)
    return BlockScaled(packed, scales, tiled(scales))


def mxfp8(values: Tensor) -> BlockScaled:
    """(rows, k) values in e4m3, each block of 32 scaled by a power of two (section 6.3 of the specification)."""
    blocks = values.reshape(values.shape[0], -1, _MX_BLOCK)
    largest = blocks.abs().amax(-1).clamp(min=2.0**-100)
    scales = torch.exp2(torch.floor(torch.log2(largest)) - _E4M3_EXPONENT)
    scaled = (blocks / scales.unsqueeze(-1)).clamp(-_E4M3_LARGEST, _E4M3_LARGEST)
    kept = scales.to(E8M0)
    return BlockScaled(scaled.reshape(values.shape).to(torch.float8_e4m3fn), kept, tiled(kept))


def multiply(a: BlockScaled, b: BlockScaled, out: Tensor) -> object:
    """The product of a and b, b seen transposed, into `out`."""
    return torch._scaled_mm(a.data, b.data, scale_a=a.tiled, scale_b=b.tiled, out_dtype=out.dtype, out=out)


def tiled(scales: Tensor) -> Tensor:
    """Scales of (rows, columns) as one row of tiles of 128 by 4, filled up with zeros.

    Within a tile the scale of (row, column) stands at 16 (row % 32) + 4 (row // 32) + column (NVIDIA, cuBLAS
    documentation, "1D block scaling factors layout").
    """
    rows, columns = scales.shape
    down, across = -(-rows // _TILE_ROWS), -(-columns // _TILE_COLUMNS)
    padded = torch.zeros((down * _TILE_ROWS, across * _TILE_COLUMNS), dtype=torch.uint8, device=scales.device)
    padded[:rows, :columns] = scales.view(torch.uint8)
    tiles = padded.view(down, 4, 32, across, 4).permute(0, 3, 2, 1, 4)
    return tiles.reshape(-1).view(scales.dtype)


def _e2m1_codes(values: Tensor) -> Tensor:
    """The nearest e2m1 number of each value as 4 bits: sign, two of exponent, one of mantissa."""
    grid = values.new_tensor(_E2M1)
    magnitude = torch.bucketize(values.abs(), (grid[1:] + grid[:-1]) / 2)
    return (magnitude | (values.signbit().to(magnitude.dtype) << 3)).to(torch.uint8)


def _unpacked(packed: Tensor) -> Tensor:
    codes = packed.view(torch.uint8)
    both = torch.stack((codes & 0xF, codes >> 4), dim=-1).reshape(codes.shape[0], -1).long()
    numbers = torch.tensor((*_E2M1, *(-x for x in _E2M1)), device=packed.device)
    return numbers[both]


def _copy(values: Tensor) -> Tensor:
    """A copy through bytes: not every backend copies these types, and the strides stay."""
    return values.view(torch.uint8).clone().view(values.dtype)
