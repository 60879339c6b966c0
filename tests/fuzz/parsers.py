"""Every parser of what comes from others, as a function of bytes: it returns, or raises an error of greenzone's own.

What hypothesis (`test_parsers.py`) and atheris (`target.py`) throw bytes at. Texts that arrive as arguments are
decoded as an argument is.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.server import POLICY, TIMES
from greenzone.datafiles import data_root, load
from greenzone.errors import GreenzoneError
from greenzone.fleet.gathering.figures import summary_of, summary_of_line
from greenzone.fleet.gathering.places import read_racks
from greenzone.fleet.roll import read_roll
from greenzone.intervals import Range
from greenzone.lab.devices import require_spec
from greenzone.lab.devices.emulated.constants import TimeTable
from greenzone.lab.devices.emulated.faults import Fault
from greenzone.lab.emulation.kernel_times import read_times
from greenzone.lab.models import load_model
from greenzone.law.countries import Group, country
from greenzone.law.lint import load_cases
from greenzone.law.regimes import load_regime_file
from greenzone.parts.capability import Part, with_set
from greenzone.parts.catalogue import load_profile, profile_paths
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.represented import load_represented
from greenzone.policy.document import load_policy
from greenzone.records import store
from greenzone.records.attestation import token_facts
from greenzone.records.record import Record
from greenzone.records.shipments import Reader
from greenzone.records.signature import envelope_of

DATA = data_root()
H20 = DATA / "devices" / "nvidia" / "nvidia-h20.toml"
RECORD = b"""{"schema": "greenzone.record/1",
"run": {"id": "r", "started_at": "2026-01-01T00:00:00+00:00", "status": "complete"}, "tool": {},
"rules": {}, "environment": {}, "settings": {}, "device": {"id": "cpu", "emulated": false},
"benchmarks": [{"name": "matmul", "format": "bf16", "window": "burst", "samples": [0.001, 0.002],
"operations": 1e9, "rate_tops": {"median": 1.0, "low": 0.9, "high": 1.1}}],
"findings": [{"code": "x", "severity": "info", "text": "y"}]}"""
ENVELOPE = b"""{"payload": "e30=", "payloadType": "application/vnd.in-toto+json",
"signatures": [{"keyid": "", "sig": "AA=="}]}"""
ROLL = b"""{"schema": "greenzone.fleet/1", "id": "f", "engine": "in-process", "started_at": "2026-01-01T00:00:00+00:00",
"timeout_s": 1800.0, "request": {"device": "", "suite": "quick"}, "entries": [
{"number": 0, "node": "a", "device": "cpu", "seen_as": "cpu", "state": "done", "uuid": "u"}]}"""
CASE = b"[[case]]\non = 2024-01-01\n"
SETTINGS = b"tpp=4625..\nitem=hbm_stack"
TOKEN = b"eyJhbGciOiJFUzM4NCJ9.eyJlYXRfbm9uY2UiOiAiMDAifQ.eyJub3QiOiAiY2hlY2tlZCJ9"


@dataclass(frozen=True)
class Parser:
    """A parser, something valid for it, and the form of that (toml, json, csv or bytes)."""

    parse: Callable[[bytes], object]
    valid: Callable[[], bytes]
    form: str = "bytes"

    def survives(self, content: bytes) -> GreenzoneError | None:
        """The error it raised, if it refused; any other exception comes out."""
        try:
            self.parse(content)
        except GreenzoneError as error:
            return error
        return None


def _file(read: Callable[[Path], object], suffix: str) -> Callable[[bytes], object]:
    """A parser that reads a file: the bytes are one, in a folder of its own."""

    def parse(content: bytes) -> object:
        with tempfile.TemporaryDirectory(prefix="greenzone-fuzz-") as folder:
            path = Path(folder) / f"x{suffix}"
            path.write_bytes(content)
            return read(path)

    return parse


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda content: read(content.decode("utf-8", "surrogateescape"))


@cache
def _ids() -> list[str]:
    return sorted(profile_paths())


def _part_id(name: str) -> str:
    return name if name in _ids() else load_profile("nvidia-none").id


def _shipments(path: Path) -> Any:
    reader = Reader(path, _part_id, _ids(), chunk_rows=100)
    return [len(frame) for frame in reader.frames()]


def _roll(path: Path) -> object:
    path.rename(path.with_name("roll.json"))
    return read_roll(path.parent)


def _line() -> bytes:
    return summary_of(Record.model_validate_json(RECORD)).line().encode()


def _of(*names: str) -> Callable[[], bytes]:
    return DATA.joinpath(*names).read_bytes


PARSERS = {
    "profile": Parser(_file(lambda path: load(DeviceProfile, path), ".toml"), H20.read_bytes, "toml"),
    "regime": Parser(_file(load_regime_file, ".toml"), _of("regimes", "us", "us-3a090.toml"), "toml"),
    "cases": Parser(_file(lambda path: load_cases(path.parent), ".toml"), lambda: CASE, "toml"),
    "model": Parser(_file(lambda path: load_model(str(path)), ".toml"), _of("models", "llama-3.1-8b.toml"), "toml"),
    "group": Parser(_file(lambda path: load(Group, path), ".toml"), _of("countries", "D5.toml"), "toml"),
    "times": Parser(_file(lambda path: load(TimeTable, path), ".toml"), _of("emulation", "times.toml"), "toml"),
    "policy": Parser(_file(load_policy, ".toml"), POLICY.encode, "toml"),
    "record": Parser(_file(store.read, ".json"), lambda: RECORD, "json"),
    "envelope": Parser(_file(envelope_of, ".json"), lambda: ENVELOPE, "json"),
    "token": Parser(lambda content: token_facts(content, "00"), lambda: TOKEN),
    "shipments": Parser(_file(_shipments, ".csv"), _of("examples", "shipments.csv"), "csv"),
    "kernel-times": Parser(_file(read_times, ".csv"), lambda: TIMES.read_bytes()[:600].rsplit(b"\n", 1)[0], "csv"),
    "range": Parser(_text(Range.parse), lambda: b">= 1600, < 4800.5"),
    "set": Parser(_text(lambda text: with_set(Part(None, "set"), text.split("\n"))), lambda: SETTINGS),
    "device": Parser(_text(lambda text: require_spec(text, load_profile)), lambda: b"emulated:8xnvidia-h20:3"),
    "fault": Parser(_text(Fault.of), lambda: b"throttle@2.5"),
    "represented": Parser(_file(load_represented, ".toml"), _of("examples", "represented.toml"), "toml"),
    "device-line": Parser(lambda content: summary_of_line(content, "line 1"), _line, "json"),
    "roll": Parser(_file(_roll, ".json"), lambda: ROLL, "json"),
    "racks": Parser(_file(read_racks, ".csv"), lambda: b"node,rack\na,r1\nb,r1\n", "csv"),
    "country": Parser(_text(country), lambda: b"CN"),
}
