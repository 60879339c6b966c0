"""`python -m greenzone.cli.maintain`: write what is derived from the formats and data files.

Run it after a change to a format or to a file under `profiles/`; a test says when it is due. It writes
`profiles/schemas/*.schema.json`, for editors, and `profiles/checked.json`, the SHA-256 of every data file
that was checked in full.
"""

import json
from typing import Any

import click

from greenzone.datafiles import data_files, data_root, parse_toml, read_bytes, sha256
from greenzone.fleet.roll import Roll
from greenzone.lab.devices.emulated.constants import TimeTable
from greenzone.lab.models import ModelFile
from greenzone.law.countries import Group
from greenzone.law.regimes import Regime
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.represented import Represented
from greenzone.policy.document import Policy
from greenzone.records.record import Record
from greenzone.records.store import write_text
from greenzone.schemas import check, json_schema

FORMS: dict[str, type] = {
    "devices": DeviceProfile, "regimes": Regime, "countries": Group, "models": ModelFile, "emulation": TimeTable,
    "examples": Represented,
}  # fmt: skip


def schemas() -> dict[str, Any]:
    """The JSON Schema of every file format, by file name."""
    names = {
        "devices": "device", "regimes": "regime", "countries": "country", "models": "model", "emulation": "times",
        "examples": "represented",
    }  # fmt: skip
    found = {f"{names[folder]}.schema.json": json_schema(form) for folder, form in FORMS.items()}
    found["policy.schema.json"] = json_schema(Policy)
    for name, model in (("record", Record), ("fleet", Roll)):
        schema = model.model_json_schema(by_alias=True)
        found[f"{name}.schema.json"] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return found


def checked() -> dict[str, dict[str, str]]:
    """The SHA-256 of every data file, each checked in full, by the name of the form it holds to.

    Raises:
        DataFileError: one breaks its format.
    """
    found: dict[str, dict[str, str]] = {form.__name__: {} for form in FORMS.values()}
    for path in data_files():
        name = path.relative_to(data_root()).as_posix()
        content = read_bytes(path)
        form = FORMS[name.split("/")[0]]
        check(form, parse_toml(content, path), path)
        found[form.__name__][name] = sha256(content)
    return found


@click.command()
def maintain() -> None:
    """Write the JSON Schemas and the list of checked files."""
    for name, schema in schemas().items():
        write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n", data_root() / "schemas" / name)
    write_text(json.dumps(checked(), indent=1, sort_keys=True) + "\n", data_root() / "checked.json")


if __name__ == "__main__":
    maintain()
