"""How long an answer takes: `pytest tests/benchmarks`. Nothing here asserts a time."""

from datetime import date
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from greenzone.datafiles import data_root, load
from greenzone.law.classification import classify
from greenzone.law.transaction import Transaction
from greenzone.parts.capability import part_of, with_set
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile

ON, KNOWN_ON = date(2026, 2, 1), date(2026, 11, 21)
H20 = data_root() / "devices" / "nvidia" / "nvidia-h20.toml"


def test_classify_one_part_under_all_regimes(benchmark: BenchmarkFixture) -> None:
    part = part_of(load_profile("nvidia-h200-sxm"))
    found = benchmark(classify, part, ON, KNOWN_ON, Transaction.of("CN"))
    assert found.verdict("us-3a090").status == "caught"


def test_classify_a_part_of_which_nothing_is_known(benchmark: BenchmarkFixture) -> None:
    part = with_set(
        part_of(load_profile("nvidia-h20")), ["tpp=unknown", "applicable_die_area_mm2=unknown", "datacenter=unknown"]
    )
    found = benchmark(classify, part, ON, KNOWN_ON)
    assert found.verdict("us-3a090").status == "undecided"


def test_load_a_profile_that_was_checked_when_it_was_packed(benchmark: BenchmarkFixture) -> None:
    assert benchmark(load, DeviceProfile, H20).id == "nvidia-h20"


def test_load_a_profile_and_check_it_in_full(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    copy = tmp_path / H20.name
    copy.write_bytes(H20.read_bytes())
    assert benchmark(load, DeviceProfile, copy).id == "nvidia-h20"


def test_work_out_the_parameters_of_a_profile(benchmark: BenchmarkFixture) -> None:
    assert benchmark(part_of, load_profile("nvidia-rtx-4090")).value("tpp").basis == "claimed"
