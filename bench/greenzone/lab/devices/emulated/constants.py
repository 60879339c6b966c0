"""The constants of the time model, from `profiles/emulation/times.toml`: fitted ones, and facts by architecture.

What a part's own `[emulation]` table states stands before what is here.
"""

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Annotated, Literal

from greenzone.datafiles import Bound, Check, Count, Positive, Source, data_root, load

Share = Annotated[float, Bound(ge=0, le=1)]
Amount = Annotated[float, Bound(ge=0, le=1e6)]


def _check_tile(value: str) -> str:
    sides = value.split("x")
    if len(sides) != 2 or not all(side.isdigit() and int(side) for side in sides):
        raise ValueError(f'{value!r} is no tile; write rows x columns of the result, "128x64"')
    return value


Tile = Annotated[str, Check(_check_tile)]


@dataclass(frozen=True)
class Fitted:
    """What was fitted to measured kernel times of five devices, one value for all parts.

    `efficiency` is of a 128 x 128 tile at the clock of the moment; `tile_cost` says how it falls as a tile
    gets smaller and so reads more for each operation; `setup_terms` is the start and end of a tile in terms
    of its sum; `wave_share` is how much of an unfilled last wave is lost. `settle_ms` is of load on a board;
    `call_settle_ms` of the length of one call where calls were repeated from a cool start an unknown number of times.
    """

    efficiency: Positive
    tile_cost: Amount
    setup_terms: Amount
    wave_share: Share
    reread: Amount
    walk_ns: Amount
    walk_reach_mib: Positive
    energy_pj: Positive
    voltage_floor: Share
    fixed_w: Amount
    dram_pj_per_byte: Amount
    settle_ms: Positive
    call_settle_ms: Positive
    product_call_us: Amount
    row_call_us: Amount


@dataclass(frozen=True)
class Architecture:
    """What the makers publish of a generation, and the tiles its library was seen to choose from.

    `beyond_reach` says that long rows miss the translation buffer there, as seen or as published.
    `vector_share` is what the issue of instructions leaves of the claimed rate of the vector units.
    """

    name: str
    threads: Count = 2048
    l1_kib: Amount = 128.0
    tiles_nt: tuple[Tile, ...] = ("128x128", "64x128", "128x64", "64x64", "32x128", "128x32", "32x64", "32x32")
    tiles_nn: tuple[Tile, ...] = ("128x128", "64x128", "64x64", "32x128")
    beyond_reach: bool = False
    vector_share: Share = 1.0
    efficiency: Positive | None = None
    source: str | None = None


@dataclass(frozen=True)
class Error:
    """The validated error of one family of operators: the mean absolute share, by device and for an unseen one."""

    family: Literal["linear", "bmm", "elem", "ln", "softmax"]
    unseen: Share
    calibrated: Share
    devices: dict[str, Share] = field(default_factory=dict)


@dataclass(frozen=True)
class TimeTable:
    """The format of `profiles/emulation/times.toml`."""

    schema_version: Literal[1] = field(metadata={"key": "schema"})
    id: Literal["times"]
    fitted: Fitted
    node_energy: dict[str, Positive]
    format_energy: dict[str, Positive]
    bandwidth: dict[str, Share]
    architectures: tuple[Architecture, ...] = field(default=(), metadata={"key": "architecture"})
    errors: tuple[Error, ...] = field(default=(), metadata={"key": "error"})
    reviewed_on: date | None = None
    sources: dict[str, Source] = field(default_factory=dict, metadata={"key": "source"})

    def architecture(self, name: str | None) -> Architecture:
        """The facts of a generation; those of the usual one where it is not known."""
        return next((a for a in self.architectures if name == a.name), Architecture(name or "unknown"))

    def energy_scale(self, node: str | None) -> float:
        """Energy of an operation beside that on 16 nm; a node that is not listed counts as 7 nm."""
        longest_first = sorted(self.node_energy, key=len, reverse=True)
        name = next((name for name in longest_first if node and name in node), "N7")
        return self.node_energy[name]


@cache
def time_table() -> TimeTable:
    """The constants that ship."""
    return load(TimeTable, data_root() / "emulation" / "times.toml")
