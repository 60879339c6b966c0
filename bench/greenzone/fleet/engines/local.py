"""The devices of this machine as places of a fleet."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from typing import Any

from greenzone.errors import DeviceError, UsageError
from greenzone.fleet.engines.engine import Slot
from greenzone.lab.devices import DEFAULT_EMULATED, expand, list_devices

MASK = "CUDA_VISIBLE_DEVICES"
_CUDA = re.compile(r"cuda(?::(\d+))?")


def slots(names: Sequence[str], masked: bool = True) -> list[Slot]:
    """The place of each device named, an emulated node as all of its devices; of every accelerator if none is named.

    Args:
        names: as `greenzone run --device` takes them.
        masked: hide from the process of a CUDA device all the others.

    Raises:
        UsageError: `auto`, or a name that is none.
        DeviceError: none is named and there is no accelerator.
    """
    if names:
        return [_slot(device, masked) for name in names for device in single(name)]
    found = [row for row in list_devices() if row["kind"] != "cpu"]
    if not found:
        raise DeviceError(
            "this machine has no accelerator; name devices with --device, "
            f"as in --device emulated:8x{DEFAULT_EMULATED} or --device cpu"
        )
    return [_listed(row, masked) for row in found]


def single(name: str) -> tuple[str, ...]:
    """The single devices of a name.

    Raises:
        UsageError: `auto`, which is a choice and no device.
    """
    if name == "auto":
        raise UsageError("--device auto chooses one device; a fleet takes all of them where none is named")
    return expand(name)


def _listed(row: Mapping[str, Any], masked: bool) -> Slot:
    if row["usable"]:
        return _slot(row["id"], masked)
    return Slot(platform.node(), row["id"], row["id"], why=f"{row['name']} cannot be used: {row['reason']}")


def _slot(device: str, masked: bool) -> Slot:
    node, found = platform.node(), _CUDA.fullmatch(device)
    if device.startswith("emulated:"):
        # Emulated devices share this machine's processor: a thread each, so that they do not crowd each other.
        return Slot(node, device, device, {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": "1"})
    if found is None or not masked:
        return Slot(node, device, device)
    visible = _visible(int(found[1] or 0))
    if visible is None:
        return Slot(node, device, device, why=f"{device}: no such device; {MASK} is {os.environ[MASK]!r}")
    return Slot(node, device, "cuda:0", {MASK: visible})


def _visible(index: int) -> str | None:
    """What to put in the mask for a device of this process: its own mask may hide some already."""
    if MASK not in os.environ:
        return str(index)
    shown = [name.strip() for name in os.environ[MASK].split(",") if name.strip()]
    return shown[index] if index < len(shown) else None
