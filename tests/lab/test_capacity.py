"""What fits a memory, by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.errors import UsageError
from greenzone.lab.capacity import devices_needed, footprint, largest_batch, largest_context
from greenzone.lab.models import load_model, model_paths
from greenzone.lab.shapes import GroupedAttention, Mlp, ModelShape

DENSE = ModelShape("m", "M", 2, 8, 10, 64, False, GroupedAttention(4, 2, 3), mlp=Mlp(16))
LLAMA = load_model("llama-3.1-8b")


def test_a_footprint_by_hand() -> None:
    found = footprint(DENSE, 3, 16, "bf16")
    assert found.weight_bytes == 2 * (2 * 688 + 8 + 160)
    assert found.cache_bytes == 3 * 16 * 2 * 2 * 2 * 3 * 2
    # three rows: products 12 + 6 + 6 + 8 + 16 + 16 + 8 wide, four hidden and two inner states, ten scores
    assert found.activation_bytes == 2 * 3 * (72 + 4 * 8 + 2 * 16 + 10)
    assert found.total_bytes == found.weight_bytes + found.cache_bytes + found.activation_bytes


def test_narrow_weights_keep_wide_activations_and_a_cache_of_its_own() -> None:
    wide, narrow = footprint(DENSE, 3, 16, "bf16"), footprint(DENSE, 3, 16, "fp8", "bf16")
    assert narrow.weight_bytes == wide.weight_bytes / 2
    assert (narrow.cache_bytes, narrow.activation_bytes) == (wide.cache_bytes, wide.activation_bytes)
    assert footprint(DENSE, 3, 16, "fp8").cache_bytes == wide.cache_bytes / 2


def test_llama_on_an_h20_by_hand() -> None:
    # left: 96 GB less 8,030,261,248 weights of 2 bytes; a row passes on results of 43,008 elements, states of
    # 45,056 and scores of 128,256; 8,192 tokens keep 2^30 bytes
    left, row = 96_000_000_000 - 16_060_522_496, 2 * (43_008 + 45_056 + 128_256)
    assert largest_batch(LLAMA, 8192, 96, "bf16") == left // (2**30 + row) == 74
    assert largest_context(LLAMA, 8, 96, "bf16") == (left - 8 * row) // (8 * 131_072) == 76_232
    assert largest_context(LLAMA, 1, 96, "bf16") == 131_072  # the model's maximum, though more would fit


def test_what_does_not_fit_at_all_is_nought() -> None:
    big = load_model("llama-3.1-70b")
    assert largest_batch(big, 2048, 96, "bf16") == 0
    assert largest_context(big, 1, 96, "bf16") == 0
    assert devices_needed(big, 1, 2048, 96, "bf16") == 2  # 141.1 GB
    assert devices_needed(big, 1, 2048, 96, "fp8") == 1


def test_deepseek_needs_eight_h20_in_fp8() -> None:
    # 671 GB and 8 x 32,768 tokens of 70,272 bytes, 18.4 GB, in 16 bits: 690 of 768 GB
    assert devices_needed(load_model("deepseek-v3"), 8, 32768, 96, "fp8", "bf16") == 8


@pytest.mark.parametrize("ref", list(model_paths()))
@given(st.floats(1, 2000), st.integers(1, 1024))
def test_the_largest_fits_and_one_more_does_not(ref: str, memory_gb: float, context: int) -> None:
    model = load_model(ref)
    batch = largest_batch(model, context, memory_gb, "bf16")
    assert batch == 0 or footprint(model, batch, context, "bf16").total_bytes <= memory_gb * 1e9
    assert footprint(model, batch + 1, context, "bf16").total_bytes > memory_gb * 1e9 * (1 - 1e-12)
    longest = largest_context(model, 4, memory_gb, "bf16")
    assert longest == 0 or footprint(model, 4, longest, "bf16").total_bytes <= memory_gb * 1e9 * (1 + 1e-12)
    if longest < model.max_context:
        assert footprint(model, 4, longest + 1, "bf16").total_bytes > memory_gb * 1e9 * (1 - 1e-12)


def test_a_model_that_fits_needs_one_device_and_never_fewer_bytes_than_its_share() -> None:
    assert devices_needed(LLAMA, 1, 2048, 96, "bf16") == 1
    needed = devices_needed(LLAMA, 512, 8192, 96, "bf16")
    total = footprint(LLAMA, 512, 8192, "bf16").total_bytes
    assert (needed - 1) * 96e9 < total <= needed * 96e9


def test_a_context_beyond_the_model_is_refused() -> None:
    for ask in (largest_batch, lambda m, c, g, f: devices_needed(m, 1, c, g, f)):
        with pytest.raises(UsageError, match="whose maximum is 64"):
            ask(DENSE, 65, 96, "bf16")


@pytest.mark.parametrize("memory_gb", [0, -1, float("nan")])
def test_a_memory_that_is_none_is_refused(memory_gb: float) -> None:
    with pytest.raises(UsageError, match="holds nothing"):
        largest_batch(replace(DENSE), 8, memory_gb, "bf16")
