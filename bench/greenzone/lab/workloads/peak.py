"""The rate of the matrix units from registers and shared memory, beyond what a library reaches.

A product is added to itself in a long loop that touches no memory (`lab.devices.peak_triton`). A few
tiles are tried for each format, and the best is measured as a product is: a burst and a sustained
figure, under the same ceiling.
"""

from collections.abc import Iterator
from dataclasses import replace

from greenzone.errors import DeviceError
from greenzone.lab.devices.base import Device
from greenzone.lab.measure import judge
from greenzone.lab.operators import element_bytes
from greenzone.lab.peak import Peak, most_repeats
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.workloads.plan import Plan, call_seconds, measure_first_that_fits, results

DATA = "integers"
_VARIANTS: dict[str, tuple[str | None, ...]] = {"fp8": ("e4m3", "e5m2")}
# m, n, bytes of depth, warps: 128 x 256 is the widest instruction of Hopper and Blackwell, several
# 128 x 128 share a unit and hide each other's waits, a deeper tile waits less often.
_TILES = ((128, 256, 128, 8), (128, 128, 128, 4), (128, 256, 256, 8), (128, 128, 256, 4), (128, 128, 64, 8))
_TILES_WIDE = ((64, 64, 128, 4), (64, 64, 64, 4), (128, 64, 64, 4))  # fp64 and fp32: sums fill the registers
_WIDE = ("fp64", "fp64_tensor", "fp32")
_TRIED = {"quick": 2, "standard": 5, "lab": 5}
# Compiling takes a second a kernel: quick asks for the formats that decide the TPP.
_QUICK = ("fp16", "bf16", "fp8", "fp4", "int8")
_PROGRAMS_A_UNIT = 4  # so that units which hold 1, 2 or 4 at once all end together
_UNITS_UNKNOWN = 128
_REPEATS, _REPEATS_STEP = 512, 16
_CALL_S = 0.5e-3  # ten in 5 ms, after which limiters act; of it launch, loads and stores are about one per cent


def run(device: Device, plan: Plan) -> Iterator[Result | NotMeasured]:
    """A burst and a sustained result for each format and variant; what has no path comes last, with the reason.

    One row says it where all formats lack the path for the same reason.
    """
    formats, notes = _formats(device, plan)
    if not formats:
        yield NotMeasured("peak", None, f"{device.name} offers no number format: none has a known peak")
    failures: list[NotMeasured] = []
    for form in formats:
        for variant in _variants(form, plan):
            try:
                yield from _measured(device, form, variant, plan, notes)
            except DeviceError as error:
                failures.append(NotMeasured("peak", form, str(error)))
    reasons = {failure.reason for failure in failures}
    alone = len(reasons) == 1 and len(failures) >= len(formats) > 1
    yield from [NotMeasured("peak", None, reasons.pop())] if alone else failures


def _formats(device: Device, plan: Plan) -> tuple[tuple[str, ...], list[str]]:
    if plan.formats or plan.suite != "quick":
        return plan.formats or device.formats(), []
    offered = device.formats()
    taken = tuple(form for form in offered if form in _QUICK)
    left = ", ".join(form for form in offered if form not in taken)
    return taken, [f"quick leaves out the peak in {left}; use --suite standard, or --dtype"] if left else []


def _variants(form: str, plan: Plan) -> tuple[str | None, ...]:
    every = _VARIANTS.get(form, (None,))
    return every[:1] if plan.suite == "quick" else every


def _measured(
    device: Device, form: str, variant: str | None, plan: Plan, notes: list[str]
) -> Iterator[Result]:
    best, trial = _fastest(device, _candidates(device, form, variant, plan), plan.seed)
    measured = measure_first_that_fits(device, [best], plan)
    measured = replace(measured, notes=(trial, *notes, *measured.notes))
    ceiling = device.ceiling_tops(form)
    for result in results(measured, "rate_tops", best.operations / 1e12, {"ceiling": ceiling}):
        yield replace(judge(result, ceiling), data=DATA)


def _candidates(device: Device, form: str, variant: str | None, plan: Plan) -> list[Peak]:
    units = device.describe().get("units") or _UNITS_UNKNOWN
    tiles = (_TILES_WIDE if form in _WIDE else _TILES)[: _TRIED[plan.suite]]
    found = []
    for m, n, depth_bytes, warps in tiles:
        k = int(depth_bytes / element_bytes(form))
        repeats = min(_REPEATS, most_repeats(form, k))
        found.append(Peak(form, _PROGRAMS_A_UNIT * int(units), m, n, k, repeats, warps, variant))
    return found


def _fastest(device: Device, candidates: list[Peak], seed: int) -> tuple[Peak, str]:
    """The tile with the best rate of those that run, and what each gave.

    Raises:
        DeviceError: none runs; the reason of the first.
    """
    rates: dict[Peak, float] = {}
    failures: list[DeviceError] = []
    for peak in candidates:
        try:
            rates[peak] = peak.operations / call_seconds(device, peak, seed) / 1e12
        except DeviceError as error:
            failures.append(error)
    if not rates:
        raise failures[0]
    tried = [f"{peak.tile} {rate:.4g} TOPS" for peak, rate in rates.items()]
    tried += [f"one that failed ({error})" for error in failures]
    best = max(rates, key=rates.__getitem__)
    return _shortened(best, rates[best]), f"tiles tried: {'; '.join(tried)}"


def _shortened(peak: Peak, rate_tops: float) -> Peak:
    """With fewer repeats where a call would be too long for a burst to show."""
    share = _CALL_S / (peak.operations / (rate_tops * 1e12))
    steps = max(1, int(min(1.0, share) * peak.repeats / _REPEATS_STEP))
    return replace(peak, repeats=min(peak.repeats, steps * _REPEATS_STEP))
