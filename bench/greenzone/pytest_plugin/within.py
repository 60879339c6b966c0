"""The marker `within`: the part under test must not be caught under a regime, or one paragraph of it, on a day.

Which part that is: the one named with `part` (a profile's id, a TOML file, a record) as it is claimed; else the
one the session's device is, as its profile claims it, with what the test measured through `greenzone_benchmark`
beside it. A measurement is a lower bound: it can contradict a claim, and never clears a part. Emulated figures
are no evidence; an emulated device is judged by its profile's claims.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from greenzone.errors import UsageError, unknown
from greenzone.pytest_plugin import SIGNATURE

if TYPE_CHECKING:
    from greenzone.lab.devices.base import Device
    from greenzone.law.verdict import Classification, Verdict
    from greenzone.parts.capability import Part
    from greenzone.records.record import Row

# Undecided for want of a fact: then a paragraph that no box reaches is decided all the same.
LACKING = ("missing_facts", "no_claim", "conflict")


@dataclass(frozen=True)
class Within:
    """What a marker asks; days are today where none is given."""

    regime: str
    on: date | str | None = None
    known_on: date | str | None = None
    to: str | None = None
    kind: str = "export"
    origin: str | None = None
    headquarters: str | None = None
    paragraph: str | None = None
    part: str | None = None
    undecided: str = "fail"

    def require(self) -> None:
        """Look at everything that can be wrong with the question before any test runs.

        Raises:
            UsageError: an unknown regime, paragraph, day, country, kind or part, or another word for undecided.
            FileError: the part's file cannot be read.
        """
        from greenzone.law.regimes import load_regime
        from greenzone.parts.capability import Part

        if self.undecided not in ("fail", "skip"):
            raise UsageError(f"undecided is {self.undecided!r}; allowed: fail, skip")
        self.ask(self.named() or Part(None, "no part"))
        paragraphs = {c.paragraph for v in load_regime(self.regime).versions for c in v.all_clauses}
        if self.paragraph is not None and self.paragraph not in paragraphs:
            raise unknown(f"paragraph of {self.regime}", self.paragraph, paragraphs)

    def named(self) -> "Part | None":
        """The part the marker names, if it names one."""
        from greenzone.cli.classify import part_named

        return part_named(self.part) if self.part is not None else None

    def ask(self, part: "Part") -> "Classification":
        """The part under the one regime."""
        from greenzone.api import classify

        return classify(
            part, on=self.on, known_on=self.known_on, to=self.to, kind=self.kind, origin=self.origin,
            headquarters=self.headquarters, regimes=[self.regime],
        )  # fmt: skip


def question(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Within:
    """What a marker with these arguments asks.

    Raises:
        UsageError: it has arguments that it does not take, or names no regime.
    """
    names = [f.name for f in fields(Within)]
    for name in kwargs:
        if name not in names:
            raise unknown("argument", name, names)
    try:
        return Within(*args, **kwargs)
    except TypeError:
        raise UsageError(f"it names one regime, as in within(regime='us-3a090'); it is {SIGNATURE}") from None


def hold(item: pytest.Item, mark: pytest.Mark) -> None:
    """Fail the test if the part is caught, or if nobody can tell and the marker does not skip that.

    A claim that the measurement contradicts is never skipped: a gate treats it as caught (decisions, row 2).

    Raises:
        GreenzoneError: the device cannot be used, or a file went away.
    """
    asked = question(mark.args, mark.kwargs)
    found = asked.ask(asked.named() or _part_under_test(item))
    verdict = found.verdicts[0]
    status = status_of(verdict, asked.paragraph)
    text = told(found, asked.paragraph, status)
    item.user_properties.append(("greenzone", text.splitlines()[0]))
    if status == "undecided" and asked.undecided == "skip" and verdict.reason != "claim_exceeded":
        pytest.skip(text)
    if status in ("caught", "undecided"):
        pytest.fail(text, pytrace=False)


def _part_under_test(item: pytest.Item) -> "Part":
    """The test's device, or the session's, as its profile claims it, with what the test measured beside it."""
    from greenzone.lab.evaluation import measured_evidence, unclaimed
    from greenzone.lab.harness import profile_of
    from greenzone.parts.capability import part_of
    from greenzone.pytest_plugin import device_of
    from greenzone.pytest_plugin.benchmark import ROWS

    own: Device | None = getattr(item, "funcargs", {}).get("greenzone_device")
    device = device_of(item.config) if own is None else own
    rows: list[Row] = item.stash.get(ROWS, [])
    measured = list(measured_evidence(rows))
    profile = profile_of(device)
    part = part_of(profile, measured) if profile else unclaimed(device, measured)
    return replace(part, emulated=device.emulated)


def status_of(verdict: "Verdict", paragraph: str | None) -> str:
    """The status of the regime, or of one paragraph of it.

    What is caught by one of several clauses, nobody knows which, is caught under a paragraph only if all of
    them are of it.
    """
    if paragraph is None or verdict.status not in ("caught", "undecided"):
        return verdict.status
    own = {c.id for c in verdict.clauses if c.paragraph == paragraph}
    if verdict.status == "caught":
        certain = own & set(verdict.caught_by) or (not verdict.caught_by and set(verdict.possible) <= own)
        return "caught" if certain else "undecided" if own & set(verdict.possible) else "not_caught"
    clear = verdict.reason in LACKING and not own & {*verdict.caught_by, *verdict.possible}
    return "not_caught" if clear else "undecided"


def told(found: "Classification", paragraph: str | None, status: str) -> str:
    """The answer in words: part, day and route, each clause with value, edge and margin, and what follows."""
    from greenzone.report.wording import (
        NOT_PROVEN,
        basis_of,
        break_even_line,
        condition_lines,
        describe_question,
        headline,
        outcome_lines,
        sentence,
    )

    verdict, part = found.verdicts[0], found.part
    name = f"{part.id or part.name}{' (emulated)' if part.emulated else ''}"
    rule = f"{verdict.regime}{f' {paragraph}' if paragraph else ''}"
    word = headline(verdict) if status == verdict.status else status.replace("_", " ")
    lines = [f"{name} under {rule}: {word}, {describe_question(found)}", sentence(verdict, found)]
    lines += [
        f"  {c.id} {c.truth}: {condition_lines(c)}" for c in verdict.clauses if paragraph in (None, c.paragraph)
    ]
    lines += [f"  {break_even_line(b)}" for b in verdict.break_evens]
    lines += [f"  note: {n.text}" for n in verdict.notes if n.code == verdict.reason]
    lines += [f"  {line}" for line in outcome_lines(verdict.outcome)]
    basis = basis_of(verdict, found)
    lines += [f"on the basis of {basis}"] if basis else []
    lines += [] if part.id else [f"{part.name} matches no profile, so nothing is claimed; name one with part='ID'"]
    return "\n".join([*lines, NOT_PROVEN[-1]])
