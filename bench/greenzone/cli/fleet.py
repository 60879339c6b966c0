"""`greenzone fleet`: many devices, measured each exactly once."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from greenzone.cli.gather import gather
from greenzone.cli.measuring import SEED, Measuring, measuring, require_alone, stoppable
from greenzone.cli.options import FOLDER, asking, complete, device_specs, echo, echo_json
from greenzone.errors import DeviceError, InvalidMeasurement, NothingMeasured, RecordError, UsageError
from greenzone.law.transaction import Transaction

if TYPE_CHECKING:
    from greenzone.fleet.engines.engine import Engine
    from greenzone.fleet.roll import Entry, Roll

ENGINES = ("subprocess", "in-process", "ray")
_FAULT = re.compile(r"(\d+):(.+)")


@click.group()
def fleet() -> None:
    """Many devices: measure each exactly once, gather their records, and say which of them lie apart."""


fleet.add_command(gather)


@fleet.command()
@click.option(
    "--device", "devices", multiple=True, metavar="all|cuda:N|cpu|emulated:8xID", shell_complete=complete(device_specs),
    help="What to measure; may be repeated. emulated:8xID is every device of an emulated node.  [default: all]",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(ENGINES), default="subprocess", show_default=True,
    help="A process for each device of this machine; this process, one after another; or a Ray cluster.",
)  # fmt: skip
@click.option("--address", metavar="auto|local|HOST:PORT", help="The Ray cluster; implies --engine ray.")
@click.option("--serial", is_flag=True, help="Devices of one host in turns: for links and memory that they share.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
    help="A device that takes longer is ended and named.  [default: half an hour to 12, by suite]",
)  # fmt: skip
@click.option("--expect", "expected", type=click.IntRange(1), metavar="N", help="How many devices there should be.")
@measuring
@click.option(
    "--resume", type=FOLDER, metavar="DIR",
    help="Go on with a fleet that was stopped: what is finished is kept, the rest is measured.",
)  # fmt: skip
@SEED
@click.option(
    "-o", "--output", "folder", type=FOLDER, metavar="DIR",
    help="Where the roll and the records go.  [default: a new folder in results]",
)  # fmt: skip
@click.option(
    "--fault", "faults", multiple=True, metavar="DEVICE:NAME[:FACTOR][@SECONDS]",
    help="Switch on a fault of one emulated device, by its number in the fleet: 3:slow-sibling:3 is a third as fast.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the roll, one JSON document, and nothing else.")
@asking
def run(
    devices: tuple[str, ...], engine: str, address: str | None, serial: bool, timeout_s: float | None,
    expected: int | None, suite: str, workloads: tuple[str, ...], models: tuple[str, ...], formats: tuple[str, ...],
    batches: tuple[int, ...], contexts: tuple[int, ...], resume: Path | None, seed: int, folder: Path | None,
    faults: tuple[str, ...], as_json: bool, on: date | None, known_on: date | None, to: str | None,
    origin: str | None, kind: str, headquarters: str | None, on_sale_us: bool | None,
) -> None:  # fmt: skip
    """Measure every device of a machine or a cluster, and call the roll: each exactly once, by its identity.

    A device that dies, hangs, is missing, or is there twice is named, and the rest is kept. Exits 1 if there is one,
    5 if a figure is invalid or unstable, 4 if a device gave none.
    """
    asked = Measuring(suite, workloads, models, formats, batches, contexts)
    asked.require()
    if resume is not None:
        require_alone("devices", "models", "address", "timeout_s", "as_json")
    deal = Transaction.of(to, kind, origin, headquarters, on_sale_us)
    where = resume or folder or Path("results") / f"fleet-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    with stoppable(where):
        from greenzone.fleet.conduct import new_roll
        from greenzone.fleet.roll import FILE, read_roll, require_restated
        from greenzone.records.held import held

        with held(where / FILE):  # from before it is read: a roll that another process writes grows old
            if resume is not None:
                roll = read_roll(where)
                require_restated(roll, devices, models, address)
                roll.timeout_s = timeout_s or roll.timeout_s
            else:
                name = "ray" if address and engine == "subprocess" else engine
                _require_engine(name, address, timeout_s, serial)
                request, named = asked.request("", seed, where, on, known_on, deal), _named(devices)
                roll = new_roll(request, name, named, address=address, serial=serial, timeout_s=timeout_s)
            _conduct(roll, where, _faults(faults), expected, models, as_json)
    _exit_code(roll, where)


def _conduct(
    roll: "Roll", folder: Path, faults: Mapping[int, str], expected: int | None, models: Sequence[str], as_json: bool
) -> None:
    from greenzone.fleet.conduct import call, conduct

    with _opened(roll, folder) as opened:
        slots = call(roll, opened, folder, faults, expected, models)
        try:
            with _progress(roll, as_json) as heard:
                conduct(roll, slots, opened, folder, heard, models)
        finally:
            _print(roll, folder, as_json)


def _require_engine(name: str, address: str | None, timeout_s: float | None, serial: bool) -> None:
    if address and name != "ray":
        raise UsageError(f"--address {address}: of the Ray engine; leave --engine {name} out")
    if name == "in-process" and (timeout_s or serial):
        raise UsageError("--engine in-process measures in turns and can end nothing: leave out --timeout and --serial")


def _named(devices: tuple[str, ...]) -> list[str]:
    if "all" in devices and len(devices) > 1:
        raise UsageError("--device all takes every accelerator: name no other beside it")
    return [name for name in devices if name != "all"]


def _faults(texts: tuple[str, ...]) -> dict[int, str]:
    found = {}
    for text in texts:
        match = _FAULT.fullmatch(text)
        if match is None:
            raise UsageError(f"--fault {text}: write DEVICE:NAME, the device by its number, as in 3:slow-sibling")
        found[int(match[1])] = match[2]
    return found


def _opened(roll: "Roll", folder: Path) -> "AbstractContextManager[Engine]":
    if roll.engine not in ENGINES:
        raise RecordError(f"{folder}: its roll names the engine {roll.engine!r:.40}; allowed: {', '.join(ENGINES)}")
    if roll.engine == "ray":
        from greenzone.fleet.engines.ray_engine import cluster

        return cluster(roll.address or "auto", roll.timeout_s, roll.serial)
    if roll.engine == "in-process":
        from greenzone.fleet.engines.in_process import InProcessEngine

        return nullcontext(InProcessEngine())
    from greenzone.fleet.engines.subprocess_engine import SubprocessEngine

    return nullcontext(SubprocessEngine(roll.timeout_s, roll.serial))


@contextmanager
def _progress(roll: "Roll", quiet: bool) -> Iterator[Callable[["Entry", str | None], None]]:
    """On standard error a line for each device under way with what it last finished, and one that stays at its end."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    shown = not quiet and sys.stderr.isatty()
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        tasks: dict[int, TaskID] = {}

        def heard(entry: "Entry", text: str | None) -> None:
            title = f"{entry.number} {entry.node} {entry.device}"
            if entry.number not in tasks:
                tasks[entry.number] = bar.add_task(title, total=None)
            if text is not None:
                bar.update(tasks[entry.number], description=f"{title}: finished {text}")
                return
            bar.remove_task(tasks.pop(entry.number))
            if not quiet:
                ended = sum(1 for e in roll.entries if e.state != "waiting")
                console.print(f"{ended} of {len(roll.entries)}: {title} {entry.state}", markup=False, soft_wrap=True)

        yield heard


def _print(roll: "Roll", folder: Path, as_json: bool) -> None:
    if as_json:
        echo_json(roll.model_dump(mode="json", by_alias=True))
        return
    from greenzone.fleet.table import roll_table

    echo(roll_table(roll, folder))


def _exit_code(roll: "Roll", folder: Path) -> None:
    """A device that was not measured comes first, then an unsound figure of any, then one that gave none."""
    told: Mapping[int, tuple[type[Exception], str]] = {
        1: (DeviceError, "without a whole record of their own"),
        5: (InvalidMeasurement, "with a figure that is not sound; run again on a quiet machine, or check the profile"),
        4: (NothingMeasured, "without a figure"),
    }
    if code := roll.exit_code:
        error, words = told[code]
        those = [f"{e.number} ({e.state})" if code == 1 else str(e.number) for e in roll.entries if e.exit_code == code]
        raise error(f"{len(those)} of {len(roll.entries)} devices {words}: {', '.join(those)}; the rest is in {folder}")
