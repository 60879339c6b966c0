"""A corpus of wrong profiles, each caught by the rule meant for it, and shipped ones that explain every warning.

The first line of a file in `wrong/` names the rule that must warn, or the words of the fault that must refuse it.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from greenzone.datafiles import load
from greenzone.errors import DataFileError, UsageError
from greenzone.law.lint import edges
from greenzone.law.regimes import load_regimes
from greenzone.parts.catalogue import load_catalogue
from greenzone.parts.lint import RULES, STALE, Context, get_rule, lint
from greenzone.parts.lint.dies import transistor_of
from greenzone.parts.profile import DeviceProfile

WRONG = sorted((Path(__file__).parent / "wrong").glob("*.toml"))
EXPECTED = {path: path.read_text("utf-8").splitlines()[0].removeprefix("# ").split(": ", 1) for path in WRONG}
WARNED = [path for path, (kind, _) in EXPECTED.items() if kind == "rule"]
FAULTY = [path for path, (kind, _) in EXPECTED.items() if kind == "fault"]


@pytest.fixture(scope="module")
def context() -> Context:
    return Context(load_catalogue().profiles, edges(r for r in load_regimes() if r.effect != "quantity"))


def test_the_corpus_is_large_enough_and_has_a_file_for_every_rule() -> None:
    assert len(WRONG) >= 30
    assert {EXPECTED[path][1] for path in WARNED} == {*RULES, STALE}
    assert len(WARNED) + len(FAULTY) == len(WRONG)


@pytest.mark.parametrize("path", WARNED, ids=lambda p: p.stem)
def test_a_wrong_profile_is_caught_by_the_rule_meant_for_it(path: Path, context: Context) -> None:
    found = [w for w in lint(load(DeviceProfile, path), context) if w.rule == EXPECTED[path][1]]
    assert found
    assert all(w.evidence and w.explained is None for w in found)


@pytest.mark.parametrize("path", FAULTY, ids=lambda p: p.stem)
def test_a_profile_that_contradicts_itself_is_refused_in_words(path: Path) -> None:
    with pytest.raises(DataFileError) as error:
        load(DeviceProfile, path)
    assert EXPECTED[path][1] in str(error.value)
    assert len(error.value.faults) == 1


@pytest.mark.parametrize("profile", load_catalogue().profiles, ids=lambda p: p.id)
def test_a_shipped_profile_explains_every_warning_and_no_other(profile: DeviceProfile, context: Context) -> None:
    assert [(w.rule, w.evidence) for w in lint(profile, context) if w.explained is None] == []


def test_every_rule_says_what_it_is_for() -> None:
    assert all(len(rule.explanation) > 60 and rule.explanation.endswith(".") for rule in RULES.values())
    assert get_rule("capped") is RULES["capped"]
    with pytest.raises(UsageError, match="unknown lint rule 'cap'; nearest: capped"):
        get_rule("cap")


def test_an_explanation_of_an_unknown_rule_is_a_warning(profile: Callable[[str], DeviceProfile]) -> None:
    (found,) = lint(profile('[explained]\ncaped = "x"'))
    assert found.rule == STALE
    assert "nearest: capped" in found.evidence


def test_an_explanation_is_not_stale_where_its_rule_had_nothing_to_look_at(
    profile: Callable[[str], DeviceProfile], context: Context
) -> None:
    lines = '[explained]\nedge = "near a line"'
    assert lint(profile(lines)) == []
    assert [w.rule for w in lint(profile(lines), context)] == [STALE]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("TSMC N7", "non-planar"), ("TSMC 4NP", "non-planar"), ("Samsung 8N", "non-planar"), ("GF 14LPP", "non-planar"),
        ("TSMC 16FF", "non-planar"), ("TSMC 12FFN", "non-planar"), ("TSMC 28HPM", "planar"), ("GF 22FDX", "planar"),
        ("TSMC 20SoC", "planar"), ("SMIC N+2", None), ("SMIC N+2, some TSMC N7", "non-planar"), ("Intel 22nm", None),
        ("7nm class or 28nm", None), (None, None),
    ],
)  # fmt: skip
def test_a_node_tells_its_transistors(node: str | None, expected: str | None) -> None:
    assert transistor_of(node) == expected
