"""What a certificate says, sentence by sentence, and no sentence more than the evidence carries.

A measurement never says "at or below": only a ceiling does, of itself, where it is. A test reads every sentence.
"""

from collections.abc import Iterable
from datetime import date

from greenzone.intervals import number
from greenzone.parameters import PARAMETERS
from greenzone.policy.certifying.bounding import Bound, Figure
from greenzone.policy.certifying.figures import Power
from greenzone.policy.certifying.lots import Sample

# What would close the gap between a represented value and a ceiling above it.
CLOSED_BY = {
    "tpp": "proof that the units, the operations per clock or the clock are limited by fuses that nobody can undo",
    "dram_bandwidth_gb_s": "proof that the memory clock or the width of the bus is limited by fuses",
    "interconnect_bandwidth_gb_s": "proof that the links that are off, or slower, are so by fuses and not by firmware",
    "copackaged_dram_gb": "proof that the DRAM that is there and not counted is cut off by fuses",
}
NOT_SHOWN = (
    "A measurement is a lower bound: it can show that a value is exceeded, and never by itself that it is not.",
    "A ceiling is as good as its source; the device's own account of its clocks, bus and links is its driver's word.",
    "What was not searched is listed for each unit and quantity; a harder search could find more.",
    "The figures are of the units named, as they were on the day of the run: firmware can change them.",
    "A record shows what was measured, not on what silicon: identity is as the driver reports it, unless a vendor's "
    "attestation was checked besides.",
    "Whether the laboratory qualifies, and what else the rule asks of a licence, is not looked at. This is no legal "
    "advice.",
)  # fmt: skip
EMULATED = "EMULATED: every figure is of an emulated device; this is no evidence for or against a real part."


def shown(value: float) -> str:
    """A figure to six significant digits.

    >>> shown(4214.6666666), shown(151.397597184)
    ('4214.67', '151.398')
    """
    return number(float(f"{value:.6g}"))


def titled(quantity: str) -> str:
    """A quantity as the rule names it."""
    return PARAMETERS[quantity].title


def unit_of(quantity: str) -> str:
    """The unit of a quantity."""
    return PARAMETERS[quantity].unit


def uncertainty(u: float) -> str:
    """An expanded uncertainty to two significant digits (JCGM 100:2008, 7.2.6).

    >>> uncertainty(799.6), uncertainty(0.0)
    ('800', '0')
    """
    return f"{float(f'{u:.2g}'):g}"


def measured(figure: Figure, quantity: str) -> str:
    """A figure with its U and its unit."""
    return f"{shown(figure.value)} +/- {uncertainty(figure.expanded_uncertainty)} {unit_of(quantity)}"


def probability(p: float) -> str:
    """A probability; one that rounds to 0 or 1 is given as a bound.

    >>> probability(0.5), probability(1.0), probability(1e-9)
    ('50 %', 'above 99.9 %', 'below 0.1 %')
    """
    return "above 99.9 %" if p > 0.999 else "below 0.1 %" if p < 0.001 else f"{100 * p:.3g} %"


def statement(b: Bound) -> str:
    """The finding on one quantity of one unit, as a sentence or a few."""
    if b.outcome == "not_represented":
        return "No value is represented: this quantity is not confirmed."
    if b.outcome == "not_measured" or b.figure is None or b.represented is None:
        return "Not measured: nothing is said of it."
    told = {
        "exceeded": _exceeded, "contradicts": _contradicts, "doubtful": _doubtful, "open": _open,
        "no_ceiling": _no_ceiling, "bounded": _bounded,
    }  # fmt: skip
    return told[b.outcome](b, b.figure, _value(b, b.represented))


def _value(b: Bound, value: float) -> str:
    return f"{shown(value)} {unit_of(b.quantity)}"


def _exceeded(b: Bound, f: Figure, represented: str) -> str:
    over = f.value - (b.represented or 0.0)
    share = f" ({over / b.represented:.1%})" if b.represented else ""
    odds = probability(b.above_probability or 0.0)
    said = (
        f"Exceeded: {measured(f, b.quantity)} was measured ({f.row}), {_value(b, over)}{share} above the represented "
        f"{represented}. The probability that the value reached lies above it is {odds}."
    )
    return f"{said} {_beside_exceeded(b)}"


def _beside_exceeded(b: Bound) -> str:
    """What the ceiling says of a value that is exceeded: it allows it, it does not, or it is not known."""
    if b.ceiling.value is None:
        return f"No ceiling is known: {b.ceiling.working}."
    if b.disagrees:
        return f"It is above the ceiling too ({_top(b)}): the part is not what it is taken for, or the timing is wrong."
    return f"The ceiling: {_top(b)}."


def _contradicts(b: Bound, f: Figure, represented: str) -> str:
    del represented
    return (
        f"Nothing is said: {measured(f, b.quantity)} was measured ({f.row}), above the ceiling of {_top(b)}. The "
        "identity, the ceiling or the timing is wrong; find which, and measure again."
    )


