"""Sources: figures without one, sources that disagree or mislead, measurements beside claims, edges of the law."""

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce

from greenzone.intervals import Interval, number
from greenzone.parts.capability import part_of
from greenzone.parts.evidence import claimed, claimed_rates
from greenzone.parts.lint.rule import Context, dense_rates, needing, rated, rule, short
from greenzone.parts.profile import DeviceProfile

DISAGREE_FROM = 0.005  # beyond the rounding of a printed figure
EDGE_WITHIN = 0.02
LIMITER_FROM = 1.05
IMPOSSIBLE_FROM = 1.02  # of the ceiling, as for our own measurements (design section 4)
# Pages that were found to be wrong, and how.
BAD_SOURCES = {
    "fate-oracle.com": "a trap for crawlers: the same benchmark with digits altered",
    "ai-hpc.github.io": "prints the sparse 3,958 of the H100 as dense",
    "hf.co/hardware": "prints 383 TFLOPS for the MI300",
    "huggingface.co/hardware": "prints 383 TFLOPS for the MI300",
    "fridayswithfaraday": "prints 750 mm2 for the MI300X",
}


@rule
def disagree(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """Sources disagree by more than rounding. Both stand: a verdict holds where it holds for all of them, else
    the highest rate governs under a control.
    """
    for name, interval in _in_conflict(profile):
        if interval.high > interval.low * (1 + DISAGREE_FROM):
            high = short(interval.high) if interval.is_bounded else "no end"
            yield f"{name}: {short(interval.low)} to {high}"


def _in_conflict(profile: DeviceProfile) -> Iterator[tuple[str, Interval]]:
    """What more than one source speaks of: rates by format, and parameters that claims name beside the file's own."""
    yield from ((r.format.name, r.interval) for r in claimed_rates(profile) if r.governing is not None)
    own = replace(profile, claims=())
    stated = {e.parameter: e.interval for e in claimed(own) if e.interval.is_bounded}
    for name in dict.fromkeys(c.parameter for c in profile.claims if "." not in c.parameter):
        spans = [c.interval for c in profile.claims if c.parameter == name]
        spans += [stated[name]] if name in stated else []
        if len(spans) > 1:
            yield name, reduce(Interval.hull, spans)


@rule
def unsourced(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """A figure that names no source can be checked by nobody: name the sheet, for the table or for the figure."""
    for where, source in sorted(profile.sourced_tables()):
        if source is None:
            yield f"{where} names no source"


@rule
def bad_source(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """The page named is known to print wrong figures: find another."""
    for key, source in profile.sources.items():
        for page, why in BAD_SOURCES.items():
            if page in (source.url or "") or page in source.title:
                yield f"source {key} ({page}): {why}"


@rule
def above_claim(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """A rate was measured above the claim: cards boost above the rated clock, or the claim is of another part, of
    another accumulate, or too low. The claim stands; a verdict that the measurement would change is undecided.
    """
    own = dense_rates(profile)
    for m in profile.measurements:
        low = m.rate_tops * (1 - m.expanded_uncertainty)
        if m.format in own and low > own[m.format]:
            yield f"{m.format} {m.window}: at least {short(low)} measured, {short(own[m.format])} claimed"


@rule
def above_ceiling(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """A rate was measured above what all units can do at the highest clock: the clock, the units or the
    measurement is wrong. Cards boost above the rated clock; max_mhz is the highest that the device reports.
    """
    h = profile.hardware
    clock = (h.max_mhz or h.boost_mhz) if h else None
    for m in profile.measurements:
        operations = h.ops_per_clock.get(m.format) if h else None
        most = h.rate_tops(operations, clock) if h and operations and clock else None
        low = m.rate_tops * (1 - m.expanded_uncertainty)
        if most and low > IMPOSSIBLE_FROM * most:
            yield f"{m.format} {m.window}: at least {short(low)} measured, {short(most)} at {number(clock or 0)} MHz"


@rule
def transient(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """A limiter acts after a burst, so a short measurement is above a long one. Both count: give [emulation] a
    limiter with its onset, and never quote one of the two alone.
    """
    limited = {limiter.format for limiter in profile.emulation.limiter} if profile.emulation else set()
    for name in dict.fromkeys(m.format for m in profile.measurements):
        by_window = {m.window: m.rate_tops for m in profile.measurements if m.format == name}
        burst, sustained = by_window.get("burst"), by_window.get("sustained")
        if burst and sustained and burst > LIMITER_FROM * sustained:
            tail = "" if name in limited else "; no limiter in [emulation] says so"
            yield f"{name}: burst {short(burst)}, sustained {short(sustained)}{tail}"


@rule
def measured_only(profile: DeviceProfile, _: Context) -> Iterator[str]:
    """Nothing is claimed and something was measured: a lower bound, and on a part with a limiter in firmware one
    that its setting decides. Find the maker's figure, and record the limiter's state with the measurement.
    """
    if not dense_rates(profile) and profile.measurements:
        best = max(profile.measurements, key=lambda m: m.rate_tops)
        silicon = rated(profile, enabled=False).get(best.format)
        tail = f"; units x operations x clock give {short(silicon)}" if silicon else ""
        yield f"{best.format} {short(best.rate_tops)} measured, no peak claimed{tail}"


@needing("edges")
def edge(profile: DeviceProfile, context: Context) -> Iterator[str]:
    """A regulated parameter lies within 2 % of a line of a rule, or sources stand on both sides of it: rounding a
    rate or an area moves it across.
    """
    part = part_of(profile)
    for name, edges in context.edges.items():
        value = part.value(name).interval
        if value.is_unknown or value.high == 0:
            continue
        across = [number(line) for line in edges if value.is_bounded and value.low < line <= value.high]
        close = [number(line) for line in edges if not value.low < line <= value.high and _close(value, line)]
        if across:
            yield f"{name} {_span(value)} stands on both sides of {', '.join(across)}"
        if close:
            yield f"{name} {_span(value)} is within {EDGE_WITHIN:.0%} of {', '.join(close)}"


def _close(value: Interval, line: float) -> bool:
    ends = [value.low, *([value.high] if value.is_bounded else [])]
    return min(abs(end / line - 1) for end in ends) <= EDGE_WITHIN


def _span(value: Interval) -> str:
    if not value.is_bounded:
        return f"at least {short(value.low)}"
    return short(value.low) if value.is_point else f"{short(value.low)} to {short(value.high)}"


RULES = (disagree, unsourced, bad_source, above_claim, above_ceiling, transient, measured_only, edge)
