"""Random weights of a layer, as torch multiplies with them and, widened, as a reference does.

Weights are scaled by the root of their fan-in, so that values keep their size from end to end. What
is called with `exact` runs in float64 on the processor, whatever device and format the weights have.
"""

import math
from collections import Counter
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from greenzone.lab.devices.checking import poison
from greenzone.lab.devices.numerics import Numerics


def wide(values: Tensor) -> Tensor:
    """The same numbers in float64 on the processor."""
    return values.detach().to("cpu").to(torch.float64)


class Weight:
    """An (n, k) matrix that rows of k are multiplied with as it is kept."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def multiply(self, rows: Tensor, bias: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """(rows, k) to (rows, n), written into `out` where there is one."""
        if bias is None:
            return torch.mm(rows, self.values.t(), out=out)
        return torch.addmm(bias, rows, self.values.t(), out=out)

    def wide(self) -> Tensor:
        """The numbers it holds, in float64 on the processor."""
        return wide(self.values)


class Linear:
    """A product of rows with a weight, written into a buffer, with or without bias."""

    def __init__(self, weight: Weight, out: Tensor, bias: Tensor | None = None) -> None:
        self.weight, self.out, self.bias = weight, out, bias

    def __call__(self, rows: Tensor, exact: bool = False) -> Tensor:
        if not exact:
            return self.weight.multiply(rows, self.bias, self.out)
        product = rows @ self.weight.wide().t()
        return product if self.bias is None else product + wide(self.bias)


class Draw:
    """A source of the weights of layers, normal values of variance 1 / fan_in, and of the buffers they write to.

    Layers run one after another, so what the next one writes goes where the last one's results were:
    `next_layer` hands out the same buffers again.
    """

    def __init__(
        self, generator: torch.Generator, numerics: Numerics, products: Callable[[Tensor], Weight] | None = None
    ) -> None:
        self.generator = generator
        self._numerics = numerics
        self._products = products or Weight  # how the weight of a product is kept
        self._buffers: dict[tuple[int, int, int], Tensor] = {}
        self._handed: Counter[tuple[int, int]] = Counter()

    def __call__(self, *shape: int, fan_in: int = 1) -> Tensor:
        """Values in the format that is passed on from operator to operator."""
        values = torch.empty(shape, dtype=torch.float32, device=self.generator.device)
        drawn: Tensor = self._numerics.quantise(values.normal_(0.0, 1 / math.sqrt(fan_in), generator=self.generator))
        return drawn

    def weight(self, n: int, k: int) -> Weight:
        """An (n, k) weight of a product, in the format of the products."""
        return self._products(self(n, k, fan_in=k))

    def linear(self, rows: int, n: int, k: int, bias: bool = False) -> Linear:
        """A product of `rows` rows with such a weight."""
        return Linear(self.weight(n, k), self.buffer(rows, n), self(n) if bias else None)

    def plain(self, n: int, k: int) -> Weight:
        """An (n, k) weight in the format that is passed on: of a router, of a head."""
        return Weight(self(n, k, fan_in=k))

    def buffer(self, rows: int, n: int) -> Tensor:
        """A (rows, n) buffer that no other product of the same layer writes to."""
        key = (rows, n, self._handed[rows, n])
        self._handed[rows, n] += 1
        if key not in self._buffers:
            self._buffers[key] = torch.empty(
                (rows, n), dtype=self._numerics.storage, device=self.generator.device
            )
        return self._buffers[key]

    def next_layer(self) -> None:
        """Begin another layer, which may write over the results of the one before."""
        self._handed.clear()

    def poison(self) -> None:
        """Fill every buffer with what no product gives, so that a product never written is seen."""
        for out in self._buffers.values():
            poison(out)


class Scale:
    """A norm over the last dimension: root-mean-square with a weight, or layer norm with weight and bias."""

    def __init__(self, draw: Draw, width: int, layer: bool = False) -> None:
        self._width = (width,)
        self._weight = draw(width)
        self._bias = draw(width) if layer else None

    def __call__(self, rows: Tensor, exact: bool = False) -> Tensor:
        weight, bias = self._weight, self._bias
        if exact:
            weight, bias = wide(weight), bias if bias is None else wide(bias)
        if bias is not None:
            return F.layer_norm(rows, self._width, weight, bias, eps=1e-5)
        return F.rms_norm(rows, self._width, weight, eps=1e-5)
