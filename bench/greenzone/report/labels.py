"""Labels that do not overlap: each takes the first free place around its anchor, farther out with a leader.

Deterministic: the same anchors give the same places. All lengths are in one unit, points or pixels.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rect:
    """A rectangle by its edges."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: "Rect") -> bool:
        """Whether the two share more than an edge.

        >>> Rect(0, 0, 2, 2).meets(Rect(1, 1, 3, 3)), Rect(0, 0, 1, 1).meets(Rect(1, 0, 2, 1))
        (True, False)
        """
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    def inside(self, frame: "Rect") -> bool:
        """Whether it lies in a frame."""
        return (
            self.left >= frame.left
            and self.right <= frame.right
            and self.bottom >= frame.bottom
            and self.top <= frame.top
        )


@dataclass(frozen=True)
class Placed:
    """Where a label came to lie, and whether it is far enough to need a line to its anchor."""

    rect: Rect
    has_leader: bool


DIRECTIONS = 16
RINGS = (4.0, 9.0, 16.0, 25.0, 36.0, 50.0, 66.0, 84.0, 105.0, 130.0, 160.0, 195.0)
_NEAR = 9.0  # up to here a label is seen to belong to its anchor


def place(
    anchors: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Rect,
    obstacles: Sequence[Rect] = (),
) -> list[Placed]:
    """A place for every label, in the order given.

    Args:
        anchors: the points the labels belong to.
        sizes: width and height of each label.
        frame: no label leaves it.
        obstacles: what no label may cover, the marks of the anchors among them.

    Returns:
        A place each. Where no free one is left, the one that covers least; none is ever dropped.
    """
    taken, drawn = _edges(obstacles), _edges([])
    found = []
    for anchor, size in zip(anchors, sizes, strict=True):
        placed = _best(anchor, size, frame, taken, drawn)
        found.append(placed)
        own = _edges([placed.rect, *(_leader(anchor, placed.rect) if placed.has_leader else [])])
        taken, drawn = np.vstack([taken, own]), np.vstack([drawn, own])
    return found


def _edges(rects: Sequence[Rect]) -> Array:
    """Rectangles as rows of left, bottom, right, top."""
    return np.array([(r.left, r.bottom, r.right, r.top) for r in rects], dtype=float).reshape(-1, 4)


def _covered(own: Sequence[Rect], taken: Array) -> float:
    """The area that some rectangles share with those that are taken."""
    mine = _edges(own)[:, None, :]
    width = np.minimum(mine[..., 2], taken[:, 2]) - np.maximum(mine[..., 0], taken[:, 0])
    height = np.minimum(mine[..., 3], taken[:, 3]) - np.maximum(mine[..., 1], taken[:, 1])
    return float((width.clip(min=0) * height.clip(min=0)).sum())


def _best(anchor: tuple[float, float], size: tuple[float, float], frame: Rect, taken: Array, drawn: Array) -> Placed:
    """The first free place; a leader may run over a mark, but over no other label or leader."""
    least, least_covered = None, math.inf
    for ring, rect in _candidates(anchor, size):
        if not rect.inside(frame):
            continue
        placed = Placed(rect, ring > _NEAR)
        covered = _covered([rect], taken)
        if covered == 0 and placed.has_leader:
            covered = _covered(leader, drawn) if (leader := _leader(anchor, rect)) else 0.0
        if covered == 0:
            return placed
        if covered < least_covered:
            least, least_covered = placed, covered
    # Where the frame is smaller than the label: over its anchor, as far as that goes.
    return least or Placed(_around(anchor, size, 0.0, 0.0), False)


def _candidates(anchor: tuple[float, float], size: tuple[float, float]) -> Iterator[tuple[float, Rect]]:
    for ring in RINGS:
        for n in range(DIRECTIONS):
            turn = 2 * math.pi * n / DIRECTIONS
            yield ring, _around(anchor, size, ring * math.cos(turn), ring * math.sin(turn))


def _around(anchor: tuple[float, float], size: tuple[float, float], dx: float, dy: float) -> Rect:
    """The label that touches the point at (dx, dy) from its anchor with the side that faces it."""
    width, height = size
    x, y = anchor[0] + dx, anchor[1] + dy
    left = x if dx > 0.5 else x - width if dx < -0.5 else x - width / 2
    bottom = y - height / 2 + (height / 2) * (dy / (math.hypot(dx, dy) or 1.0))
    return Rect(left, bottom, left + width, bottom + height)


def end_of_leader(anchor: tuple[float, float], rect: Rect) -> tuple[float, float]:
    """The point of a label nearest to its anchor."""
    return min(max(anchor[0], rect.left), rect.right), min(max(anchor[1], rect.bottom), rect.top)


def _leader(anchor: tuple[float, float], rect: Rect, step: float = 4.0) -> list[Rect]:
    """A leader as a row of small rectangles, from a little off the anchor to the label."""
    x, y = end_of_leader(anchor, rect)
    length = math.hypot(x - anchor[0], y - anchor[1])
    found = []
    for n in range(1, int(length // step)):
        at = n * step / length
        px, py = anchor[0] + at * (x - anchor[0]), anchor[1] + at * (y - anchor[1])
        found.append(Rect(px - 0.6, py - 0.6, px + 0.6, py + 0.6))
    return found
