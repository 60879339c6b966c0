"""The gate: every line of a policy asked of a part or a record, and the exit they come to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from greenzone.law.transaction import Transaction
from greenzone.parts.capability import Part
from greenzone.policy.document import Policy
from greenzone.policy.forbidding import Question, forbidden
from greenzone.policy.limits import behind, limited
from greenzone.policy.lines import Line, exit_code
from greenzone.policy.soundness import accepted, impossible, soundness
from greenzone.records.record import Record

SCHEMA = "greenzone.check/1"
WORDS = {
    0: "the policy holds",
    3: "the policy is violated",
    4: "no verdict",
    5: "the measurement is invalid or unstable, or has regressed",
}


@dataclass(frozen=True)
class Subject:
    """What is checked: a part, with the record it was measured in if there is one."""

    part: Part
    record: Record | None = None
    baseline: Record | None = None


@dataclass(frozen=True)
class Check:
    """What a policy says of a subject."""

    part: Part
    policy: Policy
    question: Question
    lines: tuple[Line, ...]

    @property
    def exit_code(self) -> int:
        """0, 3, 4 or 5 (design section 7)."""
        return exit_code(self.lines)

    @property
    def words(self) -> str:
        """What the exit code means, with warnings told."""
        return words([self])

    def to_json(self) -> dict[str, Any]:
        """Plain data (`greenzone.check/1`)."""
        q = self.question
        return {
            "schema": SCHEMA, "device": {"id": self.part.id, "name": self.part.name, "emulated": self.part.emulated},
            "on": q.on.isoformat(), "known_on": q.known_on.isoformat(),
            "transaction": {"to": q.transaction.to, "kind": q.transaction.kind, "from": q.transaction.origin,
                            "headquarters": q.transaction.headquarters},
            "decision_rule": self.policy.decision_rule, "exit_code": self.exit_code, "words": self.words,
            "lines": [_line_json(line) for line in self.lines],
        }  # fmt: skip


def _line_json(line: Line) -> dict[str, Any]:
    v = line.verdict
    about = {"regime": v.regime, "verdict": v.status, "reason": v.reason, "caught_by": list(v.caught_by)} if v else {}
    return {"rule": line.rule, "status": line.status, "text": line.text, "to": line.to, **about}


def words(checks: Sequence[Check]) -> str:
    """What the exit code of all of them means, with warnings told."""
    lines = [line for one in checks for line in one.lines]
    code = exit_code(lines)
    warned = any(line.status == "warn" for line in lines)
    return f"{WORDS[code]}{', with warnings' if warned and code == 0 else ''}"


def check(
    subject: Subject, policy: Policy, on: date, known_on: date, today: date, transaction: Transaction | None = None
) -> Check:
    """Ask every line of a policy.

    Args:
        subject: the part and its record.
        policy: what is forbidden, and which evidence counts.
        on: the day whose law is asked for.
        known_on: the day up to which publications count.
        today: the day by which the age of a record is told.
        transaction: what is done with the part; an export with the rest unknown if none.

    Raises:
        UsageError: a regime refers to one that is not there.
    """
    part = accepted(subject.part, policy)
    question = Question(part, on, known_on, transaction or Transaction())
    return Check(part, policy, question, tuple(_lines(subject, question, policy, today)))


def _lines(subject: Subject, question: Question, policy: Policy, today: date) -> Iterator[Line]:
    yield from impossible(question.part)
    if subject.record is not None:
        yield from soundness(subject.record, policy, today)
    yield from forbidden(question, policy)
    yield from limited(subject.record, policy)
    yield from behind(subject.record, subject.baseline, policy)
