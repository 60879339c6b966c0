"""What a record was made with, hashed file by file, and each file named that is not the same."""

from pathlib import Path
from typing import Any

import pytest

from greenzone.datafiles import data_root, sha256
from greenzone.lab import provenance
from greenzone.parts.catalogue import load_profile

H20 = "devices/nvidia/nvidia-h20.toml"
RULE = "regimes/us/us-3a090.toml"
TIMES = "emulation/times.toml"


def rules() -> dict[str, Any]:
    return provenance.rules(load_profile("nvidia-h20"), "emulated:nvidia-h20", ["llama-3.1-8b"])


def test_every_rule_file_and_what_was_used_has_its_hash() -> None:
    found = rules()
    assert set(found["files"]) == {
        p.relative_to(data_root()).as_posix()
        for folder in ("regimes", "countries") for p in (data_root() / folder).rglob("*.toml")
    }  # fmt: skip
    assert found["files"][RULE] == sha256((data_root() / RULE).read_bytes())
    assert found["profiles"] == {
        H20: sha256((data_root() / H20).read_bytes()),
        "models/llama-3.1-8b.toml": sha256((data_root() / "models/llama-3.1-8b.toml").read_bytes()),
    }
    assert provenance.rules(None)["profiles"] == {}
    assert provenance.changed_files(found) == []


def test_the_constants_of_the_emulation_are_hashed_for_an_emulated_device_alone() -> None:
    found = provenance.rules(load_profile("nvidia-h20"), "auto", emulated=True)
    assert found["profiles"][TIMES] == sha256((data_root() / TIMES).read_bytes())
    assert provenance.changed_files(found) == []
    found["profiles"][TIMES] = "0" * 64
    assert provenance.changed_files(found) == [f"profiles/{TIMES} is not the file the record was made with"]
    assert TIMES not in rules()["profiles"]


def test_a_profile_of_the_user_s_own_is_hashed_where_it_lies(tmp_path: Path) -> None:
    own = tmp_path / "acme-x1.toml"
    own.write_text('schema = 1\nid = "acme-x1"\nname = "ACME X1"\n')
    found = provenance.rules(load_profile(str(own)), f"emulated:{own}")
    assert found["profiles"] == {"acme-x1.toml": sha256(own.read_bytes())}
    assert provenance.changed_files(found, tmp_path) == []
    assert provenance.changed_files(found) == ["acme-x1.toml is not here; the record was made with it"]
    own.rename(tmp_path / "x1.toml")
    assert provenance.changed_files(found, tmp_path) == [], "its content is what counts, not its name"
    (tmp_path / "x1.toml").rename(own)
    own.write_text(own.read_text() + "# a word\n")
    assert provenance.changed_files(found, tmp_path) == ["acme-x1.toml is not the file the record was made with"]


def test_a_model_of_the_user_s_own_and_a_profile_in_a_node_are_hashed_where_they_lie(tmp_path: Path) -> None:
    model, own = tmp_path / "acme-7b.toml", tmp_path / "acme-x1.toml"
    model.write_text("schema = 1\n")
    own.write_text('schema = 1\nid = "acme-x1"\nname = "ACME X1"\n')
    found = provenance.rules(load_profile(str(own)), f"emulated:8x{own}:3", [str(model)])
    assert found["profiles"] == {
        "acme-x1.toml": sha256(own.read_bytes()), "acme-7b.toml": sha256(model.read_bytes()),
    }  # fmt: skip
    assert provenance.changed_files(found, tmp_path) == []


@pytest.mark.parametrize(("table", "name"), [("files", RULE), ("profiles", H20)])
def test_a_file_that_is_not_the_same_is_named(table: str, name: str) -> None:
    found = rules()
    found[table] = {**found[table], name: "0" * 64}
    assert f"profiles/{name} is not the file the record was made with" in provenance.changed_files(found)


def test_a_rule_that_came_later_and_one_that_went_are_named() -> None:
    found = rules()
    del found["files"][RULE]
    found["files"]["regimes/us/us-old.toml"] = "0" * 64
    assert provenance.changed_files(found) == [
        "profiles/regimes/us/us-old.toml is not here; the record was made with it",
        f"profiles/{RULE} was not there when the record was made",
        "rules.sha256 is not that of the files listed in rules.files",
    ]


def test_the_environment_lists_its_distributions_under_one_hash() -> None:
    found = provenance.environment()
    assert any(d.startswith("numpy==") for d in found["distributions"])
    assert found["distributions"] == sorted(found["distributions"])
    assert provenance.other_environment(found) == []
    assert provenance.other_environment({**found, "distributions": found["distributions"][1:]}) != []
    assert provenance.other_environment({"python": "3.11"}) == [], "older records have none"


def test_the_package_is_hashed_as_a_whole() -> None:
    found = provenance.tool()
    assert provenance.other_package(found) is None
    assert "made with other source of greenzone (0.0.1, source " in str(
        provenance.other_package({**found, "package_sha256": "0" * 64, "version": "0.0.1"})
    )
