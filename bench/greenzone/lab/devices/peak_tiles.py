"""The tiles of the register peak, what comes of them exactly, and the same loop in plain torch.

The second half of the first tile's depth is the negative of its first half, but for one element a
row; the second tile's halves are equal. So a product is one row of the second tile, up to its sign:
sums grow by 1 to 3 a repeat, stay exact, and tell how often the tile was added and in what it was
multiplied. Integers of 1 to 3 toggle fewer bits than normal data: less power, a higher clock.
"""

import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices.checking import compare, poison
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.devices.numerics import Numerics, quantise
from greenzone.lab.peak import LARGEST, Peak
from greenzone.lab.results import Check


def tiles(operator: Peak, seed: int) -> tuple[Tensor, Tensor]:
    """The (m, k) and (k, n) tiles as small integers in int8, on the processor."""
    generator = torch.Generator().manual_seed(seed)
    half = operator.k // 2
    a, b = _drawn((operator.m, half), generator), _drawn((half, operator.n), generator)
    rows = torch.arange(operator.m)
    places = torch.randint(half, (operator.m,), generator=generator)
    back = -a
    back[rows, places] += a[rows, places].sign()
    return torch.cat([a, back], 1), torch.cat([b, b], 0)


def _drawn(shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """From 1 to 3 with either sign, never 0."""
    sizes = torch.randint(1, LARGEST + 1, shape, generator=generator, dtype=torch.int8)
    return sizes * (2 * torch.randint(2, shape, generator=generator, dtype=torch.int8) - 1)


def check_peak(operator: Peak, seed: int, out: Tensor) -> Check:
    """Every row written, (programs, n) in all, against the exact sum: no tolerance."""
    a, b = (tile.to(torch.float64) for tile in tiles(operator, seed))
    sums = operator.repeats * (a @ b)
    reference = sums[torch.arange(operator.programs) % operator.m]
    method = f"float64, exact, one row of each of {operator.programs} programs"
    return compare(out, reference, out, 0.0, method)


class TorchPeak:
    """The loop in plain torch, one tile for all programs: right, and slow."""

    note: str | None = None

    def __init__(self, operator: Peak, numerics: Numerics, device: torch.device, seed: int) -> None:
        self.operator, self.variant = operator, operator.variant
        self._seed, dtype = seed, numerics.storage
        a, b = (tile.to(device, dtype) for tile in tiles(operator, seed))
        if dtype.is_floating_point and not all(_held(tile, operator.format) for tile in (a, b)):
            raise DeviceError(f"{operator.format} does not hold every integer up to {LARGEST}")
        self._a, self._b = a, b
        self._rows = torch.arange(operator.programs, device=device) % operator.m
        self._out = torch.empty((operator.programs, operator.n), dtype=dtype, device=device)

    @property
    def output(self) -> Tensor:
        """What the check looks at."""
        return self._out

    def launch(self) -> None:
        total = torch.zeros((self.operator.m, self.operator.n), dtype=self._out.dtype, device=self._out.device)
        for _ in range(self.operator.repeats):
            total.addmm_(self._a, self._b)
        torch.index_select(total, 0, self._rows, out=self._out)

    @torch_errors("check of the peak")
    def check(self) -> Check:
        poison(self._out)
        self.launch()
        return check_peak(self.operator, self._seed, self._out)

    def close(self) -> None:
        """Nothing worth giving back."""


def _held(tile: Tensor, format: str) -> bool:
    # integer formats scale normal data before they round; these are integers already
    return format in ("int8", "int4") or torch.equal(quantise(tile, format), tile)
