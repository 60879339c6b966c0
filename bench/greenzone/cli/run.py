"""`greenzone run`: measure a device and say which clauses it meets."""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from greenzone.cli.options import (
    FILE,
    FOLDER,
    asking,
    complete,
    device_specs,
    echo,
    echo_json,
    fault_names,
    model_ids,
    say,
    today,
)
from greenzone.errors import DeviceError, Interrupted, InvalidMeasurement, NothingMeasured, UsageError
from greenzone.formats import FORMATS
from greenzone.law.transaction import Transaction

if TYPE_CHECKING:
    from greenzone.lab.harness import Outcome, Request

WORKLOADS = ("matmul", "peak", "memory", "interconnect", "inference")


@click.command()
@click.option(
    "--device", "devices", default=("auto",), show_default=True, multiple=True,
    metavar="auto|cuda:N|cpu|emulated:ID", shell_complete=complete(device_specs),
    help="What to measure; several are set side by side. emulated:8xID:2 is the third of an emulated node of eight.",
)  # fmt: skip
@click.option("--suite", type=click.Choice(["quick", "standard", "lab"]), default="quick", show_default=True)
@click.option(
    "--workload", "workloads", type=click.Choice(WORKLOADS), multiple=True, help="Only this; may be repeated."
)
@click.option(
    "--model", "models", metavar="ID|FILE", multiple=True, shell_complete=complete(model_ids),
    help="A model of the inference workload, an id or a TOML file; may be repeated.",
)  # fmt: skip
@click.option(
    "--dtype", "formats", metavar="FORMAT", multiple=True, shell_complete=complete(lambda: list(FORMATS)),
    help="Only this number format; may be repeated.",
)  # fmt: skip
@click.option(
    "--batch", "batches", type=click.IntRange(1), multiple=True,
    help="Sequences at once, in inference; repeat for several.",
)  # fmt: skip
@click.option(
    "--context", "contexts", type=click.IntRange(1), multiple=True,
    help="Tokens of context, in inference; repeat for several.",
)  # fmt: skip
@click.option(
    "--resume", type=FILE, metavar="RECORD", help="Go on with a run that was stopped, with all that it was asked for."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of data and emulated noise."
)
@click.option(
    "-o", "--output", "folder", type=FOLDER, default="results", show_default=True, metavar="DIR",
    help="Where records go.",
)  # fmt: skip
@click.option(
    "--fault", metavar="NAME[@SECONDS]", shell_complete=complete(fault_names),
    help="Switch on a fault of an emulated device, after so many seconds of its own time, and see it found.",
)  # fmt: skip
@click.option(
    "--plot", type=FILE, metavar="FILE", help="Draw prefill and decode of the devices: .svg, .png or .pdf."
)
@click.option("--json", "as_json", is_flag=True, help="Print the record, one JSON document, and nothing else.")
@asking
def run(
    devices: tuple[str, ...], suite: str, workloads: tuple[str, ...], models: tuple[str, ...],
    formats: tuple[str, ...], batches: tuple[int, ...], contexts: tuple[int, ...], resume: Path | None, seed: int,
    folder: Path, fault: str | None, plot: Path | None, as_json: bool, on: date | None, known_on: date | None,
    to: str | None, origin: str | None, kind: str,
    headquarters: str | None, on_sale_us: bool | None,
) -> None:  # fmt: skip
    """Measure a device, work out its parameters, and say which clauses it meets.

    Without an accelerator it says so and takes an emulated NVIDIA H20, every figure labelled emulated.
    Exits 1 if the device was lost or hung, 4 if nothing was measured, 5 if a figure is invalid or unstable.
    """
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"--dtype {name}: no such format; allowed: {', '.join(FORMATS)}")
    if resume is not None:
        _require_alone()
    if plot is not None:
        from greenzone.report.plots import require_form

        require_form(plot)
    _require_inference(workloads, {"--model": models, "--batch": batches, "--context": contexts, "--plot": plot})
    deal = Transaction.of(to, kind, origin, headquarters, on_sale_us)
    with _stoppable(folder):
        from greenzone.lab import harness

        chosen = tuple(dict.fromkeys(workloads)), tuple(dict.fromkeys(formats)) or None
        grid = tuple(dict.fromkeys(batches)), tuple(dict.fromkeys(contexts))
        days = on or today(), known_on or today()
        requests = [
            harness.Request(device, suite, *chosen, models, *grid, seed, folder, *days, deal, watched=True, fault=fault)
            for device in dict.fromkeys(devices)
        ]
        with _progress(as_json) as told:
            if resume is not None:
                outcomes = [harness.resume(resume, told)]
            else:
                outcomes = [harness.run(request, told) for request in requests]
        _print(outcomes, requests[0], as_json)
        if plot is not None:
            from greenzone.report.serving_plot import serving_plot

            serving_plot([outcome.record for outcome in outcomes], plot)
    _exit_code(outcomes)


