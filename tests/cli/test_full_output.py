"""Output that cannot be written: a file on a full disk, a full standard output, a reader that went away."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from fuzz.inputs import CALLS, commands
from fuzz.server import write_fleet
from greenzone.datafiles import data_root

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
Invoke = Callable[..., Result]
OUTPUTS = {"--output", "--plot", "--junit"}
# Written in a folder of their own, which /dev/full is not.
FOLDERS = {("run",), ("identify",), ("fleet", "run")}
WRITING = [
    (path, option.opts[-1])
    for path, command in commands()
    for option in command.params
    if isinstance(option, click.Option) and OUTPUTS & set(option.opts)
    and not (path in FOLDERS and "--output" in option.opts)
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emulated_record: Path, invoke: Invoke) -> Path:
    """The working directory, with the files that the calls name."""
    monkeypatch.chdir(tmp_path)
    Path("record.json").write_bytes(emulated_record.read_bytes())
    Path("shipments.csv").write_bytes((data_root() / "examples" / "shipments.csv").read_bytes())
    assert invoke("sign", "--new-key", "key.pem").exit_code == 0
    write_fleet(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("path", "option"), WRITING, ids=lambda v: v if isinstance(v, str) else " ".join(v))
def test_a_file_that_cannot_be_written_is_said(
    path: tuple[str, ...], option: str, folder: Path, invoke: Invoke
) -> None:
    """A name without an ending is of no form, where one is told by it; everything else is a device that is full."""
    done = invoke(*path, *CALLS[path], option, FULL)
    formless = option == "--plot" or path in (("map",), ("certificate",))
    assert done.exit_code == (2 if formless else 1), done.output
    assert isinstance(done.exception, SystemExit)
    assert len(done.stderr.split("Error: ")) == 2
    # An emulated record calibrates nothing, and says so first.
    assert "/dev/full" in done.stderr or path == ("emulation", "calibrate")


SAYING = [
    ("classify", "nvidia-h20"), ("classify", "nvidia-h20", "--json"), ("classify", "nvidia-h20", "--format", "csv"),
    ("profiles", "list"), ("profiles", "list", "--json"), ("--help",), ("classify", "--help"),
    ("export", "record.json"), ("profiles", "new", "x1", "-o", "-"),
]  # fmt: skip


def process(arguments: tuple[str, ...], stdout: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "greenzone.cli.main", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("arguments", SAYING, ids=" ".join)
def test_a_full_standard_output_is_one_sentence(arguments: tuple[str, ...], folder: Path) -> None:
    with FULL.open("w") as full, process(arguments, full.fileno()) as running:
        _, said = running.communicate(timeout=120)
    assert running.returncode == 1, said
    assert said.splitlines() == ["Error: cannot write the output (No space left on device)"]


@pytest.mark.parametrize("arguments", [("profiles", "list"), ("classify", "nvidia-h20", "--json")], ids=" ".join)
def test_a_reader_that_went_away_is_no_error_to_tell(arguments: tuple[str, ...], folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with process(arguments, writing) as running:
        os.close(writing)
        _, said = running.communicate(timeout=120)
    assert (running.returncode, said) == (1, "")
