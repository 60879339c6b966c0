"""The emulated device: capacity, noise by seed, limiter, its own clock, and real arithmetic."""

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices.emulated.device import EmulatedDevice, EmulatedKernel, bearable
from greenzone.lab.devices.emulated.model import TimeModel
from greenzone.lab.models import default_model
from greenzone.lab.operators import DecoderLayer, Matmul, Operator
from greenzone.lab.streams import Copy, Read, Triad
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile, Emulation, Limiter
from greenzone.statistics import autocorrelation, median

H20 = load_profile("nvidia-h20")
PRODUCT = Matmul(4096, 4096, 4096, "fp8")


def limited(rate_tops: float, burst_ms: float) -> DeviceProfile:
    return replace(H20, emulation=Emulation(limiter=(Limiter("fp8", rate_tops, burst_ms),)))


def test_the_capacity_is_held() -> None:
    device = EmulatedDevice(H20)
    first = device.prepare(Copy(40 * 10**9), 0)
    with pytest.raises(OutOfMemory, match=r"needs 20 GB and 16 of 96 GB are left"):
        device.prepare(Copy(10 * 10**9), 0)
    first.close()
    first.close()
    assert device.free_bytes == 96 * 10**9
    device.prepare(Copy(48 * 10**9), 0)
    assert device.free_bytes == 0


def test_the_seed_decides_the_noise() -> None:
    def samples(seed: int) -> list[float]:
        device = EmulatedDevice(H20, seed)
        return device.time(device.prepare(PRODUCT, 0), 50)

    assert samples(1) == samples(1) != samples(2)


def test_the_noise_is_half_a_per_cent_and_wanders() -> None:
    device = EmulatedDevice(H20, 3)
    samples = device.time(device.prepare(PRODUCT, 0), 4000)
    mean = sum(samples) / len(samples)
    deviation = (sum((s / mean - 1) ** 2 for s in samples) / len(samples)) ** 0.5
    assert deviation == pytest.approx(0.005, rel=0.2)
    assert autocorrelation(samples) == pytest.approx(0.6, abs=0.1)


def test_a_limiter_acts_after_its_burst_and_rests_when_idle() -> None:
    device = EmulatedDevice(limited(100, burst_ms=10))
    kernel = device.prepare(PRODUCT, 0)
    samples = device.time(kernel, 200)
    slow = PRODUCT.operations / 100e12
    fast = [s for s in samples if s < 0.9 * slow]
    assert sum(fast) == pytest.approx(0.010, abs=0.001)
    assert samples[: len(fast)] == fast
    assert median(samples[len(fast) :]) == pytest.approx(slow, rel=0.01)
    device.idle(1.0)
    assert device.time(kernel, 1)[0] < 0.9 * slow


def test_a_limiter_leaves_other_formats_alone() -> None:
    device = EmulatedDevice(limited(1, burst_ms=0.001))
    other = device.prepare(Matmul(4096, 4096, 4096, "bf16"), 0)
    assert max(device.time(other, 50)) < 2e-3


def test_its_time_is_not_waited_for() -> None:
    device, start = EmulatedDevice(H20), time.perf_counter()
    device.idle(3600)
    taken = device.time(device.prepare(Matmul(8192, 8192, 8192, "fp64"), 0), 10)
    assert device.now() == pytest.approx(3600 + sum(taken))
    assert sum(taken) > 10
    assert time.perf_counter() - start < 5


def test_the_h20_reaches_a_plausible_share_of_its_claims() -> None:
    device = EmulatedDevice(H20)
    rate = PRODUCT.operations / median(device.time(device.prepare(PRODUCT, 0), 20)) / 1e12
    assert 0.9 * 296 < rate < 296
    stream = Triad(2**30)
    bandwidth = stream.bytes / median(device.time(device.prepare(stream, 0), 20)) / 1e9
    assert 0.8 * 4000 < bandwidth < 0.95 * 4000


def test_the_capped_5090_shows_its_burst_and_its_limit() -> None:
    device = EmulatedDevice(load_profile("nvidia-rtx-5090-d-v2"))
    product = Matmul(4096, 4096, 4096, "int8")
    samples = device.time(device.prepare(product, 0), 200)
    burst, sustained = (product.operations / s / 1e12 for s in (median(samples[:20]), median(samples[-50:])))
    assert burst == pytest.approx(665, rel=0.03)
    assert sustained == pytest.approx(569.7, rel=0.01)


SIDES = st.integers(min_value=1, max_value=16384)


@given(SIDES, SIDES, SIDES)
def test_no_product_beats_the_roofline(m: int, n: int, k: int) -> None:
    model, product = TimeModel(H20), Matmul(m, n, k, "fp8")
    seconds = model.cost(product).seconds
    assert seconds > product.operations / 296e12
    assert seconds > product.bytes / 4e12


