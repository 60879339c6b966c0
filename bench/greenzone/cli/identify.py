"""`greenzone identify`: which known part a device behaves like."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from greenzone.cli.options import FOLDER, complete, device_specs, echo, echo_json, say
from greenzone.cli.profiles import OWN, loaded
from greenzone.errors import NothingMeasured, RecordError, UsageError

if TYPE_CHECKING:
    from greenzone.lab.fingerprint import Fingerprint
    from greenzone.lab.identify import Identity
    from greenzone.records.record import Record


@click.command()
@click.argument("records", nargs=-1, metavar="[RECORD]...", type=click.Path(path_type=Path))
@click.option(
    "--device", metavar="auto|cuda:N|cpu|emulated:ID", shell_complete=complete(device_specs),
    help="Measure this device first: products and memory, the quick suite.",
)  # fmt: skip
@OWN
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="How many parts to show.")
@click.option(
    "-o", "--output", "out", type=FOLDER, default="results", show_default=True, metavar="DIR",
    help="Where the record of --device goes.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document: an object, or an array for several records.")
def identify(
    records: tuple[Path, ...], device: str | None, folder: Path | None, top: int, out: Path, as_json: bool
) -> None:
    """Say which known parts a device behaves like, and what does not fit the name it gives itself.

    From RECORDs, or from a device that is measured first. The name is not looked at for the ranking:
    rates by format, bandwidth, memory, units and clock are. Several records of one name are compared with
    each other too.
    """
    from greenzone.lab.identify import identify as identified
    from greenzone.lab.identify import siblings

    measured = _records(records, device, out)
    prints = [_seen(where, record) for where, record in measured]
    for (where, _), one in zip(measured, prints, strict=True):
        if one.is_empty:
            raise NothingMeasured(f"{where}: nothing was measured that tells parts apart; run matmul and memory first")
    profiles = loaded(folder).profiles
    found = [identified(f, profiles) for f in prints]
    slow = siblings(prints)
    documents = [
        _document(identity, where, [text for n, text in slow if n == place], top)
        for place, (identity, (where, _)) in enumerate(zip(found, measured, strict=True))
    ]
    if as_json:
        echo_json(documents[0] if len(documents) == 1 else documents)
        return
    for document in documents:
        _print(document)


def _records(paths: tuple[Path, ...], device: str | None, out: Path) -> list[tuple[str, "Record"]]:
    from greenzone.records.store import read

    if bool(paths) == bool(device):
        raise UsageError("give RECORDs, or a device to measure with --device, and not both")
    if device is None:
        return [(str(path), read(path)) for path in paths]
    from greenzone.lab.harness import Request, run

    outcome = run(Request(device, workloads=("matmul", "memory"), folder=out))
    say(f"measured: {outcome.path}", err=True)
    return [(str(outcome.path), outcome.record)]


def _seen(where: str, record: "Record") -> "Fingerprint":
    from greenzone.lab.fingerprint import seen

    try:
        return seen(record)
    except RecordError as error:
        raise RecordError(f"{where}: {error}") from None


def _document(identity: "Identity", where: str, slow: list[str], top: int) -> dict[str, Any]:
    f = identity.fingerprint
    return {
        "schema": "greenzone.identity/1", "record": where, "emulated": f.emulated,
        "reported": {"name": f.name, "profiles": [p.id for p in identity.reported]},
        "seen": {
            "memory_gb": f.memory_gb, "units": f.units, "clock_mhz": f.clock_mhz, "rates_tops": dict(f.rates),
            "burst_tops": dict(f.burst), "bandwidth_gb_s": dict(f.streams),
        },
        "likeliest": [c.profile.id for c in identity.likeliest],
        "candidates": [c.to_json() for c in identity.ranked[:top]],
        "findings": [{"code": c, "text": t} for c, t in identity.findings]
        + [{"code": "slower_than_siblings", "text": t} for t in slow],
    }  # fmt: skip


def _print(document: dict[str, Any]) -> None:
    from rich.text import Text

    from greenzone.report.terminal import section, table

    if document["emulated"]:
        echo(Text("EMULATED: the figures are of an emulated device", style="bold magenta"))
    named = document["reported"]
    words = f"names itself {named['name']} ({', '.join(named['profiles']) or 'no profile of that name'})"
    echo(Text(words if named["name"] else "gives itself no name"))
    together = document["likeliest"]
    tail = "" if len(together) < 2 else ", which cannot be told apart from what was measured"
    echo(Text(f"behaves like {', '.join(together) or 'no part that is known'}{tail}", style="bold"))
    rows = [
        (c["id"], f"{c['distance']:.2f}", c["likeness"], "; ".join(m["text"] for m in c["misfits"][:2]))
        for c in document["candidates"]
    ]
    echo(section("Nearest parts", table("part", "distance", "likeness", "what does not fit most", rows=rows)))
    for finding in document["findings"]:
        echo(Text(f"finding: {finding['text']}"))
    words = "A likeness is no proof of identity; the distance is in standard deviations of usual rates."
    echo(Text(words, style="dim"))
