"""The roll as it is printed: every device once, what is not whole by name, a large fleet without its quiet ones."""

import io
from pathlib import Path

from rich.console import Console

from greenzone.fleet.conduct import new_roll
from greenzone.fleet.roll import Entry
from greenzone.fleet.table import MOST_ROWS, roll_table
from greenzone.lab.harness import Request


def shown(*entries: Entry, width: int = 90) -> list[str]:
    roll = new_roll(Request(), "subprocess").model_copy(update={"entries": list(entries)})
    console = Console(file=io.StringIO(), width=width, highlight=False)
    with console.capture() as captured:
        console.print(roll_table(roll, Path("out")))
    return captured.get().splitlines()


def done(number: int, **more: object) -> Entry:
    given = {"node": "a", "device": f"cuda:{number}", "seen_as": "cuda:0", "state": "done", "uuid": f"GPU-{number}-1"}
    return Entry.model_validate({"number": number, **given, **more})


def test_who_came_and_who_did_not() -> None:
    lines = shown(done(0), done(1, state="late", why="no end after 4 s: it was ended"), done(2, notes=["cuda:0: hot"]))
    assert "3 devices on 1 node, engine subprocess, suite quick" in lines[0]
    text = "\n".join(lines)
    assert "  1 cuda:1: late: no end after 4 s: it was ended" in text
    assert "  2 cuda:2: hot" in text
    assert "2 done, 1 late; 2 identities in 2 whole records" in text
    assert "go on with: greenzone fleet run --resume out" in text
    assert "EMULATED" not in text


def test_an_emulated_device_is_said_to_be_none() -> None:
    assert any(line.startswith("EMULATED") for line in shown(done(0, emulated=True)))


def test_a_whole_fleet_has_nothing_to_go_on_with() -> None:
    assert not any("go on with" in line for line in shown(done(0)))


def test_a_large_fleet_shows_those_that_someone_must_look_at() -> None:
    many = [done(n) for n in range(MOST_ROWS + 20)]
    many[7] = done(7, state="missing", why="gone")
    lines = shown(*many)
    assert any(f"and {MOST_ROWS + 19} more that are done" in line for line in lines)
    assert sum(" cuda:" in line for line in lines) == 2  # its row, and why


def test_a_row_fits_eighty_columns() -> None:
    long = done(7, node="vm", device="emulated:8xnvidia-h20:7", uuid="EMULATED-989d433c-3c9c", name="NVIDIA H20")
    row = next(line for line in shown(long, width=80) if "emulated:8x" in line)
    assert "NVIDIA H20" in row
    assert "EMULATED-989d433c" in row


def test_what_a_record_says_is_no_markup() -> None:
    assert any("[red]x" in line for line in shown(done(0, notes=["[red]x"])))
