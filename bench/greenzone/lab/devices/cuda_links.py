"""Copies over a GPU's links: pinned memory, everything enqueued behind a blocker, an event pair each.

A call forks from the stream of its first direction and joins there again, so that one event pair spans
all directions that run at once. The blocker, a kernel that spins, holds the streams until the last copy
is enqueued: what the host takes to enqueue is then not in the time (as nvbandwidth does it).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from greenzone.errors import OutOfMemory
from greenzone.lab.devices.cuda_driver import CudaDriver, Event
from greenzone.lab.devices.failures import torch_errors
from greenzone.lab.links import AllLinks, Transfer
from greenzone.lab.results import Check

# To enqueue a copy with its events takes Python 10 to 30 us: the blocker lasts longer than all of them.
_BLOCK_S, _BLOCK_COPY_S = 2e-3, 60e-6
_QUEUE = 900  # commands that a stream holds before the host has to wait: 1,024 less what goes before and after
_PATTERN_BYTES = 2**22 - 3  # no multiple of a page, so that a displaced page is seen
_RAN_DRY = "the blocker ended before every copy was enqueued: the host's own time may be in the figure"


@dataclass(frozen=True)
class Lane:
    """One direction: what is copied where, and the streams of its devices, the copying one last."""

    source: Tensor
    destination: Tensor
    streams: tuple[Any, ...]


class CudaTransfer:
    """A transfer of one GPU, ready to be timed.

    Raises:
        OutOfMemory: host memory cannot be pinned, or the device's does not suffice.
        DeviceError: CUDA refused.
    """

    def __init__(self, driver: CudaDriver, index: int, operator: Transfer | AllLinks, seed: int) -> None:
        self.operator, self.variant = operator, operator.variant
        self._driver, self._index = driver, index
        self._peers = _peers(operator, index, driver.device_count())
        self._lanes: list[Lane] = []
        with torch_errors(f"cuda:{index}: {operator.name}"):
            for place, (start, end, size) in enumerate(self._copies(operator)):
                self._lanes.append(self._lane(start, end, size, seed + place))
        self.poison()

    @property
    def note(self) -> str | None:
        if not self._peers:
            return None
        reached = [peer for peer in self._peers if self._driver.peer_access(self._index, peer)]
        far = [peer for peer in self._peers if peer not in reached]
        how = ("directly", reached), ("through the host: neither can reach the other's memory", far)
        told = [f"cuda:{self._index} and {', '.join(f'cuda:{p}' for p in them)}, {way}" for way, them in how if them]
        return "; ".join(told)

    def _copies(self, operator: Transfer | AllLinks) -> Iterator[tuple[int | None, int | None, int]]:
        """From where to where, and how many bytes, for each copy of a call; None is the host."""
        if isinstance(operator, AllLinks):
            places = [(None, operator.host_bytes), *((peer, operator.each_bytes) for peer in self._peers)]
            for place, size in places:
                yield place, self._index, size
                yield self._index, place, size
            return
        other = self._peers[0] if self._peers else None
        there, back = (other, self._index), (self._index, other)
        for start, end in [back] if operator.route == "device_to_host" else [there, back][: operator.ways]:
            yield start, end, operator.array_bytes

    def _lane(self, start: int | None, end: int | None, size: int, seed: int) -> Lane:
        source, destination = self._buffer(start, size), self._buffer(end, size)
        source.copy_(pattern(size, seed))
        return Lane(source, destination, tuple(self._driver.stream(p) for p in (end, start) if p is not None))

    def _buffer(self, place: int | None, size: int) -> Tensor:
        if place is not None:
            return torch.empty(size, dtype=torch.uint8, device=self._driver.torch_device(place))
        try:
            return self._driver.pinned(size)
        except RuntimeError as error:
            why = f"{size / 1e9:.3g} GB of host memory could not be pinned ({str(error).splitlines()[0]})"
            raise OutOfMemory(f"cuda:{self._index}: {self.operator.name}: {why}") from error

    def timed(self, count: int, remark: Callable[[str], None]) -> list[float]:
        """Seconds of each of `count` calls, as many as fit enqueued before the first of them begins.

        Args:
            count: calls.
            remark: told if the queue was not full when the copies began.
        """
        most = max(1, _QUEUE // (len(self._lanes) + 3))
        return [t for begun in range(0, count, most) for t in self._batch(min(most, count - begun), remark)]

    def _batch(self, count: int, remark: Callable[[str], None]) -> list[float]:
        """So many calls as a queue takes: the host would wait for room in a longer one until the blocker ends."""
        driver, main = self._driver, self._lanes[0]
        pairs = [(driver.event(self._index), driver.event(self._index)) for _ in range(count)]
        with self._on(main):
            driver.spin(_BLOCK_S + _BLOCK_COPY_S * count * len(self._lanes))
        for start, end in pairs:
            self._enqueue(start, end)
        if pairs[0][0].query():
            remark(_RAN_DRY)
        self._wait()
        return [start.elapsed_time(end) / 1e3 for start, end in pairs]

    def _enqueue(self, start: Event, end: Event) -> None:
        main, *others = self._lanes
        with self._on(main):
            start.record()
        done = []
        for lane in others:
            with self._on(lane):
                start.wait()
                lane.destination.copy_(lane.source, non_blocking=True)
                done.append(self._driver.event(self._index))
                done[-1].record()
        with self._on(main):
            main.destination.copy_(main.source, non_blocking=True)
            for event in done:
                event.wait()
            end.record()

    def _on(self, lane: Lane) -> AbstractContextManager[None]:
        return self._driver.on(*lane.streams)

    def _wait(self) -> None:
        self._driver.synchronise(self._index)
        for peer in self._peers:
            self._driver.synchronise(peer)

    def launch(self) -> None:
        self._enqueue(self._driver.event(self._index), self._driver.event(self._index))

    def check(self) -> Check:
        with torch_errors(f"cuda:{self._index}: {self.operator.name}"):
            self.poison()
            self.launch()
            return self.arrived()

    def poison(self) -> None:
        """Fill every destination with zeros, which no pattern holds."""
        for lane in self._lanes:
            lane.destination.fill_(0)
        self._wait()

    def arrived(self) -> Check:
        with torch_errors(f"cuda:{self._index}: {self.operator.name}"):
            self._wait()
            pairs = [(lane.destination.cpu(), lane.source.cpu()) for lane in self._lanes]
        return bytes_check(pairs)

    def close(self) -> None:
        self._lanes.clear()
        self._driver.release_cached()


def _peers(operator: Transfer | AllLinks, index: int, count: int) -> tuple[int, ...]:
    """The other devices that copies go to: the next one, or all of them; none where only the host is asked."""
    others = tuple((index + step) % count for step in range(1, count))
    if isinstance(operator, AllLinks):
        return others
    return others[:1] if operator.route == "peer" else ()


def bytes_check(pairs: list[tuple[Tensor, Tensor]]) -> Check:
    """The share of bytes that differ, over all pairs of what arrived and what was sent; none may."""
    wrong = sum(int((arrived != sent).sum()) for arrived, sent in pairs)
    return Check(wrong / sum(sent.numel() for _, sent in pairs), 0.0, "the pattern sent, every byte")


def pattern(size: int, seed: int) -> Tensor:
    """Random bytes from 1 to 255, a block of them repeated."""
    generator = torch.Generator().manual_seed(seed)
    block = torch.randint(1, 256, (min(size, _PATTERN_BYTES),), dtype=torch.uint8, generator=generator)
    return block.repeat(-(-size // block.numel()))[:size]
