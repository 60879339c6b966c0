"""Operators as torch kernels on any torch device: products here, layers and streams beside.

Outputs are allocated once and written through `out=`. Sets of operands rotate over at least twice
the last-level cache, in place of flushing it.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices.checking import check_product, poison
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.layer import DecoderLayerKernel
from greenzone.lab.devices.numerics import Numerics
from greenzone.lab.devices.stream import StreamKernel
from greenzone.lab.operators import DecoderLayer, Matmul, Operator
from greenzone.lab.results import Check
from greenzone.lab.streams import Stream, Sweep

_SETS_MAX = 64


def rotation_sets(operator: Operator, cache_bytes: int) -> int:
    """How many sets of operands go round, so that they fill the cache at least twice.

    A sweep has one: what it asks is which cache holds it.
    """
    if isinstance(operator, Sweep):
        return 1
    return max(1, min(_SETS_MAX, math.ceil(2 * cache_bytes / operator.resident_bytes)))


def normal(shape: tuple[int, ...], generator: torch.Generator, scale: float = 1.0) -> Tensor:
    """Random normal values in float32 on the generator's device."""
    values = torch.empty(shape, dtype=torch.float32, device=generator.device)
    return values.normal_(0.0, scale, generator=generator)


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
        generator = torch.Generator(device).manual_seed(seed)
        self._sets = [self._operands(generator) for _ in range(sets)]

    def _operands(self, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        op, numerics = self.operator, self._numerics
        a = numerics.quantise(normal((op.m, op.k), generator))
        stored = numerics.quantise(normal((op.n, op.k) if op.transposed else (op.k, op.n), generator))
        out = torch.empty((op.m, op.n), dtype=numerics.result, device=generator.device)
        return a, stored.t() if op.transposed else stored, out

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
        return check_product(a, b, out, self._numerics.tolerance, self._seed)

    def close(self) -> None:
        self._sets.clear()


TorchKernel = ProductKernel | StreamKernel | DecoderLayerKernel


def build(
    operator: Operator,
    numerics: Callable[[str], Numerics],
    device: torch.device,
    seed: int,
    cache_bytes: int,
) -> TorchKernel:
    """The operator ready to be launched on a torch device, as `numerics` holds its format.

    Raises:
        DeviceError: no kernel for such an operator, or none in its format.
        OutOfMemory: it does not fit.
    """
    sets = rotation_sets(operator, cache_bytes)
    with torch_errors(f"{operator.name} in {operator.format}"):
        if isinstance(operator, Matmul):
            return ProductKernel(operator, numerics(operator.format), device, seed, sets)
        if isinstance(operator, DecoderLayer):
            return DecoderLayerKernel(operator, numerics(operator.format), device, seed, sets)
        if isinstance(operator, Stream):
            return StreamKernel(operator, device, seed, sets)
    raise DeviceError(f"there is no kernel for the operator {operator.name!r} by itself")
