"""The status of one version of a rule for a part's box: caught, not caught or undecided, exactly.

Everything here is a question of the same kind, "what is the status of this box?", asked again with
one thing changed: a fact held at a value (what is missing, break-evens), a claim at its highest
(conflict), a measured value in place of a claim, a fact forgotten (what the status rests on).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from greenzone.intervals import INF, Interval, Range, Truth
from greenzone.law.coverage import Point, cells, critical, points
from greenzone.law.regimes import Box, Clause, Version
from greenzone.law.verdict import BreakEven
from greenzone.parameters import ITEM_FACTS, PARAMETERS
from greenzone.parts.capability import Part

CAUGHT, NOT_CAUGHT, UNDECIDED = "caught", "not_caught", "undecided"


@dataclass(frozen=True)
class Rule:
    """The boxes of a version, read once, with the statuses of the regimes it refers to."""

    version: Version
    references: Mapping[str, Truth] = field(default_factory=dict)

    @cached_property
    def readings(self) -> list[list[tuple[Clause, Box]]]:
        """The clauses under each way to read the text; one way, of the version's own, in most."""
        return [[(c, Box.read(c.when)) for c in v.clauses] for v in self.version.under_each_reading()]

    @cached_property
    def clauses(self) -> dict[str, Box]:
        """Every clause of any reading, by id."""
        return {c.id: box for reading in self.readings for c, box in reading}

    @cached_property
    def exclusions(self) -> list[tuple[str, Box]]:
        return [(e.id, Box.read(e.when)) for e in self.version.exclusions]

    @cached_property
    def edges(self) -> dict[str, set[float]]:
        return self.version.edges

    @cached_property
    def asked_facts(self) -> list[str]:
        """The item facts that its boxes name."""
        boxes = [*self.clauses.values(), *(b for _, b in self.exclusions)]
        return [name for name in ITEM_FACTS if any(name in b.facts for b in boxes)]

    @property
    def primaries(self) -> list[str]:
        """The primary parameters that its boxes rest on, derived ones traced to their parents."""
        found: list[str] = []
        for name in self.edges:
            found += PARAMETERS[name].derived_from or (name,)
        return [name for name in PARAMETERS if name in found]


@dataclass(frozen=True)
class Facts:
    """The part's box, as the coverage question takes it."""

    box: Mapping[str, Interval]
    datacenter: bool | None
    free: frozenset[str] = frozenset()
    others: Mapping[str, bool | None] = field(default_factory=dict)

    def fact(self, name: str) -> bool | None:
        """An item fact; None where it is not known."""
        return self.datacenter if name == "datacenter" else self.others.get(name)

    def with_fact(self, name: str, value: bool) -> "Facts":
        """The same with one item fact settled."""
        if name == "datacenter":
            return replace(self, datacenter=value)
        return replace(self, others={**self.others, name: value})

    def held(self, parameter: str, value: Interval) -> "Facts":
        """The same with one parameter held at other values."""
        return replace(self, box={**self.box, parameter: value})


def facts_of(part: Part, programmable: tuple[str, ...] = ()) -> Facts:
    """The box of a part.

    Where a text counts what a circuit is programmable to have, a programmable limit is no limit:
    the silicon's own rate counts, or no upper end is known.
    """
    box = {name: value.interval for name, value in part.values.items()}
    if part.io_limit == "programmable" and "io_bandwidth_gb_s" in programmable:
        own, uncapped = box.get("io_bandwidth_gb_s", Interval.UNKNOWN), part.uncapped_io_gb_s
        # Never less than what is sold; with nothing known of the silicon's links, no upper end.
        box["io_bandwidth_gb_s"] = Interval.at_least(own.low) if uncapped is None else _at_least_to(own, uncapped)
    free = set(part.independent)
    if part.density_may_be_undefined:
        free.add("performance_density")
        box["performance_density"] = Interval.UNKNOWN
    return Facts(box, part.datacenter, frozenset(free), others=part.other_facts)


def _at_least_to(own: Interval, uncapped: float) -> Interval:
    return Interval(max(own.low, uncapped), max(own.high, uncapped))


@dataclass(frozen=True)
class World:
    """One point of the box with the facts beside it: everything is known here."""

    point: Point
    facts: Mapping[str, bool]
    references: Mapping[str, bool]
    reading: int = 0

    def inside(self, box: Box) -> bool:
        return all(r.holds(self.point[n]) for n, r in box.ranges.items()) and all(
            self.facts[name] is wanted for name, wanted in box.facts.items()
        )


def worlds(rule: Rule, facts: Facts) -> Iterator[World]:
    """Every way the facts can be, one for each cell of the box."""
    known = {name: Truth.of(facts.fact(name)) for name in rule.asked_facts}
    flags = _boolean_worlds(known)
    references = _boolean_worlds(rule.references)
    for point in points(facts.box, rule.edges, facts.free):
        for flag in flags:
            for reference in references:
                for reading in range(len(rule.readings)):
                    yield World(point, flag, reference, reading)


def _boolean_worlds(truths: Mapping[str, Truth]) -> list[dict[str, bool]]:
    found: list[dict[str, bool]] = [{}]
    for name, truth in truths.items():
        values = {Truth.TRUE: [True], Truth.FALSE: [False], Truth.UNKNOWN: [True, False]}[truth]
        found = [{**f, name: v} for f in found for v in values]
    return found


def clause_holds(rule: Rule, world: World) -> list[str]:
    """The ids of the clauses true in a world, before exclusions."""
    return [
        c.id
        for c, box in rule.readings[world.reading]
        if world.inside(box)
        and (c.caught is None or world.references[c.caught])
        and (c.unless_caught is None or not world.references[c.unless_caught])
    ]


