"""A fleet on the terminal: what is apart first, then the lots it is apart from, then what was left out."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from greenzone.fleet.gathering.drift import Drift
from greenzone.fleet.gathering.figures import DeviceSummary
from greenzone.fleet.gathering.outliers import Outlier
from greenzone.fleet.gathering.places import Group
from greenzone.fleet.gathering.summary import Distribution, Fleet, Limit, LotSummary, by_device, of_siblings, usual_name
from greenzone.intervals import number
from greenzone.report import terminal
from greenzone.report.plain import plain

LIMITS = "What the lot shows of its kind"
MOST = 20  # of a kind on the terminal; the JSON has them all
FEW = 6  # links of a node are many, and most say the same
_CURVE = "memory.sweep"  # a figure for each working set: a curve, which a page can draw
_SIDES = {
    "slow": "below its siblings", "fast": "above its siblings", "below_claim": "below its claim",
}  # fmt: skip
EMULATED = "EMULATED: every figure of this lot is of emulated devices, and none of a real part"
NOT_PROVEN = (
    "A lot says of its kind what a sample of its size can, if it was drawn from it: a rack is no random sample.",
    "A figure is a lower bound of what a part can do; the spread of a lot is that of what was reached.",
    "A device that is apart in one figure of many may be so by chance, in a small lot above all: run it again.",
    "A device that is not apart is like its siblings. That they are sound is not shown.",
)


def fleet(found: Fleet) -> Lines:
    """The whole of a fleet."""
    return Lines(
        Text(headline(found), style="bold"), *(x for lot in found.lots for x in sections(lot)),
        *left_out(found), terminal.section("What this does not prove", *(Text(f"- {x}") for x in NOT_PROVEN)),
    )  # fmt: skip


def headline(found: Fleet) -> str:
    """How many devices, lots, outliers and things left out, in one line."""
    apart = sum(len({o.device for o in lot.outliers}) for lot in found.lots)
    lots = f"{len(found.lots)} lot{'' if len(found.lots) == 1 else 's'}"
    devices = number(sum(lot.devices for lot in found.lots))
    return f"{devices} devices in {lots}; {apart} apart; {len(found.left_out)} left out or not as it should be"


def title(lot: LotSummary) -> str:
    """The part, how many devices of it, and the suite."""
    s = lot.standing
    word = " EMULATED" if s.lot.emulated else ""
    name = plain(usual_name(s.lot, s.rows), 80)
    return f"{name} ({plain(s.lot.part, 60)}){word}: {number(lot.devices)} devices, suite {plain(s.suite, 20)}"


def sections(lot: LotSummary, most: int = MOST) -> Iterator[RenderableType]:
    """A lot in the order a reader needs it."""
    yield terminal.section(title(lot))
    if lot.standing.lot.emulated:
        yield Text(EMULATED, style="bold magenta")
    yield terminal.section("Devices apart", *outliers(lot, most))
    if lot.unsound:
        yield terminal.section("Invalid or unstable", *unsound(lot, most))
    yield terminal.section("Figures over the devices", *summed(lot.figures))
    yield terminal.section(LIMITS, limits(lot.figures))
    for name, groups in (("Nodes", lot.nodes), ("Racks", lot.racks)):
        if groups:
            yield terminal.section(name, *places(groups, most))
    if lot.links:
        yield terminal.section("Links of each node, the least even first", links(lot, FEW), *_more(lot.links, FEW))
    if lot.drifts:
        yield terminal.section("Devices that moved between dates", *drifts(lot.drifts, most))
    if lot.notes:
        yield terminal.section(
            "Notes", *(terminal.as_text(plain(note)) for note in lot.notes[:most]), *_more(lot.notes, most)
        )


def _more(found: Sequence[Any], most: int) -> list[RenderableType]:
    return [Text(f"and {len(found) - most} more; --json has them all", style="dim")] if len(found) > most else []


def sentence(o: Outlier) -> str:
    """One figure of a device that lies apart, in words."""
    whose = "claim" if o.side == "below_claim" else "median"
    out = f", {abs(o.distance):.3g} robust standard deviations out" if o.distance is not None else ""
    against = f"{_digits(o.value)} {o.unit} against a {whose} of {_digits(o.middle)} ({o.deviation:+.1%}{out})"
    return f"{o.title}: {against}: {_SIDES[o.side]}"


def outliers(lot: LotSummary, most: int) -> list[RenderableType]:
    """Each device that lies apart: its name, in how many figures, and the farthest."""
    found = list(by_device(lot.outliers))
    if not found:
        return [Text(f"none from {lot.threshold:.3g} robust standard deviations on")]
    rows = lot.standing.devices
    shown: list[RenderableType] = []
    for device, own in found[:most]:
        shown.append(terminal.as_text(plain(told(rows[device], own)), style="bold red"))
        shown += [terminal.as_text(f"  {plain(sentence(o))}") for o in own[:3]]
    return [*shown, *_more(found, most)]


def told(row: DeviceSummary, own: Sequence[Outlier]) -> str:
    """A device and in how many figures it lies apart."""
    count, share = len({o.title for o in own}), of_siblings(own)
    middle = "" if share is None else f", in the middle one at {share:.3f} of its siblings' median"
    return f"{row.label}: apart in {count} figure{'s' if count > 1 else ''}{middle}"


def unsound(lot: LotSummary, most: int) -> list[RenderableType]:
    """Figures that are in no statistic."""
    rows = lot.standing.devices
    lines = [terminal.as_text(plain(f"{rows[device].label}: {said}")) for device, said in lot.unsound[:most]]
    return [*lines, *_more(lot.unsound, most)]


def summed(found: Sequence[Distribution]) -> list[RenderableType]:
    """The figures that a terminal has room for."""
    shown = [d for d in found if not d.title.startswith(_CURVE)]
    curve = len(found) - len(shown)
    more = Text(f"and {curve} of the sweep over caches; --json and the page have them", style="dim")
    return [figures(shown), *([more] if curve else [])]


def figures(found: Sequence[Distribution]) -> RenderableType:
    """Each figure over the devices: the quantiles, and the spread between devices beside a measurement's own."""
    heads = ("figure", "devices", "least", "5 %", "median", "95 %", "most", "own U", "between", "of claim")
    rows = [
        (
            f"{plain(d.title, 90)}, {plain(d.unit, 20)}", d.devices,
            *(_digits(x) for x in (d.minimum, d.p5, d.median, d.p95, d.maximum)), _share(d.own, d.median), _spread(d),
            "" if d.of_claim is None else f"{d.of_claim:.3f}",
        )
        for d in found
    ]  # fmt: skip
    return terminal.table(*heads, rows=rows, right=heads[1:])


