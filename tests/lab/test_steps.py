"""A step of a whole model is its layers and what stands before and behind them."""

from dataclasses import replace

import pytest

from greenzone.errors import UsageError
from greenzone.lab.layers import Phase, embedding, head, operators_of
from greenzone.lab.models import load_model, model_paths
from greenzone.lab.operators import Norm
from greenzone.lab.shapes import Experts, GroupedAttention, Mlp, ModelShape
from greenzone.lab.steps import ModelStep

DENSE = ModelShape("g", "G", 3, 8, 10, 64, True, GroupedAttention(4, 2, 3), mlp=Mlp(16))
MIXED = replace(DENSE, experts=Experts(8, 2, 5, shared=1, dense_layers=1))


@pytest.mark.parametrize("model", [DENSE, MIXED], ids=["dense", "mixed"])
def test_the_parts_are_those_of_every_layer_between_embedding_and_head(model: ModelShape) -> None:
    step = ModelStep(model, "decode", 2, 1, 9, "bf16")
    inner = [part for count, layer in step.layers for part in layer.parts * count]
    assert list(step.parts) == [embedding(model, 2, "bf16"), *inner, Norm(2, 8, "bf16"), head(model, 2, "bf16")]


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("ref", list(model_paths()))
def test_operations_and_bytes_are_the_sums(ref: str, phase: Phase) -> None:
    sizes = (load_model(ref), phase, 2, 64 if phase == "prefill" else 1, 64, "bf16")
    step, operators = ModelStep(*sizes), operators_of(*sizes)
    assert step.operations == pytest.approx(sum(n * one.operations for n, one in operators))
    assert step.bytes == pytest.approx(sum(n * one.bytes for n, one in operators))


@pytest.mark.parametrize("ref", list(model_paths()))
def test_weights_and_caches_are_those_of_the_model(ref: str) -> None:
    model = load_model(ref)
    step = ModelStep(model, "decode", 3, 1, 100, "bf16")
    assert step.weight_bytes == model.weight_bytes("bf16")
    assert step.cache_bytes == 3 * 100 * model.cache_bytes_per_token("bf16")
    assert step.weight_bytes + step.cache_bytes < step.resident_bytes


def test_sizes_by_hand() -> None:
    step = ModelStep(DENSE, "prefill", 2, 5, 5, "fp32")
    # buffers of one layer alone, and the scores of the last rows
    beside = step.layers[0][1].activation_bytes + 2 * 10 * 4
    assert step.resident_bytes == step.weight_bytes + step.cache_bytes + beside
    assert step.shape == {"batch": 2, "tokens": 5, "context": 5, "layers": 3, "hidden": 8, "vocabulary": 10}
    assert (step.name, step.rows) == ("inference.prefill", 10)


def test_a_step_in_fp8_keeps_embedding_norm_and_head_in_16_bits() -> None:
    step = ModelStep(DENSE, "decode", 1, 1, 9, "fp8")
    tables = DENSE.embedding_parameters + DENSE.norm_parameters
    assert step.weight_bytes == sum(n * layer.weight_bytes for n, layer in step.layers) + 2 * tables
    assert [part.format for part in (step.parts[0], *step.parts[-2:])] == ["bf16"] * 3


def test_what_a_layer_refuses_a_step_refuses() -> None:
    with pytest.raises(UsageError, match="beyond G, whose maximum is 64"):
        ModelStep(DENSE, "decode", 1, 1, 65, "bf16")
    with pytest.raises(UsageError, match="1 token of a sequence at a time, not 2"):
        ModelStep(DENSE, "decode", 1, 2, 8, "bf16")
    with pytest.raises(UsageError, match="no variant 'graph'; give 'CUDA graph'"):
        ModelStep(DENSE, "decode", 1, 1, 8, "bf16", "graph")
