"""Nodes and racks whose devices sit together apart, links, and the map of racks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from greenzone.errors import DataFileError, FileError
from greenzone.fleet.gathering.figures import DeviceSummary, Figure
from greenzone.fleet.gathering.places import read_racks
from greenzone.fleet.gathering.summary import Fleet, summarised

Make = Callable[..., DeviceSummary]
Lot = Callable[..., list[DeviceSummary]]


def with_slow_node(lot: Lot, node: int, by: float, nodes: int = 10) -> list[DeviceSummary]:
    rates = np.random.default_rng(node).normal(140, 1.4, 8 * nodes)
    rates[8 * node : 8 * node + 8] *= 1 - by
    return lot([float(x) for x in rates])


def apart(fleet: Fleet) -> list[str]:
    return [g.name for g in fleet.lots[0].nodes if g.apart]


def test_a_node_whose_devices_are_all_a_little_slow_is_found(lot: Lot) -> None:
    fleet = summarised(with_slow_node(lot, 4, 0.03))
    assert fleet.lots[0].outliers == ()
    assert apart(fleet) == ["node04"]
    node = fleet.lots[0].nodes[4]
    assert (node.devices, node.median) == (8, pytest.approx(0.97, abs=0.01))
    assert node.apart[0].deviation == pytest.approx(-0.03, abs=0.01)


def test_one_slow_device_does_not_move_its_node(lot: Lot) -> None:
    devices = with_slow_node(lot, 0, 0.0)
    slow = with_slow_node(lot, 0, 0.66)[0]
    fleet = summarised([slow, *devices[1:]])
    assert apart(fleet) == []
    assert fleet.lots[0].nodes[0].slowest == pytest.approx(0.34, abs=0.01)


def test_sound_nodes_are_not_apart(lot: Lot) -> None:
    assert [apart(summarised(with_slow_node(lot, n, 0.0))) for n in range(10)] == [[]] * 10


def test_racks_are_judged_as_nodes_are(lot: Lot) -> None:
    devices = with_slow_node(lot, 2, 0.04, nodes=12)
    slow_rack = {f"node{n:02}": f"rack{n // 2}" for n in range(12)}
    racks = summarised(devices, slow_rack).lots[0].racks
    assert [(g.name, g.devices) for g in racks] == [(f"rack{n}", 16) for n in range(6)]
    assert summarised(devices, {"node00": "a"}).lots[0].racks == ()


def test_links_are_told_by_node_the_least_even_first(device: Make) -> None:
    def with_link(n: int, gb_s: float) -> DeviceSummary:
        return device(n, figures={"interconnect.peer one way": Figure("GB/s", gb_s, gb_s, gb_s, "valid")})

    devices = [with_link(n, 360.0 + n % 8) for n in range(15)] + [with_link(15, 90.0)]
    links = summarised(devices).lots[0].links
    assert [(x.node, x.devices) for x in links] == [("node01", 8), ("node00", 8)]
    first = links[0]
    assert (first.slowest_device, first.slowest, first.median, first.fastest) == ("cuda:7", 90.0, 362.5, 366.0)


def test_a_node_of_one_figure_and_a_node_of_another(device: Make) -> None:
    devices = [device(n, figures={f"x{n // 8}": Figure("TOPS", 1.0, 0.5, 2.0, "valid")}) for n in range(16)]
    assert [(g.name, g.median) for g in summarised(devices).lots[0].nodes] == [("node00", 1.0), ("node01", 1.0)]


@pytest.mark.parametrize(
    ("name", "text"),
    [("r.csv", "node,rack\nn1, a\nn2,b\n\n"), ("r.toml", 'a = ["n1"]\nb = ["n2"]\n')],
)
def test_racks_are_read_from_csv_and_toml(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_racks(tmp_path / name) == {"n1": "a", "n2": "b"}


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("r.csv", "host,rack\n", "its columns are host, rack"), ("r.csv", "", "its columns are none"),
        ("r.csv", "node,rack\nn1,a\nn1,b\n", "n1 - in two racks"), ("r.toml", "a = 1\n", "a - not a list of nodes"),
        ("r.toml", "a = [", "not valid TOML"),
    ],
)  # fmt: skip
def test_a_broken_map_of_racks_is_refused(tmp_path: Path, name: str, text: str, word: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataFileError, match=word):
        read_racks(tmp_path / name)
    with pytest.raises(FileError, match="cannot be read"):
        read_racks(tmp_path / "none.csv")
