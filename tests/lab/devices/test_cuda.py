"""The CUDA device against a driver that is not there: kernels run on the processor, time is a fake."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.call import Call
from greenzone.lab.devices import peak_triton
from greenzone.lab.devices.cuda import CudaDevice, CudaKernel, cuda_devices, match_profiles
from greenzone.lab.devices.cuda_driver import Properties, precision
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.operators import Matmul
from greenzone.lab.peak import Peak
from greenzone.lab.results import NotMeasured
from greenzone.lab.shapes import GroupedAttention, Mlp, ModelShape
from greenzone.lab.streams import Copy
from greenzone.lab.workloads import Plan, matmul
from greenzone.parts.catalogue import load_profile


class FakeEvent:
    def __init__(self, driver: "FakeDriver") -> None:
        self.driver, self.at = driver, -1.0

    def record(self) -> None:
        self.driver.clock_ms += self.driver.step_ms
        self.at = self.driver.clock_ms
        self.driver.log.append("record")

    def elapsed_time(self, end: "FakeEvent") -> float:
        assert self.driver.log[-1] == "synchronise", "a time was read before the wait"
        return end.at - self.at


class FakeDriver:
    """One H20; each record moves the clock by `step_ms`."""

    def __init__(
        self, capability: tuple[int, int] = (9, 0), count: int = 1, reason: str | None = None
    ) -> None:
        self.capability, self.count, self.reason = capability, count, reason
        self.clock_ms, self.step_ms = 0.0, 0.25
        self.log: list[str] = []

    def why_unusable(self) -> str | None:
        return self.reason

    def device_count(self) -> int:
        return 0 if self.reason else self.count

    def properties(self, index: int) -> Properties:
        return Properties("NVIDIA H20", self.capability, 78, 96 * 10**9, 4096, "GPU-1")

    def torch_device(self, index: int) -> torch.device:
        return torch.device("cpu")

    @contextmanager
    def selected(self, index: int) -> Iterator[None]:
        self.selections = [*getattr(self, "selections", []), index]
        yield

    def event(self, index: int) -> FakeEvent:
        return FakeEvent(self)

    def synchronise(self, index: int) -> None:
        self.log.append("synchronise")

    def free_bytes(self, index: int) -> int:
        return 90 * 10**9

    def release_cached(self) -> None:
        self.log.append("release")

    def versions(self) -> dict[str, str | None]:
        return {"torch": "2", "cuda": "13.0"}


class NoNvml:
    class NVMLError(Exception):
        pass

    def nvmlInit(self) -> None:
        raise self.NVMLError("Library Not Found")


class Limits(NoNvml):
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def nvmlInit(self) -> None: ...
    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        return uuid

    def nvmlDeviceGetMaxClockInfo(self, _: str, kind: int) -> int:
        return {1: 1980, 2: 2619}[kind]

    def nvmlDeviceGetMemoryBusWidth(self, _: str) -> int:
        return 5120


def device(driver: FakeDriver | None = None, nvml: Any = None, **more: Any) -> CudaDevice:
    return CudaDevice(0, driver=driver or FakeDriver(), nvml=nvml or NoNvml(), sleep=lambda _: None, **more)


def test_an_event_pair_around_each_call_and_one_wait_at_the_end() -> None:
    driver = FakeDriver()
    one = device(driver)
    kernel = one.prepare(Matmul(16, 16, 16, "fp32"), 0)
    assert isinstance(kernel, CudaKernel)
    launch = kernel.inner.launch

    def logged() -> None:
        driver.log.append("launch")
        launch()

    kernel.inner.launch = logged  # type: ignore[method-assign]
    driver.log.clear()
    assert one.time(kernel, 3) == pytest.approx([0.25e-3] * 3)
    assert driver.log == ["record", "launch", "record"] * 3 + ["synchronise"]


@pytest.mark.parametrize(
    ("capability", "present", "absent"),
    [
        ((7, 0), {"fp64", "fp32", "fp16"}, {"bf16", "tf32", "int8", "fp8", "fp64_tensor"}),
        ((8, 0), {"fp64_tensor", "tf32", "bf16", "int8", "int4"}, {"fp8", "fp64"}),
        ((8, 9), {"fp64", "fp8"}, {"fp64_tensor"}),
        ((9, 0), {"fp64_tensor", "fp8", "fp8_acc16"}, {"fp64", "fp4", "fp6", "int4"}),
        ((12, 0), {"fp64", "fp8", "fp6", "fp4"}, {"fp64_tensor", "int4"}),
    ],
)
def test_formats_follow_the_compute_capability(
    capability: tuple[int, int], present: set[str], absent: set[str]
) -> None:
    formats = set(device(FakeDriver(capability)).formats())
    assert present <= formats
    assert not absent & formats


@pytest.mark.parametrize(
    ("capability", "hip", "variants"),
    [
        ((8, 9), None, ("e4m3, fast accumulation", "e4m3", "e5m2 x e4m3, fast accumulation", "e5m2 x e4m3")),
        ((10, 0), None, ("e4m3", "e5m2 x e4m3", "mxfp8")),
        ((9, 4), "6.4", ("e4m3fnuz",)),
        ((9, 5), "6.4", ("e4m3", "e5m2 x e4m3")),
    ],
)
def test_the_variants_of_fp8_follow_the_part(
    capability: tuple[int, int], hip: str | None, variants: tuple[str, ...]
) -> None:
    driver = FakeDriver(capability)
    driver.versions = lambda: {"hip": hip}  # type: ignore[method-assign]
    assert device(driver).variants("fp8") == variants
    assert device(driver).variants("bf16") == (None,)


@pytest.mark.parametrize(
    ("capability", "form", "reason"),
    [
        ((8, 0), "int4", "torch has no 4-bit integer product"),
        ((9, 0), "int4", "has no int4"),
        ((9, 0), "fp8_acc16", "32-bit registers alone"),
        ((10, 0), "fp6", "no 6-bit float type"),
    ],
)
def test_a_format_without_a_path_says_why(capability: tuple[int, int], form: str, reason: str) -> None:
    (row,) = matmul.run(device(FakeDriver(capability)), Plan(formats=(form,)))
    assert isinstance(row, NotMeasured)
    assert reason in row.reason


def test_fp16_sums_in_fp16_are_refused_where_the_switch_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenzone.lab.devices.cuda.accumulates_in_16_bits", lambda: False)
    with pytest.raises(DeviceError, match="no switch for sums in fp16"):
        device().prepare(Matmul(16, 16, 16, "fp16_acc16"), 0)


def test_a_product_without_a_variant_takes_the_usual_one() -> None:
    assert device().prepare(Matmul(32, 32, 32, "fp8", True), 0).variant == "e4m3, fast accumulation"


def flags() -> tuple[Any, ...]:
    found = torch.backends.cuda.matmul
    return found.fp32_precision, found.allow_fp16_accumulation


@pytest.mark.parametrize(
    ("form", "inside"), [("tf32", ("tf32", False)), ("fp32", ("ieee", False)), ("fp16_acc16", ("ieee", True))]
)
def test_the_settings_of_a_format_hold_inside_and_are_put_back(form: str, inside: tuple[Any, ...]) -> None:
    before = flags()
    with precision(form):
        assert flags() == inside
    assert flags() == before


def fail_inside(form: str) -> None:
    with precision(form):
        raise DeviceError(form)


def test_the_settings_are_put_back_after_a_failure() -> None:
    before = flags()
    with pytest.raises(DeviceError):
        fail_inside("tf32")
    assert flags() == before


def test_launches_checks_and_timings_run_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    one = device()
    seen: list[str] = []
    kernel = one.prepare(Matmul(16, 16, 16, "tf32"), 0)
    assert isinstance(kernel, CudaKernel)
    launch = kernel.inner.launch

    def watched() -> None:
        seen.append(flags()[0])
        launch()

    monkeypatch.setattr(kernel.inner, "launch", watched)
    kernel.launch()
    assert kernel.check().passed
    one.time(kernel, 1)
    assert seen == ["tf32"] * 3
    assert flags()[0] != "tf32"


def test_out_of_memory_in_a_kernel_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    one = device()
    kernel = one.prepare(Matmul(16, 16, 16, "fp32"), 0)
    assert isinstance(kernel, CudaKernel)

    def full() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 96 GiB.\nmore")

    monkeypatch.setattr(kernel.inner, "launch", full)
    with pytest.raises(OutOfMemory, match="Tried to allocate"):
        one.time(kernel, 1)


def test_a_failed_kernel_is_a_device_error_of_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    one = device()
    kernel = one.prepare(Matmul(16, 16, 16, "fp32"), 0)
    assert isinstance(kernel, CudaKernel)

    def fails() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with ...")

    monkeypatch.setattr(kernel.inner, "launch", fails)
    with pytest.raises(DeviceError, match="illegal memory access") as caught:
        one.time(kernel, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("index", "count", "message"),
    [(3, 2, r"cuda:3: no such device; this machine has 0\.\.1"), (0, 0, "has none")],
)
def test_a_number_that_is_not_there(index: int, count: int, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        CudaDevice(index, driver=FakeDriver(count=count), nvml=NoNvml())


def test_no_driver_says_so() -> None:
    with pytest.raises(DeviceError, match="cuda:0: no driver"):
        device(FakeDriver(reason="no driver"))


def test_ceilings_come_from_the_profile_and_the_clocks_nvml_reports() -> None:
    profile = load_profile("nvidia-h20")
    one = device(nvml=Limits(), profile=profile)
    assert one.ceiling_tops("bf16") == pytest.approx(78 * 4096 * 1980e6 / 1e12)
    assert one.ceiling_bandwidth_gb_s() == pytest.approx(5120 / 8 * 2 * 2.619)
    assert one.ceiling_tops("fp64_tensor") is None
    assert device().ceiling_tops("bf16") is device().ceiling_bandwidth_gb_s() is None


def test_an_amd_part_is_asked_through_its_own_library_and_tells_its_own_bandwidth(monkeypatch: Any) -> None:
    class Rocm(FakeDriver):
        def versions(self) -> dict[str, str | None]:
            return {"torch": "2", "cuda": None, "hip": "6.3"}

    limits = {"memory_bandwidth_gb_s": 5324.0, "memory_bus_bits": 8192, "clock_max_memory_mhz": 1300}
    monkeypatch.setattr("greenzone.lab.devices.telemetry_amd.AmdTelemetry.limits", lambda _: limits)
    one = CudaDevice(0, driver=Rocm(), sleep=lambda _: None)
    assert one.ceiling_bandwidth_gb_s() == 5324.0
    assert "comes with ROCm" in one.describe()["telemetry"]


def test_a_profile_is_found_by_name_and_capability() -> None:
    profile = load_profile("nvidia-h20")
    assert match_profiles("NVIDIA H20", "9.0", [load_profile("nvidia-l4"), profile]) == [profile]
    assert match_profiles("NVIDIA H20", "8.0", [profile]) == []
    assert match_profiles("NVIDIA H20Z", "9.0", [profile]) == []


def test_a_name_that_two_profiles_claim_recognises_neither_and_says_which() -> None:
    profile = load_profile("nvidia-h20")
    one = device()
    one.recognise([profile, replace(profile, id="acme-h20")])
    assert one.profile is None
    assert one.describe()["named_like"] == ["nvidia-h20", "acme-h20"]
    one.recognise([profile])
    assert one.profile is profile
    assert one.describe()["named_like"] == []


def test_without_nvml_it_runs_and_says_why_there_is_no_telemetry() -> None:
    one = device()
    assert one.telemetry() is None
    assert "Library Not Found" in one.describe()["telemetry"]
    assert one.describe()["uuid"] == "GPU-1"


def test_telemetry_is_read_beside_the_work_and_handed_on_once() -> None:
    one = device(nvml=Powered())
    kernel = one.prepare(Matmul(16, 16, 16, "fp32"), 0)
    before = one.now()
    one.time(kernel, 2)
    readings = one.states()
    assert readings
    assert all(before <= at <= one.now() and state["power_w"] == 300 for at, state in readings)
    assert one.states() == []


class Powered(Limits):
    def nvmlDeviceGetPowerUsage(self, _: str) -> int:
        return 300_000


def test_close_gives_memory_back_to_the_driver() -> None:
    driver = FakeDriver()
    device(driver).prepare(Copy(4096), 0).close()
    assert driver.log[-1] == "release"


def test_a_layer_is_prepared_with_its_format() -> None:
    model = ModelShape("s", "S", 1, 32, 8, 64, True, GroupedAttention(2, 2, 16), mlp=Mlp(64))
    small = DecoderLayer(model, "decode", 1, 1, 8, "bf16")
    assert device().prepare(small, 0).check().passed


def test_the_peak_is_built_by_triton_and_runs_with_the_settings_of_its_format(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[tuple[Peak, torch.device, int]] = []

    class Recorded:
        variant, note = "e4m3", None

        def __init__(self, operator: Peak, device: torch.device, seed: int) -> None:
            self.operator = operator
            built.append((operator, device, seed))

        def launch(self) -> None: ...

    monkeypatch.setattr(peak_triton, "TritonPeak", Recorded)
    one, operator = device(), Peak("fp8", 312, 128, 128, 64, 16, 4, "e4m3")
    kernel = one.prepare(operator, 5)
    assert built == [(operator, torch.device("cpu"), 5)]
    assert kernel.variant == "e4m3"
    assert one.time(kernel, 2) == pytest.approx([0.25e-3] * 2)
    with pytest.raises(DeviceError, match=r"compute capability 9.0\) has no fp4"):
        one.prepare(Peak("fp4", 312, 128, 128, 64, 16), 5)


def test_a_format_the_part_lacks_is_not_measured() -> None:
    rows = list(matmul.run(device(FakeDriver((8, 0))), Plan(formats=("fp8",))))
    assert [type(row) for row in rows] == [NotMeasured]
    assert "compute capability 8.0" in str(rows[0])


def test_the_list_of_devices() -> None:
    assert [row["id"] for row in cuda_devices(FakeDriver(count=2))] == ["cuda:0", "cuda:1"]
    assert cuda_devices(FakeDriver(reason="no driver")) == []


def test_a_function_of_the_users_own_is_timed_by_events_with_the_settings_it_finds() -> None:
    driver, seen = FakeDriver(), []
    one = device(driver)
    setting = "fp32_precision" if hasattr(torch.backends.cuda.matmul, "fp32_precision") else "allow_tf32"

    def work() -> None:
        driver.log.append("launch")
        seen.append(getattr(torch.backends.cuda.matmul, setting))

    kernel = one.prepare(Call.of(work, 2e9, 0.0, "fp32", {}), 0)
    assert one.time(kernel, 2) == [0.25e-3] * 2
    assert driver.log == ["record", "launch", "record"] * 2 + ["synchronise"]
    assert set(seen) == {getattr(torch.backends.cuda.matmul, setting)}
    assert not kernel.check().passed


def test_a_second_device_is_selected_while_its_kernels_are_checked_and_timed() -> None:
    """Events and launches go to the queue of torch's current device, which is the first unless it is told."""
    driver: Any = FakeDriver(count=2)
    one = CudaDevice(1, driver=driver, nvml=NoNvml(), sleep=lambda _: None)
    kernel = one.prepare(Matmul(32, 32, 32, "fp32"), 0)
    assert kernel.check().passed
    one.time(kernel, 2)
    assert driver.selections == [1, 1]
