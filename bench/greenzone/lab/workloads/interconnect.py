"""Bandwidth of links: the host's in each direction and both at once, a peer's, all at once, and an all-reduce.

The pattern is verified before the timing and again after it: what the timed calls left must be right.
A figure with both directions at once counts the bytes of both; the all-reduce gives its bus bandwidth.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices.base import Device
from greenzone.lab.links import NOT_HERE, AllLinks, AllReduce, LinkKernel, LinkOperator, Transfer
from greenzone.lab.measure import Budget, measure_windows
from greenzone.lab.operators import Operator
from greenzone.lab.results import SMALLER, NotMeasured, Result
from greenzone.lab.workloads.plan import Measured, Plan, is_processor, prepared, results

_MIB = 2**20
_COPIED = {"quick": 64 * _MIB, "standard": 256 * _MIB, "lab": 256 * _MIB}  # nvbandwidth's buffer is 64 MiB, later 512
_SUMMED = {"quick": 64 * _MIB, "standard": 256 * _MIB, "lab": 256 * _MIB}
_SUMMED_PROCESSOR = {"quick": 16 * _MIB, "standard": 64 * _MIB, "lab": 64 * _MIB}
_LEAST_BYTES = 4 * _MIB
_WARMUPS = 4
_NOT_IN_QUICK = f"{NOT_HERE} in a minute: two processes take seconds to start; --suite standard has it"


def run(device: Device, plan: Plan) -> Iterator[Result | NotMeasured]:
    """A burst and a sustained result for each question, or why there is none."""
    size, found = _COPIED[plan.suite], dict[str, Result | NotMeasured]()
    for question in _questions(size):
        for answer in _answers(device, question, plan):
            found[answer.name] = answer
            yield answer
    yield from _all_links(device, found, plan)
    if plan.suite == "quick" and is_processor(device):
        yield NotMeasured(AllReduce.name, None, _NOT_IN_QUICK)
        return
    summed = (_SUMMED_PROCESSOR if is_processor(device) else _SUMMED)[plan.suite]
    yield from _answers(device, [AllReduce(summed)], plan)


def _questions(size: int) -> list[list[Transfer]]:
    """What is asked of one link; what stands together under one name ends together."""
    return [
        [Transfer("host_to_device", size)], [Transfer("device_to_host", size)], [Transfer("bidirectional", size)],
        [Transfer("peer", size), Transfer("peer", size, both=True)],
    ]  # fmt: skip


def _all_links(
    device: Device, found: Mapping[str, Result | NotMeasured], plan: Plan
) -> Iterator[Result | NotMeasured]:
    """All links at once, each with bytes in proportion to what it reached alone; peers share a link, or do not."""
    alone = [found["interconnect.bidirectional"], found["interconnect.peer"]]
    rates = [r.metrics["bandwidth_gb_s"].median for r in alone if isinstance(r, Result) and r.metrics]
    if len(rates) < len(alone):
        reasons = [r.reason for r in alone if isinstance(r, NotMeasured)]
        yield NotMeasured(AllLinks.name, None, reasons[0] if reasons else "a link has no figure of its own")
        return
    host, peer = rates
    for shared in (True, False):
        answers = list(_answers(device, [AllLinks.of_rates(_COPIED[plan.suite], host, peer, shared)], plan))
        yield from answers
        if any(isinstance(r, Result) and r.shape["peers"] == 1 for r in answers):
            return  # one peer shares with nobody


def _answers(device: Device, question: Sequence[LinkOperator], plan: Plan) -> Iterator[Result | NotMeasured]:
    try:
        for operator in question:
            yield from _rows(device, operator, plan)
    except DeviceError as error:
        yield NotMeasured(question[0].name, None, str(error))


def _rows(device: Device, operator: LinkOperator, plan: Plan) -> Iterator[Result]:
    budget = replace(plan.budget, warmups=_WARMUPS)
    measured = _first_that_fits(device, operator, budget, plan.seed)
    what = "normal" if isinstance(operator, AllReduce) else "random bytes"
    for result in results(measured, "bandwidth_gb_s", measured.operator.bytes / 1e9, {}):
        yield replace(result, data=what)


def _first_that_fits(device: Device, operator: LinkOperator, budget: Budget, seed: int) -> Measured:
    """Measure at the size given, or at the first quarter of it that fits; each that did not is noted."""
    notes: list[str] = []
    while True:
        try:
            return _measured(device, operator, budget, seed, notes)
        except OutOfMemory as error:
            if operator.array_bytes // 4 < _LEAST_BYTES:
                raise
            notes.append(f"{error}; {SMALLER}")
            operator = operator.quartered()


def _measured(device: Device, operator: Operator, budget: Budget, seed: int, notes: Sequence[str]) -> Measured:
    with prepared(device, operator, seed) as kernel:
        if not isinstance(kernel, LinkKernel):
            raise DeviceError(f"{device.id} prepared {operator.name} without a way to verify it")
        said = (*notes, *([kernel.note] if kernel.note else []))
        check, windows, when = kernel.check(), None, "before"
        if check.passed:
            kernel.poison()
            windows = measure_windows(device, kernel, budget=budget)
            check, when = kernel.arrived(), "after"
        if not check.passed:
            wrong = f"{check.error:.3g} against {check.reference}, {check.tolerance:.3g} allowed"
            windows, said = None, (*said, f"wrong result {when} the timing: error {wrong}")
        return Measured(kernel.operator, kernel.variant, check, windows, said)
