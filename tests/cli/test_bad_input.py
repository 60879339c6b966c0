"""What is wrong is said in a sentence with its exit code, and never with a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]
GOOD = 'schema = 1\nid = "acme-x1"\nname = "X"\n'


def refused(result: Result, code: int) -> str:
    """The sentence on standard error; nothing on standard output."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)
    said = result.stderr.split("Error: ", 1)
    assert len(said) == 2, result.stderr
    return said[1].strip()


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (("classify", "nvidia-h2"), "nvidia-h20"),
        (("profiles", "show", "nvidia-h2"), "nvidia-h20"),
        (("regimes", "show", "us-3a09"), "us-3a090"),
        (("classify", "nvidia-h20", "--regime", "us-3a09"), "us-3a090"),
        (("models", "show", "llama-3-8b"), "llama-3.1-8b"),
        (("clasify",), "classify"),
        (("classify", "--set", "ttp=5"), "tpp"),
    ],
)  # fmt: skip
def test_an_unknown_name_brings_the_three_nearest(invoke: Invoke, arguments: tuple[str, ...], nearest: str) -> None:
    said = refused(invoke(*arguments), 2)
    near = said.split("nearest: ")[1].split(";")[0].split(", ")
    assert nearest in near
    assert len(near) == 3
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "day", ["2023-02-30", "17.11.2023", "2023-11", "tomorrow", "", "20231117", "2023-11-17T00:00", "2023-W46-5"]
)
@pytest.mark.parametrize("option", ["--on", "--known-on"])
def test_a_date_that_is_none_is_a_usage_error(invoke: Invoke, option: str, day: str) -> None:
    said = refused(invoke("classify", "nvidia-h20", option, day), 2)
    assert "YYYY-MM-DD" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("classify",), "name a PROFILE"),
        (("classify", "nvidia-h20", "--to", "China"), "no country"),
        (("classify", "nvidia-h20", "--from", "XX"), "no country"),
        (("classify", "nvidia-h20", "--headquarters", "1"), "no country"),
        (("classify", "nvidia-h20", "--kind", "sale"), "export"),
        (("classify", "nvidia-h20", "--format", "xml"), "markdown"),
        (("classify", "nvidia-h20", "--set", "tpp"), "NAME=VALUE"),
        (("classify", "nvidia-h20", "--set", "datacenter=perhaps"), "true, false, unknown"),
        (("classify", "nvidia-h20", "--nonsense"), "--nonsense"),
        (("run", "--dtype", "e4m3"), "allowed: "),
        (("run", "--suite", "huge"), "quick"),
        (("devices", "show", "tpu:0"), "tpu:0"),
    ],
)  # fmt: skip
def test_a_wrong_option_says_what_is_allowed(invoke: Invoke, arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(invoke(*arguments), 2)


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "-inf", "1e999", "5..4", "x", "< 0"])
def test_a_value_that_is_none_is_refused(invoke: Invoke, value: str) -> None:
    said = refused(invoke("classify", "--set", f"tpp={value}"), 2)
    assert f"--set tpp={value}" in said


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("datacentre = true\n", "datacentre - unknown key; nearest: datacenter"),
        ("[peak_tops]\nfp8 = -1\n", "peak_tops.fp8"),
        ("[peak_tops]\nfp8 = 0\n", "greater than 0"),
        ("[peak_tops]\nfp8 = inf\n", "finite"),
        ("[peak_tops]\nfp8 = nan\n", "peak_tops.fp8"),
        ("[peak_tops]\nfp8 = { value = 5, sparsity = 'sparse' }\n", "ratio"),
        ("id = 'x'\n", "not valid TOML"),
        ("[memory\n", "not valid TOML"),
        ("#" * (1 << 20), "larger than 1 MiB"),
    ],
)
def test_a_broken_profile_names_file_and_key(invoke: Invoke, tmp_path: Path, lines: str, words: str) -> None:
    path = tmp_path / "acme-x1.toml"
    path.write_text(GOOD + lines)
    for arguments in (("classify", path), ("classify", "acme-x1", "--profiles", tmp_path), ("profiles", "lint", path)):
        said = refused(invoke(*arguments), 1)
        assert said.startswith(f"{path}: ")
        assert words in said


def test_all_faults_of_a_file_are_said_a_line_each(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "acme-x1.toml"
    path.write_text(GOOD + "datacentre = true\nitem = 'gpu'\n[memory]\nkind = 5\n")
    said = refused(invoke("classify", path), 1).splitlines()
    assert len(said) == 3
    assert all(line.startswith(f"{path}: ") for line in said)


def test_lint_reports_every_file(invoke: Invoke, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.toml" for name in "ab"]
    for path in paths:
        path.write_text(GOOD + "nonsense = 1\n")
    said = refused(invoke("profiles", "lint", *paths), 1)
    assert all(str(path) in said for path in paths)
    assert invoke("profiles", "lint").exit_code == 0
    assert invoke("regimes", "lint").exit_code == 0


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("r.json", "{", "not valid JSON"), ("r.json", "{}", "no greenzone record"),
        ("r.json", '{"schema": "greenzone.record/9"}', "update greenzone"),
        ("r.json", None, "cannot be read"), ("x.toml", None, "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why(
    invoke: Invoke, tmp_path: Path, name: str, text: str | None, words: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    said = refused(invoke("classify", path), 1)
    assert said.startswith(f"{path}: ")
    assert words in said


def test_a_folder_of_profiles_that_is_none_is_said(invoke: Invoke, tmp_path: Path) -> None:
    assert "no such folder" in refused(invoke("classify", "nvidia-h20", "--profiles", tmp_path / "none"), 1)


def test_a_broken_regime_file_names_file_and_key(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "my-rule.toml"
    path.write_text('schema = 1\nid = "my-rule"\nefect = "control"\n')
    said = refused(invoke("classify", "nvidia-h20", "--regime-file", path), 1)
    assert "efect - unknown key; nearest: effect" in said
    assert all(line.startswith(str(path)) for line in said.splitlines())


def test_debug_shows_the_traceback(invoke: Invoke) -> None:
    done = invoke("--debug", "classify", "nvidia-h2")
    assert type(done.exception).__name__ == "UsageError"
