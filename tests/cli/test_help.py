"""Every command has a help text; what is not there yet says so; ids complete in the shell."""

import importlib.metadata
import json
from collections.abc import Callable, Iterator

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import Result

from greenzone.cli.main import COMMANDS, main
from greenzone.law.regimes import regime_paths
from greenzone.parts.catalogue import profile_paths

Invoke = Callable[..., Result]
CONTRACT = {
    "run",
    "classify",
    "timeline",
    "matrix",
    "headroom",
    "design",
    "map",
    "tiers",
    "compare",
    "export",
    "ledger",
    "check",
    "report",
    "certificate",
    "identify",
    "sign",
    "verify",
    "emulation",
    "fleet",
    "profiles",
    "regimes",
    "models",
    "devices",
}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group, info_name="greenzone")
    for name in group.list_commands(context):
        yield (*path, name)
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


EVERY = list(commands(main))


def test_the_commands_are_those_of_the_contract() -> None:
    assert set(COMMANDS) == CONTRACT


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_a_command_has_help_and_so_has_each_option(invoke: Invoke, path: tuple[str, ...]) -> None:
    done = invoke(*path, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith("Usage: greenzone ")
    command: click.Command | None = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), name)
    assert command is not None
    assert command.help
    assert invoke(*path, "-h").stdout == done.stdout


def test_the_help_lists_every_command(invoke: Invoke) -> None:
    text = invoke("--help").stdout
    assert [name for name in CONTRACT if f"  {name} " not in text] == []
    assert "Exit codes" in text


@pytest.mark.skipif(not list(importlib.metadata.distributions(name="greenzone")), reason="greenzone is not installed")
def test_the_version_is_said(invoke: Invoke) -> None:
    done = invoke("--version")
    assert done.exit_code == 0
    assert done.stdout.startswith("greenzone, version ")


def completions(*arguments: str, incomplete: str = "") -> list[str]:
    shell = ShellComplete(main, {}, "greenzone", "_GREENZONE_COMPLETE")
    return [c.value for c in shell.get_completions(list(arguments), incomplete)]


@pytest.mark.parametrize(
    ("arguments", "incomplete", "wanted"),
    [
        ((), "cl", {"classify"}),
        (("classify",), "nvidia-h20", {"nvidia-h20", "nvidia-h200-sxm"}),
        (("classify", "nvidia-h20"), "amd-", {"amd-mi300x"}),
        (("profiles", "show"), "huawei", {"huawei-ascend-910b2", "huawei-ascend-910c"}),
        (("regimes", "show"), "us-", set(regime_paths())),
        (("classify", "nvidia-h20", "--regime"), "us-3a090", {"us-3a090"}),
        (("classify", "nvidia-h20", "--to"), "C", {"CN", "CH"}),
        (("run", "--device"), "emulated:nvidia-h20", {"emulated:nvidia-h20"}),
        (("run", "--device"), "", {"auto", "cpu", "cuda:0"}),
        (("run", "--dtype"), "fp8", {"fp8", "fp8_acc16"}),
        (("run", "--model"), "llama", {"llama-3.1-8b"}),
        (("models", "show"), "", {"llama-3.1-8b"}),
    ],
)
def test_ids_complete_in_the_shell(arguments: tuple[str, ...], incomplete: str, wanted: set[str]) -> None:
    found = completions(*arguments, incomplete=incomplete)
    assert wanted <= set(found)
    assert all(c.startswith(incomplete) for c in found)


def test_every_profile_completes() -> None:
    assert set(completions("classify")) >= set(profile_paths())


@pytest.mark.parametrize("what", ["profiles", "regimes", "models"])
def test_a_list_is_an_array_of_objects_with_an_id(invoke: Invoke, what: str) -> None:
    rows = json.loads(invoke(what, "list", "--json").stdout)
    assert isinstance(rows, list)
    text = invoke(what, "list").stdout
    assert [row["id"] for row in rows if row["id"] not in text.split()] == []


@pytest.mark.parametrize(
    "arguments",
    [("profiles", "show", "nvidia-h20"), ("regimes", "show", "us-3a090"), ("models", "show", "llama-3.1-8b")],
)
def test_one_is_shown_as_text_and_as_a_document(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    assert json.loads(invoke(*arguments, "--json").stdout)["id"] == arguments[-1]
    assert invoke(*arguments).exit_code == 0
