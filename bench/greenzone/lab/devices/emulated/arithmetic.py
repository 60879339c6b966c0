"""The real arithmetic behind an emulated kernel: small enough for any processor, and checked as on hardware.

A size is halved until the operator fits two budgets, of operations and of bytes, and no further; a layer
and its parts have small sizes of their own (`small`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from greenzone.errors import DeviceError
from greenzone.lab.devices.emulated.small import Layered, small_part
from greenzone.lab.devices.kernels import TorchKernel, build
from greenzone.lab.devices.numerics import simulated
from greenzone.lab.operators import Matmul, Operator
from greenzone.lab.peak import Peak
from greenzone.lab.results import Check
from greenzone.lab.streams import Stream, Sweep

# A check is to take some hundredths of a second on one slow core: 1e9 operations a second is a tenth of what a
# core does in fp32, which leaves room for the reference in float64 and for rounding to a simulated format.
CHECK_SECONDS, SLOW_CORE_OPERATIONS_PER_S = 0.05, 1e9
CHECK_OPERATIONS = CHECK_SECONDS * SLOW_CORE_OPERATIONS_PER_S
CHECK_BYTES = 4 * 2**20  # all arrays of an operator: less than a core's share of a cache
_LEAST_SIDE = 16
Small = Matmul | Peak | Stream | Layered
SPOILED = 8  # one part in so many of a result is wrong


def bearable(operator: Operator) -> Small:
    """The same operator at the largest of its halved sizes that fits the budgets of a check.

    Raises:
        DeviceError: no kernel for the operator by itself.
    """
    if not isinstance(operator, Small):
        raise DeviceError(f"there is no kernel for the operator {operator.name!r} by itself")
    if isinstance(operator, Layered):
        return small_part(operator)
    small: Matmul | Peak | Stream = operator
    if isinstance(small, Stream):
        small = replace(small, format="fp32")  # streams of any format are checked as fp32
    while not _fits(small) and (smaller := next(_halved(small), None)) is not None:
        small = smaller
    return small


def _fits(operator: Operator) -> bool:
    return operator.operations <= CHECK_OPERATIONS and operator.resident_bytes <= CHECK_BYTES


def _halved(operator: Matmul | Peak | Stream) -> Iterator[Matmul | Peak | Stream]:
    """The operator with its largest size halved; none where nothing may be smaller."""
    if isinstance(operator, Stream):
        if isinstance(operator, Sweep) and operator.passes > 1 and operator.resident_bytes <= CHECK_BYTES:
            yield replace(operator, passes=operator.passes // 2)
        elif operator.array_bytes >= 2 * 4096:
            yield replace(operator, array_bytes=operator.array_bytes // 2 // 4096 * 4096)
        return
    names = ("m", "n", "k") if isinstance(operator, Matmul) else ("programs", "repeats", "m", "n", "k")
    sizes = {name: getattr(operator, name) for name in names}
    largest = max(sizes, key=sizes.__getitem__)
    if sizes[largest] >= 2 * _LEAST_SIDE:
        yield replace(operator, **{largest: sizes[largest] // 4 * 2})


def checked(small: Small, seed: int, fault: str | None = None) -> Check:
    """Run an operator on the processor and compare what it gave.

    Args:
        small: what `bearable` gave.
        seed: of its data.
        fault: what every launch suffers: `wrong-result` spoils it, `dropped-launch` leaves it out.
    """
    with _one_thread():
        kernel = build(small, simulated, torch.device("cpu"), seed, cache_bytes=0)
        try:
            if fault is not None:
                _break(kernel, fault)
            return kernel.check()
        finally:
            kernel.close()


@contextmanager
def _one_thread() -> Iterator[None]:
    """So little work ends sooner on one thread than several take to meet, above all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _break(kernel: TorchKernel, fault: str) -> None:
    launch = kernel.launch

    def spoiled() -> None:
        launch()
        part = kernel.output.view(-1)
        part[: -(-len(part) // SPOILED)] *= 2

    kernel.launch = spoiled if fault == "wrong-result" else lambda: None  # type: ignore[method-assign]
