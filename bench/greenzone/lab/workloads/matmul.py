"""The rate of a matrix product in each number format the device offers.

Each format is probed once with a small product: some processors run some formats 300 times slower
than others, and a loop over such a one would never end. `quick` chooses among a few cubes; the other
suites search the shape, measure every variant of the format there (the best first), and then the best
again on data that hardly toggles, which bounds from above what random data reach under a power limit.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices.base import Device
from greenzone.lab.measure import judge
from greenzone.lab.measure.search import Limits, Shape, Space, Trace, search
from greenzone.lab.operators import Matmul
from greenzone.lab.results import SMALLER, NotMeasured, Result
from greenzone.lab.workloads.plan import (
    Measured,
    Plan,
    call_seconds,
    is_processor,
    measure_first_that_fits,
    product_rate,
    results,
)
from greenzone.statistics import median

_PROBE, _PROBE_PROCESSOR = 1024, 256
# Cubes: 9 of 12 published best shapes for bf16 lie on the 1,024-step grid, and these are on it.
_SIDES_QUICK = (4096, 2048)
_SIDES = (16384, 8192, 4096, 2048, 1024)
_SIDES_QUICK_PROCESSOR = (2048, 1024, 512, 256)
_SIDES_PROCESSOR = (4096, *_SIDES_QUICK_PROCESSOR)
_SMALLEST, _SMALLEST_PROCESSOR = (1024, 256), (256, 64)  # side of the space searched, and its step
_CALL_S, _CALL_QUICK_S, _CALL_QUICK_PROCESSOR_S = 2.0, 0.25, 0.2  # the longest call that leaves room for enough
_SEARCH = {"standard": Limits(10.0, 150), "lab": Limits(60.0, 400)}
_AS_GOOD = 0.99
_WORTH_TRYING = 0.5  # of the best way's rate in the probe

_Way = tuple[str | None, bool]  # variant, and whether the second operand is kept transposed


@dataclass
class _Choice:
    """What to measure of a format: the product, how its shape was found, what else runs, what to say."""

    product: Matmul
    ways: Mapping[_Way, float]
    trace: Trace | None = None
    notes: list[str] = field(default_factory=list)
    missing: Mapping[str | None, str] = field(default_factory=dict)


def run(device: Device, plan: Plan) -> Iterator[Result | NotMeasured]:
    """A burst and a sustained result for each format, variant and data pattern, or why there is none."""
    formats = plan.formats or device.formats()
    if not formats:
        yield NotMeasured("matmul", None, f"{device.name} offers no number format: none has a known peak")
    for form in formats:
        try:
            yield from _format(device, form, plan)
        except DeviceError as error:
            yield NotMeasured("matmul", form, str(error))


def _format(device: Device, form: str, plan: Plan) -> Iterator[Result | NotMeasured]:
    ways, missing = _probe(device, form, plan.seed)
    choice = (_chosen if plan.suite == "quick" else _searched)(device, form, ways, plan)
    first = _measured(device, choice, plan)
    if plan.suite == "quick":
        yield from _judged(device, first, choice.trace)
        return
    others = list(_others(device, first, choice, plan))
    sound = [first, *(o for o in others if isinstance(o, Measured))]
    for measured in sorted(sound, key=_rate, reverse=True):
        yield from _judged(device, measured, choice.trace if measured is first else None)
    yield from (o for o in others if isinstance(o, NotMeasured))
    yield from (NotMeasured("matmul", form, f"{variant}: {why}") for variant, why in missing.items())
    yield from _low_toggle(device, max(sound, key=_rate), plan)


def _probe(device: Device, form: str, seed: int) -> tuple[dict[_Way, float], dict[str | None, str]]:
    """Operations a second of a small product in each way that works, and the variants that do not.

    Raises:
        DeviceError: none does; the message is that of the way most likely to.
    """
    side = _PROBE_PROCESSOR if is_processor(device) else _PROBE
    rates: dict[_Way, float] = {}
    failures: dict[str | None, DeviceError] = {}
    for variant in device.variants(form):
        for transposed in (True, False):
            product = Matmul(side, side, side, form, transposed, variant)
            try:
                rates[variant, transposed] = product_rate(device, product, seed)
            except DeviceError as error:
                failures.setdefault(variant, error)
    if not rates:
        raise next(iter(failures.values()))
    working = {variant for variant, _ in rates}
    return rates, {variant: str(error) for variant, error in failures.items() if variant not in working}


def _worth(ways: Mapping[_Way, float]) -> list[_Way]:
    best = max(ways.values())
    return [way for way, rate in ways.items() if rate >= _WORTH_TRYING * best]


def _chosen(device: Device, form: str, ways: Mapping[_Way, float], plan: Plan) -> _Choice:
    """The best of a few cubes and of all ways, by a few calls of each."""
    rate = max(ways.values())
    side = _bearable(device, rate, plan)[0]
    choice = _Choice(Matmul(side, side, side, form), ways, notes=_small_note(device, side, rate))
    products = [replace(choice.product, variant=v, transposed=t) for v, t in _worth(ways)]
    choice.product = _fastest(device, products, plan, choice.notes)
    return choice


def _searched(device: Device, form: str, ways: Mapping[_Way, float], plan: Plan) -> _Choice:
    """The best shape a search finds for the first variant worth it, and the best variant there."""
    worth, rate = _worth(ways), max(ways.values())
    variant = worth[0][0]
    high = _bearable(device, rate, plan)[0]
    low, step = _SMALLEST_PROCESSOR if is_processor(device) else _SMALLEST
    space = Space(min(low, high), high, step, tuple(t for v, t in worth if v == variant))

    def tried(shape: Shape) -> float:
        return product_rate(device, Matmul(*shape[:3], form, shape.transposed, variant), plan.seed)

    trace = search(tried, space, _SEARCH[plan.suite], device.now, plan.seed)
    notes = _small_note(device, high, rate)
    if trace.best is None:
        notes.append(f"the search found no shape: {trace.tried[0].failure if trace.tried else trace.stopped}")
        return _Choice(Matmul(high, high, high, form, space.layouts[0], variant), ways, trace, notes)
    m, n, k, transposed = trace.best.shape
    found = Matmul(m, n, k, form, transposed, variant)
    return _Choice(_fastest(device, _every_variant(found, ways), plan, notes), ways, trace, notes)


def _every_variant(product: Matmul, ways: Mapping[_Way, float]) -> list[Matmul]:
    """The product in each variant that runs: in its own layout, or in the other where that alone works."""
    layouts: dict[str | None, bool] = {}
    for variant, transposed in ways:
        own = (variant, product.transposed) in ways
        layouts[variant] = product.transposed if own else transposed
    return [replace(product, variant=v, transposed=t) for v, t in layouts.items()]


def _fastest(device: Device, products: Iterable[Matmul], plan: Plan, notes: list[str]) -> Matmul:
    """The first product within 1 % of the best among those that run; the last where none does.

    Equals are not told apart by noise, so that the usual variant stands first where it is as good.
    """
    rates: dict[Matmul, float] = {}
    for product in products:
        try:
            rates[product] = product.operations / call_seconds(device, product, plan.seed)
        except OutOfMemory as error:
            notes.append(f"{error}; {SMALLER}")
    best = max(rates.values(), default=0.0)
    return next((p for p, rate in rates.items() if rate >= _AS_GOOD * best), product)


def _measured(device: Device, choice: _Choice, plan: Plan) -> Measured:
    """The chosen product, or the largest cube below it that fits."""
    product = choice.product
    largest = max(product.m, product.n, product.k)
    smaller = [replace(product, m=s, n=s, k=s) for s in _sides(device, plan) if s < largest]
    measured = measure_first_that_fits(device, [product, *smaller], plan)
    return replace(measured, notes=(*choice.notes, *measured.notes))


def _others(device: Device, first: Measured, choice: _Choice, plan: Plan) -> Iterator[Measured | NotMeasured]:
    """The other variants at the shape that was measured."""
    product: Any = first.operator
    for other in _every_variant(product, choice.ways):
        if other.variant == product.variant:
            continue
        try:
            yield _brief(device, other, plan)
        except DeviceError as error:
            yield NotMeasured("matmul", other.format, f"{other.variant}: {error}")


def _brief(device: Device, product: Matmul, plan: Plan) -> Measured:
    """A shorter load than the first row's, but in the laboratory suite."""
    if plan.suite == "lab":
        return measure_first_that_fits(device, [product], plan)
    measured = measure_first_that_fits(device, [product], replace(plan, suite="quick"))
    return replace(measured, notes=(*measured.notes, "under the short load of the quick suite"))


