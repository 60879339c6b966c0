"""The command group, and the one place where an error becomes a sentence and an exit code."""

import importlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from greenzone.errors import GreenzoneError
from greenzone.report.plain import plain

CANNOT_PRINT = "cannot write the output"
_MOST_LINES = 200  # of an error: a file of a hundred thousand faults is told by its first
COMMANDS = {
    "run": "greenzone.cli.run:run",
    "classify": "greenzone.cli.classify:classify",
    "profiles": "greenzone.cli.profiles:profiles",
    "regimes": "greenzone.cli.catalogue:regimes",
    "models": "greenzone.cli.models:models",
    "devices": "greenzone.cli.catalogue:devices",
    "tiers": "greenzone.cli.profiles:tiers",
    "identify": "greenzone.cli.identify:identify",
    "sign": "greenzone.cli.signing:sign",
    "verify": "greenzone.cli.signing:verify",
    "emulation": "greenzone.cli.emulation:emulation",
    "ledger": "greenzone.cli.ledger:ledger",
    "check": "greenzone.cli.check:check",
    "compare": "greenzone.cli.compare:compare",
    "export": "greenzone.cli.export:export",
    "map": "greenzone.cli.map:map",
    "report": "greenzone.cli.report:report",
    "fleet": "greenzone.cli.fleet:fleet",
    "certificate": "greenzone.cli.certificate:certificate",
    **{name: f"greenzone.cli.explore:{name}" for name in ("timeline", "matrix", "headroom", "design")},
}  # fmt: skip


class Lazy(click.Group):
    """A group whose commands are imported only when they are called or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from greenzone.errors import unknown

            raise click.UsageError(str(unknown("command", args[0], COMMANDS)), ctx)
        return super().resolve_command(ctx, args)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        try:
            with _shown():
                return super().make_context(info_name, args, parent, **extra)
        except OSError as error:  # --help and --version print before there is a command
            if error.filename is not None or isinstance(error, BrokenPipeError):
                raise
            click.echo(f"Error: {CANNOT_PRINT} ({error.strerror or error})", err=True)
            raise SystemExit(1) from None

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A name outside the terminal's character set is shown escaped, not refused.
                stream.reconfigure(errors="backslashreplace")
        try:
            with _shown():
                return super().invoke(ctx)
        except GreenzoneError as error:
            _refuse(ctx, error, str(error), error.exit_code)
        except KeyboardInterrupt:
            click.echo("Error: stopped before there was anything to keep", err=True)
            ctx.exit(1)
        except BrokenPipeError:
            # The reader of our output went away (`| head`): there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)
        except OSError as error:
            why = error.strerror or error
            path = f"{why}; check the path and its rights: {error.filename}"
            _refuse(ctx, error, path if error.filename is not None else f"{CANNOT_PRINT} ({why})", 1)
        except MemoryError as error:
            _refuse(ctx, error, "out of memory; give it less to do at once, or more memory", 1)


def _refuse(ctx: click.Context, error: BaseException, text: str, code: int) -> None:
    """Say an error and end; with --debug, raise it instead."""
    if ctx.params.get("debug"):
        raise error
    click.echo(f"Error: {_plain(text)}", err=True)
    ctx.exit(code)


@contextmanager
def _shown() -> Iterator[None]:
    """What click refuses repeats what was typed, or what a script read from a file and passed on."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise click.UsageError(_plain(error.format_message()), error.ctx) from None
    except click.ClickException as error:
        raise click.ClickException(_plain(error.format_message())) from None


def _plain(text: str) -> str:
    """Lines that a terminal shows and does not obey."""
    lines = [plain(line) for line in text.split("\n")]
    more = [f"and {len(lines) - _MOST_LINES:,} more"] if len(lines) > _MOST_LINES else []
    return "\n".join([*lines[:_MOST_LINES], *more])


CONTEXT = {"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "GREENZONE", "max_content_width": 110}


@click.group(cls=Lazy, context_settings=CONTEXT)
@click.version_option(package_name="greenzone", prog_name="greenzone")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Measure an accelerator, set it beside its claims, and say which export-control clauses it meets.

    Exit codes: 0 done; 1 could not do it; 2 usage; 3 policy violated; 4 no verdict; 5 measurement
    invalid or unstable, or a record that does not verify. Nothing here is legal advice.
    """


if __name__ == "__main__":
    main()
