"""Kernels are right, and a kernel that is wrong is found out."""

from typing import Any

import pytest
import torch

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices import checking, kernels, numerics
from greenzone.lab.operators import Elementwise, Matmul, Operator
from greenzone.lab.streams import Copy, Read

CPU = torch.device("cpu")


def build(operator: Operator, simulated: bool = False, cache: int = 0) -> Any:
    return kernels.build(operator, numerics.simulated if simulated else numerics.native, CPU, 7, cache)


@pytest.mark.parametrize("form", ["fp64", "fp32", "tf32", "bf16", "fp16", "int8", "fp8"])
def test_native_products_pass(form: str) -> None:
    check = build(Matmul(48, 80, 64, form, transposed=True)).check()
    assert check.passed, check


@pytest.mark.parametrize(
    "form", ["fp64_tensor", "fp32", "tf32", "fp16_acc16", "bf16", "fp8", "fp6", "fp4", "int8", "int4"]
)
def test_simulated_products_pass(form: str) -> None:
    check = build(Matmul(48, 80, 64, form), simulated=True).check()
    assert check.passed, check


@pytest.mark.parametrize(
    "variant", ["e4m3", "e4m3, fast accumulation", "e5m2 x e4m3", "e5m2 x e4m3, fast accumulation"]
)
def test_fp8_passes_in_its_variants(variant: str) -> None:
    kernel = build(Matmul(48, 80, 64, "fp8", True, variant))
    assert kernel.check().passed
    assert kernel.variant == variant
    types = [operand.dtype for operand in kernel._sets[0][:2]]
    assert types == [torch.float8_e5m2 if "e5m2" in variant else torch.float8_e4m3fn, torch.float8_e4m3fn]


@pytest.mark.parametrize(("form", "variant"), [("fp8", "e3m4"), ("bf16", "oneDNN"), ("fp4", "mxfp4")])
def test_a_variant_that_is_not_there_is_refused(form: str, variant: str) -> None:
    with pytest.raises(DeviceError, match=variant):
        build(Matmul(32, 32, 32, form, True, variant))


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("form", ["fp64", "fp32", "bf16", "fp16", "int8"])
def test_low_toggle_data_change_nothing_along_a_sum_and_pass(form: str, transposed: bool) -> None:
    kernel = build(Matmul(96, 80, 64, form, transposed, data="low_toggle"))
    a, b, _ = (operand.double() for operand in kernel._sets[0])
    assert bool((a == a[:, :1]).all())
    assert bool((b == b[:1]).all())
    assert len(a.unique()) == len(b.unique()) == 2
    assert 0 not in a
    assert kernel.check().error == 0


def test_rows_that_are_mixed_up_do_not_pass_on_low_toggle_data() -> None:
    kernel = build(Matmul(96, 80, 64, "fp32", data="low_toggle"))
    launch = kernel.launch

    def mixed() -> None:
        launch()
        out = kernel._sets[0][2]
        out.copy_(out.roll(1, 0))

    kernel.launch = mixed
    assert not kernel.check().passed


@pytest.mark.parametrize(
    "operator", [Matmul(32, 32, 32, "fp32"), Matmul(32, 32, 32, "int8", True), Copy(4096), Read(4096)]
)
def test_a_kernel_that_writes_nothing_fails(operator: Operator) -> None:
    kernel = build(operator)
    kernel.launch = lambda: None
    check = kernel.check()
    assert not check.passed
    assert check.error >= 1
    assert "not written" in check.reference


def test_a_kernel_that_leaves_one_element_fails() -> None:
    kernel = build(Matmul(512, 512, 16, "fp32"))
    launch = kernel.launch

    def all_but_one() -> None:
        launch()
        kernel._sets[0][2][100, 100] = float("nan")

    kernel.launch = all_but_one
    assert not kernel.check().passed


@pytest.mark.parametrize("form", ["fp32", "bf16", "int8"])
def test_a_kernel_with_a_wrong_value_fails(form: str) -> None:
    kernel = build(Matmul(32, 32, 32, form, True))
    launch = kernel.launch

    def shifted() -> None:
        launch()
        kernel._sets[0][2][3, 3] += 100

    kernel.launch = shifted
    check = kernel.check()
    assert not check.passed
    assert "not written" not in check.reference


def test_zeros_do_not_pass_for_a_product() -> None:
    kernel = build(Matmul(32, 32, 32, "fp16", True))
    kernel.launch = kernel._sets[0][2].zero_
    assert kernel.check().error == pytest.approx(1.0)


def test_operands_rotate_over_twice_the_cache() -> None:
    operator = Matmul(64, 64, 64, "fp32")
    kernel = build(operator, cache=100_000)
    assert len(kernel._sets) * operator.resident_bytes >= 200_000
    kernel.launch()
    assert kernel._turn == 1
    pointers = {x.data_ptr() for operands in kernel._sets for x in operands}
    assert len(pointers) == 3 * len(kernel._sets)


def test_inputs_are_not_zeros_and_hang_on_the_seed() -> None:
    one, two = build(Copy(4096)), build(Copy(4096))
    other: Any = kernels.build(Copy(4096), numerics.native, CPU, 8, 0)
    assert torch.equal(one._sets[0][1], two._sets[0][1])
    assert not torch.equal(one._sets[0][1], other._sets[0][1])
    assert one._sets[0][1].std() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(
    "operator",
    [Matmul(8, 8, 8, "fp4"), Copy(64, "bf16"), Elementwise(8, 2, "int8"), Matmul(32, 32, 32, "fp8")],
)
def test_what_torch_cannot_run_is_refused(operator: Operator) -> None:
    with pytest.raises(DeviceError):
        build(operator)


def test_an_allocation_that_fails_is_out_of_memory() -> None:
    with pytest.raises(OutOfMemory):
        build(Copy(2**52))


def test_memory_that_runs_out_in_a_check_is_ours() -> None:
    kernel = build(Copy(4096))

    def full() -> None:
        torch.empty(2**52)

    kernel.launch = full
    with pytest.raises(OutOfMemory, match="check of a memory stream"):
        kernel.check()


def test_close_gives_the_operands_back() -> None:
    kernel = build(Matmul(32, 32, 32, "fp32"))
    kernel.close()
    kernel.close()
    assert kernel._sets == []


def test_a_nan_in_the_result_never_passes() -> None:
    out = torch.ones(4)
    out[2] = float("nan")
    assert not checking.compare(out, torch.ones(4, dtype=torch.float64), out, 10.0, "ones").error < 1
