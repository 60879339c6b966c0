"""`greenzone check`: the gate of a pipeline. The exit code is the answer; the rest says why."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from greenzone.cli.options import FILE, FOLDER, asking, complete, echo, echo_json, profile_ids, say, today
from greenzone.errors import UsageError
from greenzone.law.transaction import Transaction

if TYPE_CHECKING:
    from greenzone.policy.document import Policy
    from greenzone.policy.gate import Check, Subject
    from greenzone.records.record import Record


@click.command()
@click.argument(
    "subjects", nargs=-1, required=True, metavar="PROFILE|RECORD|FOLDER...", shell_complete=complete(profile_ids)
)
@click.option(
    "--policy", "policy_file", type=FILE, metavar="FILE",
    help="What is forbidden, and which evidence counts.  [default: every control that asks a licence --to]",
)  # fmt: skip
@click.option("--profiles", "folder", type=FOLDER, metavar="DIR", help="A folder of profiles of your own.")
@asking
@click.option("--junit", type=FILE, metavar="FILE", help="Write JUnit XML: a suite a regime, a case a clause.")
@click.option("--github", is_flag=True, help="Annotations, and the step's summary and outputs on GitHub.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document: an object, or an array for several.")
@click.pass_context
def check(
    ctx: click.Context, subjects: tuple[str, ...], policy_file: Path | None, folder: Path | None,
    on: date | None, known_on: date | None, to: str | None, origin: str | None, kind: str,
    headquarters: str | None, on_sale_us: bool | None, junit: Path | None, github: bool, as_json: bool,
) -> None:  # fmt: skip
    """Say whether parts or records keep to a policy, which line of it failed, and by how much.

    Exits 0 if the policy holds; 3 if it is violated (caught, or a claim contradicted by the measurement); 4 without
    a verdict (undecided, nothing measured, a record that is emulated, too old, or of a slice); 5 if the measurement
    is invalid, unstable or has regressed; 1 and 2 if it could not be asked. Where several hold: 1, 2, 5, 3, 4, 0.
    """
    from greenzone.policy.gate import check as checked
    from greenzone.policy.lines import exit_code

    deal = Transaction.of(to, kind, origin, headquarters, on_sale_us)
    policy, baseline = _policy(policy_file, deal)
    beside = _read(baseline) if baseline else None
    asked = [replace(one, baseline=beside) for ref in subjects for one in _subjects(ref, folder)]
    days = on or policy.on or today(), known_on or today(), today()
    found = [checked(one, policy, *days, deal) for one in asked]
    if junit:
        _write_junit(found, junit)
    if github:
        _tell_github(found, as_json)
    _print(found, as_json)
    ctx.exit(exit_code([line for one in found for line in one.lines]))


def _policy(path: Path | None, deal: Transaction) -> tuple["Policy", Path | None]:
    from greenzone.policy.document import DEFAULT, load_policy

    if path is not None:
        return load_policy(path)
    if deal.to is None:
        raise UsageError(
            'give a policy with --policy FILE (schema = 1, then a table [[forbid]] with regime = "us-3a090"), or the '
            "destination with --to CC: without a policy every control that asks a licence to go there is forbidden"
        )
    return DEFAULT, None


def _read(path: Path) -> "Record":
    from greenzone.records.store import read

    return read(path)


def _subjects(ref: str, folder: Path | None) -> list["Subject"]:
    """A part, a record, or every record of a folder, as a fleet leaves it."""
    from greenzone.parts.capability import part_of
    from greenzone.parts.catalogue import load_profile, profile_paths
    from greenzone.policy.gate import Subject
    from greenzone.records.store import read_all
    from greenzone.records.subject import part_of_record

    is_folder = Path(ref).is_dir() and ref not in profile_paths(folder)
    if is_folder or ref.endswith(".json"):
        return [Subject(part_of_record(record, str(path)), record) for path, record in read_all(Path(ref))]
    return [Subject(part_of(load_profile(ref, folder)))]


def _write_junit(found: Sequence["Check"], path: Path) -> None:
    from greenzone.records.store import write_text
    from greenzone.report.junit import junit

    write_text(junit(found), path)


def _tell_github(found: Sequence["Check"], as_json: bool) -> None:
    from greenzone.report import github

    for line in github.annotations(found):
        say(line, err=as_json)
    for name, write in (("GITHUB_STEP_SUMMARY", github.write_summary), ("GITHUB_OUTPUT", github.write_outputs)):
        if path := os.environ.get(name):
            write(found, Path(path))


def _print(found: Sequence["Check"], as_json: bool) -> None:
    if as_json:
        documents = [one.to_json() for one in found]
        echo_json(documents[0] if len(documents) == 1 else documents)
        return
    from greenzone.report.gate import gate

    for one in found:
        echo(gate(one))
