"""Signatures of records and certificates: an in-toto Statement v1 about the file, in a DSSE envelope, by Ed25519.

A valid signature shows that the holder of a key had this file, to the byte, and stands for it. It does not
show what silicon the figures are of, nor when they were measured: for both there is the signer's word alone.
What is stated of a certificate is of another type than what is stated of a record, so that neither passes for
the other.

Formats: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and
https://github.com/secure-systems-lab/dsse/blob/master/envelope.md
"""

import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenzone.datafiles import read_bytes, sha256
from greenzone.errors import FileError, NotVerified, RecordError
from greenzone.records.attestation import token_facts
from greenzone.records.digests import changed, digests
from greenzone.records.keys import public_key_of, signer_of
from greenzone.records.record import Record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from securesystemslib.dsse import Envelope

STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD = "application/vnd.in-toto+json"
# in-toto asks for a URI that nobody else uses, not for one that leads somewhere. A UUID needs neither a host
# nor a registration (RFC 9562, section 4); the fragment holds the version, raised when the meaning changes.
PREDICATE = "urn:uuid:be561975-2296-4e59-871f-b05146daa429#greenzone.attestation/1"
CERTIFIED = "urn:uuid:be561975-2296-4e59-871f-b05146daa429#greenzone.certificate-attestation/1"
CERTIFICATE = "greenzone.certificate/1"  # the schema of the file that `greenzone certificate` writes
_CERTIFICATE_KEYS = ("lot", "emulated", "statement", "exit_code", "method", "represented", "units", "records")
REPORTED = "as reported by the driver"
ATTESTED = "of a token of the device's vendor, which its tools can check"
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 8 << 20  # of an envelope; that of a record of the longest suite has 50 kB
_MOST_SIGNATURES = 100


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds: by which key, of a file of what name, and what was stated of it."""

    keyid: str
    name: str
    predicate: Mapping[str, Any]


def is_certificate(document: object, path: Path) -> bool:
    """Whether a document is a certificate of a lot.

    Raises:
        RecordError: it says so, and is none.
    """
    if not isinstance(document, Mapping) or document.get("schema") != CERTIFICATE:
        return False
    if missing := [name for name in _CERTIFICATE_KEYS if name not in document]:
        raise RecordError(f"{path}: a broken certificate: {missing[0]} is not there; write it anew from its records")
    records = document["records"]
    if not isinstance(records, list) or not all(isinstance(r, Mapping) and _is_hash(r.get("sha256")) for r in records):
        raise RecordError(f"{path}: a broken certificate: a record has no SHA-256; write it anew from its records")
    return True


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and bool(_HASH.fullmatch(value))


def sign(content: bytes, document: Mapping[str, Any], name: str, key: Path, token: bytes | None = None) -> str:
    """The envelope of a record or a certificate, as JSON text.

    Args:
        content: the bytes of the file.
        document: the same as plain data, which was found to be one of them.
        name: of the file, without its folder.
        key: the file of the private key.
        token: of the vendor's attestation, whose nonce is the SHA-256 of the file.

    Raises:
        GreenzoneError: the extra `attest` is not installed.
        FileError: the key cannot be read or others can read it; the token cannot be read.
        NotVerified: the token's nonce is another.
    """
    signer = signer_of(key)
    from securesystemslib.dsse import Envelope

    subject = {"name": name, "digest": {"sha256": sha256(content)}}
    predicate = _predicate(document)
    if token is not None:
        predicate |= {"identity": ATTESTED, "attestation": token_facts(token, sha256(content))}
    statement = {"_type": STATEMENT, "subject": [subject], "predicateType": _type(document), "predicate": predicate}
    envelope = Envelope(json.dumps(statement, separators=(",", ":")).encode(), PAYLOAD, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict(), indent=1) + "\n"


def _type(document: Mapping[str, Any]) -> str:
    return CERTIFIED if document.get("schema") == CERTIFICATE else PREDICATE


def _predicate(document: Mapping[str, Any]) -> dict[str, Any]:
    """What is stated of a file beside its digest, for who has the envelope alone."""
    return (_of_certificate if _type(document) == CERTIFIED else _of_record)(document)


def _of_certificate(document: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: document[key] for key in ("lot", "emulated", "statement", "exit_code", "method")}
    return {**own, "records": [one.get("sha256") for one in document["records"]], "digests": digests(document)}


def _of_record(document: Mapping[str, Any]) -> dict[str, Any]:
    record = Record.model_validate(document)
    return {
        "run": {"id": record.run.id, "startedAt": record.run.started_at, "status": record.run.status},
        "tool": {key: record.tool.get(key) for key in ("name", "version", "package_sha256")},
        "device": {key: record.device.get(key) for key in ("id", "name", "emulated")},
        "identity": REPORTED,
        "verdicts": [{key: v.get(key) for key in ("regime", "version", "status")} for v in record.verdicts],
        "digests": digests(document),
    }


def require_signed(content: bytes, document: Mapping[str, Any], envelope: Path, key: Path) -> Signed:
    """The signature of a record or a certificate, which must hold.

    Args:
        content: the bytes of the file.
        document: the same as plain data.
        envelope: its file.
        key: the file of the public key of who is trusted.

    Raises:
        GreenzoneError: the extra `attest` is not installed.
        FileError: the envelope or the key cannot be read.
        NotVerified: not signed by that key, no statement about such a file, or about another; what was changed
            in the file since is named.
    """
    public = public_key_of(key)
    found = envelope_of(envelope)
    keyid = _require_signature(found, public, envelope, key)
    name, digest, predicate = _statement(found, envelope, _type(document))
    if digest != sha256(content):
        parts = changed(_digests(predicate), document) or ["its bytes, and no value in it"]
        what = "certificate" if _type(document) == CERTIFIED else "record"
        raise NotVerified(f"{envelope}: the {what} is not the one that was signed: {_listed(parts)}")
    return Signed(keyid, name, predicate)


def envelope_of(path: Path) -> "Envelope":
    """The envelope in a file, unverified.

    Raises:
        FileError: it cannot be read, or is none.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import FormatError

    text = read_bytes(path, _MOST_BYTES)
    try:
        data = json.loads(text)
        if not 0 < len(data["signatures"]) <= _MOST_SIGNATURES:
            raise ValueError(f"{len(data['signatures'])} signatures; 1 to {_MOST_SIGNATURES} can stand there")
        if not isinstance(data["payloadType"], str):
            raise TypeError("its payloadType is no text")
        data["payloadType"].encode("utf-8")  # half a surrogate pair cannot be signed
        # DSSE leaves the key's id open; the library asks for one, each its own
        signatures = [{**one, "keyid": f"{n}"} for n, one in enumerate(data["signatures"])]
        return Envelope.from_dict({**data, "signatures": signatures})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, FormatError, binascii.Error) as error:
        raise FileError(f"{path}: no DSSE envelope ({error!s:.100}); give what `greenzone sign` wrote") from None