def _digits(value: float | None) -> str:
    """Four significant digits, without an exponent where that is shorter."""
    return "" if value is None else number(float(f"{value:.4g}"))


def _share(value: float, whole: float) -> str:
    return f"{value / whole:.2%}" if whole else ""


def _spread(d: Distribution) -> str:
    """The standard deviation between devices, their own uncertainty taken off."""
    if d.spread is None:
        return "one device" if d.devices < 2 else "within U"
    return _share(d.spread, d.median)


def limits(found: Sequence[Distribution]) -> RenderableType:
    """The tolerance interval of each figure, and what it rests on; one sentence where no figure has one."""
    if found and not any(d.tolerance.method or d.at_least.method for d in found):
        n, content = max((d.devices, d.tolerance.content) for d in found)
        one, two = found[0].at_least.needs, found[0].tolerance.needs
        return Text(
            f"{n} devices are too few: with 95 % confidence their range holds {content:.0%} of the lot they come from, "
            f"and no figure may be taken as normal. A limit that 95 % reach needs {one} devices, an interval {two}."
        )
    heads = ("figure", "devices", "low", "high", "content at 95 % confidence, and by what", "95 % of devices reach")
    rows = [
        (
            plain(d.title, 90), d.devices, _digits(d.tolerance.low), _digits(d.tolerance.high), rests_on(d.tolerance),
            _digits(d.at_least.low) if d.at_least.method else "too few devices",
        )
        for d in found
    ]  # fmt: skip
    return terminal.table(*heads, rows=rows, right=heads[1:4])


def rests_on(limit: Limit) -> str:
    """What a tolerance interval holds and rests on, in words."""
    if limit.method is None:
        return f"{limit.content:.0%}: the range, no more; 95 % needs {limit.needs} devices"
    return f"{limit.content:.0%}, {limit.method}"


def places(found: Sequence[Group], most: int) -> list[RenderableType]:
    """Nodes or racks: those that lie apart first, then the slowest."""
    ordered = sorted(found, key=lambda g: (-len(g.apart), g.median, g.name))
    heads = ("name", "devices", "of the lot's median", "slowest device", "apart in")
    rows = [
        (plain(g.name, 60), g.devices, f"{g.median:.3f}", f"{g.slowest:.3f}", apart(g)) for g in ordered[:most]
    ]  # fmt: skip
    return [terminal.table(*heads, rows=rows, right=heads[1:4]), *_more(ordered, most)]


def apart(g: Group) -> str:
    """In how many figures a group lies apart, and the farthest."""
    if not g.apart:
        return ""
    far = g.apart[0]
    return f"{len(g.apart)} figures, farthest {plain(far.title, 80)} ({far.deviation:+.1%})"


def links(lot: LotSummary, most: int) -> RenderableType:
    """The links of each node: the slowest device beside the median of the node."""
    heads = ("node", "link", "devices", "slowest", "of the node's median", "median", "fastest", "slowest device")
    rows = [
        (
            plain(x.node, 60), f"{plain(x.title.removeprefix('interconnect.'), 60)}, {plain(x.unit, 20)}", x.devices,
            _digits(x.slowest), _share(x.slowest, x.median), _digits(x.median), _digits(x.fastest),
            plain(x.slowest_device, 60),
        )
        for x in lot.links[:most]
    ]  # fmt: skip
    return terminal.table(*heads, rows=rows, right=heads[2:7])


def drifts(found: Sequence[Drift], most: int) -> list[RenderableType]:
    """Each figure that moved, and what else changed."""
    lines: list[RenderableType] = [terminal.as_text(plain(drift(d))) for d in found[:most]]
    return [*lines, *_more(found, most)]


def drift(d: Drift) -> str:
    """A drift in words."""
    slope = "" if d.per_month is None else f", {d.per_month:+.2%} in 30 days over {d.runs} runs (Theil-Sen)"
    beside = f"; changed beside it: {'; '.join(d.beside)}" if d.beside else "; nothing else that is recorded changed"
    return (
        f"{d.label}, {d.title}: {_digits(d.first)} to {_digits(d.last)} {d.unit} "
        f"({d.change:+.1%} +/- {d.unsure:.1%}{slope}) from {d.first_at[:10]} to {d.last_at[:10]}{beside}"
    )


def left_out(found: Fleet, most: int = MOST) -> list[RenderableType]:
    """What is in no statistic, and why."""
    if not found.left_out:
        return []
    lines = [terminal.as_text(f"{plain(x.where, 200)}: {plain(x.why, 400)}") for x in found.left_out[:most]]
    return [terminal.section("Left out or not as it should be", *lines, *_more(found.left_out, most))]
