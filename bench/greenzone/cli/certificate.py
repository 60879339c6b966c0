"""`greenzone certificate`: a lot held to what a licence application represents of it, by a written method."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from greenzone.cli.options import FILE, FOLDER, echo_json, say, today
from greenzone.errors import UsageError

if TYPE_CHECKING:
    from greenzone.parts.catalogue import Catalogue
    from greenzone.parts.profile import DeviceProfile
    from greenzone.policy.certifying.certificate import Certificate
    from greenzone.policy.certifying.examining import Examined
    from greenzone.policy.certifying.represented import Represented

MOST_LINES = 30  # of what is printed: a lot may have hundreds of units
FORMS = (".html", ".json")


@click.command()
@click.argument("records", nargs=-1, metavar="RECORD...", type=click.Path(path_type=Path))
@click.option(
    "--represented", "represented_file", type=FILE, metavar="FILE",
    help="What the licence application says of the lot, and the decision rule (TOML).",
)  # fmt: skip
@click.option(
    "-o", "--output", "outs", type=FILE, metavar="FILE", multiple=True,
    help="Where it is written, as .html or .json; may be repeated.  [default: certificate.html]",
)  # fmt: skip
@click.option("--public-key", "key", type=FILE, metavar="FILE", help="Refuse records that this key did not sign.")
@click.option("--profiles", "folder", type=FOLDER, metavar="DIR", help="A folder of profiles of your own.")
@click.option("--method", "as_method", is_flag=True, help="Print the method and its SHA-256, and do nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print the certificate as one JSON document.")
@click.pass_context
def certificate(
    ctx: click.Context, records: tuple[Path, ...], represented_file: Path | None, outs: tuple[Path, ...],
    key: Path | None, folder: Path | None, as_method: bool, as_json: bool,
) -> None:  # fmt: skip
    """Hold the records of a lot to represented values, by the method of Supplement No. 2 to part 748, (dd).

    RECORD is a file that `greenzone run --suite lab` wrote, or a folder of them; each is worked out again first. The
    certificate says of every unit and quantity what was measured, what the silicon could do, what was searched and
    what was not, and no more.

    Exits 0 if the lot passes: every record holds, nothing was found above a represented value, and every ceiling is
    at or below it; 3 if a represented value is exceeded; 4 if there is no statement (a ceiling that is higher or not
    known, something not measured or not represented, too few units, a run that departs from the method, an
    emulated device); 5 if the evidence does not stand (a record that does not verify, a figure above what is
    possible); 1 and 2 if it could not be asked. Where several hold: 1, 2, 5, 3, 4, 0.
    """
    if as_method:
        _print_method(as_json)
        return
    if represented_file is None or not records:
        raise UsageError("give RECORD... and --represented FILE; `greenzone certificate --method` prints the method")
    for out in outs:
        if out.suffix not in FORMS:
            raise UsageError(f"{out}: a certificate is written as {' or '.join(FORMS)}; name the file so")
    found = _certificate(_paths(records), represented_file, folder, key)
    for out in outs or (() if as_json else (Path("certificate.html"),)):
        _write(found, out)
    if as_json:
        echo_json(found.to_json())
    else:
        _print(found)
    ctx.exit(found.exit_code)


def _print(found: "Certificate") -> None:
    """The answer, and what keeps it from being a pass, the worst first; the files written have all of it."""
    say(found.statement)
    lines = _grouped(found)
    for line in lines[:MOST_LINES]:
        say(f"  {line}")
    if len(lines) > MOST_LINES:
        say(f"  and {len(lines) - MOST_LINES} more lines, in the file that was written")


def _grouped(found: "Certificate") -> list[str]:
    """What keeps a lot from passing, the worst first; what is the same of several units in one line."""
    rules: dict[tuple[str, str], list[str]] = {}
    for status in ("invalid", "violated", "undecided", "warn"):
        for line in found.lines:
            if line.status == status:
                rules.setdefault((status, line.text), []).append(line.rule)
    return [f"{status}: {_many(names)}: {text}" for (status, text), names in rules.items()]


def _many(names: Sequence[str]) -> str:
    """One line of the lot or of a unit, or how many units it is of."""
    return names[0] if len(names) == 1 else f"{len(names)} units, {names[0].removeprefix('unit ')} the first"


def _print_method(as_json: bool) -> None:
    from greenzone.policy.certifying.method import load_method

    method = load_method()
    if as_json:
        echo_json({"schema": "greenzone.method/1", **asdict(method)})
        return
    say(f"{method.text}\nSHA-256 of this text: {method.sha256}")


def _paths(given: Sequence[Path]) -> list[Path]:
    """The records named, each once; of a folder every one in it."""
    from greenzone.records import store

    found: list[Path] = []
    for path in given:
        found += [file for file, _ in store.read_all(path)] if path.is_dir() else [path]
    return list({os.path.realpath(path): path for path in found}.values())  # a link in a circle is said when it is read


def _certificate(paths: Sequence[Path], represented_file: Path, folder: Path | None, key: Path | None) -> "Certificate":
    from greenzone.datafiles import read_bytes, sha256
    from greenzone.parts.catalogue import load_catalogue, load_profile
    from greenzone.policy.certifying.certificate import Certificate
    from greenzone.policy.certifying.method import load_method
    from greenzone.policy.certifying.represented import load_represented

    represented = load_represented(represented_file)
    profile = load_profile(represented.part, folder)
    examined = tuple(_examined(paths, represented, profile, load_catalogue(folder), folder, key))
    own = sha256(read_bytes(represented_file))
    return Certificate(represented, own, profile, load_method(), examined, today())


def _examined(
    paths: Sequence[Path], represented: "Represented", profile: "DeviceProfile", known: "Catalogue",
    folder: Path | None, key: Path | None,
) -> Iterator["Examined"]:  # fmt: skip
    """One record after the other: a lot may have hundreds, and each is kept without its samples."""
    from greenzone.datafiles import sha256
    from greenzone.policy.certifying.examining import File, examine, signature_of
    from greenzone.records import store

    for n, path in enumerate(paths, 1):
        say(f"record {n} of {len(paths)}: {path}", err=True)
        content = store.content(path)
        document = store.decoded(content, path)
        record = store.parse(document, path)
        envelope = path.with_name(f"{path.name.removesuffix('.json')}.dsse.json")
        said, refusal = signature_of(content, document, envelope, key)
        file = File(path.name, sha256(content), said, refusal)
        yield examine(file, document, record, represented, profile, known, folder)


def _write(found: "Certificate", out: Path) -> None:
    import json

    from greenzone.records.store import write_text

    if out.suffix == ".json":
        write_text(json.dumps(found.to_json(), indent=1, allow_nan=False, ensure_ascii=False) + "\n", out)
    else:
        from greenzone.report.certificate import page

        write_text(page(found), out)
    say(f"written: {out}", err=True)
