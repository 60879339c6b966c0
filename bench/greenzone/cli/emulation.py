"""`greenzone emulation`: how far off the emulated device's times are, and its constants from records of a real part."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from greenzone.cli.options import echo, echo_json, say

if TYPE_CHECKING:
    from greenzone.lab.emulation.validation import Score

PATH = click.Path(path_type=Path)


@click.group()
def emulation() -> None:
    """Validate and calibrate the emulated device."""


@emulation.command()
@click.argument("file", type=PATH, metavar="FILE.csv")
@click.option(
    "--held-out", type=click.Choice(["device", "none"]), default="device", show_default=True,
    help="device: each device is modelled by constants fitted to the others; none: by those that ship.",
)  # fmt: skip
@click.option("--calibrated", type=float, metavar="SHARE", help="Fit to this share of each device's rows first.")
@click.option("--seed", type=int, default=0, show_default=True, help="What draws the rows of --calibrated.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def validate(file: Path, held_out: str, calibrated: float | None, seed: int, as_json: bool) -> None:
    """Compare the time model with measured kernel times.

    FILE.csv has the columns family (linear, bmm, elem, ln, softmax), op, device, latency_ms, b, m, n, k, h: a product
    is (b, m, n) by (b, n, k), the other operators take b rows of h elements. All in fp32.
    """
    from greenzone.lab.emulation.kernel_times import read_times
    from greenzone.lab.emulation.validation import by_family
    from greenzone.lab.emulation.validation import validate as validated

    scores = validated(read_times(file), held_out == "device", calibrated, seed)
    method = _method(held_out, calibrated)
    if as_json:
        document = {
            "schema": "greenzone.emulation_validation/1", "file": str(file), "method": method, "seed": seed,
            "by_family": by_family(scores), "scores": [score.to_json() for score in scores],
        }  # fmt: skip
        echo_json(document)
        return
    _print(scores, by_family(scores), method)


def _method(held_out: str, calibrated: float | None) -> str:
    if calibrated is not None:
        return f"calibrated on {calibrated:g} of each device's rows, the others predicted"
    if held_out == "device":
        return "each device predicted from its datasheet, constants fitted to the other devices"
    return "predicted with the constants that ship"


def _print(scores: "Sequence[Score]", families: dict[str, float], method: str) -> None:
    from rich.text import Text

    from greenzone.report.terminal import section, table

    columns = ("part", "family", "rows", "error", "modelled/measured", "under 1 ms", "1 to 10 ms", "over 10 ms")
    rows = [
        (
            s.profile, s.family, s.rows, f"{s.error:.1%}", f"{s.ratio:.2f}",
            *(f"{s.by_length[name]:.1%}" if name in s.by_length else "" for name in ("short", "medium", "long")),
        )
        for s in scores
    ]  # fmt: skip
    echo(section(f"Mean absolute error, {method}", table(*columns, rows=rows, right=columns[2:])))
    echo(Text("; ".join(f"{family} {error:.1%}" for family, error in families.items()), style="bold"))


@emulation.command()
@click.argument("records", nargs=-1, required=True, type=PATH, metavar="RECORD...")
@click.option("-o", "--output", type=PATH, metavar="PROFILE.toml", help="Write the part's profile with the new table.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def calibrate(records: tuple[Path, ...], output: Path | None, as_json: bool) -> None:
    """Work out the [emulation] table of a part from RECORDs of the real one.

    With -o the part's profile is written to a file of your own with that table in it; the shipped one stays.
    """
    from greenzone.datafiles import read_bytes
    from greenzone.lab.emulation.calibration import calibrate as calibrated
    from greenzone.lab.emulation.calibration import calibrated_text, part_measured
    from greenzone.parts.catalogue import profile_paths
    from greenzone.records.store import read, write_text

    measured = [(str(path), read(path)) for path in records]
    profile = part_measured(measured)
    table = calibrated(profile, measured)
    if output is not None:
        source = f"greenzone records {', '.join(record.run.id for _, record in measured)}"
        write_text(calibrated_text(read_bytes(profile_paths()[profile.id]).decode(), table, source), output)
        say(f"written: {output}", err=True)
    if as_json:
        echo_json({"schema": "greenzone.emulation_calibration/1", "profile": profile.id, "emulation": table})
        return
    _print_table(profile.id, table)


def _print_table(part: str, table: dict[str, Any]) -> None:
    import tomlkit

    say(f"# {part}\n[emulation]")
    for key, value in table.items():
        say(f"{key} = {tomlkit.item(value).as_string() if not isinstance(value, dict) else _shown(value)}")


def _shown(values: dict[str, float]) -> str:
    return "{ " + ", ".join(f"{name} = {value:g}" for name, value in values.items()) + " }"
