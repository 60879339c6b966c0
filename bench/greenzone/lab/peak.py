"""The operator of the register peak: products of one tile, again and again, without touching memory."""

from dataclasses import dataclass

from greenzone.errors import UsageError
from greenzone.lab.operators import element_bytes, result_bytes

# Operands are integers of at most 3 in size, the largest that every float format of 4 bits and more
# holds (e2m1, e4m3, e5m2: OCP formats). An accumulator of so many bits then holds every sum exactly:
# 11 of fp16; 13 of fp8 on Hopper and Ada, whose sums keep no more (DeepSeek-V3 report, 2024,
# section 3.5.2, says about 14); 23 of fp32, less than which no other format has.
LARGEST = 3
_EXACT_BITS = {"fp16_acc16": 11, "fp8": 13, "fp8_acc16": 11}
_EXACT_BITS_OTHERS = 23


@dataclass(frozen=True)
class Peak:
    """`programs` programs, each adding the product of an (m, k) and a (k, n) tile to its sum `repeats` times.

    The tiles are read once; each program writes one row of its sum. `warps` is how many groups of
    threads share a program; `variant` what the format's name leaves open: "e4m3", "e5m2".

    >>> Peak("bf16", 528, 128, 128, 64, 512).operations / 1e9
    566.935683072

    Raises:
        UsageError: a size below 1, an odd k, or so many repeats that the sums would not be exact.
    """

    format: str
    programs: int
    m: int
    n: int
    k: int
    repeats: int
    warps: int = 4
    variant: str | None = None

    def __post_init__(self) -> None:
        for name, size in (*self.shape.items(), ("warps", self.warps)):
            if size < 1:
                raise UsageError(f"Peak: {name} is {size}; it must be at least 1")
        if self.k % 2:
            raise UsageError(f"Peak: k is {self.k}; it must be even, for one half all but cancels the other")
        if self.repeats > (most := most_repeats(self.format, self.k)):
            raise UsageError(f"Peak: {self.repeats} repeats in {self.format} are not exact; at most {most} are")

    @property
    def name(self) -> str:
        return "peak"

    @property
    def operations(self) -> float:
        return 2.0 * self.m * self.n * self.k * self.repeats * self.programs

    @property
    def bytes(self) -> float:
        tiles = (self.m + self.n) * self.k * element_bytes(self.format)
        return tiles + self.programs * self.n * result_bytes(self.format)

    @property
    def resident_bytes(self) -> float:
        return self.bytes

    @property
    def shape(self) -> dict[str, int]:
        names = ("m", "n", "k", "programs", "repeats")
        return {name: int(getattr(self, name)) for name in names}

    @property
    def tile(self) -> str:
        return f"{self.m}x{self.n}x{self.k} with {self.warps} warps"


def most_repeats(format: str, k: int) -> int:
    """How often a tile of depth k is added before a sum could be rounded.

    A sum is at most 3 a repeat, and half a product more on the way (`lab.devices.peak_tiles`).

    >>> most_repeats("fp8", 128)
    2538
    """
    bits = _EXACT_BITS.get(format, _EXACT_BITS_OTHERS)
    return int((2**bits - LARGEST**2 * k // 2) // LARGEST)
