"""The error tree and its exit codes."""

import inspect

import pytest

from greenzone import errors

CODES = {
    "GreenzoneError": 1, "UsageError": 2, "FileError": 1, "DataFileError": 1, "RecordError": 1, "DeviceError": 1,
    "OutOfMemory": 1, "DeviceLost": 1, "Interrupted": 1, "NothingMeasured": 4,
    "InvalidMeasurement": 5, "NotVerified": 5,
}  # fmt: skip
CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.GreenzoneError)]


def test_the_classes_are_those_of_the_list() -> None:
    assert {c.__name__ for c in CLASSES} == set(CODES)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_every_class_has_the_exit_code_its_drawing_says(kind: type[errors.GreenzoneError]) -> None:
    assert kind.exit_code == CODES[kind.__name__]
    drawn = [line for line in (errors.__doc__ or "").splitlines() if f" {kind.__name__} " in f" {line.strip()} "]
    assert len(drawn) == 1
    assert f" {kind.exit_code} " in drawn[0]


def test_a_data_file_error_holds_every_fault_file_first() -> None:
    error = errors.DataFileError("x.toml", ["a - wrong", "b - unknown key"])
    assert str(error).splitlines() == ["x.toml: a - wrong", "x.toml: b - unknown key"]
    assert error.faults == ["a - wrong", "b - unknown key"]


def test_an_unknown_name_brings_the_three_nearest() -> None:
    error = errors.unknown("profile", "nvidia-h2", ["nvidia-h20", "nvidia-l2", "nvidia-h200", "amd-x", "zzz"])
    assert error.exit_code == 2
    assert str(error).count(",") == 2
    assert "nvidia-h20" in str(error)
    assert "zzz" not in str(error)


def test_an_unknown_name_among_none_says_so() -> None:
    assert "nearest: none" in str(errors.unknown("profile", "x", []))
