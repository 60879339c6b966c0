"""Measure an accelerator, set it beside its claims, and say which export-control clauses it meets.

    >>> from datetime import date
    >>> from greenzone import classify, load_profile
    >>> found = classify(load_profile("nvidia-h20"), on=date(2025, 4, 10), to="CN")
    >>> found.verdict("us-3a090").status, found.verdict("us-letters-2025").status
    ('not_caught', 'caught')

Names are imported when they are first used, so that `import greenzone` costs nothing.
"""

import importlib
from typing import Any

_HOMES = {
    "load_profile": "greenzone.parts.catalogue",
    "load_profiles": "greenzone.api",
    "classify": "greenzone.api",
    "classify_frame": "greenzone.api",
    "run": "greenzone.api",
}

__all__ = ["classify", "classify_frame", "load_profile", "load_profiles", "run"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'greenzone' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
