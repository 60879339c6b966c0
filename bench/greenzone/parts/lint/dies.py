"""Dies: what counts as applicable area, and what cannot be one die."""

import re
from collections.abc import Iterator

from greenzone.parts.evidence import claimed
from greenzone.parts.lint.rule import Context, rule, short
from greenzone.parts.profile import DeviceProfile, Die

RETICLE_MM2 = 858  # 26 mm x 33 mm, the field of one exposure
_NODE = re.compile(r"(?<![\d+.])(\d{1,3})(?![\d.])")
_LAST_NON_PLANAR, _FIRST_PLANAR = 16, 20


@rule
def reticle(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """One exposure of a lithography scanner is at most 26 mm x 33 mm, so no single die is larger than 858 mm2.
    A larger one is several dies, a package or a wafer.
    """
    for die in _logic(profile):
        if die.area_mm2 and die.area_mm2 > RETICLE_MM2:
            yield f"a die of {short(die.area_mm2)} mm2"


@rule
def planarity(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """Only dies on a non-planar (FinFET, gate-all-around) node count: 16 nm and below are, 20 nm and above and
    FD-SOI are not. The file's word contradicts its node, or is missing where the node tells.
    """
    for die in _logic(profile):
        expected = transistor_of(die.node)
        if expected and die.transistor is None:
            yield f"{die.node} is {expected} and the file does not say so"
        elif expected and die.transistor != expected:
            yield f"{die.node} is {expected}; the file says {die.transistor}"


def transistor_of(node: str | None) -> str | None:
    """What a node's name tells of its transistors; None where it tells nothing.

    >>> transistor_of("TSMC 12FFN"), transistor_of("GF 22FDX"), transistor_of("SMIC N+2")
    ('non-planar', 'planar', None)
    """
    if not node:
        return None
    if re.search(r"FD-?SOI|FDX", node, re.IGNORECASE):
        return "planar"
    sizes = [int(n) for n in _NODE.findall(re.sub(r"N\+\d", "", node))]
    if not sizes or "intel" in node.lower():  # Intel's 22 nm was FinFET already
        return None
    kinds = {"non-planar" if n <= _LAST_NON_PLANAR else "planar" if n >= _FIRST_PLANAR else None for n in sizes}
    return kinds.pop() if len(kinds) == 1 else None


@rule
def io_dies(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """On a package of several dies the I/O and cache dies count as well, if they are non-planar logic. Where
    one kind of die is listed and the list is said to be complete, they may have been left out.
    """
    logic = _logic(profile)
    if profile.die_complete and len(logic) == 1 and logic[0].count >= 2:
        yield f"{logic[0].count} dies of {short(logic[0].area_mm2 or 0)} mm2 and no other"


@rule
def estimated_area(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """The die area was estimated or confirmed by nobody; the performance density is no surer than it."""
    area = next((e for e in claimed(profile) if e.parameter == "applicable_die_area_mm2"), None)
    if area and area.interval.high > 0 and area.interval.is_bounded and area.confidence in ("estimate", "unconfirmed"):
        yield f"{area.working} = {short(area.interval.high)} mm2 is {area.confidence}"


@rule
def devices(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """A package of several equal dies may show itself as several devices; what one of them measures is then a
    part of the circuit. devices_per_package says how many there are.
    """
    largest = max((d.count for d in _logic(profile)), default=1)
    shown = profile.hardware.devices_per_package if profile.hardware else 1
    if largest >= 2 and shown == 1:
        yield f"{largest} equal dies, shown as one device"


def _logic(profile: DeviceProfile) -> list[Die]:
    return [d for d in profile.dies if d.kind == "logic"]


RULES = (reticle, planarity, io_dies, estimated_area, devices)
