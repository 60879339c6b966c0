"""The emulated device reaches what real parts were published to reach, within 6 per cent."""

import csv
from pathlib import Path

import pytest

from greenzone.lab.devices.emulated.model import TimeModel
from greenzone.lab.operators import Matmul
from greenzone.parts.catalogue import load_profile

FILE = Path(__file__).parent / "measured.csv"
ROWS = list(csv.DictReader(line for line in FILE.read_text("utf-8").splitlines() if not line.startswith("#")))


def reached(profile: str, kind: str) -> float:
    """Sustained TOPS of a format at the best of three cubes, or GB/s of a stream."""
    model = TimeModel(load_profile(profile))
    if kind in ("read", "copy", "triad"):
        return model.bandwidth_gb_s(kind)
    costs = [model.cost(Matmul(side, side, side, kind, transposed=True)) for side in (4096, 8192, 16384)]
    rate = max(cost.operations / cost.seconds / 1e12 for cost in costs)
    limiter = model.limiter(kind)
    return min(rate, limiter.rate_tops) if limiter else rate


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['profile']} {row['kind']}")
def test_a_part_reaches_what_it_was_measured_at(row: dict[str, str]) -> None:
    assert reached(row["profile"], row["kind"]) == pytest.approx(float(row["measured"]), rel=0.06)


def test_the_mi300x_is_held_by_its_power_at_the_clock_that_was_read_off() -> None:
    model = TimeModel(load_profile("amd-mi300x"))
    cost = model.cost(Matmul(4096, 4096, 4096, "bf16", transposed=True))
    assert model.clock_mhz(cost) == pytest.approx(1207, rel=0.01)
    assert model.power_w(cost, cost.seconds, "bf16") == pytest.approx(750)
