"""A lot of which some units were tested: what may remain among the others.

With n of N units drawn at random and none found to exceed, the largest number D of units that would have been found
so and may still be there is the greatest for which nothing found is not improbable:

    P(0 found | N, D, n) = C(N - D, n) / C(N, n) > 1 - confidence

for the hypergeometric distribution what C. J. Clopper and E. S. Pearson do for the binomial (Biometrika 26, 1934).
"""

from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Sample:
    """How many units of a lot were tested, and how many of those were found to exceed."""

    units: int
    tested: int
    exceeding: int = 0
    confidence: float = CONFIDENCE

    @property
    def is_whole(self) -> bool:
        """Whether every unit was tested, so that nothing is inferred."""
        return self.tested >= self.units

    @property
    def remaining_max(self) -> int | None:
        """How many of the units not tested may exceed and have gone unseen; None where one was found."""
        if self.exceeding:
            return None
        return remaining_max(self.units, min(self.tested, self.units), self.confidence)


def remaining_max(units: int, tested: int, confidence: float = CONFIDENCE) -> int:
    """The most units of a lot that may exceed when none of those tested does.

    Args:
        units: of the lot, N.
        tested: n of them, drawn at random; none was found to exceed.
        confidence: above which a higher number is ruled out.

    >>> remaining_max(8, 8), remaining_max(8, 4), remaining_max(100, 20)
    (0, 3, 12)
    """
    if tested <= 0:
        return units
    from scipy.stats import hypergeom

    low, high = 0, units - tested  # more than those not tested there cannot be
    while low < high:  # the probability falls as D rises
        middle = (low + high + 1) // 2
        if float(hypergeom.pmf(0, units, middle, tested)) > 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return low
