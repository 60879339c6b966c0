"""The closed list of number formats, and the bit length each counts with in TPP.

"Bit length of the operation" is "the largest bit-length of the inputs to the multiply
operation" (15 CFR 774 Supp. 1, ECCN 3A090, Technical Note 1.c). TF32 is stored in 32 bits
and multiplies 19; the text does not settle which counts, so it is the interval [19, 32].
"""

from dataclasses import dataclass

from greenzone.errors import unknown
from greenzone.intervals import Interval


@dataclass(frozen=True)
class Format:
    """One number format: its name, the bits of its inputs and the bytes an element takes."""

    name: str
    bits: Interval
    element_bytes: float
    title: str


def _format(name: str, bits: float, element_bytes: float, title: str) -> Format:
    return Format(name, Interval.point(bits), element_bytes, title)


# In the order in which a tie for the highest TPP is named: fp8 before int8 before fp16.
FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        _format("fp4", 4, 0.5, "4-bit floating point (e2m1, NVFP4, MXFP4)"),
        _format("fp8", 8, 1, "8-bit floating point (e4m3 or e5m2), 32-bit accumulate"),
        _format("fp8_acc16", 8, 1, "8-bit floating point, 16-bit accumulate"),
        _format("int8", 8, 1, "8-bit integer"),
        _format("fp16", 16, 2, "16-bit floating point, 32-bit accumulate"),
        _format("fp16_acc16", 16, 2, "16-bit floating point, 16-bit accumulate"),
        _format("bf16", 16, 2, "bfloat16"),
        Format("tf32", Interval(19, 32), 4, "TensorFloat-32"),
        _format("fp32", 32, 4, "32-bit floating point"),
        _format("fp64", 64, 8, "64-bit floating point"),
        _format("fp64_tensor", 64, 8, "64-bit floating point on the matrix units"),
        _format("fp6", 6, 0.75, "6-bit floating point (MXFP6)"),
        _format("int4", 4, 0.5, "4-bit integer"),
    )
}


def get_format(name: str) -> Format:
    """The format of that name.

    Raises:
        UsageError: no such format; the message names the nearest.

    >>> get_format("fp8").bits
    Interval(8, 8)
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise unknown("number format", name, FORMATS, f"allowed: {', '.join(FORMATS)}") from None
