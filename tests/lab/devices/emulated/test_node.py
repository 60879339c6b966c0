"""Several devices in one node: names, identities, silicon, copies to a peer and a sum over all."""

from dataclasses import replace
from typing import Any

import pytest

from greenzone.errors import UsageError
from greenzone.lab.devices import open_device
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.devices.emulated.links import peer_link
from greenzone.lab.devices.emulated.node import SILICON_SPREAD, Place
from greenzone.lab.links import AllReduce, Transfer
from greenzone.lab.operators import Matmul
from greenzone.lab.results import Result
from greenzone.lab.workloads import Plan, interconnect
from greenzone.parts.catalogue import load_profile
from greenzone.statistics import median

H20 = load_profile("nvidia-h20")


def member(index: int, count: int = 8, seed: int = 0) -> EmulatedDevice:
    return EmulatedDevice(H20, seed, Place(H20.id, count, index))


@pytest.mark.parametrize(
    ("spec", "place", "name"),
    [
        ("nvidia-h20", Place("nvidia-h20"), "emulated:nvidia-h20"),
        ("nvidia-h20:0", Place("nvidia-h20"), "emulated:nvidia-h20"),
        ("8xnvidia-h20", Place("nvidia-h20", 8, 0), "emulated:8xnvidia-h20"),
        ("8xnvidia-h20:3", Place("nvidia-h20", 8, 3), "emulated:8xnvidia-h20:3"),
    ],
)
def test_a_name_is_read_and_written(spec: str, place: Place, name: str) -> None:
    assert Place.of(spec) == place
    assert place.id(place.profile) == name
    assert open_device(f"emulated:{spec}", load_profile).id == name


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("0xnvidia-h20", "a node of 0 devices; it may have 1 to 72"),
        ("1000xnvidia-h20", "a node of 1000 devices"),
        ("8xnvidia-h20:8", r"no device 8 in this node; it has 0\.\.7"),
        ("nvidia-h20:1", r"no device 1 in this node; it has 0\.\.0"),
        ("8xnvidia-h20:-1", "no device -1"),
        ("8x", "no profile is named"),
        ("8xnvidia-h2", "unknown profile"),
        (f"nvidia-h20:{'9' * 5000}", "unknown profile"),
        (f"{'9' * 5000}xnvidia-h20", "unknown profile"),
    ],
)
def test_a_node_that_cannot_be_is_refused(spec: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_device(f"emulated:{spec}", load_profile)


def test_each_device_has_an_identity_and_noise_of_its_own() -> None:
    node = [member(n) for n in range(8)]
    assert len({d.describe()["uuid"] for d in node}) == 8
    assert all(d.describe()["uuid"].startswith("EMULATED-") for d in node)
    assert member(3).describe()["uuid"] == node[3].describe()["uuid"] != member(3, seed=1).describe()["uuid"]
    product = Matmul(4096, 4096, 4096, "fp8")
    assert len({tuple(d.time(d.prepare(product, 0), 5)) for d in node}) == 8


def test_siblings_differ_by_some_per_cent_and_one_alone_does_not() -> None:
    product = Matmul(8192, 8192, 8192, "fp8")
    speeds = [member(n).describe()["silicon"] for n in range(8)]
    assert len(set(speeds)) == 8
    assert all(abs(s - 1) <= 2.001 * SILICON_SPREAD for s in speeds)
    assert 1.01 < max(speeds) / min(speeds) < 1.08
    rates = [product.operations / median(d.time(d.prepare(product, 0), 200)) for d in map(member, range(8))]
    nominal = product.operations / median((alone := EmulatedDevice(H20)).time(alone.prepare(product, 0), 200))
    assert [r / nominal for r in rates] == pytest.approx(speeds, rel=0.01)


def rates(profile: str, count: int) -> dict[str, float]:
    device = open_device(f"emulated:{count}x{profile}", load_profile)
    rows = list(interconnect.run(device, Plan()))
    assert all(isinstance(row, Result) and row.validity == "valid" for row in rows)
    found: dict[str, float] = {}
    for row in rows:
        if isinstance(row, Result) and row.window == "sustained":
            found[" ".join(filter(None, (row.name.removeprefix("interconnect."), row.variant)))] = row.metrics[
                "bandwidth_gb_s"
            ].median
    return found


def test_a_switch_gives_a_peer_the_whole_link() -> None:
    found = rates("nvidia-h20", 8)
    assert found["peer one way"] == pytest.approx(376, rel=0.03), "NCCL issue 1264"
    assert found["peer both ways at once"] == pytest.approx(742, rel=0.03)
    assert 300 < found["all_reduce ring"] < 450
    assert found["host_to_device"] == pytest.approx(55.6, rel=0.02)


def test_a_mesh_gives_a_peer_one_link_and_a_sum_all_of_them() -> None:
    found = rates("amd-mi300x", 8)
    assert found["peer one way"] < 64
    assert found["all_reduce ring"] > 5 * found["peer one way"]
    assert rates("amd-mi300x", 2)["all_reduce ring"] < 64


def test_without_a_link_of_their_own_peers_meet_over_pcie() -> None:
    found = rates("nvidia-rtx-4090", 4)
    assert found["peer one way"] == pytest.approx(found["host_to_device"], rel=0.02)


SHARED, OWN = "all_links host and 7 peers, one link for all", "all_links host and 7 peers, a link each"


def test_all_links_at_once_are_the_host_s_and_the_peers_together() -> None:
    """Over a switch when the peers share a link, in a mesh when each has its own."""
    switch = rates("nvidia-h20", 8)
    assert switch[SHARED] == pytest.approx(switch["bidirectional"] + switch["peer both ways at once"], rel=0.03)
    assert switch[OWN] < 0.96 * switch[SHARED]
    mesh = rates("amd-mi300x", 8)
    assert mesh[OWN] == pytest.approx(mesh["bidirectional"] + 7 * mesh["peer both ways at once"], rel=0.03)
    assert mesh[SHARED] < mesh[OWN] / 3


def test_all_links_are_one_where_everything_goes_over_pcie() -> None:
    found = rates("nvidia-rtx-4090", 2)
    assert found["all_links host and 1 peer"] == pytest.approx(found["bidirectional"], rel=0.02)


@pytest.mark.parametrize("part", ["nvidia-h20", "amd-mi300x", "nvidia-rtx-4090"])
def test_nothing_goes_faster_than_the_links_of_the_profile(part: str) -> None:
    possible = sum(link.bidirectional_gb_s for link in load_profile(part).links)
    assert all(rate < possible for name, rate in rates(part, 8).items() if name.startswith("all_links"))


def test_a_link_inside_the_package_is_none_to_a_peer() -> None:
    inside = replace(H20, links=tuple(replace(link, on_package=link.kind.startswith("NVLink")) for link in H20.links))
    assert peer_link(inside).kind.startswith("PCIe")


def test_a_sum_is_made_and_a_wrong_one_is_found() -> None:
    kernel: Any = member(0).prepare(AllReduce(2**26), 0)
    assert kernel.operator.ranks == 8
    assert kernel.check().passed
    kernel.poison()
    assert not kernel.arrived().passed
    kernel._inner.launch()
    assert kernel.arrived().passed
    kernel._inner.spoil()
    assert not kernel.arrived().passed


def test_what_a_transfer_holds_is_given_back() -> None:
    device = member(0)
    before = device.free_bytes
    kernel = device.prepare(Transfer("peer", 2**28), 0)
    assert device.free_bytes == before - 2**28
    kernel.close()
    assert device.free_bytes == before
