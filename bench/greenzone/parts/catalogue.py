"""The catalogue of device profiles: the ones that ship, and a folder of the user's own over them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from greenzone.datafiles import data_root, load
from greenzone.errors import DataFileError, FileError, unknown
from greenzone.parts.profile import DeviceProfile


def profile_paths(folder: Path | None = None) -> dict[str, Path]:
    """Id to path of every profile, the user's folder over the shipped ones; the name of a file is its id.

    Raises:
        FileError: the folder is none.
    """
    paths = dict(_shipped())
    if folder is not None:
        if not folder.is_dir():
            raise FileError(f"{folder}: no such folder; --profiles takes a folder of profile files (*.toml)")
        paths |= {p.stem: p for p in sorted(folder.rglob("*.toml"))}
    return paths


@cache
def _shipped() -> dict[str, Path]:
    return {p.stem: p for p in sorted((data_root() / "devices").rglob("*.toml"))}


def load_profile(ref: str, folder: Path | None = None) -> DeviceProfile:
    """The profile of an id, or of a path to a TOML file.

    Raises:
        UsageError: unknown id; the three nearest are named.
        FileError, DataFileError: the file cannot be read or breaks its format.
    """
    path = Path(ref)
    if path.suffix == ".toml" or _is_file(path):
        return load(DeviceProfile, path)
    paths = profile_paths(folder)
    if ref not in paths:
        raise unknown(
            "profile", ref, paths, "`greenzone profiles list` has them all; a path to a TOML file will do too"
        )
    return _checked(paths[ref])


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for any file
        return False


@cache
def _checked(path: Path) -> DeviceProfile:
    profile = load(DeviceProfile, path)
    if profile.id != path.stem:
        raise DataFileError(path, [f"id - {profile.id!r} does not match the file's name; name it {profile.id}.toml"])
    return profile


def load_profiles(ids: Sequence[str] | None = None, folder: Path | None = None) -> list[DeviceProfile]:
    """Several profiles, or all, in the order of their ids."""
    chosen = sorted(profile_paths(folder)) if ids is None else ids
    return [load_profile(ref, folder) for ref in chosen]
