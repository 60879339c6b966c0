"""`greenzone check` as a pipeline calls it: exits, files, and one sentence for what is wrong."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from greenzone.cli.main import main

Invoke = Callable[..., Result]
ON = ("--on", "2023-11-17")


@pytest.fixture
def policy(tmp_path: Path) -> Callable[..., Path]:
    def write(lines: str = '[[forbid]]\nregime = "us-3a090"\nto = "CN"\n') -> Path:
        path = tmp_path / "policy.toml"
        path.write_text("schema = 1\n" + lines, "utf-8")
        return path

    return write


@pytest.mark.parametrize(("part", "code"), [("nvidia-l4", 3), ("nvidia-l20", 0), ("nvidia-a100-sxm-80gb", 3)])
def test_a_part_is_caught_or_not(invoke: Invoke, policy: Callable[..., Path], part: str, code: int) -> None:
    done = invoke("check", part, "--policy", policy(), *ON)
    assert done.exit_code == code, done.output
    assert f"exit {code}: " in done.stdout
    assert "no legal advice" in done.stdout


def test_without_a_policy_the_destination_is_asked_for(invoke: Invoke) -> None:
    done = invoke("check", "nvidia-h20")
    assert done.exit_code == 2
    assert "--policy FILE" in done.stderr
    assert "--to CC" in done.stderr
    assert invoke("check", "nvidia-h100-sxm", "--to", "CN", *ON).exit_code == 3
    assert invoke("check", "nvidia-l20", "--to", "CN", *ON).exit_code == 0


def test_the_day_is_that_of_the_option_then_that_of_the_policy(invoke: Invoke, policy: Callable[..., Path]) -> None:
    dated = policy('on = 2022-11-01\n[[forbid]]\nregime = "us-3a090"\n')
    assert invoke("check", "nvidia-a800-sxm-80gb", "--policy", dated).exit_code == 0
    assert invoke("check", "nvidia-a800-sxm-80gb", "--policy", dated, *ON).exit_code == 3


def test_json_is_one_document_with_the_exit_in_it(invoke: Invoke, policy: Callable[..., Path]) -> None:
    done = invoke("check", "nvidia-l4", "--policy", policy(), *ON, "--json", "--github")
    document = json.loads(done.stdout)
    assert (document["schema"], document["exit_code"], done.exit_code) == ("greenzone.check/1", 3, 3)
    assert document["lines"][0]["caught_by"] == ["3A090.a.2"]
    assert "::error " in done.stderr, "annotations go where they do not spoil the document"


def test_of_several_the_gravest_is_the_exit(invoke: Invoke, policy: Callable[..., Path], tmp_path: Path) -> None:
    asked = ("check", "nvidia-l20", "nvidia-l4", "--policy", policy(), *ON)
    done = invoke(*asked, "--json", "--junit", tmp_path / "j.xml")
    assert done.exit_code == 3
    assert [document["exit_code"] for document in json.loads(done.stdout)] == [0, 3]
    classes = {case.get("classname") for case in ET.parse(tmp_path / "j.xml").iter("testcase")}  # noqa: S314
    assert classes == {"nvidia-l20", "nvidia-l4"}


def test_a_pipeline_gets_its_files(
    invoke: Invoke, policy: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.setenv(name, str(tmp_path / name))
    done = invoke("check", "nvidia-l4", "--policy", policy(), *ON, "--junit", tmp_path / "out" / "j.xml", "--github")
    assert done.exit_code == 3
    assert ET.parse(tmp_path / "out" / "j.xml").getroot().tag == "testsuites"  # noqa: S314
    assert "### greenzone check" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text("utf-8")
    assert "exit-code=3" in (tmp_path / "GITHUB_OUTPUT").read_text("utf-8").splitlines()
    assert done.stdout.startswith("::error title=")


def test_a_record_is_checked_with_its_baseline(
    invoke: Invoke, policy: Callable[..., Path], stream_record: Callable[..., Path]
) -> None:
    stream_record("base.json", gb_s=300)
    lines = '[[forbid]]\nregime = "us-3a090"\n[baseline]\nrecord = "base.json"\n'
    assert invoke("check", stream_record(gb_s=295), "--policy", policy(lines)).exit_code == 0
    done = invoke("check", stream_record(gb_s=250), "--policy", policy(lines))
    assert done.exit_code == 5
    assert "memory.read burst is 0.833 of the baseline" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nvidia-h2",), 2, "nearest: nvidia-h20"),
        (("nvidia-h20", "--to", "China"), 2, "no country"),
        (("none.json",), 1, "cannot be read"),
        (("nvidia-h20", "--junit", "policy.toml/j.xml"), 1, "cannot be written"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(
    policy: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], code: int, words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["check", *arguments, "--policy", str(policy())])
    assert done.exit_code == code, done.output
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3  # click puts usage before its own
    assert "Traceback" not in done.output


def test_a_policy_that_contradicts_itself_is_a_file_that_cannot_be_used(
    invoke: Invoke, policy: Callable[..., Path]
) -> None:
    path = policy('margin_min = -1\n[[forbid]]\nregime = "us-3a09"\n')
    done = invoke("check", "nvidia-h20", "--policy", path)
    assert done.exit_code == 1
    assert done.stderr.count(f"{path}: ") == 2
    assert done.stdout == ""


def test_a_summary_that_cannot_be_written_is_exit_1(
    invoke: Invoke, policy: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    done = invoke("check", "nvidia-l4", "--policy", policy(), *ON, "--github")
    assert done.exit_code == 1
    assert "GitHub names this file" in done.stderr


def test_a_burst_past_the_claim_fails_the_gate_of_an_emulated_device(
    invoke: Invoke, policy: Callable[..., Path], tmp_path: Path
) -> None:
    """Scenario B3: a limiter lets a part do for 10 ms what its claim denies; only the burst shows it."""
    device = ("--device", "emulated:nvidia-rtx-5090-d-v2", "--workload", "matmul", "--dtype", "int8")
    assert invoke("run", *device, "-o", tmp_path / "results").exit_code == 0
    (record,) = (tmp_path / "results").rglob("*.json")
    own = policy('emulated = true\n[[forbid]]\nregime = "us-3a090"\n')
    document = json.loads(invoke("check", record, "--policy", own, "--json").stdout)
    said = {line["rule"]: line["text"] for line in document["lines"]}
    assert document["exit_code"] == 3
    assert "the claim is contradicted" in said["forbid us-3a090"]
    assert "burst is 1.1" in said["limiter"]
    assert document["device"]["emulated"] is True


def test_every_record_of_a_folder_is_held_to_the_policy(
    invoke: Invoke, policy: Callable[..., Path], emulated_record: Path, tmp_path: Path
) -> None:
    """As a fleet leaves it: each in a folder of its own, beside a roll and signatures."""
    for name in ("a", "b"):
        (tmp_path / "lot" / name).mkdir(parents=True)
        (tmp_path / "lot" / name / "r.json").write_bytes(emulated_record.read_bytes())
    (tmp_path / "lot" / "roll.json").write_text('{"schema": "greenzone.fleet/1"}')
    done = invoke("check", tmp_path / "lot", "--policy", policy(), *ON, "--json")
    assert done.exit_code == 4, "an emulated record gives no verdict"
    assert [document["exit_code"] for document in json.loads(done.stdout)] == [4, 4]
    (tmp_path / "none").mkdir()
    empty = invoke("check", tmp_path / "none", "--policy", policy(), *ON)
    assert (empty.exit_code, empty.stdout) == (1, "")
    assert "holds no record" in empty.stderr
