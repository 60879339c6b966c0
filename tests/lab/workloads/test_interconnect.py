"""Links of the emulated device and of the processor, and what no machine of one device can measure."""

from dataclasses import replace
from typing import Any

import pytest

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices import open_device
from greenzone.lab.devices.cpu import CpuDevice
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.devices.emulated.kernels import EmulatedLinkKernel
from greenzone.lab.devices.emulated.links import host_link
from greenzone.lab.links import AllLinks, Transfer
from greenzone.lab.measure import BUDGETS, Budget
from greenzone.lab.results import Check, NotMeasured, Result
from greenzone.lab.workloads import WORKLOADS, Plan, interconnect
from greenzone.parts.catalogue import load_profile
from greenzone.statistics import median

H20 = load_profile("nvidia-h20")
ROUTES = ("host_to_device", "device_to_host", "bidirectional")


def asked(device: Any, plan: Plan | None = None) -> dict[tuple[str, str], Any]:
    found = WORKLOADS["interconnect"](device, plan or Plan())
    return {(r.name.removeprefix("interconnect."), getattr(r, "window", "")): r for r in found}


def test_links_come_after_memory_and_before_inference() -> None:
    assert list(WORKLOADS) == ["matmul", "peak", "memory", "interconnect", "inference"]


def test_an_emulated_host_link_gives_a_burst_and_a_sustained_figure_each_way_and_both() -> None:
    found = asked(EmulatedDevice(H20))
    for route in ROUTES:
        for window in ("burst", "sustained"):
            row = found[route, window]
            assert row.metrics["bandwidth_gb_s"].median == pytest.approx(row.bytes / median(row.samples) / 1e9)
            assert row.validity == "valid"
            assert row.check.passed
            assert row.data == "random bytes"
            assert len(row.warmups) == 4
            assert "emulated over PCIe 5.0 x16" in row.notes[0]
    one_way = found["host_to_device", "sustained"].metrics["bandwidth_gb_s"].median
    both = found["bidirectional", "sustained"].metrics["bandwidth_gb_s"].median
    assert one_way < 64
    assert one_way < both < 2 * one_way


def test_one_emulated_device_has_no_peer() -> None:
    found = asked(EmulatedDevice(H20))
    for name in ("peer", "all_links", "all_reduce"):
        assert found[name, ""] == NotMeasured(f"interconnect.{name}", None, "not measurable here: one device")


def test_the_time_of_an_emulated_copy_is_latency_and_bytes_over_the_link() -> None:
    kernel: Any = EmulatedDevice(H20).prepare(Transfer("host_to_device", 2**26), 0)
    assert kernel.cost.seconds == pytest.approx(5e-6 + 2**26 / (64e9 * 0.87))


@pytest.mark.parametrize(
    ("part", "kind"),
    [("nvidia-h20", "PCIe 5.0 x16"), ("nvidia-gh200", "NVLink-C2C"), ("nvidia-v100-sxm2-32gb", "PCIe")],
)
def test_the_host_is_behind_pcie_or_the_chip_to_chip_link(part: str, kind: str) -> None:
    assert host_link(load_profile(part)).kind.startswith(kind)


def test_a_profile_without_a_host_link_says_so() -> None:
    row = asked(EmulatedDevice(replace(H20, links=())))["bidirectional", ""]
    assert row.reason == "not measurable here: profile nvidia-h20 gives no link to a host"


def test_links_that_have_no_figure_of_their_own_are_not_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmulatedLinkKernel, "check", lambda _: Check(0.5, 0.0, "the pattern sent, every byte"))
    found = asked(open_device("emulated:2xnvidia-h20", load_profile))
    assert found["all_links", ""].reason == "a link has no figure of its own"


def test_links_for_which_memory_is_short_are_run_at_once_with_a_quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = EmulatedDevice.prepare

    def short(self: EmulatedDevice, operator: Any, seed: int) -> Any:
        if isinstance(operator, AllLinks) and operator.array_bytes > 2**24:
            raise OutOfMemory("emulated: no room")
        return prepare(self, operator, seed)

    monkeypatch.setattr(EmulatedDevice, "prepare", short)
    row = asked(open_device("emulated:2xnvidia-h20", load_profile))["all_links", "sustained"]
    assert max(row.shape["host_bytes_each_way"], row.shape["peer_bytes_each_way"]) == 2**24
    assert row.notes[0] == "emulated: no room; a smaller size was tried"


def test_a_wrong_copy_is_invalid_before_and_after_the_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Check(0.5, 0.0, "the pattern sent, every byte")
    for method, when in (("check", "before"), ("arrived", "after")):
        with monkeypatch.context() as patched:
            if method == "arrived":
                patched.setattr(EmulatedLinkKernel, "check", lambda _: Check(0.0, 0.0, ""))
            patched.setattr(EmulatedLinkKernel, method, lambda _: wrong)
            row = next(iter(interconnect.run(EmulatedDevice(H20), Plan())))
        assert isinstance(row, Result)
        assert (row.validity, row.samples, dict(row.metrics)) == ("invalid", (), {})
        assert f"wrong result {when} the timing: error 0.5" in row.notes[-1]


def test_timed_copies_of_the_emulated_device_leave_the_pattern() -> None:
    device = EmulatedDevice(H20)
    kernel: Any = device.prepare(Transfer("bidirectional", 2**20), 0)
    kernel.poison()
    assert kernel.arrived().error == 1.0
    device.time(kernel, 1)
    assert kernel.arrived().passed


def test_a_device_that_fails_gives_a_reason_for_every_question(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> list[float]:
        raise DeviceError("cuda:0: the device fell off the bus")

    monkeypatch.setattr(EmulatedDevice, "time", fails)
    found = asked(EmulatedDevice(H20))
    assert [found[route, ""].reason for route in ROUTES] == ["cuda:0: the device fell off the bus"] * 3


def test_a_processor_has_no_link_to_itself_and_sums_between_two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUDGETS, "standard", Budget(min_load_s=0, max_load_s=0, sustained_s=0))
    monkeypatch.setitem(interconnect._SUMMED_PROCESSOR, "standard", 2**14)
    monkeypatch.setattr("greenzone.lab.measure.sampling.WINDOWS_S", (0.005, 0.05, 0.1))
    found = asked(CpuDevice(), Plan(suite="standard"))
    for route in ROUTES:
        assert found[route, ""].reason == "not measurable here: the processor is the host"
    assert found["all_links", ""].reason == "not measurable here: the processor is the host"
    assert found["peer", ""].reason == "not measurable here: one device"
    row = found["all_reduce", "sustained"]
    assert (row.shape, row.variant, row.data) == ({"bytes": 2**14, "ranks": 2}, "gloo", "normal")
    assert row.bytes == 2**14
    assert row.check.passed
    assert row.metrics["bandwidth_gb_s"].median == pytest.approx(row.bytes / median(row.samples) / 1e9)
    assert "no link's" in row.notes[0]


def test_ranks_that_fail_are_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DeviceError("all-reduce of 2 ranks on gloo: the ranks did not meet within 90 s")

    monkeypatch.setattr("greenzone.lab.devices.ranks.Ranks.__init__", fails)
    reason = asked(CpuDevice(), Plan(suite="standard"))["all_reduce", ""].reason
    assert reason == "all-reduce of 2 ranks on gloo: the ranks did not meet within 90 s"


def test_quick_on_a_processor_leaves_the_sum_to_a_longer_suite() -> None:
    assert "--suite standard has it" in asked(CpuDevice())["all_reduce", ""].reason
