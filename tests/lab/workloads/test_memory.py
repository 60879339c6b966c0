"""The memory workload: which streams a suite runs, what it says of the others, and the sweep of working sets."""

from dataclasses import replace
from typing import Any

import pytest

from greenzone.errors import DeviceError
from greenzone.lab.devices import stream
from greenzone.lab.devices.cpu import CpuDevice
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.devices.emulated.model import TimeModel
from greenzone.lab.harness import Request, row_of, run
from greenzone.lab.measure import BUDGETS, Budget
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.streams import STREAMS, Sweep
from greenzone.lab.workloads import Plan, memory, sweep
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile, Memory

H20 = load_profile("nvidia-h20")
L2 = 60 * 2**20


def with_cache(l2_mib: float | None, capacity_gb: float = 96) -> DeviceProfile:
    assert H20.hardware is not None
    memory_of_it = Memory("HBM3", capacity_gb=capacity_gb, bandwidth_gb_s=4000)
    return replace(H20, hardware=replace(H20.hardware, l2_mib=l2_mib), memory=memory_of_it)


def swept(device: Any, suite: Any = "quick") -> dict[int, Result]:
    """The sweep's results by working set."""
    found = [r for r in memory.run(device, Plan(suite)) if r.name == "memory.sweep"]
    return {r.shape["working_set_bytes"]: r for r in found if isinstance(r, Result)}


def rate(result: Result) -> float:
    return result.metrics["bandwidth_gb_s"].median


def test_quick_runs_some_streams_and_names_the_others() -> None:
    names = [r.name for r in memory.run(EmulatedDevice(H20), Plan()) if r.name != "memory.sweep"]
    assert set(names) == {"memory.copy", "memory.triad", "memory.read", "memory.update"}
    assert {*names, *memory.left_out("quick")} == {s.name for s in STREAMS}


def test_standard_runs_every_stream_in_both_windows() -> None:
    found = [r for r in memory.run(EmulatedDevice(H20), Plan("standard")) if r.name != "memory.sweep"]
    assert [r.name for r in found] == [s.name for s in STREAMS for _ in "xx"]
    assert {r.data for r in found if isinstance(r, Result) and r.name != "memory.write"} == {"normal"}
    assert {r.data for r in found if isinstance(r, Result) and r.name == "memory.write"} == {"constant"}
    assert memory.left_out("standard") == []


def test_a_record_says_what_its_suite_left_out(tmp_path: Any) -> None:
    record = run(Request("emulated:nvidia-h20", workloads=("memory",), folder=tmp_path)).record
    assert record.settings["left_out"] == [*memory.left_out("quick"), "the repeats of --suite lab"]
    (found,) = [f for f in record.findings if f.code == "left_out"]
    assert "memory.dot" in found.text
    assert "a longer suite has them" in found.text
    other = run(Request("emulated:nvidia-h20", workloads=("matmul",), formats=("fp8",), folder=tmp_path)).record
    assert not [word for word in other.settings["left_out"] if word.startswith("memory")]


@pytest.mark.parametrize(("suite", "points"), [("quick", 8), ("standard", 27)])
def test_a_sweep_rises_from_the_smallest_set_to_the_largest(suite: str, points: int) -> None:
    sizes = sweep.working_sets(EmulatedDevice(H20), suite, 8 * L2)
    assert sizes == sorted(set(sizes))
    assert (sizes[0], sizes[-1]) == (2**16, 8 * L2)
    assert all(size % 4096 == 0 for size in sizes)
    assert len(sizes) == points


@pytest.mark.parametrize("largest", [4096, 2**16, 2**16 + 4096])
def test_a_sweep_of_little_memory_ends_at_what_there_is(largest: int) -> None:
    assert sweep.working_sets(EmulatedDevice(H20), "quick", largest)[-1] == largest


def test_sets_that_no_cache_holds_are_read_once_a_call() -> None:
    for size, result in swept(EmulatedDevice(H20), "standard").items():
        assert (result.shape["passes"] == 1) is (size > L2)
        assert result.bytes == size * result.shape["passes"]


