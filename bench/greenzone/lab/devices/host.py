"""What the operating system tells of the processor and its memory, read from files under a root.

Where a file is missing or says nothing, the answer is None or 0: a fact that is not known is not
guessed. Linux only; elsewhere everything is unknown.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True, slots=True)
class MaximumClock:
    """The highest clock of the processor in MHz, or why it is not known."""

    mhz: float | None
    source: str


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdigit() else None


def _processors(root: Path) -> list[dict[str, str]]:
    blocks = _text(root / "proc/cpuinfo").split("\n\n")
    lines = [[line.partition(":") for line in block.splitlines()] for block in blocks]
    return [{key.strip(): value.strip() for key, _, value in block} for block in lines if block]


def processor_name(root: Path = ROOT) -> str:
    """The processor's own name, or "processor"."""
    for block in _processors(root):
        for key in ("model name", "Model", "Hardware"):
            if block.get(key):
                return block[key]
    return "processor"


def processor_flags(root: Path = ROOT) -> frozenset[str]:
    """The instruction sets of the first processor."""
    for block in _processors(root):
        text = block.get("flags") or block.get("Features")
        if text:
            return frozenset(text.split())
    return frozenset()


def core_count(allowed: frozenset[int] | None, root: Path = ROOT) -> int | None:
    """Physical cores among the processors allowed (None: all); None where they are not listed."""
    cores = set()
    for block in _processors(root):
        number = block.get("processor", "")
        if number.isdigit() and (allowed is None or int(number) in allowed):
            cores.add((block.get("physical id", "0"), block.get("core id", number)))
    return len(cores) or None


def maximum_clock(root: Path = ROOT) -> MaximumClock:
    """The highest clock that any core can reach, from the frequency driver."""
    folder = root / "sys/devices/system/cpu"
    speeds = [_number(path) for path in folder.glob("cpu[0-9]*/cpufreq/cpuinfo_max_freq")]
    known = [speed for speed in speeds if speed]
    if not known:
        return MaximumClock(None, "the system does not tell the maximum clock (no cpufreq)")
    # acpi-cpufreq lists the nominal states alone: with boost on, the true maximum is above them.
    driver = _text(folder / "cpu0/cpufreq/scaling_driver")
    if driver == "acpi-cpufreq" and _text(folder / "cpufreq/boost") == "1":
        return MaximumClock(None, "acpi-cpufreq leaves the boost clock out of its maximum")
    return MaximumClock(max(known) / 1000, f"cpufreq ({driver or 'unknown driver'})")


def involuntary_switches() -> int:
    """How often this process was put off its processors against its will; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # not a Unix
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def on_battery(root: Path = ROOT) -> bool:
    """Whether a battery discharges and no mains is plugged in."""
    supplies = list((root / "sys/class/power_supply").glob("*"))
    mains = [_text(s / "online") for s in supplies if _text(s / "type") in ("Mains", "USB")]
    discharging = any(_text(s / "type") == "Battery" and _text(s / "status") == "Discharging" for s in supplies)
    return discharging and "1" not in mains


def governor(root: Path = ROOT) -> str | None:
    """The frequency governor of the first processor; None where there is none."""
    return _text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None


def last_level_cache_bytes(root: Path = ROOT) -> int:
    """All caches of the highest level together; 0 where the system does not tell."""
    caches: dict[int, dict[str, int]] = {}
    for index in (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cache/index[0-9]*"):
        level, size = _number(index / "level"), _size(_text(index / "size"))
        if level and size and _text(index / "type") != "Instruction":
            shared = _text(index / "shared_cpu_list") or index.parent.parent.name
            caches.setdefault(level, {})[shared] = size
    return sum(caches[max(caches)].values()) if caches else 0


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    return int(match[1]) * _UNITS.get(match[2], 1) if match else 0


def memory_bytes(root: Path = ROOT) -> int:
    """The memory this process may use: the machine's, or less where a control group says so."""
    return min(filter(None, (_meminfo("MemTotal", root), _group_limit(root))), default=0)


def available_bytes(root: Path = ROOT) -> int:
    """What can be allocated now without swapping."""
    limit, used = _group_limit(root), _group_usage(root) or 0
    rooms = [_meminfo("MemAvailable", root), max(limit - used, 1) if limit else 0]
    return min(filter(None, rooms), default=0)


def _meminfo(key: str, root: Path) -> int:
    match = re.search(rf"^{key}:\s+(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def _group_limit(root: Path) -> int | None:
    folder = root / "sys/fs/cgroup"
    limit = _number(folder / "memory.max") or _number(folder / "memory/memory.limit_in_bytes")
    return limit if limit and limit < 2**60 else None  # version 1 writes a huge number for none


def _group_usage(root: Path) -> int | None:
    folder = root / "sys/fs/cgroup"
    return _number(folder / "memory.current") or _number(folder / "memory/memory.usage_in_bytes")
