"""The roll as a person reads it: who came, who did not and why, and what the records of those who came noticed."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from greenzone.fleet.identity import short
from greenzone.fleet.roll import FILE, KEPT, Entry, Roll, beyond
from greenzone.report.terminal import as_text, section, table

STYLES = {"done": "green", "waiting": "dim"}  # every other state is of a device that was not measured
MOST_ROWS = 80  # of a larger fleet, the devices alone that someone must look at


def roll_table(roll: Roll, folder: Path) -> Group:
    """The roll of a fleet."""
    shown, left = _shown(roll.entries)
    more = [as_text(f"  and {left} more that are done and noticed nothing", style="dim")] if left else []
    found = [(entry, text) for entry in roll.entries for text in _texts(entry)]
    lines = [Text.assemble((f"{_title(entry)}: ", "bold"), as_text(text)) for entry, text in found]
    return Group(
        as_text(_head(roll), style="bold"), *_emulated(roll), Text(), _rows(shown), *more,
        *([section("What was found", *lines)] if lines else []), Text(), *_foot(roll, folder),
    )  # fmt: skip


def _head(roll: Roll) -> str:
    nodes = {entry.node for entry in roll.entries if entry.node}
    turns = ", in turns on each node" if roll.serial else ""
    fleet = f"{_many(len(roll.entries), 'device')} on {_many(len(nodes), 'node')}"
    return f"Fleet {roll.id}: {fleet}, engine {roll.engine}{turns}, suite {roll.suite}"


def _emulated(roll: Roll) -> list[RenderableType]:
    if not any(entry.emulated or entry.device.startswith("emulated:") for entry in roll.entries):
        return []
    words = "EMULATED: a device named emulated is none, and its figures are no evidence for or against a real part"
    return [Text(words, style="bold magenta")]


def _shown(entries: Sequence[Entry]) -> tuple[list[Entry], int]:
    if len(entries) <= MOST_ROWS:
        return list(entries), 0
    shown = [entry for entry in entries if entry.state != "done" or _texts(entry)]
    return shown, len(entries) - len(shown)


def _rows(entries: Iterable[Entry]) -> RenderableType:
    rows = [
        (
            entry.number, entry.node or "-", entry.device or "-", Text(entry.state, style=_style(entry)),
            short(entry.uuid), entry.name or "-", "-" if entry.seconds is None else f"{entry.seconds:.1f}",
        )
        for entry in entries
    ]  # fmt: skip
    return table("#", "node", "device", "state", "identity", "part", "seconds", rows=rows, right=("#", "seconds"))


def _style(entry: Entry) -> str:
    return "yellow" if entry.state == "done" and entry.exit_code else STYLES.get(entry.state, "bold red")


def _title(entry: Entry) -> str:
    return f"{entry.number} {entry.device}" if entry.device else f"{entry.number}"


def _texts(entry: Entry) -> list[str]:
    """Why it has its state, and what its record warns of; the device's name stands before it already."""
    why = [f"{entry.state}: {entry.why}" if entry.state != "done" else entry.why] if entry.why else []
    fault = [f"the fault {entry.fault} is switched on"] if entry.fault else []
    own = f"{entry.device}: ", f"{entry.seen_as}: "
    texts = dict.fromkeys([*why, *fault, *entry.notes])
    return [text.replace(own[0], "", 1).replace(own[1], "", 1) for text in texts]


def _foot(roll: Roll, folder: Path) -> list[RenderableType]:
    states = ", ".join(f"{count} {state}" for state, count in sorted(roll.count().items()))
    uuids = [entry.uuid for entry in roll.entries if entry.uuid and entry.state in KEPT]
    said = f"{states}; {_many(len(set(uuids)), 'identity', 'identities')} in {_many(len(uuids), 'whole record')}"
    kept = [folder / entry.record for entry in roll.entries if entry.record]
    others = f", and {len(kept) - 1} more below {folder}" if kept[1:] else ""
    lies = [f"records: {kept[0]}{others}"] if kept else []
    again = [f"go on with: greenzone fleet run --resume {folder}{_named(roll)}"] if roll.unfinished else []
    return [as_text(line) for line in (said, f"roll: {folder / FILE}", *lies, *again)]


def _named(roll: Roll) -> str:
    """What must be named again, as it was named at first."""
    return "".join(f" {word}" for word in beyond(roll))


def _many(count: int, noun: str, several: str | None = None) -> str:
    return f"{count} {noun if count == 1 else several or noun + 's'}"