def _require_alone() -> None:
    """A run that goes on takes everything from its record."""
    context = click.get_current_context()
    given = [n for n in context.params if context.get_parameter_source(n) is ParameterSource.COMMANDLINE]
    if extra := [n for n in given if n not in ("resume", "as_json", "plot")]:
        raise UsageError(f"--resume takes everything from the record; leave out what sets {', '.join(sorted(extra))}")


def _require_inference(workloads: tuple[str, ...], given: Mapping[str, object]) -> None:
    """Refuse options of a workload that is not run, rather than pass them by.

    Raises:
        UsageError: an option of the inference workload, with only others asked for.
    """
    if workloads and "inference" not in workloads and (unused := [name for name, value in given.items() if value]):
        raise UsageError(f"{', '.join(unused)}: of the inference workload alone; add --workload inference")


@contextmanager
def _stoppable(folder: Path) -> Iterator[None]:
    """SIGTERM stops a run as Ctrl-C does: what was finished is kept, and a second signal cannot lose it."""

    def stop(number: int, frame: FrameType | None) -> None:
        for later in (signal.SIGINT, signal.SIGTERM):
            signal.signal(later, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"stopped; what was finished, if anything was, is under {folder}") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A line on standard error that tells what was last finished and how long it has been."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not sys.stderr.isatty()) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda text: bar.update(task, description=f"finished {text}", advance=1)


def _print(outcomes: Sequence["Outcome"], request: "Request", as_json: bool) -> None:
    if as_json:
        documents = [outcome.record.to_json() for outcome in outcomes]
        echo_json(documents[0] if len(documents) == 1 else documents)
        return
    from greenzone.report.beside import beside
    from greenzone.report.run import report_of, run_report

    if len(outcomes) > 1:
        echo(beside([outcome.record for outcome in outcomes]))
        for outcome in outcomes:
            say(f"record: {outcome.path}")
        return
    [outcome] = outcomes
    echo(run_report(report_of(outcome.record, request.on, request.known_on, request.transaction, outcome.path)))


def _exit_code(outcomes: Sequence["Outcome"]) -> None:
    """A device that failed comes first, then an unsound figure of any, then one that gave none."""
    from greenzone.lab import harness

    for outcome in outcomes:
        if failed := [f.text for f in outcome.record.findings if f.code in ("device_lost", "hang")]:
            raise DeviceError(f"the device failed: {failed[0]}; what was measured is in {outcome.path}")
    for outcome in outcomes:
        if rows := harness.unsound(outcome.record):
            names = ", ".join(dict.fromkeys(f"{r.name} {r.format or ''} {r.window or ''} {r.validity}" for r in rows))
            raise InvalidMeasurement(
                f"not sound: {names}; run again on a quiet machine, or check the profile ({outcome.path})"
            )
    for outcome in outcomes:
        if harness.nothing_measured(outcome.record):
            raise NothingMeasured(f"no benchmark gave a figure; the reasons are in {outcome.path}")
