"""The inputs by number: from a seed and a number always the same file, the same arguments, the same command.

Half of them are files that were valid, changed, given to the commands that read them. The other half are commands with
arguments that are no good, found by walking the tree of commands, so that a new one is covered with no further word.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click

from fuzz.hostile import GRAMMAR, SHIPPED, values
from fuzz.mutations import mutated, mutated_text
from greenzone.cli.main import main
from greenzone.datafiles import data_root

RUN = ("--device", "emulated:nvidia-h20", "--workload", "matmul", "--dtype", "fp8")
MODEL = (
    "run", "--device", "emulated:nvidia-h20", "--workload", "inference", "--dtype", "fp8", "--batch", "1",
    "--context", "64",
)
FLEET = ("--device", "emulated:nvidia-h20", "--workload", "interconnect", "--engine", "in-process")
CASES = Path(__file__).parents[1] / "regimes"
# Who writes to a pipe waits for its reader, as every program does.
OUTPUTS = {"--output", "--plot", "--junit", "--lines", "--new-key"}
LPP = ("--limit", "lpp")  # one limit of seven: the others are worked out as it is
# What a command is called with before anything is changed; one that is not here gets what its arguments ask for.
CALLS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("run",): RUN,
    ("classify",): ("nvidia-h20",),
    ("profiles", "compare"): ("nvidia-h20", "amd-mi300x"),
    ("profiles", "lint"): ("part.toml",),
    ("profiles", "new"): ("acme-x1",),
    ("profiles", "show"): ("nvidia-h20",),
    ("regimes", "show"): ("us-3a090",),
    ("models", "show"): ("llama-3.1-8b",),
    ("devices", "show"): ("emulated:nvidia-h20",),
    ("tiers",): ("nvidia-h20", "amd-mi300x"),
    ("identify",): ("record.json",),
    ("sign",): ("record.json", "--key", "key.pem"),
    ("verify",): ("record.json",),
    ("emulation", "calibrate"): ("record.json",),
    ("emulation", "validate"): ("times.csv", "--held-out", "none"),
    ("ledger",): ("shipments.csv", *LPP),
    ("check",): ("nvidia-h20", "--to", "CN"),
    ("compare",): ("record.json", "record.json"),
    ("export",): ("record.json",),
    ("map",): ("nvidia-h20", "-o", "map.svg"),
    ("report",): ("record.json",),
    ("timeline",): ("nvidia-h20",),
    ("matrix",): ("nvidia-h20",),
    ("headroom",): ("nvidia-h20",),
    ("design",): ("--area", "800"),
    ("certificate",): ("record.json", "--represented", "represented.toml"),
    ("fleet", "run"): (*FLEET, "-o", "lot-of-one"),
    ("fleet", "gather"): ("fleet.jsonl", "record.json"),
}  # fmt: skip


@dataclass(frozen=True)
class Input:
    """One call of the command in a folder of valid files, one of which may be changed."""

    number: int
    target: str
    arguments: tuple[str, ...]
    name: str | None = None
    content: bytes = b""


@dataclass(frozen=True)
class Kind:
    """A kind of file: its form, where valid ones are, and what reads it ({} is the changed file)."""

    name: str
    form: str
    valid: Callable[[Path], Sequence[Path]]
    calls: tuple[tuple[str, ...], ...]


def _shipped(pattern: str) -> Callable[[Path], Sequence[Path]]:
    return lambda _: sorted(data_root().glob(pattern))


def _made(name: str) -> Callable[[Path], Sequence[Path]]:
    return lambda workshop: [workshop / name]


KINDS = {
    "profile": Kind("bad{}.toml", "toml", _shipped("devices/*/*.toml"), (
        ("classify", "{}"), ("classify", "{}", "--json"), ("classify", "{}", "--format", "csv"),
        ("profiles", "show", "{}"), ("profiles", "show", "{}", "--json"), ("profiles", "lint", "{}"),
        ("headroom", "{}"), ("timeline", "{}"), ("matrix", "{}"), ("map", "{}", "-o", "map.svg"),
        ("check", "{}", "--to", "CN"), ("check", "{}", "--to", "CN", "--github"), ("tiers", "{}"),
        ("tiers", "{}", "--plot", "t.svg"), ("profiles", "compare", "{}", "nvidia-h20"),
        ("profiles", "list", "--profiles", "."), ("classify", "NVIDIA H20", "--profiles", "."),
        ("check", "{}", "--to", "CN", "--junit", "j.xml"),
    )),
    "regime": Kind("bad{}.toml", "toml", _shipped("regimes/*/*.toml"), (
        ("classify", "nvidia-h20", "--to", "CN", "--regime-file", "{}"), ("regimes", "lint", "{}"),
        ("classify", "nvidia-h100-sxm", "--regime-file", "{}", "--json"),
    )),
    "cases": Kind("cases/us-3a090.toml", "toml", lambda _: sorted(CASES.glob("*.toml")), (
        ("regimes", "lint", "--cases", "cases"),
    )),
    "model": Kind("bad{}.toml", "toml", _shipped("models/*.toml"), (
        ("models", "show", "{}"), ("models", "show", "{}", "--json"), (*MODEL, "--model", "{}"),
    )),
    "policy": Kind("bad{}.toml", "toml", _made("policy.toml"), (
        ("check", "record.json", "--policy", "{}"), ("check", "nvidia-h20", "--policy", "{}"),
        ("check", "record.json", "--policy", "{}", "--json"),
    )),
    "shipments": Kind("bad{}.csv", "csv", _made("shipments.csv"), (
        ("ledger", "{}", *LPP), ("ledger", "{}", *LPP, "--json"), ("ledger", "{}", *LPP, "--format", "csv"),
        ("ledger", "{}"), ("ledger", "{}", *LPP, "--format", "markdown"), ("ledger", "{}", *LPP),
        ("ledger", "{}", *LPP, "--plot", "l.svg"),
    )),
    "record": Kind("bad{}.json", "json", _made("record.json"), (
        ("verify", "{}"), ("verify", "{}", "--json"), ("classify", "{}"), ("report", "{}"), ("export", "{}"),
        ("identify", "{}"), ("export", "{}", "--format", "jsonl"), ("export", "{}", "--format", "markdown"),
        ("compare", "{}", "record.json"), ("export", "{}", "--format", "parquet", "-o", "o.parquet"),
        ("export", "{}", "--format", "openmetrics"), ("export", "{}", "--format", "pytest-benchmark"),
        ("compare", "record.json", "{}", "--json"), ("check", "{}", "--to", "CN"),
        ("check", "{}", "--to", "CN", "--github"), ("sign", "{}", "--key", "key.pem"), ("headroom", "{}"),
        ("emulation", "calibrate", "{}"),
        ("verify", "{}", "--signature", "record.dsse.json", "--public-key", "key.pem.pub"), ("run", "--resume", "{}"),
        ("map", "{}", "-o", "map.svg"), ("profiles", "show", "{}"),
    )),
    "stopped": Kind("bad{}.json", "json", _made("stopped.json"), (
        ("run", "--resume", "{}"), ("report", "{}"), ("verify", "{}"),
    )),
    "envelope": Kind("bad{}.json", "json", _made("record.dsse.json"), (
        ("verify", "record.json", "--signature", "{}", "--public-key", "key.pem.pub"),
    )),
    "key": Kind("bad{}.pem", "bytes", _made("key.pem"), (
        ("sign", "record.json", "--key", "{}"),
    )),
    "public key": Kind("bad{}.pub", "bytes", _made("key.pem.pub"), (
        ("verify", "record.json", "--signature", "record.dsse.json", "--public-key", "{}"),
    )),
    "token": Kind("bad{}.jwt", "bytes", _made("token.jwt"), (
        ("sign", "record.json", "--key", "key.pem", "--attestation", "{}"),
    )),
    "kernel times": Kind("bad{}.csv", "csv", _made("times.csv"), (
        ("emulation", "validate", "{}", "--held-out", "none"),
        ("emulation", "validate", "{}", "--held-out", "none", "--json"),
        ("emulation", "validate", "{}", "--held-out", "none"), ("emulation", "validate", "{}"),
    )),
    "represented": Kind("bad{}.toml", "toml", _made("represented.toml"), (
        ("certificate", "record.json", "--represented", "{}"),
        ("certificate", "record.json", "--represented", "{}", "--json"),
    )),
    "device lines": Kind("bad{}.jsonl", "json", _made("fleet.jsonl"), (
        ("fleet", "gather", "{}"), ("fleet", "gather", "{}", "fleet.jsonl", "--json"),
        ("fleet", "gather", "{}", "-o", "f.html"), ("fleet", "gather", "{}", "--lines", "again.jsonl"),
    )),
    "racks": Kind("bad{}.csv", "csv", _made("racks.csv"), (
        ("fleet", "gather", "fleet.jsonl", "--racks", "{}"),
    )),
    "roll": Kind("lot/roll.json", "json", _made("roll.json"), (
        ("fleet", "run", "--resume", "lot"),
    )),
}  # fmt: skip


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that call it."""
    yield from _below(main, ())


