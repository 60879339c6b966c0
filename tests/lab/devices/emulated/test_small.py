"""What the emulated device checks is of the same kind, and small."""

from dataclasses import replace

import pytest

from greenzone.errors import DeviceError
from greenzone.lab.devices.emulated.arithmetic import bearable
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.devices.emulated.model import TimeModel
from greenzone.lab.layers import DecoderLayer, Phase, layers_of
from greenzone.lab.links import AllReduce
from greenzone.lab.models import load_model, model_paths
from greenzone.lab.steps import ModelStep
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import Memory


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("ref", list(model_paths()))
def test_every_layer_of_every_model_runs_small_and_right(ref: str, phase: Phase) -> None:
    device = EmulatedDevice(load_profile("nvidia-b200"))
    tokens = 512 if phase == "prefill" else 1
    for _, layer in layers_of(load_model(ref), phase, 2, tokens, 512, "bf16"):
        kernel = device.prepare(layer, 0)
        assert kernel.check().passed
        kernel.close()


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("ref", list(model_paths()))
def test_a_step_of_every_model_runs_small_and_takes_what_its_parts_take(ref: str, phase: Phase) -> None:
    profile = replace(load_profile("nvidia-b200"), memory=Memory("HBM3e", 2000, 8000))
    device, model = EmulatedDevice(profile), TimeModel(profile)
    step = ModelStep(load_model(ref), phase, 2, 512 if phase == "prefill" else 1, 512, "bf16")
    kernel = device.prepare(step, 0)
    assert kernel.check().passed
    assert (kernel.note or "").startswith("emulated; arithmetic checked at 2 layers, hidden 256")
    assert model.cost(step).seconds == pytest.approx(sum(model.cost(part).seconds for part in step.parts))
    kernel.close()


@pytest.mark.parametrize("ref", list(model_paths()))
def test_a_small_step_has_a_layer_of_each_kind(ref: str) -> None:
    step = ModelStep(load_model(ref), "decode", 64, 1, 512, "bf16")
    small = bearable(step)
    assert isinstance(small, ModelStep)
    assert [layer.kind for _, layer in small.layers] == [layer.kind for _, layer in step.layers]
    assert small.resident_bytes < 5e7


@pytest.mark.parametrize("ref", list(model_paths()))
def test_a_small_layer_is_of_the_same_kind(ref: str) -> None:
    for _, layer in layers_of(load_model(ref), "decode", 64, 1, 512, "bf16"):
        small = bearable(layer)
        assert isinstance(small, DecoderLayer)
        assert small.kind == layer.kind
        assert small.model.layer_counts == layer.model.layer_counts
        assert [type(p) for p in small.parts] == [type(p) for p in layer.parts]
        assert small.resident_bytes < 2e7


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("ref", list(model_paths()))
def test_every_operator_of_a_layer_runs_small_by_itself(ref: str, phase: Phase) -> None:
    device = EmulatedDevice(load_profile("nvidia-b200"))
    for _, layer in layers_of(load_model(ref), phase, 2, 512 if phase == "prefill" else 1, 512, "bf16"):
        for part in dict.fromkeys(layer.parts):
            small = bearable(part)
            assert type(small) is type(part)
            assert small.resident_bytes < 1e7
            kernel = device.prepare(part, 0)
            assert kernel.check().passed, part
            kernel.close()


def test_what_has_no_kernel_is_refused() -> None:
    with pytest.raises(DeviceError, match=r"no kernel for the operator 'interconnect\.all_reduce'"):
        bearable(AllReduce(8, 2))
