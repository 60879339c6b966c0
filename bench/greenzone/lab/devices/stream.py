"""Memory streams as torch calls on any torch device, each in the way that was found fastest on processors.

Outputs are written through `out=` or in place: an allocation inside the timing costs a processor
three to ten times the work. Data is random normal. Where a call writes what it has read, or the same
number everywhere, two factors take turns: an update doubles and then halves, which is exact, and a
daxpy adds half of b and takes it away again. However often they run, values stay what they were or
within a factor of two of it, so none overflows, fades to a denormal or becomes zero.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from greenzone.errors import DeviceError
from greenzone.lab.devices.checking import check_elements, check_sum, compare, compare_parts, poison
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.results import Check
from greenzone.lab.streams import Add, Copy, Daxpy, Dot, Read, Scale, Stream, Sweep, Triad, Update, Write

_SCALE = 0.4  # STREAM's
_FACTORS: dict[type[Stream], tuple[float, float]] = {
    Write: (1 / 3, -1 / 3), Update: (2.0, 0.5), Daxpy: (0.5, -0.5),
}  # fmt: skip
_ROUNDING = {torch.float64: 1e-15, torch.float32: 1e-6}  # a few roundings an element
# Of a sum, beside the sum of magnitudes. Partial sums of both signs stay small: 1e-8 in fp32 is usual.
_SUM = {torch.float64: 1e-14, torch.float32: 1e-7}
_LAUNCHES = 3  # of an in-place stream in its check: both factors act, and they do not cancel
_DTYPES = {"fp64": torch.float64, "fp32": torch.float32}


def _sweep(out: Tensor, inputs: list[Tensor], _: float) -> None:
    # a view of the one array as many rows, of stride 0: each row is read from the same place
    torch.sum(inputs[0].expand(out.numel(), -1), dim=1, out=out)


_CALLS: dict[type[Stream], Callable[[Tensor, list[Tensor], float], object]] = {
    Read: lambda out, x, _: torch.sum(x[0], dim=0, out=out),
    Write: lambda out, _, s: out.fill_(s),
    Copy: lambda out, x, _: out.copy_(x[0]),
    Scale: lambda out, x, s: torch.mul(x[0], s, out=out),
    Add: lambda out, x, _: torch.add(x[0], x[1], out=out),
    Triad: lambda out, x, s: torch.add(x[0], x[1], alpha=s, out=out),
    Dot: lambda out, x, _: torch.dot(x[0], x[1], out=out),
    Update: lambda out, _, s: out.mul_(s),
    Daxpy: lambda out, x, s: out.add_(x[0], alpha=s),
    Sweep: _sweep,
}


class StreamKernel:
    """A stream over sets of arrays that go round.

    Raises:
        DeviceError: a format that streams do not run in.
    """

    note: str | None = None
    variant: str | None = None

    def __init__(self, operator: Stream, device: torch.device, seed: int, sets: int) -> None:
        if operator.format not in _DTYPES:
            raise DeviceError(f"memory streams run in fp32 or fp64, not in {operator.format}")
        self.operator = operator
        self._seed, self._turn = seed, 0
        self._dtype = _DTYPES[operator.format]
        self._call = _CALLS[type(operator)]
        self._factors = _FACTORS.get(type(operator), (_SCALE, _SCALE))
        generator = torch.Generator(device).manual_seed(seed)
        self._sets = [self._arrays(generator) for _ in range(sets)]
        self._launched = [0] * sets

    def _arrays(self, generator: torch.Generator) -> list[Tensor]:
        """The output first, then the inputs; an output that is updated in place is drawn too."""
        op, device = self.operator, generator.device
        shapes = [_output_shape(op), *[(op.elements,)] * (op.reads - op.in_place)]
        out, *inputs = [torch.empty(shape, dtype=self._dtype, device=device) for shape in shapes]
        for array in [out, *inputs] if op.in_place else inputs:
            array.normal_(generator=generator)
        return [out, *inputs]

    @property
    def output(self) -> Tensor:
        """What the check looks at."""
        return self._sets[0][0]

    def launch(self) -> None:
        place = self._turn
        self._turn = (place + 1) % len(self._sets)
        out, *inputs = self._sets[place]
        factor = self._factors[self._launched[place] % 2]
        self._launched[place] += 1
        self._call(out, inputs, factor)

    @torch_errors("check of a memory stream")
    def check(self) -> Check:
        self._turn = 0
        out, *inputs = self._sets[0]
        factor = self._factors[self._launched[0] % 2]
        if self.operator.in_place:
            return self._check_in_place(out, inputs)
        poison(out)
        self.launch()
        if isinstance(self.operator, Read | Dot | Sweep):
            return check_sum(out, inputs, _SUM[self._dtype])
        if isinstance(self.operator, Write):
            ends = torch.stack(torch.aminmax(out))
            reference = torch.full((2,), factor, dtype=self._dtype).to(torch.float64)
            return compare(ends, reference, out, 0.0, "smallest and largest element")
        scalars = {Copy: [1.0], Scale: [factor], Add: [1.0, 1.0], Triad: [1.0, factor]}[type(self.operator)]
        tolerance = 0.0 if isinstance(self.operator, Copy) else _ROUNDING[self._dtype]
        return check_elements(out, inputs, scalars, tolerance, self._seed)

    def _check_in_place(self, out: Tensor, inputs: list[Tensor]) -> Check:
        """Every element after a known number of launches, beside what was there before them."""
        before, first = out.clone(), self._launched[0]
        for _ in range(_LAUNCHES):
            self._turn = 0
            self.launch()
        factors = [self._factors[(first + i) % 2] for i in range(_LAUNCHES)]
        method = f"float64, every element after {_LAUNCHES} launches"
        if isinstance(self.operator, Update):
            return compare_parts(out, [before], [math.prod(factors)], 0.0, method)
        return compare_parts(out, [before, *inputs], [1.0, sum(factors)], _ROUNDING[self._dtype], method)

    def close(self) -> None:
        self._sets.clear()


def _output_shape(operator: Stream) -> tuple[int, ...]:
    if isinstance(operator, Sweep):
        return (operator.passes,)
    return (operator.elements,) if operator.writes else ()
