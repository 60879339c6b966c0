"""The operators a layer consists of as torch kernels by themselves: attention, norm, sum, grouped product.

Each gives a point of its own beside the roofline. They run in floats of 16 bits or more, as a layer runs
them; of large ones the check takes the first rows, of the first and the last sequence or group.
"""

import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices.attentions import written_out
from greenzone.lab.devices.block import TOLERANCE_FACTOR
from greenzone.lab.devices.checking import compare
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.numerics import Numerics
from greenzone.lab.devices.weights import Draw, Scale, wide
from greenzone.lab.groups import GroupedMatmul, WideAttention
from greenzone.lab.operators import Attention, Elementwise, Norm, element_bytes
from greenzone.lab.results import Check

Part = Attention | WideAttention | Norm | Elementwise | GroupedMatmul

_ROWS_CHECKED = 16
_ELEMENTS_CHECKED = 65536


class _Set(Protocol):
    """One set of operands: what is run, what of the result is looked at, and what that should be."""

    note: str | None

    def run(self) -> Tensor: ...
    def seen(self, out: Tensor) -> Tensor: ...
    def exact(self) -> Tensor: ...


class PartKernel:
    """One operator of a layer by itself."""

    variant: str | None = None

    def __init__(self, operator: Part, numerics: Numerics, device: torch.device, seed: int, sets: int) -> None:
        if element_bytes(operator.format) < 2:
            raise DeviceError(f"{operator.name} runs by itself in floats of 16 bits or more, not in {operator.format}")
        self.operator = operator
        self._tolerance, self._turn = TOLERANCE_FACTOR * numerics.tolerance, 0
        self._draw = Draw(torch.Generator(device).manual_seed(seed), numerics)
        make = _MADE[type(operator)]
        self._sets: list[_Set] = [make(operator, self._draw) for _ in range(sets)]
        self.note = self._sets[0].note
        self._written: Tensor | None = None

    @property
    def output(self) -> Tensor:
        """What the last launch wrote.

        Raises:
            DeviceError: nothing was launched.
        """
        if self._written is None:
            raise DeviceError(f"{self.operator.name} was never launched")
        return self._written

    def launch(self) -> None:
        one = self._sets[self._turn]
        self._turn = (self._turn + 1) % len(self._sets)
        self._written = one.run()

    @torch_errors("check of an operator")
    def check(self) -> Check:
        self._turn, self._written, one = 0, None, self._sets[0]
        self._draw.poison()
        self.launch()
        if self._written is None:
            return Check(1.0, 0.0, "the operator never ran")
        reference = one.exact()
        method = f"float64 at {reference.numel()} of {self._written.numel()} elements"
        return compare(one.seen(self._written), reference, self._written, self._tolerance, method)

    def close(self) -> None:
        self._sets.clear()
        self._written = None


class _Attention:
    """Queries against keys and values, or against keys whose first elements are the values."""

    note: str | None = None

    def __init__(self, operator: Attention | WideAttention, draw: Draw) -> None:
        op = self._operator = operator
        if op.causal and op.keys != op.queries:
            raise DeviceError("attention by itself is causal over its own rows alone; give as many keys as queries")
        key, value = (op.head_dim,) * 2 if isinstance(op, Attention) else (op.key_dim, op.value_dim)
        self._shared = isinstance(op, WideAttention) and op.shared
        self._queries = draw(op.batch, op.heads, op.queries, key)
        self._keys = draw(op.batch, op.kv_heads, op.keys, key)
        self._values = self._keys[..., :value] if self._shared else draw(op.batch, op.kv_heads, op.keys, value)

    def run(self) -> Tensor:
        op = self._operator
        if self._shared and op.kv_heads == 1 and not op.causal:
            return self._over_one_cache()
        return F.scaled_dot_product_attention(
            self._queries, self._keys, self._values, is_causal=op.causal, enable_gqa=op.heads != op.kv_heads
        )

    def _over_one_cache(self) -> Tensor:
        """As the absorbed layer does it: all heads read one cache, which is not spread out for them."""
        queries, keys, values = self._queries.flatten(1, 2), self._keys[:, 0], self._values[:, 0]
        weights = (torch.bmm(queries, keys.transpose(1, 2)) / math.sqrt(keys.shape[-1])).softmax(-1)
        return torch.bmm(weights, values).view(*self._queries.shape[:3], -1)

    def seen(self, out: Tensor) -> Tensor:
        return self._ends(out)[:, :, :_ROWS_CHECKED]

    def exact(self) -> Tensor:
        queries, keys, values = (wide(self._ends(x)) for x in (self._queries, self._keys, self._values))
        if self._operator.causal:
            keys, values = keys[:, :, :_ROWS_CHECKED], values[:, :, :_ROWS_CHECKED]
        return written_out(queries[:, :, :_ROWS_CHECKED], keys, values, self._operator.causal)

    def _ends(self, values: Tensor) -> Tensor:
        return values[:: max(1, len(values) - 1)]