def _doubtful(b: Bound, f: Figure, represented: str) -> str:
    odds = probability(b.above_probability or 0.0)
    if f.doubt:
        return (
            f"Undecided: {measured(f, b.quantity)} ({f.row}) would not keep to the represented {represented} and "
            f"does not count fully: {f.doubt}."
        )
    return (
        f"Undecided: {measured(f, b.quantity)} was measured ({f.row}), within its uncertainty of the represented "
        f"{represented}: {b.answer} by the decision rule. The probability that the value reached lies above it is "
        f"{odds}."
    )


def _no_evidence(b: Bound, f: Figure, represented: str) -> str:
    return (
        f"No evidence above the represented {represented}: the highest figure is {measured(f, b.quantity)} ({f.row})."
    )


def _open(b: Bound, f: Figure, represented: str) -> str:
    return (
        f"{_no_evidence(b, f, represented)} But the ceiling is higher by {_value(b, b.ceiling_excess or 0.0)}: "
        f"{_top(b)}. An upper bound is not shown; {CLOSED_BY[b.quantity]} would close it."
    )


def _no_ceiling(b: Bound, f: Figure, represented: str) -> str:
    said = _no_evidence(b, f, represented)
    return f"{said} An upper bound is not shown, for no ceiling is known: {b.ceiling.working}."


def _bounded(b: Bound, f: Figure, represented: str) -> str:
    said = _no_evidence(b, f, represented)
    return f"{said} The ceiling is at or below the represented value: {_top(b)}. The figure alone would not show it."


def _top(b: Bound) -> str:
    value = f"{_value(b, b.ceiling.value)} = " if b.ceiling.value is not None else ""
    source = f" ({b.ceiling.source})" if b.ceiling.source else ""
    return f"{value}{b.ceiling.working}{source}"


def power(p: Power, represented_w: float | None) -> str:
    """The peak power at the highest TPP, with its origin; it is stated and decides nothing."""
    if p.watts is None:
        return f"Peak power at the highest TPP: not known, {p.origin}."
    beside = ""
    if represented_w is not None:
        way = "above" if p.watts > represented_w else "not above"
        beside = f" Represented: {shown(represented_w)} W; what was read is {way} it."
    return (
        f"Peak power at the highest TPP: {shown(p.watts)} W, the highest of {p.readings} readings kept of {p.row} "
        f"({p.origin}). Shorter peaks than the sensor's period are not seen.{beside}"
    )


def sample(s: Sample) -> str:
    """What the number of units tested says of the others."""
    tested = f"{s.tested} of {s.units} units were tested by the method"
    if s.exceeding:
        return f"{tested}; {s.exceeding} of all that were measured exceeded a represented value."
    if s.tested == 0:
        return f"{tested}, so that nothing is said of the lot."
    if s.is_whole:
        return f"{tested}: every one."
    return (
        f"{tested} and none exceeded a represented value. If they were drawn at random, then with "
        f"{s.confidence:.0%} confidence at most {s.remaining_max} of the {s.units - s.tested} not tested would have "
        "been found to exceed one; which, nobody knows."
    )


def headline(code: int, exceeding: Iterable[tuple[str, Bound]], whole: bool, emulated: bool) -> str:
    """The answer on the lot, in one sentence or two.

    Args:
        code: the exit code of the certificate.
        exceeding: every value that was exceeded, by the unit.
        whole: whether every unit was tested.
        emulated: whether the lot is of emulated devices.
    """
    found = [(unit, b.quantity, b.figure) for unit, b in exceeding if b.figure]
    named = [f"unit {unit} ({titled(quantity)}, {measured(figure, quantity)})" for unit, quantity, figure in found]
    lot = "The emulated lot" if emulated else "The lot"
    if named:
        text = f"{lot} fails: {_listed(named)} exceeded what is represented."
        return f"{text} Besides, some of the evidence does not stand." if code == 5 else text
    on = "the emulated lot" if emulated else "the lot"
    if code == 5:
        return f"No statement on {on}: some of the evidence does not stand. {_WHY}"
    if code == 4:
        return f"No statement on {on}: nothing was found above a represented value, and that is not enough. {_WHY}"
    tested = "no unit" if whole else "of a sample no unit"
    return f"{lot} passes by the method: {tested} was found above a represented value, and no ceiling is above one."


_WHY = "The lines below say what is missing."


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def decided(rule: str, on: date) -> str:
    """The decision rule in words."""
    words = {
        "simple": "simple acceptance: a figure up to the represented value passes (ILAC-G8:09/2019, 4.2.1)",
        "guard": "guard band w = U: a figure up to the represented value less U passes (ILAC-G8:09/2019, 4.2.2)",
        "nonbinary": "non-binary: pass, conditional pass, conditional fail, fail, with U (ILAC-G8:09/2019, 4.2.3)",
    }
    return f"{words[rule]}; chosen on {on.isoformat()}"
