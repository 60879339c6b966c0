"""What is captured, in which order, and that a replay is what is checked; against a driver that is not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch

from greenzone.errors import DeviceError
from greenzone.lab.devices import kernels, numerics
from greenzone.lab.devices.cpu import CpuDevice
from greenzone.lab.devices.cuda import CudaDevice, CudaKernel
from greenzone.lab.devices.cuda_driver import Properties
from greenzone.lab.devices.cuda_graph import GraphKernel
from greenzone.lab.devices.emulated.arithmetic import bearable
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.layers import GRAPH, DecoderLayer, Phase
from greenzone.lab.models import load_model
from greenzone.lab.steps import ModelStep
from greenzone.parts.catalogue import load_profile

LAYER = DecoderLayer(load_model("mixtral-8x7b"), "decode", 2, 1, 40, "fp32", variant=GRAPH)
STEP = ModelStep(load_model("gpt2"), "prefill", 2, 24, 24, "fp32", GRAPH)


class FakeGraph:
    """What runs while it captures is remembered, and run again by a replay."""

    def __init__(self, driver: "FakeDriver") -> None:
        self.driver, self.work = driver, []  # type: ignore[var-annotated]

    @contextmanager
    def captures(self, stream: str) -> Iterator[None]:
        self.driver.log.append(f"capture on {stream}")
        self.driver.capturing = self.work
        yield
        self.driver.capturing = None

    def replay(self) -> None:
        self.driver.log.append("replay")
        for work in self.work:
            work()


class FakeDriver:
    """A driver without a device, whose streams have names."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.capturing: list[Any] | None = None

    @contextmanager
    def selected(self, index: int) -> Iterator[None]:
        self.log.append(f"select {index}")
        yield

    def why_unusable(self) -> None:
        return None

    def device_count(self) -> int:
        return 1

    def properties(self, index: int) -> Properties:
        return Properties("NVIDIA H20", (9, 0), 78, 96 * 10**9, 1, "GPU-1")

    def torch_device(self, index: int) -> torch.device:
        return torch.device("cpu")

    def synchronise(self, index: int) -> None:
        self.log.append("synchronise")

    def release_cached(self) -> None:
        self.log.append("release")

    def versions(self) -> dict[str, str | None]:
        return {"torch": "2", "cuda": "13.0", "hip": None}

    def stream(self, index: int) -> str:
        return "side"

    @contextmanager
    def on(self, *streams: str) -> Iterator[None]:
        self.log.append(f"on {streams[0]}")
        yield

    def graph(self, index: int) -> FakeGraph:
        return FakeGraph(self)


class FakeInner:
    """Two sets; a run while capturing is work for the graph."""

    operator, note, rotation = LAYER, None, 2

    def __init__(self, driver: FakeDriver) -> None:
        self.driver, self.closed = driver, False

    def run(self, turn: int) -> None:
        self.driver.log.append(f"run {turn}")
        if self.driver.capturing is not None:
            self.driver.capturing.append(lambda: self.driver.log.append(f"work {turn}"))

    def check(self, launch: Any = None) -> Any:
        launch()
        return "checked"

    def close(self) -> None:
        self.closed = True


def test_each_set_is_warmed_up_on_a_side_stream_and_captured_there_once() -> None:
    driver = FakeDriver()
    GraphKernel(FakeInner(driver), driver, 0)  # type: ignore[arg-type]
    of_one = ["synchronise", "on side", *["run {}"] * 3, "synchronise", "capture on side", "run {}"]
    assert driver.log == [line.format(turn) for turn in (0, 1) for line in of_one]


def test_sets_go_round_and_a_check_begins_with_the_first() -> None:
    driver = FakeDriver()
    kernel = GraphKernel(inner := FakeInner(driver), driver, 0)  # type: ignore[arg-type]
    driver.log.clear()
    for _ in range(3):
        kernel.launch()
    assert kernel.check() == "checked"
    assert driver.log == [line for turn in (0, 1, 0, 0) for line in ("replay", f"work {turn}")]
    kernel.close()
    assert inner.closed
    assert not kernel._graphs


def device(driver: FakeDriver) -> CudaDevice:
    class NoNvml:
        class NVMLError(Exception):
            pass

        def nvmlInit(self) -> None:
            raise self.NVMLError("Library Not Found")

    return CudaDevice(0, driver=driver, nvml=NoNvml(), sleep=lambda _: None)  # type: ignore[arg-type]


def small(operator: Any) -> Any:
    return replace(bearable(replace(operator, variant=None)), variant=GRAPH)


@pytest.mark.parametrize("operator", [LAYER, STEP], ids=lambda o: type(o).__name__)
def test_a_layer_and_a_step_are_captured_by_name_and_their_replay_is_checked(operator: Any) -> None:
    driver = FakeDriver()
    kernel = device(driver).prepare(small(operator), 7)
    assert isinstance(kernel, CudaKernel)
    graphs = kernel.inner
    assert isinstance(graphs, GraphKernel)
    assert kernel.variant == GRAPH
    assert (kernel.note or "").endswith("replayed from a CUDA graph")
    assert not kernel.check().passed, "a graph that replays nothing was found right"
    inner: Any = graphs.inner
    graphs._graphs[0].work.append(lambda: inner.run(0))  # type: ignore[attr-defined]
    assert kernel.check().passed


@pytest.mark.parametrize("phase", ["decode", "prefill"])
def test_without_the_variant_nothing_is_captured(phase: Phase) -> None:
    driver = FakeDriver()
    tokens = 1 if phase == "decode" else 8
    layer = bearable(DecoderLayer(load_model("gpt2"), phase, 1, tokens, 8, "fp32"))
    assert device(driver).prepare(layer, 7).variant is None
    assert "capture on side" not in driver.log


def test_where_there_are_no_graphs_the_variant_is_refused() -> None:
    with pytest.raises(DeviceError, match="cpu: CUDA graph is a way to launch on CUDA devices alone"):
        CpuDevice().prepare(small(LAYER), 0)
    with pytest.raises(DeviceError, match="launches nothing, so it has no CUDA graph"):
        EmulatedDevice(load_profile("nvidia-b200")).prepare(LAYER, 0)


def test_a_kernel_launched_by_hand_is_still_checked_by_hand() -> None:
    kernel: Any = kernels.build(bearable(DecoderLayer(load_model("gpt2"), "decode", 1, 1, 8, "fp32")),
                                numerics.native, torch.device("cpu"), 7, 0)  # fmt: skip
    kernel.launch()
    assert kernel.check().passed
    assert not kernel.check(lambda: None).passed


def test_the_usual_variant_of_the_device_is_what_products_in_8_bits_take() -> None:
    one = device(FakeDriver())
    assert one._numerics("fp8").variant == "e4m3, fast accumulation"
    assert one._numerics("bf16").variant is None
