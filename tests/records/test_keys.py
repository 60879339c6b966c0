"""Key files: for their owner alone, never written over, never shown."""

import os
import stat
import sys
from pathlib import Path

import pytest

from greenzone.errors import FileError, GreenzoneError
from greenzone.records.keys import new_key, public_key_of, signer_of


def test_a_private_key_is_for_its_owner_and_its_public_one_lies_beside_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        public = new_key(tmp_path / "deep" / "own")
    finally:
        os.umask(before)
    private = tmp_path / "deep" / "own"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert (public.name, stat.S_IMODE(public.stat().st_mode)) == ("own.pub", 0o644)
    assert sorted(p.name for p in private.parent.iterdir()) == ["own", "own.pub"], "nothing else is left behind"
    assert b"PRIVATE" not in public.read_bytes()
    assert signer_of(private).public_key._crypto_key() == public_key_of(public)


@pytest.mark.parametrize("there", ["own", "own.pub"])
def test_a_key_is_never_written_over(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(FileError, match=f"{there}: is there already"):
        new_key(tmp_path / "own")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(there, "mine")]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    new_key(tmp_path / "own")
    (tmp_path / "own").chmod(mode)
    with pytest.raises(FileError, match=f"others can read this private key .mode {mode:o}.*chmod 600"):
        signer_of(tmp_path / "own")


def test_what_is_no_key_is_said_so_without_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "own"
    path.write_text("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n")
    path.chmod(0o600)
    with pytest.raises(FileError, match="no private key in PEM") as caught:
        signer_of(path)
    assert "secret" not in str(caught.value)
    with pytest.raises(FileError, match=r"own: is a private key, and a public one is asked for; give .*own\.pub$"):
        public_key_of(path)
    path.write_text("-----BEGIN PUBLIC KEY-----\nsecret\n-----END PUBLIC KEY-----\n")
    with pytest.raises(FileError, match="no public key in PEM"):
        public_key_of(path)
    with pytest.raises(FileError, match="own: is a public key, and a private one is asked for"):
        signer_of(path)
    with pytest.raises(FileError, match=r"cannot be read \(No such file"):
        signer_of(tmp_path / "none")
    new_key(tmp_path / "real")
    with pytest.raises(FileError, match="is a private key, and a public one is asked for"):
        public_key_of(tmp_path / "real")


def test_a_key_with_a_passphrase_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ec

    path = tmp_path / "key"
    key = ec.generate_private_key(ec.SECP256R1())
    for encryption, words in ((s.NoEncryption(), "no Ed25519 key"), (s.BestAvailableEncryption(b"x"), "passphrase")):
        path.write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, encryption))
        path.chmod(0o600)
        with pytest.raises(FileError, match=words):
            signer_of(path)


def test_without_the_extra_one_sentence_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "securesystemslib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "securesystemslib", None)
    with pytest.raises(GreenzoneError, match=r"pip install 'greenzone\[attest\]'"):
        new_key(tmp_path / "own")
