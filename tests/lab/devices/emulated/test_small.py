"""What the emulated device checks is of the same kind, and small."""

import pytest

from greenzone.errors import DeviceError
from greenzone.lab.devices.emulated.arithmetic import bearable
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.layers import DecoderLayer, Phase, layers_of
from greenzone.lab.models import load_model, model_paths
from greenzone.lab.operators import Norm
from greenzone.parts.catalogue import load_profile


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("ref", list(model_paths()))
def test_every_layer_of_every_model_runs_small_and_right(ref: str, phase: Phase) -> None:
    device = EmulatedDevice(load_profile("nvidia-b200"))
    tokens = 512 if phase == "prefill" else 1
    for _, layer in layers_of(load_model(ref), phase, 2, tokens, 512, "bf16"):
        kernel = device.prepare(layer, 0)
        assert kernel.check().passed
        kernel.close()


@pytest.mark.parametrize("ref", list(model_paths()))
def test_a_small_layer_is_of_the_same_kind(ref: str) -> None:
    for _, layer in layers_of(load_model(ref), "decode", 64, 1, 512, "bf16"):
        small = bearable(layer)
        assert isinstance(small, DecoderLayer)
        assert small.kind == layer.kind
        assert small.model.layer_counts == layer.model.layer_counts
        assert [type(p) for p in small.parts] == [type(p) for p in layer.parts]
        assert small.resident_bytes < 2e7


def test_what_has_no_kernel_is_refused() -> None:
    with pytest.raises(DeviceError, match="no kernel for the operator 'norm'"):
        bearable(Norm(1, 8, "bf16"))
