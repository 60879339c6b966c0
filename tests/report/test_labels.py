"""Labels: near their anchors where there is room, never over each other, never out of the frame."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from greenzone.report.labels import Rect, place

FRAME = Rect(0, 0, 600, 400)
SIZE = (60.0, 8.0)


def test_a_lone_label_stands_beside_its_anchor_without_a_leader() -> None:
    (placed,) = place([(100, 100)], [SIZE], FRAME)
    assert placed.rect == Rect(104, 96, 164, 104)
    assert not placed.has_leader


def test_a_label_at_the_edge_turns_inward() -> None:
    (placed,) = place([(598, 100)], [SIZE], FRAME)
    assert placed.rect.right < 598


@given(st.lists(st.tuples(st.floats(50, 550), st.floats(50, 350)), max_size=25))
def test_labels_never_overlap_where_there_is_room(anchors: list[tuple[float, float]]) -> None:
    found = place(anchors, [SIZE] * len(anchors), FRAME)
    assert found == place(anchors, [SIZE] * len(anchors), FRAME)
    assert all(p.rect.inside(FRAME) for p in found)
    assert not any(a.rect.meets(b.rect) for a, b in itertools.combinations(found, 2))


def test_none_is_dropped_where_there_is_no_room() -> None:
    found = place([(5, 5)] * 3, [SIZE] * 3, Rect(0, 0, 61, 9))
    assert len(found) == 3


def test_obstacles_are_kept_free() -> None:
    obstacle = Rect(101, 50, 300, 150)
    (placed,) = place([(100, 100)], [SIZE], FRAME, [obstacle])
    assert not placed.rect.meets(obstacle)
