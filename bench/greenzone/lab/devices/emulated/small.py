"""A layer of a model at a size that any processor computes at once: what the emulated device checks."""

from dataclasses import fields, replace

from greenzone.lab.layers import DecoderLayer
from greenzone.lab.shapes import Experts, GroupedAttention, LatentAttention, Mlp, ModelShape

_BATCH, _TOKENS, _CONTEXT = 4, 16, 128
_HIDDEN, _INNER, _HEADS, _HEAD_DIM, _RANK, _EXPERTS = 256, 512, 8, 32, 64, 8


def small_layer(layer: DecoderLayer) -> DecoderLayer:
    """The same layer with small sizes, in the same proportions where they matter."""
    tokens = min(layer.tokens, _TOKENS)
    context = tokens if layer.phase == "prefill" else min(layer.context, _CONTEXT)
    small = _model(layer.model)
    return replace(layer, model=small, batch=min(layer.batch, _BATCH), tokens=tokens, context=context)


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
