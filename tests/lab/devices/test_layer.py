"""A layer of every kind is right in torch, and one that is wrong is found out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from greenzone.errors import DeviceError
from greenzone.lab.devices import kernels, numerics
from greenzone.lab.devices.attentions import GroupedBlock, LatentBlock
from greenzone.lab.devices.networks import ExpertsBlock
from greenzone.lab.layers import DecoderLayer, Phase
from greenzone.lab.shapes import Experts, GroupedAttention, LatentAttention, Mlp, ModelShape

GROUPED = ModelShape("g", "G", 2, 64, 100, 64, True, GroupedAttention(4, 2, 16), mlp=Mlp(128))
GPT2 = replace(
    GROUPED, id="gpt", attention=GroupedAttention(4, 4, 16), mlp=Mlp(128, "plain"),
    norm="layer", biases="all", learned_positions=True,
)  # fmt: skip
QWEN = replace(GROUPED, id="qwen", attention=GroupedAttention(4, 2, 16, qk_norm=True), biases="qkv")
MIXTRAL = replace(GROUPED, id="mixtral", mlp=None, experts=Experts(8, 2, 32))
DEEPSEEK = replace(
    GROUPED, id="deepseek", attention=None, latent_attention=LatentAttention(4, 32, 16, 8, 12, 24),
    experts=Experts(8, 2, 32, shared=1, dense_layers=1, routing_bias=True),
)  # fmt: skip
LITE = replace(DEEPSEEK, id="lite", latent_attention=LatentAttention(4, 32, 16, 8, 12))
MODELS = [GROUPED, GPT2, QWEN, MIXTRAL, DEEPSEEK, LITE]


def build(layer: DecoderLayer) -> Any:
    return kernels.build(layer, numerics.native, torch.device("cpu"), 7, 0)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.id)
@pytest.mark.parametrize(("phase", "tokens", "context"), [("decode", 1, 40), ("prefill", 24, 24)])
@pytest.mark.parametrize("form", ["fp64", "fp32", "bf16", "fp16"])
def test_every_kind_of_layer_passes(
    model: ModelShape, phase: Phase, tokens: int, context: int, form: str
) -> None:
    for kind in model.layer_counts:
        check = build(DecoderLayer(model, phase, 2, tokens, context, form, kind)).check()
        assert check.passed, (kind, check)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.id)
@pytest.mark.parametrize("phase", ["decode", "prefill"])
def test_a_wrong_attention_fails_though_the_residual_hides_it(
    model: ModelShape, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = LatentBlock if model.latent_attention else GroupedBlock
    right = block.__call__

    def wrong(self: Any, rows: Any, tokens: int, exact: bool = False) -> Any:
        return right(self, rows, tokens, exact) * (1.0 if exact else 1.01)

    monkeypatch.setattr(block, "__call__", wrong)
    tokens = 1 if phase == "decode" else 8
    assert not build(DecoderLayer(model, phase, 1, tokens, 8, "fp32")).check().passed


def test_rows_given_to_the_wrong_expert_fail() -> None:
    kernel = build(DecoderLayer(MIXTRAL, "prefill", 1, 8, 8, "fp32"))
    network = kernel._sets[0].block.network
    assert isinstance(network, ExpertsBlock)
    experts, indices = zip(*network._dealt, strict=True)
    network._dealt = list(zip(experts, indices[1:] + indices[:1], strict=True))
    assert not kernel.check().passed


def test_every_row_is_dealt_to_as_many_experts_as_are_active() -> None:
    network = build(DecoderLayer(DEEPSEEK, "prefill", 2, 8, 8, "fp32", "experts"))._sets[0].block.network
    dealt = torch.cat([index for _, index in network._dealt])
    assert dealt.bincount().tolist() == [2] * 16


def test_as_many_experts_are_read_as_the_operator_counts_on_average() -> None:
    layer = DecoderLayer(MIXTRAL, "decode", 3, 1, 8, "fp32")
    read = []
    for seed in range(200):
        kernel: Any = kernels.build(layer, numerics.native, torch.device("cpu"), seed, 0)
        read.append(len(kernel._sets[0].block.network._dealt))
    # 8 x (1 - (6/8)^3) = 4.625; the mean of 200 draws scatters by about 0.06
    assert sum(read) / len(read) == pytest.approx(4.625, abs=0.2)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.id)
def test_a_layer_that_never_ran_fails(model: ModelShape) -> None:
    kernel = build(DecoderLayer(model, "prefill", 1, 8, 8, "fp32"))
    kernel.launch = lambda: None
    assert not kernel.check().passed


def test_the_weights_in_torch_are_those_that_are_counted(weights: Callable[[Any], int]) -> None:
    for model in MODELS:
        for kind in model.layer_counts:
            block = build(DecoderLayer(model, "decode", 1, 1, 8, "fp32", kind))._sets[0].block
            # what experts are chosen by has no part in arithmetic whose choice is drawn
            unused = 8 if kind == "experts" and model.experts and model.experts.routing_bias else 0
            assert weights(block) + unused == model.layer_parameters(kind), (model.id, kind)


def test_a_layer_runs_in_8_bits_or_wider_floats() -> None:
    with pytest.raises(DeviceError, match="fp8, int8 or a 16, 32 or 64 bit float, not in fp6"):
        kernels.build(
            DecoderLayer(GROUPED, "decode", 1, 1, 8, "fp6"), numerics.simulated, torch.device("cpu"), 7, 0
        )


def test_experts_say_how_they_run() -> None:
    assert "drawn uniformly" in build(DecoderLayer(MIXTRAL, "decode", 1, 1, 8, "fp32")).note
    assert build(DecoderLayer(DEEPSEEK, "decode", 1, 1, 8, "fp32", "dense")).note is None
