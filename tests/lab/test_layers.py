"""Operators of one layer of each kind: operations, bytes and weights by hand."""

from dataclasses import replace

import pytest

from greenzone.errors import UsageError
from greenzone.lab.groups import GroupedMatmul, WideAttention
from greenzone.lab.layers import DecoderLayer, Phase, embedding, head, layers_of, operators_of
from greenzone.lab.models import default_model, load_model, model_paths
from greenzone.lab.operators import Attention, Elementwise, Matmul, Norm
from greenzone.lab.shapes import Experts, GroupedAttention, LatentAttention, Mlp, ModelShape

GROUPED = ModelShape("g", "G", 2, 8, 10, 64, True, GroupedAttention(4, 2, 3), mlp=Mlp(16))
MOE = replace(GROUPED, mlp=None, experts=Experts(8, 2, 5, shared=1))
LATENT = replace(GROUPED, attention=None, latent_attention=LatentAttention(4, 6, 3, 2, 5, 7))


def products(layer: DecoderLayer) -> list[tuple[int, int, int]]:
    return [(p.m, p.n, p.k) for p in layer.parts if isinstance(p, Matmul)]


def test_a_layer_is_the_sum_of_its_parts() -> None:
    layer = DecoderLayer(default_model(), "decode", 2, 1, 2048, "bf16")
    kinds = [type(part) for part in layer.parts]
    counts = [kinds.count(kind) for kind in (Matmul, Norm, Attention, Elementwise)]
    assert counts == [7, 2, 1, 3]
    assert layer.operations == sum(part.operations for part in layer.parts)
    assert layer.bytes == sum(part.bytes for part in layer.parts)


def test_a_plain_mlp_has_one_product_less_and_norms_of_queries_are_two_more() -> None:
    plain = replace(GROUPED, mlp=Mlp(16, "plain"))
    assert len(products(DecoderLayer(plain, "decode", 1, 1, 4, "fp32"))) == 6
    normed = replace(GROUPED, attention=GroupedAttention(4, 2, 3, qk_norm=True))
    norms = [p for p in DecoderLayer(normed, "decode", 5, 1, 4, "fp32").parts if isinstance(p, Norm)]
    assert [(n.rows, n.width) for n in norms] == [(5, 8), (20, 3), (10, 3), (5, 8)]


def test_experts_by_hand() -> None:
    layer = DecoderLayer(MOE, "decode", 3, 1, 4, "bf16")
    grouped = [p for p in layer.parts if isinstance(p, GroupedMatmul)]
    # three rows take two experts each; 8 x (1 - (6/8)^3) of the experts are read
    assert [(g.rows, g.n, g.k) for g in grouped] == [(6, 5, 8), (6, 5, 8), (6, 8, 5)]
    assert grouped[0].read == 8 * (1 - 0.75**3) == 4.625
    assert products(layer)[4:] == [(3, 8, 8), (3, 5, 8), (3, 5, 8), (3, 8, 5)]  # the router, the shared expert
    idle = 8 - 4.625
    assert layer.weight_bytes - layer.read_weight_bytes == idle * 3 * 8 * 5 * 2
    assert layer.weight_bytes == MOE.layer_parameters("experts") * 2


def test_a_grouped_product_by_hand() -> None:
    product = GroupedMatmul(8, 6, 5, 10, "bf16", read=2.5)
    assert product.operations == 2 * 6 * 5 * 10
    assert product.bytes == 2 * (6 * 10 + 2.5 * 50 + 6 * 5)
    assert product.resident_bytes == 2 * (6 * 10 + 8 * 50 + 6 * 5)
    assert replace(product, read=None).bytes == product.resident_bytes


@pytest.mark.parametrize("form", ["fp8", "int8"])
@pytest.mark.parametrize("model", [GROUPED, MOE, LATENT], ids=["grouped", "experts", "latent"])
def test_in_8_bits_products_alone_are_narrow(model: ModelShape, form: str) -> None:
    layer, whole = (DecoderLayer(model, "decode", 2, 1, 4, one) for one in (form, "bf16"))
    assert layer.passing == "bf16"
    assert {p.format for p in layer.parts if isinstance(p, Norm | Attention | WideAttention | Elementwise)} == {"bf16"}
    assert layer.operations == whole.operations
    assert layer.cache_bytes == whole.cache_bytes
    narrow = [p for p in layer.parts if p.format == form]
    assert narrow
    saved = sum(p.n * p.k * getattr(p, "groups", 1) for p in narrow if isinstance(p, Matmul | GroupedMatmul))
    assert whole.weight_bytes - layer.weight_bytes == saved


def test_the_router_and_what_attention_absorbs_stay_wide() -> None:
    wide = [p for p in DecoderLayer(MOE, "decode", 3, 1, 4, "fp8").parts if isinstance(p, Matmul) and p.n == 8 == p.k]
    assert [p.format for p in wide] == ["bf16"]
    absorbed = [p for p in DecoderLayer(LATENT, "decode", 2, 1, 9, "fp8").parts if isinstance(p, GroupedMatmul)]
    assert {p.format for p in absorbed} == {"bf16"}
    assert (head(LATENT, 1, "fp8").format, embedding(LATENT, 1, "fp8").format) == ("bf16", "bf16")


def test_latent_prefill_is_expanded() -> None:
    layer = DecoderLayer(LATENT, "prefill", 2, 3, 3, "bf16")
    assert products(layer)[:5] == [(6, 7, 8), (6, 20, 7), (6, 8, 8), (6, 32, 6), (6, 8, 20)]
    (attention,) = (p for p in layer.parts if isinstance(p, WideAttention))
    # four heads, six pairs of a query and a key it sees, 5 wide keys and 5 wide values
    assert attention.operations == 2 * (2 * 4 * 6 * (5 + 5))
    assert attention.bytes == 2 * 2 * 4 * 3 * (5 + 5 + 5 + 5)


