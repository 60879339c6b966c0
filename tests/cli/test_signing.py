"""`sign` and `verify` from end to end: what holds, what is refused, and what was changed by its name."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import greenzone
from greenzone.datafiles import data_root
from greenzone.records.digests import digests

Invoke = Callable[..., Result]
PACKAGE = Path(greenzone.__file__ or "").parent


@pytest.fixture
def signed(invoke: Invoke, emulated_record: Path, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A copy of a record, its envelope, and the public key."""
    record = tmp_path / "run.json"
    shutil.copy(emulated_record, record)
    key = tmp_path / "keys" / "own"
    made = invoke("sign", "--new-key", key)
    assert made.exit_code == 0, made.output
    assert "PRIVATE" not in made.output
    done = invoke("sign", record, "--key", key)
    assert done.exit_code == 0, done.output
    return record, tmp_path / "run.dsse.json", Path(f"{key}.pub")


def edit(path: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(path.read_text())
    change(document)
    document["digests"] = digests(document)
    path.write_text(json.dumps(document))


def test_a_signed_record_verifies_and_says_what_that_does_not_show(
    invoke: Invoke, signed: tuple[Path, Path, Path]
) -> None:
    record, envelope, public = signed
    done = invoke("verify", record, "--signature", envelope, "--public-key", public)
    assert done.exit_code == 0, done.output
    assert "verdicts recomputed to nine significant digits" in done.output
    assert "signed: by the key" in done.output
    assert "It does not show what silicon" in " ".join(done.output.split())
    document = json.loads(invoke("verify", record, "--signature", envelope, "--public-key", public, "--json").output)
    assert document["schema"] == "greenzone.verification/1"
    assert document["verified"] is True
    assert document["signature"]["name"] == "run.json"
    assert document["identity"]["basis"] == "emulated"


def test_without_a_signature_the_figures_are_verified_and_that_is_said(invoke: Invoke, emulated_record: Path) -> None:
    done = invoke("verify", emulated_record)
    assert done.exit_code == 0
    assert "Nobody's signature was checked" in done.output


def test_one_digit_of_one_sample_is_refused_and_named(invoke: Invoke, signed: tuple[Path, Path, Path]) -> None:
    record, envelope, public = signed

    def nudge(document: Any) -> None:
        document["benchmarks"][0]["samples"][5] *= 1 + 1e-9

    edit(record, nudge)
    done = invoke("verify", record, "--signature", envelope, "--public-key", public)
    assert done.exit_code == 5
    said = " ".join(done.output.split())
    assert "is not the one that was signed: benchmarks[0] (matmul fp8 e4m3 burst) samples was changed" in said


def test_another_key_is_refused(invoke: Invoke, signed: tuple[Path, Path, Path], tmp_path: Path) -> None:
    record, envelope, _ = signed
    invoke("sign", "--new-key", tmp_path / "other")
    done = invoke("verify", record, "--signature", envelope, "--public-key", tmp_path / "other.pub", "--json")
    assert done.exit_code == 5
    document = json.loads(done.stdout)
    assert (document["verified"], document["signature"]) == (False, None)
    assert "not signed by the key" in document["signature_refused"]


def test_a_differing_figure_is_named_with_both_values(invoke: Invoke, signed: tuple[Path, Path, Path]) -> None:
    record = signed[0]

    def improve(document: Any) -> None:
        document["benchmarks"][0]["rate_tops"]["median"] = 123456.0

    edit(record, improve)
    done = invoke("verify", record)
    assert done.exit_code == 5
    said = " ".join(done.output.split())
    assert "benchmarks[0] (matmul fp8 e4m3 burst): rate_tops.median is recorded as 123456, recomputed" in said
    assert "not verified: 1 differing figures" in said


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("regimes/us/us-3a090.toml", 'density = ">= 5.92"', 'density = ">= 5.93"', "verdicts"),
        ("devices/nvidia/nvidia-h20.toml", "https://", "https://www.", None),
    ],
)
def test_an_edge_of_a_rule_and_a_source_of_a_profile_are_refused_by_the_file_s_name(
    emulated_record: Path, tmp_path: Path, file: str, old: str, new: str, told: str | None
) -> None:
    """In an installation of its own, a copy of this one with one thing changed."""
    shutil.copytree(PACKAGE, tmp_path / "bench" / "greenzone", ignore=shutil.ignore_patterns("__pycache__", "profiles"))
    shutil.copytree(data_root(), tmp_path / "profiles")
    changed = tmp_path / "profiles" / file
    assert old in changed.read_text()
    changed.write_text(changed.read_text().replace(old, new, 1))
    code = "from greenzone.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "verify", str(emulated_record), "--json"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "bench")},
    )  # fmt: skip
    assert done.returncode == 5, done.stderr
    document = json.loads(done.stdout)
    assert document["changes"] == [f"profiles/{file} is not the file the record was made with"]
    assert {d["where"] for d in document["differences"]} == ({told} if told else set())


