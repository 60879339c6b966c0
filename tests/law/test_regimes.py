"""Regimes as dated data: which version stands, and what a file may not say."""

import re
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from greenzone.errors import DataFileError, UsageError
from greenzone.law.regimes import Regime, Version, load_regime, load_regime_file, load_regimes, regime_paths

FAR = date(2099, 1, 1)
DAY = timedelta(days=1)
EACH = [(r, v) for r in load_regimes() for v in r.versions if v.effective is not None]
IDS = [f"{r.id} {v.label}" for r, v in EACH]


def test_the_regimes_of_the_issue_ship() -> None:
    assert set(regime_paths()) >= {"us-3a090", "us-letters-2025", "us-china-review-2026"}


def test_3a090_has_the_versions_of_the_issue() -> None:
    labels = [v.label for v in load_regime("us-3a090").versions]
    assert labels[:4] == ["2022-10-21", "2023-01-17", "2023-11-17", "2024-04-04"]
    assert [v.label for v in load_regime("us-letters-2025").versions] == ["2025-04-09", "2025-07-14", "2025-08-11"]


@pytest.mark.parametrize(("regime", "version"), EACH, ids=IDS)
def test_a_version_stands_from_its_day_and_not_the_day_before(regime: Regime, version: Version) -> None:
    assert version.effective is not None
    assert regime.version_on(version.effective, FAR) is version
    before = regime.version_on(version.effective - DAY, FAR)
    assert before is not version
    n = regime.versions.index(version)
    assert before is (regime.versions[n - 1] if n else None)


@pytest.mark.parametrize(("regime", "version"), EACH, ids=IDS)
def test_a_version_is_known_from_its_publication_and_not_the_day_before(regime: Regime, version: Version) -> None:
    assert version.effective is not None
    assert regime.version_on(version.effective, version.published) is version
    assert regime.version_on(version.effective, version.published - DAY) is not version


@pytest.mark.parametrize(("regime", "version"), EACH, ids=IDS)
def test_every_version_cites_where_it_is_printed(regime: Regime, version: Version) -> None:
    assert version.citations
    for c in version.citations:
        assert re.match(r"https://[a-z0-9.-]+/", c.url)
        assert c.quote.strip()
        assert re.search(r"\d+ FR \d+|\d+ CFR \d+|\d{4}-\d{2}-\d{2}|#\d+|(H\.R\.|S\.) \d+", c.cite), c.cite
    assert version.published <= version.effective or version.published - version.effective <= 7 * DAY  # type: ignore[operator]
    assert any(c.of == "parameters" for c in version.citations) or regime.id == "us-letters-2025"


@pytest.mark.parametrize("regime", load_regimes(), ids=lambda r: r.id)
def test_versions_stand_in_their_order_and_clauses_are_new_each_day(regime: Regime) -> None:
    days = [(v.effective or FAR, v.published) for v in regime.versions]
    assert days == sorted(days)
    assert all(a != b for a, b in pairwise(days))
    assert (regime.reviewed_on - date(2026, 1, 1)).days > 0


def test_the_latest_published_of_one_day_stands(tmp_path: Path) -> None:
    regime = load_regime_file(
        write(tmp_path, version("2024-01-01", "2024-06-01", 1) + version("2024-02-01", "2024-06-01", 2))
    )
    standing = regime.version_on(date(2024, 6, 1), FAR)
    assert standing is not None
    assert standing.published == date(2024, 2, 1)
    earlier = regime.version_on(date(2024, 6, 1), date(2024, 1, 31))
    assert earlier is not None
    assert earlier.published == date(2024, 1, 1)


HEAD = 'schema = 1\nid = "my-rule"\ntitle = "T"\nauthority = "A"\neffect = "control"\nreviewed_on = 2026-01-01\n'
CITE = (
    '  [[version.citation]]\n  cite = "C"\n  title = "T"\n  url = "https://x.org"\n'
    '  quote = "q"\n  confidence = "quoted"\n'
)


