"""Fixtures shared by the tests: a profile from a few lines, a verdict, a record written by hand, the command."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import settings

from greenzone.datafiles import load
from greenzone.intervals import Interval
from greenzone.law.classification import classify
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import Verdict
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.document import evidence_json
from greenzone.parts.evidence import Evidence
from greenzone.parts.profile import DeviceProfile
from greenzone.records import store
from greenzone.records.held import held
from greenzone.records.record import METRICS, SCHEMA
from greenzone.records.subject import part_json

# Where greenzone is installed its entry point has loaded the plugin; beside a bare checkout it is named here.
_PLUGIN = () if entry_points(group="pytest11", name="greenzone") else ("greenzone.pytest_plugin",)
pytest_plugins = ("pytester", *_PLUGIN)

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


def _row(u: float | None = None, validity: str = "valid", **said: Any) -> dict[str, Any]:
    """A row of a record; a figure is given as its median, with U beside it (1 % of it if none)."""
    figures = {}
    for metric in METRICS:
        if metric in said:
            half = said[metric] / 100 if u is None else u
            figures[metric] = {"median": said[metric], "low": said[metric] - half, "high": said[metric] + half}
    measured = "reason" not in said
    return {"name": "matmul", "measured": measured, "validity": validity if measured else None, **said, **figures}


@pytest.fixture
def write_record(tmp_path: Path) -> Callable[..., Path]:
    """Writes the record of a profile: y - U by parameter and basis, rows, and any key of a record."""

    def write(
        profile: DeviceProfile,
        measured: Any = None,
        rows: Any = (),
        name: str = "r.json",
        device: Any = None,
        **more: Any,
    ) -> Path:
        evidence = [
            Evidence(parameter, basis, Interval.at_least(low), "measured, y - U", None, "official")
            for parameter, bases in (measured or {}).items()
            for basis, low in bases.items()
        ]
        part = part_of(profile, evidence)
        own = {"id": "cuda:0", "name": profile.name, "emulated": False, "part": part_json(part), **(device or {})}
        usual = [{"format": "bf16", "window": "burst", "rate_tops": 100.0}]
        document = {
            "schema": SCHEMA, "tool": {}, "rules": {}, "environment": {}, "settings": {},
            "run": {"id": "r1", "started_at": "2026-11-01T00:00:00+00:00", "status": "complete"},
            "device": own, "benchmarks": [_row(**r) for r in rows or usual], "evidence": evidence_json(part), **more,
        }  # fmt: skip
        path = tmp_path / name
        store.write(store.parse(document, "test"), path)
        return path

    return write


@pytest.fixture
def invoke() -> Callable[..., Result]:
    """Runs `greenzone` with the arguments given, in this process."""
    from greenzone.cli.main import main

    return lambda *args: CliRunner().invoke(main, [str(a) for a in args], prog_name="greenzone")


@pytest.fixture
def held_elsewhere() -> Callable[[Path], AbstractContextManager[None]]:
    """A record or a roll that somebody else is at work on: a lock is a thread's own, as it is a process's."""

    @contextmanager
    def hold(path: Path) -> Iterator[None]:
        ready, done = threading.Event(), threading.Event()

        def other() -> None:
            with held(path):
                ready.set()
                done.wait(60)

        thread = threading.Thread(target=other)
        thread.start()
        assert ready.wait(60)
        try:
            yield
        finally:
            done.set()
            thread.join()

    return hold