def test_verify_needs_no_torch(emulated_record: Path) -> None:
    code = (
        "import sys\nfrom greenzone.cli.main import main\n"
        f"try:\n    main(['verify', {str(emulated_record)!r}])\n"
        "except SystemExit as error:\n    assert not error.code, error.code\n"
        "assert not {'torch', 'pynvml', 'triton', 'matplotlib', 'pandas', 'scipy'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("sign",), "give a RECORD and --key FILE", 2),
        (("sign", "{record}"), "give a RECORD and --key FILE", 2),
        (("sign", "{record}", "--new-key", "{folder}/k"), "--new-key makes a key and signs nothing", 2),
        (("sign", "{record}", "--key", "{folder}/none"), "cannot be read", 1),
        (("sign", "{folder}/none.json", "--key", "{folder}/own"), "cannot be read", 1),
        (("verify", "{record}", "--signature", "x"), "go together", 2),
        (("verify", "{record}", "--signature", "x", "--public-key", "y"), "cannot be read", 1),
        (("verify", "{folder}/none.json"), "cannot be read", 1),
        (("verify", "{record}", "--profiles", "{folder}/none"), "no such folder", 1),
    ],
)
def test_bad_input_is_one_sentence(
    invoke: Invoke, emulated_record: Path, tmp_path: Path, arguments: tuple[str, ...], words: str, code: int
) -> None:
    done = invoke(*(a.format(record=emulated_record, folder=tmp_path) for a in arguments))
    assert done.exit_code == code, done.output
    assert words in done.output
    assert "Traceback" not in done.output


def nested(depth: int) -> str:
    return '"limiter": ' + '{"a":' * depth + "1" + "}" * depth


HOSTILE = {
    "a NaN": '"samples": [NaN, 1.0]',
    "NaN as text": '"samples": [%s"nan"]' % ('"nan",' * 1000),
    "millions of samples": '"samples": [%s1.0]' % ("1.0," * 1_000_000),
    "a huge integer": '"samples": [1%s]' % ("0" * 4000),
    "an endless integer": '"samples": [1%s]' % ("0" * 400_000),
    "a wrong type": '"samples": {"a": 1}',
    "deep nesting": nested(50_000),
    "nesting within bounds": nested(400),
    "millions of lists": '"telemetry": [%s{}]' % ("{}," * 4_000_000),
    "a shape of a million sizes": '"shape": {{{}}}'.format(",".join(f'"k{n}": "x"' for n in range(500_000))),
    "half a character": '"notes": ["\\ud800"]',
    "a huge shape": '"shape": {"m": 1%s, "n": 1, "k": 1}, "samples": [1.0]' % ("0" * 400),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_record_is_refused_in_a_sentence(invoke: Invoke, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "r.json"
    row = f'{{"name": "matmul", "format": "fp8", "validity": "valid", {HOSTILE[kind]}}}'
    head = '"schema": "greenzone.record/1", "run": {"id": "r", "started_at": "x"}, "tool": {}, "rules": {}'
    path.write_text(f'{{{head}, "device": {{}}, "environment": {{}}, "settings": {{}}, "benchmarks": [{row}]}}')
    done = invoke("verify", path)
    assert done.exit_code in (1, 5), done.output
    assert isinstance(done.exception, SystemExit), "a sentence, and no traceback"
    assert len(done.output) < 5000


PAPER = {
    "schema": "greenzone.certificate/1", "lot": "A", "emulated": True, "statement": "No statement.", "exit_code": 4,
    "method": {}, "represented": {}, "units": [], "records": [{"file": "a.json", "sha256": "0" * 64}],
}  # fmt: skip


def paper(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps({key: value for key, value in (PAPER | changes).items() if value is not None}))
    return path


def test_a_signature_of_a_record_is_none_of_a_certificate(
    invoke: Invoke, signed: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    _, envelope, public = signed
    done = invoke("verify", paper(tmp_path / "c.json"), "--signature", envelope, "--public-key", public)
    assert done.exit_code == 5
    assert "signed, but no statement about such a file" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("command", "changes", "code", "words"),
    [
        (("verify",), {}, 2, "a certificate holds no samples to work out again"),
        (("verify",), {"method": None}, 1, "a broken certificate: method is not there"),
        (("sign", "--key", "keys/own"), {"records": [1]}, 1, "a broken certificate: a record has no SHA-256"),
        (("verify",), {"records": [{"file": "a"}]}, 1, "a broken certificate: a record has no SHA-256"),
        (("verify", "--profiles", "."), {}, 2, "give it with the records it names"),
        (("sign", "--key", "keys/own", "--attestation", "c.json"), {}, 2, "about a lot; sign its records"),
        (("verify",), {"schema": "greenzone.certificate/9"}, 1, "no greenzone record"),
    ],
)
def test_a_certificate_that_cannot_be_signed_or_verified_is_one_sentence(
    invoke: Invoke, signed: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...], changes: dict[str, Any], code: int, words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = invoke(command[0], paper(Path("c.json"), **changes), *command[1:])
    assert (done.exit_code, done.stdout) == (code, "")
    assert words in " ".join(done.stderr.split())
    assert not Path("c.dsse.json").exists()


def test_another_signature_is_not_written_over(invoke: Invoke, signed: tuple[Path, Path, Path], tmp_path: Path) -> None:
    record, envelope, _ = signed
    before = envelope.read_bytes()
    assert invoke("sign", record, "--key", tmp_path / "keys" / "own").exit_code == 0, "the same one again"
    assert invoke("sign", "--new-key", tmp_path / "other").exit_code == 0
    done = invoke("sign", record, "--key", tmp_path / "other")
    assert done.exit_code == 2
    assert "is there already and not this signature; give another file with -o" in done.stderr
    assert envelope.read_bytes() == before
    assert invoke("sign", record, "--key", tmp_path / "other", "-o", tmp_path / "second.json").exit_code == 0
