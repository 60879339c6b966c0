"""What inputs once broke, as data: each is refused in a sentence, with its exit code, and stays so."""

import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from fuzz.judging import OBEYED
from greenzone.datafiles import data_root

CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("regressions.toml").read_text("utf-8"))["case"]
LONG = "a/" * 3_000
COLUMNS = "family,op,device,latency_ms,b,m,n,k,h"
Invoke = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emulated_record: Path, invoke: Invoke) -> Path:
    """The working directory, with what the cases name in capitals."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "RECORD").write_bytes(emulated_record.read_bytes())
    os.mkfifo("FIFO")
    assert invoke("sign", "--new-key", "KEY").exit_code == 0
    return tmp_path


def refused(result: Result, code: int) -> str:
    assert isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == code, result.output
    assert not OBEYED.search(result.output)
    assert "Error: " in result.stderr
    return result.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_what_broke_once_is_refused_in_a_sentence(case: dict[str, Any], folder: Path, invoke: Invoke) -> None:
    if file := case.get("file"):
        content = bytes.fromhex(file["hex"]) if "hex" in file else file["text"].encode()
        (folder / file["name"]).write_bytes(content)
    arguments = [word.replace("SHIPPED", str(data_root())) for word in case["arguments"]]
    assert case["says"] in refused(invoke(*arguments), case["exit"])


@pytest.mark.parametrize("arguments", [("verify", "RECORD"), ("profiles", "list")], ids=" ".join)
def test_a_path_too_long_for_any_file_is_said(arguments: tuple[str, ...], folder: Path, invoke: Invoke) -> None:
    assert "check the path and its rights" in refused(invoke(*arguments, "--profiles", LONG), 1)


def test_more_columns_than_times_have_are_refused_at_once(folder: Path, invoke: Invoke) -> None:
    """pandas took the square of their number to tell them apart."""
    (folder / "x.csv").write_text(f"{','.join([COLUMNS] * 10_000)}\n")
    assert "stands twice in line 1" in refused(invoke("emulation", "validate", "x.csv"), 1)
    (folder / "x.csv").write_text(f"{COLUMNS}\n{'1,' * 90_000}\n")
    assert "row 2: 90,001 fields, and line 1 has 9" in refused(invoke("emulation", "validate", "x.csv"), 1)
    (folder / "x.csv").write_text(f"{','.join(f'b{n}' for n in range(50_000))}\n")
    assert "50,000 columns, and at most 100" in refused(invoke("emulation", "validate", "x.csv"), 1)


def test_a_name_of_a_hundred_thousand_letters_is_cut(folder: Path, invoke: Invoke) -> None:
    (folder / "x.csv").write_text(f"{COLUMNS}\nlinear,{'l' * 100_000},NVIDIA L4,1,1,8,8,8,\n")
    assert len(refused(invoke("emulation", "validate", "x.csv"), 2)) < 1_000


def test_a_file_of_a_thousand_faults_is_told_by_its_first(folder: Path, invoke: Invoke) -> None:
    lines = "".join(f"k{n} = 1\n" for n in range(1_000))
    (folder / "x.toml").write_text(f"schema = 1\nid = 'x'\nname = 'X'\n{lines}")
    said = refused(invoke("classify", "x.toml"), 1).splitlines()
    assert len(said) == 9
    assert said[-1] == "x.toml: 992 faults more; is it a file of another kind?"


def test_links_that_lead_in_a_circle_are_written_over(folder: Path, invoke: Invoke) -> None:
    Path("LOOP").symlink_to("LOOP")
    assert invoke("export", "RECORD", "-o", "LOOP").exit_code == 0
    assert Path("LOOP").read_text("utf-8").startswith("run,")


def test_a_name_that_is_no_text_is_shown_escaped(folder: Path, invoke: Invoke) -> None:
    done = invoke("sign", "RECORD", "--key", "KEY", "-o", "\udcff.json")
    assert done.exit_code == 0
    assert "\\udcff.json" in done.stdout


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("workloads", [["matmul"]]), ("formats", [1.5]), ("batches", [True]), ("contexts", ["1"]), ("seed", -1),
        ("device", {}),
        ("models", "gpt2"), ("transaction", []), ("on", 5),
    ],
)  # fmt: skip
def test_a_run_is_not_gone_on_with_by_settings_no_run_writes(key: str, value: Any, folder: Path,
invoke: Invoke) -> None:
    document = json.loads(Path("RECORD").read_text("utf-8"))
    document["run"] |= {"status": "running", "finished": []}
    document["settings"][key] = value
    Path("RECORD").write_text(json.dumps(document), "utf-8")
    assert "its settings cannot be read" in refused(invoke("run", "--resume", "RECORD"), 1)


def test_a_token_of_a_million_letters_is_looked_through_at_once(folder: Path, invoke: Invoke) -> None:
    """An expression that looked for three parts took the square of the letters before a dot that never came."""
    (folder / "token").write_bytes(b"a" * (1 << 20))
    arguments = ("sign", "RECORD", "--key", "KEY", "--attestation", "token")
    assert "no JSON Web Token" in refused(invoke(*arguments), 1)
