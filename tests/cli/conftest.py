"""Records for the commands that read them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenzone.parts.catalogue import load_profile


@pytest.fixture
def stream_record(write_record: Callable[..., Path]) -> Callable[..., Path]:
    """Writes the record of an L2 that read its memory at a rate, with other facts of the device."""

    def write(name: str = "r.json", gb_s: float = 300.0, **device: Any) -> Path:
        row = {"name": "memory.read", "window": "burst", "bandwidth_gb_s": gb_s, "samples": [1 / gb_s] * 20}
        return write_record(load_profile("nvidia-l2"), rows=[row], name=name, device=device)

    return write
