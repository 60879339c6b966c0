"""What the emulated H20 does, timed by its own clock: `pytest tests/benchmarks/test_device_speed.py`.

Emulated seconds are not waited for, and are the same on every machine, so `pytest-benchmark compare` of two
commits shows what changed in the model. With --greenzone-device cuda:0 the same file times a real one.
"""

from typing import Any

import pytest

from greenzone.lab.devices import Device, open_device
from greenzone.lab.operators import Matmul
from greenzone.lab.streams import Triad
from greenzone.parts.catalogue import load_profile, load_profiles

GIB = 2**30


@pytest.fixture(scope="session")
def greenzone_device(request: pytest.FixtureRequest) -> Device:
    """The device that was asked for; the emulated H20, whatever the machine has, where none was."""
    asked = request.config.getoption("greenzone_device")
    return open_device("emulated:nvidia-h20" if asked == "auto" else asked, load_profile, known=load_profiles())


@pytest.mark.parametrize("form", ["fp8", "bf16"])
@pytest.mark.within(regime="us-3a090", on="2023-11-17", to="CN")
def test_product(greenzone_benchmark: Any, form: str) -> None:
    greenzone_benchmark(Matmul(4096, 4096, 4096, form))


def test_triad(greenzone_benchmark: Any) -> None:
    greenzone_benchmark(Triad(GIB))
