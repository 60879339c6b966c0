"""Limits on what was measured, and the baseline it may not fall behind (decision 7)."""

from collections.abc import Iterator

from greenzone.errors import NothingMeasured, UsageError
from greenzone.intervals import number
from greenzone.policy.acceptance import accept
from greenzone.policy.document import Limit, Policy
from greenzone.policy.lines import SOFTENED, Line, Status
from greenzone.records.comparison import compare
from greenzone.records.record import METRICS, Record, Row


def limited(record: Record | None, policy: Policy) -> Iterator[Line]:
    """A line for each benchmark that a limit is about; a limit on what was not measured has no verdict."""
    for limit in policy.limits:
        rows = [row for row in record.benchmarks if _meant(row, limit)] if record else []
        yield from (_line(row, limit, policy) for row in rows)
        if not rows:
            why = "was not measured" if record else "needs a record, and this is a profile"
            yield Line(str(limit), "undecided", f"{limit.benchmark} {why}")


def _meant(row: Row, limit: Limit) -> bool:
    asked = {"format": limit.format, "window": limit.window, "model": limit.model}
    same = all(value is None or getattr(row, name) == value for name, value in asked.items())
    return row.name == limit.benchmark and row.metric == limit.metric and same and row.validity == "valid"


def _line(row: Row, limit: Limit, policy: Policy) -> Line:
    e = row.estimate
    if e is None:  # `_meant` looked
        return Line(str(limit), "undecided", f"{row.title} has no figure")
    found = accept(e.median, e.high - e.median, limit.range, policy.decision_rule)
    edge = min(limit.range.edges, key=lambda t: abs(e.median - t))
    figure = f"{number(float(f'{e.median:.5g}'))} +/- {number(float(f'{e.high - e.median:.2g}'))}"
    distance = f", {(e.median - edge) / edge:+.2%} from the edge" if edge else ""
    text = (
        f"{row.title}: {figure} {METRICS[limit.metric]} against {limit.range}{distance}: {found.answer} by the rule "
        f"{policy.decision_rule}; outside with probability {found.outside_probability:.1%}"
    )
    return Line(str(limit), _status(found.answer, policy), text)


def _status(answer: str, policy: Policy) -> Status:
    if answer in ("pass", "fail"):
        return "pass" if answer == "pass" else "violated"
    # A conditional answer fails by default, as a violation: it is measured, and not within.
    softened = SOFTENED[policy.conditional or "fail"]
    return "violated" if softened == "undecided" else softened


def behind(record: Record | None, baseline: Record | None, policy: Policy) -> Iterator[Line]:
    """A line for each benchmark that fell behind the baseline, or one that none did."""
    if policy.baseline is None or baseline is None:
        return
    rule = f"baseline {policy.baseline.record}, tolerance {policy.baseline.tolerance:g}"
    if record is None:
        yield Line(rule, "undecided", "a baseline needs a record to compare, and this is a profile")
        return
    try:
        found = compare([baseline], [record], policy.baseline.tolerance)
    except (UsageError, NothingMeasured) as error:
        yield Line(rule, "undecided", str(error))
        return
    for r in found.regressed:
        text = f"{r.benchmark} is {r.ratio:.3f} of the baseline ({r.low:.3f} to {r.high:.3f})"
        yield Line(rule, "regressed", f"{text}, {1 - found.tolerance - r.high:.3f} past the tolerance")
    yield from (Line(rule, "warn", f"not in this record: {name}") for name in found.only_before)
    yield from (Line(rule, "warn", f"differs: {text}") for text in found.differences)
    if not found.regressed:
        yield Line(rule, "pass", f"none of {len(found.ratios)} benchmarks regressed")
