"""README cannot drift: its help and output blocks are what the program prints, its commands exist."""

import re
from pathlib import Path

import pytest
from cogapp import Cog

from greenzone.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def test_generated_blocks_are_fresh(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / "tests"))
    code = Cog().main(["cog", "--check", "--diff", "README.md"])
    assert code == 0, f"README is stale; run: cog -r -I tests README.md\n{capsys.readouterr().out[:4000]}"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_named(command: str) -> None:
    assert re.search(rf"\b{command}\b", README.read_text("utf-8")), command


def test_first_two_commands_are_one_line_each_and_independent() -> None:
    lines = README.read_text("utf-8").splitlines()
    commands = [line.strip() for line in lines[:40] if "python3 -m venv" in line]
    assert len(commands) == 2
    assert commands[0].endswith("greenzone run")
    assert commands[1].endswith("/bin/pytest")


def test_every_relative_link_resolves() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)]+)\)", README.read_text("utf-8")):
        assert (ROOT / target.split("#")[0]).exists(), target
