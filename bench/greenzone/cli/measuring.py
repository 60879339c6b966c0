"""What every command that measures shares: the options that say what, their checks, and an orderly stop."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from greenzone.cli.options import complete, model_ids, today
from greenzone.errors import Interrupted, UsageError
from greenzone.formats import FORMATS
from greenzone.law.transaction import Transaction

if TYPE_CHECKING:
    from greenzone.lab.harness import Request

WORKLOADS = ("matmul", "peak", "memory", "interconnect", "inference")
SEED = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of data and emulated noise."
)


@dataclass(frozen=True, slots=True)
class Measuring:
    """What is to be measured, as the options say it."""

    suite: str
    workloads: tuple[str, ...]
    models: tuple[str, ...]
    formats: tuple[str, ...]
    batches: tuple[int, ...]
    contexts: tuple[int, ...]

    def require(self, **more: object) -> None:
        """Refuse formats that are none, and options of a workload that is not run, rather than pass them by.

        Args:
            more: further options of the inference workload, by name.

        Raises:
            UsageError: which, and what is allowed.
        """
        for name in self.formats:
            if name not in FORMATS:
                raise UsageError(f"--dtype {name}: no such format; allowed: {', '.join(FORMATS)}")
        given: Mapping[str, object] = {
            "--model": self.models, "--batch": self.batches, "--context": self.contexts,
            **{f"--{name}": value for name, value in more.items()},
        }  # fmt: skip
        unused = [name for name, value in given.items() if value]
        if unused and self.workloads and "inference" not in self.workloads:
            raise UsageError(f"{', '.join(unused)}: of the inference workload alone; add --workload inference")

    def request(
        self, device: str, seed: int, folder: Path, on: date | None, known_on: date | None, deal: Transaction,
        fault: str | None = None,
    ) -> "Request":  # fmt: skip
        """The request of one device."""
        from greenzone.lab.harness import Request

        return Request(
            device, self.suite, tuple(dict.fromkeys(self.workloads)), tuple(dict.fromkeys(self.formats)) or None,
            self.models, tuple(dict.fromkeys(self.batches)), tuple(dict.fromkeys(self.contexts)), seed, folder,
            on or today(), known_on or today(), deal, watched=True, fault=fault,
        )  # fmt: skip


def measuring(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is measured."""
    for option in reversed(
        (
            click.option(
                "--suite", type=click.Choice(["quick", "standard", "lab"]), default="quick", show_default=True
            ),
            click.option(
                "--workload", "workloads", type=click.Choice(WORKLOADS), multiple=True,
                help="Only this; may be repeated.",
            ),
            click.option(
                "--model", "models", metavar="ID|FILE", multiple=True, shell_complete=complete(model_ids),
                help="A model of the inference workload, an id or a TOML file; may be repeated.",
            ),
            click.option(
                "--dtype", "formats", metavar="FORMAT", multiple=True, shell_complete=complete(lambda: list(FORMATS)),
                help="Only this number format; may be repeated.",
            ),
            click.option(
                "--batch", "batches", type=click.IntRange(1), multiple=True,
                help="Sequences at once, in inference; repeat for several.",
            ),
            click.option(
                "--context", "contexts", type=click.IntRange(1), multiple=True,
                help="Tokens of context, in inference; repeat for several.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def require_alone(*allowed: str) -> None:
    """What goes on takes everything from where it stopped: refuse options that would say otherwise.

    Raises:
        UsageError: which options to leave out.
    """
    context = click.get_current_context()
    given = [n for n in context.params if context.get_parameter_source(n) is ParameterSource.COMMANDLINE]
    if extra := [n for n in given if n not in ("resume", *allowed)]:
        names = ", ".join(sorted(p.opts[-1] for p in context.command.params if p.name in extra))
        raise UsageError(f"--resume takes everything from the run it goes on with; leave out {names}")


@contextmanager
def stoppable(folder: Path) -> Iterator[None]:
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
