"""The shape search beside an exhaustive grid of 1,024 steps on this processor: ratio of rates, ratio of times, one run.

`pytest tests/benchmarks/test_search_speed.py`. The grid goes as far as this processor bears:
to the largest of 4,096, 3,072, 2,048 whose products take at most `GREENZONE_GRID_S` seconds (60) by a probe's rate.
Both look at the same layouts, with the same calls. The search has a twentieth of the seconds the grid took. The two
best shapes are then timed against each other in turns; nothing asserts a time or a rate.
"""

import itertools
import os
from typing import Any

import pytest

from greenzone.lab.devices.cpu import CpuDevice
from greenzone.lab.measure.search import Limits, Shape, Space, search
from greenzone.lab.operators import Matmul
from greenzone.lab.workloads import matmul
from greenzone.lab.workloads.plan import Plan, prepared, product_rate
from greenzone.statistics import median

STEP, SIDES, TURNS, SHARE = 1024, (4096, 3072, 2048), 5, 0.05
CALLS = 3  # of each shape: one to warm up and two timed


def bearable(rate: float, layouts: int) -> int:
    """The largest side whose whole grid ends in time."""
    allowed = float(os.environ.get("GREENZONE_GRID_S", "60"))

    def seconds(high: int) -> float:
        return CALLS * layouts * 2 * sum(range(STEP, high + 1, STEP)) ** 3 / rate

    return next((side for side in SIDES if seconds(side) <= allowed), SIDES[-1])


def in_turns(device: CpuDevice, products: list[Matmul]) -> list[float]:
    """Operations a second of each, the median over turns."""
    times: list[list[float]] = [[] for _ in products]
    for _ in range(TURNS):
        for product, own in zip(products, times, strict=True):
            with prepared(device, product, 0) as kernel:
                device.time(kernel, 1)
                own += device.time(kernel, 1)
    return [p.operations / median(own) for p, own in zip(products, times, strict=True)]


@pytest.mark.parametrize("form", ["bf16", "int8"])
def test_search_beside_an_exhaustive_grid(benchmark: Any, form: str) -> None:
    device = CpuDevice()
    ways, _ = matmul._probe(device, form, 0)
    layouts = tuple(transposed for _, transposed in matmul._worth(ways))
    high = bearable(max(ways.values()), len(layouts))
    sides = range(STEP, high + 1, STEP)

    def rate(shape: Shape) -> float:
        return product_rate(device, Matmul(*shape[:3], form, shape.transposed), 0)

    def product(shape: Shape) -> Matmul:
        return Matmul(*shape[:3], form, shape.transposed)

    start = device.now()
    shapes = itertools.starmap(Shape, itertools.product(sides, sides, sides, layouts))
    grid = {shape: rate(shape) for shape in shapes}
    exhaustive_s = device.now() - start
    low, step = matmul._SMALLEST_PROCESSOR
    space, limits = Space(low, high, step, layouts), Limits(SHARE * exhaustive_s)
    trace = benchmark.pedantic(search, (rate, space, limits, device.now, Plan().seed), rounds=1)
    assert trace.best is not None
    best = max(grid, key=grid.__getitem__)
    one, other = in_turns(device, [product(trace.best.shape), product(best)])
    benchmark.extra_info |= {
        "grid_high": high, "grid_shapes": len(grid), "grid_s": exhaustive_s, "search_shapes": len(trace.tried),
        "search_s": trace.seconds, "time_ratio": trace.seconds / exhaustive_s, "rate_ratio_in_turns": one / other,
        "rate_ratio_as_found": (trace.best.rate or 0.0) / grid[best], "stopped": trace.stopped,
        "search_shape": list(trace.best.shape), "grid_shape": list(best), "search_tops": one / 1e12,
    }  # fmt: skip
