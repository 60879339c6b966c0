"""Workloads on the emulated device, on the processor, and on devices that misbehave."""

from dataclasses import replace
from typing import Any

import pytest

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices.cpu import CpuDevice
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.devices.emulated.kernels import EmulatedKernel
from greenzone.lab.measure import BUDGETS, Budget
from greenzone.lab.models import default_model
from greenzone.lab.operators import Operator
from greenzone.lab.results import Check, NotMeasured, Result
from greenzone.lab.shapes import GroupedAttention, Mlp, ModelShape
from greenzone.lab.workloads import WORKLOADS, Plan, inference, matmul, memory, sweep
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile, Memory
from greenzone.statistics import median

H20 = load_profile("nvidia-h20")
BF16 = Plan(formats=("bf16",))
TINY = ModelShape(
    "tiny", "Tiny", 3, 256, 1000, 2048, True, GroupedAttention(8, 4, 32), mlp=Mlp(512, "plain")
)


def rows(workload: str, device: Any, plan: Plan | None = None) -> list[Result]:
    found = list(WORKLOADS[workload](device, plan or Plan()))
    assert all(isinstance(row, Result) for row in found), found
    return [row for row in found if isinstance(row, Result)]


def streams(device: Any, plan: Plan | None = None) -> list[Result]:
    """The rows of the memory streams, without the sweep of working sets."""
    return [row for row in rows("memory", device, plan) if row.name != "memory.sweep"]


def small(capacity_gb: float) -> DeviceProfile:
    return replace(H20, memory=Memory("HBM3", capacity_gb=capacity_gb, bandwidth_gb_s=4000))


def test_a_burst_and_a_sustained_result_for_each_format() -> None:
    device = EmulatedDevice(H20)
    found = [(row.format, row.window) for row in rows("matmul", device)]
    assert found == [(form, window) for form in device.formats() for window in ("burst", "sustained")]


def test_the_rate_is_worked_out_from_the_samples() -> None:
    for row in rows("matmul", EmulatedDevice(H20), BF16):
        assert row.metrics["rate_tops"].median == pytest.approx(row.operations / median(row.samples) / 1e12)
        assert row.metrics["rate_tops"].low < row.metrics["rate_tops"].median
        assert row.check is not None
        assert row.check.passed
        assert row.extra["layout"] in ("NN", "NT")
        assert row.warmups
        assert row.validity == "valid"


def test_quick_takes_a_cube() -> None:
    row = rows("matmul", EmulatedDevice(H20), Plan("quick", ("fp8",)))[0]
    assert row.shape == {"m": 4096, "n": 4096, "k": 4096}
    assert row.extra["search"] is None


def test_a_limiter_shows_between_the_windows() -> None:
    device = EmulatedDevice(load_profile("nvidia-rtx-5090-d-v2"))
    burst, sustained = (
        row.metrics["rate_tops"].median for row in rows("matmul", device, Plan(formats=("int8",)))
    )
    assert burst / sustained == pytest.approx(1.17, abs=0.025)


def test_a_smaller_product_is_tried_where_memory_is_short_and_it_is_said() -> None:
    row = rows("matmul", EmulatedDevice(small(0.05)), BF16)[0]
    assert row.shape["m"] == 2048
    assert any("a smaller size was tried" in note for note in row.notes)


def test_where_nothing_fits_the_reason_is_given() -> None:
    (row,) = matmul.run(EmulatedDevice(small(0.001)), BF16)
    assert isinstance(row, NotMeasured)
    assert "are left" in row.reason


def test_smaller_arrays_where_memory_is_short() -> None:
    found = streams(EmulatedDevice(small(1.2)))
    names = ("memory.copy", "memory.triad", "memory.read", "memory.update")
    assert [row.name for row in found] == [n for n in names for _ in "xx"]
    assert found[0].bytes < 2 * 2**30
    assert any("a smaller size was tried" in note for note in found[0].notes)
    for row in found:
        assert row.metrics["bandwidth_gb_s"].median == pytest.approx(row.bytes / median(row.samples) / 1e9)
        assert "bus_bytes" not in row.extra


