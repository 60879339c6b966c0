"""Counts of operations and bytes, cross-checked with torch's own counter where it has one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from greenzone.errors import UsageError
from greenzone.lab.operators import Attention, Matmul

SIDES = st.integers(min_value=1, max_value=8192)


def test_a_product_counts_as_torch_counts_it() -> None:
    with FlopCounterMode(display=False) as counter:
        torch.mm(torch.randn(48, 80), torch.randn(80, 112))
    assert Matmul(48, 112, 80, "fp32").operations == counter.get_total_flops()


def test_an_attention_counts_as_torch_counts_it() -> None:
    q, k = torch.randn(2, 4, 8, 16), torch.randn(2, 4, 24, 16)
    with FlopCounterMode(display=False) as counter:
        (q @ k.transpose(-1, -2)).softmax(-1) @ k
    assert Attention(2, 4, 4, 16, 8, 24, "fp32").operations == counter.get_total_flops()


@given(SIDES, SIDES, SIDES)
def test_a_product_has_the_same_operations_in_every_order(m: int, n: int, k: int) -> None:
    assert Matmul(m, n, k, "fp8").operations == Matmul(k, m, n, "fp8").operations == 2.0 * m * n * k


def test_a_bf16_product_moves_three_matrices() -> None:
    assert Matmul(4096, 4096, 4096, "bf16").bytes == 100663296


@pytest.mark.parametrize(
    ("form", "bytes_"), [("fp8", 64 + 64 + 2 * 64), ("int8", 64 + 64 + 4 * 64), ("fp4", 32 + 32 + 128)]
)
def test_narrow_formats_write_wider_results(form: str, bytes_: float) -> None:
    assert Matmul(8, 8, 8, form).bytes == bytes_


def test_causal_attention_counts_the_seen_half() -> None:
    whole = Attention(1, 1, 1, 1, 4, 4, "fp32")
    assert (whole.pairs, Attention(1, 1, 1, 1, 4, 4, "fp32", causal=True).pairs) == (16, 10)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Matmul(0, 1, 1, "fp32"),
        lambda: Attention(1, 3, 2, 8, 1, 1, "fp32"),
        lambda: Attention(1, 2, 2, 8, 4, 2, "fp32", causal=True),
    ],
)
def test_sizes_that_make_no_sense_are_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(UsageError):
        make()
