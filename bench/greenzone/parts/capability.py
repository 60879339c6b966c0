"""From evidence to parameters: the box in which a part's true values lie (design section 4).

A claim stands as a point, claims that disagree make an interval; without a claim the rated value
stands, or a measurement's lower bound. A measurement never moves a claim: where it contradicts one,
`Value.measured_low` says so and the verdict looks at it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from greenzone.errors import UsageError, unknown
from greenzone.intervals import INF, Interval, Range, number
from greenzone.parameters import ITEM_FACTS, ITEMS, PARAMETERS, weakest
from greenzone.parts.evidence import Evidence, ceiling, claimed, measured_elsewhere, rated, uncapped_io
from greenzone.parts.profile import DeviceProfile
from greenzone.parts.sparsity import suspicions

MEASURED = ("burst", "sustained")
V = TypeVar("V")


@dataclass(frozen=True)
class Value:
    """What is known of one parameter, and on which basis.

    `governing` is the highest claim where claims disagree; `measured_low` the highest lower bound
    measured, whether or not it exceeds the claim.
    """

    interval: Interval
    basis: str | None = None
    working: str = ""
    source: str | None = None
    confidence: str = "reported"
    governing: Interval | None = None
    measured_low: float | None = None
    factors: tuple[float, float] | None = None


MISSING = Value(Interval.UNKNOWN)


@dataclass(frozen=True)
class Part:
    """A part as the law looks at it: item facts, and a value for every parameter."""

    id: str | None
    name: str
    item: str = "integrated_circuit"
    datacenter: bool | None = None
    io_limit: str | None = None
    other_facts: Mapping[str, bool | None] = field(default_factory=dict)
    uncapped_io_gb_s: float | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    independent: frozenset[str] = frozenset()
    emulated: bool = False
    warnings: tuple[str, ...] = ()

    def fact(self, name: str) -> bool | None:
        """An item fact; None where it is not known."""
        return self.datacenter if name == "datacenter" else self.other_facts.get(name)

    def value(self, parameter: str) -> Value:
        """The value of a parameter; `[0, inf)` for what is not known."""
        return self.values.get(parameter, MISSING)

    @property
    def density_is_undefined(self) -> bool:
        """No die is on a non-planar node: the divisor is zero, so nothing is said of the quotient."""
        area = self.value("applicable_die_area_mm2").interval
        return area.high == 0 and "performance_density" not in self.independent

    @property
    def density_may_be_undefined(self) -> bool:
        """No die is known to be non-planar: if none is, the density is undefined (decision row 9)."""
        area = self.value("applicable_die_area_mm2")
        may_be_zero = area.interval.low == 0 and area.interval.is_bounded and area.basis == "claimed"
        return self.density_is_undefined or (may_be_zero and "performance_density" not in self.independent)


def part_of(profile: DeviceProfile, measured: Sequence[Evidence] = ()) -> Part:
    """The part a profile describes, with the evidence of a run beside its own."""
    evidence = [*claimed(profile), *rated(profile), *ceiling(profile), *measured_elsewhere(profile), *measured]
    values = folded(evidence)
    part = Part(
        id=profile.id, name=profile.name, item=profile.item, datacenter=profile.datacenter,
        io_limit=profile.io_limit, other_facts=_other_facts(profile), uncapped_io_gb_s=uncapped_io(profile),
        values=values, evidence=tuple(evidence), warnings=_warnings(profile),
    )  # fmt: skip
    return with_derived(part)


def _warnings(profile: DeviceProfile) -> tuple[str, ...]:
    """What looks sparse, unless the file explains why it is not."""
    return () if "sparse" in profile.explained else tuple(suspicions(profile))


def _other_facts(profile: DeviceProfile) -> dict[str, bool | None]:
    """The item facts that a profile tells without saying so."""
    kind = profile.memory.kind.upper() if profile.memory else ""
    others = ("NONE", "GDDR", "LPDDR", "DDR", "SRAM")
    hbm = True if kind.startswith("HBM") else False if kind.startswith(others) else None
    return {"hbm": hbm, "marketed_since_2026": profile.released.year >= 2026 if profile.released else None}


def folded(evidence: Sequence[Evidence]) -> dict[str, Value]:
    """The value of every parameter that something is said of."""
    said = {e.parameter for e in evidence}
    return {name: fold([e for e in evidence if e.parameter == name]) for name in PARAMETERS if name in said}


def fold(evidence: Sequence[Evidence]) -> Value:
    """Several statements about one parameter, as the one value a rule is asked with.

    Emulated figures and ceilings never enter.
    """
    real = [e for e in evidence if not e.emulated]
    measured = [e for e in real if e.basis in MEASURED]
    best = max(measured, key=lambda e: e.interval.low, default=None)
    low = best.interval.low if best else None
    for basis in ("claimed", "rated"):
        for e in real:
            if e.basis == basis and (basis == "claimed" or e.interval != Interval.UNKNOWN):
                interval = _beside_measured(e, low)
                return Value(interval, basis, e.working, e.source, e.confidence, e.governing, low, e.factors)
    if best:
        return Value(best.interval, best.basis, best.working, best.source, best.confidence, None, low)
    return MISSING


def _beside_measured(e: Evidence, low: float | None) -> Interval:
    """What a claim or a rating leaves possible beside a measured lower bound.

    A claim stays. One that leaves the top open is no more than a lower bound, which a measurement may
    raise; a rating that a measurement passes is contradicted, and only the measurement is left.
    """
    if low is None or low <= e.interval.low:
        return e.interval
    if not e.interval.is_bounded or (e.basis == "rated" and low > e.interval.high):
        return Interval.at_least(low)
    return e.interval if e.basis == "claimed" else e.interval.raised(low)


def with_derived(part: Part) -> Part:
    """The part with its derived parameters worked out, except those that were set by hand."""
    values = dict(part.values)
    for p in PARAMETERS.values():
        if p.derived_from and p.name not in part.independent:
            values[p.name] = _derived(part, p.name, p.derived_from)
    return replace(part, values=values)


def _derived(part: Part, name: str, parents: tuple[str, ...]) -> Value:
    a, b = (part.value(parent) for parent in parents)
    if name == "performance_density" and part.density_is_undefined:
        return Value(
            Interval.UNKNOWN, None, "undefined: no non-planar die", None, weakest([a.confidence, b.confidence])
        )
    sign = "/" if name == "performance_density" else "+"
    interval = a.interval / b.interval if sign == "/" else a.interval + b.interval
    if a.basis is None and b.basis is None:
        return Value(interval)
    basis = a.basis if a.basis == b.basis else _weaker_basis(a.basis, b.basis)
    governing = None
    if a.governing or b.governing:
        left, right = a.governing or a.interval, (b.governing or b.interval) if sign == "+" else b.interval
        governing = left / right if sign == "/" else left + right
    working = f"{_short(a.interval)} {sign} {_short(b.interval)}"
    return Value(interval, basis, working, None, weakest([a.confidence, b.confidence]), governing)


def _weaker_basis(a: str | None, b: str | None) -> str | None:
    """The basis of what is worked out from two: the one that is not a claim, none if one is unknown."""
    if a is None or b is None:
        return a or b
    return b if a == "claimed" else a


def _short(i: Interval) -> str:
    return number(i.low) if i.is_point else str(i)


def with_set(part: Part, settings: Sequence[str]) -> Part:
    """The part with values given by hand, `NAME=VALUE` each: a number, a range, `unknown`.

    Raises:
        UsageError: no such parameter or fact, or a value it cannot have.
    """
    for text in settings:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not value:
            raise UsageError(f"--set {text}: write NAME=VALUE, as in tpp=4800, tpp=4625.., datacenter=true")
        part = _set(part, name, value)
    return with_derived(part)


_NUMBER = re.compile(r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+\.")
_FACTS = (*ITEM_FACTS, "item", "io_limit")


def _set(part: Part, name: str, text: str) -> Part:
    if name in ITEM_FACTS:
        flag = _one_of(name, text, {"true": True, "false": False, "unknown": None})
        known = {"datacenter": flag} if name == "datacenter" else {"other_facts": {**part.other_facts, name: flag}}
        return replace(part, **known)
    if name == "item":
        return replace(part, item=_one_of(name, text, {i: i for i in ITEMS}))
    if name == "io_limit":
        allowed = {"fused": "fused", "programmable": "programmable", "unknown": None}
        return replace(part, io_limit=_one_of(name, text, allowed))
    if name not in PARAMETERS:
        raise unknown("parameter or fact in --set", name, [*PARAMETERS, *_FACTS])
    interval = parse_value(name, text)
    if name == "performance_density" and part.value("applicable_die_area_mm2").basis != "set":
        # The area follows from TPP and density, so that of the profile no longer stands.
        part = replace(part, values={k: v for k, v in part.values.items() if k != "applicable_die_area_mm2"})
    value = Value(interval, "set", f"set to {text}", None, "official")
    given = Evidence(name, "set", interval, f"set to {text}", None, "official")
    free = part.independent | {name} if PARAMETERS[name].derived_from else part.independent
    uncapped = None if name == "io_bandwidth_gb_s" else part.uncapped_io_gb_s
    return replace(
        part,
        values={**part.values, name: value},
        evidence=(*part.evidence, given),
        independent=free,
        uncapped_io_gb_s=uncapped,
    )


def _one_of(name: str, text: str, allowed: dict[str, V]) -> V:
    if text not in allowed:
        raise UsageError(f"--set {name}={text}: {name} is one of {', '.join(allowed)}")
    return allowed[text]


def parse_value(name: str, text: str) -> Interval:
    """A number, `LOW..HIGH` with either end left out, a range like ">= 4625, < 4800", or `unknown`."""
    if text == "unknown":
        return Interval.UNKNOWN
    try:
        if ".." in text:
            low, high = text.split("..", 1)
            return Interval(_end(low, 0.0), _end(high, INF))
        if text[0] in "<>=":
            return Range.parse(text).as_interval()
        return Interval.point(_end(text, 0.0))
    except (UsageError, ValueError) as error:
        why = f" ({error})" if isinstance(error, UsageError) else ""
        raise UsageError(
            f"--set {name}={text}: not a value{why}; write a number that is not negative, a range as in 4625.. or "
            "4625..4800 or '< 4800', or unknown"
        ) from None


def _end(text: str, default: float) -> float:
    if not text.strip():
        return default
    if not _NUMBER.fullmatch(text.strip()) or not (value := float(text)) <= 1e18:
        raise ValueError(text)
    return value
