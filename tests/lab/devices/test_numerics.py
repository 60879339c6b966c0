"""Rounding to the grids of the narrow formats."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from greenzone.lab.devices.numerics import quantise

FLOATS = st.floats(min_value=-100, max_value=100, width=32)
ALL = ["fp4", "fp6", "fp8", "int4", "int8", "tf32", "bf16", "fp16", "fp32"]


@pytest.mark.parametrize(
    ("form", "value", "rounded"),
    [
        ("fp4", 0.3, 0.5), ("fp4", 2.4, 2.0), ("fp4", -9.0, -6.0), ("fp4", 0.1, 0.0),
        ("fp6", 7.6, 7.5), ("fp6", 0.13, 0.125), ("fp6", -3.1, -3.0),
        ("fp8", 0.3, 0.3125), ("int8", 1.0, 32.0), ("int8", 9.0, 127.0), ("int4", -9.0, -7.0),
        ("tf32", 1 + 2**-11 + 2**-12, 1 + 2**-10), ("tf32", 1 + 2**-12, 1.0), ("bf16", 1 + 2**-9, 1.0),
    ],
)  # fmt: skip
def test_values_round_to_the_nearest(form: str, value: float, rounded: float) -> None:
    assert quantise(torch.tensor([value]), form).item() == rounded


@pytest.mark.parametrize(("form", "count"), [("fp4", 15), ("fp6", 63), ("int4", 15)])
def test_a_grid_has_as_many_values_as_its_bits_allow(form: str, count: int) -> None:
    assert len(set(quantise(torch.linspace(-9, 9, 20001), form).tolist())) == count


@pytest.mark.parametrize("form", ["fp4", "fp6", "fp8", "tf32", "bf16", "fp16"])
@given(values=st.lists(FLOATS, min_size=1, max_size=20))
def test_rounding_twice_changes_nothing(form: str, values: list[float]) -> None:
    once = quantise(torch.tensor(values), form)
    assert torch.equal(quantise(once, form), once)


@pytest.mark.parametrize("form", ALL)
@given(one=FLOATS, other=FLOATS)
def test_rounding_keeps_the_order(form: str, one: float, other: float) -> None:
    low, high = quantise(torch.tensor([min(one, other), max(one, other)]), form).tolist()
    assert low <= high
