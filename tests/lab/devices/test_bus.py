"""Accelerators on a fake bus, and what `auto` makes of them."""

from pathlib import Path

import pytest

from greenzone.errors import DeviceError, UsageError
from greenzone.lab.devices import list_devices, open_device
from greenzone.lab.devices.bus import accelerators_on_bus
from greenzone.lab.devices.cuda_driver import TorchCuda
from greenzone.parts.catalogue import load_profile


def slot(root: Path, name: str, vendor: str, device: str, class_: str) -> None:
    folder = root / name
    folder.mkdir(parents=True)
    for file, text in (("vendor", vendor), ("device", device), ("class", class_)):
        (folder / file).write_text(text + "\n")


@pytest.mark.parametrize(
    ("vendor", "class_", "name"),
    [
        ("0x10de", "0x030200", "NVIDIA"), ("0x10de", "0x030000", "NVIDIA"),
        ("0x10de", "0x040300", None),
        ("0x1002", "0x038000", "AMD"), ("0x1002", "0x120000", "AMD"), ("0x1002", "0x030000", None),
        ("0x1da3", "0x088000", "Intel Habana"),
        ("0x19e5", "0x120000", "Huawei"), ("0x19e5", "0x020000", None),
        ("0x8086", "0x030000", None), ("", "", None), ("0x10de", "", None),
    ],
)  # fmt: skip
def test_vendors_and_classes(tmp_path: Path, vendor: str, class_: str, name: str | None) -> None:
    slot(tmp_path, "0000:01:00.0", vendor, "0x2324", class_)
    assert [found.vendor for found in accelerators_on_bus(tmp_path)] == ([name] if name else [])


def test_a_missing_bus_shows_nothing(tmp_path: Path) -> None:
    assert accelerators_on_bus(tmp_path / "none") == []


def test_a_slot_without_files_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "0000:00:00.0").mkdir()
    assert accelerators_on_bus(tmp_path) == []


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TorchCuda, "why_unusable", lambda _: "this torch is built without CUDA")


@pytest.mark.usefixtures("no_cuda")
def test_auto_takes_the_emulated_device_where_nothing_is_visible(tmp_path: Path) -> None:
    device = open_device("auto", load_profile, bus=tmp_path)
    assert device.id == "emulated:nvidia-h20"
    assert "no accelerator is visible" in (device.chosen_because or "")
    assert device.describe()["chosen_because"] == device.chosen_because


@pytest.mark.usefixtures("no_cuda")
def test_auto_never_falls_back_from_an_accelerator_it_cannot_use(tmp_path: Path) -> None:
    slot(tmp_path, "0000:01:00.0", "0x10de", "0x2324", "0x030200")
    with pytest.raises(DeviceError, match=r"NVIDIA 10de:2324 \(class 0x030200.*without CUDA") as caught:
        open_device("auto", load_profile, bus=tmp_path)
    assert caught.value.exit_code == 1


@pytest.mark.usefixtures("no_cuda")
def test_the_list_names_the_processor_and_what_cannot_be_used(tmp_path: Path) -> None:
    slot(tmp_path, "0000:01:00.0", "0x19e5", "0xd802", "0x120000")
    processor, other = list_devices(tmp_path)
    assert (processor["id"], processor["usable"]) == ("cpu", True)
    assert (other["id"], other["usable"]) == ("pci:0000:01:00.0", False)


@pytest.mark.usefixtures("no_cuda")
def test_cuda_without_cuda_says_so() -> None:
    with pytest.raises(DeviceError, match="built without CUDA"):
        open_device("cuda:0", load_profile)


@pytest.mark.parametrize("spec", ["gpu", "cuda:", "cuda:-1", "cuda:x", "emulated:", "", "CPU"])
def test_other_names_are_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="allowed: auto, cpu, cuda"):
        open_device(spec, load_profile)


def test_an_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="nvidia-h20"):
        open_device("emulated:nvidia-h2", load_profile)
