"""Formats that set the TPP where a reader does not expect it."""

from collections.abc import Iterator

from greenzone.formats import FORMATS
from greenzone.parts.lint.rule import Context, dense_rates, rule, short
from greenzone.parts.profile import DeviceProfile

WIDE = ("fp32", "fp64", "fp64_tensor")
SIXTEEN = ("fp16", "fp16_acc16", "bf16")
EIGHT = ("fp8", "fp8_acc16", "int8")
SAME_RATE = 0.9  # of the 8-bit rate: the 16-bit product is then by far the larger


def _weighted(profile: DeviceProfile) -> dict[str, float]:
    """Rate x bits by format; TF32 at the least it can count."""
    return {name: rate * FORMATS[name].bits.low for name, rate in dense_rates(profile).items()}


@rule
def wide(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """FP64 or FP32 sets the TPP: a calculation from the 8 and 16-bit rates alone comes out too low."""
    products = _weighted(profile)
    narrow = max((v for n, v in products.items() if n not in WIDE), default=0)
    top = max((n for n in WIDE if n in products), key=products.__getitem__, default=None)
    if top and products[top] > narrow:
        rest = f"{short(narrow)} without it" if narrow else "and no narrower format is given"
        yield f"{top} gives {short(products[top])}, {rest}"


@rule
def sixteen(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """The 16-bit rate is that of 8 bits, so 16 bits set the TPP: a calculation from FP8 or INT8 halves it."""
    own = dense_rates(profile)
    slow = max((n for n in SIXTEEN if n in own), key=own.__getitem__, default=None)
    fast = max((n for n in EIGHT if n in own), key=own.__getitem__, default=None)
    if slow and fast and own[slow] >= SAME_RATE * own[fast]:
        yield f"{slow} {short(own[slow])} x 16 = {short(own[slow] * 16)}, {fast} x 8 = {short(own[fast] * 8)}"


@rule
def fp6(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """FP6 at FP4's rate counts half as much again as FP4. Tables leave FP6 out, so it must be said."""
    own, products = dense_rates(profile), _weighted(profile)
    others = max((v for n, v in products.items() if n != "fp6"), default=0)
    if "fp6" in own and products["fp6"] > others:
        yield f"fp6 {short(own['fp6'])} x 6 = {short(products['fp6'])} sets the TPP; without it {short(others)}"
    elif "fp4" in own and "fp6" not in own and own["fp4"] * 6 > others:
        yield f"fp6 is not in the file: at the rate of fp4 it would set the TPP, {short(own['fp4'] * 6)}"


@rule
def tf32(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """TF32 is stored in 32 bits and multiplies 19, and the text does not settle which counts: where it runs at
    the rate of 16 bits, the TPP is an interval.
    """
    own, products = dense_rates(profile), _weighted(profile)
    others = max((v for n, v in products.items() if n != "tf32"), default=0)
    if "tf32" in own and own["tf32"] * 32 > 1.002 * max(others, own["tf32"] * 19):
        low = max(others, own["tf32"] * 19)
        yield f"tf32 {short(own['tf32'])} at 19 to 32 bits makes the TPP {short(low)} to {short(own['tf32'] * 32)}"


RULES = (wide, sixteen, fp6, tf32)
