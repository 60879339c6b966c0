"""The accelerators on the PCI bus, whether or not anything here can use them."""

from dataclasses import dataclass
from pathlib import Path

PCI_DEVICES = Path("/sys/bus/pci/devices")

# Vendor id: name, and the first digits of the device classes that are accelerators of that vendor
# (an empty one takes any). 03 is a display controller (00 VGA, 02 3D, 80 other), 12 a processing
# accelerator: PCI Code and ID Assignment Specification.
_ACCELERATORS = {
    "10de": ("NVIDIA", ("0300", "0302")),
    "1002": ("AMD", ("0380", "1200")),
    "1da3": ("Intel Habana", ("",)),
    "19e5": ("Huawei", ("1200",)),
}


@dataclass(frozen=True, slots=True)
class BusAccelerator:
    """One accelerator as the bus shows it."""

    slot: str
    vendor: str
    vendor_id: str
    device_id: str
    class_id: str

    def __str__(self) -> str:
        return f"{self.vendor} {self.vendor_id}:{self.device_id} (class 0x{self.class_id}, slot {self.slot})"


def accelerators_on_bus(root: Path = PCI_DEVICES) -> list[BusAccelerator]:
    """Every accelerator under `root`, by slot; none where there is no such folder."""
    slots = sorted(root.iterdir()) if root.is_dir() else []
    return [found for slot in slots if (found := _accelerator(slot))]


def _accelerator(slot: Path) -> BusAccelerator | None:
    vendor_id, device_id, class_id = (_hex(slot / name) for name in ("vendor", "device", "class"))
    vendor, classes = _ACCELERATORS.get(vendor_id, ("", ()))
    if not class_id or not any(class_id.startswith(prefix) for prefix in classes):
        return None
    return BusAccelerator(slot.name, vendor, vendor_id, device_id or "unknown", class_id)


def _hex(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip().lower().removeprefix("0x")
    except (OSError, UnicodeDecodeError):
        return ""
