"""Which modules of the room need torch, and which must not."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "lab.operators",
        "lab.results",
        "lab.devices",
        "lab.devices.emulated.model",
        "lab.measure",
        "lab.workloads",
        "lab.verification",
    ],
)
def test_no_torch_before_a_device_is_opened(module: str) -> None:
    code = f"import sys, greenzone.{module}; sys.exit('torch' in sys.modules or 'pynvml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
