"""The tiles of the peak: small integers whose sums stay exact, and a check that sees every mistake."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from greenzone.lab.devices.numerics import simulated
from greenzone.lab.devices.peak_tiles import TorchPeak, check_peak, tiles
from greenzone.lab.peak import Peak

PEAK = Peak("bf16", 20, 16, 32, 64, 9)
SIDES = st.integers(1, 48)


@given(SIDES, SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_a_product_grows_by_one_to_three_and_no_partial_sum_is_large(m: int, n: int, half: int, seed: int) -> None:
    a, b = (tile.to(torch.int64) for tile in tiles(Peak("fp64", 1, m, n, 2 * half, 1), seed))
    assert a.abs().max() <= 3
    assert set(b.abs().unique().tolist()) <= {1, 2, 3}
    product = a @ b
    assert 1 <= product.abs().min() <= product.abs().max() <= 3
    partial = torch.cumsum(a[:, :, None] * b[None], 1).abs().max()
    assert partial <= 9 * half + 3


def launched(peak: Peak, seed: int = 3) -> torch.Tensor:
    kernel = TorchPeak(peak, simulated(peak.format), torch.device("cpu"), seed)
    kernel.launch()
    return kernel._out


@pytest.mark.parametrize(
    "form", ["fp64", "fp32", "tf32", "fp16", "fp16_acc16", "bf16", "fp8", "fp8_acc16", "fp6", "fp4", "int8", "int4"]
)
def test_the_loop_in_torch_is_exact_in_every_format(form: str) -> None:
    check = TorchPeak(Peak(form, 20, 16, 32, 64, 9), simulated(form), torch.device("cpu"), 3).check()
    assert (check.error, check.tolerance) == (0.0, 0.0)
    assert check.passed


def test_a_repeat_too_few_another_seed_and_a_row_not_written_are_seen() -> None:
    out = launched(PEAK)
    assert check_peak(PEAK, 3, out).passed
    fewer = launched(Peak("bf16", 20, 16, 32, 64, 8))
    assert check_peak(PEAK, 3, fewer).error == pytest.approx(1 / 9)
    assert not check_peak(PEAK, 4, out).passed
    out[7, 3] = float("nan")
    assert "not written" in check_peak(PEAK, 3, out).reference
    assert not check_peak(PEAK, 3, out).passed


def test_each_program_writes_the_row_of_its_number() -> None:
    out = launched(PEAK)
    assert torch.equal(out[0], out[16])
    assert not torch.equal(out[0], out[1])
