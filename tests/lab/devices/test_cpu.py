"""The processor: what it can tell of itself from a fake tree, its clock, its contention detector."""

from pathlib import Path

import pytest

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices import host
from greenzone.lab.devices.cpu import CpuDevice, HostClocks
from greenzone.lab.operators import Matmul, Operator
from greenzone.lab.results import Check, Disturbance
from greenzone.lab.streams import Copy


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def tree(
    root: Path, flags: str = "fpu sse2 avx avx2 avx512f", khz: int | None = 3_600_000, cores: int = 2
) -> Path:
    block = (
        "processor\t: {n}\nmodel name\t: Test Processor\nphysical id\t: 0\ncore id\t: {n}\nflags\t: " + flags
    )
    write(root, "proc/cpuinfo", "\n\n".join(block.format(n=n) for n in range(cores)))
    write(root, "proc/meminfo", "MemTotal:       8000000 kB\nMemAvailable:   4000000 kB\n")
    for n in range(cores):
        base = f"sys/devices/system/cpu/cpu{n}"
        if khz:
            write(root, f"{base}/cpufreq/cpuinfo_max_freq", f"{khz}\n")
            write(root, f"{base}/cpufreq/scaling_driver", "amd-pstate-epp\n")
        for index, (level, kind, size, shared) in enumerate(
            [
                (1, "Data", "32K", n),
                (1, "Instruction", "64K", n),
                (2, "Unified", "1M", n),
                (3, "Unified", "32768K", "0-1"),
            ]
        ):
            cache = f"{base}/cache/index{index}"
            for name, value in (
                ("level", level),
                ("type", kind),
                ("size", size),
                ("shared_cpu_list", shared),
            ):
                write(root, f"{cache}/{name}", f"{value}\n")
    return root


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenzone.lab.devices.cpu._allowed", lambda: frozenset({0, 1}))


@pytest.mark.parametrize(
    ("flags", "form", "gflops"),
    [
        ("avx512f sse2", "fp32", 2 * 3.6 * 64), ("avx512f", "fp64", 2 * 3.6 * 32),
        ("avx2 avx", "fp32", 2 * 3.6 * 32),
        ("avx512f", "int8", 2 * 3.6 * 256), ("avx512f amx_int8 amx_bf16", "int8", 2 * 3.6 * 2048),
        ("avx512f amx_bf16", "bf16", 2 * 3.6 * 1024), ("sse2", "fp32", 2 * 3.6 * 16),
    ],
)  # fmt: skip
def test_the_ceiling_is_vector_times_units_times_cores_times_clock(
    tmp_path: Path, flags: str, form: str, gflops: float
) -> None:
    assert CpuDevice(tree(tmp_path, flags)).ceiling_tops(form) == pytest.approx(gflops / 1000)


def test_the_ceiling_is_not_guessed(tmp_path: Path) -> None:
    without_clock = CpuDevice(tree(tmp_path / "a", khz=None))
    other_maker = CpuDevice(tree(tmp_path / "b", flags="asimd sve"))
    assert without_clock.ceiling_tops("fp32") is other_maker.ceiling_tops("fp32") is None
    assert "no cpufreq" in without_clock.describe()["ceiling"]


def test_acpi_cpufreq_with_boost_leaves_the_clock_unknown(tmp_path: Path) -> None:
    tree(tmp_path)
    write(tmp_path, "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", "acpi-cpufreq\n")
    write(tmp_path, "sys/devices/system/cpu/cpufreq/boost", "1\n")
    assert host.maximum_clock(tmp_path).mhz is None


def test_what_the_tree_tells(tmp_path: Path) -> None:
    device = CpuDevice(tree(tmp_path))
    assert device.name == "Test Processor"
    assert device.last_level_cache_bytes == 32 * 2**20
    assert (device.memory_bytes, device.free_bytes) == (8_000_000 * 1024, 4_000_000 * 1024)


def test_a_control_group_bounds_the_memory(tmp_path: Path) -> None:
    tree(tmp_path)
    write(tmp_path, "sys/fs/cgroup/memory.max", "1000000000\n")
    write(tmp_path, "sys/fs/cgroup/memory.current", "400000000\n")
    assert (host.memory_bytes(tmp_path), host.available_bytes(tmp_path)) == (1_000_000_000, 600_000_000)
    write(tmp_path, "sys/fs/cgroup/memory.max", "max\n")
    assert host.memory_bytes(tmp_path) == 8_000_000 * 1024


def test_an_empty_tree_is_all_unknown(tmp_path: Path) -> None:
    device = CpuDevice(tmp_path)
    assert (device.name, device.memory_bytes, device.vector_bits()) == ("processor", 0, None)
    assert device.last_level_cache_bytes > 0


