"""One line of the gate: a demand of the policy, whether it holds, and by how much."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from greenzone.law.verdict import Verdict

Status = Literal["pass", "warn", "undecided", "violated", "invalid", "regressed"]

# The exit of each status; where several hold, the first of ORDER wins (design section 7).
EXITS: dict[Status, int] = {"pass": 0, "warn": 0, "undecided": 4, "violated": 3, "invalid": 5, "regressed": 5}
ORDER = (5, 3, 4, 0)
SOFTENED: dict[str, Status] = {"fail": "undecided", "warn": "warn", "pass": "pass"}


@dataclass(frozen=True)
class Line:
    """What one demand of the policy came to; `verdict` and `to` where it is about a regime."""

    rule: str
    status: Status
    text: str
    verdict: Verdict | None = None
    paragraph: str | None = None
    to: str | None = None

    @property
    def failed(self) -> bool:
        return EXITS[self.status] != 0


def exit_code(lines: Sequence[Line]) -> int:
    """The exit of all lines together.

    >>> exit_code([Line("", "undecided", ""), Line("", "violated", "")])
    3
    """
    found = {EXITS[line.status] for line in lines}
    return next((code for code in ORDER if code in found), 0)
