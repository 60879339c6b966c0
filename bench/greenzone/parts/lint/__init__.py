"""Traps of public device data, each a rule with a name, an explanation and the evidence it fired on.

A rule warns and changes no figure. Where what it warns of is right, the profile says why under
`[explained]`, by the rule's name; an explanation of what no rule fires on is a warning itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from greenzone.errors import unknown
from greenzone.parts.lint import catalogue, dies, formats, memory, rates, sources
from greenzone.parts.lint.rule import Context, Rule
from greenzone.parts.profile import DeviceProfile

__all__ = ["RULES", "Context", "Rule", "Warned", "get_rule", "lint"]

_ROOMS = (rates, formats, dies, memory, sources, catalogue)
RULES: dict[str, Rule] = {rule.name: rule for room in _ROOMS for rule in room.RULES}
STALE = "stale-explanation"


@dataclass(frozen=True)
class Warned:
    """What one rule found in one profile, and the profile's own explanation of it if it has one."""

    profile: str
    rule: str
    evidence: str
    explained: str | None = None


def lint(profile: DeviceProfile, context: Context | None = None) -> list[Warned]:
    """Everything the rules find in a profile, in the order of the rules.

    Args:
        profile: one that has the right format; a file that breaks it never comes this far.
        context: the other profiles it stands among, and the edges of the rules of law; without it the
            rules that need them find nothing.
    """
    around = context or Context()
    found = [
        Warned(profile.id, rule.name, evidence, profile.explained.get(rule.name))
        for rule in RULES.values()
        for evidence in rule.check(profile, around)
    ]
    return [*found, *_stale(profile, found, around)]


def _stale(profile: DeviceProfile, found: Sequence[Warned], context: Context) -> list[Warned]:
    """Explanations of what is not there; a rule that had nothing to look at is not held against a file."""
    fired = {w.rule for w in found}
    blind = {r.name for r in RULES.values() if r.needs and not getattr(context, r.needs)}
    return [
        Warned(profile.id, STALE, _why_stale(name)) for name in profile.explained if name not in fired | blind
    ]


def _why_stale(name: str) -> str:
    if name in RULES:
        return f"{name} is explained and finds nothing here: take the explanation out"
    return f"{unknown('lint rule', name, RULES)}; `greenzone profiles lint --rules` has them all"


def get_rule(name: str) -> Rule:
    """The rule of that name.

    Raises:
        UsageError: there is none; the nearest are named.
    """
    if name not in RULES:
        raise unknown("lint rule", name, RULES)
    return RULES[name]
