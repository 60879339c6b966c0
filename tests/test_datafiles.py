"""The data that ships: sound, fresh, and readable by the schemas that are exported."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from greenzone import datafiles, schemas
from greenzone.cli import maintain
from greenzone.datafiles import Source, data_files, data_root, load, parse_toml, read_bytes, sha256
from greenzone.errors import DataFileError
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.document import Policy

FILES = data_files()
NAMES = {
    "devices": "device", "regimes": "regime", "countries": "country", "models": "model", "emulation": "times",
    "examples": "represented",
}  # fmt: skip
ASIDE = "run `python -m greenzone.cli.maintain`"


def room(path: Path) -> str:
    return path.relative_to(data_root()).parts[0]


def plain(value: Any) -> Any:
    """TOML as JSON has it: dates are text."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value


def test_the_committed_schemas_are_fresh() -> None:
    committed = {p.name: json.loads(p.read_text("utf-8")) for p in (data_root() / "schemas").glob("*.json")}
    assert committed == json.loads(json.dumps(maintain.schemas())), ASIDE


def test_every_file_that_ships_was_checked_as_it_is() -> None:
    committed = json.loads((data_root() / "checked.json").read_text("utf-8"))
    assert committed == maintain.checked(), ASIDE


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(data_root()).as_posix())
def test_a_shipped_file_is_accepted_by_its_exported_schema(path: Path) -> None:
    schema = json.loads((data_root() / "schemas" / f"{NAMES[room(path)]}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(plain(parse_toml(read_bytes(path), path)))


@pytest.mark.parametrize("name", [*NAMES.values(), "record"])
def test_an_exported_schema_is_a_schema(name: str) -> None:
    schema = json.loads((data_root() / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("name", NAMES.values())
def test_an_exported_schema_refuses_what_is_misspelt(name: str) -> None:
    schema = json.loads((data_root() / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    faults = [e.validator for e in jsonschema.Draft202012Validator(schema).iter_errors({"schemma": 1})]
    assert "additionalProperties" in faults
    assert "required" in faults


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_a_checked_file_and_an_unchecked_copy_read_the_same(path: Path, tmp_path: Path) -> None:
    form = maintain.FORMS[room(path)]
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    assert load(form, copy) == load(form, path)


def test_a_shipped_file_that_was_changed_is_checked_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(schemas, "check", lambda form, data, path: asked.append(path))
    path = data_root() / "devices" / "nvidia" / "nvidia-h20.toml"
    load(DeviceProfile, path)
    assert asked == []
    monkeypatch.setattr(datafiles, "_checked", lambda: {"devices/nvidia/nvidia-h20.toml": sha256(b"other")})
    load(DeviceProfile, path)
    assert asked == [path]


def test_a_source_has_a_title_and_a_regimes_words_are_short() -> None:
    for path in FILES:
        data = parse_toml(read_bytes(path), path)
        for key, source in data.get("source", {}).items() if isinstance(data.get("source"), dict) else ():
            assert source["title"], f"{path.name}: {key}"
            assert source.get("url", "https://").startswith("https://")
        for v in data.get("version", []):
            assert all(len(c["quote"]) < 900 for c in v["citation"])


def test_ids_are_those_of_the_file_names() -> None:
    for path in (p for p in FILES if room(p) != "examples"):  # those have no id
        assert parse_toml(read_bytes(path), path)["id"] == path.stem


def test_a_number_may_stand_for_itself_or_with_its_source(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        'schema = 1\nid = "x"\nname = "X"\n[peak_tops]\nfp8 = { value = 3, source = "m" }\nfp16 = 1.5\n'
        '[source.m]\ntitle = "M"\n'
    )
    found = load(DeviceProfile, path)
    assert found.peak_tops is not None
    assert {n: (f.value, f.source) for n, f in found.peak_tops.rates().items()} == {
        "fp8": (3.0, "m"),
        "fp16": (1.5, None),
    }
    assert found.sources == {"m": Source("M")}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_a_file_that_ships_is_no_file_of_another_kind(path: Path) -> None:
    """It was checked for what it is, not for what it is asked to be."""
    for folder, form in maintain.FORMS.items():
        if folder != room(path):
            with pytest.raises(DataFileError):
                load(form, path)
    with pytest.raises(DataFileError):
        load(Policy, path)
