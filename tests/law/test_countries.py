"""Country groups as dated data."""

from datetime import date

import pytest

from greenzone.datafiles import data_root
from greenzone.errors import UsageError
from greenzone.law.countries import ISO, country, load_group, matches

GROUPS = sorted(p.stem for p in (data_root() / "countries").glob("*.toml"))
ASKED = ("@D1", "@D4", "@D5", "MO", "!@A5", "!@A6")
DAY = date(2024, 1, 1)


@pytest.mark.parametrize(
    ("code", "meant"), [("cn", "CN"), ("HK", "CN"), ("hk", "CN"), ("MO", "MO"), ("TW", "TW"), ("us", "US")]
)
def test_a_code_is_read_in_either_case_and_hong_kong_as_china(code: str, meant: str) -> None:
    assert country(code) == meant


@pytest.mark.parametrize("code", ["", "XX", "EU", "CHN", "China", "C N", "UK"])
def test_what_is_no_country_is_refused(code: str) -> None:
    with pytest.raises(UsageError, match="no country"):
        country(code)


def test_the_countries_are_all_that_iso_assigns() -> None:
    assert len(ISO) == 249


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_names_countries_that_are_some_once_each(name: str) -> None:
    group = load_group(name)
    assert group.id == name
    codes = [m.iso for m in group.members]
    assert set(codes) <= ISO
    assert len(codes) == len(set(codes))
    assert all(m.since is None or m.until is None or m.since < m.until for m in group.members)


@pytest.mark.parametrize(
    ("name", "iso", "day", "member"),
    [
        ("D5", "CN", DAY, True),
        ("D5", "MO", DAY, False),
        ("D1", "MO", DAY, True),
        ("A6", "IL", DAY, True),
        ("D4", "AE", date(2026, 7, 9), True),
        ("D4", "AE", date(2026, 7, 10), False),
        ("A5", "AE", date(2026, 7, 9), False),
        ("A5", "AE", date(2026, 7, 10), True),
        ("D5", "KH", date(2021, 12, 8), False),
        ("D5", "KH", date(2021, 12, 9), True),
        ("D5", "KH", date(2026, 2, 2), True),
        ("D5", "KH", date(2026, 2, 3), False),
    ],
)
def test_members_come_and_go_on_their_day(name: str, iso: str, day: date, member: bool) -> None:
    assert (iso in load_group(name).on(day)) is member


@pytest.mark.parametrize(
    ("code", "patterns", "meant"),
    [
        ("CN", ASKED, True),
        ("MO", ASKED, True),
        ("SA", ASKED, True),
        ("DE", ASKED, False),
        ("IL", ASKED, False),
        ("CN", ("CN",), True),
        ("CN", ("HK",), True),
        ("MO", ("CN",), False),
        ("MO", ("MO", "!@D1"), True),
        ("US", ("US", "@A5", "@A6"), True),
        ("DE", ("US", "@A5", "@A6"), True),
        ("CN", ("US", "@A5"), False),
        ("CN", (), False),
    ],
)
def test_a_list_is_groups_less_groups_plus_countries(code: str, patterns: tuple[str, ...], meant: bool) -> None:
    assert matches(code, patterns, DAY) is meant


def test_an_unknown_group_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown country group 'D9'"):
        load_group("D9")
