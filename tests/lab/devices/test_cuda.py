"""The CUDA device against a driver that is not there: kernels run on the processor, time is a fake."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices.cuda import CudaDevice, CudaKernel, cuda_devices, match_profiles
from greenzone.lab.devices.cuda_driver import Properties, precision
from greenzone.lab.models import default_model
from greenzone.lab.operators import DecoderLayer, Matmul
from greenzone.lab.results import NotMeasured
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
        ((8, 0), {"fp64_tensor", "tf32", "bf16", "int8"}, {"fp8", "fp64"}),
        ((8, 9), {"fp64", "fp8"}, {"fp64_tensor"}),
        ((9, 0), {"fp64_tensor", "fp8"}, {"fp64", "fp4"}),
        ((12, 0), {"fp64", "fp8"}, {"fp64_tensor"}),
    ],
)
def test_formats_follow_the_compute_capability(
    capability: tuple[int, int], present: set[str], absent: set[str]
) -> None:
    formats = set(device(FakeDriver(capability)).formats())
    assert present <= formats
    assert not absent & formats


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
    assert one.ceiling_tops("fp64") is None
    assert device().ceiling_tops("bf16") is device().ceiling_bandwidth_gb_s() is None


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


def test_telemetry_is_read_while_the_queue_is_full() -> None:
    driver = FakeDriver()
    one = device(driver)
    kernel = one.prepare(Matmul(16, 16, 16, "fp32"), 0)

    def sample() -> dict[str, Any]:
        driver.log.append("look")
        return {"power_w": 300}

    one._telemetry.sample = sample  # type: ignore[method-assign]
    driver.log.clear()
    one.time(kernel, 2)
    assert driver.log == ["record", "record"] * 2 + ["look", "synchronise"]
    assert one.telemetry() == {"power_w": 300}
    assert driver.log.count("look") == 1


def test_close_gives_memory_back_to_the_driver() -> None:
    driver = FakeDriver()
    device(driver).prepare(Copy(4096), 0).close()
    assert driver.log[-1] == "release"


def test_a_layer_is_prepared_with_its_format() -> None:
    small = DecoderLayer(
        type(default_model())("s", "S", 1, 32, 64, 2, 2, 16, 8, True, 0.0), "decode", 1, 1, 8, "bf16"
    )
    assert device().prepare(small, 0).check().passed


def test_a_format_the_part_lacks_is_not_measured() -> None:
    rows = list(matmul.run(device(FakeDriver((8, 0))), Plan(formats=("fp8",))))
    assert [type(row) for row in rows] == [NotMeasured]
    assert "compute capability 8.0" in str(rows[0])


def test_the_list_of_devices() -> None:
    assert [row["id"] for row in cuda_devices(FakeDriver(count=2))] == ["cuda:0", "cuda:1"]
    assert cuda_devices(FakeDriver(reason="no driver")) == []
