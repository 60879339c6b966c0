"""A SHA-256 of each part of a record, so that a reader can say which part was changed.

A digest is taken of the parsed content, written again with sorted keys and no white space. They keep
a record from accidents alone: who changes a part can change its digest too. A signature holds them fast
(`records.signature`).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from greenzone.datafiles import sha256

OWN = "digests"  # the part of a record that holds the others' digests
SERIES = ("warmups", "samples", "rounds", "repeats")  # of a row: what its figures are worked out from


def digests(document: Mapping[str, Any]) -> dict[str, str]:
    """The digest of every part of a record: each section, and of each row its series and the rest.

    Args:
        document: the record as plain data.
    """
    return {name: sha256(_canonical(part)) for name, part in _parts(document)}


def changed(recorded: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """The parts of a record that are not those a set of digests was taken of, in words."""
    now = digests(document)
    found = [f"{name} was changed" for name in now if name in recorded and recorded[name] != now[name]]
    found += [f"{name} was added" for name in now if name not in recorded]
    return [*found, *(f"{name} was taken out" for name in recorded if name not in now)]


def _parts(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if key == "benchmarks" and isinstance(value, list):
            for place, row in enumerate(value):
                yield from _row_parts(f"benchmarks[{place}]", row)
        elif key != OWN:
            yield key, value


def _row_parts(where: str, row: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(row, Mapping):
        yield where, row
        return
    named = f"{where} ({title(row)})"
    yield f"{named} samples", [row.get(key) for key in SERIES]
    yield f"{named} figures", {key: value for key, value in row.items() if key not in SERIES}


def title(row: Mapping[str, Any]) -> str:
    """A row in a few words: its name and what tells it from the others.

    >>> title({"name": "matmul", "format": "fp8", "variant": "e4m3", "window": "burst", "samples": [0.1]})
    'matmul fp8 e4m3 burst'
    """
    words = (row.get(key) for key in ("name", "format", "variant", "window"))
    return " ".join(str(word)[:60] for word in words if word)


def _canonical(part: Any) -> bytes:
    return json.dumps(part, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