def version(
    published: str, effective: str | None = None, edge: int = 1, more: str = "", status: str = "in_force"
) -> str:
    day = f"effective = {effective}\n" if effective else ""
    clause = f"  [[version.clause]]\n  id = 'c'\n  paragraph = 'p'\n  when = {{ tpp = '>= {edge}' }}\n"
    return f"[[version]]\npublished = {published}\n{day}status = '{status}'\n{CITE}{clause}{more}"


def write(folder: Path, text: str, head: str = HEAD) -> Path:
    path = folder / "my-rule.toml"
    path.write_text(head + text)
    return path


GOOD = version("2024-01-01", "2024-01-01")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "version - a regime has at least one"),
        (version("2024-01-01"), "version.0.effective"),
        (version("2024-01-01", "2024-01-01", status="proposed"), "version.0.effective"),
        (GOOD.replace(CITE, ""), "version.0.citation - every version cites its source"),
        (version("2024-01-01", "2024-06-01") + GOOD, "not in the order"),
        (GOOD.replace("'in_force'", "'enforced'"), "version.0.status - "),
        (GOOD.replace("published = 2024-01-01", "published = '2024-01-01'"), "version.0.published - "),
        (GOOD.replace("tpp =", "tp ="), "nearest: tpp"),
        (GOOD.replace(">= 1", "=> 1"), "is no range"),
        (GOOD.replace("'>= 1'", "1"), "version.0.clause.0.when"),
        (GOOD.replace("'>= 1'", "true"), "tpp is a range"),
        (GOOD.replace("tpp = '>= 1'", "datacenter = '>= 1'"), "datacenter is true or false"),
        (GOOD.replace("https://", "http://"), "version.0.citation.0.url"),
        (GOOD.replace("'c'", "'c'\n  eval = 'x'"), "version.0.clause.0.eval - unknown key"),
        (GOOD + "  [[version.clause]]\n  id = 'c'\n  paragraph = 'q'\n", "'c' stands twice"),
        (GOOD + "  [[version.outcome]]\n  paragraph = 'z'\n", "no clause has 'z'"),
        (GOOD + "  [[version.outcome]]\n  when = { too = ['CN'] }\n", "nearest: to"),
        (GOOD + "  [[version.outcome]]\n  when = { to = true }\n", "a list of names"),
        (GOOD + "  [[version.outcome]]\n  review = 'denied'\n", "version.0.outcome.0.review"),
        (GOOD.replace("status =", "keeps = ['clause']\nstatus ="), "version.0.keeps"),
    ],
)
def test_a_broken_rule_is_refused_with_its_key(tmp_path: Path, text: str, fault: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataFileError) as caught:
        load_regime_file(path)
    assert fault in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_rule_that_is_sound_is_read(tmp_path: Path) -> None:
    found = load_regime_file(write(tmp_path, GOOD))
    assert found.versions[0].edges == {"tpp": {1.0}}
    assert not found.is_proposed


def test_a_version_keeps_what_it_says_it_keeps(tmp_path: Path) -> None:
    later = (
        version("2024-02-01", "2024-02-01")
        .replace("status =", "keeps = 'clause'\nstatus =")
        .replace("id = 'c'", "id = 'd'")
    )
    found = load_regime_file(write(tmp_path, GOOD + later))
    assert [c.id for c in found.versions[1].clauses] == ["c", "d"]


def test_a_proposal_stands_on_no_day(tmp_path: Path) -> None:
    found = load_regime_file(write(tmp_path, version("2024-01-01", status="proposed")))
    assert found.is_proposed
    assert found.version_on(FAR, FAR) is None
    assert found.proposal(date(2023, 12, 31)) is None
    assert found.proposal(date(2024, 1, 1)) is not None


def test_an_unknown_regime_names_the_three_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown regime 'us-3a09'; nearest: us-3a090, [a-z0-9-]+, [a-z0-9-]+; "):
        load_regime("us-3a09")