def excluded(rule: Rule, world: World) -> str | None:
    """The exclusion a world falls in, if any."""
    return next((name for name, box in rule.exclusions if world.inside(box)), None)


def status(rule: Rule, facts: Facts) -> str:
    """Whether the clauses, less the exclusions, cover the whole box, none of it, or a part."""
    seen = set()
    for world in worlds(rule, facts):
        seen.add(bool(clause_holds(rule, world)) and excluded(rule, world) is None)
        if len(seen) == 2:
            return UNDECIDED
    return CAUGHT if True in seen else NOT_CAUGHT


@dataclass(frozen=True)
class Survey:
    """What every world says, put together: the status, and each clause's truth with and without exclusions."""

    status: str
    truth: dict[str, Truth]
    catches: dict[str, Truth]
    excluded_by: dict[str, str]


def survey(rule: Rule, facts: Facts) -> Survey:
    """The status with the truth of every clause."""
    held: dict[str, set[bool]] = {name: set() for name in rule.clauses}
    caught: dict[str, set[bool]] = {name: set() for name in rule.clauses}
    whole, exclusions = set(), {}
    for world in worlds(rule, facts):
        true = clause_holds(rule, world)
        out = excluded(rule, world)
        whole.add(bool(true) and out is None)
        here = {c.id for c, _ in rule.readings[world.reading]}
        for name in rule.clauses:
            held[name] |= {name in true} if name in here else set()
            # A clause of one reading catches for certain only if every reading has it.
            caught[name].add(name in true and out is None)
            if name in true and out is not None:
                exclusions[name] = out
    said = UNDECIDED if len(whole) == 2 else CAUGHT if True in whole else NOT_CAUGHT
    truths = {n: _truth(v) for n, v in held.items()}
    return Survey(said, truths, {n: _truth(v) for n, v in caught.items()}, exclusions)


def _truth(values: set[bool]) -> Truth:
    return Truth.UNKNOWN if len(values) == 2 else Truth.of(True in values)


def by_reading(rule: Rule, facts: Facts) -> list[str]:
    """The status under each reading of the text by itself."""
    return [status(replace(rule, version=v), facts) for v in rule.version.under_each_reading()]


def missing(rule: Rule, facts: Facts) -> list[str]:
    """The primary facts of which two values, each alone, give two answers."""
    found = [name for name in _open(rule, facts) if len({said for _, said, _ in _along(rule, facts, name)}) > 1]
    for name in rule.asked_facts:
        if facts.fact(name) is None:
            answers = {status(rule, facts.with_fact(name, flag)) for flag in (True, False)}
            found += [name] if len(answers) > 1 else []
    return found


def _open(rule: Rule, facts: Facts) -> list[str]:
    """The primary parameters the rule rests on of which more than one value is possible.

    A density given by hand stands for the die area, which alone would settle it.
    """
    found = []
    for name in rule.primaries:
        shadow = _stand_in(name, facts)
        if not facts.box.get(shadow, Interval.UNKNOWN).is_point:
            found.append(name)
    return found


def _stand_in(name: str, facts: Facts) -> str:
    if name != "applicable_die_area_mm2" or "performance_density" not in facts.free:
        return name
    # An area that is known to be zero leaves the density undefined: no fact is missing.
    return name if facts.box.get(name, Interval.UNKNOWN).high == 0 else "performance_density"


def _along(rule: Rule, facts: Facts, name: str) -> list[tuple[Interval, str, str | None]]:
    """The status in every cell of one fact, the others as they are: (cell, status, first clause)."""
    axis = _stand_in(name, facts)
    span = facts.box.get(axis, Interval.UNKNOWN)
    cuts = critical(axis, facts.box, rule.edges, facts.free)
    found = []
    for value in cells(span, cuts):
        seen = survey(rule, facts.held(axis, Interval.point(value)))
        first = next((n for n, t in seen.catches.items() if t is Truth.TRUE), None)
        found.append((Interval.point(value), seen.status, first))
    return found


def break_evens(rule: Rule, facts: Facts, names: list[str]) -> list[BreakEven]:
    """For each missing quantity, the ranges of it that give one status by one clause."""
    rows = []
    for name in names:
        if name in PARAMETERS and _stand_in(name, facts) == name:
            rows += _rows(rule, facts, name)
    return rows


def _rows(rule: Rule, facts: Facts, name: str) -> list[BreakEven]:
    span = facts.box.get(name, Interval.UNKNOWN)
    cuts = {c for c in critical(name, facts.box, rule.edges, facts.free) if span.low <= c <= span.high}
    found: list[tuple[Range, str, str | None]] = []
    for cell, said, clause in _along(rule, facts, name):
        value = cell.low
        if found and found[-1][1:] == (said, clause):
            continue
        if found:
            edge, at_edge = (value, True) if value in cuts else (max(c for c in cuts if c < value), False)
            last = found[-1][0]
            found[-1] = (replace(last, high=edge, high_open=at_edge), *found[-1][1:])
            found.append((Range(edge, INF, not at_edge, False), said, clause))
        else:
            low = span.low if span.low > 0 else -INF
            found.append((Range(low, span.high, span.low_open, span.high_open), said, clause))
    if found:
        last = found[-1][0]
        found[-1] = (replace(last, high=span.high, high_open=span.high_open), *found[-1][1:])
    return [BreakEven(name, str(r), said, clause) for r, said, clause in found]


def rests_on(rule: Rule, facts: Facts, said: str) -> list[str]:
    """The primary parameters without which the status would not stand.

    All that are known, if any one of them would do.
    """
    known = [n for n in rule.primaries if facts.box.get(_stand_in(n, facts), Interval.UNKNOWN) != Interval.UNKNOWN]
    needed = [n for n in known if status(rule, facts.held(_stand_in(n, facts), Interval.UNKNOWN)) != said]
    return needed or known
