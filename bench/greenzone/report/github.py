"""What GitHub Actions reads: annotations on the log, a summary of the step, outputs of the step.

The commands and their escapes are those of "Workflow commands for GitHub Actions",
https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

import re
from collections.abc import Sequence
from pathlib import Path

from greenzone.errors import FileError
from greenzone.policy.gate import Check, words
from greenzone.policy.lines import exit_code
from greenzone.report.gate import markdown, ordered

SUMMARY_MAX_BYTES = 1 << 20  # for one step, says the page above; a longer one is not shown at all
_CONTROL = re.compile("[\x00-\x1f\x7f\u0085\u2028\u2029]")
ANNOTATIONS_MAX = 10  # of one kind from one step are shown


def annotations(checks: Sequence[Check]) -> list[str]:
    """One workflow command for each line that failed or warns, as many as are shown."""
    lines = [(line, f"{c.part.id or c.part.name}: {line.text}") for c in checks for line in ordered(c)]
    failed = [_command("error", line.rule, text) for line, text in lines if line.failed]
    warned = [_command("warning", line.rule, text) for line, text in lines if line.status == "warn"]
    return [*failed[:ANNOTATIONS_MAX], *warned[:ANNOTATIONS_MAX]]


def _command(kind: str, title: str, text: str) -> str:
    return f"::{kind} title={_property(f'greenzone: {title}')}::{_data(text)}"


def _data(text: str) -> str:
    return _CONTROL.sub(" ", text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def write_summary(checks: Sequence[Check], path: Path) -> None:
    """Append to the file that $GITHUB_STEP_SUMMARY names, as far as the step's limit goes.

    Raises:
        FileError: it cannot be written.
    """
    text = "\n".join(map(markdown, checks)).encode("utf-8", "replace")
    room = SUMMARY_MAX_BYTES - (path.stat().st_size if path.exists() else 0)
    _append(path, text if len(text) <= room else b"")


def write_outputs(checks: Sequence[Check], path: Path) -> None:
    """Append `exit-code`, `verdict`, `device` and `failed` to the file that $GITHUB_OUTPUT names.

    Raises:
        FileError: it cannot be written.
    """
    lines = [line for check in checks for line in check.lines]
    values = {
        "exit-code": str(exit_code(lines)), "verdict": words(checks),
        "device": ", ".join(check.part.id or check.part.name for check in checks),
        "failed": str(sum(line.failed for line in lines)),
    }  # fmt: skip
    # A line break in a value would begin an output of its own.
    text = "".join(f"{name}={_CONTROL.sub(' ', value)}\n" for name, value in values.items())
    _append(path, text.encode("utf-8", "replace"))


def _append(path: Path, content: bytes) -> None:
    try:
        with path.open("ab") as stream:
            stream.write(content)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror or error}); GitHub names this file") from None