def test_latent_decode_is_absorbed() -> None:
    layer = DecoderLayer(LATENT, "decode", 2, 1, 9, "bf16")
    into, out_of = (p for p in layer.parts if isinstance(p, GroupedMatmul))
    assert [(g.groups, g.rows, g.n, g.k) for g in (into, out_of)] == [(4, 8, 6, 3), (4, 8, 5, 6)]
    assert into.read_weights + out_of.read_weights == 6 * 4 * (3 + 5)  # the product up, read once
    (attention,) = (p for p in layer.parts if isinstance(p, WideAttention))
    assert attention.operations == 2 * (2 * 4 * 9 * (8 + 6))
    # queries of 8 and results of 6 for four heads, and the cache as it is kept, once
    assert attention.bytes == 2 * 2 * (4 * (8 + 6) + 9 * 8)
    assert layer.cache_bytes == 2 * 9 * 8 * 2


@pytest.mark.parametrize("ref", list(model_paths()))
def test_weights_of_layers_embeddings_last_norm_and_head_are_the_model(ref: str) -> None:
    model = load_model(ref)
    layers = sum(n * layer.weight_bytes for n, layer in layers_of(model, "decode", 1, 1, 8, "bf16")) / 2
    tied = 0 if model.tied_embeddings else head(model, 1, "fp8").n * model.hidden
    assert layers + model.norm_parameters + model.embedding_parameters + tied == model.parameters


@pytest.mark.parametrize("ref", list(model_paths()))
def test_a_decoded_token_takes_two_operations_for_each_weight_it_meets(ref: str) -> None:
    model = load_model(ref)
    operators = operators_of(model, "decode", 1, 1, 1, "bf16")
    ours = sum(n * operator.operations for n, operator in operators)
    assert ours == pytest.approx(2 * model.multiplied_parameters, rel=1e-3)
    read = sum(layer.read_weight_bytes * n for n, layer in layers_of(model, "decode", 1, 1, 1, "bf16")) / 2
    rest = model.norm_parameters + model.head_parameters
    assert read + rest == pytest.approx(model.multiplied_parameters, rel=1e-9)


@pytest.mark.parametrize("ref", list(model_paths()))
def test_prefill_takes_two_for_each_weight_and_token_and_the_attention(ref: str) -> None:
    model, tokens = load_model(ref), 512
    ours = sum(n * layer.operations for n, layer in layers_of(model, "prefill", 1, tokens, tokens, "bf16"))
    weights = 2 * (model.multiplied_parameters - model.head_parameters) * tokens
    widths = {
        True: lambda a: 2 * a.heads * (a.key_dim + a.value_dim),
        False: lambda a: 4 * a.heads * a.head_dim,
    }[model.latent_attention is not None](model.attends)
    attention = model.layers * widths * tokens * (tokens + 1) // 2
    assert ours == pytest.approx(weights + attention, rel=2e-3)


def test_every_expert_is_read_when_many_rows_come() -> None:
    layer = DecoderLayer(load_model("mixtral-8x7b"), "prefill", 1, 512, 512, "bf16")
    assert layer.read_weight_bytes == pytest.approx(layer.weight_bytes, rel=1e-12)


def test_the_kind_a_model_has_most_of_is_its_layer() -> None:
    model = load_model("deepseek-v3")
    assert DecoderLayer(model, "decode", 1, 1, 8, "bf16").kind == "experts"
    assert [(n, layer.kind) for n, layer in layers_of(model, "decode", 1, 1, 8, "bf16")] == [
        (3, "dense"), (58, "experts"),
    ]  # fmt: skip


def test_head_and_embedding() -> None:
    assert products_of(head(GROUPED, 3, "bf16")) == (3, 10, 8)
    assert embedding(GROUPED, 3, "bf16").bytes == 2 * 2 * 3 * 8
    assert embedding(replace(GROUPED, learned_positions=True), 3, "bf16").bytes == 3 * 2 * 3 * 8
    assert embedding(GROUPED, 3, "bf16").operations == 0


def products_of(product: Matmul) -> tuple[int, int, int]:
    return product.m, product.n, product.k


@pytest.mark.parametrize("ref", list(model_paths()))
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_what_a_layer_holds_is_at_least_what_it_reads(ref: str, phase: Phase) -> None:
    tokens = 64 if phase == "prefill" else 1
    for _, layer in layers_of(load_model(ref), phase, 2, tokens, 64, "bf16"):
        assert layer.resident_bytes == layer.weight_bytes + layer.cache_bytes + layer.activation_bytes
        assert layer.read_weight_bytes <= layer.weight_bytes
        assert layer.shape["context"] == 64


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DecoderLayer(GROUPED, "decode", 1, 2, 16, "bf16"), "1 token"),
        (lambda: DecoderLayer(GROUPED, "prefill", 1, 2, 16, "bf16"), "empty cache"),
        (lambda: DecoderLayer(GROUPED, "decode", 1, 1, 65, "bf16"), "65 tokens is beyond G, whose maximum is 64"),
        (lambda: DecoderLayer(GROUPED, "decode", 1, 1, 8, "bf16", "experts"), "has no layer of kind experts"),
        (lambda: GroupedMatmul(2, 1, 1, 1, "bf16", read=3), "3 of 2 matrices"),
        (lambda: WideAttention(1, 3, 2, 4, 4, 1, 8, "bf16"), "cannot share"),
        (lambda: WideAttention(1, 2, 2, 4, 4, 8, 4, "bf16", causal=True), "as many keys"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(UsageError, match=words):
        make()
