"""What is a fault in the outcome of an input, and the table of many."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fuzz.inputs import Input
from fuzz.sandbox import LIMIT_CPU_S, LIMIT_GROWTH_BYTES, LIMIT_WALL_S, Outcome

TABLE = range(6)  # the exit codes of README
REFUSED = (1, 2)
# What a terminal would obey: C0 but tab and line feed, DEL, C1.
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MOST_SAID = 1 << 18  # bytes of an error; nobody reads more


def faults(entry: Input, outcome: Outcome) -> Iterator[str]:
    """Everything that should not have happened, a line each."""
    if outcome.crash:
        yield f"an exception came out: {outcome.crash.strip().splitlines()[-1]:.300}"
    elif outcome.exit_code not in TABLE:
        yield f"exit code {outcome.exit_code}"
    if outcome.cpu_s > LIMIT_CPU_S:
        yield f"{outcome.cpu_s:.1f} s of processor time; at most {LIMIT_CPU_S:g}"
    if outcome.exit_code == -14:
        yield f"it did not end within {LIMIT_WALL_S} s"
    if outcome.growth_bytes > LIMIT_GROWTH_BYTES:
        yield f"{outcome.growth_bytes / 2**20:.0f} MiB of memory; at most {LIMIT_GROWTH_BYTES / 2**20:.0f}"
    yield from (f"it may not: {misdeed}" for misdeed in outcome.misdeeds)
    yield from _unsaid(entry, outcome)


def _unsaid(entry: Input, outcome: Outcome) -> Iterator[str]:
    """What was printed: a sentence for every refusal, nothing a terminal obeys, JSON where it was asked for."""
    texts = {}
    for name, content in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
        try:
            texts[name] = content.decode("utf-8")
        except UnicodeDecodeError as error:
            yield f"{name} is not UTF-8: {error}"
            return
        if found := OBEYED.search(texts[name]):
            yield f"{name} has the control character {found[0]!r}: {texts[name][max(0, found.start() - 40) :][:80]!r}"
    if outcome.exit_code in REFUSED and not re.search(r"^Error: .*\S", texts["stderr"], re.MULTILINE):
        yield f"exit code {outcome.exit_code} without a sentence: {texts['stderr'][-200:]!r}"
    if len(outcome.stderr) > _MOST_SAID:
        yield f"{len(outcome.stderr):,} bytes of error; nobody reads more than {_MOST_SAID:,}"
    if "Traceback (most recent" in texts["stderr"]:
        yield "a traceback was printed"
    if outcome.exit_code == 0 and "--json" in entry.arguments and not _is_json(texts["stdout"]):
        yield f"--json printed what is no JSON: {texts['stdout'][:80]!r}"
    if outcome.exit_code == 0 and "csv" in entry.arguments:
        for cell in (c for line in csv.reader(io.StringIO(texts["stdout"])) for c in line if _is_formula(c)):
            yield f"a cell of the CSV is a formula: {cell!r:.80}"


def _is_formula(cell: str) -> bool:
    """What a spreadsheet takes for one (OWASP, "CSV Injection"); a number with its sign is none."""
    try:
        float(cell)
    except ValueError:
        return cell[:1] in tuple("=+-@\t\r")
    return False


def _is_json(text: str) -> bool:
    if not text or text.startswith("Usage:"):  # --help stood before it
        return True
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError:
        return False
    return True


def _refuse(name: str) -> Any:
    raise ValueError(name)


@dataclass(frozen=True)
class Tried:
    """An input and its outcome, in the numbers that a table is made of."""

    number: int
    target: str
    arguments: tuple[str, ...]
    exit_code: int
    cpu_s: float
    growth_bytes: int
    faults: tuple[str, ...]

    @classmethod
    def of(cls, line: str) -> "Tried":
        """From the line of JSON that a server writes."""
        said: Mapping[str, Any] = json.loads(line)
        return cls(**{**said, "arguments": tuple(said["arguments"]), "faults": tuple(said["faults"])})


def table(tried: Sequence[Tried]) -> str:
    """A line a target, the sum last: inputs, exit codes, the slowest, the most memory, the faults."""
    targets = sorted({one.target for one in tried})
    width = max(map(len, targets), default=0)
    head = f"{'target':<{width}}  {'inputs':>6}  {'slowest s':>9}  {'memory MiB':>10}  {'faults':>6}  exit codes"
    lines = [_line(name, [one for one in tried if one.target == name], width) for name in targets]
    return "\n".join([head, *lines, _line("all", tried, width)])


def _line(name: str, tried: Iterable[Tried], width: int) -> str:
    found = list(tried)
    codes = Counter(one.exit_code for one in found)
    said = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
    slowest = max((one.cpu_s for one in found), default=0.0)
    memory = max((one.growth_bytes for one in found), default=0) / 2**20
    faulty = sum(bool(one.faults) for one in found)
    return f"{name:<{width}}  {len(found):>6}  {slowest:>9.2f}  {memory:>10.0f}  {faulty:>6}  {said}"
