"""The same from Python."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

import greenzone


def test_public_names_are_there() -> None:
    for name in greenzone.__all__:
        assert callable(getattr(greenzone, name))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'classifies'"):
        _ = greenzone.classifies


def test_classify_takes_settings() -> None:
    part = greenzone.load_profile("nvidia-h20")
    found = greenzone.classify(part, on=date(2024, 1, 1), settings=["tpp=4800"])
    assert found.verdict("us-3a090").caught_by[0] == "3A090.a.1"


def test_run_gives_the_record(tmp_path: Path) -> None:
    record = greenzone.run("emulated:nvidia-l4", workloads=["matmul"], formats=["fp8"], folder=tmp_path)
    assert record.device["id"] == "emulated:nvidia-l4"
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_many_parts_at_once() -> None:
    found = greenzone.classify_frame(pd.DataFrame({"tpp": [4800.0, 100.0]}), on=date(2024, 1, 1), datacenter=True)
    assert list(found["us-3a090 status"]) == ["caught", "not_caught"]
