"""The time model against measured kernel times: held out, calibrated, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from greenzone.errors import FileError, UsageError
from greenzone.lab.emulation.kernel_times import Measured, read_times
from greenzone.lab.emulation.residuals import smooth
from greenzone.lab.emulation.validation import by_family, model_error, validate
from greenzone.parts.catalogue import load_profile

FILE = Path(__file__).parent / "kernel_times.csv"
HEAD = "family,op,device,latency_ms,b,m,n,k,h\n"


@pytest.fixture(scope="module")
def rows() -> list[Measured]:
    return read_times(FILE)


def test_a_part_that_was_never_measured_is_known_by_its_datasheet(rows: list[Measured]) -> None:
    errors = by_family(validate(rows))
    allowed = {"linear": 0.16, "bmm": 0.18, "elem": 0.20, "softmax": 0.20, "ln": 0.20}
    assert {family: error for family, error in errors.items() if error > allowed[family]} == {}


def test_a_calibration_on_half_of_the_rows_comes_nearer(rows: list[Measured]) -> None:
    products = [r for r in rows if r.family in ("linear", "bmm", "elem")]
    plain, calibrated = by_family(validate(products)), by_family(validate(products, calibrated=0.5))
    assert calibrated["linear"] < plain["linear"]
    assert calibrated["elem"] < 0.5 * plain["elem"]


def test_the_seed_draws_the_rows_of_a_calibration(rows: list[Measured]) -> None:
    elem = [r for r in rows if r.family == "elem"]
    first, again, other = (by_family(validate(elem, calibrated=0.2, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_what_ships_is_what_the_error_table_says(rows: list[Measured]) -> None:
    """The table is of all rows and this is a sample: they agree roughly, and a wrong table would not."""
    for score in validate(rows, held_out=False):
        name = {"linear": "matmul", "bmm": "batched_matmul", "elem": "elementwise", "ln": "layer_norm"}
        error, source = model_error(name.get(score.family, score.family), load_profile(score.profile))
        assert error == pytest.approx(score.error, abs=0.12)
        assert "this part" in source


def test_an_unseen_part_has_the_error_of_unseen_ones() -> None:
    error, source = model_error("matmul", load_profile("nvidia-h20"))
    assert 0.05 < error < 0.16
    assert "left out" in source
    assert model_error("memory.copy", load_profile("nvidia-h20"))[0] < 0.20


def test_twice_the_time_is_twice_the_error(rows: list[Measured]) -> None:
    slow = [replace(r, seconds=r.seconds * 2) for r in rows if r.family == "elem"]
    for score in validate(slow, held_out=False):
        assert score.ratio == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "linear,linea,NVIDIA L4,1,1,8,8,8,\n", "row 2: unknown op 'linea'; nearest: linear"),
        (HEAD + "conv,linear,NVIDIA L4,1,1,8,8,8,\n", "row 2: unknown family 'conv'"),
        (HEAD + "linear,linear,NVIDIA L4,1,1,8,0,8,\n", "row 2: n is 0"),
        (HEAD + "linear,linear,NVIDIA L4,-1,1,8,8,8,\n", "row 2: latency_ms is -1"),
        (HEAD + "linear,linear,NVIDIA L4,,1,8,8,8,\n", "row 2: latency_ms is empty"),
        (HEAD.replace("latency_ms", "latency_us") + "ln,ln,NVIDIA L4,1,8,,,,8\n", "nearest: latency_us"),
        (HEAD, "has no rows"),
    ],
)
def test_rows_that_cannot_be_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "times.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_times(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        read_times(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("device", "message"), [("NVIDIA L5", "nearest"), ("amd-mi308x", "too thin for a validation: it lacks")]
)
def test_a_device_that_cannot_be_modelled_is_refused(tmp_path: Path, device: str, message: str) -> None:
    path = tmp_path / "times.csv"
    path.write_text(HEAD + f"ln,ln,{device},1,8,,,,8\n")
    with pytest.raises(UsageError, match=message):
        validate(read_times(path), held_out=False)


def test_one_device_alone_cannot_be_held_out(rows: list[Measured]) -> None:
    with pytest.raises(UsageError, match="--held-out none"):
        validate([r for r in rows if r.device == "Tesla T4"])


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_that_is_none_is_refused(rows: list[Measured], share: float) -> None:
    with pytest.raises(UsageError, match=r"share like 0\.1"):
        validate(rows, calibrated=share)


def test_residuals_follow_the_shapes_around() -> None:
    generator = np.random.default_rng(0)
    features = generator.uniform(0, 10, size=(200, 1))
    ratios = np.exp(0.5 * np.sin(features[:, 0]))
    found = smooth(features, ratios).at(np.array([[1.5], [4.7]]))
    assert found == pytest.approx([np.exp(0.5), np.exp(-0.5)], rel=0.05)
