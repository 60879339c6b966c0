"""How many device-regime questions a second: a frame at once, and one part at a time beside it."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from greenzone.law.classification import classify
from greenzone.law.frame import classify_frame
from greenzone.parts.capability import Part, with_set

ON, KNOWN = date(2026, 2, 1), date(2026, 11, 21)
ROWS, ONE_BY_ONE = 100_000, 50


def frame_of(rows: int, unknown_areas: bool) -> pd.DataFrame:
    """Parts drawn over the whole range of the rules."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "tpp": rng.uniform(100, 30000, rows), "applicable_die_area_mm2": rng.uniform(100, 1600, rows),
            "dram_bandwidth_gb_s": rng.uniform(100, 9000, rows), "io_bandwidth_gb_s": rng.uniform(50, 2000, rows),
            "tops": rng.uniform(1, 4000, rows), "datacenter": rng.random(rows) < 0.7,
        }
    )  # fmt: skip
    if unknown_areas:
        frame.loc[::3, "applicable_die_area_mm2"] = np.nan
    return frame


def told(benchmark: Any, questions: int) -> None:
    if benchmark.stats:
        benchmark.extra_info["questions_per_s"] = questions / benchmark.stats["median"]


@pytest.mark.parametrize("unknown_areas", [False, True], ids=["points", "a third of the areas unknown"])
def test_frame(benchmark: Any, unknown_areas: bool) -> None:
    frame = frame_of(ROWS, unknown_areas)
    found = benchmark(classify_frame, frame, on=ON, known_on=KNOWN)
    told(benchmark, ROWS * sum(c.endswith(" status") for c in found.columns))


def test_one_by_one(benchmark: Any) -> None:
    rows = frame_of(ONE_BY_ONE, unknown_areas=False).to_dict("records")
    parts = [with_set(Part(None, "x"), [f"{k}={str(v).lower()}" for k, v in row.items()]) for row in rows]
    found = benchmark(lambda: [classify(part, ON, KNOWN) for part in parts])
    told(benchmark, sum(len(c.verdicts) for c in found))
