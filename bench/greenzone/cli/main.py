"""The command group, and the one place where an error becomes a sentence and an exit code."""

import importlib
import os
import sys
from typing import Any

import click

from greenzone.errors import GreenzoneError

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
    **{name: f"greenzone.cli.explore:{name}" for name in ("timeline", "matrix", "headroom", "design")},
    "certificate": "greenzone.cli.later:certificate",
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

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GreenzoneError as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Error: stopped before there was anything to keep", err=True)
            ctx.exit(1)
        except BrokenPipeError:
            # The reader of our output went away (`| head`): there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)
        except OSError as error:
            if error.filename is not None or ctx.params.get("debug"):
                raise
            click.echo(f"Error: cannot write the output ({error.strerror or error})", err=True)
            ctx.exit(1)


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
