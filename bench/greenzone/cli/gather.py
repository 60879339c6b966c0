"""`greenzone fleet gather`: the records of many devices as one summary, and what does not fit in it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from greenzone.cli.options import FILE, echo, echo_json, say
from greenzone.errors import FileError, InvalidMeasurement, NothingMeasured, UsageError

if TYPE_CHECKING:
    from greenzone.fleet.gathering.reading import Arrival
    from greenzone.fleet.gathering.summary import Fleet


@click.command()
@click.argument("results", nargs=-1, required=True, metavar="RESULTS...", type=click.Path(path_type=Path))
@click.option("-o", "--output", "out", type=FILE, metavar="FILE", help="Write the report page there.")
@click.option(
    "--lines", type=FILE, metavar="FILE.jsonl",
    help="Write each device in one line, without its samples; `fleet gather` reads that back in a moment.",
)  # fmt: skip
@click.option(
    "--racks", type=FILE, metavar="FILE", help="The rack of each node: CSV (node,rack) or TOML (RACK = [NODE])."
)
@click.option("--per-node", type=click.IntRange(1), help="How many devices a node has.  [default: as most nodes have]")
@click.option(
    "--threshold", type=click.FloatRange(1), default=3.5, show_default=True,
    help="Robust standard deviations from which on a device is apart; more in a large lot.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that read records.  [default: one a core]")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def gather(
    results: tuple[Path, ...], out: Path | None, lines: Path | None, racks: Path | None,
    per_node: int | None, threshold: float, workers: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Sum up the records of many devices: each figure over them, and which of them lie apart.

    RESULTS are folders that `greenzone run -o` wrote to, records, or files of --lines. Each record is checked; what
    cannot be used is named and the rest kept. Exits 1 if anything is broken, missing or twice there; 5 if a device
    lies apart or a figure is invalid or unstable; 4 if there is no figure.
    """
    from greenzone.fleet.gathering.places import read_racks
    from greenzone.fleet.gathering.reading import arrivals
    from greenzone.fleet.gathering.summary import summarised, to_json

    if out is not None and out.suffix not in ("", ".html", ".htm"):
        raise UsageError(f"{out}: the page of a fleet is HTML; end its name with .html")
    known = read_racks(racks) if racks else None
    found = _some(arrivals(results, workers or os.cpu_count() or 1, lines), results)
    with _kept(found, lines) if lines else nullcontext(found) as arriving:
        fleet = summarised(arriving, known, per_node, threshold)
    if out:
        from greenzone.fleet.gathering.page import page
        from greenzone.records.store import write_text

        write_text(page(fleet), out)
        say(f"written: {out}", err=True)
    if as_json:
        echo_json(to_json(fleet))
    else:
        from greenzone.fleet.gathering.terminal import fleet as shown

        echo(shown(fleet))
    _end(fleet)


def _some(found: Iterable["Arrival"], results: tuple[Path, ...]) -> Iterator["Arrival"]:
    """What arrives; nothing at all is an error of its own."""
    empty = True
    for arrival in found:
        empty = False
        yield arrival
    if empty:
        where = ", ".join(map(str, results))
        raise FileError(
            f"{where}: holds no record; give folders that `greenzone run -o` wrote to, or a file of --lines"
        )


def _end(fleet: "Fleet") -> None:
    """The exit code of the fleet, with its sentence."""
    code, grave = fleet.exit_code, sum(x.grave for x in fleet.left_out)
    apart = sum(len({o.device for o in lot.outliers}) for lot in fleet.lots)
    unsound = sum(len(lot.unsound) for lot in fleet.lots)
    if code == 1:
        raise FileError(f"{grave} of what was found is not as it should be (see what was left out); the rest is kept")
    if code == 5:
        raise InvalidMeasurement(
            f"{apart} devices lie apart and {unsound} figures are invalid or unstable; run those devices again"
        )
    if code == 4:
        raise NothingMeasured("no device has a figure; look at what the records say of their benchmarks")


@contextmanager
def _kept(found: Iterable["Arrival"], path: Path) -> Iterator[Iterator["Arrival"]]:
    """What arrives, each device written as a line on its way; the file is there once all of them are."""
    from greenzone.records.store import writing

    with writing(path) as stream:
        yield _written(found, stream)


def _written(found: Iterable["Arrival"], stream: IO[bytes]) -> Iterator["Arrival"]:
    from greenzone.fleet.gathering.figures import DeviceSummary

    for arrival in found:
        if isinstance(arrival, DeviceSummary):
            stream.write(arrival.line().encode("utf-8"))
        yield arrival
