"""The map of a day's rules as plain data: clauses as regions of a plane, parts as what is known of them.

TPP lies across and one other parameter up. A clause is drawn where every range it names is on the map;
what rests on anything else is named beside it, never left out in silence. A part is a point where both
values are known, and else the segment or the area in which its values can lie: density is TPP / area, so
a part whose die is known lies on its diagonal, whatever its TPP.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from greenzone.errors import UsageError
from greenzone.intervals import INF, Interval, Range, Truth
from greenzone.law.classification import classify
from greenzone.law.regimes import Box, Citation, Clause, Regime, Version, load_regime, load_regimes
from greenzone.law.transaction import NOT_REQUIRED, Consequence, Situation, Transaction, consequence, may_apply, merged
from greenzone.parameters import PARAMETERS
from greenzone.parts.capability import Part
from greenzone.report import wording
from greenzone.report.plain import plain

ACROSS = "tpp"
# What can lie up, by the name the command has for it.
AXES = {"density": "performance_density", "io": "io_bandwidth_gb_s", "bandwidth": "dram_bandwidth_gb_s"}
Point = tuple[float, float]
LONGEST_LABEL = 60


@dataclass(frozen=True)
class Region:
    """A clause on the plane: a range across and a range up, either of which may be any value."""

    regime: str
    effect: str
    rule_status: str
    paragraph: str
    clause: str
    across: Range
    up: Range
    # Clauses of other regimes with the same box, and what the clause hangs on.
    also: tuple[str, ...] = ()
    unless_caught: str | None = None


@dataclass(frozen=True)
class Undrawn:
    """A clause that rests on something that is not on the map."""

    regime: str
    clause: str
    rests_on: tuple[str, ...]


@dataclass(frozen=True)
class Mark:
    """A part: its name with what must be said of it, its outline in the plane, and its status.

    `outline` has one, two or four corners; an end that is not known is 0 or inf. `status` is the
    gravest under the map's controls: caught, undecided, not_caught, or not_applicable.
    """

    name: str
    outline: tuple[Point, ...]
    status: str


@dataclass(frozen=True)
class Map:
    """All that is drawn, and all that is said beside it."""

    up: str
    on: date
    known_on: date
    # Those by which a part is filled, half filled or hollow; not what an item falls back to.
    controls: tuple[str, ...]
    regions: tuple[Region, ...]
    undrawn: tuple[Undrawn, ...]
    marks: tuple[Mark, ...]
    unplaced: tuple[str, ...]
    citations: tuple[Citation, ...]
    exclusions: tuple[str, ...]
    outcomes: tuple[str, ...] = ()


def map_of(
    parts: Sequence[Part],
    on: date,
    known_on: date,
    axes: str | None = None,
    transaction: Transaction | None = None,
    regimes: Sequence[str] | None = None,
) -> Map:
    """The map of a day.

    Args:
        parts: what is drawn on it.
        on: the day whose law is drawn.
        known_on: the day up to which publications count.
        axes: `density`, `io` or `bandwidth`; None for those that the controls in force rest on.
        transaction: what the outcomes named beside it are those of; None for none.
        regimes: ids; None for every control, eligibility and tariff.

    Raises:
        UsageError: an unknown regime, or axes that are none.
    """
    if axes is not None and axes not in AXES:
        raise UsageError(f"{axes!r} is no choice of axes; allowed: {', '.join(AXES)}")
    standing = _standing(on, known_on, regimes)
    up = AXES[axes or best_axes(on, known_on, regimes)]
    regions, undrawn = _regions(standing, up)
    drawn = {r.regime for r in regions}
    shown = [(regime, version) for regime, version in standing if regime.id in drawn]
    behind = {regime.fallback for regime, _ in shown}
    controls = tuple(r.id for r, _ in shown if r.effect == "control" and r.id not in behind)
    placed = [p for p in parts if not p.value(ACROSS).interval.is_unknown]
    return Map(
        up, on, known_on, controls, tuple(regions), tuple(undrawn),
        marks=tuple(Mark(_name(p), outline(p, up), _status(p, on, known_on, controls)) for p in placed),
        unplaced=tuple(_name(p) for p in parts if p not in placed),
        citations=tuple(dict.fromkeys(c for _, v in shown for c in v.citations if c.of != "outcome")),
        exclusions=tuple(dict.fromkeys(wording.exclusion_line(e) for _, v in shown for e in v.exclusions)),
        outcomes=_outcomes(shown, {r.paragraph for r in regions}, transaction, on, known_on),
    )  # fmt: skip


def best_axes(on: date, known_on: date, regimes: Sequence[str] | None = None) -> str:
    """The axes on which most clauses of the controls in force can be drawn and use both."""
    controls = [(r, v) for r, v in _standing(on, known_on, regimes) if r.effect == "control"]

    def drawable(name: str) -> int:
        regions, _ = _regions(controls, AXES[name])
        return sum(r.up != Range() and r.across != Range() for r in regions)

    return max(AXES, key=drawable)


def _standing(on: date, known_on: date, ids: Sequence[str] | None) -> list[tuple[Regime, Version]]:
    """The regimes with a version that is law on the day, or a proposal that was named."""
    asked = [load_regime(i) for i in dict.fromkeys(ids)] if ids else [r for r in load_regimes() if r.is_default]
    found = [(r, r.asked_on(on, known_on)) for r in asked if "integrated_circuit" in r.applies_to]
    return [(r, v) for r, v in found if v is not None and v.status not in ("rescinded", "suspended")]


def _regions(standing: Sequence[tuple[Regime, Version]], up: str) -> tuple[list[Region], list[Undrawn]]:
    """Every clause as a region; one whose box another already has is named with it."""
    found: dict[tuple[Range, Range, str | None], Region] = {}
    undrawn = []
    for regime, version in standing:
        for clause in version.all_clauses:
            ranges = Box.read(clause.when).ranges
            rest = [n for n in clause.when if n not in (ACROSS, up)] + ([clause.caught] if clause.caught else [])
            if rest:
                undrawn.append(Undrawn(regime.id, clause.id, tuple(rest)))
                continue
            key = (ranges.get(ACROSS, Range()), ranges.get(up, Range()), clause.unless_caught)
            first = found.get(key)
            found[key] = (
                replace(first, also=(*first.also, _also(regime, version, clause)))
                if first
                else Region(regime.id, regime.effect, version.status, clause.paragraph, clause.id, *key[:2],
                            unless_caught=clause.unless_caught)
            )  # fmt: skip
    return list(found.values()), undrawn


def _also(regime: Regime, version: Version, clause: Clause) -> str:
    tail = "" if version.status == "in_force" else f" ({version.status.replace('_', ' ')})"
    return f"{regime.id} {clause.id}{tail}"


def outline(part: Part, up: str) -> tuple[Point, ...]:
    """The corners of where a part can lie: one, two, or four in the order around.

    Density follows from TPP and area, so its corners are those of the two, unless it was set by hand.
    """
    across = part.value(ACROSS).interval
    if up == "performance_density" and up not in part.independent and not part.density_may_be_undefined:
        area = part.value("applicable_die_area_mm2").interval
        corners = [(t, _quotient(t, a)) for t, a in _around(across, area)]
    else:
        corners = _around(across, part.value(up).interval)
    return tuple(dict.fromkeys(corners))


def _around(x: Interval, y: Interval) -> list[Point]:
    return [(x.low, y.low), (x.low, y.high), (x.high, y.high), (x.high, y.low)]


def _quotient(tpp: float, area_mm2: float) -> float:
    """The density of a corner; where both ends are open, the lowest there is, for the area is at its largest."""
    return INF if area_mm2 == 0 else 0.0 if math.isinf(area_mm2) else tpp / area_mm2


def _name(part: Part) -> str:
    """The part's id, with what must be said wherever it stands."""
    said = [
        *(["emulated run"] if part.emulated else []),
        *(["set"] if any(v.basis == "set" for v in part.values.values()) else []),
    ]
    tail = f" ({', '.join(said)})" if said else ""
    return f"{plain(part.id or part.name, LONGEST_LABEL)}{tail}"


