"""Layers, whole steps and parts of layers at sizes that any processor computes at once."""

from dataclasses import fields, replace

from greenzone.errors import DeviceError
from greenzone.lab.groups import GroupedMatmul, WideAttention
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.operators import Attention, Elementwise, Norm
from greenzone.lab.shapes import Experts, GroupedAttention, LatentAttention, Mlp, ModelShape
from greenzone.lab.steps import ModelStep

_ELEMENTS = 2**18
_BATCH, _TOKENS, _CONTEXT = 4, 16, 128
_HIDDEN, _INNER, _HEADS, _HEAD_DIM, _RANK, _EXPERTS = 256, 512, 8, 32, 64, 8
_VOCABULARY = 512
Part = Attention | WideAttention | Norm | Elementwise | GroupedMatmul
Layered = DecoderLayer | ModelStep | Part


def small_part(operator: Layered) -> Layered:
    """The same layer, step or part of a layer, small.

    Raises:
        DeviceError: a variant that only a real device has.
    """
    if isinstance(operator, DecoderLayer | ModelStep) and operator.variant:
        raise DeviceError(f"an emulated device launches nothing, so it has no {operator.variant}")
    if isinstance(operator, DecoderLayer):
        batch, tokens, context = _rows(operator)
        return replace(operator, model=_model(operator.model), batch=batch, tokens=tokens, context=context)
    if isinstance(operator, ModelStep):
        batch, tokens, context = _rows(operator)
        few = _few_layers(_model(operator.model))
        return replace(operator, model=few, batch=batch, tokens=tokens, context=context)
    return _part(operator)


def _part(part: Part) -> Part:
    """An operator of a layer, with no size above what a small layer has."""
    if isinstance(part, Attention | WideAttention):
        return _attention(part)
    if isinstance(part, Norm):
        return replace(part, rows=min(part.rows, _TOKENS), width=min(part.width, _HIDDEN))
    if isinstance(part, Elementwise):
        return replace(part, elements=min(part.elements, _ELEMENTS))
    groups = min(part.groups, _EXPERTS)
    read = part.read and min(part.read, groups)
    sides = {side: min(getattr(part, side), _HIDDEN) for side in ("rows", "n", "k")}
    return replace(part, groups=groups, read=read, **sides)


def _attention(part: Attention | WideAttention) -> Attention | WideAttention:
    group = part.heads // part.kv_heads
    kv_heads = max(1, min(part.kv_heads, _HEADS // group))
    queries = min(part.queries, _TOKENS)
    keys = queries if part.causal else min(part.keys, _CONTEXT)
    small = replace(part, batch=min(part.batch, _BATCH), queries=queries, keys=keys)
    small = replace(small, kv_heads=kv_heads, heads=group * kv_heads)
    if isinstance(small, Attention):
        return replace(small, head_dim=min(small.head_dim, _HEAD_DIM))
    return replace(small, key_dim=min(small.key_dim, 2 * _HEAD_DIM), value_dim=min(small.value_dim, _HEAD_DIM))


def _rows(operator: DecoderLayer | ModelStep) -> tuple[int, int, int]:
    """Batch, tokens and context."""
    tokens = min(operator.tokens, _TOKENS)
    context = tokens if operator.phase == "prefill" else min(operator.context, _CONTEXT)
    return min(operator.batch, _BATCH), tokens, context


def _few_layers(model: ModelShape) -> ModelShape:
    """Two layers, one of each kind where the model has two kinds, and small tables."""
    experts = model.experts and replace(model.experts, dense_layers=min(model.experts.dense_layers, 1))
    return replace(
        model, layers=min(model.layers, 2), experts=experts,
        vocabulary=min(model.vocabulary, _VOCABULARY), max_context=min(model.max_context, _CONTEXT),
    )  # fmt: skip


def _model(model: ModelShape) -> ModelShape:
    """The model's kind of layers with small sizes; what a file says beside the sizes is left behind."""
    sizes = {f.name: getattr(model, f.name) for f in fields(ModelShape)}
    parts = {
        "attention": model.attention and _grouped(model.attention),
        "latent_attention": model.latent_attention and _latent(model.latent_attention),
        "mlp": model.mlp and Mlp(min(model.mlp.intermediate, _INNER), model.mlp.kind),
        "experts": model.experts and _experts(model.experts),
    }
    return ModelShape(**sizes | parts | {"hidden": min(model.hidden, _HIDDEN)})


def _grouped(shape: GroupedAttention) -> GroupedAttention:
    group = shape.heads // shape.kv_heads
    kv_heads = max(1, min(shape.kv_heads, _HEADS // group))
    head_dim = min(shape.head_dim, _HEAD_DIM)
    return replace(shape, heads=kv_heads * group, kv_heads=kv_heads, head_dim=head_dim)


def _latent(shape: LatentAttention) -> LatentAttention:
    widths = {name: min(getattr(shape, name), _HEAD_DIM) for name in ("nope_dim", "rope_dim", "value_dim")}
    query_rank = shape.query_rank and min(shape.query_rank, _RANK)
    kv_rank, heads = min(shape.kv_rank, _RANK), min(shape.heads, _HEADS)
    return replace(shape, heads=heads, kv_rank=kv_rank, query_rank=query_rank, **widths)


def _experts(experts: Experts) -> Experts:
    count = min(experts.count, _EXPERTS)
    inner = min(experts.intermediate, _INNER)
    return replace(
        experts, count=count, active=min(experts.active, max(1, count // 4)), shared=min(experts.shared, 1),
        intermediate=inner,
    )  # fmt: skip
