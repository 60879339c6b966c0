"""The catalogue of profiles: the shipped ones, and a folder of the user's own over them."""

from pathlib import Path
from typing import Any

import pytest

from greenzone.errors import DataFileError, FileError, UsageError
from greenzone.parts.catalogue import load_profile, load_profiles, profile_paths

ISSUE = {
    "nvidia-h20",
    "nvidia-h100-sxm",
    "nvidia-h800-sxm",
    "nvidia-h200-sxm",
    "nvidia-a100-sxm-80gb",
    "nvidia-a800-sxm-80gb",
    "nvidia-b200",
    "nvidia-rtx-pro-6000-server",
    "nvidia-rtx-4090",
    "nvidia-l4",
    "amd-mi300x",
    "amd-mi308x",
    "huawei-ascend-910b2",
    "huawei-ascend-910c",
}


def test_every_profile_of_the_issue_ships() -> None:
    assert set(profile_paths()) >= ISSUE


@pytest.mark.parametrize("ref", sorted(profile_paths()))
def test_a_shipped_profile_is_named_by_its_file_and_sources_every_figure(ref: str) -> None:
    profile = load_profile(ref)
    assert profile.id == ref
    assert profile.reviewed_on is not None
    tables: list[Any] = [
        profile.peak_tops,
        profile.memory,
        profile.hardware,
        profile.emulation,
        *profile.dies,
        *profile.links,
    ]
    rows = [*profile.claims, *profile.measurements]
    used = [t.source for t in (*tables, *rows) if t is not None]
    used += [f.source for f in (profile.peak_tops.rates().values() if profile.peak_tops else ()) if f.source]
    assert None not in used
    assert set(used) <= set(profile.sources), "a source that is named is described"


def test_an_unknown_id_names_the_three_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown profile 'nvidia-h21'; nearest: nvidia-h20, .*, .*; "):
        load_profile("nvidia-h21")


def test_a_path_to_a_file_will_do(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('schema = 1\nid = "mine-1"\nname = "M"\n')
    assert load_profile(str(path)).id == "mine-1"


def test_a_folder_of_ones_own_stands_over_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "nvidia-h20.toml").write_text('schema = 1\nid = "nvidia-h20"\nname = "mine"\n')
    (tmp_path / "sub" / "acme-x1.toml").write_text('schema = 1\nid = "acme-x1"\nname = "X"\n')
    assert load_profile("nvidia-h20", tmp_path).name == "mine"
    assert load_profile("acme-x1", tmp_path).name == "X"
    assert load_profile("nvidia-l4", tmp_path).name == "NVIDIA L4"
    assert load_profile("nvidia-h20").name == "NVIDIA H20"


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such folder"):
        load_profile("nvidia-h20", tmp_path / "none")


def test_an_id_that_differs_from_its_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "acme-x1.toml").write_text('schema = 1\nid = "acme-x2"\nname = "X"\n')
    with pytest.raises(DataFileError, match="does not match"):
        load_profile("acme-x1", tmp_path)


def test_all_profiles_come_in_the_order_of_their_ids() -> None:
    found = [p.id for p in load_profiles()]
    assert found == sorted(profile_paths())
    assert [p.id for p in load_profiles(["nvidia-l4", "nvidia-h20"])] == ["nvidia-l4", "nvidia-h20"]
