"""A layer or a whole step as CUDA graphs: what is launched is captured once for each set and replayed.

A replay starts all kernels of a step with one call of the driver, as servers do it, so that small kernels
do not wait for Python. What is enqueued must be the same each time: nothing here waits for the device,
and experts are dealt before. After "CUDA Graphs" in PyTorch's CUDA semantics notes: warm up on a side
stream, so that libraries have made their workspaces; then capture on it.

The logic is tested against a driver that is not there; no GPU was at hand to run it on.
"""

from collections.abc import Callable
from typing import Any, Protocol

from greenzone.lab.devices.cuda_driver import CudaDriver, Graph
from greenzone.lab.layers import GRAPH
from greenzone.lab.operators import Operator
from greenzone.lab.results import Check

_WARM_UPS = 3
_NOTE = "replayed from a CUDA graph"


class Capturable(Protocol):
    """A kernel whose sets of operands can be run one by one, and that checks what something else launched."""

    @property
    def operator(self) -> Operator: ...
    @property
    def note(self) -> str | None: ...
    @property
    def rotation(self) -> int: ...
    def run(self, turn: int) -> None: ...
    def check(self, launch: Callable[[], None] | None = None) -> Check: ...
    def close(self) -> None: ...


class GraphKernel:
    """A kernel whose every set was captured and is replayed."""

    variant = GRAPH

    def __init__(self, inner: Capturable, driver: CudaDriver, index: int) -> None:
        self.inner = inner
        stream = driver.stream(index)
        self._graphs = [self._captured(turn, driver, index, stream) for turn in range(inner.rotation)]
        self._turn = 0

    def _captured(self, turn: int, driver: CudaDriver, index: int, stream: Any) -> Graph:
        driver.synchronise(index)  # operands were written on another stream
        with driver.on(stream):
            for _ in range(_WARM_UPS):
                self.inner.run(turn)
        driver.synchronise(index)
        graph = driver.graph(index)
        with graph.captures(stream):
            self.inner.run(turn)
        return graph

    @property
    def operator(self) -> Operator:
        return self.inner.operator

    @property
    def note(self) -> str:
        return "; ".join(filter(None, [self.inner.note, _NOTE]))

    def launch(self) -> None:
        self._graphs[self._turn].replay()
        self._turn = (self._turn + 1) % len(self._graphs)

    def check(self) -> Check:
        """What a replay wrote, not what a launch by hand would."""
        self._turn = 0
        return self.inner.check(self.launch)

    def close(self) -> None:
        self._graphs.clear()
        self.inner.close()