GRAVITY = ("caught", "undecided", "not_caught")


def _status(part: Part, on: date, known_on: date, controls: Sequence[str]) -> str:
    if not controls:
        return "not_applicable"
    said = {v.status for v in classify(part, on, known_on, None, controls).verdicts}
    return next((status for status in GRAVITY if status in said), "not_applicable")


def _outcomes(
    shown: Sequence[tuple[Regime, Version]], drawn: set[str], deal: Transaction | None, on: date, known_on: date
) -> tuple[str, ...]:
    """What being caught by each paragraph drawn means for a destination, whatever the part; nothing without one."""
    lines: list[str] = []
    if deal is None or deal.to is None:
        return ()
    for regime, version in shown:
        none = NOT_REQUIRED if regime.effect == "control" else Consequence()
        paragraphs = dict.fromkeys(c.paragraph for c in version.all_clauses if c.paragraph in drawn)
        for paragraph in paragraphs if version.outcomes else ():
            rows, facts = may_apply(version.outcomes, Situation(deal, on, None, {paragraph: Truth.TRUE}, {}, known_on))
            found = merged([none if row is None else consequence(row) for row in rows], facts)
            said = wording.outcome_lines(replace(found, conditions=()))
            lines += [f"{regime.id} {paragraph}: {'; '.join(said)}"] if said else []
    return tuple(lines)


def caption(m: Map) -> list[str]:
    """What stands under a map: the day, the sources, what is not drawn and why."""
    lines = [f"Law as of {m.on.isoformat()}, as known on {m.known_on.isoformat()}. Values are the makers' claims; "
             "where none stands or sources disagree, the span that is left open."]  # fmt: skip
    cites = "; ".join(f"{c.cite} ({c.confidence})" for c in m.citations)
    lines += [f"Sources: {cites}."] if cites else ["No rule that stood on that day is drawn on these axes."]
    lines += [f"Except {line}." for line in m.exclusions]
    lines += [f"Outcome: {line}." for line in m.outcomes]
    if m.undrawn:
        rests = {u.regime: [n for o in m.undrawn if o.regime == u.regime for n in o.rests_on] for u in m.undrawn}
        named = "; ".join(f"{regime} ({', '.join(dict.fromkeys(map(_said, n)))})" for regime, n in rests.items())
        lines.append(f"Not drawn, for it rests on what is not on these axes: clauses of {named}.")
    if m.unplaced:
        lines.append(f"Not drawn, for nothing is known of the TPP: {', '.join(m.unplaced)}.")
    return [*lines, "A dashed edge is not part of its region. This is no legal advice."]


def _said(name: str) -> str:
    return PARAMETERS[name].title if name in PARAMETERS else name
