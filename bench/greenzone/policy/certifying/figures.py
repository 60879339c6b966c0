"""What a record measured of the four quantities, and the power beside the highest of them.

Only rows that hold count fully. A row that did not settle, and TF32 counted with the 32 bits it is stored in, can
raise a doubt; a row that was refused is no figure at all (`certifying.searching` names it).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from greenzone.formats import FORMATS
from greenzone.lab.evaluation import MEASURED_RATES, MEMORY_STREAMS
from greenzone.lab.link_evidence import HOST_ROUTES, PEER, ROUTES
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.bounding import Figure
from greenzone.records.record import EstimateRow, Record, Row

UNSETTLED = "the row did not settle"
MOST = 1e18  # of any figure a device reports: beyond it there is none
STORED_BITS = "counted with the 32 bits it is stored in; the text does not say if 19 or 32 count"


@dataclass(frozen=True)
class Power:
    """The highest power sampled in the row of the highest TPP, in watts, and where the readings are from."""

    watts: float | None
    row: str | None
    readings: int
    origin: str


def figures(record: Record, profile: DeviceProfile | None) -> dict[str, list[Figure]]:
    """Every figure of every quantity that a record holds, in the quantity's unit.

    Args:
        record: one run.
        profile: of the part represented, which says whether its DRAM is in the package.
    """
    rows = [r for r in record.benchmarks if r.measured and r.validity in ("valid", "unstable")]
    moved = [(r, e) for r in rows if (e := r.bandwidth_gb_s)]
    return {
        "tpp": [f for r in rows if r.name in MEASURED_RATES for f in _tpp(r)],
        "dram_bandwidth_gb_s": [_figure(r, e) for r, e in moved if r.name in MEMORY_STREAMS],
        "interconnect_bandwidth_gb_s": [_figure(r, e) for r, e in moved if leaves_package(r.name, profile)],
        "copackaged_dram_gb": list(_capacity(record, profile)),
    }


def _figure(row: Row, e: EstimateRow, bits: float = 1.0, doubt: str | None = None) -> Figure:
    own = UNSETTLED if row.validity == "unstable" else doubt
    return Figure(e.median * bits, (e.high - e.median) * bits, row.title, own)


def _tpp(row: Row) -> Iterator[Figure]:
    """TOPS x the bit length of the inputs; twice for the format whose length the text leaves open."""
    if row.rate_tops is None or row.format not in FORMATS:
        return
    bits = FORMATS[row.format].bits
    yield _figure(row, row.rate_tops, bits.low)
    if not bits.is_point:
        yield _figure(row, row.rate_tops, bits.high, STORED_BITS)


def leaves_package(name: str, profile: DeviceProfile | None) -> bool:
    """Whether a row of that name is of links that leave the package; a host or a peer may be inside it."""
    hosted = profile is not None and any(link.on_package for link in profile.links)
    several = profile is not None and profile.hardware is not None and profile.hardware.devices_per_package > 1
    if name in HOST_ROUTES:
        return not hosted
    return name in ROUTES and not several and (name == PEER or not hosted)


def _capacity(record: Record, profile: DeviceProfile | None) -> Iterator[Figure]:
    """What the driver counts, with what error correction takes; none where the DRAM is not in the package."""
    memory = profile.memory if profile else None
    total = plain_number(record.device.get("memory_bytes"))
    if memory is None or memory.is_copackaged is None or total is None:
        return
    held_back = plain_number(record.device.get("memory_ecc_bytes")) or 0.0
    if memory.is_copackaged:
        yield Figure((total + held_back) / 1e9, 0.0, "memory as the driver counts it")
    else:
        yield Figure(0.0, 0.0, f"{memory.kind} is not in the package")


def plain_number(value: object) -> float | None:
    """A figure of a record that is one: finite and not negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= MOST else None


def peak_power(records: Iterable[Record]) -> Power:
    """The power drawn where the TPP was highest: the highest of the readings that the row keeps.

    The rule asks for "the peak power consumption at max TPP"; what is read is the board's, by its own sensor.
    """
    highest, at = 0.0, None
    for record in records:
        for row in record.benchmarks:
            value = max((f.value for f in _tpp(row) if f.doubt is None), default=0.0) if _holds(row) else 0.0
            if value > highest:
                highest, at = value, (record, row)
    if at is None:
        return Power(None, None, 0, "no rate was measured")
    record, row = at
    watts = [w for reading in row.telemetry if (w := plain_number(reading.get("power_w"))) is not None]
    if not watts:
        return Power(None, row.title, 0, "no power was read while it ran")
    emulated = bool(record.device.get("emulated"))
    origin = "emulated, from the part's rated power" if emulated else "the board's own sensor, as the driver reads it"
    return Power(max(watts), row.title, len(watts), origin)


def _holds(row: Row) -> bool:
    return row.measured and row.validity == "valid" and row.name in MEASURED_RATES
