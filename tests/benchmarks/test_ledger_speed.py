"""What a row of the ledger costs, beside plain `pandas.read_csv` of the same file, over the number of rows."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from greenzone.law.quantities import Law
from greenzone.records.ledger import ledger
from greenzone.records.shipments import CHUNK_ROWS

LAW = Law(date(2026, 6, 1), date(2026, 11, 21))
ROWS = [10_000, 100_000, 1_000_000]
PARTS = ["nvidia-h100-sxm", "nvidia-h20", "nvidia-h200-sxm", "nvidia-a100-sxm-80gb", "nvidia-l4", "amd-mi300x"]
COUNTRIES = ["CH", "SG", "MY", "AE", "IN", "BR", "DE", "CN", "US"]


@pytest.fixture(params=ROWS, ids="{:,} rows".format)
def shipments(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, int]:
    """Shipments of three years to twenty thousand consignees."""
    rng, rows = np.random.default_rng(0), request.param
    days = np.arange(np.datetime64("2024-06-01"), np.datetime64("2027-06-01")).astype(str)
    consignees = rng.integers(0, 20_000, rows)
    path = tmp_path / "shipments.csv"
    pd.DataFrame(
        {
            "date": rng.choice(days, rows), "part": rng.choice(PARTS, rows), "quantity": rng.integers(1, 9, rows),
            "consignee": np.char.add("Consignee ", consignees.astype(str)),
            "destination": np.array(COUNTRIES)[consignees % len(COUNTRIES)],
        }
    ).to_csv(path, index=False)  # fmt: skip
    return path, rows


def told(benchmark: Any, rows: int) -> None:
    if benchmark.stats:
        benchmark.extra_info["rows_per_s"] = rows / benchmark.stats["median"]


def test_ledger(benchmark: Any, shipments: tuple[Path, int]) -> None:
    path, rows = shipments
    found = benchmark.pedantic(ledger, args=(path, LAW), rounds=3)
    assert found.reader.rows == rows
    told(benchmark, rows)


def test_plain_read(benchmark: Any, shipments: tuple[Path, int]) -> None:
    path, rows = shipments
    read = benchmark.pedantic(lambda: sum(map(len, pd.read_csv(path, chunksize=CHUNK_ROWS))), rounds=3)
    assert read == rows
    told(benchmark, rows)
