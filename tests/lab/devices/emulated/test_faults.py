"""Every fault that can be switched on is found by what the device does, not by its being told."""

from pathlib import Path
from typing import Any

import pytest

from greenzone.errors import DeviceLost, UsageError
from greenzone.lab import harness
from greenzone.lab.devices import open_device
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.devices.emulated.faults import FAULTS, Fault
from greenzone.lab.harness import Request
from greenzone.lab.operators import Matmul
from greenzone.lab.streams import STREAMS, Stream
from greenzone.parts.catalogue import load_profile
from greenzone.records.record import Record

H20 = load_profile("nvidia-h20")
PRODUCT = Matmul(4096, 4096, 4096, "fp8")


def faulty(fault: str) -> EmulatedDevice:
    return EmulatedDevice(H20, fault=Fault.of(fault))


def run(folder: Path, fault: str | None, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Record:
    """A record whose maker was told of no fault."""
    asked: dict[str, Any] = {"workloads": ("matmul",), "formats": ("fp8", "bf16"), **more}
    if fault and not fault.startswith("hang"):
        describe = EmulatedDevice.describe
        monkeypatch.setattr(EmulatedDevice, "describe", lambda self: {**describe(self), "fault": None})
    return harness.run(Request("emulated:nvidia-h20", folder=folder, fault=fault, **asked)).record


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("wrong-result", "invalid", "wrong result before the timing: error"),
        ("wrong-result@4", "invalid", "wrong result after the timing: error"),
        ("dropped-launch", "invalid", "an element was not written"),
        ("dropped-launch@4", "invalid", "an element was not written"),
        ("lost-device@2", "device_lost", "the device is lost"),
        ("throttle", "throttled", "thermal slowdown in"),
        ("slow-sibling", "identity_rate_differs", "slower than its siblings usually are"),
        ("contention", "two_speeds", "two speeds"),
        ("out-of-memory", "smaller_size", "out of memory"),
    ],
)
def test_a_fault_is_found_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, code: str, words: str
) -> None:
    formats = ("fp64", "fp8") if fault == "out-of-memory" else ("fp8", "bf16")
    found = run(tmp_path, fault, monkeypatch, formats=formats)
    assert any(f.code == code and words in f.text for f in found.findings), [f.text for f in found.findings]
    assert all(row.emulated for row in found.benchmarks)
    assert found.run.status == "complete"


def test_a_sound_device_has_none_of_these_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(tmp_path, None, monkeypatch)
    codes = {"invalid", "device_lost", "hang", "throttled", "identity_rate_differs", "two_speeds", "smaller_size"}
    assert not codes & {f.code for f in found.findings}
    assert found.settings["fault"] is None


def test_a_lost_device_leaves_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(tmp_path, "lost-device@4", monkeypatch, workloads=("matmul", "memory"))
    measured = {(row.name, row.format) for row in found.benchmarks if row.measured}
    lost = [row for row in found.benchmarks if not row.measured]
    assert measured == {("matmul", "fp8")}
    assert {row.name.split(".")[0] for row in lost} == {"matmul", "memory"}
    assert all("the device is lost" in (row.reason or "") for row in lost)


def test_a_hang_is_watched_ended_and_gone_on_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "SILENCE_HANG_S", 2.0)
    found = run(tmp_path, "hang", monkeypatch)
    assert [(row.format, row.measured) for row in found.benchmarks if row.window != "burst"] == [
        ("fp8", False),
        ("bf16", True),
    ]
    assert any(f.code == "hang" and "no answer for 2 s: it hangs" in f.text for f in found.findings)
    assert all(row.emulated for row in found.benchmarks)


def test_the_record_says_that_a_fault_was_switched_on(tmp_path: Path) -> None:
    asked = Request("auto", workloads=("interconnect",), fault="contention@3", folder=tmp_path)
    found = harness.run(asked).record
    assert found.settings["fault"] == found.device["fault"] == "contention@3"
    assert any(f.code == "fault_switched_on" and "contention@3" in f.text for f in found.findings)