def _below(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        if (found := command.get_command(context, name)) is not None:
            yield from _below(found, (*path, name))


def made(seed: int, number: int, workshop: Path) -> Input:
    """The input of a number; `workshop` is the folder of the valid files that are made, not shipped."""
    rng = random.Random(f"{seed}:{number}")  # noqa: S311
    if number % 2:
        return _bad_arguments(rng, number)
    names = list(KINDS)
    return _bad_file(rng, number, names[number // 2 % len(names)], workshop)


def _bad_file(rng: random.Random, number: int, name: str, workshop: Path) -> Input:
    kind = KINDS[name]
    content = mutated(rng, _content(rng.choice(kind.valid(workshop))), kind.form)
    # Named by its number: what a process remembers of a path is not of another input's file.
    file = kind.name.format(number)
    call = tuple(word.replace("{}", file) for word in rng.choice(kind.calls))
    return Input(number, f"file: {name}", call, file, content)


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _all_commands() -> list[tuple[tuple[str, ...], click.Command]]:
    return list(commands())


def _bad_arguments(rng: random.Random, number: int) -> Input:
    """A command as it should be called, with up to three options more, a word in place of another, or one too many."""
    every = _all_commands()
    path, command = every[number // 2 % len(every)]
    words = list(CALLS.get(path) or _asked_for(rng, command))
    options = [p for p in command.params if isinstance(p, click.Option)]
    for _ in range(rng.choice((0, 1, 1, 2, 3)) if options else 0):
        words += _option(rng, rng.choice(options))
    if words and rng.random() < 0.25:
        words[rng.randrange(len(words))] = _argument(rng, command)
    if rng.random() < 0.15:
        words.insert(rng.randint(0, len(words)), _argument(rng, command))
    if rng.random() < 0.05:
        del words[rng.randint(0, len(words)) :]
    return Input(number, f"arguments: {' '.join(path)}", (*path, *_kept_whole(_bounded(path, words))))


def _kept_whole(words: list[str]) -> list[str]:
    """Nothing is written over the files that ship, which the next input needs, and to no pipe that nobody reads."""
    written = {*OUTPUTS, "-o"}
    return [
        "x.svg" if before in written and (word in SHIPPED or "fifo" in word) else word
        for before, word in zip(["", *words], words, strict=False)
    ]


def _bounded(path: tuple[str, ...], words: list[str]) -> list[str]:
    """A run stays short, in its process and off this machine; a table of all parts, which takes seconds, is of some."""
    if path == ("run",) and "--resume" not in words and not {"--device", "--workload", "--dtype"} <= set(words):
        words = [*RUN, *words]
    if path == ("fleet", "run"):
        words = _without(words, "--engine", "--address")
        words = words if "--resume" in words else [*FLEET, *words]
    if path == ("identify",) and not any(w.endswith(".json") for w in words):
        words = ["record.json", *words]
    if path == ("matrix",):
        words = ["nvidia-h20", *words]
    return words


def _without(words: list[str], *options: str) -> list[str]:
    """The words but for these options and their values."""
    return [w for before, w in zip(["", *words], words, strict=False) if w not in options and before not in options]


def _asked_for(rng: random.Random, command: click.Command) -> list[str]:
    return [rng.choice(values(p.type)) for p in command.params if isinstance(p, click.Argument) and p.required]


def _option(rng: random.Random, option: click.Option) -> list[str]:
    name = rng.choice((*option.opts, *option.secondary_opts))
    if option.is_flag:
        return [name]
    value = rng.choice([v for v in values(option.type) if not (OUTPUTS & set(option.opts) and "fifo" in v)])
    return [name, mutated_text(rng, value) if value in GRAMMAR else value]


def _argument(rng: random.Random, command: click.Command) -> str:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    value = rng.choice(values(rng.choice(arguments).type if arguments else click.STRING))
    return mutated_text(rng, value) if value in GRAMMAR else value
