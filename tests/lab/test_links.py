"""What is run over links counts the bytes that cross them."""

import pytest

from greenzone.errors import UsageError
from greenzone.lab.links import AllLinks, AllReduce, LinkOperator, Transfer


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


@pytest.mark.parametrize(
    ("host", "peer", "sizes"),
    [(100, 800, (1000, 8000)), (800, 100, (8000, 1000)), (50, 50, (8000, 8000)), (1, 1e9, (1, 8000))],
)
def test_all_links_have_bytes_as_their_rates_are(host: float, peer: float, sizes: tuple[int, int]) -> None:
    found = AllLinks.of_rates(8000, host, peer, shared=False)
    assert (found.host_bytes, found.peer_bytes, found.array_bytes) == (*sizes, max(sizes))


@pytest.mark.parametrize(("shared", "each", "crossing"), [(True, 200, 2 * (50 + 800)), (False, 800, 2 * (50 + 3200))])
def test_peers_share_a_link_or_have_one_each(shared: bool, each: int, crossing: int) -> None:
    one = AllLinks(50, 800, 4, shared)
    assert one.bytes == one.resident_bytes == crossing
    assert one.shape == {"host_bytes_each_way": 50, "peer_bytes_each_way": each, "peers": 4}


def test_one_peer_shares_with_nobody() -> None:
    one, other = (AllLinks(50, 800, 1, shared) for shared in (True, False))
    assert (one.variant, one.bytes) == (other.variant, other.bytes) == ("host and 1 peer", 1700)


@pytest.mark.parametrize("operator", [Transfer("peer", 4000, both=True), AllLinks(4000, 800, 2), AllReduce(4000, 4)])
def test_a_quarter_of_it_crosses_a_quarter_of_the_bytes(operator: LinkOperator) -> None:
    assert operator.quartered().bytes == operator.bytes / 4


@pytest.mark.parametrize(("ranks", "factor"), [(2, 1.0), (4, 1.5), (8, 1.75)])
def test_bus_bandwidth_has_the_factor_of_nccl_tests(ranks: int, factor: float) -> None:
    assert AllReduce(4000, ranks).bytes == pytest.approx(4000 * factor)


def test_sizes_that_make_no_sense_are_refused() -> None:
    for wrong in (
        lambda: Transfer("peer", 0), lambda: Transfer("host_to_device", 8, both=True), lambda: AllReduce(3),
        lambda: AllReduce(8, 1), lambda: AllLinks(0, 8), lambda: AllLinks(8, 3, 4, shared=True),
        lambda: AllLinks(8, 8, 0, shared=True),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=r"Transfer|AllReduce|AllLinks"):
            wrong()
