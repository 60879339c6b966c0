"""The written method says of the suite, the rules and the code what they are."""

import re

import pytest

from greenzone.lab.measure.sampling import CEILING_MARGIN, WINDOWS_S
from greenzone.lab.streams import STREAMS
from greenzone.lab.units import LAB_RUNS
from greenzone.lab.workloads import WORKLOADS as RUN
from greenzone.lab.workloads import left_out, memory
from greenzone.policy.certifying.bounding import OUTCOMES
from greenzone.policy.certifying.conditions import SUITE, WORKLOADS
from greenzone.policy.certifying.method import load_method

METHOD = load_method()
WORDS = {3: "three", 8: "eight", 9: "nine"}


@pytest.mark.parametrize(
    "said",
    [
        " and ".join(", ".join(f"{s * 1e3:g} ms" if s < 1 else f"{s:g} s" for s in WINDOWS_S).rsplit(", ", 1)),
        f"is run {WORDS[LAB_RUNS]} times", f"{WORDS[len(STREAMS)]} streams", f"{CEILING_MARGIN} x the ceiling",
        f"at least {WORDS[memory._TIMES_CACHE]} times the last cache", f"--suite {SUITE}", "nonconforming_max",
    ],
)  # fmt: skip
def test_its_figures_are_those_of_the_code(said: str) -> None:
    assert said in METHOD.text


def test_it_names_every_outcome() -> None:
    named = re.findall(r"\*([A-Z][a-z ]+|not [a-z]+)\*", METHOD.text)
    assert {text.lower().replace(" ", "_") for text in named} == set(OUTCOMES)


def test_the_suite_runs_what_it_asks_for_and_leaves_nothing_out() -> None:
    assert set(WORKLOADS) <= set(RUN)
    assert left_out(WORKLOADS, SUITE) == []


def test_its_paragraphs_are_numbered_in_order() -> None:
    heads = [int(n) for n in re.findall(r"^## (\d+)\. ", METHOD.text, re.MULTILINE)]
    assert heads == list(range(1, len(heads) + 1))
    for head in heads:
        own = [int(n) for n in re.findall(rf"^{head}\.(\d+) ", METHOD.text, re.MULTILINE)]
        assert own == list(range(1, len(own) + 1)), head
        assert own


def test_it_cites_the_rule_and_each_standard_it_rests_on() -> None:
    standards = ("ISO/IEC 17025:2017", "ILAC-G8:09/2019", "JCGM 100:2008", "JCGM 106:2012")
    assert [cite for cite in ("(dd)(3)(i)(C)", "(dd)(1)(ix)", *standards) if cite not in METHOD.text] == []


def test_it_is_of_three_printed_pages_at_most() -> None:
    assert len(METHOD.text.split()) < 1600
