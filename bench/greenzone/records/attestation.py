"""A vendor's attestation token, bound to a record by its nonce.

Who asks a device's vendor for a token gives a nonce, and the token repeats it as `eat_nonce` (RFC 9711, section
4.1; NVIDIA's: https://docs.nvidia.com/attestation/advanced-documentation/latest/claims-guide/gpu_claims.html).
With the SHA-256 of a record as the nonce, the token was made for this record and after it. The vendor's signature
on it is not checked here: the vendor's own tools do that, and the token's SHA-256 stands in the statement.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from greenzone.datafiles import sha256
from greenzone.errors import FileError, NotVerified

_MOST_BYTES = 1 << 20
_WORD = re.compile(rb"[\w.-]+", re.ASCII)
_LEAST = 4  # characters of a header or of claims
_NONCES = ("eat_nonce", "nonce")


def token_facts(token: bytes, nonce: str) -> dict[str, str]:
    """What a statement keeps of a token.

    Args:
        token: the bytes of its file: a JSON Web Token, or JSON in which there are some.
        nonce: the SHA-256 of the record, in hexadecimal.

    Raises:
        FileError: there is no token in it.
        NotVerified: none of its tokens has that nonce.
    """
    if len(token) > _MOST_BYTES:
        raise FileError("the attestation token is larger than 1 MiB; give the file the vendor's tool wrote")
    claims = [c for part in _parts(token) if (c := _claims(part)) is not None]
    if not claims:
        raise FileError("no JSON Web Token is in the attestation's file; give the one the vendor's tool wrote")
    if nonce not in {value.lower() for c in claims for key in _NONCES for value in _texts(c.get(key))}:
        raise NotVerified(f"the attestation token is of another record: its nonce is not {nonce}; ask for one that is")
    return {"sha256": sha256(token), "nonce": nonce}


def _parts(token: bytes) -> Iterator[bytes]:
    """The middle of every three parts with dots between (RFC 7519: header, claims, signature), in linear time."""
    for word in _WORD.findall(token):
        parts = word.split(b".")
        for header, claims, _ in zip(parts, parts[1:], parts[2:], strict=False):
            if min(len(header), len(claims)) >= _LEAST:
                yield claims


def _claims(part: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _texts(value: Any) -> list[str]:
    return [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, str)]