def test_a_sweep_shows_the_emulated_cache_and_the_memory_behind_it() -> None:
    found = swept(EmulatedDevice(H20), "standard")
    inside = [rate(r) for size, r in found.items() if size <= L2]
    outside = [rate(r) for size, r in found.items() if size >= 2.5 * L2]
    usual = TimeModel(H20).bandwidth_gb_s("read")
    assert outside == pytest.approx([usual] * len(outside), rel=0.04)
    assert inside == pytest.approx([2.5 * usual] * len(inside), rel=0.04)


def test_a_part_of_no_known_cache_has_no_step() -> None:
    rates = [rate(r) for r in swept(EmulatedDevice(with_cache(None))).values()]
    assert max(rates) < 1.05 * min(rates)


@pytest.mark.parametrize(("times", "share"), [(0.1, 1.0), (1.0, 1.0), (1.5, 0.5), (2.0, 0.0), (9.0, 0.0)])
def test_the_share_a_cache_holds(times: float, share: float) -> None:
    assert TimeModel(H20).cached_share(times * L2) == pytest.approx(share)


def test_sweep_rows_are_short_checked_and_labelled_emulated() -> None:
    for result in swept(EmulatedDevice(H20)).values():
        row = row_of(result, emulated=True)
        assert (row.window, row.validity, row.emulated) == ("burst", "valid", True)
        assert row.check is not None
        assert row.check.error <= row.check.tolerance
        assert 10 <= len(row.samples) <= 1000


def test_a_sweep_ends_where_a_set_does_not_fit_and_says_so() -> None:
    found = list(sweep.run(EmulatedDevice(with_cache(60, 0.1)), Plan(), 2**28))
    assert [type(r) for r in found] == [Result] * 6 + [NotMeasured]
    assert isinstance(found[-1], NotMeasured)
    assert "from a working set of 268435456 bytes on" in found[-1].reason


def test_a_part_without_a_bandwidth_gives_one_reason_for_the_sweep() -> None:
    found = list(memory.run(EmulatedDevice(replace(H20, memory=None)), Plan()))
    assert all(isinstance(r, NotMeasured) for r in found)
    assert [r.name for r in found].count("memory.sweep") == 1


def test_a_wrong_sum_in_the_sweep_is_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stream._CALLS, Sweep, lambda out, *_: out.zero_())
    for result in swept(EmulatedDevice(H20)).values():
        assert (result.validity, result.samples) == ("invalid", ())
        assert "wrong result" in result.notes[-1]


class SmallCpu(CpuDevice):
    """The processor of this machine with a small cache, so that arrays are small too."""

    last_level_cache_bytes = 2**18


def test_the_processor_runs_every_stream_and_a_fine_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUDGETS, "standard", Budget(min_load_s=0, max_load_s=0, sustained_s=0))
    monkeypatch.setattr(sweep, "_LONG_LOAD_S", 0.0)
    monkeypatch.setattr(sweep, "_CALL_BYTES", 2**20)
    found = list(memory.run(SmallCpu(), Plan("standard")))
    results = [r for r in found if isinstance(r, Result)]
    assert len(results) == len(found)
    assert {r.name for r in results} == {*(s.name for s in STREAMS), "memory.sweep"}
    assert all(r.check and r.check.passed for r in results)
    assert all(("bus_bytes" in r.extra) is (r.name != "memory.sweep") for r in results)
    sizes = [r.shape["working_set_bytes"] for r in results if r.name == "memory.sweep"]
    assert (sizes[0], sizes[-1], len(sizes)) == (2**14, 2**21, 15)


def test_a_device_that_fails_in_the_sweep_keeps_what_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    time = EmulatedDevice.time

    def fails_late(device: EmulatedDevice, kernel: Any, count: int) -> list[float]:
        if isinstance(kernel.operator, Sweep) and kernel.operator.array_bytes > 2**20:
            raise DeviceError("cuda:0: memory.sweep: the device is gone")
        return time(device, kernel, count)

    monkeypatch.setattr(EmulatedDevice, "time", fails_late)
    found = [r for r in memory.run(EmulatedDevice(H20), Plan()) if r.name == "memory.sweep"]
    assert [isinstance(r, Result) for r in found] == [True, True, True, False]
