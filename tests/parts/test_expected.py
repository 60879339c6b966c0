"""TPP, density and DRAM bandwidth of every profile against `expected.csv`, written from the sources.

The table was worked out from the sources' own figures, not from the profiles. An empty cell has no upper
end; 0 and an empty cell is unknown.
"""

import csv
import math
from pathlib import Path

import pytest

from greenzone.parts.capability import part_of
from greenzone.parts.catalogue import load_profile, profile_paths

TABLE = (Path(__file__).parent / "expected.csv").read_text("utf-8")
ROWS = {row["id"]: row for row in csv.DictReader(TABLE.splitlines())}
PARAMETERS = ("tpp", "performance_density", "dram_bandwidth_gb_s")
TOLERANCE = 0.003


def test_the_table_has_every_profile_and_no_other() -> None:
    assert set(ROWS) == set(profile_paths())
    assert len(ROWS) >= 75


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("ref", sorted(ROWS))
def test_a_parameter_is_what_the_sources_say(ref: str, parameter: str) -> None:
    found = part_of(load_profile(ref)).value(parameter).interval
    low, high = (float(ROWS[ref][f"{parameter}_{end}"] or math.inf) for end in ("low", "high"))
    assert found.low == pytest.approx(low, rel=TOLERANCE)
    assert found.high == (math.inf if math.isinf(high) else pytest.approx(high, rel=TOLERANCE))
