"""`python -m fuzz.server SEED FIRST STEP END FOLDER`: try every STEPth input from FIRST to END, a line of JSON each.

The lines go to FOLDER/answers.jsonl.

Everything a command may need is imported and every valid call made once before the first input, so that each is
tried in a fork that has it already. What had a fault is kept in FOLDER, by its number.
"""

import base64
import gc
import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from click.testing import CliRunner

from fuzz.inputs import CALLS, FLEET, Input, made
from fuzz.judging import faults
from fuzz.sandbox import Outcome, furnish, tried
from greenzone.cli.main import main

POLICY = """schema = 1
on = 2026-06-01
margin_min = 0.02
record_age_days_max = 400
bases = ["claimed", "rated", "burst", "sustained"]
emulated = true
undecided = "fail"
decision_rule = "guard"

[[forbid]]
regime = "us-3a090"
paragraph = "3A090.a"
to = ["CN", "@D5", "!@A5"]

[[forbid]]
regime = "us-3a991-p"

[[limit]]
benchmark = "matmul"
format = "fp8"
window = "burst"
rate_tops = ">= 100, < 400"

[baseline]
record = "record.json"
tolerance = 0.1
"""
TOGETHER = 25  # inputs that share a process: to make one takes longer than most inputs
TIMES = Path(__file__).parents[1] / "lab" / "emulation" / "kernel_times.csv"


def workshop(folder: Path) -> Path:
    """Make one valid file of every kind that does not ship: a record, its envelope, keys, a token, a policy, tables."""
    from greenzone.datafiles import data_root, sha256
    from greenzone.lab.harness import Request, run
    from greenzone.law.transaction import Transaction

    folder.mkdir(parents=True)
    request = Request(
        device="emulated:nvidia-h20", workloads=("matmul",), formats=("fp8",), folder=folder / "results",
        on=date(2026, 6, 1), known_on=date(2026, 11, 21), transaction=Transaction.of("CN"),
    )  # fmt: skip
    record = folder / "record.json"
    run(request).path.rename(record)
    _write_stopped(record, folder / "stopped.json")
    (folder / "policy.toml").write_text(POLICY, "utf-8")
    (folder / "token.jwt").write_bytes(_token(sha256(record.read_bytes())))
    shutil.copy(data_root() / "examples" / "shipments.csv", folder)
    shutil.copy(data_root() / "devices" / "nvidia" / "nvidia-h20.toml", folder / "part.toml")
    (folder / "times.csv").write_text("".join(TIMES.read_text("utf-8").splitlines(keepends=True)[:12]), "utf-8")
    key = folder / "key.pem"
    for arguments in (("--new-key", key), (record, "--key", key)):
        CliRunner().invoke(main, ["sign", *map(str, arguments)], catch_exceptions=False)
    write_fleet(folder)
    return folder


def write_fleet(folder: Path) -> None:
    """What a certificate and a fleet read: represented values, the record's line, racks, a fleet's roll."""
    from greenzone.datafiles import data_root

    shipped = (data_root() / "examples" / "represented.toml").read_text("utf-8")
    (folder / "represented.toml").write_text(shipped.replace("nvidia-h200-sxm", "nvidia-h20"), "utf-8")
    (folder / "racks.csv").write_text("node,rack\nnode0,r1\nnode1,r1\n", "utf-8")
    lines = ["gather", str(folder / "record.json"), "--lines", str(folder / "fleet.jsonl")]
    for arguments in (lines, ["run", *FLEET, "-o", str(folder / "lot")]):
        CliRunner().invoke(main, ["fleet", *arguments], catch_exceptions=False)
    # All measured: one changed so that it asks for more would measure for as long as that takes, rightly.
    shutil.copy(folder / "lot" / "roll.json", folder)


def _write_stopped(record: Path, path: Path) -> None:
    """The record of a run that was killed before its first row."""
    document = json.loads(record.read_text("utf-8"))
    document["run"] |= {"status": "running", "ended_at": None, "finished": []}
    for key in ("benchmarks", "evidence", "verdicts", "findings", "telemetry"):
        document[key] = []
    path.write_text(json.dumps(document), "utf-8")


def _token(nonce: str) -> bytes:
    parts = ({"alg": "ES384", "typ": "JWT"}, {"eat_nonce": nonce, "sub": "GPU"})
    whole = (*parts, {"not": "checked"})
    return b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in whole)


def warm(folder: Path, shop: Path) -> None:
    """Make a valid call of every command in this process: what it imports and remembers is there for all forks."""
    os.chdir(furnish(folder, shop))
    for path, words in CALLS.items():
        CliRunner().invoke(main, [*path, *words], prog_name="greenzone")


def served(seed: int, numbers: range, folder: Path) -> Iterator[str]:
    """A line of JSON for every input, as it is tried."""
    shop = workshop(folder / "workshop")
    warm(folder / "warm", shop)
    os.chdir(folder)
    gc.freeze()  # what is there is never looked at again by a fork's collector, and its pages stay shared
    for first in range(0, len(numbers), TOGETHER):
        entries = [(made(seed, number, shop), folder / str(number)) for number in numbers[first : first + TOGETHER]]
        for (entry, where), outcome in zip(entries, tried(entries, shop), strict=True):
            found = list(faults(entry, outcome))
            if found:
                _keep(entry, where, found)
            else:
                shutil.rmtree(where)
            yield _told(entry, outcome, found)


def _told(entry: Input, outcome: Outcome, found: list[str]) -> str:
    return json.dumps(
        {
            "number": entry.number, "target": entry.target, "arguments": entry.arguments,
            "exit_code": outcome.exit_code, "cpu_s": outcome.cpu_s, "growth_bytes": outcome.growth_bytes,
            "faults": found,
        }
    )  # fmt: skip


def _keep(entry: Input, where: Path, found: list[str]) -> None:
    """The input beside what it did, for who is to mend it."""
    told = {"number": entry.number, "target": entry.target, "arguments": entry.arguments, "faults": found}
    (where / "input.json").write_text(json.dumps(told, indent=1), "utf-8")
    if entry.name:
        (where / f"input-{Path(entry.name).name}").write_bytes(entry.content)


if __name__ == "__main__":
    _seed, _first, _step, _end = map(int, sys.argv[1:5])
    _folder = Path(sys.argv[5]).resolve()
    with (_folder / "answers.jsonl").open("w", encoding="utf-8", buffering=1) as _answers:
        for _line in served(_seed, range(_first, _end, _step), _folder):
            _answers.write(f"{_line}\n")