def _low_toggle(device: Device, best: Measured, plan: Plan) -> Iterator[Result | NotMeasured]:
    product: Any = best.operator
    try:
        yield from _judged(device, _brief(device, replace(product, data="low_toggle"), plan), None)
    except DeviceError as error:
        yield NotMeasured("matmul", product.format, f"low_toggle data: {error}")


def _rate(measured: Measured) -> float:
    """Operations a second in the steady state; none of a wrong result."""
    return measured.operator.operations / median(measured.windows.sustained) if measured.windows else 0.0


def _judged(device: Device, measured: Measured, trace: Trace | None) -> Iterator[Result]:
    product = measured.operator
    layout = product.layout if isinstance(product, Matmul) else ""
    ceiling = device.ceiling_tops(product.format or "")
    extra = {"layout": layout, "ceiling": ceiling, "search": trace.to_json() if trace else None}
    for result in results(measured, "rate_tops", product.operations / 1e12, extra):
        yield judge(result, ceiling)


def _sides(device: Device, plan: Plan) -> tuple[int, ...]:
    if plan.suite == "quick":
        return _SIDES_QUICK_PROCESSOR if is_processor(device) else _SIDES_QUICK
    return _SIDES_PROCESSOR if is_processor(device) else _SIDES


def _bearable(device: Device, rate: float, plan: Plan) -> list[int]:
    """The sizes of cubes whose call ends in time by the probe's rate; else the smallest."""
    quick = _CALL_QUICK_PROCESSOR_S if is_processor(device) else _CALL_QUICK_S
    sides, limit = _sides(device, plan), quick if plan.suite == "quick" else _CALL_S
    return [side for side in sides if 2 * side**3 / rate <= limit] or [sides[-1]]


def _small_note(device: Device, side: int, rate: float) -> list[str]:
    """1,024 is an ordinary size for a processor; below it, a reader must know why."""
    if side >= 1024:
        return []
    seconds = 2 * 1024**3 / rate
    return [f"probed at {rate / 1e9:.3g} G operations a second: 1024 cubed would take {seconds:.2g} s"]
