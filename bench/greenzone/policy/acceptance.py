"""Whether a measured figure keeps to a limit: the decision rules of ILAC-G8:09/2019.

With y measured, U its expanded uncertainty (k = 2) and T the limit from above:

    simple      pass y <= T                                                    (4.2.1)
    guard       pass y <= T - w with the guard band w = U                      (4.2.2)
    nonbinary   pass y <= T - U, conditional pass <= T, conditional fail <= T + U, fail   (4.2.3)

A limit from below is its mirror image. https://ilac.org/publications-and-resources/ilac-guidance-series/
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from greenzone.intervals import Range
from greenzone.statistics import COVERAGE_FACTOR

Answer = Literal["pass", "conditional pass", "conditional fail", "fail"]


@dataclass(frozen=True)
class Acceptance:
    """The answer, and the probability that the true value lies outside the limit."""

    answer: Answer
    outside_probability: float


def accept(value: float, expanded_uncertainty: float, within: Range, rule: str) -> Acceptance:
    """Decide by one of the three rules.

    >>> accept(100.0, 1.0, Range.parse("<= 100"), "simple")
    Acceptance(answer='pass', outside_probability=0.5)
    >>> accept(100.0, 1.0, Range.parse("<= 100"), "nonbinary").answer
    'conditional pass'
    """
    outside = outside_probability(value, expanded_uncertainty, within)
    ends = [within.holds(value - expanded_uncertainty), within.holds(value + expanded_uncertainty)]
    inside, sure = within.holds(value), within.holds(value) and all(ends)
    if rule == "simple":
        return Acceptance("pass" if inside else "fail", outside)
    if rule == "guard":
        return Acceptance("pass" if sure else "fail", outside)
    if inside:
        return Acceptance("pass" if sure else "conditional pass", outside)
    return Acceptance("conditional fail" if any(ends) else "fail", outside)


def outside_probability(value: float, expanded_uncertainty: float, within: Range) -> float:
    """The share of a normal distribution about the value that lies outside the range (JCGM 106:2012, 7.2)."""
    standard = expanded_uncertainty / COVERAGE_FACTOR
    if standard <= 0:
        return 0.0 if within.holds(value) else 1.0
    spread = NormalDist(value, standard)
    return spread.cdf(within.low) + 1.0 - spread.cdf(within.high)
