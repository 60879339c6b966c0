"""What is run over links counts the bytes that cross them."""

import pytest

from greenzone.errors import UsageError
from greenzone.lab.links import AllReduce, Transfer


@pytest.mark.parametrize(
    ("transfer", "name", "bytes_"),
    [
        (Transfer("host_to_device", 100), "interconnect.host_to_device", 100),
        (Transfer("bidirectional", 100), "interconnect.bidirectional", 200),
        (Transfer("peer", 100), "interconnect.peer", 100),
        (Transfer("peer", 100, both=True), "interconnect.peer", 200),
    ],
)
def test_a_transfer_counts_every_direction_that_runs_at_once(transfer: Transfer, name: str, bytes_: int) -> None:
    assert (transfer.name, transfer.bytes, transfer.shape) == (name, bytes_, {"bytes_each_way": 100})


@pytest.mark.parametrize(("ranks", "factor"), [(2, 1.0), (4, 1.5), (8, 1.75)])
def test_bus_bandwidth_has_the_factor_of_nccl_tests(ranks: int, factor: float) -> None:
    assert AllReduce(4000, ranks).bytes == pytest.approx(4000 * factor)


def test_sizes_that_make_no_sense_are_refused() -> None:
    for wrong in (
        lambda: Transfer("peer", 0), lambda: Transfer("host_to_device", 8, both=True), lambda: AllReduce(3),
        lambda: AllReduce(8, 1),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=r"Transfer|AllReduce"):
            wrong()
