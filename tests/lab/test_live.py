"""A profile begun from a live device: what its driver tells, and nothing that only a sheet can."""

from datetime import date
from pathlib import Path

import pytest

from greenzone.datafiles import load
from greenzone.errors import UsageError
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.live import known_of
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile
from greenzone.parts.scaffold import scaffold


class H20:
    """What a CUDA device with NVML tells of itself."""

    emulated = False
    name = "NVIDIA H20"
    id = "cuda:0"
    memory_bytes = 102_078_873_600

    def __init__(self, **facts: object) -> None:
        self.facts = facts

    def describe(self) -> dict[str, object]:
        told = {
            "kind": "cuda", "capability": "9.0", "units": 78, "last_level_cache_bytes": 60 * 2**20, "driver": "580.1",
            "clock_max_sm_mhz": 1980, "memory_bus_bits": 6144, "power_limit_default_w": 500.0, "nvlinks_up": 18,
            "nvlink_version": 6, "pcie_generation_max": 5, "pcie_width_max": 16,
        }  # fmt: skip
        return {**told, **self.facts}



def test_what_the_driver_tells_is_in_the_file_and_rates_and_dies_are_not(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(scaffold(known_of(H20(), "mine"), date(2026, 11, 22)), "utf-8")  # type: ignore[arg-type]
    found = load(DeviceProfile, path)
    assert (found.id, found.name, found.vendor) == ("mine", "NVIDIA H20", "NVIDIA")
    assert found.reviewed_on == date(2026, 11, 22)
    assert found.match is not None
    assert (found.match.names, found.match.compute_capability) == (("NVIDIA H20",), "9.0")
    assert {k.kind: k.bidirectional_gb_s for k in found.links} == {"NVLink 4": 900, "PCIe 5.0 x16": 128}
    assert found.hardware is not None
    assert (found.hardware.units, found.hardware.max_mhz, found.hardware.boost_mhz) == (78, 1980, None)
    assert found.memory is not None
    assert (found.memory.capacity_gb, found.memory.bus_bits, found.memory.kind) == (96, 6144, "unknown")
    assert found.memory.bandwidth_gb_s is None, "bus x clock is a ceiling and no claim"
    assert found.peak_tops is None
    assert found.dies == ()
    assert all(source for _, source in found.sourced_tables())


@pytest.mark.parametrize("link", [{"nvlinks_up": None}, {"nvlink_version": 9}, {"pcie_generation_max": None}])
def test_a_link_that_is_not_told_is_left_out(link: dict[str, object]) -> None:
    assert len(known_of(H20(**link), "mine").links) == 1  # type: ignore[arg-type]


def test_an_emulated_device_tells_nothing_new() -> None:
    with pytest.raises(UsageError, match="tells what its profile says"):
        known_of(EmulatedDevice(load_profile("nvidia-h20")), "mine")


@pytest.mark.parametrize(("enum", "kind", "each"), [(4, "NVLink 3", 50), (6, "NVLink 4", 50), (7, "NVLink 5", 100)])
def test_nvml_numbers_versions_of_links_in_its_own_way(enum: int, kind: str, each: int) -> None:
    links = known_of(H20(nvlink_version=enum), "mine").links  # type: ignore[arg-type]
    assert links[kind] == 18 * each
