"""Each operator of a layer by itself is right in torch, and one that is wrong is found out."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from greenzone.errors import DeviceError
from greenzone.lab.devices import kernels, numerics, parts
from greenzone.lab.groups import GroupedMatmul, WideAttention
from greenzone.lab.operators import Attention, Elementwise, Norm

ATTENTION = Attention(3, 8, 2, 16, 24, 24, "fp32", causal=True)
DECODE = replace(ATTENTION, queries=1, keys=50, causal=False)
EXPANDED = WideAttention(3, 4, 4, 24, 16, 24, 24, "fp32", causal=True)
ABSORBED = WideAttention(3, 8, 1, 40, 32, 1, 50, "fp32", shared=True)
NORM = Norm(40, 64, "fp32")
SUM, SUMS = Elementwise(1000, 2, "fp32"), Elementwise(1000, 5, "fp32")
EVEN = GroupedMatmul(8, 24, 16, 32, "fp32", read=6.0)
UNEVEN = replace(EVEN, read=4.625)
ALL: list[Any] = [ATTENTION, DECODE, EXPANDED, ABSORBED, NORM, SUM, SUMS, EVEN, UNEVEN]


def build(part: Any, cache_bytes: int = 0) -> Any:
    return kernels.build(part, numerics.native, torch.device("cpu"), 7, cache_bytes)


@pytest.mark.parametrize("part", ALL, ids=repr)
@pytest.mark.parametrize("form", ["fp64", "fp32", "bf16"])
def test_each_passes(part: Any, form: str) -> None:
    kernel = build(replace(part, format=form))
    assert (check := kernel.check()).passed, check
    kernel.close()
    kernel.close()


@pytest.mark.parametrize("part", ALL, ids=repr)
def test_each_that_is_a_hundredth_off_fails(part: Any) -> None:
    kernel = build(part)
    run = kernel._sets[0].run
    kernel._sets[0].run = lambda: run().mul_(1.01)
    assert not kernel.check().passed


@pytest.mark.parametrize("part", ALL, ids=repr)
def test_each_that_never_ran_fails(part: Any) -> None:
    kernel = build(part)
    kernel.launch = lambda: None
    assert not kernel.check().passed


@pytest.mark.parametrize("part", [SUM, EVEN, UNEVEN], ids=repr)
def test_a_buffer_that_is_not_written_is_seen(part: Any) -> None:
    kernel = build(part)
    kernel._sets[0].run = lambda: kernel._sets[0]._out
    assert not kernel.check().passed


def test_sets_go_round() -> None:
    kernel = build(NORM, cache_bytes=3 * int(NORM.resident_bytes))
    assert len(kernel._sets) == 6
    kernel.check()
    assert kernel._turn == 1


def test_groups_say_how_they_run() -> None:
    assert build(EVEN).note == "6 of 8 matrices read, one batched product"
    assert build(UNEVEN).note == "5 of 8 matrices read, one product after another"
    assert build(replace(EVEN, rows=2)).note == "2 of 8 matrices read, one batched product"


def test_one_cache_is_read_by_all_heads_without_being_spread() -> None:
    kernel = build(ABSORBED)
    assert kernel._sets[0]._values.data_ptr() == kernel._sets[0]._keys.data_ptr()


def test_what_is_checked_of_a_large_one_is_bounded() -> None:
    kernel = build(Norm(1000, 64, "fp32"))
    assert kernel.check().reference == "float64 at 1024 of 64000 elements"


def test_8_bits_and_a_causal_attention_over_a_cache_are_refused() -> None:
    with pytest.raises(DeviceError, match="floats of 16 bits or more, not in fp8"):
        build(replace(EVEN, format="fp8"))
    with pytest.raises(DeviceError, match="as many keys as queries"):
        build(replace(ATTENTION, keys=30))


def test_there_is_a_kernel_for_every_part() -> None:
    assert set(parts._MADE) == set(parts.Part.__args__)
