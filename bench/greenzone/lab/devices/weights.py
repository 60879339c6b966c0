"""Random weights of a layer, as torch multiplies with them and, widened, as a reference does.

Weights are scaled by the root of their fan-in, so that values keep their size from end to end. What
is called with `exact` runs in float64 on the processor, whatever device and format the weights have.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from greenzone.lab.devices.checking import poison

Draw = Callable[..., Tensor]  # (*shape, fan_in) -> normal values in the layer's format


def drawing(generator: torch.Generator, quantise: Callable[[Tensor], Tensor]) -> Draw:
    """A source of normal values of variance 1 / fan_in, in the format that `quantise` gives."""

    def draw(*shape: int, fan_in: int = 1) -> Tensor:
        values = torch.empty(shape, dtype=torch.float32, device=generator.device)
        return quantise(values.normal_(0.0, 1 / math.sqrt(fan_in), generator=generator))

    return draw


def wide(values: Tensor) -> Tensor:
    """The same numbers in float64 on the processor."""
    return values.detach().to("cpu").to(torch.float64)


class Linear:
    """A product of `rows` rows with an (n, k) weight, written into a buffer of its own, with or without bias."""

    def __init__(self, draw: Draw, rows: int, n: int, k: int, bias: bool = False) -> None:
        self.weight = draw(n, k, fan_in=k)
        self.bias = draw(n) if bias else None
        self.out = self.weight.new_empty((rows, n))

    def __call__(self, rows: Tensor, exact: bool = False) -> Tensor:
        if exact:
            product = rows @ wide(self.weight).t()
            return product if self.bias is None else product + wide(self.bias)
        if self.bias is None:
            return torch.mm(rows, self.weight.t(), out=self.out)
        return torch.addmm(self.bias, rows, self.weight.t(), out=self.out)

    def poison(self) -> None:
        """Fill the buffer with what no product gives, so that a product never written is seen."""
        poison(self.out)


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
