"""The operator of the register peak: what it counts, and what it refuses."""

import pytest

from greenzone.errors import UsageError
from greenzone.formats import FORMATS
from greenzone.lab.peak import Peak, most_repeats


def test_operations_are_those_of_every_repeat_in_every_program() -> None:
    assert Peak("fp8", 10, 64, 32, 16, 7).operations == 2 * 64 * 32 * 16 * 7 * 10


def test_bytes_are_the_tiles_once_and_a_row_of_each_program() -> None:
    assert Peak("int8", 10, 64, 32, 16, 7).bytes == (64 + 32) * 16 + 10 * 32 * 4
    assert Peak("bf16", 528, 128, 256, 64, 512).operations > 1e6 * Peak("bf16", 528, 128, 256, 64, 512).bytes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"m": 0}, "m is 0; it must be at least 1"),
        ({"warps": 0}, "warps is 0"),
        ({"k": 7}, "k is 7; it must be even"),
        ({"format": "fp16_acc16", "repeats": 665}, "665 repeats in fp16_acc16 are not exact; at most 664 are"),
    ],
)
def test_what_could_not_be_run_or_checked_is_refused(change: dict[str, object], message: str) -> None:
    plain: dict[str, object] = {"format": "bf16", "programs": 4, "m": 16, "n": 16, "k": 12, "repeats": 4}
    with pytest.raises(UsageError, match=message):
        Peak(**{**plain, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMATS)
def test_sums_stay_within_what_the_format_accumulates_exactly(form: str) -> None:
    bits = {"fp16_acc16": 11, "fp8_acc16": 11, "fp8": 13}.get(form, 23)
    assert 3 * most_repeats(form, 128) + 9 * 64 <= 2**bits
