"""The closed list of number formats."""

import pytest

from greenzone.errors import UsageError
from greenzone.formats import FORMATS, get_format
from greenzone.intervals import Interval

BITS = {"fp64": 64, "fp64_tensor": 64, "fp32": 32, "fp16": 16, "fp16_acc16": 16, "bf16": 16, "fp8": 8, "fp8_acc16": 8,
        "fp6": 6, "fp4": 4, "int8": 8, "int4": 4}  # fmt: skip


def test_the_list_is_that_of_the_contract() -> None:
    assert set(FORMATS) == {*BITS, "tf32"}


@pytest.mark.parametrize("name", BITS)
def test_bits_are_those_of_the_inputs(name: str) -> None:
    assert get_format(name).bits == Interval.point(BITS[name])


def test_tf32_counts_between_its_multiplier_and_its_storage() -> None:
    assert get_format("tf32").bits == Interval(19, 32)


@pytest.mark.parametrize("name", BITS)
def test_an_element_takes_the_bytes_of_its_bits(name: str) -> None:
    assert FORMATS[name].element_bytes * 8 == BITS[name]


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown number format 'e4m3'.*allowed: .*fp8"):
        get_format("e4m3")
