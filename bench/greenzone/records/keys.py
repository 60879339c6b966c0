"""Ed25519 keys in PEM files: the private one for its owner's eyes alone, the public one beside it.

A key is never printed and never written over. securesystemslib and cryptography come with the extra `attest`
and are imported when first needed.
"""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from greenzone.errors import FileError, GreenzoneError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from securesystemslib.signer import CryptoSigner

T = TypeVar("T")
EXTRA = "signatures need securesystemslib and cryptography: pip install 'greenzone[attest]'"
_MOST_BYTES = 1 << 16
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def require_extra() -> None:
    """Say which extra is missing, in place of a failed import.

    Raises:
        GreenzoneError: securesystemslib or cryptography is not installed.
    """
    try:
        import cryptography
        import securesystemslib.signer  # noqa: F401
    except ImportError:
        raise GreenzoneError(EXTRA) from None
    _ = cryptography


def new_key(path: Path) -> Path:
    """Make a key: the private one at `path`, mode 600; the public one at `path` with .pub added.

    Returns:
        Where the public key is.

    Raises:
        GreenzoneError: the extra `attest` is not installed.
        FileError: one of the files is there already, or cannot be written.
    """
    require_extra()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key, public = Ed25519PrivateKey.generate(), public_path(path)
    for file in (path, public):
        if os.path.lexists(file):
            raise FileError(f"{file}: is there already; a key is never written over, choose another name")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write_new(path, private, 0o600)
    _write_new(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    return public


def public_path(path: Path) -> Path:
    """Where the public key of a private one lies."""
    return path.with_name(f"{path.name}.pub")


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is not there, whole or not at all; it has its mode from the first byte on."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(partial, path)  # a rename would replace a file that came in between
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror or error}); choose another place") from None
    finally:
        with suppress(OSError):
            partial.unlink()


def signer_of(path: Path) -> "CryptoSigner":
    """What signs with the private key of a file.

    Raises:
        GreenzoneError: the extra `attest` is not installed.
        FileError: it cannot be read, others than its owner may read it, or it is no Ed25519 key.
    """
    require_extra()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner

    key = _loaded(path, "private", lambda pem: load_pem_private_key(pem, None))
    if not isinstance(key, Ed25519PrivateKey):
        raise FileError(f"{path}: no Ed25519 key; `greenzone sign --new-key FILE` makes one")
    return CryptoSigner(key)


def public_key_of(path: Path) -> "Ed25519PublicKey":
    """The public key of a file.

    Raises:
        GreenzoneError: the extra `attest` is not installed.
        FileError: it cannot be read, or is no Ed25519 public key.
    """
    require_extra()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = _loaded(path, "public", load_pem_public_key)
    if not isinstance(key, Ed25519PublicKey):
        raise FileError(f"{path}: no Ed25519 public key; give the .pub file that lies beside the private one")
    return key


def _loaded(path: Path, kind: str, load: Callable[[bytes], Any]) -> Any:
    """A key of a PEM file. No fault repeats what the file holds."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        if path.exists() and not path.is_file():  # a pipe that nobody writes to is not waited for
            raise FileError(f"{path}: cannot be read (not a regular file); give the file of a key")
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            pem = stream.read(_MOST_BYTES) if stat.S_ISREG(mode) else b""
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error}); give the file of a key") from None
    if (other := "public" if kind == "private" else "private").upper().encode() + b" KEY" in pem:
        right = str(path).removesuffix(".pub") if other == "public" else public_path(path)
        raise FileError(f"{path}: is a {other} key, and a {kind} one is asked for; give {right}")
    if kind == "private" and stat.S_IMODE(mode) & _OTHERS:
        raise FileError(
            f"{path}: others can read this private key (mode {stat.S_IMODE(mode):o}); "
            f"if nobody did, `chmod 600 {path}`, else make a new one"
        )
    try:
        return load(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        raise FileError(f"{path}: no {kind} key in PEM without a passphrase") from None
