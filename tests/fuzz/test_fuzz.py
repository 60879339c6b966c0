"""Inputs that are no good, by number and seed: each ends in a sentence and an exit code of the table, or this fails.

A few hundred by default. `GREENZONE_FUZZ=20000 pytest tests/fuzz/test_fuzz.py` tries as many and prints the table;
`GREENZONE_FUZZ_SEED` gives others. Processor time counts, not the clock, for machines are shared.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import greenzone
from fuzz.inputs import KINDS, commands
from fuzz.judging import Tried, table

COUNT = int(os.environ.get("GREENZONE_FUZZ", "240"))
SEED = int(os.environ.get("GREENZONE_FUZZ_SEED", "0"))
WORKERS = 2 * min(os.cpu_count() or 1, 8) if COUNT > 1_000 else 1
PATHS = os.pathsep.join(str(p) for p in (Path(__file__).parents[1], Path(greenzone.__file__ or "").parents[1]))
# As a terminal has it, one thread: a fork of a process with threads could hang by itself.
ENVIRONMENT = {
    "PYTHONPATH": PATHS, "PYTHONIOENCODING": "utf-8:strict", "LC_ALL": "C.UTF-8", "COLUMNS": "100",
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip


def answers(folder: Path) -> Iterator[Tried]:
    """Every input tried, in the order in which the workers come to them."""
    with ExitStack() as stack:
        workers = []
        for n in range(WORKERS):
            own = folder / f"worker-{n}"
            own.mkdir()
            command = [sys.executable, "-m", "fuzz.server", *map(str, (SEED, n, WORKERS, COUNT)), str(own)]
            environment = ENVIRONMENT | {"HOME": str(own), "MPLCONFIGDIR": str(own / "matplotlib")}
            workers.append((own, stack.enter_context(subprocess.Popen(command, cwd=own, env=environment))))
        for own, process in workers:
            assert process.wait() == 0, f"the worker of {own} fell"
            yield from map(Tried.of, (own / "answers.jsonl").read_text("utf-8").splitlines())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sandbox reads /proc")
def test_bad_input_ends_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tried = list(answers(tmp_path))
    assert len(tried) == COUNT
    if COUNT > 1_000:
        with capsys.disabled():
            sys.stdout.write(f"\nseed {SEED}\n{table(tried)}\n")
    wrong = [f"{x.number} {x.target}: {x.arguments!r:.200}\n  {'; '.join(x.faults)}" for x in tried if x.faults]
    assert not wrong, "\n".join([f"seed {SEED}; the inputs are kept in {tmp_path}, by their numbers:", *wrong])


def test_every_command_and_every_kind_of_file_is_among_the_inputs() -> None:
    """Those of the default number already: each comes up at least twice."""
    assert min(len(KINDS), len(list(commands()))) > 10
    assert 2 * max(len(KINDS), len(list(commands()))) <= COUNT // 2
