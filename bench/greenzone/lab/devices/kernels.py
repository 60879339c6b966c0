"""Operators as torch kernels on any torch device: products here, layers and streams beside.

Outputs are allocated once and written through `out=`. Sets of operands rotate over at least twice
the last-level cache, in place of flushing it.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices.block import formats_of
from greenzone.lab.devices.checking import check_product, poison
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.layer import DecoderLayerKernel
from greenzone.lab.devices.numerics import Numerics
from greenzone.lab.devices.parts import Part, PartKernel
from greenzone.lab.devices.peak_tiles import TorchPeak
from greenzone.lab.devices.stream import StreamKernel
from greenzone.lab.devices.whole import ModelStepKernel
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.operators import Matmul, Operator
from greenzone.lab.peak import Peak
from greenzone.lab.results import Check
from greenzone.lab.steps import ModelStep
from greenzone.lab.streams import Stream, Sweep

_SETS_MAX = 64


def rotation_sets(operator: Operator, cache_bytes: int) -> int:
    """How many sets of operands go round, so that they fill the cache at least twice.

    A sweep has one: what it asks is which cache holds it. A step of a whole model has one: its weights
    are those that it serves with, again and again.
    """
    if isinstance(operator, Sweep | ModelStep):
        return 1
    return max(1, min(_SETS_MAX, math.ceil(2 * cache_bytes / operator.resident_bytes)))


def normal(shape: tuple[int, ...], generator: torch.Generator, scale: float = 1.0) -> Tensor:
    """Random normal values in float32 on the generator's device."""
    values = torch.empty(shape, dtype=torch.float32, device=generator.device)
    return values.normal_(0.0, scale, generator=generator)


def normal_rows(rows: int, terms: int, generator: torch.Generator) -> Tensor:
    """(rows, terms) random normal values in float32: the realistic figure."""
    return normal((rows, terms), generator)


def low_toggle(rows: int, terms: int, generator: torch.Generator) -> Tensor:
    """(rows, terms) values in float32, 1 or 1/2 for a whole row: the upper bound of a part that power limits.

    What a multiplier burns is bits that change between one step and the next. Along a sum nothing changes
    here, and 1 and 1/2 have no mantissa bits and differ in one bit of the exponent. Every format holds
    both, sums of thousands are exact, and rows that were mixed up are still found by the check.
    """
    exponents = torch.randint(0, 2, (rows, 1), generator=generator, device=generator.device)
    return torch.exp2(-exponents.to(torch.float32)).expand(rows, terms).contiguous()


def _copies(operands: tuple[Any, Any, Tensor]) -> tuple[Any, Any, Tensor]:
    a, b, out = operands
    return a.clone(), b.clone(), out.clone()


class ProductKernel:
    """A matrix product in one format."""

    note: str | None = None

    def __init__(
        self, operator: Matmul, numerics: Numerics, device: torch.device, seed: int, sets: int
    ) -> None:
        if numerics.columns_only and not operator.transposed:
            raise DeviceError(f"torch multiplies {operator.format} in the NT layout alone")
        self.operator = operator
        self.variant = numerics.variant
        self._numerics, self._seed, self._turn = numerics, seed, 0
        first = self._operands(torch.Generator(device).manual_seed(seed))
        # rotation is about addresses: the other sets hold the same numbers, which need not be drawn again
        self._sets = [first, *(_copies(first) for _ in range(sets - 1))]

    def _operands(self, generator: torch.Generator) -> tuple[Any, Any, Tensor]:
        """The first operand, the second as it is multiplied (k, n), and the output."""
        op, numerics = self.operator, self._numerics
        drawn = low_toggle if op.data == "low_toggle" else normal_rows
        a = numerics.quantise(drawn(op.m, op.k, generator))
        second = drawn(op.n, op.k, generator)
        stored = (numerics.quantise_second or numerics.quantise)(second if op.transposed else second.t().contiguous())
        out = torch.empty((op.m, op.n), dtype=numerics.result, device=generator.device)
        return a, stored.t() if op.transposed else stored, out

    @property
    def output(self) -> Tensor:
        """What the check looks at."""
        written: Tensor = self._sets[0][2]
        return written

    def launch(self) -> None:
        a, b, out = self._sets[self._turn]
        self._turn = (self._turn + 1) % len(self._sets)
        self._numerics.product(a, b, out)

    @torch_errors("check of a product")
    def check(self) -> Check:
        self._turn = 0
        a, b, out = self._sets[0]
        poison(out)
        self.launch()
        decode = self._numerics.decode
        return check_product(decode(a), decode(b), out, self._numerics.tolerance, self._seed)

    def close(self) -> None:
        self._sets.clear()


TorchKernel = ProductKernel | StreamKernel | DecoderLayerKernel | ModelStepKernel | PartKernel | TorchPeak


def build(
    operator: Operator,
    numerics: Callable[..., Numerics],
    device: torch.device,
    seed: int,
    cache_bytes: int,
) -> TorchKernel:
    """The operator ready to be launched on a torch device, as `numerics(format, variant)` holds its format.

    Raises:
        DeviceError: no kernel for such an operator, or none in its format.
        OutOfMemory: it does not fit.
    """
    sets = rotation_sets(operator, cache_bytes)
    with torch_errors(f"{operator.name} in {operator.format}"):
        if isinstance(operator, Matmul):
            return ProductKernel(operator, numerics(operator.format, operator.variant), device, seed, sets)
        if isinstance(operator, DecoderLayer):
            return DecoderLayerKernel(operator, formats_of(operator.format, numerics), device, seed, sets)
        if isinstance(operator, ModelStep):
            return ModelStepKernel(operator, formats_of(operator.format, numerics), device, seed)
        if isinstance(operator, Part):
            return PartKernel(operator, numerics(operator.format), device, seed, sets)
        if isinstance(operator, Peak):
            return TorchPeak(operator, numerics(operator.format), device, seed)
        if isinstance(operator, Stream):
            return StreamKernel(operator, device, seed, sets)
    raise DeviceError(f"there is no kernel for the operator {operator.name!r} by itself")
