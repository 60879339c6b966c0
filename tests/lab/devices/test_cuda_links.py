"""Copies of the CUDA device against a driver with queues of its own: bytes are real, streams have clocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab.devices.cuda import CudaDevice
from greenzone.lab.devices.cuda_driver import Properties
from greenzone.lab.devices.cuda_links import CudaTransfer, bytes_check, pattern
from greenzone.lab.links import AllLinks, AllReduce, LinkOperator, Transfer
from greenzone.lab.measure import BUDGETS
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.workloads import Plan, interconnect

SIZE = 2**16
RATE = 32e9  # bytes a second of one stream's copy


class Stream:
    def __init__(self, index: int, number: int) -> None:
        self.index, self.number, self.at = index, number, 0.0


class Event:
    def __init__(self, driver: "Queues") -> None:
        self.driver, self.at = driver, -1.0

    def record(self) -> None:
        self.at = self.driver.current.at
        self.driver.note("record")

    def wait(self) -> None:
        self.driver.current.at = max(self.driver.current.at, self.at)
        self.driver.note("wait")

    def query(self) -> bool:
        return self.at <= self.driver.host

    def elapsed_time(self, end: "Event") -> float:
        assert self.driver.host >= end.at, "a time was read before the wait"
        return (end.at - self.at) * 1e3


class Queues:
    """GPUs whose streams each have a time; the host's time moves when it enqueues and when it waits."""

    def __init__(self, count: int = 1, enqueue_s: float = 1e-6) -> None:
        self.count, self.enqueue_s, self.host = count, enqueue_s, 0.0
        self.streams: list[Stream] = []
        self.stack: list[Stream] = [Stream(0, 0)]
        self.log: list[str] = []
        self.pin_error: str | None = None
        self.pins = 0

    @property
    def current(self) -> Stream:
        return self.stack[-1]

    def note(self, what: str) -> None:
        self.host += self.enqueue_s
        self.log.append(f"{what} {self.current.number}")

    def why_unusable(self) -> None: ...
    def device_count(self) -> int:
        return self.count

    def properties(self, index: int) -> Properties:
        return Properties("NVIDIA H20", (9, 0), 78, 96 * 10**9, 4096, "GPU-1")

    def torch_device(self, index: int) -> torch.device:
        return torch.device("cpu")

    @contextmanager
    def selected(self, index: int) -> Iterator[None]:
        self.selections = [*getattr(self, "selections", []), index]
        yield

    def event(self, index: int) -> Event:
        return Event(self)

    def synchronise(self, index: int) -> None:
        self.host = max([self.host, *(s.at for s in self.streams)])
        for stream in self.streams:
            stream.at = self.host
        self.log.append("synchronise")

    def free_bytes(self, index: int) -> int:
        return 90 * 10**9

    def release_cached(self) -> None:
        self.log.append("release")

    def versions(self) -> dict[str, str | None]:
        return {"torch": "2", "cuda": "13.0"}

    def stream(self, index: int) -> Stream:
        self.streams.append(Stream(index, len(self.streams) + 1))
        return self.streams[-1]

    @contextmanager
    def on(self, *streams: Stream) -> Iterator[None]:
        self.stack += streams
        yield
        del self.stack[-len(streams) :]

    def spin(self, seconds: float) -> None:
        self.current.at = max(self.current.at, self.host) + seconds
        self.note("spin")

    def pinned(self, size: int) -> torch.Tensor:
        self.pins += 1
        if self.pin_error:
            raise RuntimeError(self.pin_error)
        return torch.empty(size, dtype=torch.uint8)

    def peer_access(self, index: int, other: int) -> bool:
        return self.count > 2


class NoNvml:
    class NVMLError(Exception):
        pass

    def nvmlInit(self) -> None:
        raise self.NVMLError("Library Not Found")


class OnItsClock(CudaDevice):
    """A device whose time is that of its driver's queues."""

    def now(self) -> float:
        queues: Any = self._driver
        return float(queues.host)

    def idle(self, seconds: float) -> None:
        queues: Any = self._driver
        queues.host += seconds


