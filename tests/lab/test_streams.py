"""What a stream counts: by its loop, and on the bus of a processor that reads lines before it writes them."""

import pytest

from greenzone.errors import UsageError
from greenzone.lab.streams import (
    STREAMS,
    Add,
    Copy,
    Daxpy,
    Dot,
    Read,
    Scale,
    Stream,
    Sweep,
    Triad,
    Update,
    Write,
)


# arrays counted, arrays on the bus, arrays held, operations an element
@pytest.mark.parametrize(
    ("kind", "counted", "bus", "held", "operations"),
    [
        (Read, 1, 1, 1, 1), (Write, 1, 2, 1, 0), (Copy, 2, 3, 2, 0), (Scale, 2, 3, 2, 1), (Add, 3, 4, 3, 1),
        (Triad, 3, 4, 3, 2), (Dot, 2, 2, 2, 2), (Update, 2, 2, 1, 1), (Daxpy, 3, 3, 2, 2),
    ],
)  # fmt: skip
def test_a_stream_counts_what_its_loop_moves(
    kind: type[Stream], counted: int, bus: int, held: int, operations: int
) -> None:
    stream = kind(1024)
    assert (stream.bytes, stream.bus_bytes, stream.resident_bytes) == (counted * 1024, bus * 1024, held * 1024)
    assert (stream.operations, stream.shape) == (operations * 256, {"elements": 256})
    assert kind in STREAMS


def test_a_sweep_is_no_stream_of_the_memory() -> None:
    sweep = Sweep(4096, passes=16)
    assert Sweep not in STREAMS
    assert (sweep.bytes, sweep.bus_bytes, sweep.resident_bytes, sweep.operations) == (65536, 65536, 4096, 16384)
    assert sweep.shape == {"working_set_bytes": 4096, "passes": 16, "elements": 1024}


@pytest.mark.parametrize(("size", "passes"), [(0, 1), (4096, 0)])
def test_a_size_below_one_is_refused(size: int, passes: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        Sweep(size, passes=passes)
