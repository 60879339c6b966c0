"""`greenzone run`: measure a device and say which clauses it meets."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from greenzone.cli.measuring import SEED, Measuring, measuring, require_alone, stoppable
from greenzone.cli.options import (
    FILE,
    FOLDER,
    asking,
    complete,
    device_specs,
    echo,
    echo_json,
    fault_names,
    say,
)
from greenzone.errors import DeviceError, InvalidMeasurement, NothingMeasured
from greenzone.law.transaction import Transaction

if TYPE_CHECKING:
    from greenzone.lab.harness import Outcome, Request

AUTO = ("auto",)


@click.command()
@click.option(
    "--device", "devices", default=AUTO, show_default=True, multiple=True,
    metavar="auto|cuda:N|cpu|emulated:ID", shell_complete=complete(device_specs),
    help="What to measure; several are set side by side. emulated:8xID:2 is the third of an emulated node of eight.",
)  # fmt: skip
@measuring
@click.option(
    "--resume", type=FILE, metavar="RECORD", help="Go on with a run that was stopped, with all that it was asked for."
)
@SEED
@click.option(
    "-o", "--output", "folder", type=FOLDER, default="results", show_default=True, metavar="DIR",
    help="Where records go.",
)  # fmt: skip
@click.option(
    "--fault", metavar="NAME[:FACTOR][@SECONDS]", shell_complete=complete(fault_names),
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
    asked = Measuring(suite, workloads, models, formats, batches, contexts)
    if resume is not None:
        require_alone("devices", "models", "as_json", "plot")
    if plot is not None:
        from greenzone.report.plots import require_form

        require_form(plot)
    asked.require(plot=plot)
    deal = Transaction.of(to, kind, origin, headquarters, on_sale_us)
    with stoppable(folder):
        from greenzone.lab import harness

        requests = [
            asked.request(device, seed, folder, on, known_on, deal, fault) for device in dict.fromkeys(devices)
        ]
        with _progress(as_json) as told:
            if resume is not None:
                again = () if devices == AUTO else devices
                outcomes = [harness.resume(resume, told, models, again)]
            else:
                outcomes = [harness.run(request, told) for request in requests]
        _print(outcomes, requests[0], as_json)
        if plot is not None:
            from greenzone.report.serving_plot import serving_plot

            serving_plot([outcome.record for outcome in outcomes], plot)
    _exit_code(outcomes)


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
