"""The peak as a workload: on the emulated device, on the processor, and on a GPU without Triton."""

from dataclasses import replace
from typing import Any

import pytest

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices import peak_triton
from greenzone.lab.devices.cpu import CpuDevice
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.devices.emulated.kernels import EmulatedKernel
from greenzone.lab.devices.emulated.model import TimeModel
from greenzone.lab.operators import Operator
from greenzone.lab.peak import Peak
from greenzone.lab.results import Check, NotMeasured, Result
from greenzone.lab.workloads import Plan, peak
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import Emulation, Limiter
from greenzone.statistics import median

H20 = load_profile("nvidia-h20")
BF16 = Plan(formats=("bf16",))


def rows(device: Any, plan: Plan | None = None) -> list[Result]:
    found = list(peak.run(device, plan or Plan()))
    assert all(isinstance(row, Result) for row in found), found
    return [row for row in found if isinstance(row, Result)]


def test_two_windows_for_each_format_and_variant_of_the_standard_suite() -> None:
    device = EmulatedDevice(H20)
    found = [(row.format, row.variant, row.window) for row in rows(device, Plan("standard"))]
    each = [(f, v) for f in device.formats() for v in (("e4m3", "e5m2") if f == "fp8" else (None,))]
    assert found == [(f, v, window) for f, v in each for window in ("burst", "sustained")]


def test_quick_takes_the_narrow_formats_and_says_what_it_leaves_out() -> None:
    found = rows(EmulatedDevice(H20))
    assert {row.format for row in found} == {"fp8", "int8", "fp16", "bf16"}
    assert {row.variant for row in found} == {"e4m3", None}
    assert all("quick leaves out the peak in tf32, fp32, fp64" in " ".join(row.notes) for row in found)
    assert {row.format for row in rows(EmulatedDevice(H20), Plan(formats=("fp64",)))} == {"fp64"}


def test_a_row_says_what_was_run_and_what_else_was_tried() -> None:
    for row in rows(EmulatedDevice(H20), BF16):
        rate = row.operations / median(row.samples) / 1e12
        assert row.metrics["rate_tops"].median == pytest.approx(rate)
        assert 0.9 * 148 < rate < 148
        assert (row.name, row.data, row.validity) == ("peak", "integers", "valid")
        assert row.shape["programs"] == 4 * 78
        assert row.check is not None
        assert (row.check.error, row.check.tolerance) == (0, 0)
        assert row.check.reference.startswith("float64, exact, one row of each of ")
        assert row.notes[0].count("TOPS") == 2
        assert row.notes[0].startswith("tiles tried: 128x256x64 with 8 warps ")
        assert row.extra["ceiling"] == pytest.approx(78 * 4096 * 1.98e9 / 1e12)


def test_a_limiter_shows_between_the_windows() -> None:
    capped = replace(H20, emulation=Emulation(limiter=(Limiter("bf16", 50, 10),)))
    burst, sustained = (row.metrics["rate_tops"].median for row in rows(EmulatedDevice(capped), BF16))
    assert burst > 130
    assert sustained == pytest.approx(50, rel=0.01)


def test_the_peak_is_no_lower_than_the_product_and_has_no_memory_in_its_way() -> None:
    model = TimeModel(H20)
    one = Peak("bf16", 78, 128, 128, 64, 512)
    assert model.cost(one).memory_seconds == 0
    assert model.cost(one).compute_seconds == pytest.approx(one.operations / (148e12 * model.efficiency("bf16")))
    assert model.cost(replace(one, programs=79)).compute_seconds == pytest.approx(2 * model.cost(one).compute_seconds)
    with pytest.raises(DeviceError, match="gives no peak for fp4"):
        model.cost(Peak("fp4", 78, 128, 128, 64, 512))


def test_above_the_ceiling_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmulatedDevice, "ceiling_tops", lambda *_: 100.0)
    assert {row.validity for row in rows(EmulatedDevice(H20), BF16)} == {"invalid"}


def test_a_wrong_sum_gives_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmulatedKernel, "check", lambda _: Check(1 / 512, 0.0, "float64"))
    (row,) = rows(EmulatedDevice(H20), BF16)
    assert (row.validity, row.samples, dict(row.metrics)) == ("invalid", (), {})


class Shallow(EmulatedDevice):
    """A part whose shared memory holds no tile of 256 columns."""

    def prepare(self, operator: Operator, seed: int) -> Any:
        if isinstance(operator, Peak) and operator.n > 128:
            raise OutOfMemory("out of shared memory")
        return super().prepare(operator, seed)


def test_a_tile_that_does_not_fit_is_passed_over_and_noted() -> None:
    row = rows(Shallow(H20), BF16)[0]
    assert row.shape["n"] == 128
    assert "one that failed (out of shared memory)" in row.notes[0]


def test_the_processor_says_so_in_one_row() -> None:
    (row,) = peak.run(CpuDevice(), Plan())
    assert isinstance(row, NotMeasured)
    assert (row.name, row.format) == ("peak", None)
    assert "runs on GPUs, through Triton" in row.reason


def test_formats_without_a_path_are_named_and_the_others_measured() -> None:
    found = list(peak.run(EmulatedDevice(H20), Plan(formats=("fp4", "bf16"))))
    assert [type(row) for row in found] == [Result, Result, NotMeasured]
    assert found[-1] == NotMeasured("peak", "fp4", "profile nvidia-h20 gives no peak for fp4")
    (none,) = peak.run(EmulatedDevice(load_profile("amd-mi308x")), Plan())
    assert isinstance(none, NotMeasured)
    assert "offers no number format" in none.reason


def test_without_triton_a_gpu_gives_one_row_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_triton, "triton", None)

    def built(device: EmulatedDevice, operator: Operator, seed: int) -> Any:
        import torch

        assert isinstance(operator, Peak)
        return peak_triton.TritonPeak(operator, torch.device("cpu"), seed)

    monkeypatch.setattr(EmulatedDevice, "prepare", built)
    (row,) = peak.run(EmulatedDevice(H20), Plan())
    assert row == NotMeasured("peak", None, peak_triton.MISSING)
