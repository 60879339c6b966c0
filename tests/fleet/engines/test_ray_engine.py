"""A cluster of two nodes with two and three accelerators, on this machine: each device exactly once."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from greenzone.errors import DeviceError, UsageError
from greenzone.fleet.conduct import call, conduct, new_roll
from greenzone.fleet.engines.engine import Job, Slot
from greenzone.fleet.roll import Roll
from greenzone.lab.harness import Request
from greenzone.records.store import read

REQUEST = Request(workloads=("interconnect",))
FIVE = "emulated:5xnvidia-l20"


def test_without_ray_it_says_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from greenzone.fleet.engines.ray_engine import cluster

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'greenzone\[fleet\]'"), cluster("auto", 300):
        pass


@pytest.mark.parametrize("name", ["../other/run.json", "/etc/run.json"])
def test_a_record_named_out_of_its_folder_is_not_written(name: str, tmp_path: Path) -> None:
    from greenzone.fleet.engines.ray_engine import _arrived

    job = Job(0, Slot("a", "cuda:0", "cuda:0"), replace(REQUEST, folder=tmp_path / "a-0"))
    answer = _arrived(job, "ended", None, (name, "{}"))
    assert (answer.end, answer.record, list(tmp_path.iterdir())) == ("failed", None, [])
    assert "outside the fleet's folder" in (answer.why or "")
    assert _arrived(job, "ended", None, ("gpu/run.json", "{}")).record == tmp_path / "a-0" / "gpu" / "run.json"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a cluster of two nodes."""
    pytest.importorskip("ray", reason="the extra fleet is not installed")
    path = os.pathsep.join(p for p in sys.path if p)  # its workers import what this process does
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": path}.items():
            patched.setenv(name, value)
        from ray.cluster_utils import Cluster

        found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 2, "include_dashboard": False})
        found.add_node(num_cpus=1, num_gpus=3)
        yield found.address
        found.shutdown()


needs_ray = [
    pytest.mark.fleet,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


def go(roll: Roll, folder: Path, address: str, faults: dict[int, str] | None = None) -> Roll:
    from greenzone.fleet.engines.ray_engine import cluster

    with cluster(address, 300) as engine:
        return conduct(roll, call(roll, engine, folder, faults), engine, folder, lambda entry, text: None)


@pytest.fixture(scope="module")
def broken(address: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Roll, Path]:
    """Five devices, of which the third was killed in the middle of its run and the fifth is slow."""
    folder = tmp_path_factory.mktemp("fleet")
    roll = new_roll(REQUEST, "ray", [FIVE], address=address)
    return go(roll, folder, address, {2: "killed@0.001", 4: "slow-sibling:3"}), folder


class TestCluster:
    """In this order: a fleet with a device that is killed, then the same fleet gone on with."""

    pytestmark = needs_ray

    def test_each_device_once_on_the_node_that_has_its_place(self, broken: tuple[Roll, Path]) -> None:
        roll, _ = broken
        assert len({entry.uuid for entry in roll.entries if entry.uuid}) == 5
        nodes = [entry.node for entry in roll.entries]
        assert sorted(nodes.count(node) for node in set(nodes)) == [2, 3]

    def test_the_one_that_is_killed_is_named_and_the_rest_is_kept(self, broken: tuple[Roll, Path]) -> None:
        roll, folder = broken
        assert [entry.state for entry in roll.entries] == ["done", "done", "failed", "done", "done"]
        assert roll.entries[2].why == "its process died (killed by SIGKILL)"
        assert roll.exit_code == 1
        records = [read(folder / (entry.record or "")) for entry in roll.entries]
        assert [record.run.status for record in records] == ["complete", "complete", "running", "complete", "complete"]
        assert [record.environment["fleet"]["node"] for record in records] == [entry.node for entry in roll.entries]

    def test_it_goes_on_from_the_record_that_came_over(self, broken: tuple[Roll, Path], address: str) -> None:
        roll, folder = broken
        record = roll.entries[2].record
        again = go(roll.model_copy(deep=True), folder, address)
        assert ([entry.state for entry in again.entries], again.exit_code) == (["done"] * 5, 0)
        assert again.entries[2].record == record
        assert len(read(folder / (record or "")).run.resumed_at) == 1

    def test_an_accelerator_that_is_none_is_missing(self, address: str, tmp_path: Path) -> None:
        """The places are Ray's word: whether a device is there is seen when it is opened."""
        from greenzone.lab.devices.cuda_driver import TorchCuda

        if TorchCuda().device_count():
            pytest.skip("this machine has an accelerator")
        roll = go(new_roll(REQUEST, "ray", address=address), tmp_path / "fleet", address)
        assert [entry.state for entry in roll.entries] == ["missing"] * 5
        assert sorted(entry.device for entry in roll.entries) == ["cuda:0", "cuda:0", "cuda:1", "cuda:1", "cuda:2"]

    @pytest.mark.parametrize(
        ("devices", "error", "words"),
        [
            (["emulated:6xnvidia-l20"], DeviceError, "6 devices were asked for, and this cluster has places for 5"),
            (["cpu"], UsageError, "a cluster's accelerators are measured all"),
        ],
    )
    def test_what_a_cluster_cannot_do(
        self, address: str, tmp_path: Path, devices: list[str], error: type[Exception], words: str
    ) -> None:
        with pytest.raises(error, match=words):
            go(new_roll(REQUEST, "ray", devices), tmp_path, address)

    def test_a_worker_that_dies_is_named(
        self, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from greenzone.fleet.engines import ray_engine

        monkeypatch.setattr(ray_engine, "Worker", _mortal())
        roll = go(new_roll(REQUEST, "ray", ["emulated:nvidia-l20"]), tmp_path, address)
        assert (roll.entries[0].state, roll.exit_code) == ("failed", 1)
        assert "its worker died: " in (roll.entries[0].why or "")


def _mortal() -> Any:
    """A worker that the system ends in the middle of a measurement; made here, so that it travels by value."""

    class Mortal:
        def where(self) -> tuple[str, str | None]:
            import ray

            return ray.get_runtime_context().get_node_id(), "0"

        def measure(self, job: object, begun: str | None, timeout_s: float) -> Iterator[tuple[str, str]]:
            yield "finished", "matmul"
            os._exit(3)

    return Mortal


@pytest.mark.fleet
def test_a_cluster_without_a_gpu_says_how_to_have_one() -> None:
    pytest.importorskip("ray", reason="the extra fleet is not installed")
    from greenzone.fleet.engines.ray_engine import RayEngine

    class Bare:
        def cluster_resources(self) -> dict[str, float]:
            return {"CPU": 2.0}

    engine = RayEngine(Bare(), 300, False)
    with pytest.raises(DeviceError, match="this cluster has no GPU; start its nodes with"):
        engine.devices([])
    with pytest.raises(DeviceError, match=r"places for 2 \(CPU\)"):
        engine.devices(["emulated:3xnvidia-h20"])
