"""One unit and one quantity: the three sides of an upper bound, and what they come to together.

A measurement is a lower bound and shows no more than "above". That a quantity stays at or below a represented
value is argued from the ceiling of the silicon; the hardest search for more, and the identity of the part that the
ceiling is of, must not speak against it. Where one side is missing, that is the outcome, and never its absence.

| outcome | measured | ceiling |
| --- | --- | --- |
| `exceeded` | above the represented value, by the decision rule | whatever it is |
| `doubtful` | within U of it, or above it by a figure that does not count fully | whatever it is |
| `contradicts` | y - U above 1.02 x the ceiling: one of the sides is wrong | known |
| `bounded` | not above | at or below the represented value |
| `open` | not above | above it: by how much, and what would close it |
| `no_ceiling` | not above | not known |
| `not_measured`, `not_represented` | no figure; nothing to hold it to | |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from greenzone.intervals import Range
from greenzone.parts.lint.sources import IMPOSSIBLE_FROM
from greenzone.policy.acceptance import Answer, accept

Outcome = Literal[
    "exceeded", "contradicts", "doubtful", "open", "no_ceiling", "not_measured", "not_represented", "bounded"
]
# The worst first: of several outcomes the first of these stands for a unit.
OUTCOMES: tuple[Outcome, ...] = (
    "exceeded", "contradicts", "doubtful", "not_measured", "not_represented", "no_ceiling", "open", "bounded",
)  # fmt: skip
_ANSWERS: tuple[Answer, ...] = ("pass", "conditional pass", "conditional fail", "fail")


@dataclass(frozen=True)
class Figure:
    """One measured figure of a quantity, in its unit, with U (k = 2) and the row it is from.

    `doubt` says why a figure does not count fully: it can raise a doubt, and never shows that a value is exceeded.
    """

    value: float
    expanded_uncertainty: float
    row: str
    doubt: str | None = None


@dataclass(frozen=True)
class Ceiling:
    """What the silicon can do at most, in the unit of the quantity; None where it is not known.

    `working` is the product it is, or what is missing; `source` who says so.
    """

    value: float | None
    working: str
    source: str = ""


@dataclass(frozen=True)
class Bound:
    """What was found of one quantity of one unit.

    `figure` is the one that governs, `above_probability` the probability that its true value lies above the
    represented one (JCGM 106:2012, 7.2), `answer` that of the decision rule.
    """

    quantity: str
    outcome: Outcome
    represented: float | None
    ceiling: Ceiling
    figure: Figure | None = None
    answer: Answer | None = None
    above_probability: float | None = None

    @property
    def ceiling_excess(self) -> float | None:
        """By how much the ceiling is above the represented value; None where either is not known."""
        if self.ceiling.value is None or self.represented is None:
            return None
        return self.ceiling.value - self.represented

    @property
    def disagrees(self) -> bool:
        """Whether the figure is above what the silicon can do: the identity, the ceiling or the timing is wrong."""
        f, top = self.figure, self.ceiling.value
        return f is not None and top is not None and f.value - f.expanded_uncertainty > IMPOSSIBLE_FROM * top


def bound(quantity: str, represented: float | None, figures: Sequence[Figure], ceiling: Ceiling, rule: str) -> Bound:
    """The outcome for one quantity.

    Every figure is held to the represented value by itself and the worst answer governs: the highest of several
    errs upward, which is the safe side here.

    Args:
        quantity: its name among the parameters.
        represented: the value it is to stay at or below, in its unit.
        figures: everything measured of it.
        ceiling: of the silicon.
        rule: simple, guard or nonbinary (ILAC-G8:09/2019).
    """
    if represented is None:
        highest = max(figures, key=lambda f: f.value, default=None)
        return Bound(quantity, "not_represented", None, ceiling, highest)
    judged = [_judged(quantity, represented, figure, ceiling, rule) for figure in figures]
    if not any(b.figure and b.figure.doubt is None for b in judged) and not any(_speaks(b) for b in judged):
        return Bound(quantity, "not_measured", represented, ceiling)
    return max(judged, key=_severity)


def _judged(quantity: str, represented: float, figure: Figure, ceiling: Ceiling, rule: str) -> Bound:
    said = accept(figure.value, figure.expanded_uncertainty, Range.parse(f"<= {represented!r}"), rule)
    found = Bound(quantity, "bounded", represented, ceiling, figure, said.answer, said.outside_probability)
    outcome = _outcome(found)
    return Bound(quantity, outcome, represented, ceiling, figure, said.answer, said.outside_probability)


def _outcome(b: Bound) -> Outcome:
    figure, excess = b.figure, b.ceiling_excess
    if figure is None or b.represented is None:
        return "not_measured"
    if b.answer == "fail" and figure.value > b.represented:
        return "doubtful" if figure.doubt else "exceeded"
    if b.disagrees:
        return "contradicts"
    if b.answer != "pass":
        return "doubtful"
    if excess is None:
        return "no_ceiling"
    return "open" if excess > 0 else "bounded"


def _speaks(b: Bound) -> bool:
    """Whether a figure that counts only in part says something against the represented value."""
    return b.outcome in ("doubtful", "contradicts")


def _severity(b: Bound) -> tuple[int, int, float, int, float]:
    """How bad it is; of several that pass the highest, one without a doubt first."""
    figure = b.figure
    sure = int(figure is not None and figure.doubt is None)
    rank = len(OUTCOMES) - OUTCOMES.index(b.outcome)
    answer = _ANSWERS.index(b.answer) if b.answer else 0
    odds = b.above_probability or 0.0
    return rank, answer, odds if answer else 0.0, sure, figure.value if figure else 0.0
