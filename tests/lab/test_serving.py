"""Speed, utilisation and the turn from memory to compute, by hand."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.errors import UsageError
from greenzone.lab.models import load_model, model_paths
from greenzone.lab.operators import Matmul
from greenzone.lab.serving import (
    Speed,
    arithmetic_intensity,
    balance,
    mbu,
    mfu,
    model_seconds,
    product_turns_at,
    speed,
    step_bytes,
    step_operations,
    turns,
)
from greenzone.lab.shapes import Experts, GroupedAttention, Mlp, ModelShape

MIXED = ModelShape(
    "m", "M", 5, 8, 10, 64, False, GroupedAttention(4, 2, 3), mlp=Mlp(16), experts=Experts(4, 2, 5, dense_layers=2)
)
DENSE = replace(MIXED, experts=None)
LLAMA = load_model("llama-3.1-8b")


def test_a_step_is_the_layers_of_every_kind_and_the_head() -> None:
    assert model_seconds(MIXED, {"dense": 1.0, "experts": 10.0}, 0.5) == 2 * 1.0 + 3 * 10.0 + 0.5


def test_a_kind_without_seconds_is_told() -> None:
    with pytest.raises(UsageError, match="no seconds are given for its layers of kind experts"):
        model_seconds(MIXED, {"dense": 1.0}, 0.5)


def test_speed_by_hand() -> None:
    found = speed(DENSE, 4, 100, {"dense": 0.02}, {"dense": 0.001}, 0.005)
    assert found.ttft_s == pytest.approx(0.105)
    assert found.tpot_s == pytest.approx(0.010)
    assert found.tokens_per_s_user == pytest.approx(100)
    assert found.tokens_per_s == pytest.approx(400)
    assert found.prompt_tokens_per_s == pytest.approx(4 * 100 / 0.105)
    assert found.request_seconds(1) == found.ttft_s
    assert found.request_seconds(51) == pytest.approx(0.605)


@pytest.mark.parametrize(("ttft", "tpot"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_no_time_is_no_speed(ttft: float, tpot: float) -> None:
    with pytest.raises(UsageError, match="must be more than 0"):
        Speed(1, 1, ttft, tpot)


def test_a_decode_step_by_hand() -> None:
    # products: q 8x12, k and v 8x6, o 12x8, three of 8x16, head 8x10; batch 2; attention over 7 keys
    products = 2 * 2 * (5 * (96 + 48 + 48 + 96 + 3 * 128) + 80)
    attention = 5 * 4 * 2 * 4 * 7 * 3
    # of a layer: two norms of 4 an element, two residual sums, a gate of 5 an element; the last norm
    rest = 5 * (2 * 4 * 16 + 2 * 16 + 5 * 2 * 16) + 4 * 16
    assert step_operations(DENSE, "decode", 2, 7, "bf16") == products + attention + rest
    weights = 5 * (96 + 48 + 48 + 96 + 3 * 128 + 16) + 8 + 80
    assert step_bytes(DENSE, "decode", 2, 7, "bf16") == 2 * (weights + 5 * 2 * 7 * 2 * 2 * 3)


def test_llama_reads_its_weights_without_the_embeddings_and_its_caches() -> None:
    read = step_bytes(LLAMA, "decode", 16, 2048, "bf16")
    assert read == 2 * (8_030_261_248 - 128_256 * 4096) + 16 * 2048 * 131_072


def test_prefill_takes_two_operations_for_each_weight_and_token_and_the_attention() -> None:
    tokens = 1024
    layers = 2 * (LLAMA.multiplied_parameters - LLAMA.head_parameters) * tokens
    attention = 32 * 4 * 32 * 128 * tokens * (tokens + 1) / 2
    ours = step_operations(LLAMA, "prefill", 1, tokens, "bf16")
    assert ours == pytest.approx(layers + attention + 2 * LLAMA.head_parameters, rel=1e-3)


def test_utilisation_by_hand() -> None:
    # PaLM, appendix B: 540B and its attention at 238.3 thousand tokens/s on 6,144 chips of 275 TFLOPS: 46.2%
    operations = 238.3e3 * (6 * 540.35e9 + 12 * 118 * 48 * 256 * 2048)
    assert mfu(operations, 1.0, 6144 * 275) == pytest.approx(0.462, abs=0.002)
    # Databricks' example: 7B in 16 bits at a TPOT of 14 ms is 1 TB/s, 50% of 2 TB/s
    assert mbu(7e9 * 2, 0.014, 2000) == 0.5


def test_a_product_turns_where_its_intensity_meets_the_balance() -> None:
    # H100 SXM: 989 TOPS over 3,350 GB/s; I = 295.2, m = I / (1 - 8192 I / 4096^2)
    bound = balance(989, 3350)
    rows = product_turns_at(4096, 4096, "bf16", bound)
    assert rows is not None
    assert rows == pytest.approx(bound / (1 - 8192 * bound / 4096**2))
    assert math.ceil(rows) == 345
    assert arithmetic_intensity(Matmul(344, 4096, 4096, "bf16")) < bound
    assert arithmetic_intensity(Matmul(345, 4096, 4096, "bf16")) >= bound


def test_a_product_too_small_for_the_balance_never_turns() -> None:
    assert product_turns_at(64, 64, "bf16", 295.0) is None


@given(st.integers(64, 8192), st.integers(64, 8192), st.sampled_from(["bf16", "fp8", "int8"]))
def test_the_search_and_the_formula_agree(hidden: int, inner: int, form: str) -> None:
    model = replace(DENSE, hidden=hidden, mlp=Mlp(inner), vocabulary=16)
    found = {turn.part: turn.batch for turn in turns(model, 8, form, 148, 4000)}
    rows = product_turns_at(inner, hidden, form, balance(148, 4000))
    batch = found[f"product {inner} x {hidden}"]
    if rows is None or batch is None:
        assert batch is None
        assert rows is None or rows > 2**20
    else:
        assert rows <= batch < rows + 1 + 1e-6 * rows


def test_turns_of_a_mixture_come_later_by_the_experts_each_row_leaves_out() -> None:
    found = {turn.part: turn.batch for turn in turns(load_model("mixtral-8x7b"), 1024, "bf16", 148, 4000)}
    dense, expert = found["product 4096 x 4096"], found["8 products 14336 x 4096"]
    assert dense == 38
    # two rows of eight reach an expert: four times the batch, less what is not rounded
    assert expert == math.ceil(4 * 37 / (1 - 37 * (4096 + 14336) / (4096 * 14336)))
    assert found["attention"] is None  # four queries share a key: 4 operations for each byte
    assert found["product 8 x 4096"] is None  # the router


def test_absorbed_attention_is_bound_by_the_rate_on_a_weak_part_at_any_batch() -> None:
    deepseek = load_model("deepseek-v3")
    # 128 heads share one latent vector: 2 x 128 x 1,088 operations for each 1,152 bytes, nearly 242
    weak = {turn.part: turn.batch for turn in turns(deepseek, 8192, "bf16", 148, 4000)}
    strong = {turn.part: turn.batch for turn in turns(deepseek, 8192, "bf16", 989, 3350)}
    assert (weak["attention"], strong["attention"]) == (1, None)


@pytest.mark.parametrize("ref", list(model_paths()))
def test_the_whole_step_turns_after_the_first_of_its_parts(ref: str) -> None:
    found = turns(load_model(ref), 512, "bf16", 148, 4000)
    assert found[-1].part == "whole step"
    first = min(turn.batch for turn in found if turn.batch is not None)
    assert found[-1].batch is None or found[-1].batch >= first


@pytest.mark.parametrize(("rate", "bandwidth"), [(0, 4000), (148, 0), (-1, 1)])
def test_a_part_without_rate_or_bandwidth_is_refused(rate: float, bandwidth: float) -> None:
    with pytest.raises(UsageError, match="must be more than 0"):
        turns(DENSE, 8, "bf16", rate, bandwidth)
