"""Fixtures shared by the tests of the pure rooms: a profile from a few lines, a verdict, the command."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import settings

from greenzone.datafiles import load
from greenzone.law.classification import classify
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import Verdict
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.profile import DeviceProfile

# Machines are shared and noisy: how long an example takes says nothing.
settings.register_profile("greenzone", deadline=None)
settings.load_profile("greenzone")

HEAD = 'schema = 1\nid = "acme-x1"\nname = "ACME X1"\n'
KNOWN_ON = date(2026, 11, 21)


@pytest.fixture
def toml(tmp_path: Path) -> Callable[..., Path]:
    """Writes a profile file of the lines given, below its three required keys."""

    def write(lines: str = "", head: str = HEAD, name: str = "acme-x1.toml") -> Path:
        path = tmp_path / name
        path.write_text(head + lines, "utf-8")
        return path

    return write


@pytest.fixture
def profile(toml: Callable[..., Path]) -> Callable[[str], DeviceProfile]:
    """A profile of the lines given."""
    return lambda lines: load(DeviceProfile, toml(lines))


@pytest.fixture
def part(profile: Callable[[str], DeviceProfile]) -> Callable[[str], Part]:
    """A part of the lines of a profile."""
    return lambda lines: part_of(profile(lines))


@pytest.fixture
def decide() -> Callable[..., Verdict]:
    """The verdict of one regime on a part, or on the values of `--set` alone."""

    def ask(subject: Part | str, regime: str = "us-3a090", on: date = date(2024, 1, 1), **deal: str) -> Verdict:
        found = with_set(Part(None, "set"), subject.split()) if isinstance(subject, str) else subject
        transaction = Transaction.of(
            deal.get("to"), deal.get("kind", "export"), deal.get("origin"), deal.get("headquarters")
        )
        return classify(found, on, KNOWN_ON, transaction, [regime]).verdict(regime)

    return ask


@pytest.fixture(scope="session")
def emulated_record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a short run on an emulated H20, for all who only read it."""
    from greenzone.lab.harness import Request, run
    from greenzone.law.transaction import Transaction

    request = Request(
        device="emulated:nvidia-h20", formats=("fp8", "bf16"), folder=tmp_path_factory.mktemp("emulated"),
        on=date(2025, 4, 10), known_on=KNOWN_ON, transaction=Transaction.of("CN", on_sale_us=False),
    )  # fmt: skip
    return run(request).path


@pytest.fixture
def invoke() -> Callable[..., Result]:
    """Runs `greenzone` with the arguments given, in this process."""
    from greenzone.cli.main import main

    return lambda *args: CliRunner().invoke(main, [str(a) for a in args], prog_name="greenzone")