def test_what_does_not_fit_is_out_of_memory(tmp_path: Path) -> None:
    with pytest.raises(OutOfMemory, match=r"needs 10\.7 GB .* 4\.1 GB are free"):
        CpuDevice(tree(tmp_path)).prepare(Copy(5 * 2**30), 0)


def test_a_format_without_a_path_is_refused() -> None:
    with pytest.raises(DeviceError, match="cpu: no product in fp4"):
        CpuDevice().prepare(Matmul(32, 32, 32, "fp4", transposed=True), 0)
    with pytest.raises(DeviceError, match="int4: torch has no 4-bit integer product"):
        CpuDevice().prepare(Matmul(32, 32, 32, "int4"), 0)


def test_fp32_has_a_second_way_that_is_fp32_too(monkeypatch: pytest.MonkeyPatch) -> None:
    device = CpuDevice()
    assert device.variants("fp32") == (None, "oneDNN")
    assert device.variants("bf16") == (None,)
    for transposed in (True, False):
        kernel = device.prepare(Matmul(64, 96, 32, "fp32", transposed, "oneDNN"), 0)
        assert kernel.variant == "oneDNN"
        assert kernel.check().passed
    monkeypatch.setattr("torch.get_float32_matmul_precision", lambda: "medium")
    with pytest.raises(DeviceError, match="may round fp32 to bf16"):
        kernel.launch()


class Ticking:
    """A kernel whose calls take a fixed time of fake clocks."""

    operator: Operator = Matmul(8, 8, 8, "fp32")
    note = variant = None

    def __init__(self, seconds: float, share: float = 1.0, switches: int = 0) -> None:
        self.seconds, self.share, self.wall, self.cpu, self.calls = seconds, share, 0.0, 0.0, 0
        self.switches, self.switched = switches, 0

    def launch(self) -> None:
        self.calls += 1
        self.wall += self.seconds
        self.cpu += self.seconds * self.share
        self.switched += self.switches

    def check(self) -> Check:
        return Check(0.0, 0.0, "none")

    def close(self) -> None: ...


def timed(kernel: Ticking) -> CpuDevice:
    device = CpuDevice(clocks=HostClocks(lambda: kernel.wall, lambda: kernel.cpu, lambda: kernel.switched))
    device._threads = 1
    return device


def test_long_calls_are_timed_one_by_one() -> None:
    kernel = Ticking(0.001)
    assert timed(kernel).time(kernel, 5) == pytest.approx([0.001] * 5)
    assert kernel.calls == 5


def test_short_calls_are_timed_in_a_loop() -> None:
    kernel = Ticking(1e-6)
    assert timed(kernel).time(kernel, 4) == pytest.approx([1e-6] * 4)
    assert (kernel.calls - 1) / 4 * 1e-6 == pytest.approx(50e-6, rel=0.03)


def test_contention_is_noticed_once() -> None:
    kernel = Ticking(0.01, share=0.6)
    device = timed(kernel)
    device.time(kernel, 20)
    (remark,) = device.remarks()
    assert "60%" in remark
    assert device.remarks() == ()


def test_being_put_off_the_processor_is_a_disturbance_too() -> None:
    kernel = Ticking(0.01, switches=3)
    device = timed(kernel)
    device.time(kernel, 20)
    (remark,) = device.remarks()
    assert isinstance(remark, Disturbance)
    assert "put off its processors 300 times a second" in remark


def test_a_battery_a_single_core_and_a_saving_governor_are_conditions(tmp_path: Path) -> None:
    battery = tmp_path / "sys/class/power_supply/BAT0"
    battery.mkdir(parents=True)
    (battery / "type").write_text("Battery\n")
    (battery / "status").write_text("Discharging\n")
    governor = tmp_path / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    governor.parent.mkdir(parents=True)
    governor.write_text("powersave\n")
    device = CpuDevice(tmp_path)
    device._threads = 1
    assert [code for code, _ in device.conditions()] == ["one_core", "on_battery", "governor"]
    mains = tmp_path / "sys/class/power_supply/AC"
    mains.mkdir()
    (mains / "type").write_text("Mains")
    (mains / "online").write_text("1")
    device._threads = 2
    assert [code for code, _ in device.conditions()] == ["governor"]


@pytest.mark.parametrize(("share", "calls"), [(0.97, 20), (0.6, 2)])
def test_a_quiet_machine_or_a_short_time_says_nothing(share: float, calls: int) -> None:
    kernel = Ticking(0.01, share)
    device = timed(kernel)
    device.time(kernel, calls)
    assert device.remarks() == ()


def test_this_machine_runs_a_product_for_real() -> None:
    device = CpuDevice()
    kernel = device.prepare(Matmul(64, 64, 64, "fp32"), 0)
    assert kernel.check().passed
    assert all(0 < seconds < 1 for seconds in device.time(kernel, 5))
    assert device.describe()["threads"] >= 1
