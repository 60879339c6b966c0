"""The catalogue of device profiles: the ones that ship, and a folder of the user's own over them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from greenzone.datafiles import data_root, load
from greenzone.errors import DataFileError, FileError, UsageError, unknown
from greenzone.parts.profile import DeviceProfile

HINT = "`greenzone profiles list` has them all; a path to a TOML file will do too"


@dataclass(frozen=True)
class Catalogue:
    """Profiles in the order of their ids, and the faults of the files that could not be loaded."""

    profiles: tuple[DeviceProfile, ...]
    faults: tuple[FileError, ...] = ()


def profile_paths(folder: Path | None = None) -> dict[str, Path]:
    """Id to path of every profile, the user's folder over the shipped ones; the name of a file is its id.

    Raises:
        FileError: the folder is none.
        DataFileError: two files of the folder have one id.
    """
    found, repeated = _paths(folder)
    if repeated:
        raise repeated[0]
    return found


def _paths(folder: Path | None) -> tuple[dict[str, Path], list[FileError]]:
    """Id to path, and a fault for every file that repeats the id of another in the folder."""
    paths, faults = dict(_shipped()), []
    own: dict[str, Path] = {}
    if folder is not None and not folder.is_dir():
        raise FileError(f"{folder}: no such folder; --profiles takes a folder of profile files (*.toml)")
    for path in sorted(folder.rglob("*.toml")) if folder else ():
        if path.stem in own:
            faults.append(_repeats(path, path.stem, own[path.stem]))
        own.setdefault(path.stem, path)
    return paths | own, faults


def _repeats(path: Path, name: str, first: Path) -> FileError:
    return DataFileError(path, [f"id - {name!r} is also that of {first}; every profile has its own"])


@cache
def _shipped() -> dict[str, Path]:
    return {p.stem: p for p in sorted((data_root() / "devices").rglob("*.toml"))}


def load_profile(ref: str, folder: Path | None = None) -> DeviceProfile:
    """The profile of an id, of a name, or of a path to a TOML file.

    Raises:
        UsageError: unknown id, the three nearest are named; or a name that several profiles have.
        FileError, DataFileError: the file cannot be read or breaks its format.
    """
    if names_file(ref):
        return load(DeviceProfile, Path(ref))
    paths = profile_paths(folder)
    if ref in paths:
        return _checked(paths[ref])
    return _named(ref, folder) or _refuse(ref, paths)


def _named(name: str, folder: Path | None) -> DeviceProfile | None:
    """The one profile of that name, as its file or a driver has it."""
    found = named(name, load_catalogue(folder).profiles)
    if len(found) > 1:
        raise UsageError(f"{name!r} is the name of {' and of '.join(p.id for p in found)}; give the id")
    return found[0] if found else None


def named(name: str, profiles: Iterable[DeviceProfile]) -> list[DeviceProfile]:
    """The profiles that have a name, or claim it under [match]; large and small letters are one."""
    wanted = " ".join(name.split()).casefold()
    return [p for p in profiles if wanted in {n.casefold() for n in (p.name, *(p.match.names if p.match else ()))}]


def _refuse(ref: str, paths: Iterable[str]) -> DeviceProfile:
    raise unknown("profile", ref, paths, HINT)


def names_file(ref: str) -> bool:
    """Whether a profile is asked for by a path to a file of one's own, and not by an id or a name."""
    return Path(ref).suffix == ".toml" or _is_file(Path(ref))


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
    """Several profiles, or all, in the order of their ids.

    Raises:
        UsageError, FileError, DataFileError: as `load_profile`.
    """
    chosen = sorted(profile_paths(folder)) if ids is None else ids
    return [load_profile(ref, folder) for ref in chosen]


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Every profile that can be loaded; what cannot is told and keeps nothing else from loading.

    Raises:
        FileError: the folder is none.
    """
    paths, faults = _paths(folder)
    profiles = []
    for name in sorted(paths):
        try:
            profiles.append(_checked(paths[name]))
        except FileError as error:
            faults.append(error)
    return Catalogue(tuple(profiles), tuple(faults))
