"""One rank of an all-reduce: torchrun or its like starts it, and rank 0 is led over a local socket.

The same code runs on NCCL with a GPU for each rank and on gloo with a processor. It imports torch and
nothing of greenzone, so that it starts soon and from anywhere. It ends when its leader is gone, when
another rank is gone, or at its time limit, whichever comes first: none is ever left behind.

    leader --[command, count]--> rank 0 --broadcast--> all ranks --> rank 0 --[numbers]--> leader
"""

import json
import os
import signal
import socket
import time
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

STOP, TIME, CHECK, ARRIVED = range(4)
_TIMEOUT = timedelta(seconds=120)


class Sum:
    """An fp32 array of random normal values, summed over the ranks; each call starts from the values."""

    def __init__(self, elements: int, seed: int, control: Any) -> None:
        self._rank, self._ranks, self._control = dist.get_rank(), dist.get_world_size(), control
        self._on_gpu = dist.get_backend() == "nccl"
        device = torch.device("cuda", torch.cuda.current_device()) if self._on_gpu else torch.device("cpu")
        self._total = torch.zeros(elements)
        for rank in range(self._ranks):
            drawn = torch.randn(elements, generator=torch.Generator().manual_seed(seed + rank))
            self._total += drawn
            if rank == self._rank:
                self._values = drawn.to(device)
        self._buffer = self._values.clone()

    def answer(self, command: int, count: int) -> list[float]:
        """The numbers a command asks for."""
        if command == TIME:
            return self.times(count)
        return self.check() if command == CHECK else self.arrived()

    def times(self, count: int) -> list[float]:
        """Seconds of each of `count` sums, seen from this rank; putting the values back is not timed."""
        return self._gpu_times(count) if self._on_gpu else [self._cpu_time() for _ in range(count)]

    def _cpu_time(self) -> float:
        self._buffer.copy_(self._values)
        dist.barrier(group=self._control)
        start = time.perf_counter()
        dist.all_reduce(self._buffer)
        return time.perf_counter() - start

    def _gpu_times(self, count: int) -> list[float]:
        made: Any = torch.cuda.Event
        pairs = [(made(enable_timing=True), made(enable_timing=True)) for _ in range(count)]
        for start, end in pairs:
            self._buffer.copy_(self._values)
            start.record()
            dist.all_reduce(self._buffer)
            end.record()
        torch.cuda.synchronize()
        return [start.elapsed_time(end) / 1e3 for start, end in pairs]

    def check(self) -> list[float]:
        """The worst rank's error of one sum."""
        self._buffer.copy_(self._values)
        dist.all_reduce(self._buffer)
        return self.arrived()

    def arrived(self) -> list[float]:
        """The worst rank's relative error, in the Frobenius norm, of what the last sum left."""
        off = self._buffer.cpu().double() - self._total.double()
        error = torch.linalg.vector_norm(off) / torch.linalg.vector_norm(self._total.double())
        worst = torch.nan_to_num(error, nan=1.0, posinf=1.0).reshape(1)
        dist.all_reduce(worst, op=dist.ReduceOp.MAX, group=self._control)
        return [float(worst)]


def obey(work: Sum, leader: Any, control: Any) -> None:
    """Do what the leader says until it says stop or is gone."""
    while True:
        order = torch.tensor(_next(leader) if leader else [STOP, 0])
        dist.broadcast(order, 0, group=control)
        command, count = order.tolist()
        if command == STOP:
            return
        answer = work.answer(command, count)
        if leader:
            leader.write(json.dumps(answer) + "\n")
            leader.flush()


def _next(leader: Any) -> list[int]:
    line = leader.readline()  # empty when the leader is gone
    return list(json.loads(line)) if line else [STOP, 0]


def _leader(port: int, token: str) -> Any:
    with socket.create_connection(("127.0.0.1", port)) as caller:  # the file keeps the connection open
        talk = caller.makefile("rw", encoding="utf-8")
    talk.write(token + "\n")
    talk.flush()
    return talk


def main() -> None:
    """Join the other ranks, then obey; the environment says what and whom."""
    given = json.loads(os.environ["GREENZONE_RANKS"])
    signal.alarm(given["limit_s"])  # the last resort: it ends the process whatever hangs
    torch.set_num_threads(1)
    if given["backend"] == "nccl":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group(given["backend"], timeout=_TIMEOUT)
    control = dist.new_group(backend="gloo", timeout=_TIMEOUT)
    work = Sum(given["elements"], given["seed"], control)
    leader = _leader(given["port"], given["token"]) if dist.get_rank() == 0 else None
    obey(work, leader, control)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
