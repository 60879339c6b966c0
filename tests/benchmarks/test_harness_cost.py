"""What the harness costs beside the work it times, on this processor: two ratios of one run.

`pytest tests/benchmarks/test_harness_cost.py`. The first is the time under load that is no call's,
as a share of the whole (target: under 0.01). The second is how much slower calls are while telemetry is read beside
them at its usual rate, by bare loops with and without it in turns: the reading here is one of files, for want of a GPU.
"""

import time
from typing import Any

from greenzone.lab.devices.cpu import CpuDevice
from greenzone.lab.devices.host import available_bytes
from greenzone.lab.devices.sampler import Sampler
from greenzone.lab.measure import Budget, measure_windows
from greenzone.lab.operators import Matmul
from greenzone.lab.workloads.plan import prepared
from greenzone.statistics import median

PRODUCT = Matmul(512, 512, 512, "fp32", transposed=True)
BUDGET = Budget(idle_s=0, min_load_s=5, max_load_s=6)
TURNS, CALLS = 20, 100


class Counting(CpuDevice):
    """Adds up what the calls under load took, and when the load began and ended."""

    calls_s = began = ended = 0.0

    def idle(self, seconds: float) -> None:
        self.calls_s, self.began = 0.0, self.now()

    def time(self, kernel: Any, count: int) -> list[float]:
        samples = super().time(kernel, count)
        self.calls_s += sum(samples)
        self.ended = self.now()
        return samples


def test_time_under_load_that_is_no_call_s(benchmark: Any) -> None:
    device = Counting()

    def load() -> float:
        with prepared(device, PRODUCT, 0) as kernel:
            assert kernel.check().passed
            measure_windows(device, kernel, budget=BUDGET)
            return device.now() - device.ended

    analysis_s = benchmark.pedantic(load, rounds=1)
    load_s = device.ended - device.began
    benchmark.extra_info |= {
        "load_s": load_s, "calls_s": device.calls_s, "cost": 1 - device.calls_s / load_s, "analysis_s": analysis_s
    }  # fmt: skip


def test_calls_beside_telemetry(benchmark: Any) -> None:
    device = CpuDevice()
    sampler = Sampler(lambda: {"free_bytes": available_bytes()}, time.perf_counter)

    def in_turns() -> float:
        bare, watched = [], []
        with prepared(device, PRODUCT, 0) as kernel:
            device.time(kernel, CALLS)
            for _ in range(TURNS):
                bare += device.time(kernel, CALLS)
                with sampler.running():
                    watched += device.time(kernel, CALLS)
        return median(watched) / median(bare)

    ratio = benchmark.pedantic(in_turns, rounds=1)
    benchmark.extra_info |= {"slowdown": ratio - 1, "readings": len(sampler.drain())}
