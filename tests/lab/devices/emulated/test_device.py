"""The emulated device: capacity, noise by seed, limiter, its own clock, and real arithmetic."""

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices.emulated.arithmetic import CHECK_BYTES, CHECK_OPERATIONS, bearable
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.devices.emulated.kernels import EmulatedKernel
from greenzone.lab.devices.emulated.model import TimeModel
from greenzone.lab.groups import GroupedMatmul
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.models import default_model
from greenzone.lab.operators import Matmul, Operator
from greenzone.lab.peak import Peak
from greenzone.lab.streams import Copy, Read, Sweep, Triad
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile, Emulation, Limiter
from greenzone.statistics import autocorrelation, median

H20 = load_profile("nvidia-h20")
PRODUCT = Matmul(4096, 4096, 4096, "fp8")


def limited(rate_tops: float, burst_ms: float) -> DeviceProfile:
    return replace(H20, emulation=Emulation(limiter=(Limiter("fp8", rate_tops, burst_ms=burst_ms),)))


def test_the_capacity_is_held() -> None:
    device = EmulatedDevice(H20)
    first = device.prepare(Copy(40 * 10**9), 0)
    with pytest.raises(OutOfMemory, match=r"needs 20 GB and 15.5 of 96 GB are left"):
        device.prepare(Copy(10 * 10**9), 0)
    first.close()
    first.close()
    assert device.free_bytes == 95.5e9, "a context takes half a gigabyte"
    device.prepare(Copy(47_749_000_000), 0)
    assert 0 <= device.free_bytes < 2**21, "whole blocks of 2 MiB"


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


def test_a_limiter_on_the_clock_takes_the_clock_down_and_is_seen_in_it() -> None:
    profile = replace(H20, emulation=Emulation(limiter=(Limiter("fp8", clock_mhz=990, burst_ms=100),)))
    device = EmulatedDevice(profile)
    samples = device.time(device.prepare(PRODUCT, 0), 1000)
    clocks = [state["clock_sm_mhz"] for _, state in device.states()]
    assert median(samples[-100:]) / median(samples[:50]) == pytest.approx(2, rel=0.02)
    assert (clocks[0], clocks[-1]) == (1980, 990)
    stream = Triad(2**30)
    assert stream.bytes / median(device.time(device.prepare(stream, 0), 20)) / 1e9 > 0.8 * 4000, "memory is not slower"


def test_a_limiter_takes_hold_along_its_onset() -> None:
    profile = replace(H20, emulation=Emulation(limiter=(Limiter("fp8", 100, burst_ms=10, onset_ms=100),)))
    device = EmulatedDevice(profile)
    rates = [PRODUCT.operations / s / 1e12 for s in device.time(device.prepare(PRODUCT, 0), 200)]
    between = [rate for rate in rates if 120 < rate < 250]
    assert len(between) > 20
    assert rates[0] > 250
    assert rates[-1] == pytest.approx(100, rel=0.03)


def test_a_limiter_holds_the_register_peak_too() -> None:
    device = EmulatedDevice(load_profile("nvidia-rtx-5090-d-v2"))
    peak = Peak("int8", 680, 128, 256, 128, 512, 8)
    rates = [peak.operations / s / 1e12 for s in device.time(device.prepare(peak, 0), 400)]
    assert median(rates[:5]) > 650
    assert median(rates[-50:]) == pytest.approx(569.7, rel=0.01)


@pytest.mark.parametrize("given", [{}, {"rate_tops": 100.0, "clock_mhz": 900.0}])
def test_a_limiter_caps_one_thing(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give rate_tops or clock_mhz, one of the two"):
        Limiter("fp8", burst_ms=10, **given)


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
    assert EmulatedDevice(H20).ceiling_tops("fp64") == pytest.approx(78 * 128 * 1980e6 / 1e12)
    assert EmulatedDevice(H20).ceiling_tops("fp64_tensor") is None
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
        "memory_used_bytes",
        "pstate",
        "fan_percent",
    }
    assert set(idle) == set(busy) == names
    assert 0 < idle["power_w"] < busy["power_w"] <= 400
    assert (idle["utilization"], busy["utilization"]) == (0.0, 1.0)


