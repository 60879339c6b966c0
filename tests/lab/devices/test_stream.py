"""Stream kernels are right, stay right however often they run, and are found out when they are wrong."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import torch

from greenzone.lab.devices import kernels, numerics
from greenzone.lab.devices.stream import StreamKernel
from greenzone.lab.streams import STREAMS, Add, Copy, Daxpy, Dot, Read, Scale, Stream, Sweep, Triad, Update, Write

EVERY = (*STREAMS, Sweep)


def build(operator: Stream, cache: int = 0) -> Any:
    return kernels.build(operator, numerics.native, torch.device("cpu"), 7, cache)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("form", ["fp32", "fp64"])
@pytest.mark.parametrize("size", [8, 4096, 2**20])
def test_streams_pass_more_than_once(kind: type[Stream], form: str, size: int) -> None:
    kernel = build(kind(size, form), cache=size)
    for _ in range(3):
        check = kernel.check()
        assert check.passed, check
        kernel.launch()


def test_each_stream_is_what_its_name_says() -> None:
    """Against arithmetic written out here, apart from the kernels' own references."""
    scale = 0.4
    wanted: dict[type[Stream], Callable[..., torch.Tensor]] = {
        Copy: lambda a: a, Scale: lambda a: scale * a, Add: lambda a, b: a + b, Triad: lambda a, b: a + scale * b,
        Read: lambda a: a.sum(), Dot: lambda a, b: (a * b).sum(),
    }  # fmt: skip
    for kind, compute in wanted.items():
        kernel = build(kind(8192, "fp64"))
        kernel.launch()
        out, *inputs = kernel._sets[0]
        torch.testing.assert_close(out, compute(*inputs), msg=kind.name)


def test_an_update_doubles_and_halves_exactly() -> None:
    kernel = build(Update(4096))
    (array,) = kernel._sets[0]
    first = array.clone()
    kernel.launch()
    assert torch.equal(array, 2 * first)
    kernel.launch()
    assert torch.equal(array, first)


@pytest.mark.parametrize("kind", [Update, Daxpy, Write])
def test_values_stay_ordinary_however_often_a_stream_runs(kind: type[Stream]) -> None:
    """Neither overflow, nor zeros, nor denormals after 10,001 launches: twice the start at most."""
    kernel = build(kind(16384))
    for _ in range(10_001):
        kernel.launch()
    out = kernel._sets[0][0]
    assert out.isfinite().all()
    assert out.abs().max() < 20
    assert out.abs().min() > 1e-10
    assert kernel.check().passed


def test_a_write_writes_something_else_each_time() -> None:
    kernel = build(Write(4096))
    kernel.launch()
    one = float(kernel._sets[0][0][5])
    kernel.launch()
    assert float(kernel._sets[0][0][5]) == -one != 0


def test_a_sweep_keeps_one_set_and_reads_it_as_often_as_it_says() -> None:
    kernel = build(Sweep(4096, passes=5), cache=2**30)
    assert len(kernel._sets) == 1
    kernel.launch()
    out, array = kernel._sets[0]
    assert array.numel() == 1024
    torch.testing.assert_close(out, array.sum().expand(5))


@pytest.mark.parametrize("kind", EVERY)
def test_a_stream_that_does_nothing_fails(kind: type[Stream]) -> None:
    kernel = build(kind(65536))
    kernel.launch = lambda: None
    assert not kernel.check().passed


@pytest.mark.parametrize("kind", [Update, Daxpy])
@pytest.mark.parametrize("acting", [0, 2])
def test_an_in_place_stream_that_skips_a_launch_fails(kind: type[Stream], acting: int) -> None:
    """Of the three launches of a check; the second takes back what the first did."""
    kernel = build(kind(4096))
    launch, asked = kernel.launch, count()

    def lazy() -> None:
        if next(asked) < acting:
            launch()

    kernel.launch = lazy
    assert not kernel.check().passed


@pytest.mark.parametrize("kind", EVERY)
def test_one_wrong_element_in_a_million_is_found(kind: type[Stream]) -> None:
    kernel = build(kind(2**22))
    launch = kernel.launch

    def spoilt() -> None:
        launch()
        out = kernel._sets[0][0].view(-1)
        out[out.numel() // 2] = float("nan")

    kernel.launch = spoilt
    assert not kernel.check().passed


@pytest.mark.parametrize("kind", [Read, Dot, Sweep])
def test_a_sum_that_leaves_out_a_thousandth_fails(kind: type[Stream]) -> None:
    kernel = build(kind(2**24))
    inputs = kernel._sets[0][1:]
    call = kernel._call
    kernel._call = lambda out, x, s: call(out, [part[: -part.numel() // 1000] for part in x], s)
    assert not kernel.check().passed
    kernel._call = call
    assert kernel.check().passed
    assert inputs[0].std() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("kind", [Update, Daxpy])
def test_an_update_that_leaves_out_one_element_fails(kind: type[Stream]) -> None:
    kernel = build(kind(2**20))
    call = kernel._call
    kernel._call = lambda out, x, s: call(out[1:], [part[1:] for part in x], s)
    check = kernel.check()
    assert not check.passed
    assert check.error < 1


def test_close_gives_the_arrays_back() -> None:
    kernel = StreamKernel(Copy(4096), torch.device("cpu"), 0, 2)
    kernel.close()
    kernel.close()
    assert kernel._sets == []
