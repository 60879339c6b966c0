"""Block-scaled formats: what is packed can be read back, scales lie where the library looks, shapes are its own."""

from typing import Any

import pytest
import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices import block_scaled, numerics
from greenzone.lab.devices.block_scaled import BlockScaled, mxfp8, nvfp4, tiled
from greenzone.lab.devices.kernels import build
from greenzone.lab.operators import Matmul

CPU = torch.device("cpu")
KINDS: list[Any] = [nvfp4, mxfp8]


def drawn(rows: int = 130, terms: int = 96) -> Tensor:
    return torch.randn(rows, terms, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("kind", "error"), [(nvfp4, 0.12), (mxfp8, 0.04)])
def test_values_come_back_as_near_as_the_format_holds_them(kind: Any, error: float) -> None:
    values = drawn()
    far = torch.linalg.vector_norm(kind(values).values() - values) / torch.linalg.vector_norm(values)
    assert 0 < far < error


@pytest.mark.parametrize("kind", KINDS)
def test_rounding_twice_changes_nothing(kind: Any) -> None:
    once = kind(drawn()).values()
    assert torch.equal(kind(once).values(), once)


def test_two_numbers_share_a_byte_the_first_in_the_low_half() -> None:
    row = torch.tensor([[6.0, -0.5, 0.0, 1.0, *[0.0] * 12]])
    assert nvfp4(row).data.view(torch.uint8)[0, :2].tolist() == [0x97, 0x20]


def test_each_block_has_a_scale_and_uses_its_whole_range() -> None:
    values = torch.ones(1, 64)
    values[0, 32:] = 1000.0
    assert nvfp4(values).scales.shape == (1, 4)
    assert mxfp8(values).scales.float().tolist() == [[2.0**-8, 2.0]]
    assert torch.allclose(nvfp4(values).values(), values, rtol=0.07)


def test_scales_lie_in_tiles_of_128_by_4() -> None:
    scales = torch.arange(130 * 6).remainder(251).to(torch.uint8).reshape(130, 6).view(torch.float8_e4m3fn)
    flat = tiled(scales).view(torch.uint8)
    assert flat.numel() == 256 * 8
    for row, column in ((0, 0), (1, 0), (31, 3), (32, 0), (127, 2), (128, 5), (129, 1), (100, 4)):
        tile = (row // 128) * 2 + column // 4
        place = 512 * tile + 16 * (row % 32) + 4 * (row % 128 // 32) + column % 4
        assert flat[place] == scales.view(torch.uint8)[row, column]


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_equal_and_elsewhere_and_a_transpose_holds_the_same(kind: Any) -> None:
    one: BlockScaled = kind(drawn())
    two = one.t().clone()
    assert two.data.data_ptr() != one.data.data_ptr()
    assert torch.equal(two.values(), one.values().t())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sides", [(128, 256, 512), (48, 80, 64)])
def test_torch_takes_the_operands_as_they_are(kind: Any, sides: tuple[int, int, int]) -> None:
    """On meta tensors torch checks types, strides and the number of scales as it does for CUDA."""
    m, n, k = sides
    a, b = kind(drawn(m, k)), kind(drawn(n, k)).t()
    there: Any = [x.to("meta") for x in (a.data, b.data, a.tiled, b.tiled)]
    assert torch._scaled_mm(*there, out_dtype=torch.bfloat16).shape == (m, n)
    with pytest.raises(RuntimeError):
        torch._scaled_mm(*there[:3], there[3][:-1], out_dtype=torch.bfloat16)


@pytest.mark.parametrize(("form", "variant"), [("fp4", None), ("fp4", "nvfp4"), ("fp8", "mxfp8")])
def test_a_kernel_is_checked_against_what_its_operands_hold(
    form: str, variant: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def multiply(a: BlockScaled, b: BlockScaled, out: Tensor) -> None:
        out.copy_(a.values() @ b.values())

    monkeypatch.setattr(block_scaled, "multiply", multiply)
    kernel: Any = build(Matmul(48, 80, 64, form, True, variant), numerics.native, CPU, 0, cache_bytes=40_000)
    assert len(kernel._sets) > 1
    assert kernel.check().passed
    assert kernel.variant == (variant or "nvfp4")

    def too_large(a: BlockScaled, b: BlockScaled, out: Tensor) -> None:
        out.copy_(1.02 * (a.values() @ b.values()))

    monkeypatch.setattr(block_scaled, "multiply", too_large)
    wrong: Any = build(Matmul(48, 80, 64, form, True, variant), numerics.native, CPU, 0, cache_bytes=0)
    assert not wrong.check().passed


def test_an_old_torch_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_scaled, "FP4", None)
    with pytest.raises(DeviceError, match=r"fp4 needs torch 2\.8 or later"):
        numerics.native("fp4")
