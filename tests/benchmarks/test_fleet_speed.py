"""What a fleet costs: Ray's engine over that of one node for each device, and the time by the number of devices.

`pytest tests/benchmarks/test_fleet_speed.py`. Both figures are of one run on one machine, and the devices are
emulated. The first is the median of differences, device by device in turns, each after Ray's start-up (target: under
1 s). The second is the time of a fleet over that of one device: of emulated devices as many run at once as there are
cores.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from greenzone.fleet.conduct import call, conduct, new_roll
from greenzone.fleet.engines.engine import Engine
from greenzone.fleet.engines.subprocess_engine import SubprocessEngine
from greenzone.lab.harness import Request
from greenzone.statistics import median

REQUEST = Request(workloads=("interconnect",))
DEVICES = 2  # for each engine, in turns
TURNS = 3


def seconds_of(engine: Engine, folder: Path, devices: str, serial: bool = True) -> tuple[float, list[float]]:
    """The time of a fleet after its roll was called, and of each device in it."""
    roll = new_roll(REQUEST, "benchmark", [devices], serial=serial)
    slots = call(roll, engine, folder)
    began = time.monotonic()
    conduct(roll, slots, engine, folder, lambda entry, text: None)
    taken = time.monotonic() - began
    assert [entry.state for entry in roll.entries] == ["done"] * len(roll.entries)
    return taken, [entry.seconds or 0.0 for entry in roll.entries]


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("ray", reason="the extra fleet is not installed")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_gpus": DEVICES, "include_dashboard": False})
    yield found.address
    found.shutdown()


@pytest.mark.fleet
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_ray_over_subprocess(benchmark: Any, address: str, tmp_path: Path) -> None:
    from greenzone.fleet.engines.ray_engine import cluster

    fleet = f"emulated:{DEVICES}xnvidia-l20"
    ray_s: list[float] = []
    own_s: list[float] = []

    def in_turns() -> float:
        for turn in range(TURNS):
            own_s.extend(seconds_of(SubprocessEngine(300, serial=True), tmp_path / f"own-{turn}", fleet)[1])
            with cluster(address, 300, serial=True) as engine:
                ray_s.extend(seconds_of(engine, tmp_path / f"ray-{turn}", fleet)[1])
        return median([r - o for r, o in zip(ray_s, own_s, strict=True)])

    over_s = benchmark.pedantic(in_turns, rounds=1)
    benchmark.extra_info |= {
        "over_s": over_s, "ray_s": median(ray_s), "subprocess_s": median(own_s), "load": os.getloadavg()
    }  # fmt: skip


def test_time_by_number_of_devices(benchmark: Any, tmp_path: Path) -> None:
    def each() -> dict[int, float]:
        return {
            count: seconds_of(SubprocessEngine(600), tmp_path / f"{count}", f"emulated:{count}xnvidia-l20", False)[0]
            for count in (1, 2, 4, 8)
        }

    taken = benchmark.pedantic(each, rounds=1)
    ratios = {str(count): taken[count] / taken[1] for count in taken}
    benchmark.extra_info |= {"seconds": {str(c): s for c, s in taken.items()}, "ratio": ratios, "load": os.getloadavg()}
