"""The few calls of CUDA that a device needs, in one place, so that a test can put a fake there."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

_FASTEST_HZ = 3e9  # no current part's clock is faster, so that a spin of so many cycles is never too short


@dataclass(frozen=True, slots=True)
class Properties:
    """What CUDA tells of one device."""

    name: str
    capability: tuple[int, int]
    units: int
    memory_bytes: int
    cache_bytes: int
    uuid: str | None
    bus_id: str | None = None


class Event(Protocol):
    """A mark in the device's queue."""

    def record(self) -> None: ...
    def wait(self) -> None: ...
    def query(self) -> bool: ...
    def elapsed_time(self, end: Any) -> float: ...


class Graph(Protocol):
    """Work that was captured once and is started again with one call."""

    def captures(self, stream: Any) -> AbstractContextManager[None]: ...
    def replay(self) -> None: ...


class CudaDriver(Protocol):
    """What `CudaDevice` asks of CUDA."""

    def why_unusable(self) -> str | None: ...
    def device_count(self) -> int: ...
    def properties(self, index: int) -> Properties: ...
    def torch_device(self, index: int) -> torch.device: ...
    def selected(self, index: int) -> AbstractContextManager[None]: ...
    def event(self, index: int) -> Event: ...
    def synchronise(self, index: int) -> None: ...
    def free_bytes(self, index: int) -> int: ...
    def release_cached(self) -> None: ...
    def versions(self) -> dict[str, str | None]: ...
    def stream(self, index: int) -> Any: ...
    def on(self, *streams: Any) -> AbstractContextManager[None]: ...
    def graph(self, index: int) -> Graph: ...
    def spin(self, seconds: float) -> None: ...
    def pinned(self, size: int) -> Tensor: ...
    def peer_access(self, index: int, other: int) -> bool: ...


def _bus_id(found: Any) -> str | None:
    """domain:bus:device.function in hexadecimal; None where torch does not tell."""
    domain, bus, device = (getattr(found, f"pci_{part}_id", None) for part in ("domain", "bus", "device"))
    if domain is None or bus is None or device is None:
        return None
    return f"{domain:04x}:{bus:02x}:{device:02x}.0"


class _TorchGraph:
    """torch's CUDA graph."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._graph = torch.cuda.CUDAGraph()

    @contextmanager
    def captures(self, stream: torch.cuda.Stream) -> Iterator[None]:
        """What is enqueued inside is kept and not run; its results stay in memory of the graph's own."""
        with torch.cuda.device(self._index), torch.cuda.graph(self._graph, stream=stream):
            yield

    def replay(self) -> None:
        self._graph.replay()


class TorchCuda:
    """The driver that asks torch."""

    def __init__(self) -> None:
        # Streams share eight queues where nothing else is asked for (NVIDIA, CUDA C++ Programming Guide, CUDA
        # environment variables): copies over more links than that would wait for each other. Read when CUDA starts.
        os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")

    def why_unusable(self) -> str | None:
        """Why there is no CUDA device to use, or None where there is one."""
        if torch.version.cuda is None and torch.version.hip is None:
            return f"this torch ({torch.__version__}) is built without CUDA; install a CUDA build of torch"
        if not torch.cuda.is_available():
            return "torch finds no usable CUDA device; look at the driver (nvidia-smi)"
        return None

    def device_count(self) -> int:
        return torch.cuda.device_count() if self.why_unusable() is None else 0

    def properties(self, index: int) -> Properties:
        found = torch.cuda.get_device_properties(index)
        uuid = getattr(found, "uuid", None)
        return Properties(
            found.name, (found.major, found.minor), found.multi_processor_count, found.total_memory,
            int(getattr(found, "L2_cache_size", 0)), f"GPU-{uuid}" if uuid else None, _bus_id(found),
        )  # fmt: skip

    def torch_device(self, index: int) -> torch.device:
        return torch.device("cuda", index)

    def selected(self, index: int) -> AbstractContextManager[None]:
        """The context in which the device is the current one."""
        context: AbstractContextManager[None] = torch.cuda.device(index)
        return context

    def event(self, index: int) -> Event:
        with torch.cuda.device(index):
            event: Event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        return event

    def synchronise(self, index: int) -> None:
        torch.cuda.synchronize(index)

    def free_bytes(self, index: int) -> int:
        return int(torch.cuda.mem_get_info(index)[0])

    def release_cached(self) -> None:
        torch.cuda.empty_cache()

    def versions(self) -> dict[str, str | None]:
        return {
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "hip": torch.version.hip,
        }

    def stream(self, index: int) -> torch.cuda.Stream:
        """A queue of its own, beside the device's usual one."""
        return torch.cuda.Stream(index)  # type: ignore[no-untyped-call]

    @contextmanager
    def on(self, *streams: torch.cuda.Stream) -> Iterator[None]:
        """Enqueue on these, one for each device; the last one's device is the current one."""
        with ExitStack() as stack:
            for stream in streams:
                stack.enter_context(torch.cuda.stream(stream))
            yield

    def graph(self, index: int) -> Graph:
        """An empty graph on the device."""
        return _TorchGraph(index)

    def spin(self, seconds: float) -> None:
        """Keep the current stream busy for at least so long."""
        torch.cuda._sleep(int(seconds * _FASTEST_HZ))  # type: ignore[no-untyped-call]

    def pinned(self, size: int) -> Tensor:
        """So many bytes of host memory that a copy engine reads without the processor's help."""
        return torch.empty(size, dtype=torch.uint8, pin_memory=True)

    def peer_access(self, index: int, other: int) -> bool:
        """Whether each of two devices can reach the other's memory."""
        reach = torch.cuda.can_device_access_peer
        return index != other and bool(reach(index, other) and reach(other, index))


def accumulates_in_16_bits() -> bool:
    """Whether this torch can be told to add up fp16 in fp16; without the switch it would add in fp32 unasked."""
    return hasattr(torch.backends.cuda.matmul, "allow_fp16_accumulation") and torch.version.hip is None


@contextmanager
def precision(format: str | None) -> Iterator[None]:
    """Tell the libraries how to multiply for a format, and put the settings back afterwards.

    fp32 runs without TF32, tf32 with it; fp16_acc16 accumulates in 16 bits and nothing else does.
    """
    matmul = torch.backends.cuda.matmul
    wanted = {_tf32_setting()[0]: _tf32_setting()[1 if format == "tf32" else 2]}
    if hasattr(matmul, "allow_fp16_accumulation"):
        wanted["allow_fp16_accumulation"] = format == "fp16_acc16"
    before = {name: getattr(matmul, name) for name in wanted}
    try:
        for name, value in wanted.items():
            setattr(matmul, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(matmul, name, value)


def _tf32_setting() -> tuple[str, Any, Any]:
    # torch 2.9 renamed the switch and refuses to have both names used in one process
    if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        return "fp32_precision", "tf32", "ieee"
    return "allow_tf32", True, False
