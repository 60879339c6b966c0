"""What a sample says of the units that were not tested."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.policy.certifying.lots import Sample, remaining_max


@pytest.mark.parametrize(
    ("units", "tested", "most"), [(8, 8, 0), (8, 0, 8), (8, 7, 1), (8, 4, 3), (100, 20, 12), (1, 1, 0), (2, 1, 1)]
)
def test_how_many_may_remain(units: int, tested: int, most: int) -> None:
    assert remaining_max(units, tested) == most


def test_every_sample_of_a_small_lot_counted() -> None:
    """C(N - D, n) / C(N, n) by going through all samples: nothing found in more than one of twenty."""
    units, tested = 9, 4
    drawn = list(combinations(range(units), tested))
    unseen = [sum(min(sample) >= bad for sample in drawn) / len(drawn) for bad in range(units + 1)]
    assert remaining_max(units, tested) == max(bad for bad in range(units + 1) if unseen[bad] > 0.05)


@given(st.integers(1, 400), st.integers(0, 400))
def test_more_tests_never_leave_more(units: int, tested: int) -> None:
    tested = min(tested, units)
    most = remaining_max(units, tested)
    assert 0 <= most <= units - tested
    assert most >= remaining_max(units, min(units, tested + 1))


def test_one_that_exceeds_leaves_nothing_to_infer() -> None:
    assert Sample(8, 4, exceeding=1).remaining_max is None
    assert Sample(8, 8).is_whole