def _require_signature(found: "Envelope", public: "Ed25519PublicKey", envelope: Path, key: Path) -> str:
    """The id of the key, if one of the signatures is its: whatever id the envelope gives for it."""
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    try:
        found.verify([SSlibKey.from_crypto(public, keyid=keyid) for keyid in found.signatures], 1)
    except VerificationError:
        raise NotVerified(
            f"{envelope}: not signed by the key {key}, or changed since; get both files again from who signed"
        ) from None
    return SSlibKey.from_crypto(public).keyid


def _statement(found: "Envelope", path: Path, kind: str) -> tuple[str, str, Mapping[str, Any]]:
    """The name and SHA-256 of the one file a statement is about, and its predicate."""
    try:
        if found.payload_type != PAYLOAD:
            raise ValueError(f"its payload is {found.payload_type!r:.60}")
        statement = json.loads(found.payload)
        if (statement["_type"], statement["predicateType"]) != (STATEMENT, kind):
            raise ValueError(f"its predicate is {statement['predicateType']!r:.80}")
        (subject,) = statement["subject"]
        predicate = statement["predicate"]
        return str(subject["name"]), str(subject["digest"]["sha256"]), predicate if isinstance(predicate, dict) else {}
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise NotVerified(f"{path}: signed, but no statement about such a file of greenzone ({error!s:.120})") from None


def _digests(predicate: Mapping[str, Any]) -> Mapping[str, Any]:
    found = predicate.get("digests")
    return found if isinstance(found, Mapping) else {}


def _listed(parts: list[str], shown: int = 5) -> str:
    more = f"; and {len(parts) - shown} more" if len(parts) > shown else ""
    return "; ".join(parts[:shown]) + more
