"""This machine's devices as places: masks within masks, what cannot be used, and a machine without any."""

from typing import Any

import pytest

from greenzone.errors import DeviceError, UsageError
from greenzone.fleet.engines import local


def test_an_emulated_node_is_all_of_its_devices() -> None:
    found = local.slots(["emulated:3xnvidia-h20", "emulated:nvidia-l20"])
    assert [slot.device for slot in found] == [
        *(f"emulated:3xnvidia-h20:{n}" for n in range(3)), "emulated:nvidia-l20"
    ]  # fmt: skip
    assert all(slot.seen_as == slot.device for slot in found)


def test_a_process_sees_its_own_device_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = local.slots(["cuda:3", "cuda"])
    assert [(slot.device, slot.seen_as, dict(slot.environment)) for slot in found] == [
        ("cuda:3", "cuda:0", {"CUDA_VISIBLE_DEVICES": "3"}), ("cuda", "cuda:0", {"CUDA_VISIBLE_DEVICES": "0"})
    ]  # fmt: skip


def test_a_mask_within_a_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-1f")
    inner, beyond = local.slots(["cuda:1", "cuda:2"])
    assert inner.environment == {"CUDA_VISIBLE_DEVICES": "GPU-1f"}
    assert beyond.why == "cuda:2: no such device; CUDA_VISIBLE_DEVICES is '5,GPU-1f'"


def test_in_this_process_nothing_is_hidden() -> None:
    [slot] = local.slots(["cuda:3"], masked=False)
    assert (slot.seen_as, slot.environment) == ("cuda:3", {})


def rows(*more: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": "cpu", "name": "a processor", "kind": "cpu", "usable": True}, *more]


def test_all_takes_every_accelerator_and_names_one_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    broken = {"id": "pci:3b", "name": "NVIDIA GPU", "kind": "accelerator", "usable": False, "reason": "no driver"}
    monkeypatch.setattr(local, "list_devices", lambda: rows({"id": "cuda:0", "kind": "cuda", "usable": True}, broken))
    assert [(slot.device, slot.why) for slot in local.slots([])] == [
        ("cuda:0", None), ("pci:3b", "NVIDIA GPU cannot be used: no driver")
    ]  # fmt: skip


def test_a_machine_without_an_accelerator_says_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "list_devices", rows)
    with pytest.raises(DeviceError, match="--device emulated:8xnvidia-h20"):
        local.slots([])


def test_auto_is_a_choice_and_no_device() -> None:
    with pytest.raises(UsageError, match="auto chooses one device"):
        local.slots(["auto"])
