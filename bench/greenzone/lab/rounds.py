"""Further rounds of what a workload measured, in an order of its own each time.

A machine is slow for seconds or minutes, and who is measured then looks slow. So the sustained samples of a
workload are taken in rounds: each result again, the order shuffled, and what rounds differ by enters U
(`statistics.median_standard_error`).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from greenzone.errors import DeviceError
from greenzone.lab.devices.base import Device
from greenzone.lab.links import LinkOperator
from greenzone.lab.measure import Windows, judge, measure_again
from greenzone.lab.results import Again, NotMeasured, Result
from greenzone.lab.workloads.plan import Plan, prepared
from greenzone.statistics import median

WORTH_SAYING = 0.05  # of the median: rounds that differ by more are named


def further_rounds(device: Device, found: Sequence[Result | NotMeasured], plan: Plan) -> Iterator[Result]:
    """Each sustained result with the samples of all rounds; one that failed in each since stays as it was.

    Args:
        device: measured them.
        found: the results of a workload, those of the first round.
        plan: its budget says how many rounds there are.
    """
    series = [_Series(r, r.again, [r.samples]) for r in found if isinstance(r, Result) and r.again and _goes_on(r)]
    shuffled = random.Random(plan.seed)  # noqa: S311
    for _ in range(plan.budget.rounds - 1):
        for one in shuffled.sample(series, len(series)):
            one.go_on(device, plan)
    yield from (one.joined() for one in series if len(one.rounds) > 1)


def _goes_on(result: Result) -> bool:
    # ranks are processes that start anew each time, and a link has little to do with what runs beside it
    link = result.again is not None and isinstance(result.again.operator, LinkOperator)
    return bool(result.samples) and not link and result.validity != "invalid"


@dataclass
class _Series:
    """A result, how to go on with it, and the samples of each round."""

    result: Result
    again: Again
    rounds: list[tuple[float, ...]]

    def go_on(self, device: Device, plan: Plan) -> None:
        try:
            with prepared(device, self.again.operator, plan.seed) as kernel:
                windows = measure_again(device, kernel, budget=plan.budget)
        except DeviceError as error:
            self.result = self.result.with_note(f"a further round failed: {error}")
            return
        self.rounds.append(windows.sustained)
        self._note(windows)

    def _note(self, windows: Windows) -> None:
        notes = tuple(dict.fromkeys((*self.result.notes, *windows.notes)))
        validity = windows.validity if self.result.validity == "valid" else self.result.validity
        self.result = replace(self.result, notes=notes, validity=validity)

    def joined(self) -> Result:
        """All rounds as one series; its figures by the result's own account."""
        samples = tuple(sample for part in self.rounds for sample in part)
        figures = self.again.figures(samples, [len(part) for part in self.rounds])
        medians = [median(part) for part in self.rounds]
        extra = {**self.result.extra, **figures.sureness}
        joined = replace(self.result, samples=samples, metrics=figures.metrics, extra=extra)
        if (apart := max(medians) / min(medians) - 1) > WORTH_SAYING:
            joined = joined.with_note(f"the medians of {len(medians)} rounds differ by {apart:.1%}")
        ceiling: Any = self.result.extra.get("ceiling")
        return judge(joined, ceiling)