class _Norm:
    note: str | None = None

    def __init__(self, operator: Norm, draw: Draw) -> None:
        self._rows, self._scale = draw(operator.rows, operator.width), Scale(draw, operator.width)

    def run(self) -> Tensor:
        return self._scale(self._rows)

    def seen(self, out: Tensor) -> Tensor:
        return out[-_ROWS_CHECKED:]

    def exact(self) -> Tensor:
        return self._scale(wide(self._rows[-_ROWS_CHECKED:]), exact=True)


class _Sum:
    note: str | None = "the sum of its arrays, whatever a layer makes of them"

    def __init__(self, operator: Elementwise, draw: Draw) -> None:
        draw.next_layer()
        self._inputs = draw(operator.inputs, operator.elements)
        self._out = draw.buffer(1, operator.elements)[0]

    def run(self) -> Tensor:
        if len(self._inputs) == 2:
            return torch.add(self._inputs[0], self._inputs[1], out=self._out)
        return torch.sum(self._inputs, 0, out=self._out)

    def seen(self, out: Tensor) -> Tensor:
        return out[-_ELEMENTS_CHECKED:]

    def exact(self) -> Tensor:
        return wide(self._inputs[:, -_ELEMENTS_CHECKED:]).sum(0)


class _Groups:
    """Rows dealt out as evenly as can be over as many matrices as a call reads."""

    def __init__(self, operator: GroupedMatmul, draw: Draw) -> None:
        op = operator
        read = max(1, min(op.rows, op.groups, round(op.groups if op.read is None else op.read)))
        draw.next_layer()
        self._rows, self._out = draw(op.rows, op.k), draw.buffer(op.rows, op.n)
        # one at a time: they are drawn in float32, which for all at once would not fit beside them
        self._weights = self._rows.new_empty((op.groups, op.n, op.k))
        for weight in self._weights:
            weight.copy_(draw(op.n, op.k, fan_in=op.k))
        self._dealt = list(zip(self._rows.tensor_split(read), self._out.tensor_split(read), strict=True))
        self._even = op.rows % read == 0
        way = "one batched product" if self._even else "one product after another"
        self.note: str | None = f"{read} of {op.groups} matrices read, {way}"

    def run(self) -> Tensor:
        if self._even:
            read = len(self._dealt)
            shaped = (x.view(read, -1, x.shape[1]) for x in (self._rows, self._out))
            torch.bmm(next(shaped), self._weights[:read].transpose(1, 2), out=next(shaped))
            return self._out
        for (rows, out), weight in zip(self._dealt, self._weights, strict=False):
            torch.mm(rows, weight.t(), out=out)
        return self._out

    def _ends(self) -> list[int]:
        return sorted({0, len(self._dealt) - 1})

    def seen(self, out: Tensor) -> Tensor:
        return torch.cat([self._dealt[group][1][:_ROWS_CHECKED] for group in self._ends()])

    def exact(self) -> Tensor:
        ends = [(wide(self._dealt[g][0][:_ROWS_CHECKED]), wide(self._weights[g])) for g in self._ends()]
        return torch.cat([rows @ weight.t() for rows, weight in ends])


_MADE: dict[type, Callable[[Any, Draw], _Set]] = {
    Attention: _Attention,
    WideAttention: _Attention,
    Norm: _Norm,
    Elementwise: _Sum,
    GroupedMatmul: _Groups,
}
