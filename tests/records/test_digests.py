"""The digest of each part of a record: what was changed is named, and nothing else."""

import copy
from typing import Any

import pytest

from greenzone.records.digests import changed, digests

RECORD: dict[str, Any] = {
    "schema": "greenzone.record/1",
    "device": {"id": "cpu"},
    "benchmarks": [
        {"name": "matmul", "format": "fp8", "window": "burst", "samples": [0.25, 0.5], "rate_tops": {"median": 1.0}},
        {"name": "memory.copy", "window": "sustained", "samples": [0.125]},
    ],
}
FIRST, SECOND = "benchmarks[0] (matmul fp8 burst)", "benchmarks[1] (memory.copy sustained)"


def test_every_part_has_a_digest_and_the_order_of_keys_says_nothing() -> None:
    parts = digests(RECORD)
    assert [*parts] == [
        "schema", "device", f"{FIRST} samples", f"{FIRST} figures", f"{SECOND} samples", f"{SECOND} figures",
    ]  # fmt: skip
    assert all(len(value) == 64 for value in parts.values())
    turned = {key: RECORD[key] for key in reversed(RECORD)}
    assert digests(turned) == parts
    assert digests(RECORD | {"digests": parts}) == parts


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("benchmarks", 0, "samples", 1), 0.5000000000000001, f"{FIRST} samples was changed"),
        (("benchmarks", 0, "rate_tops", "median"), 1.1, f"{FIRST} figures was changed"),
        (("device", "id"), "cuda:0", "device was changed"),
        (("weather",), "fine", "weather was added"),
    ],
)
def test_what_was_changed_is_named_alone(path: tuple[Any, ...], value: Any, told: str) -> None:
    other: Any = copy.deepcopy(RECORD)
    *way, last = path
    place = other
    for step in way:
        place = place[step]
    place[last] = value
    assert changed(digests(RECORD), other) == [told]


def test_what_was_taken_out_is_named() -> None:
    fewer = {**RECORD, "benchmarks": RECORD["benchmarks"][:1]}
    assert changed(digests(RECORD), fewer) == [
        f"{SECOND} samples was taken out", f"{SECOND} figures was taken out",
    ]  # fmt: skip
    assert changed(digests(RECORD), RECORD) == []