def test_a_wave_too_many_costs() -> None:
    model = TimeModel(H20)
    cube, over = (model.cost(Matmul(m, n, 4096, "fp8")) for m, n in ((4096, 4096), (1280, 1024)))
    # 80 tiles of 128 x 128 on 78 units
    assert over.compute_seconds / over.operations > 1.2 * cube.compute_seconds / cube.operations


def test_a_layer_takes_the_sum_of_its_parts() -> None:
    model, layer = TimeModel(H20), DecoderLayer(default_model(), "decode", 1, 1, 2048, "bf16")
    assert model.cost(layer).seconds == pytest.approx(sum(model.cost(part).seconds for part in layer.parts))
    assert model.cost(layer).seconds > layer.bytes / 4e12


@pytest.mark.parametrize(
    ("profile", "operator", "message"),
    [
        (load_profile("amd-mi308x"), Matmul(8, 8, 8, "fp16"), "profile amd-mi308x gives no peak for fp16"),
        (replace(H20, memory=None), Copy(4096), "profile nvidia-h20 gives no memory bandwidth"),
    ],
)
def test_what_the_profile_does_not_give_is_not_made_up(
    profile: DeviceProfile, operator: Operator, message: str
) -> None:
    with pytest.raises(DeviceError, match=message):
        EmulatedDevice(profile).prepare(operator, 0)


def test_formats_are_those_with_a_claimed_peak() -> None:
    assert set(EmulatedDevice(H20).formats()) == {"fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int8"}
    assert EmulatedDevice(load_profile("amd-mi308x")).formats() == ()


@pytest.mark.parametrize(
    "operator",
    [
        *[Matmul(8192, 8192, 8192, form) for form in ("fp8", "int8", "bf16", "tf32", "fp64")],
        Copy(2**30), Triad(2**30), Read(2**30),
        DecoderLayer(default_model(), "decode", 64, 1, 2048, "bf16"),
        DecoderLayer(default_model(), "prefill", 1, 512, 512, "bf16"),
    ],
)  # fmt: skip
def test_real_arithmetic_is_checked_at_a_bearable_size(operator: Operator) -> None:
    device = EmulatedDevice(H20)
    kernel = device.prepare(operator, 0)
    assert bearable(operator).resident_bytes < 64e6
    assert kernel.check().passed
    assert (kernel.note or "").startswith("emulated; arithmetic checked at ")
    assert device.now() == 0


def test_the_note_names_the_size() -> None:
    assert EmulatedDevice(H20).prepare(PRODUCT, 0).note == "emulated; arithmetic checked at 256x256x256"


def test_wrong_arithmetic_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from greenzone.lab.devices.kernels import ProductKernel

    monkeypatch.setattr(ProductKernel, "launch", lambda _: None)
    assert not EmulatedDevice(H20).prepare(PRODUCT, 0).check().passed


def test_the_ceiling_is_the_silicons() -> None:
    assert EmulatedDevice(H20).ceiling_tops("fp8") == pytest.approx(78 * 8192 * 1980e6 / 1e12)
    assert EmulatedDevice(H20).ceiling_tops("fp64") is None
    assert EmulatedDevice(replace(H20, hardware=None)).ceiling_tops("fp8") is None


def test_telemetry_has_the_shape_of_nvml() -> None:
    device = EmulatedDevice(H20)
    idle: Any = device.telemetry()
    device.time(device.prepare(PRODUCT, 0), 3)
    busy: Any = device.telemetry()
    names = {
        "clock_sm_mhz",
        "clock_default_sm_mhz",
        "clock_memory_mhz",
        "power_w",
        "temperature_c",
        "utilization",
        "throttle_reasons",
    }
    assert set(idle) == set(busy) == names
    assert 0 < idle["power_w"] < busy["power_w"] <= 400
    assert (idle["utilization"], busy["utilization"]) == (0.0, 1.0)


def test_energy_by_operation_is_used_where_stated() -> None:
    profile = replace(H20, emulation=Emulation(idle_w=100, energy_pj_per_op={"fp8": 0.5}))
    device = EmulatedDevice(profile)
    kernel = device.prepare(PRODUCT, 0)
    seconds = device.time(kernel, 1)[0]
    state: Any = device.telemetry()
    assert state["power_w"] == pytest.approx(100 + PRODUCT.operations * 0.5e-12 / seconds)


def test_a_strangers_kernel_is_refused() -> None:
    kernel = EmulatedDevice(H20).prepare(PRODUCT, 0)
    assert isinstance(kernel, EmulatedKernel)
    with pytest.raises(DeviceError, match="prepared itself"):
        EmulatedDevice(H20).time(object(), 1)  # type: ignore[arg-type]