def test_arrays_are_eight_times_the_cache_at_least() -> None:
    device = EmulatedDevice(H20)
    assert all(row.bytes >= 8 * device.last_level_cache_bytes for row in streams(device))


def test_a_part_without_claimed_peaks_gives_a_reason_for_each_question() -> None:
    device = EmulatedDevice(load_profile("amd-mi308x"))
    (products,) = matmul.run(device, Plan())
    asked = list(matmul.run(device, Plan(formats=("fp16",))))
    assert isinstance(products, NotMeasured)
    assert asked == [NotMeasured("matmul", "fp16", "profile amd-mi308x gives no peak for fp16")]
    assert all(isinstance(row, NotMeasured) for row in inference.run(device, Plan()))
    assert rows("memory", device)


def test_a_wrong_kernel_is_invalid_and_gives_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmulatedKernel, "check", lambda _: Check(0.5, 0.01, "float64"))
    for workload in ("matmul", "memory", "inference"):
        for row in rows(workload, EmulatedDevice(H20), replace(BF16, model=default_model())):
            assert (row.validity, row.samples, dict(row.metrics)) == ("invalid", (), {})
            assert any("wrong result before the timing: error 0.5" in note for note in row.notes)


def test_a_figure_above_the_ceiling_is_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmulatedDevice, "ceiling_tops", lambda *_: 50.0)
    found = rows("matmul", EmulatedDevice(H20), BF16)
    assert {row.validity for row in found} == {"invalid"}
    assert any("times the ceiling of 50" in note for note in found[0].notes)


def test_a_kernel_that_fails_half_way_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> list[float]:
        raise DeviceError("cuda:0: matmul: an illegal memory access was encountered")

    monkeypatch.setattr(EmulatedDevice, "time", fails)
    (row,) = matmul.run(EmulatedDevice(H20), BF16)
    assert isinstance(row, NotMeasured)
    assert "illegal memory access" in row.reason


def test_out_of_memory_while_it_runs_tries_a_smaller_size(monkeypatch: pytest.MonkeyPatch) -> None:
    check = EmulatedKernel.check

    def big_ones_fail(kernel: EmulatedKernel) -> Check:
        if kernel.operator.resident_bytes > 1e9:
            raise OutOfMemory("cuda:0: memory.copy: out of memory")
        return check(kernel)

    monkeypatch.setattr(EmulatedKernel, "check", big_ones_fail)
    row = next(memory.run(EmulatedDevice(H20), Plan()))
    assert isinstance(row, Result)
    assert row.bytes <= 1e9
    assert any("out of memory; a smaller size was tried" in note for note in row.notes)


def test_the_same_seed_gives_the_same_samples() -> None:
    one, two = (rows("matmul", EmulatedDevice(H20, 5), BF16) for _ in range(2))
    assert [row.samples for row in one] == [row.samples for row in two]


class SmallCpu(CpuDevice):
    """The processor of this machine with a small cache, so that arrays are small too."""

    last_level_cache_bytes = 2**18


def test_the_processor_counts_the_bytes_on_its_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUDGETS, "quick", Budget(min_load_s=0, max_load_s=0, sustained_s=0))
    monkeypatch.setattr(sweep, "_CALL_BYTES", 2**20)
    copy, _, triad, _, read, _, update, _ = streams(SmallCpu())
    assert [row.extra["bus_bytes"] for row in (copy, triad, read, update)] == [
        copy.bytes * 3 / 2, pytest.approx(triad.bytes * 4 / 3), read.bytes, update.bytes,
    ]  # fmt: skip


def test_arrays_take_an_eighth_of_the_free_memory_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CpuDevice, "free_bytes", 2**23)
    sizes, notes = memory.array_sizes(SmallCpu())
    assert sizes[0] == 2**20
    assert "an eighth of the free memory" in notes[0]


class Slow(EmulatedDevice):
    """A processor that runs one format 300 times slower than the other."""

    id = "cpu"

    def formats(self) -> tuple[str, ...]:
        return ("fp32", "fp16")

    def prepare(self, operator: Operator, seed: int) -> Any:
        operator_tops = 0.3e-3 if operator.format == "fp16" else 0.1
        kernel: Any = super().prepare(operator, seed)
        kernel.cost = replace(kernel.cost, seconds=operator.operations / (operator_tops * 1e12))
        return kernel


