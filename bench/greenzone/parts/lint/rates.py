"""Rates against each other and against units x operations x clock: what counts too much or too little."""

from collections.abc import Iterator

from greenzone.parts.lint.rule import Context, dense_rates, near, rated, rule, short
from greenzone.parts.profile import DeviceProfile
from greenzone.parts.sparsity import suspicions

VECTOR = ("fp64", "fp32", "fp64_tensor")  # no maker doubles these with sparsity
HARDWARE_TOLERANCE = 0.02
CAPPED_FROM = 1.1  # the silicon would do a tenth more than is claimed
ALLOWED_STEPS = (1, 2, 4)  # from a format to one of half the bits; 4 is what `sparse` speaks of
STEPS = (
    (("fp16_acc16", "fp16", "bf16"), ("fp8_acc16", "fp8", "int8")),
    (("fp8_acc16", "fp8"), ("fp4",)),
    (("int8",), ("int4",)),
)
STEP_TOLERANCE = 0.06


@rule
def sparse(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """A rate that counts 2:4 sparsity is twice the dense one, and sheets do not always say which they print.
    TPP counts dense rates. Halve it, or write sparsity = "2:4" beside it.
    """
    if not _summed_by_units(profile):
        yield from suspicions(profile)
    own = dense_rates(profile)
    for claim in profile.claims:
        name = claim.parameter.removeprefix("peak_tops.")
        value = claim.interval
        if name in own and value.is_point and claim.sparsity == "dense" and near(value.low, 2 * own[name]):
            yield f"a claim of {name} {short(value.low)} is twice the {short(own[name])} of the table"


@rule
def summed(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """A superchip's or a board's sheet adds up several circuits. TPP is of one integrated circuit: divide."""
    if ratio := _summed_by_units(profile):
        parts = ", ".join(f"{n} {short(rate)}" for n, rate in dense_rates(profile).items())
        yield f"every rate, vector ones too ({parts}), is {ratio} x units x operations x clock"


def _summed_by_units(profile: DeviceProfile) -> int | None:
    """How many circuits a table adds up: the same whole number for every format, vector ones among them."""
    own, expected = dense_rates(profile), rated(profile) or rated(profile, enabled=False)
    ratios = [own[n] / expected[n] for n in own if n in expected]
    whole = round(ratios[0]) if ratios else 0
    has_vector = any(n in own and n in expected for n in VECTOR)
    return whole if whole >= 2 and has_vector and all(near(r, whole) for r in ratios) else None


@rule
def per_device(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """A package that shows several devices is one integrated circuit: its rates are those of all of them.
    A figure of one device, or of one die, is only a part of it.
    """
    own, expected = dense_rates(profile), rated(profile)
    count = profile.hardware.devices_per_package if profile.hardware else 1
    logic = max((d.count for d in profile.dies if d.kind == "logic"), default=1)
    for divisor in sorted({count, logic} - {1}):
        part = [n for n in own if n in expected and near(own[n] * divisor, expected[n])]
        if part:
            name = part[0]
            yield f"{name} {short(own[name])} is 1/{divisor} of units x operations x clock, {short(expected[name])}"


@rule
def hardware(profile: DeviceProfile, context: Context) -> Iterator[str]:
    """Units x operations a clock x rated clock ought to give the claimed rate: a count of units, a clock or a
    rate is wrong, or the maker rates the format at another clock.
    """
    if summed.fires(profile, context) or sparse.fires(profile, context):
        return
    own, expected = dense_rates(profile), rated(profile)
    uncapped = [n for n in own if n in expected and expected[n] < CAPPED_FROM * own[n]]
    off = [n for n in uncapped if not near(own[n], expected[n], HARDWARE_TOLERANCE)]
    if off:
        name = max(off, key=lambda n: abs(own[n] / expected[n] - 1))
        others = f", and {len(off) - 1} more" if len(off) > 1 else ""
        yield f"{name} {short(own[name])} is claimed and the units give {short(expected[name])}{others}"


@rule
def capped(profile: DeviceProfile, context: Context) -> Iterator[str]:
    """The silicon would do more than is claimed: the part is capped, so a rate worked out from its name, its
    units and its clock is wrong. What is sold stands in enabled_ops_per_clock; how the cap is held needs proof.
    """
    if per_device.fires(profile, context):
        return
    own, silicon, sold = dense_rates(profile), rated(profile, enabled=False), rated(profile)
    over = [n for n in own if n in silicon and silicon[n] >= CAPPED_FROM * own[n]]
    if over:
        name = max(over, key=lambda n: silicon[n] / own[n])
        ratio = f"{silicon[name] / own[name]:.1f}"
        known = name in sold and near(sold[name], own[name]) and sold[name] != silicon[name]
        tail = "" if known else "; enabled_ops_per_clock does not say so"
        yield f"{name}: the silicon would do {short(silicon[name])}, {ratio} x the claimed {short(own[name])}{tail}"


@rule
def accumulate(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """GeForce and workstation parts multiply at half the rate when they accumulate in 32 bits, and sheets print
    the faster rate. It belongs under fp16_acc16 or fp8_acc16; fp16, bf16 and fp8 are with 32 bits.
    """
    own = dense_rates(profile)
    fp16, bf16, fp8 = own.get("fp16"), own.get("bf16"), own.get("fp8")
    if fp16 and bf16 and near(fp16, 2 * bf16):
        yield f"fp16 {short(fp16)} is twice bf16 {short(bf16)}: it looks like the rate with 16-bit accumulate"
    slow = bf16 or (fp16 if "fp16_acc16" in own else None)
    halves = "fp16_acc16" in own or profile.datacenter is False
    if fp8 and slow and halves and near(fp8, 4 * slow):
        yield f"fp8 {short(fp8)} is 4 x {short(slow)} at 16 bits: it looks like the rate with 16-bit accumulate"


@rule
def ladder(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """Half the bits run at the same rate, or at twice it. Another step between formats is a vector rate beside a
    matrix rate, a cap on one of the two, or a wrong figure.
    """
    own = dense_rates(profile)
    for wide, narrow in STEPS:
        slow = max((n for n in wide if n in own), key=own.__getitem__, default=None)
        for fast in (n for n in narrow if n in own):
            if slow and not any(near(own[fast] / own[slow], s, STEP_TOLERANCE) for s in ALLOWED_STEPS):
                yield f"{fast} {short(own[fast])} is {own[fast] / own[slow]:.2f} x {slow} {short(own[slow])}"


RULES = (sparse, summed, per_device, hardware, capped, accumulate, ladder)
