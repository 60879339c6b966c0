"""What gathering a fleet costs: a device summary by the number of devices, and a whole record.

The devices are synthetic: figures of emulated devices of a few seeds, spread by seeded noise.
"""

import json
import resource
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from greenzone.fleet.gathering.figures import DeviceSummary, summary_of
from greenzone.fleet.gathering.reading import arrivals, read_record
from greenzone.fleet.gathering.summary import summarised, to_json
from greenzone.lab.harness import Request, run
from greenzone.records import store
from greenzone.records.record import Record

DEVICES = [1_000, 10_000, 100_000]
SEEDS = 3
SILICON, OWN = 0.018, 0.003  # standard deviations between devices, and between figures of one


@pytest.fixture(scope="module")
def record_paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Quick-suite records of emulated devices."""
    folder = tmp_path_factory.mktemp("records")
    return [run(Request(device="emulated:nvidia-h20", seed=n, folder=folder)).path for n in range(SEEDS)]


@pytest.fixture(scope="module")
def known(record_paths: list[Path]) -> list[DeviceSummary]:
    return [summary_of(store.read(path)) for path in record_paths]


def drawn(known: list[DeviceSummary], n: int, rng: np.random.Generator) -> DeviceSummary:
    """The n-th device of a fleet, on a node of eight."""
    base = known[n % len(known)]
    factors = (1 + SILICON * rng.normal()) * (1 + OWN * rng.normal(size=len(base.figures)))
    figures = {
        title: f._replace(median=f.median * x, low=f.low * x, high=f.high * x)
        for (title, f), x in zip(base.figures.items(), factors.tolist(), strict=True)
    }
    node = f"node{n // 8:05}"
    own = f"EMULATED-{uuid.uuid5(uuid.NAMESPACE_URL, str(n))}"
    return replace(
        base, run=f"run{n}", device=f"cuda:{n % 8}", node=node, place=f"{node}-{n % 8}", uuid=own, figures=figures
    )


@pytest.fixture(params=DEVICES, ids="{:,} devices".format)
def fleet(request: pytest.FixtureRequest, tmp_path: Path, known: list[DeviceSummary]) -> tuple[Path, int]:
    rng, path = np.random.default_rng(0), tmp_path / "fleet.jsonl"
    with path.open("w") as stream:
        stream.writelines(drawn(known, n, rng).line() for n in range(request.param))
    return path, request.param


def told(benchmark: Any, devices: int) -> None:
    if benchmark.stats:
        benchmark.extra_info["devices_per_s"] = devices / benchmark.stats["median"]
    benchmark.extra_info["most_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_summarise(benchmark: Any, fleet: tuple[Path, int]) -> None:
    path, devices = fleet
    found = benchmark.pedantic(lambda: to_json(summarised(arrivals([path]))), rounds=1)
    assert found["devices"] == devices
    told(benchmark, devices)


def test_plain_json(benchmark: Any, fleet: tuple[Path, int]) -> None:
    """The least that reading the same file can cost with the standard library."""
    path, devices = fleet

    def read() -> int:
        with path.open("rb") as stream:
            return sum(1 for line in stream if json.loads(line))

    assert benchmark.pedantic(read, rounds=1) == devices
    told(benchmark, devices)


@pytest.mark.parametrize("reader", [read_record, store.read], ids=["gathering", "store"])
def test_a_whole_record(benchmark: Any, record_paths: list[Path], reader: Any) -> None:
    found = benchmark(reader, record_paths[0])
    assert isinstance(found, Record)
    benchmark.extra_info["mib"] = record_paths[0].stat().st_size / 2**20


@pytest.mark.parametrize("workers", [1, 2])
def test_gather_records(benchmark: Any, record_paths: list[Path], tmp_path: Path, workers: int) -> None:
    """Links to a few records stand for a folder of many: each is read and checked whole."""
    count = 400
    for n in range(count):
        (tmp_path / f"d{n:04}").mkdir()
        (tmp_path / f"d{n:04}" / "r.json").symlink_to(record_paths[n % SEEDS])
    found = benchmark.pedantic(lambda: sum(1 for _ in arrivals([tmp_path], workers)), rounds=1)
    assert found == count
    told(benchmark, count)
