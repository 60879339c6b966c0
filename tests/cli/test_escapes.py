"""Names from files of others reach a terminal as text: escape sequences are shown by their code, in every form."""

import json
import os
import pty
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from fuzz.judging import OBEYED
from greenzone.cli.options import echo, say

NAME = "x\x9b31m\x1b[1m\x7f=1"
CALLS = (
    ("classify",), ("classify", "--json"), ("classify", "--format", "csv"), ("verify",), ("verify", "--json"),
    ("export",),
    ("export", "--format", "jsonl"), ("export", "--format", "markdown"), ("export", "--format", "openmetrics"),
    ("export", "--format", "pytest-benchmark"), ("check", "--to", "CN"), ("check", "--to", "CN", "--json"),
    ("check", "--to", "CN", "--github"), ("identify",), ("identify", "--json"), ("headroom",), ("headroom", "--json"),
    ("timeline",), ("matrix",),
)  # fmt: skip


@pytest.fixture
def hostile(emulated_record: Path, tmp_path: Path) -> Path:
    """A record whose every name would colour the terminal."""
    document = json.loads(emulated_record.read_text("utf-8"))
    for holder in (document["device"], document["device"]["part"]):
        holder["name"] = NAME
    for row in document["benchmarks"]:
        row |= {"variant": NAME, "notes": [NAME]}
    document["benchmarks"][0]["format"] = NAME
    document["findings"] = [{"code": NAME, "severity": "info", "text": NAME}]
    document["run"]["id"] = document["tool"]["version"] = NAME
    path = tmp_path / "hostile.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_no_output_has_what_a_terminal_obeys(
    call: tuple[str, ...], hostile: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    # click takes escape sequences out where the output is no terminal, and would hide what is looked for.
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda stream, color: False)
    done = invoke(call[0], hostile, *call[1:])
    assert done.exit_code in (0, 3, 4, 5), done.output
    assert not OBEYED.search(done.output)
    if "--json" in call:
        assert json.loads(done.stdout)


def on_a_terminal(show: Callable[[], None], monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What is written where standard output is a terminal."""
    for name, value in {"TERM": "xterm-256color", "NO_COLOR": "", **environment}.items():
        monkeypatch.setenv(name, value)
    master, slave = pty.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        show()
        terminal.flush()
    written = os.read(master, 1 << 16).decode("utf-8")
    os.close(master)
    return written.replace("\r\n", "\n")


def test_a_terminal_gets_our_colours_and_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.text import Text

    written = on_a_terminal(lambda: echo(Text(NAME, style="bold red")), monkeypatch)
    assert re.fullmatch(r"\x1b\[1;31mx\\u009b31m\\u001b\[1m\\u007f=1\x1b\[0m\n", written)
    assert on_a_terminal(lambda: say(NAME), monkeypatch) == "x\\u009b31m\\u001b[1m\\u007f=1\n"


def test_no_color_asks_for_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.text import Text

    written = on_a_terminal(lambda: echo(Text("caught", style="bold underline red")), monkeypatch, NO_COLOR="1")
    assert written == "caught\n"
