"""The attention of a layer in torch, with the caches it reads: grouped heads, or one latent vector a token.

The rotary embedding is left out, as the operator leaves it out.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from greenzone.lab.devices.weights import Draw, Scale, wide
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.shapes import GroupedAttention, LatentAttention


class GroupedBlock:
    """Queries of every head against keys and values shared by groups of heads."""

    def __init__(self, draw: Draw, layer: DecoderLayer, shape: GroupedAttention) -> None:
        self._layer, hidden, rows = layer, layer.model.hidden, layer.rows
        bias, head_dim = layer.model.biases != "none", shape.head_dim
        widths = (shape.heads, shape.kv_heads, shape.kv_heads)
        self._inputs = [draw.linear(rows, heads * head_dim, hidden, bias) for heads in widths]
        self.output = draw.linear(rows, hidden, shape.heads * head_dim, layer.model.biases == "all")
        self._norms = [Scale(draw, head_dim) for _ in range(2)] if shape.qk_norm else []
        cache = (layer.batch, shape.kv_heads, layer.context, head_dim)
        self._keys, self._values = draw(*cache), draw(*cache)
        self._head_dim = head_dim

    def __call__(self, rows: Tensor, tokens: int, exact: bool = False) -> Tensor:
        """What the heads gather, (rows, heads x head_dim), for the first `tokens` rows of each sequence."""
        queries, keys, values = (self._heads(linear(rows, exact), tokens) for linear in self._inputs)
        if self._norms:
            queries, keys = self._norms[0](queries, exact), self._norms[1](keys, exact)
        if self._layer.phase == "decode":
            keys, values = self._cached(keys, values, exact)
        attend = written_out if exact else _fused
        gathered = attend(queries, keys, values, self._layer.phase == "prefill")
        return gathered.transpose(1, 2).reshape(len(rows), -1)

    def _heads(self, rows: Tensor, tokens: int) -> Tensor:
        return rows.view(self._layer.batch, tokens, -1, self._head_dim).transpose(1, 2)

    def _cached(self, key: Tensor, value: Tensor, exact: bool) -> tuple[Tensor, Tensor]:
        """The caches with the new row at their end."""
        if exact:
            before = (wide(cache[:, :, :-1]) for cache in (self._keys, self._values))
            return torch.cat([next(before), key], 2), torch.cat([next(before), value], 2)
        self._keys[:, :, -1:].copy_(key)
        self._values[:, :, -1:].copy_(value)
        return self._keys, self._values


class LatentBlock:
    """Keys and values of all heads out of one latent vector a token (DeepSeek-V2, arXiv 2405.04434, 2.1).

    Decode runs absorbed, as the operator counts it; its reference expands keys and values instead.
    """

    def __init__(self, draw: Draw, layer: DecoderLayer, shape: LatentAttention) -> None:
        self._layer, self._shape, hidden, rows = layer, shape, layer.model.hidden, layer.rows
        wide_query, rank = shape.heads * shape.key_dim, shape.query_rank
        self._query_down = draw.linear(rows, rank, hidden) if rank else None
        self._query_norm = Scale(draw, rank) if rank else None
        self._query = draw.linear(rows, wide_query, rank or hidden)
        self._down = draw.linear(rows, shape.cached_elements, hidden)
        self._norm = Scale(draw, shape.kv_rank)
        self._up = draw(shape.heads * (shape.nope_dim + shape.value_dim), shape.kv_rank, fan_in=shape.kv_rank)
        self.output = draw.linear(rows, hidden, shape.heads * shape.value_dim)
        self._cache = draw(layer.batch, layer.context, shape.cached_elements)
        self._scale = 1 / math.sqrt(shape.key_dim)

    def __call__(self, rows: Tensor, tokens: int, exact: bool = False) -> Tensor:
        """What the heads gather, (rows, heads x value_dim), for the first `tokens` rows of each sequence."""
        queries, latent = self._queries(rows, exact), self._latent(rows, exact)
        if self._layer.phase == "decode" and not exact:
            return self._absorbed(queries, latent)
        latent = latent.view(self._layer.batch, tokens, -1)
        if self._layer.phase == "decode":
            latent = torch.cat([wide(self._cache[:, :-1]), latent], 1)
        queries = queries.view(self._layer.batch, tokens, self._shape.heads, -1).transpose(1, 2)
        # one sequence at a time: expanded keys are many times the latent vectors
        gathered = [self._expanded(q, kv, exact) for q, kv in zip(queries, latent, strict=True)]
        return torch.cat(gathered)

    def _queries(self, rows: Tensor, exact: bool) -> Tensor:
        if self._query_down and self._query_norm:
            rows = self._query_norm(self._query_down(rows, exact), exact)
        return self._query(rows, exact).view(len(rows), self._shape.heads, -1)

    def _latent(self, rows: Tensor, exact: bool) -> Tensor:
        """Latent vector, normed, and rotary key of the new rows."""
        rank = self._shape.kv_rank
        both = self._down(rows, exact)
        return torch.cat([self._norm(both[:, :rank], exact), both[:, rank:]], 1)

    def _expanded(self, queries: Tensor, latent: Tensor, exact: bool) -> Tensor:
        """One sequence, keys and values of every head made: (heads, tokens, .) and (keys, .) to (tokens, .)."""
        shape = self._shape
        up = wide(self._up) if exact else self._up
        made = (latent[:, : shape.kv_rank] @ up.t()).view(len(latent), shape.heads, -1).transpose(0, 1)
        rotary = latent[:, shape.kv_rank :].expand(shape.heads, -1, -1)
        keys = torch.cat([made[..., : shape.nope_dim], rotary], 2)
        attend = written_out if exact else _fused
        values = made[..., shape.nope_dim :]
        gathered = attend(queries[None], keys[None], values[None], self._layer.phase == "prefill")[0]
        return gathered.transpose(0, 1).reshape(queries.shape[1], -1)

    def _absorbed(self, queries: Tensor, latent: Tensor) -> Tensor:
        """Queries brought to the latent vectors, which are read as they are kept."""
        shape = self._shape
        self._cache[:, -1].copy_(latent)
        up = self._up.view(shape.heads, -1, shape.kv_rank)
        of_keys, of_values = up[:, : shape.nope_dim], up[:, shape.nope_dim :]
        absorbed = torch.bmm(queries[..., : shape.nope_dim].transpose(0, 1), of_keys).transpose(0, 1)
        whole = torch.cat([absorbed, queries[..., shape.nope_dim :]], 2)  # (batch, heads, rank + rope)
        weights = (torch.bmm(whole, self._cache.transpose(1, 2)) * self._scale).softmax(-1)
        gathered = torch.bmm(weights, self._cache[..., : shape.kv_rank])
        return torch.bmm(gathered.transpose(0, 1), of_values.transpose(1, 2)).transpose(0, 1).reshape(len(queries), -1)


def _fused(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor:
    return F.scaled_dot_product_attention(
        query, key, value, is_causal=causal, enable_gqa=query.shape[1] != key.shape[1]
    )


def written_out(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor:
    """Attention written out, so that the reference shares nothing with the kernel."""
    group = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(group, dim=1) for x in (key, value))
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if causal:
        unseen = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(unseen, -math.inf)
    return scores.softmax(-1) @ value
