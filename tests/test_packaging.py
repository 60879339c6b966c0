"""The wheel: holds the profiles, and classifies from them outside the checkout."""

import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_wheel_classifies_from_its_own_profiles(unpacked: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "greenzone.cli.main",
        "classify",
        "nvidia-h20",
        "--on",
        "2025-04-10",
        "--format",
        "csv",
    ]
    found = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(unpacked)}, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "us-letters-2025" in found.stdout
    where = [sys.executable, "-c", "from greenzone.datafiles import data_root; print(data_root())"]
    root = subprocess.run(
        where, cwd=tmp_path, env={"PYTHONPATH": str(unpacked)}, capture_output=True, text=True, check=True
    )
    assert Path(root.stdout.strip()) == unpacked / "greenzone" / "profiles"


def test_wheel_holds_every_data_file(unpacked: Path) -> None:
    shipped = {p.relative_to(ROOT / "profiles") for p in (ROOT / "profiles").rglob("*.toml")}
    packed = {p.relative_to(unpacked / "greenzone" / "profiles") for p in unpacked.rglob("profiles/**/*.toml")}
    assert shipped == packed


def test_wheel_holds_the_written_methods(unpacked: Path) -> None:
    shipped = {p.name: p.read_bytes() for p in (ROOT / "profiles/methods").iterdir()}
    assert {p.name: p.read_bytes() for p in (unpacked / "greenzone/profiles/methods").iterdir()} == shipped
    assert set(shipped) == {"us-748-dd.md"}


def test_wheel_holds_the_templates_of_the_page(unpacked: Path) -> None:
    shipped = {p.name for p in (ROOT / "bench/greenzone/report/templates").iterdir()}
    assert {p.name for p in (unpacked / "greenzone/report/templates").iterdir()} == shipped > {"report.html"}


def test_the_deprecated_pynvml_distribution_is_absent() -> None:
    assert "pynvml" not in {d.metadata["Name"] for d in distributions()}
