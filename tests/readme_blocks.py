"""The generated blocks of README: run by cog, checked by a test."""

import os
import tempfile
from pathlib import Path

from click.testing import CliRunner

from greenzone.cli.main import main

WIDTH = "100"


def block(command: str, first: int | None = None) -> str:
    """A console block of a command and its output, at most so many lines of it."""
    output = invoke(command.split()[1:])
    lines = [line.rstrip() for line in output.splitlines()]
    if first is not None and len(lines) > first:
        lines = [*lines[:first], "..."]
    return "\n".join(["```console", f"$ {command}", *lines, "```"])


def invoke(arguments: list[str]) -> str:
    """The standard output of a command, as wide as README is; records go to a folder that is thrown away."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDTH
    try:
        with tempfile.TemporaryDirectory() as folder:
            writes = arguments[0] in ("run", "identify") and "-h" not in arguments
            extra = ["-o", folder] if writes else []
            result = CliRunner().invoke(main, [*arguments, *extra], prog_name="greenzone")
            text: str = result.stdout
            return text.replace(str(Path(folder)), "results")
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
