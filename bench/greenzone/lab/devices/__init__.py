"""Devices by name: cpu, cuda:N, emulated:ID, or auto. The one room that touches hardware.

Several emulated devices in one node: `emulated:8xnvidia-h20` is the first device of a node of eight,
`emulated:8xnvidia-h20:3` the fourth. Each has an identity, noise and silicon of its own; copies to a peer
and sums over all devices need a node of two or more.

torch is imported when a device is opened, not when this module is.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from greenzone.errors import DeviceError, UsageError
from greenzone.lab.devices.base import Device, Kernel
from greenzone.lab.devices.bus import PCI_DEVICES, accelerators_on_bus
from greenzone.parts.profile import DeviceProfile

__all__ = [
    "DEFAULT_EMULATED", "Device", "Kernel", "accelerators_on_bus", "expand", "list_devices", "open_device",
    "require_fault", "require_spec",
]  # fmt: skip

DEFAULT_EMULATED = "nvidia-h20"
_CUDA = re.compile(r"cuda(?::(\d{1,4}))?")
_EMULATED = re.compile(r"emulated:(.+)")


def open_device(
    spec: str,
    profiles: Callable[[str], DeviceProfile],
    seed: int = 0,
    *,
    known: Iterable[DeviceProfile] = (),
    bus: Path = PCI_DEVICES,
    fault: str | None = None,
) -> Device:
    """The device of a name.

    Args:
        spec: cpu, cuda, cuda:N, emulated:ID, emulated:COUNTxID[:INDEX] or auto.
        profiles: loads the profile of an id or a path, for an emulated device.
        seed: of the emulated device's noise.
        known: profiles among which a CUDA device is looked up, for its ceilings.
        bus: where the PCI devices are listed.
        fault: what is to go wrong in an emulated device, NAME[:FACTOR][@SECONDS].

    Raises:
        UsageError: a name that is none of these, an unknown profile or fault, a node of no or too many
            devices, or a fault asked of a real device.
        DeviceError: the device is not there or cannot be used.
    """
    if spec == "auto":
        return _auto(profiles, seed, known, bus, fault)
    if match := _EMULATED.fullmatch(spec):
        return _emulated(match[1], profiles, seed, fault)
    if fault is not None:
        raise _real(spec, fault)
    if spec == "cpu":
        from greenzone.lab.devices.cpu import CpuDevice

        return CpuDevice()
    if match := _CUDA.fullmatch(spec):
        return _cuda(int(match[1] or 0), known)
    raise _no_such(spec)


def _no_such(spec: str) -> UsageError:
    return UsageError(f"no device is called {spec!r}; allowed: auto, cpu, cuda, cuda:N, emulated:PROFILE")


def require_spec(spec: str, profiles: Callable[[str], DeviceProfile]) -> None:
    """Look at a device's name without opening the device.

    Raises:
        UsageError: a name that is none, or an unknown profile.
    """
    if match := _EMULATED.fullmatch(spec):
        from greenzone.lab.devices.emulated.node import Place

        profiles(Place.of(match[1]).profile)
    elif spec not in ("auto", "cpu") and not _CUDA.fullmatch(spec):
        raise _no_such(spec)


def require_fault(spec: str, fault: str) -> None:
    """Look at a fault without opening the device it is for.

    Raises:
        UsageError: no such fault, or one of a real device.
    """
    from greenzone.lab.devices.emulated.faults import Fault

    if spec != "auto" and not _EMULATED.fullmatch(spec):
        raise _real(spec, fault)
    Fault.of(fault)


def expand(spec: str) -> tuple[str, ...]:
    """A device's name as the names of single devices: of an emulated node every device in it.

    Raises:
        UsageError: a node of no or too many devices.
    """
    from greenzone.lab.devices.emulated.node import Place

    if match := _EMULATED.fullmatch(spec):
        return tuple(f"emulated:{name}" for name in Place.all_of(match[1]))
    return (spec,)


def _real(spec: str, fault: str) -> UsageError:
    allowed = f"a fault can be switched on in an emulated device alone, as in --device emulated:{DEFAULT_EMULATED}"
    return UsageError(f"--fault {fault}: {spec} is a real device; {allowed}")


def _cuda(index: int, known: Iterable[DeviceProfile]) -> Device:
    from greenzone.lab.devices.cuda import CudaDevice

    device = CudaDevice(index)
    device.recognise(known)
    return device


def _emulated(spec: str, profiles: Callable[[str], DeviceProfile], seed: int, fault: str | None) -> Device:
    from greenzone.lab.devices.emulated.faults import Fault
    from greenzone.lab.devices.emulated.node import Place

    place, chosen = Place.of(spec), Fault.of(fault) if fault is not None else None
    profile = profiles(place.profile)
    from greenzone.lab.devices.emulated.device import EmulatedDevice

    return EmulatedDevice(profile, seed, place, chosen)


def _auto(
    profiles: Callable[[str], DeviceProfile], seed: int, known: Iterable[DeviceProfile], bus: Path, fault: str | None
) -> Device:
    from greenzone.lab.devices.cuda_driver import TorchCuda

    unusable = TorchCuda().why_unusable()
    if unusable is None:
        if fault is not None:
            raise _real("auto takes cuda:0, which", fault)
        device = _cuda(0, known)
        device.chosen_because = "it is the first accelerator that torch can use"
        return device
    if visible := accelerators_on_bus(bus):
        raise DeviceError(
            f"an accelerator is on the bus and cannot be used: {', '.join(map(str, visible))}; {unusable}, "
            f"or choose with --device cpu or --device emulated:{DEFAULT_EMULATED}"
        )
    device = _emulated(DEFAULT_EMULATED, profiles, seed, fault)
    device.chosen_because = (
        "no accelerator is visible on the bus; "
        f"the figures are of an emulated {device.name}, not of this machine"
    )
    return device


def list_devices(bus: Path = PCI_DEVICES) -> list[dict[str, Any]]:
    """The processor, each CUDA device, and each accelerator that is visible and cannot be used."""
    from greenzone.lab.devices import host
    from greenzone.lab.devices.cuda import cuda_devices
    from greenzone.lab.devices.cuda_driver import TorchCuda

    processor = {
        "id": "cpu",
        "name": host.processor_name(),
        "kind": "cpu",
        "usable": True,
        "memory_bytes": host.memory_bytes() or None,
    }
    usable = cuda_devices()
    if usable:
        return [processor, *usable]
    reason = TorchCuda().why_unusable()
    return [processor, *(_unusable(found.slot, str(found), reason) for found in accelerators_on_bus(bus))]


def _unusable(slot: str, name: str, reason: str | None) -> dict[str, Any]:
    return {"id": f"pci:{slot}", "name": name, "kind": "accelerator", "usable": False, "reason": reason}