@pytest.mark.parametrize("fault", ["wrong-result", "dropped-launch"])
@pytest.mark.parametrize("stream", STREAMS)
def test_no_stream_hides_a_wrong_result(stream: type[Stream], fault: str) -> None:
    assert not faulty(fault).prepare(stream(2**26), 0).check().passed


def test_a_dropped_launch_returns_at_once() -> None:
    device = faulty("dropped-launch")
    assert max(device.time(device.prepare(PRODUCT, 0), 10)) < 1e-5


def test_a_fault_acts_from_its_time_on() -> None:
    device = faulty("lost-device@0.01")
    kernel = device.prepare(PRODUCT, 0)
    assert kernel.check().passed
    assert len(device.time(kernel, 10)) == 10
    with pytest.raises(DeviceLost, match="emulated:nvidia-h20: the device is lost"):
        device.time(kernel, 1000)
    assert device.now() == pytest.approx(0.01, abs=0.001)
    for asked in (lambda: device.prepare(PRODUCT, 0), kernel.check, device.synchronise, lambda: device.idle(1)):
        with pytest.raises(DeviceLost):
            asked()
    kernel.close()


def test_a_slow_sibling_takes_twice_as_long() -> None:
    slow, sound = faulty("slow-sibling"), EmulatedDevice(H20)
    assert slow.time(slow.prepare(PRODUCT, 0), 5) == pytest.approx(
        [2 * s for s in sound.time(sound.prepare(PRODUCT, 0), 5)]
    )


@pytest.mark.parametrize(
    ("device", "fault", "words"),
    [
        ("emulated:nvidia-h20", "hagn", "unknown fault 'hagn'; nearest: hang"),
        ("emulated:nvidia-h20", "", "unknown fault ''"),
        ("emulated:nvidia-h20", "hang@soon", "'soon' is no time"),
        ("emulated:nvidia-h20", "hang@-1", "'-1' is no time"),
        ("emulated:nvidia-h20", "hang@inf", "'inf' is no time"),
        ("emulated:nvidia-h20", "slow-sibling:fast", "'fast' is no factor"),
        ("emulated:nvidia-h20", "slow-sibling:0.5", "'0.5' is no factor; slow-sibling takes one from 1 on"),
        ("emulated:nvidia-h20", "slow-sibling:inf", "'inf' is no factor"),
        ("emulated:nvidia-h20", "contention:3", "'3' is no factor"),
        ("cpu", "hang", "cpu is a real device"),
        ("cuda:0", "hang", "cuda:0 is a real device"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(device: str, fault: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_device(device, load_profile, fault=fault)


def test_every_fault_is_read_back_as_it_is_written() -> None:
    for name in FAULTS:
        assert str(Fault.of(f"{name}@0.5")) == f"{name}@0.5"
        assert str(Fault.of(name)) == name
    assert str(Fault.of("slow-sibling:3@0.5")) == "slow-sibling:3@0.5"


def test_a_slow_sibling_is_as_slow_as_it_is_told_to_be() -> None:
    slow, sound = faulty("slow-sibling:3"), EmulatedDevice(H20)
    assert slow.time(slow.prepare(PRODUCT, 0), 5) == pytest.approx(
        [3 * s for s in sound.time(sound.prepare(PRODUCT, 0), 5)]
    )


def test_what_killed_a_run_is_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []
    monkeypatch.setattr("greenzone.lab.devices.emulated.device.end_process", lambda: ends.append("killed"))
    device = faulty("killed")
    device.time(device.prepare(PRODUCT, 0), 1)
    assert ends
    ends.clear()
    device.resumed()
    device.time(device.prepare(PRODUCT, 0), 1)
    assert not ends


def test_what_is_not_the_end_of_a_process_comes_again() -> None:
    device = faulty("slow-sibling")
    device.resumed()
    assert device.fault is not None
