"""An envelope that others can read, and that holds for one record and one key."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from greenzone.datafiles import sha256
from greenzone.errors import FileError, NotVerified
from greenzone.records import signature
from greenzone.records.keys import new_key, public_key_of
from greenzone.records.signature import PREDICATE, require_signed, sign

RECORD: dict[str, Any] = {
    "schema": "greenzone.record/1", "run": {"id": "r1", "started_at": "2026-11-21T00:00:00+00:00"},
    "tool": {"name": "greenzone", "version": "0.1.0"}, "rules": {}, "device": {"id": "cpu", "name": "A processor"},
    "environment": {}, "settings": {}, "verdicts": [{"regime": "us-3a090", "status": "undecided", "version": None}],
    "benchmarks": [{"name": "memory.copy", "window": "burst", "samples": [0.25, 0.5]}],
}  # fmt: skip
CONTENT = json.dumps(RECORD).encode()


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A private and a public key."""
    return tmp_path / "own", new_key(tmp_path / "own")


@pytest.fixture
def envelope(tmp_path: Path, keys: tuple[Path, Path]) -> Path:
    """The signed record."""
    path = tmp_path / "r1.dsse.json"
    path.write_text(sign(CONTENT, RECORD, "r1.json", keys[0]))
    return path


def statement_of(path: Path) -> Any:
    return json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))


def test_the_statement_is_in_toto_s(envelope: Path) -> None:
    assert json.loads(envelope.read_text())["payloadType"] == "application/vnd.in-toto+json"
    found = statement_of(envelope)
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["subject"] == [{"name": "r1.json", "digest": {"sha256": sha256(CONTENT)}}]
    assert found["predicateType"] == PREDICATE
    assert found["predicate"]["verdicts"] == [{"regime": "us-3a090", "status": "undecided", "version": None}]
    assert found["predicate"]["identity"] == "as reported by the driver"


def test_the_signature_is_ed25519_over_the_pre_authentication_encoding(
    envelope: Path, keys: tuple[Path, Path]
) -> None:
    """The encoding of the DSSE protocol, written out here from its text: DSSEv1 and each length in ASCII."""
    data = json.loads(envelope.read_text())
    payload, kind = base64.b64decode(data["payload"]), data["payloadType"].encode()
    encoded = b" ".join([b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload])
    public_key_of(keys[1]).verify(base64.b64decode(data["signatures"][0]["sig"]), encoded)


def test_it_holds_for_the_record_and_the_key(envelope: Path, keys: tuple[Path, Path]) -> None:
    found = require_signed(CONTENT, RECORD, envelope, keys[1])
    assert found.name == "r1.json"
    assert found.keyid == json.loads(envelope.read_text())["signatures"][0]["keyid"]


def test_the_id_of_the_key_is_the_signer_s_choice_and_may_be_left_out(envelope: Path, keys: tuple[Path, Path]) -> None:
    data = json.loads(envelope.read_text())
    (one,) = data["signatures"]
    strange = {"sig": base64.b64encode(b"0" * 64).decode(), "keyid": "x"}
    envelope.write_text(json.dumps({**data, "signatures": [strange, {"sig": one["sig"]}]}))
    assert require_signed(CONTENT, RECORD, envelope, keys[1]).name == "r1.json"


def test_a_changed_record_is_refused_with_what_was_changed(envelope: Path, keys: tuple[Path, Path]) -> None:
    other = {**RECORD, "benchmarks": [{**RECORD["benchmarks"][0], "samples": [0.25, 0.51]}]}
    with pytest.raises(NotVerified, match=r"benchmarks\[0\] \(memory.copy burst\) samples was changed$") as caught:
        require_signed(json.dumps(other).encode(), other, envelope, keys[1])
    assert caught.value.exit_code == 5
    with pytest.raises(NotVerified, match="its bytes, and no value in it"):
        require_signed(CONTENT + b"\n", RECORD, envelope, keys[1])


def test_another_key_is_refused(tmp_path: Path, envelope: Path) -> None:
    with pytest.raises(NotVerified, match="not signed by the key"):
        require_signed(CONTENT, RECORD, envelope, new_key(tmp_path / "other"))


def test_a_changed_statement_is_refused(envelope: Path, keys: tuple[Path, Path]) -> None:
    data, found = json.loads(envelope.read_text()), statement_of(envelope)
    found["predicate"]["verdicts"][0]["status"] = "not_caught"
    envelope.write_text(json.dumps({**data, "payload": base64.b64encode(json.dumps(found).encode()).decode()}))
    with pytest.raises(NotVerified, match="not signed by the key"):
        require_signed(CONTENT, RECORD, envelope, keys[1])


def test_a_statement_about_something_else_is_refused(
    envelope: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signature, "PREDICATE", "https://slsa.dev/provenance/v1")
    envelope.write_text(sign(CONTENT, RECORD, "r1.json", keys[0]))
    monkeypatch.undo()
    with pytest.raises(NotVerified, match="no statement about such a file"):
        require_signed(CONTENT, RECORD, envelope, keys[1])


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "[" * 100_000, '{"signatures": 5}', '{"signatures": []}',
        '{"payload": 5, "payloadType": "x", "signatures": [{"sig": "AA=="}]}',
        '{"payload": "AA==", "payloadType": "x", "signatures": [{"sig": "%"}]}',
        '{"payload": "AA==", "payloadType": "x", "signatures": ["AA=="]}',
        json.dumps({"payload": "AA==", "payloadType": "x", "signatures": [{"sig": "AA=="}] * 101}),
        " " * ((8 << 20) + 1),
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_said_so(tmp_path: Path, keys: tuple[Path, Path], text: str) -> None:
    path = tmp_path / "x.dsse.json"
    path.write_text(text)
    with pytest.raises(FileError, match=r"no DSSE envelope|larger than 8 MiB"):
        require_signed(CONTENT, RECORD, path, keys[1])


def test_a_token_is_bound_by_its_nonce(keys: tuple[Path, Path], tmp_path: Path) -> None:
    def token(nonce: str) -> bytes:
        claims = base64.urlsafe_b64encode(json.dumps({"eat_nonce": nonce}).encode()).rstrip(b"=")
        return b'[["JWT", "eyJhbGciOiJFUzM4NCJ9.' + claims + b'.c2ln"], {}]'

    path = tmp_path / "t.dsse.json"
    path.write_text(sign(CONTENT, RECORD, "r1.json", keys[0], token(sha256(CONTENT).upper())))
    predicate = require_signed(CONTENT, RECORD, path, keys[1]).predicate
    assert predicate["attestation"]["nonce"] == sha256(CONTENT)
    with pytest.raises(NotVerified, match="of another record"):
        sign(CONTENT, RECORD, "r1.json", keys[0], token("00" * 32))
    with pytest.raises(FileError, match="no JSON Web Token"):
        sign(CONTENT, RECORD, "r1.json", keys[0], b"hello.there")
