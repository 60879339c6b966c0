"""The format of `policy.toml` (design section 5): what a pipeline forbids, and which evidence it accepts.

    schema = 1
    margin_min = 0.02

    [[forbid]]
    regime = "us-3a090"
    to = ["CN", "@D5"]

A policy that names no regime forbids every control. One that contradicts itself is refused.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from greenzone.datafiles import Bound, Check, Strings, key, load
from greenzone.errors import DataFileError, nearest
from greenzone.intervals import Range
from greenzone.law.countries import ISO, group_ids
from greenzone.law.regimes import load_regime
from greenzone.parts.profile import Word
from greenzone.records.record import METRICS

MEASURED = ("burst", "sustained")
Basis = Literal["claimed", "rated", "burst", "sustained"]
Undecided = Literal["fail", "warn", "pass"]
DecisionRule = Literal["simple", "guard", "nonbinary"]


def _check_regime(name: str) -> str:
    load_regime(name)  # an unknown one is refused with the nearest
    return name


def _check_countries(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("an empty list is nowhere; leave the key out for every destination")
    groups = [sign + g for g in group_ids() for sign in ("@", "!@")]
    for name in names:
        if "@" in name and name not in groups:
            raise ValueError(f"{name!r} is no country group; nearest: {', '.join(nearest(name, groups))}")
        if "@" not in name and name not in ISO:
            raise ValueError(f"{name!r} is no country; give an ISO 3166 code of two letters, or a group such as @D5")
    return names


def _check_bases(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("at least one basis is accepted; leave the key out for all of them")
    return names


def _check_range(text: str) -> str:
    Range.parse(text)
    return text


RangeText = Annotated[str, Check(_check_range)]


@dataclass(frozen=True)
class Forbid:
    """A regime, or one of its paragraphs, that may not catch the part; every control where none is named.

    `to` holds countries and groups as regime files have them; left out, the destination does not matter.
    """

    regime: Annotated[str, Check(_check_regime)] | None = None
    paragraph: str | None = None
    to: Annotated[Strings, Check(_check_countries)] = ()

    def __str__(self) -> str:
        where = f" to {', '.join(self.to)}" if self.to else ""
        return f"forbid {self.paragraph or self.regime or 'every control'}{where}"


@dataclass(frozen=True)
class Limit:
    """A range that a measured figure must keep to: a contract's bandwidth, a cap on a rate.

    One of the three metrics is given, as a range: `bandwidth_gb_s = ">= 3400"`.
    """

    benchmark: str
    format: str | None = None
    window: Literal["burst", "sustained"] | None = None
    model: str | None = None
    rate_tops: RangeText | None = None
    bandwidth_gb_s: RangeText | None = None
    tokens_per_s: RangeText | None = None

    @property
    def metric(self) -> str:
        """The name of the metric that is limited."""
        return next(name for name in METRICS if getattr(self, name) is not None)

    @property
    def range(self) -> Range:
        """What it must keep to, in the unit of the metric."""
        return Range.parse(getattr(self, self.metric))

    def __str__(self) -> str:
        words = [self.benchmark, self.format, self.model, self.window, str(self.range), METRICS[self.metric]]
        return f"limit {' '.join(word for word in words if word)}"


@dataclass(frozen=True)
class Baseline:
    """A record that the measured rates may not fall behind by more than `tolerance`, a fraction."""

    record: Word
    tolerance: Annotated[float, Bound(ge=0, lt=1)] = 0.05


@dataclass(frozen=True)
class Policy:
    """What is forbidden, and which evidence counts."""

    schema_version: Literal[1] = field(metadata={"key": "schema"})
    on: date | None = None
    forbids: tuple[Forbid, ...] = key("forbid")
    bases: Annotated[tuple[Basis, ...], Check(_check_bases)] = ("claimed", "rated", "burst", "sustained")
    margin_min: Annotated[float, Bound(ge=0, le=1)] | None = None
    record_age_days_max: Annotated[float, Bound(ge=0, le=36500)] | None = None
    emulated: bool = False
    undecided: Undecided = "fail"
    decision_rule: DecisionRule = "nonbinary"
    conditional: Undecided | None = None
    limits: tuple[Limit, ...] = key("limit")
    baseline: Baseline | None = None

    def __post_init__(self) -> None:
        if faults := [*self._forbid_faults(), *self._limit_faults(), *self._evidence_faults()]:
            raise ValueError("\n".join(faults))

    def _forbid_faults(self) -> Iterator[str]:
        for n, rule in enumerate(self.forbids):
            if rule.paragraph and rule.regime is None:
                yield f"forbid.{n}.paragraph - {rule.paragraph!r} is of which regime? name it beside"
            elif rule.paragraph and rule.regime:
                known = {c.paragraph for v in load_regime(rule.regime).versions for c in v.all_clauses}
                if rule.paragraph not in known:
                    near = ", ".join(nearest(rule.paragraph, known))
                    yield f"forbid.{n}.paragraph - {rule.regime} has no {rule.paragraph!r}; nearest: {near}"
        for (regime, paragraph), count in Counter((f.regime, f.paragraph) for f in self.forbids).items():
            if count > 1:
                what = paragraph or regime or "every control"
                yield f"forbid - {what} stands {count} times; say it once, with every destination in `to`"

    def _limit_faults(self) -> Iterator[str]:
        for n, limit in enumerate(self.limits):
            if sum(getattr(limit, name) is not None for name in METRICS) != 1:
                yield f"limit.{n} - give one of {', '.join(METRICS)}, as a range such as '>= 3400'"
        if self.conditional is not None and self.decision_rule != "nonbinary":
            yield f"conditional - decision_rule {self.decision_rule!r} knows pass and fail alone; leave one of them out"

    def _evidence_faults(self) -> Iterator[str]:
        if set(self.bases) & set(MEASURED):
            return
        asked = {"limit": self.limits, "baseline": self.baseline, "emulated = true": self.emulated}
        for name in (name for name, value in asked.items() if value):
            yield f"{name} - looks at measurements, and bases accepts none; add 'burst' or 'sustained'"


DEFAULT = Policy(1)


def load_policy(path: Path) -> tuple[Policy, Path | None]:
    """A policy, and where its baseline lies: in the policy's folder or below it.

    Raises:
        FileError: it cannot be read.
        DataFileError: it breaks its format or contradicts itself; holds every fault found.
    """
    policy = load(Policy, path)
    if policy.baseline is None:
        return policy, None
    baseline = path.parent / policy.baseline.record
    # A policy may come with the change that it is to judge: it does not choose what else is read on this machine.
    if not Path(os.path.realpath(baseline)).is_relative_to(os.path.realpath(path.parent)):
        raise DataFileError(path, ["baseline.record - leads out of the policy's folder; put it beside the policy"])
    if not os.path.exists(baseline):
        raise DataFileError(path, [f"baseline.record - {baseline} is not there; give the path of a record"])
    return policy, baseline