def test_a_slow_format_gets_a_smaller_product_and_a_note() -> None:
    fast, _, slow, _ = rows("matmul", Slow(H20))
    assert fast.shape["m"] == 2048
    assert slow.shape["m"] == 256
    assert any("1024 cubed would take 7" in note for note in slow.notes)


STANDARD = Plan("standard", ("fp8",))


def test_standard_searches_the_shape_and_keeps_the_trace() -> None:
    found = rows("matmul", EmulatedDevice(H20), STANDARD)
    first: Any = found[0].extra["search"]
    tops = {(t["m"], t["n"], t["k"], t["layout"]): t["tops"] for t in first["tried"]}
    chosen = (*found[0].shape.values(), found[0].extra["layout"])
    assert tops[chosen] == max(tops.values())
    assert len(tops) == len(first["tried"]) > 30
    assert "gained under 1%" in first["stopped"] or "budget" in first["stopped"] or "were tried" in first["stopped"]
    assert found[1].extra["search"] == first


def test_standard_adds_low_toggle_data_after_the_normal_rows() -> None:
    found = rows("matmul", EmulatedDevice(H20), STANDARD)
    assert [row.data for row in found] == ["normal", "normal", "low_toggle", "low_toggle"]
    low = found[-1]
    assert low.check is not None
    assert low.check.passed
    assert low.shape == found[0].shape
    assert any("the energy of its data is an estimate" in note for note in low.notes)
    assert any("short load of the quick suite" in note for note in low.notes)
    assert {row.data for row in rows("matmul", EmulatedDevice(H20), BF16)} == {"normal"}


class TwoWays(EmulatedDevice):
    """A device with three variants of each format: the second is the fastest, the third never runs."""

    def variants(self, format: str) -> tuple[str | None, ...]:
        return ("usual", "faster", "broken")

    def prepare(self, operator: Operator, seed: int) -> Any:
        product: Any = operator
        if product.variant == "broken":
            raise DeviceError("the library refuses it")
        kernel: Any = super().prepare(operator, seed)
        kernel.variant = product.variant
        share = 0.8 if product.variant == "faster" else 1.0
        kernel.cost = replace(kernel.cost, seconds=share * kernel.cost.seconds)
        return kernel


def test_the_best_variant_is_reported_first_and_one_that_fails_says_why() -> None:
    found = list(matmul.run(TwoWays(H20), STANDARD))
    results = [row for row in found if isinstance(row, Result)]
    assert [(row.variant, row.data) for row in results[::2]] == [
        ("faster", "normal"), ("usual", "normal"), ("faster", "low_toggle"),
    ]  # fmt: skip
    assert results[0].extra["search"] is not None
    assert results[2].extra["search"] is None
    assert [row for row in found if isinstance(row, NotMeasured)] == [
        NotMeasured("matmul", "fp8", "broken: the library refuses it")
    ]


def test_quick_measures_the_best_variant_alone() -> None:
    found = rows("matmul", TwoWays(H20), Plan(formats=("fp8",)))
    assert {row.variant for row in found} == {"faster"}


def test_variants_that_are_equal_are_not_told_apart_by_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"one": 1.0, "two": 0.995, "three": 0.999}
    monkeypatch.setattr(matmul, "call_seconds", lambda _, product, __: seconds[product.variant])
    products = [matmul.Matmul(8, 8, 8, "fp8", True, name) for name in seconds]
    assert matmul._fastest(EmulatedDevice(H20), products, Plan(), []).variant == "one"


def test_a_search_where_memory_is_short_passes_over_what_does_not_fit() -> None:
    found = rows("matmul", EmulatedDevice(small(0.05)), Plan("standard", ("bf16",)))
    trace: Any = found[0].extra["search"]
    assert any("are left" in row.get("failed", "") for row in trace["tried"])
    assert found[0].bytes <= 0.05e9
