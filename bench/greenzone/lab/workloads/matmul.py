"""The rate of a matrix product in each number format the device offers.

Each format is probed once with a small product: some processors run some formats 300 times slower
than others, and a loop over such a one would never end.
"""

from collections.abc import Iterator
from dataclasses import replace

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices.base import Device
from greenzone.lab.measure import judge
from greenzone.lab.operators import Matmul
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.workloads.plan import (
    Measured,
    Plan,
    call_seconds,
    is_processor,
    measure_first_that_fits,
    product_rate,
    results,
)

_PROBE = 256
# Cubes: 9 of 12 published best shapes for bf16 lie on the 1,024-step grid, and these are on it.
_SIDES = {"quick": (4096, 2048), "standard": (8192, 4096, 2048), "lab": (8192, 4096, 2048)}
_SIDES_PROCESSOR = dict.fromkeys(("quick", "standard", "lab"), (2048, 1024, 512, 256))
_CALL_S = {"quick": 0.25, "standard": 2.0, "lab": 2.0}  # the longest call that leaves room for enough of them
_TRIED = {"quick": 1, "standard": 2, "lab": 2}  # sizes that are tried beside each other
_LAYOUT_WORTH_TRYING = 0.5  # of the other layout's rate in the probe


def run(device: Device, plan: Plan) -> Iterator[Result | NotMeasured]:
    """A burst and a sustained result for each format, or why there is none."""
    formats = plan.formats or device.formats()
    if not formats:
        yield NotMeasured("matmul", None, f"{device.name} offers no number format: none has a known peak")
    for form in formats:
        try:
            yield from _format(device, form, plan)
        except DeviceError as error:
            yield NotMeasured("matmul", form, str(error))


def _format(device: Device, form: str, plan: Plan) -> Iterator[Result]:
    rates = _probe(device, form, plan.seed)
    best = max(rates.values())
    layouts = [layout for layout, rate in rates.items() if rate >= _LAYOUT_WORTH_TRYING * best]
    sides, notes = _sides(device, best, plan)
    choice = _fastest(device, [Matmul(s, s, s, form, t) for s in sides for t in layouts], plan, notes)
    smaller = [
        replace(choice, m=side, n=side, k=side) for side in _all_sides(device, plan) if side < choice.m
    ]
    measured = measure_first_that_fits(device, [choice, *smaller], plan)
    measured = replace(measured, notes=(*notes, *measured.notes))
    yield from _judged(device, measured)


def _judged(device: Device, measured: Measured) -> Iterator[Result]:
    product = measured.operator
    layout = product.layout if isinstance(product, Matmul) else ""
    ceiling = device.ceiling_tops(product.format or "")
    extra = {"layout": layout, "ceiling": ceiling}
    for result in results(measured, "rate_tops", product.operations / 1e12, extra):
        yield judge(result, ceiling)


def _probe(device: Device, form: str, seed: int) -> dict[bool, float]:
    """Operations a second of a small product in each layout that works.

    Raises:
        DeviceError: none does; the message is that of the layout most likely to.
    """
    rates, failures = {}, []
    for transposed in (True, False):
        try:
            rates[transposed] = product_rate(device, Matmul(_PROBE, _PROBE, _PROBE, form, transposed), seed)
        except DeviceError as error:
            failures.append(error)
    if not rates:
        raise failures[0]
    return rates


def _all_sides(device: Device, plan: Plan) -> tuple[int, ...]:
    return (_SIDES_PROCESSOR if is_processor(device) else _SIDES)[plan.suite]


def _sides(device: Device, rate: float, plan: Plan) -> tuple[list[int], list[str]]:
    """The sizes to try: the largest whose call ends in time by the probe's rate; else the smallest."""
    sides, limit = _all_sides(device, plan), _CALL_S[plan.suite]
    bearable = [side for side in sides if 2 * side**3 / rate <= limit] or [sides[-1]]
    notes = []
    # 1,024 is an ordinary size for a processor; below it, a reader must know why
    usual = min(1024, sides[0])
    if bearable[0] < usual:
        seconds = 2 * usual**3 / rate
        notes.append(
            f"probed at {rate / 1e9:.3g} G operations a second: {usual} cubed would take {seconds:.2g} s"
        )
    return bearable[: _TRIED[plan.suite]], notes


def _fastest(device: Device, products: list[Matmul], plan: Plan, notes: list[str]) -> Matmul:
    """The product with the best rate among those that run; the largest that does where one is left."""
    rates: dict[Matmul, float] = {}
    for product in products:
        try:
            rates[product] = product.operations / call_seconds(device, product, plan.seed)
        except OutOfMemory as error:
            notes.append(f"{error}; a smaller size was tried")
    return max(rates, key=rates.__getitem__) if rates else products[-1]