def device(queues: Queues, index: int = 0) -> CudaDevice:
    return OnItsClock(index, driver=queues, nvml=NoNvml(), sleep=lambda _: None)


@pytest.fixture(autouse=True)
def enqueued_copies(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A copy that does not block is one of the queue: it takes its stream's time and is logged."""
    plain, state = torch.Tensor.copy_, {"queues": None, "lost": False}

    def copy(to: torch.Tensor, source: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
        queues: Any = state["queues"]
        if not (non_blocking and queues):
            return plain(to, source, non_blocking)
        queues.current.at += source.numel() / RATE
        queues.note("copy")
        return to if state["lost"] else plain(to, source)

    monkeypatch.setattr(torch.Tensor, "copy_", copy)
    return state


def prepared(state: dict[str, Any], transfer: LinkOperator, queues: Queues) -> tuple[CudaDevice, Any]:
    state["queues"] = queues
    one = device(queues)
    kernel = one.prepare(transfer, 0)
    queues.log.clear()
    return one, kernel


def test_blocker_first_then_every_copy_in_its_events_and_one_wait(enqueued_copies: dict[str, Any]) -> None:
    queues = Queues()
    one, kernel = prepared(enqueued_copies, Transfer("host_to_device", SIZE), queues)
    assert one.time(kernel, 3) == pytest.approx([SIZE / RATE] * 3)
    assert queues.log == ["spin 1", *["record 1", "copy 1", "record 1"] * 3, "synchronise"]
    assert one.remarks() == ()


def test_no_more_is_enqueued_at_once_than_a_queue_holds(enqueued_copies: dict[str, Any]) -> None:
    """The host would wait for room until the blocker ends, and its own time would be in the figure."""
    queues = Queues()
    one, kernel = prepared(enqueued_copies, Transfer("bidirectional", SIZE), queues)
    assert one.time(kernel, 1000) == pytest.approx([SIZE / RATE] * 1000)
    assert one.remarks() == ()
    deepest = max(sum(word.endswith(" 1") for word in run) for run in runs(queues.log))
    assert 700 < deepest <= 1024
    assert queues.log.count("synchronise") == 6


def runs(log: list[str]) -> list[list[str]]:
    """What was enqueued between one wait and the next."""
    found: list[list[str]] = [[]]
    for word in log:
        found[-1].append(word)
        if word == "synchronise":
            found.append([])
    return found


def test_both_ways_at_once_run_on_two_streams_within_one_event_pair(enqueued_copies: dict[str, Any]) -> None:
    queues = Queues()
    one, kernel = prepared(enqueued_copies, Transfer("bidirectional", SIZE), queues)
    samples = one.time(kernel, 2)
    # twice the bytes in the time of one way: the directions overlap, and no call overlaps the next
    assert samples == pytest.approx([SIZE / RATE] * 2)
    assert kernel.operator.bytes == 2 * SIZE
    call = ["record 1", "wait 2", "copy 2", "record 2", "copy 1", "wait 1", "record 1"]
    assert queues.log == ["spin 1", *call * 2, "synchronise"]


def test_a_slow_direction_is_in_the_time_of_both(enqueued_copies: dict[str, Any]) -> None:
    queues = Queues()
    one, kernel = prepared(enqueued_copies, Transfer("bidirectional", SIZE), queues)
    queues.streams[1].at = 1.0  # the other direction is held up
    assert one.time(kernel, 1)[0] > 0.9


def test_a_blocker_that_ends_too_soon_is_said(enqueued_copies: dict[str, Any]) -> None:
    one, kernel = prepared(enqueued_copies, Transfer("host_to_device", SIZE), Queues(enqueue_s=1.0))
    one.time(kernel, 2)
    assert "before every copy was enqueued" in one.remarks()[0]
    assert one.remarks() == ()


@pytest.mark.parametrize("route", ["host_to_device", "device_to_host", "bidirectional"])
def test_the_pattern_arrives_and_a_lost_copy_is_seen(route: Any, enqueued_copies: dict[str, Any]) -> None:
    queues = Queues()
    one, kernel = prepared(enqueued_copies, Transfer(route, SIZE), queues)
    assert queues.pins == kernel.operator.ways
    assert kernel.check().passed
    kernel.poison()
    assert kernel.arrived().error == 1.0
    one.time(kernel, 1)
    assert kernel.arrived().passed
    kernel.poison()
    enqueued_copies["lost"] = True
    one.time(kernel, 1)
    assert not kernel.arrived().passed


def test_a_single_wrong_byte_is_wrong() -> None:
    sent = pattern(1000, 0)
    arrived = sent.clone()
    arrived[7] += 1
    check = bytes_check([(arrived, sent)])
    assert check.error == pytest.approx(1e-3)
    assert not check.passed


def test_a_pattern_has_no_zero_and_no_period_of_a_page() -> None:
    found = pattern(2**23, 1)
    assert int(found.min()) == 1
    assert not torch.equal(found[: 2**22], found[2**22 :])
    assert not torch.equal(found, pattern(2**23, 2))


def test_peers_are_copied_one_way_and_both(enqueued_copies: dict[str, Any]) -> None:
    queues = Queues(count=3)
    one, kernel = prepared(enqueued_copies, Transfer("peer", SIZE, both=True), queues)
    assert [[s.index for s in lane.streams] for lane in kernel._lanes] == [[0, 1], [1, 0]]
    assert one.time(kernel, 2) == pytest.approx([SIZE / RATE] * 2)
    assert kernel.check().passed
    assert (kernel.variant, kernel.note) == ("both ways at once", "cuda:0 and cuda:1, directly")
    assert queues.pins == 0
    kernel.close()
    assert queues.log[-1] == "release"


def test_the_last_device_s_peer_is_the_first_and_a_detour_is_said(enqueued_copies: dict[str, Any]) -> None:
    kernel = CudaTransfer(Queues(count=2), 1, Transfer("peer", SIZE), 0)
    assert kernel.variant == "one way"
    assert str(kernel.note).startswith("cuda:1 and cuda:0, through the host")


def test_all_links_are_copied_over_at_once_each_on_a_stream_of_its_own(enqueued_copies: dict[str, Any]) -> None:
    queues = Queues(count=3)
    one, kernel = prepared(enqueued_copies, AllLinks(SIZE // 4, SIZE), queues)
    streams = [[s.index for s in lane.streams] for lane in kernel._lanes]
    assert streams == [[0], [0], [0, 1], [1, 0], [0, 2], [2, 0]]
    assert [len(lane.source) for lane in kernel._lanes] == [SIZE // 4] * 2 + [SIZE] * 4
    # the longest copy is the time of all, and what crossed is all of it
    assert one.time(kernel, 2) == pytest.approx([SIZE / RATE] * 2)
    assert kernel.operator.bytes == 2 * (SIZE // 4 + 2 * SIZE)
    assert (kernel.variant, queues.pins) == ("host and 2 peers, a link each", 2)
    assert kernel.note == "cuda:0 and cuda:1, cuda:2, directly"


def test_a_copy_of_any_link_that_is_lost_is_seen(enqueued_copies: dict[str, Any]) -> None:
    one, kernel = prepared(enqueued_copies, AllLinks(SIZE, SIZE, shared=True), Queues(count=5))
    assert [len(lane.source) for lane in kernel._lanes] == [SIZE] * 2 + [SIZE // 4] * 8
    one.time(kernel, 1)
    assert kernel.arrived().passed
    kernel._lanes[-1].destination[0] = 0
    assert not kernel.arrived().passed


@pytest.mark.parametrize(("reach", "words"), [
    ({1, 2}, "cuda:0 and cuda:1, cuda:2, directly"),
    ({2}, "cuda:0 and cuda:2, directly; cuda:0 and cuda:1, through the host: neither can reach the other's memory"),
])  # fmt: skip
def test_how_each_peer_is_reached_is_said(reach: set[int], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queues = Queues(count=3)
    monkeypatch.setattr(queues, "peer_access", lambda index, other: other in reach)
    assert CudaTransfer(queues, 0, AllLinks(SIZE, SIZE, 2), 0).note == words


def test_one_device_has_no_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for operator in (Transfer("peer", SIZE), AllLinks(SIZE, SIZE), AllReduce(SIZE)):
        with pytest.raises(DeviceError, match=r"^not measurable here: one device$"):
            device(Queues()).prepare(operator, 0)


def test_devices_that_are_hidden_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(DeviceError, match=r"one device is visible \(CUDA_VISIBLE_DEVICES is '3'\)$"):
        device(Queues()).prepare(AllLinks(SIZE, SIZE), 0)


def test_memory_that_cannot_be_pinned_is_said() -> None:
    queues = Queues()
    queues.pin_error = "CUDA error: out of memory\nmore"
    with pytest.raises(OutOfMemory, match=r"could not be pinned \(CUDA error: out of memory\)$"):
        device(queues).prepare(Transfer("host_to_device", SIZE), 0)


def rows(queues: Queues, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[Result | NotMeasured]:
    state["queues"] = queues
    monkeypatch.setitem(interconnect._COPIED, "quick", SIZE)
    monkeypatch.setattr("greenzone.lab.measure.sampling.WINDOWS_S", (0.001, 0.002, 0.01))
    return list(interconnect.run(device(queues), Plan()))


def test_the_workload_on_one_gpu(enqueued_copies: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUDGETS, "quick", short_budget())
    found = rows(Queues(), enqueued_copies, monkeypatch)
    assert [(r.name, getattr(r, "window", None)) for r in found] == [
        *((f"interconnect.{n}", w) for n in ("host_to_device", "device_to_host", "bidirectional")
          for w in ("burst", "sustained")),
        ("interconnect.peer", None), ("interconnect.all_links", None), ("interconnect.all_reduce", None),
    ]  # fmt: skip
    bandwidth = [r.metrics["bandwidth_gb_s"].median for r in found if isinstance(r, Result)]
    assert bandwidth == pytest.approx([RATE / 1e9] * 4 + [2 * RATE / 1e9] * 2)
    assert all(len(r.warmups) == 4 for r in found if isinstance(r, Result))


def test_timed_copies_that_did_not_arrive_void_their_timing(
    enqueued_copies: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interconnect, "measure_windows", lossy(enqueued_copies))
    monkeypatch.setitem(BUDGETS, "quick", short_budget())
    found = rows(Queues(), enqueued_copies, monkeypatch)[0]
    assert isinstance(found, Result)
    assert (found.validity, found.samples, dict(found.metrics)) == ("invalid", (), {})
    assert "wrong result after the timing" in found.notes[-1]


def lossy(state: dict[str, Any]) -> Any:
    real = interconnect.measure_windows

    def measured(*arguments: Any, **named: Any) -> Any:
        state["lost"] = True
        try:
            return real(*arguments, **named)
        finally:
            state["lost"] = False

    return measured


def short_budget(*_: object) -> Any:
    from greenzone.lab.measure import Budget

    return Budget(idle_s=0, min_load_s=0, max_load_s=0, sustained_s=0, warmups=4)


def test_where_memory_is_short_a_quarter_is_tried(
    enqueued_copies: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUDGETS, "quick", short_budget())
    monkeypatch.setattr(interconnect, "_LEAST_BYTES", 2**10)
    queues = Queues()
    plain = queues.pinned

    def little(size: int) -> torch.Tensor:
        if size > SIZE / 4:
            raise RuntimeError("CUDA error: out of memory")
        return plain(size)

    monkeypatch.setattr(queues, "pinned", little)
    found = rows(queues, enqueued_copies, monkeypatch)[0]
    assert isinstance(found, Result)
    assert found.shape == {"bytes_each_way": SIZE / 4}
    assert "a smaller size was tried" in found.notes[0]


@pytest.mark.gpu
@pytest.mark.parametrize("route", ["host_to_device", "device_to_host", "bidirectional"])
def test_a_real_gpu_copies_the_pattern_behind_a_blocker_that_lasts(route: Any) -> None:
    one = CudaDevice(0)
    kernel: Any = one.prepare(Transfer(route, 2**24), 0)
    try:
        assert kernel.check().passed
        kernel.poison()
        assert all(sample > 0 for sample in one.time(kernel, 20))
        assert kernel.arrived().passed
        assert one.remarks() == ()
    finally:
        kernel.close()