def test_a_load_leaves_a_series_of_readings_that_agree_with_it() -> None:
    device = EmulatedDevice(H20)
    kernel = device.prepare(PRODUCT, 0)
    began = device.now()
    samples = device.time(kernel, 4000)
    series: Any = device.states()
    assert len(series) == pytest.approx(sum(samples) / 0.04, abs=1)
    assert all(began < at <= device.now() for at, _ in series)
    warm = [state["temperature_c"] for _, state in series]
    assert warm == sorted(warm)
    assert {state["memory_used_bytes"] for _, state in series} == {device.memory_bytes - device.free_bytes}
    assert all(state["power_w"] > 200 and state["utilization"] == 1 for _, state in series)
    assert device.states() == []
    device.idle(600)
    idle: Any = device.telemetry()
    assert (idle["throttle_reasons"], idle["clock_sm_mhz"]) == (["gpu_idle"], 345)
    assert idle["temperature_c"] < warm[0] + 15


def test_a_card_with_a_fan_turns_it_faster_when_it_is_warm() -> None:
    device = EmulatedDevice(load_profile("nvidia-rtx-4090"))
    cold: Any = device.telemetry()
    device.time(device.prepare(Matmul(8192, 8192, 8192, "bf16"), 0), 4000)
    warm: Any = device.telemetry()
    assert (cold["fan_percent"], cold["pstate"], warm["pstate"]) == (30, 8, 0)
    assert warm["fan_percent"] > 40
    served: Any = EmulatedDevice(H20).telemetry()
    assert served["fan_percent"] is None


def test_error_correction_takes_its_share_of_the_capacity() -> None:
    device = EmulatedDevice(load_profile("nvidia-t4"))
    assert device.memory_bytes == 15e9
    assert device.describe()["memory_ecc_bytes"] == 1e9
    assert device.describe()["ecc"] is True


def test_an_allocation_takes_whole_blocks() -> None:
    device = EmulatedDevice(H20)
    before = device.free_bytes
    kernel = device.prepare(Copy(4096), 0)
    assert before - device.free_bytes == 2 * 2**20
    kernel.close()
    assert device.free_bytes == before


def test_a_profile_too_thin_to_emulate_says_what_is_missing() -> None:
    thin = replace(H20, peak_tops=None, memory=None)
    with pytest.raises(DeviceError, match="too thin to emulate: profile nvidia-h20 gives no peak_tops and no memory"):
        EmulatedDevice(thin)


def test_samples_do_not_hang_on_how_they_are_asked_for() -> None:
    def samples(*counts: int) -> list[float]:
        device = EmulatedDevice(H20, 7)
        kernel = device.prepare(PRODUCT, 0)
        return [s for count in counts for s in device.time(kernel, count)]

    assert samples(300) == samples(1, 2, 297) == samples(*[10] * 30)


@pytest.mark.parametrize(
    "operator",
    [
        Matmul(16384, 16384, 16384, "bf16"), Matmul(1, 1_000_000, 16384, "fp8"), Copy(2**33), Sweep(2**20, passes=4096),
        Peak("fp8", 5000, 128, 256, 128, 512), DecoderLayer(default_model(), "decode", 512, 1, 131072, "bf16"),
        DecoderLayer(default_model(), "prefill", 1, 131072, 131072, "bf16"),
    ],
)  # fmt: skip
def test_the_size_checked_fits_its_budgets_and_is_no_smaller_than_it_must_be(operator: Operator) -> None:
    small = bearable(operator)
    assert small.operations <= CHECK_OPERATIONS
    assert small.resident_bytes <= CHECK_BYTES
    assert small.operations > CHECK_OPERATIONS / 64 or small.resident_bytes > CHECK_BYTES / 64
    assert bearable(small) == small


def test_energy_by_operation_is_used_where_stated() -> None:
    profile = replace(H20, emulation=Emulation(idle_w=100, energy_pj_per_op={"fp8": 0.5}))
    device = EmulatedDevice(profile)
    kernel = device.prepare(PRODUCT, 0)
    seconds = device.time(kernel, 1)[0]
    state: Any = device.telemetry()
    assert state["power_w"] == pytest.approx(100 + PRODUCT.operations * 0.5e-12 / seconds, rel=0.02)


def test_a_strangers_kernel_is_refused() -> None:
    kernel = EmulatedDevice(H20).prepare(PRODUCT, 0)
    assert isinstance(kernel, EmulatedKernel)
    with pytest.raises(DeviceError, match="prepared itself"):
        EmulatedDevice(H20).time(object(), 1)  # type: ignore[arg-type]


def test_products_of_experts_take_the_time_of_their_operations() -> None:
    rows = 65536
    grouped = TimeModel(H20).cost(GroupedMatmul(8, rows, 4096, 4096, "bf16"))
    whole = TimeModel(H20).cost(Matmul(rows, 4096, 4096, "bf16"))
    assert grouped.seconds == pytest.approx(whole.seconds, rel=0.05)
