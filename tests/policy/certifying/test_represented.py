"""The file of represented values: what it may say, and that what contradicts itself is refused, all faults at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from greenzone.datafiles import data_root
from greenzone.errors import DataFileError
from greenzone.parts.catalogue import load_profile
from greenzone.policy.certifying.ceilings import ceilings
from greenzone.policy.certifying.represented import QUANTITIES, Represented, load_represented

HEAD = (
    'schema = 1\nlot = "L"\npart = "nvidia-h20"\nunits = 2\ndecision_rule = "guard"\ndecided_on = 2026-11-20\n'
    'source = "s"\n'
)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Represented]:
    def load(lines: str) -> Represented:
        path = tmp_path / "represented.toml"
        path.write_text(HEAD + lines, "utf-8")
        return load_represented(path)

    return load


def test_the_example_is_of_a_part_that_ships_and_represents_every_quantity() -> None:
    found = load_represented(data_root() / "examples" / "represented.toml")
    assert load_profile(found.part).id == found.part
    assert all(found.values.of(name) for name in QUANTITIES)


def test_the_example_represents_what_the_silicon_could_do() -> None:
    found = load_represented(data_root() / "examples" / "represented.toml")
    for name, top in ceilings(load_profile(found.part), {}).items():
        represented = found.values.of(name)
        assert represented is not None
        assert top.value is not None
        assert 0.99 * represented <= top.value <= represented


def test_gib_are_turned_to_gb(read: Callable[[str], Represented]) -> None:
    assert read("[values]\ncopackaged_dram_gib = 141").values.of("copackaged_dram_gb") == pytest.approx(151.397597)
    assert read("[values]\ncopackaged_dram_gb = 141").values.of("copackaged_dram_gb") == 141
    assert read("").values.of("copackaged_dram_gb") is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("[values]\ncopackaged_dram_gib = 1\ncopackaged_dram_gb = 1", "not both"),
        ('uuids = ["GPU-1", "GPU-1"]', "GPU-1 stands more than once"),
        ('uuids = ["a", "b", "c"]', "3 are listed and the lot has 2 units"),
        ("[values]\ntpp = 0", "values.tpp"), ("[values]\ntpp = inf", "values.tpp"),
        ("[values]\ntops = 5", "nearest: tpp"), ("nonconforming_max = -1", "nonconforming_max"),
        ('[laboratory]\nname = "l"\naddress = "a"\nheadquarters = "USA"', "two letters"),
    ],
)  # fmt: skip
def test_what_it_may_not_say(read: Callable[[str], Represented], lines: str, said: str) -> None:
    with pytest.raises(DataFileError, match=said):
        read(lines)


@pytest.mark.parametrize(("old", "new"), [("guard", "kind"), ("schema = 1", "schema = 2"), ("2026-11-20", '"soon"')])
def test_what_its_head_may_not_say(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(HEAD.replace(old, new), "utf-8")
    with pytest.raises(DataFileError):
        load_represented(path)
