"""One decoder layer of a language model in torch, with random normal weights.

Weights are scaled by the root of their fan-in, so that values keep their size from end to end. Both
the attention's output and the layer's are checked, each by itself: the residual stream would hide a
wrong attention, whose output is small beside it.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices.checking import compare, poison
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.numerics import Numerics
from greenzone.lab.operators import DecoderLayer
from greenzone.lab.results import Check

_PREFILL_ROWS_CHECKED = 16  # causal: the first rows depend on nothing behind them
# A layer rounds about ten times in a row where a product rounds once; independent errors add as
# squares, and attention over many keys averages its values away but not the rounding of its scores.
_TOLERANCE_FACTOR = 5.0
_FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


class _Weights(NamedTuple):
    query: Tensor
    key: Tensor
    value: Tensor
    output: Tensor
    ups: list[Tensor]
    down: Tensor
    norm_attention: Tensor
    norm_mlp: Tensor


class _State(NamedTuple):
    weights: _Weights
    hidden: Tensor  # (rows, hidden), the layer's input
    keys: Tensor  # (batch, kv_heads, context, head_dim)
    values: Tensor
    projections: dict[str, Tensor]  # outputs of the products
    out: Tensor


class DecoderLayerKernel:
    """A decoder layer in one phase: prefill over its own rows, or one row over a cache."""

    note: str | None = None

    def __init__(
        self, operator: DecoderLayer, numerics: Numerics, device: torch.device, seed: int, sets: int
    ) -> None:
        if numerics.storage not in _FLOATS:
            raise DeviceError(f"a decoder layer runs in a 16, 32 or 64 bit float, not in {operator.format}")
        self.operator = operator
        self.variant = numerics.variant
        self._numerics, self._turn = numerics, 0
        self._generator = torch.Generator(device).manual_seed(seed)
        self._sets = [self._state() for _ in range(sets)]
        self._attended: Tensor | None = None

    def _draw(self, *shape: int, fan_in: int = 1) -> Tensor:
        values = torch.empty(shape, dtype=torch.float32, device=self._generator.device)
        kept: Tensor = self._numerics.quantise(values.normal_(0.0, 1 / math.sqrt(fan_in), generator=self._generator))
        return kept

    def _state(self) -> _State:
        op, model = self.operator, self.operator.model
        cache = (op.batch, model.kv_heads, op.context, model.head_dim)
        hidden = self._draw(op.rows, model.hidden)
        return _State(
            self._weights(), hidden, self._draw(*cache), self._draw(*cache),
            self._projections(hidden), torch.empty_like(hidden),
        )  # fmt: skip

    def _weights(self) -> _Weights:
        model = self.operator.model
        wide, narrow = model.heads * model.head_dim, model.kv_heads * model.head_dim
        ups = 2 if model.mlp == "gated" else 1
        hidden, inner = model.hidden, model.intermediate
        return _Weights(
            self._draw(wide, hidden, fan_in=hidden),
            self._draw(narrow, hidden, fan_in=hidden),
            self._draw(narrow, hidden, fan_in=hidden),
            self._draw(hidden, wide, fan_in=wide),
            [self._draw(inner, hidden, fan_in=hidden) for _ in range(ups)],
            self._draw(hidden, inner, fan_in=inner),
            self._draw(hidden),
            self._draw(hidden),
        )

    def _projections(self, like: Tensor) -> dict[str, Tensor]:
        op, model = self.operator, self.operator.model
        widths = {
            "query": model.heads * model.head_dim,
            "key": model.kv_heads * model.head_dim,
            "value": model.kv_heads * model.head_dim,
            "output": model.hidden,
            "up0": model.intermediate,
            "up1": model.intermediate,
            "down": model.hidden,
        }
        return {name: like.new_empty((op.rows, width)) for name, width in widths.items()}

    @property
    def output(self) -> Tensor:
        """What the check looks at."""
        return self._sets[0].out

    def launch(self) -> None:
        state = self._sets[self._turn]
        self._turn = (self._turn + 1) % len(self._sets)
        weights, buffers = state.weights, state.projections
        normed = _norm(state.hidden, weights.norm_attention)
        query, key, value = (
            torch.mm(normed, getattr(weights, name).t(), out=buffers[name])
            for name in ("query", "key", "value")
        )
        self._attended = self._attend(state, query, key, value)
        middle = state.hidden + torch.mm(self._attended, weights.output.t(), out=buffers["output"])
        normed = _norm(middle, weights.norm_mlp)
        ups = [torch.mm(normed, w.t(), out=buffers[f"up{i}"]) for i, w in enumerate(weights.ups)]
        torch.add(middle, torch.mm(_gate(ups), weights.down.t(), out=buffers["down"]), out=state.out)

    def _attend(self, state: _State, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        op = self.operator
        queries, keys, values = (self._heads(x) for x in (query, key, value))
        if op.phase == "decode":
            state.keys[:, :, -1:].copy_(keys)
            state.values[:, :, -1:].copy_(values)
            keys, values = state.keys, state.values
        attended = F.scaled_dot_product_attention(
            queries, keys, values, is_causal=op.phase == "prefill", enable_gqa=True
        )
        return attended.transpose(1, 2).reshape(op.rows, -1)

    def _heads(self, rows: Tensor) -> Tensor:
        op = self.operator
        return rows.view(op.batch, op.tokens, -1, op.model.head_dim).transpose(1, 2)

    @torch_errors("check of a decoder layer")
    def check(self) -> Check:
        self._turn = 0
        state = self._sets[0]
        for out in (state.out, *state.projections.values()):
            poison(out)
        self._attended = None
        self.launch()
        attended, final, count = self._reference(state)
        written = self._attended if self._attended is not None else torch.full_like(attended, float("nan"))
        tolerance = _TOLERANCE_FACTOR * self._numerics.tolerance
        method = f"float64, attention and output of the first {count} rows of each sequence"
        checks = (
            compare(self._first(written, count), attended, written, tolerance, method),
            compare(self._first(state.out, count), final, state.out, tolerance, method),
        )
        return max(checks, key=lambda check: check.error)

    def _first(self, rows: Tensor, count: int) -> Tensor:
        op = self.operator
        return rows.view(op.batch, op.tokens, -1)[:, :count].reshape(op.batch * count, -1)

    def _reference(self, state: _State) -> tuple[Tensor, Tensor, int]:
        """Attention's and the layer's output in float64 on the processor, one weight at a time."""
        op = self.operator
        count = min(op.tokens, _PREFILL_ROWS_CHECKED)
        weights, x = state.weights, _wide(self._first(state.hidden, count))
        normed = _norm(x, _wide(weights.norm_attention))
        query, key, value = (
            (normed @ _wide(w).t()).view(op.batch, count, -1, op.model.head_dim).transpose(1, 2)
            for w in (weights.query, weights.key, weights.value)
        )
        if op.phase == "decode":
            key = torch.cat([_wide(state.keys[:, :, :-1]), key], dim=2)
            value = torch.cat([_wide(state.values[:, :, :-1]), value], dim=2)
        attended = _attention(query, key, value, causal=op.phase == "prefill")
        attended = attended.transpose(1, 2).reshape(op.batch * count, -1)
        middle = x + attended @ _wide(weights.output).t()
        normed = _norm(middle, _wide(weights.norm_mlp))
        gated = _gate([normed @ _wide(w).t() for w in weights.ups])
        return attended, middle + gated @ _wide(weights.down).t(), count

    def close(self) -> None:
        self._sets.clear()
        self._attended = None


def _wide(values: Tensor) -> Tensor:
    return values.detach().to("cpu").to(torch.float64)


def _norm(rows: Tensor, weight: Tensor) -> Tensor:
    return F.rms_norm(rows, (rows.shape[-1],), weight, eps=1e-5)


def _gate(ups: list[Tensor]) -> Tensor:
    return F.silu(ups[0]) * ups[1] if len(ups) == 2 else F.silu(ups[0])


def _attention(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor:
    """Attention written out, so that the reference shares nothing with the kernel."""
    group = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(group, dim=1) for x in (key, value))
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if causal:
        unseen = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(unseen, -math.inf)
    return scores.softmax(-1) @ value
