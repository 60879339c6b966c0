"""What tests of layers and of whole models share."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

_NO_WEIGHTS = {
    "out", "_out", "hidden", "draw", "_draw", "_keys", "_values", "_cache", "_chosen", "_dealt", "_tokens", "_places",
}  # fmt: skip


@pytest.fixture
def weights() -> Callable[[Any], int]:
    """Elements of the weights an object holds, and the objects in it, each once; not buffers, caches and indices."""
    return lambda holder: sum(tensor.numel() for tensor in _tensors(holder).values())


def _tensors(holder: Any) -> dict[int, torch.Tensor]:
    found: dict[int, torch.Tensor] = {}
    for name, value in vars(holder).items():
        for item in value if isinstance(value, list) else [value]:
            if name in _NO_WEIGHTS or item is None:
                continue
            if isinstance(item, torch.Tensor):
                found[id(item)] = item
            elif type(item).__module__.startswith("greenzone.lab.devices"):
                found |= _tensors(item)
    return found
