"""A function of the user's own, timed as an operator is; what it does is the user's to count."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from greenzone.lab.results import Check


@dataclass(frozen=True)
class Call:
    """A function that launches device work, with the operations and bytes of one call where they are known."""

    work: Callable[[], object]
    name: str
    operations: float = 0.0
    bytes: float = 0.0
    format: str | None = None
    shape: dict[str, int] = field(default_factory=dict)
    resident_bytes: float = 0.0

    @classmethod
    def of(
        cls, work: Callable[[], object], operations: float, bytes: float, format: str | None, shape: Mapping[str, int]
    ) -> "Call":
        """The call of a function, under the function's own name."""
        return cls(work, getattr(work, "__name__", type(work).__name__), operations, bytes, format, dict(shape))


class CallKernel:
    """The function as a kernel: launched as it is, its inputs and its results the user's own."""

    variant: str | None = None
    note = "a function of the user's own: its result is not checked, its operations and bytes are as given"

    def __init__(self, operator: Call) -> None:
        self.operator = operator

    def launch(self) -> None:
        self.operator.work()

    def check(self) -> Check:
        """Nothing is known of what would be right, so nothing passes."""
        return Check(1.0, 0.0, "no reference")

    def close(self) -> None:
        """Nothing here is ours to free."""
