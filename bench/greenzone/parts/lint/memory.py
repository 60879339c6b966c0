"""Memory and links: bandwidth of the cache, of another bus, of one direction, of one link."""

import math
import re
from collections.abc import Iterator

from greenzone.parts.lint.rule import Context, near, rule, short
from greenzone.parts.profile import DeviceProfile, Link, Memory

BUS_TOLERANCE = 0.03
CACHE_TOLERANCE = 0.01  # the limits are the fastest sold, so there is little to allow
# The fastest data rate of one line that is sold, in Gbit/s, and the smallest stack in GB, by kind of memory.
# HBM: JEDEC JESD235 and JESD238 and the fastest parts sold (HBM2 2.43 on the A100, HBM3e 9.8, HBM4 11.7); GDDR:
# JESD250 (GDDR6), Micron (GDDR6X 24), JESD239 (GDDR7, 36 announced).
PIN_GBIT_S = {
    "HBM2": 2.43, "HBM2E": 3.6, "HBM3": 6.4, "HBM3E": 9.8, "HBM4": 11.7,
    "GDDR6": 24.0, "GDDR6X": 24.0, "GDDR7": 36.0, "LPDDR5": 6.4, "LPDDR5X": 10.7,
}  # fmt: skip
STACK_BITS = {"HBM2": 1024, "HBM2E": 1024, "HBM3": 1024, "HBM3E": 1024, "HBM4": 2048}
SMALLEST_STACK_GB = {"HBM2": 4, "HBM2E": 8, "HBM3": 16, "HBM3E": 24, "HBM4": 36}
# Both directions of all links of the largest part of a generation, in GB/s (NVIDIA, NVLink page).
NVLINK_GB_S = {"2": 300, "3": 600, "4": 900, "5": 1800, "6": 3600}
PCIE_LANE_GB_S = {"3.0": 2.0, "4.0": 4.0, "5.0": 8.0, "6.0": 16.0}  # both directions
LEAST_LINK_GB_S = 25.0  # both directions of the slowest chip-to-chip link there is more than one of


@rule
def bus(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """Bus width x data rate ought to give the bandwidth: one of the three is another part's, or the maker
    rounds, or clocks the memory below what it could.
    """
    m = profile.memory
    if m and m.bus_bits and m.pin_gbit_s and m.bandwidth_gb_s:
        expected = m.bus_bits / 8 * m.pin_gbit_s
        if not near(m.bandwidth_gb_s, expected, BUS_TOLERANCE):
            yield (
                f"{short(m.bandwidth_gb_s)} GB/s is claimed and {short(m.bus_bits)} bits at {short(m.pin_gbit_s)} "
                f"Gbit/s give {short(expected)}"
            )


@rule
def cache(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """More bandwidth than memory of that kind can have is the bandwidth of a cache; tables print it as the
    memory's. DRAM bandwidth counts DRAM alone.
    """
    m = profile.memory
    most = _most_gb_s(m) if m else None
    if m and most and m.bandwidth_gb_s and m.bandwidth_gb_s > most * (1 + CACHE_TOLERANCE):
        yield f"{short(m.bandwidth_gb_s)} GB/s is more than {m.kind} of this size can do, {short(most)}"


def _most_gb_s(m: Memory) -> float | None:
    """The most bandwidth in GB/s: by the bus, or for HBM by as many of the smallest stacks as the capacity holds."""
    kind = m.kind.upper()
    if kind not in PIN_GBIT_S:
        return None
    bits = m.bus_bits
    if bits is None and kind in STACK_BITS and m.capacity_gb:
        bits = STACK_BITS[kind] * math.ceil(m.capacity_gb / SMALLEST_STACK_GB[kind])
    return bits / 8 * PIN_GBIT_S[kind] if bits else None


@rule
def bandwidth_tool(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """A measured share of the bandwidth under a half is mostly the tool: a copy engine, or a copy counted one way.
    Over one, a cache answered. Measure with a kernel on arrays far larger than the cache.
    """
    shares = profile.emulation.bandwidth_efficiency if profile.emulation else {}
    for name, share in shares.items():
        if not 0.5 <= share <= 1:
            yield f"{name} is {share:.0%} of the claimed bandwidth"


@rule
def one_way(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """Link rates count both directions. A figure that is half of what the generation does is one direction, or a
    part with half the links.
    """
    for link in profile.links:
        for full in _full_gb_s(link):
            if near(link.bidirectional_gb_s, full / 2, 0.02):
                yield f"{link.kind} {short(link.bidirectional_gb_s)} GB/s, where both directions are {short(full)}"


def _full_gb_s(link: Link) -> Iterator[float]:
    if (nvlink := re.fullmatch(r"NVLink ?(\d)", link.kind)) and nvlink[1] in NVLINK_GB_S:
        yield NVLINK_GB_S[nvlink[1]]
    if (pcie := re.search(r"PCIe (\d\.0) x(\d+)", link.kind)) and pcie[1] in PCIE_LANE_GB_S:
        yield PCIE_LANE_GB_S[pcie[1]] * int(pcie[2])
    if ethernet := re.search(r"(\d+) x (\d+) ?(?:Gb/s|GbE)", link.kind):
        yield int(ethernet[1]) * int(ethernet[2]) * 2 / 8


@rule
def one_link(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """The rate of one link of several is not that of the part: they add up."""
    for link in profile.links:
        several = re.match(r"(\d+) x ", link.kind)
        if several and link.bidirectional_gb_s / int(several[1]) < LEAST_LINK_GB_S * 0.98:
            yield f"{link.kind}: {short(link.bidirectional_gb_s)} GB/s in all looks like one of them"


RULES = (bus, cache, bandwidth_tool, one_way, one_link)
