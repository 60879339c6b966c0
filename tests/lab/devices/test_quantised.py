"""Products in 8 bits: rounded by their own largest value, right within that, and found out when wrong."""

from typing import Any

import pytest
import torch

from greenzone.errors import DeviceError
from greenzone.lab.devices import kernels, numerics, quantised
from greenzone.lab.devices.attentions import GroupedBlock
from greenzone.lab.devices.cpu import CpuDevice
from greenzone.lab.devices.emulated.arithmetic import bearable
from greenzone.lab.devices.quantised import QuantisedWeight
from greenzone.lab.layers import DecoderLayer, Phase, layers_of
from greenzone.lab.models import load_model, model_paths
from greenzone.lab.steps import ModelStep

CPU = torch.device("cpu")
FORMATS = ["fp8", "int8"]


def build(operator: Any, held: Any = numerics.simulated) -> Any:
    return kernels.build(bearable(operator), held, CPU, 7, 0)


def weight(form: str, held: Any = numerics.simulated) -> tuple[torch.Tensor, QuantisedWeight]:
    values = torch.randn((48, 64), generator=torch.Generator().manual_seed(1)).to(torch.bfloat16)
    return values, QuantisedWeight(values, held(form))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("phase", ["decode", "prefill"])
@pytest.mark.parametrize("ref", list(model_paths()))
def test_layers_and_steps_of_every_model_pass(ref: str, phase: Phase, form: str) -> None:
    sizes = (load_model(ref), phase, 2, *((1, 40) if phase == "decode" else (24, 24)), form)
    for operator in (*(layer for _, layer in layers_of(*sizes)), ModelStep(*sizes)):
        check = build(operator).check()
        assert check.passed, check
        assert check.error > 1e-4, "nothing was rounded"


@pytest.mark.parametrize("form", FORMATS)
def test_a_layer_runs_on_this_processor_where_torch_has_the_path(form: str) -> None:
    layer = bearable(DecoderLayer(load_model("gpt2"), "decode", 2, 1, 40, form))
    try:
        kernel = CpuDevice().prepare(layer, 7)
    except DeviceError as error:
        pytest.skip(str(error))
    assert kernel.check().passed
    assert "rounded at run time" in (kernel.note or "")


def test_a_torch_without_the_path_is_said_to_lack_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*operands: Any, **out: Any) -> None:
        raise RuntimeError("addmm_impl_cpu_ not implemented for 'Char'")

    monkeypatch.setattr(torch, "_int_mm", missing)
    with pytest.raises(DeviceError, match="cpu: no product in int8: addmm_impl_cpu_ not implemented"):
        CpuDevice().prepare(bearable(DecoderLayer(load_model("gpt2"), "decode", 2, 1, 40, "int8")), 7)


@pytest.mark.parametrize(("form", "share"), [("fp8", 0.026), ("int8", 0.010)])
def test_rows_of_normal_values_err_by_what_is_derived(form: str, share: float) -> None:
    _, one = weight(form)
    rows = torch.randn((256, 64), generator=torch.Generator().manual_seed(2)).to(torch.bfloat16)
    right = rows.double() @ one.wide().t()
    error = (one.multiply(rows).double() - right).norm() / right.norm()
    assert float(error) == pytest.approx(share, rel=0.25)


@pytest.mark.parametrize("form", FORMATS)
def test_what_a_weight_holds_is_near_what_it_was_given(form: str) -> None:
    values, one = weight(form)
    error = (one.wide() - values.double()).norm() / values.double().norm()
    assert 1e-3 < float(error) < 0.04


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("size", [2.0**-13, 2.0**13])
def test_the_scale_follows_the_rows(form: str, size: float) -> None:
    _, one = weight(form)
    rows = torch.randn((8, 64), generator=torch.Generator().manual_seed(3)).to(torch.bfloat16)
    small, large = one.multiply(rows), one.multiply(rows * size)
    assert torch.equal(large, small * size)


def test_rows_of_nought_give_nought() -> None:
    _, one = weight("fp8")
    assert not one.multiply(torch.zeros((2, 64), dtype=torch.bfloat16)).any()


def test_a_bias_is_added_behind_the_scale() -> None:
    _, one = weight("int8")
    rows, bias = torch.ones((2, 64), dtype=torch.bfloat16), torch.full((48,), 3.0, dtype=torch.bfloat16)
    assert torch.allclose(one.multiply(rows, bias), one.multiply(rows) + 3.0)


def test_few_rows_are_padded_where_the_product_wants_more() -> None:
    values, one = weight("int8", numerics.native)
    rows, taken = values[:3], []
    plain = one.multiply(rows)
    one._fewest, product = 32, one._numerics.product
    held = numerics.replace(one._numerics, product=lambda a, b, out: (taken.append(len(a)), product(a, b, out)))
    one._numerics = held
    assert torch.equal(one.multiply(rows), plain)
    assert torch.equal(one.multiply(values[:33])[:3], one.multiply(values[:33], None)[:3])
    assert taken == [32, 40, 40]


def test_the_note_tells_of_padding_where_it_happens() -> None:
    assert "padded to 32" in quantised.note("int8", on_gpu=True)
    assert "padded" not in quantised.note("int8", on_gpu=False) + quantised.note("fp8", on_gpu=True)


@pytest.mark.parametrize("form", FORMATS)
def test_a_wrong_attention_is_found_though_rounding_is_allowed(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = GroupedBlock.__call__

    def wrong(self: Any, rows: Any, tokens: int, exact: bool = False) -> Any:
        return right(self, rows, tokens, exact) * (1.0 if exact else 1.15)

    monkeypatch.setattr(GroupedBlock, "__call__", wrong)
    assert not build(DecoderLayer(load_model("gpt2"), "prefill", 2, 16, 16, form)).check().passed
