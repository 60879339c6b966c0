"""A profile begun is a file that loads, whatever is known of the part."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.datafiles import parse_toml
from greenzone.errors import UsageError
from greenzone.formats import FORMATS
from greenzone.parts.profile import DeviceProfile
from greenzone.parts.scaffold import Known, scaffold
from greenzone.schemas import check

DAY = date(2026, 11, 22)
FIGURE = st.floats(0.001, 1e6)
KNOWN = st.builds(
    Known,
    id=st.just("acme-x1"),
    name=st.none() | st.text(st.characters(categories=["L", "N", "P"]), min_size=1).filter(str.isprintable),
    datacenter=st.none() | st.booleans(),
    dies=st.lists(st.fixed_dictionaries({"count": st.integers(1, 8), "area_mm2": FIGURE, "node": st.just("N7")})).map(
        tuple
    ),
    peaks=st.dictionaries(st.sampled_from(sorted(FORMATS)), FIGURE),
    memory=st.just({}) | st.fixed_dictionaries({"kind": st.just("HBM3"), "capacity_gb": FIGURE}),
    links=st.dictionaries(st.sampled_from(["NVLink 4", "PCIe 5.0 x16"]), FIGURE),
    hardware=st.just({}) | st.fixed_dictionaries({"units": st.integers(1, 500), "boost_mhz": FIGURE}),
    source=st.none() | st.just('the "sheet" of X'),
    from_device=st.none() | st.just("the device"),
)


def loads(text: str) -> dict[str, object]:
    data = parse_toml(text.encode(), Path("x.toml"))
    check(DeviceProfile, data, "x.toml")
    return data


@given(KNOWN)
def test_every_beginning_loads_and_keeps_what_was_known(known: Known) -> None:
    data = loads(scaffold(known, DAY))
    assert data["id"] == "acme-x1"
    assert data["reviewed_on"] == DAY
    assert len(data.get("die", ())) == len(known.dies)  # type: ignore[arg-type]
    peaks = data.get("peak_tops", {})
    assert {k: v for k, v in peaks.items() if k in FORMATS} == pytest.approx(dict(known.peaks))  # type: ignore[attr-defined]


def test_what_is_not_known_stands_commented_out_with_a_word() -> None:
    text = scaffold(Known("acme-x1"), DAY)
    assert set(loads(text)) == {"schema", "id", "name", "reviewed_on", "match"}
    for table in ("[[die]]", "[peak_tops]", "[memory]", "[[link]]", "[hardware]", "[[claim]]", "[explained]"):
        assert f"# {table}" in text
    uncommented = "\n".join(line.removeprefix("# ") for line in text.splitlines()[1:])
    assert "enabled_ops_per_clock" in uncommented


@pytest.mark.parametrize("name", ["ACME X1", "", "../x", "x y"])
def test_an_id_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is no id"):
        scaffold(Known(name), DAY)


def test_a_format_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown number format 'fp61'; nearest: fp6"):
        scaffold(Known("acme-x1", peaks={"fp61": 1.0}), DAY)


def test_an_address_without_a_title_is_refused() -> None:
    with pytest.raises(UsageError, match="needs the title"):
        scaffold(Known("acme-x1", url="https://example.org/x"), DAY)


def test_what_an_option_says_is_not_put_down_to_the_device() -> None:
    told = Known("acme-x1", memory={"kind": "HBM3", "capacity_gb": 96}, hardware={"units": 78}, source="sheet",
                 from_device="the device", told=frozenset({"memory"}))  # fmt: skip
    data = loads(scaffold(told, DAY))
    assert data["memory"]["source"] == "device"  # type: ignore[index]
    assert data["hardware"]["source"] == "sheet"  # type: ignore[index]
