"""Ranks of an all-reduce: real processes on gloo, few and short, and every way they fail."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenzone.errors import DeviceError
from greenzone.lab.devices.rank import ARRIVED, CHECK, TIME
from greenzone.lab.devices.ranks import Ranks, RanksKernel
from greenzone.lab.links import AllReduce, LinkKernel

ELEMENTS = 2**12


@pytest.fixture(scope="module")
def kernel() -> Iterator[RanksKernel]:
    """Two ranks on gloo, shared by the tests that leave them well."""
    found = RanksKernel(AllReduce(4 * ELEMENTS), "gloo", 3, "said")
    yield found
    processes = list(found._ranks._processes)
    found.close()
    found.close()
    assert all(process.poll() == 0 for process in processes), "the ranks ended by themselves"


def test_two_processes_sum_and_every_sum_is_timed(kernel: RanksKernel) -> None:
    assert isinstance(kernel, LinkKernel)
    samples = kernel.timed(5)
    assert len(samples) == 5
    assert all(0 < sample < 10 for sample in samples)
    assert (kernel.variant, kernel.note) == ("gloo", "said")


def test_the_sum_is_right_before_and_after_the_timing(kernel: RanksKernel) -> None:
    assert kernel.check().passed
    kernel.poison()
    kernel.timed(3)
    after = kernel.arrived()
    assert after.passed
    assert after.error < 1e-6


def test_torchrun_starts_the_same_ranks() -> None:
    ranks = Ranks("gloo", 2, ELEMENTS, 0, torchrun=True)
    (process,) = ranks._processes
    assert "torch.distributed.run" in list(process.args)  # type: ignore[arg-type]
    try:
        assert ranks.ask(CHECK)[0] < 1e-6
        assert len(ranks.ask(TIME, 2)) == 2
        assert ranks.ask(ARRIVED)[0] < 1e-6
    finally:
        ranks.close()
    assert process.poll() == 0


def program(folder: Path, text: str) -> Path:
    path = folder / "program.py"
    path.write_text(text)
    return path


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


MEETING = """
import json, os, socket, sys, time
given = json.loads(os.environ["GREENZONE_RANKS"])
open(os.path.join(os.path.dirname(__file__), os.environ["RANK"]), "w").write(str(os.getpid()))
if os.environ["RANK"] == "0":
    talk = socket.create_connection(("127.0.0.1", given["port"])).makefile("rw")
    talk.write(given["token"] + "\\n")
    talk.flush()
"""


SLOWLY = """
import sys, time
for letter in "RuntimeError: said letter by letter\\n":
    sys.stderr.write(letter)
    sys.stderr.flush()
    time.sleep(0.01)
sys.exit(1)
"""


@pytest.mark.parametrize(
    ("text", "limits", "message"),
    [
        ("raise RuntimeError('no NCCL here')", {}, r"a rank ended with exit 1: RuntimeError: no NCCL here"),
        (SLOWLY, {}, r"a rank ended with exit 1: RuntimeError: said letter by letter$"),
        ("import sys; sys.exit(3)", {}, "a rank ended with exit 3: it said nothing"),
        ("import time; time.sleep(60)", {"start_s": 0.3}, r"the ranks did not meet within 0\.3 s"),
    ],
)
def test_ranks_that_do_not_start_say_why_in_one_sentence(
    tmp_path: Path, text: str, limits: dict[str, float], message: str
) -> None:
    with pytest.raises(DeviceError, match=f"all-reduce of 2 ranks on gloo: {message}") as caught:
        Ranks("gloo", 2, ELEMENTS, 0, program=program(tmp_path, text), **limits)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time.sleep(60)", r"no answer within 0\.5 s"),
        ("sys.exit('gone')", "a rank ended with exit 1: gone"),
    ],
)
def test_ranks_that_hang_or_end_are_given_up_and_none_is_left(
    tmp_path: Path, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program(tmp_path, MEETING + text)
    ranks = Ranks("gloo", 2, ELEMENTS, 0, program=path, answer_s=0.5)
    wait_for(tmp_path / "1")
    with pytest.raises(DeviceError, match=message):
        ranks.ask(TIME, 1)
    monkeypatch.setattr("greenzone.lab.devices.ranks._END_S", 0.5)
    ranks.close()
    assert not any(alive(int((tmp_path / rank).read_text())) for rank in "01")


def wait_for(path: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and not (path.exists() and path.read_text()):
        time.sleep(0.02)


def test_ranks_end_when_their_leader_is_gone() -> None:
    ranks = Ranks("gloo", 2, ELEMENTS, 0)
    processes = list(ranks._processes)
    ranks._talk.close()  # as the end of this process would
    assert ranks._wait(20)
    assert [process.returncode for process in processes] == [0, 0]
    ranks.close()


def test_a_stranger_is_not_taken_for_a_rank(tmp_path: Path) -> None:
    stranger = MEETING.replace('given["token"]', '"a guess"') + "time.sleep(60)"
    with pytest.raises(DeviceError, match="did not meet"):
        Ranks("gloo", 2, ELEMENTS, 0, program=program(tmp_path, stranger), start_s=1.0)
