"""How long a matrix product takes on the units of a part: tiles, waves, splits of the sum, and traffic.

A library cuts the m x n result into tiles, one on each unit at a time. Of every tile and every split of the
sum (k) that it can choose from, the one that the model finds fastest is taken:

    compute = waves x 2 x rows x columns x (k / splits + setup) / (rate of a unit x efficiency of the tile)
    memory  = traffic / bandwidth of a long stream

The last wave is lost in part only: units that are done leave power and memory to those that are not. A
tile reads (rows + columns) x k for rows x columns x k of work, so a smaller one is less efficient (the
surface to volume argument of blocked products: K. Goto and R. van de Geijn, Anatomy of
High-Performance Matrix Multiplication, ACM TOMS 34, 2008). What does not fit the last-level cache is
read again for each strip or block of tiles that runs at once.

All sizes are arrays of one shape (or single numbers), so one operator and ten thousand rows take the same way.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from greenzone.lab.devices.emulated.part import Part

Array = NDArray[np.float64]

_SPLITS = (1, 2, 4, 8)
_SPLIT_TERMS_MIN = 128  # a split of fewer terms costs more to add up than it gains
_RESIDENT_OUTPUTS = 32768  # results that one unit works on at once: half of 64 Ki registers, in tiles
_AT_ONCE_MIN = 128  # tiles that run at once, two on each unit: parts of few units have large ones
_SECTOR_TERMS = 8  # a tile takes each of its rows in steps of so many terms: 32 bytes of fp32
_REFERENCE_SIDE = 128.0
_OVERLAP = 6.0  # of compute and memory: a sixth-power sum, 12 % over the larger where both are equal


@dataclass(frozen=True)
class Work:
    """What calls demand of a part, at its rated clock: arrays of seconds, bytes and operations."""

    compute_seconds: Array
    memory_seconds: Array
    traffic_bytes: Array
    operations: Array

    def seconds(self, clock: Array | float = 1.0) -> Array:
        """Seconds of each call at a share of the rated clock: compute and memory overlap."""
        compute = self.compute_seconds / clock
        larger = np.maximum(np.maximum(compute, self.memory_seconds), 1e-30)
        ratio = np.minimum(compute, self.memory_seconds) / larger
        total: Array = larger * (1 + ratio**_OVERLAP) ** (1 / _OVERLAP)
        return total


@dataclass(frozen=True)
class Products:
    """Products of (batch, m, k) and (batch, k, n) arrays; `nt` where both operands keep k contiguous."""

    batch: Array
    m: Array
    n: Array
    k: Array
    nt: Array  # of bool
    input_bytes: float = 4.0
    result_bytes: float = 4.0

    @property
    def operations(self) -> Array:
        return 2.0 * self.batch * self.m * self.n * self.k


def products(
    batch: object, m: object, n: object, k: object, nt: object, input_bytes: float = 4.0, result_bytes: float = 4.0
) -> Products:
    """Products of equal-length sequences of sizes, or of single numbers."""
    sizes = np.broadcast_arrays(*(np.atleast_1d(np.asarray(size, float)) for size in (batch, m, n, k)))
    b, rows, columns, terms = sizes
    layout = np.broadcast_to(np.atleast_1d(np.asarray(nt, float)), b.shape)
    return Products(b, rows, columns, terms, layout, input_bytes, result_bytes)


def product_work(part: Part, asked: Products, operations_per_s: float) -> Work:
    """What products demand of a part, with the fastest tile for each.

    Args:
        part: whose units, caches and tiles.
        asked: the products, arrays of one length.
        operations_per_s: of the whole part in their format, at its rated clock.
    """
    rows, columns, splits, in_nt, in_nn = _candidates(part.architecture.tiles_nt, part.architecture.tiles_nn)
    compute = _compute_seconds(part, asked, operations_per_s, rows, columns, splits)
    traffic = _traffic_bytes(part, asked, rows, columns, splits)
    memory = traffic / part.stream_b_s if part.stream_b_s else np.zeros_like(traffic)
    total = np.maximum(compute, memory) + np.minimum(compute, memory) * 0.01
    allowed = np.where(asked.nt > 0, in_nt, in_nn) > 0
    few = _tiles(asked, rows, columns) * splits <= 2 * part.units
    allowed &= (splits == 1) | (asked.k / splits >= _SPLIT_TERMS_MIN) & few
    best = np.argmin(np.where(allowed, total, np.inf), axis=0)[None]
    compute, memory, traffic = (np.take_along_axis(a, best, 0)[0] for a in (compute, memory, traffic))
    return Work(compute, memory, traffic, asked.operations)


@cache
def _candidates(nt: tuple[str, ...], nn: tuple[str, ...]) -> tuple[Array, ...]:
    """Rows, columns and splits of every candidate, and in which layouts it is one: columns of numbers."""
    tiles = dict.fromkeys((*nt, *nn))
    every = [(*map(int, tile.split("x")), s, tile in nt, tile in nn) for tile in tiles for s in _SPLITS]
    return tuple(np.array(column, float)[:, None] for column in zip(*every, strict=True))


def _tiles(asked: Products, rows: Array, columns: Array) -> Array:
    tiles: Array = asked.batch * np.ceil(asked.m / rows) * np.ceil(asked.n / columns)
    return tiles


def _compute_seconds(
    part: Part, asked: Products, operations_per_s: float, rows: Array, columns: Array, splits: Array
) -> Array:
    fitted = part.fitted
    waves = _tiles(asked, rows, columns) * splits / part.units
    lost = fitted.wave_share
    waves = (1 - lost) * np.maximum(waves, 1.0) + lost * np.ceil(waves)
    full = part.efficiency * (1 + fitted.tile_cost * 2 / _REFERENCE_SIDE)
    efficiency = full / (1 + fitted.tile_cost * (1 / rows + 1 / columns))
    operations = 2 * rows * columns * (asked.k / splits + fitted.setup_terms)
    compute = waves * operations / (operations_per_s / part.units * efficiency)
    if not part.architecture.beyond_reach:
        return compute
    return np.maximum(compute, _walk_seconds(part, asked, rows, columns, splits) * waves)


def _walk_seconds(part: Part, asked: Products, rows: Array, columns: Array, splits: Array) -> Array:
    """Page walks of one tile whose rows lie so far apart that the translation buffer does not reach all of them.

    Seen on P100, V100 and A100 alike (sums over 16 thousand terms and longer, in the layout that keeps them
    contiguous), once the rows of all tiles on a unit span more than about 64 MiB.
    """
    span = _RESIDENT_OUTPUTS / (rows * columns) * (rows + columns) * asked.k * asked.input_bytes / 2**20
    beyond = np.clip((span / part.fitted.walk_reach_mib - 0.9) / 0.5, 0, 1) * asked.nt
    walks: Array = (rows + columns) * asked.k / splits / _SECTOR_TERMS * part.fitted.walk_ns * 1e-9 * beyond
    return walks


def _traffic_bytes(part: Part, asked: Products, rows: Array, columns: Array, splits: Array) -> Array:
    """Bytes to and from memory: what is not held is read again for each strip, in the best order of three."""
    first, second = asked.m * asked.k * asked.input_bytes, asked.n * asked.k * asked.input_bytes
    down, across = np.ceil(asked.m / rows), np.ceil(asked.n / columns)
    at_once, held = max(2 * part.units, _AT_ONCE_MIN), part.l2_bytes / 2
    strip_1 = np.maximum(1.0, at_once / down)  # columns of tiles at once where whole columns run at once
    strip_2 = np.maximum(1.0, at_once / across)
    block = at_once**0.5
    orders = ((strip_1, down), (across, strip_2), (np.minimum(block, across), np.minimum(block, down)))
    again = [
        first * np.where(first < held, 1.0, np.maximum(1.0, across / wide))
        + second * np.where(second < held, 1.0, np.maximum(1.0, down / high))
        for wide, high in orders
    ]
    read = np.minimum(np.minimum(again[0], again[1]), again[2])
    written = asked.m * asked.n * asked.result_bytes * np.where(splits > 1, 2 * splits, 1)
    once = first + second
    traffic: Array = asked.batch * (once + (read - once) * part.fitted.reread + written)
    return traffic
