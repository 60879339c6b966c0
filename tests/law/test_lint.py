"""Faults of regime files beyond their format, and reviews that are due."""

import warnings as python_warnings
from datetime import date, timedelta
from pathlib import Path

import pytest

from greenzone.law.lint import STALE_DAYS, faults, load_cases, shipped_cases, warnings
from greenzone.law.regimes import Regime, load_regime, load_regime_file, load_regimes, regime_paths

TEXT = """
schema = 1
id = "mine"
title = "Mine"
authority = "Me"
effect = "control"
reviewed_on = 2026-01-01
RELIEVES
[[version]]
published = 2024-01-01
effective = 2024-01-01
status = "in_force"
  [[version.citation]]
  cite = "1 X 1"
  title = "x"
  url = "https://example.org/"
  quote = "x"
  confidence = "official"
  [[version.clause]]
  id = "one"
  paragraph = "p"
  when = { tpp = ">= 1" }
"""


def own(tmp_path: Path, more: str = "") -> Regime:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace("RELIEVES", more))
    return load_regime_file(path)


@pytest.mark.parametrize("regime", load_regimes(), ids=lambda r: r.id)
def test_shipped_regimes_have_two_cases_a_clause(regime: Regime) -> None:
    folder = shipped_cases()
    assert folder is not None
    assert faults(regime, load_cases(folder), regime_paths()) == []


@pytest.mark.filterwarnings("default")
def test_shipped_reviews_are_recent_or_warned_of() -> None:
    for regime in load_regimes():
        for text in warnings(regime, date.today()):
            python_warnings.warn(f"{regime.id}: {text}", UserWarning, stacklevel=1)


def test_a_clause_without_two_cases_is_named(tmp_path: Path) -> None:
    one = {"mine": [{"on": date(2024, 2, 1), "expect": {"caught_by": ["one"]}}]}
    assert faults(own(tmp_path), one, ["mine"]) == ["version.0.clause 'one' - 1 cases, 2 are asked for"]
    assert faults(own(tmp_path), {"mine": one["mine"] * 2}, ["mine"]) == []


def test_a_reference_to_no_regime_is_named(tmp_path: Path) -> None:
    regime = own(tmp_path, 'fallback = "us-3a09O"')
    assert faults(regime, None, ["mine", "us-3a090"]) == ["fallback - no regime 'us-3a09O'"]


def test_an_old_review_is_a_warning() -> None:
    regime = load_regime("us-3a090")
    assert warnings(regime, regime.reviewed_on + timedelta(days=STALE_DAYS)) == []
    (text,) = warnings(regime, regime.reviewed_on + timedelta(days=STALE_DAYS + 1))
    assert "121 days ago" in text
