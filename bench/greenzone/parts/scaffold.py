"""A profile begun: what is known filled in, what only a datasheet can tell left as commented lines.

The text is for a person to finish, so every table is there, in the order of the shipped files, with a
word on what belongs in it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import tomlkit

from greenzone.errors import UsageError, unknown
from greenzone.formats import FORMATS

_ID = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True)
class Known:
    """What is known of a part when its profile is begun; None and empty where nothing is."""

    id: str
    name: str | None = None
    vendor: str | None = None
    architecture: str | None = None
    datacenter: bool | None = None
    names: tuple[str, ...] = ()
    compute_capability: str | None = None
    dies: tuple[Mapping[str, Any], ...] = ()
    peaks: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, float] = field(default_factory=dict)
    hardware: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    url: str | None = None
    from_device: str | None = None
    told: frozenset[str] = frozenset()  # the tables that the device told, and no option changed


def scaffold(known: Known, today: date) -> str:
    """The text of a profile file, valid as it stands.

    Args:
        known: what is known.
        today: the day it is reviewed.

    Raises:
        UsageError: an id or a format that cannot be.
    """
    if not _ID.fullmatch(known.id):
        raise UsageError(f"{known.id!r} is no id: small letters, digits, dots and dashes, as in nvidia-h100-sxm")
    if known.url and not known.source:
        raise UsageError(f"{known.url}: an address needs the title of what lies there; give --source too")
    for name in known.peaks:
        if name not in FORMATS:
            raise unknown("number format", name, FORMATS, f"allowed: {', '.join(FORMATS)}")
    parts = (_head, _match, _dies, _peaks, _memory, _links, _hardware, _rest)
    return "\n".join(line for part in parts for line in (*part(known, today), ""))[:-1]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(tomlkit.item(value).as_string())


def _line(key: str, value: Any, example: Any, word: str = "") -> str:
    """A key with its value, or commented out with an example where there is none."""
    text = f"{key} = {_value(value)}" if value is not None else f"# {key} = {_value(example)}"
    return f"{text:<32} # {word}" if word else text


def _head(known: Known, today: date) -> Iterator[str]:
    yield "# What is odd about the part, in one line. What is not known stays out: it is then unknown, not zero."
    yield "schema = 1"
    yield f"id = {_value(known.id)}"
    yield f"name = {_value(known.name or known.id)}"
    yield _line("vendor", known.vendor, "ACME")
    yield _line("architecture", known.architecture, "Hopper")
    yield _line("datacenter", known.datacenter, True, "designed or marketed for data centres: a judgement")
    yield _line("released", None, today)
    yield f"reviewed_on = {today.isoformat()}"


def _match(known: Known, _: date) -> Iterator[str]:
    yield "[match]                          # how the driver names it"
    yield f"names = {_value(list(known.names))}"
    yield _line("compute_capability", known.compute_capability, "9.0")


def _dies(known: Known, _: date) -> Iterator[str]:
    word = "all logic dies, I/O and cache dies too; memory stacks are not listed"
    for die in known.dies:
        yield f"[[die]]                          # {word}"
        yield from ('kind = "logic"', _line("count", die.get("count"), 1))
        yield _line("area_mm2", die.get("area_mm2"), 814, "of one die")
        yield _line("node", die.get("node"), "TSMC 4N")
        yield _line("transistor", die.get("transistor"), "non-planar", "16 nm and below are; planar from 20 nm up")
        yield from _sourced(known)
    if not known.dies:
        yield f"# [[die]]                        # {word}"
        yield from ('# kind = "logic"', "# count = 1", "# area_mm2 = 814", '# node = "TSMC 4N"')
        yield from ('# transistor = "non-planar"', '# source = "sheet"')


def _sourced(known: Known, confidence: str = "reported") -> Iterator[str]:
    if known.source:
        yield from ('source = "sheet"', f'confidence = "{confidence}"')
    else:
        yield from ('# source = "sheet"', '# confidence = "official"')


def _peaks(known: Known, _: date) -> Iterator[str]:
    word = "dense, of the whole circuit as exported, in 10^12 operations a second"
    if known.peaks:
        yield f"[peak_tops]                      # {word}"
        yield from _sourced(known)
        yield from (f"{name} = {_value(rate)}" for name, rate in known.peaks.items())
        yield '# fp8 = { value = 1979, sparsity = "2:4" }   # a figure printed only as sparse'
    else:
        yield f"# [peak_tops]                    # {word}"
        yield from ('# source = "sheet"', '# confidence = "official"', "# fp16 = 989.4", "# fp8 = 1978.9")


def _memory(known: Known, _: date) -> Iterator[str]:
    m = known.memory
    if not m:
        yield from ("# [memory]", '# kind = "HBM3"                # "none" for a part without DRAM')
        yield from ("# capacity_gb = 80", "# bandwidth_gb_s = 3350", "# bus_bits = 5120", '# source = "sheet"')
        return
    yield "[memory]"
    yield _line("kind", m.get("kind", "unknown"), "HBM3", '"none" for a part without DRAM')
    yield _line("capacity_gb", m.get("capacity_gb"), 80)
    yield _line("bandwidth_gb_s", m.get("bandwidth_gb_s"), 3350, "of the memory, not of a cache")
    yield _line("bus_bits", m.get("bus_bits"), 5120)
    yield from _own_source(known, "memory")


def _links(known: Known, _: date) -> Iterator[str]:
    word = "every input and output, both directions added, the host link too"
    for kind, rate in known.links.items():
        yield f"[[link]]                         # {word}"
        yield from (f"kind = {_value(kind)}", f"bidirectional_gb_s = {_value(rate)}")
        yield from _own_source(known, "links")
    if not known.links:
        yield f"# [[link]]                       # {word}"
        yield from ('# kind = "PCIe 5.0 x16"', "# bidirectional_gb_s = 128", '# source = "sheet"')


def _hardware(known: Known, _: date) -> Iterator[str]:
    h = known.hardware
    word = "units of the whole package; operations of one unit a clock, two a MAC"
    yield f"[hardware]                       # {word}" if h else f"# [hardware]                     # {word}"
    yield _line("units", h.get("units"), 132)
    yield _line("boost_mhz", h.get("boost_mhz"), 1830, "the rated clock")
    yield _line("max_mhz", h.get("max_mhz"), 1980, "the highest the device reports")
    yield _line("ops_per_clock", h.get("ops_per_clock"), {"fp16": 4096, "fp8": 8192})
    yield _line("enabled_ops_per_clock", None, {"fp16": 958}, "as sold; only where the part is capped")
    yield _line("l2_mib", h.get("l2_mib"), 50)
    yield _line("power_w", h.get("power_w"), 700)
    yield from _own_source(known, "hardware") if h else _sourced(replace(known, source=None))


def _own_source(known: Known, table: str) -> Iterator[str]:
    """The source of a table: the device, if it told all of it."""
    if table in known.told:
        yield from ('source = "device"', 'confidence = "reported"')
    else:
        yield from _sourced(known)


def _rest(known: Known, _: date) -> Iterator[str]:
    yield "# [[claim]]                      # a second source that disagrees: kept beside the first"
    yield from ('# parameter = "peak_tops.fp8"', "# value = 1979", '# sparsity = "dense"', '# source = "other"', "")
    yield "# [explained]                    # why a warning of `greenzone profiles lint` is right, by its rule"
    yield '# capped = "sold at 148 TFLOPS; the units would do 633"'
    if known.source:
        yield from ("", "[source.sheet]", f"title = {_value(known.source)}")
        yield f"url = {_value(known.url)}" if known.url else '# url = "https://..."'
    if known.from_device:
        yield from ("", "[source.device]", f"title = {_value(known.from_device)}")
