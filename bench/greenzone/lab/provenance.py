"""What a figure was made with: SHA-256 of rules, profiles and package, and the environment's distributions.

Rules and profiles are hashed file by file, so that a verifier can name the one that is not the same.
"""

import platform
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from greenzone.datafiles import data_files, data_root, read_bytes, sha256
from greenzone.lab.models import model_path
from greenzone.parts.catalogue import profile_paths
from greenzone.parts.profile import DeviceProfile
from greenzone.records.record import SCHEMA

RULES = ("regimes/", "countries/")
TIMES = "emulation/times.toml"  # what emulated times are worked out with


def tool() -> dict[str, Any]:
    """The program: its version, and one SHA-256 over its source."""
    own = _version_of("greenzone") or "uninstalled"
    return {"name": "greenzone", "version": own, "schema": SCHEMA, "package_sha256": _package_hash()}


def rules(
    profile: DeviceProfile | None, spec: str = "", models: Iterable[str] = (), emulated: bool = False
) -> dict[str, Any]:
    """SHA-256 of every rule file and of all of them together, and of each profile and model used.

    Args:
        profile: of the device, if it has one.
        spec: how the device was asked for; an emulated one may be of a file of the user's own.
        models: of those run, the ids, or the files of the user's own.
        emulated: whether the device is, so that its times hang on the constants of the emulation too.
    """
    hashes = _shipped()
    files = {name: value for name, value in hashes.items() if name.startswith(RULES)}
    own = _profile_file(profile, spec)
    times = [data_root() / TIMES] if emulated else []
    paths = [*([own] if own else []), *map(model_path, models), *times]
    used = {_name(path): sha256(read_bytes(path)) for path in paths}
    return {"sha256": _whole(files), "files": files, "profiles": used}


def _shipped() -> dict[str, str]:
    return {p.relative_to(data_root()).as_posix(): sha256(p.read_bytes()) for p in data_files()}


def _whole(hashes: Mapping[str, Any]) -> str:
    """One SHA-256 over several, file by file in a fixed order."""
    return sha256("\n".join(f"{name} {hashes[name]}" for name in sorted(hashes)).encode())


def _profile_file(profile: DeviceProfile | None, spec: str) -> Path | None:
    if spec.startswith("emulated:"):
        from greenzone.lab.devices.emulated.node import Place

        named = Path(Place.of(spec.removeprefix("emulated:")).profile)
        if named.is_file():
            return named
    return profile_paths().get(profile.id) if profile else None


def _name(path: Path) -> str:
    """The name of a file below `profiles/`; of one of the user's own, the last part alone."""
    resolved = path.resolve()
    return resolved.relative_to(data_root()).as_posix() if resolved.is_relative_to(data_root()) else path.name


def environment() -> dict[str, Any]:
    """Python, the system, and every distribution as NAME==VERSION, with one SHA-256 over their list."""
    found = sorted({f"{d.name.lower()}=={d.version}" for d in distributions() if d.name})
    return {
        "python": platform.python_version(), "implementation": platform.python_implementation(),
        "os": platform.platform(), "machine": platform.machine(), "torch": _version_of("torch"),
        "numpy": _version_of("numpy"), "executable": Path(sys.executable).name,
        "distributions": found, "distributions_sha256": _listed(found),
    }  # fmt: skip


def _listed(found: Iterable[Any]) -> str:
    return sha256("\n".join(map(str, found)).encode())


def changed_files(recorded: Mapping[str, Any], folder: Path | None = None) -> list[str]:
    """The rules and used profiles that are not, in this installation, those of a record; each in a sentence.

    Args:
        recorded: the record's `rules`.
        folder: of the user's own profiles.
    """
    now = _shipped()
    files, used = _table(recorded, "files"), _table(recorded, "profiles")
    now |= _own(folder, {name: value for name, value in used.items() if name not in now}) if folder else {}
    found = [text for name, value in {**files, **used}.items() if (text := _about(name, value, now.get(name)))]
    added = [name for name in now if files and name.startswith(RULES) and name not in files]
    found += [f"profiles/{name} was not there when the record was made" for name in added]
    if recorded.get("sha256") != _whole(files):
        found.append("rules.sha256 is not that of the files listed in rules.files")
    return found


def _own(folder: Path, used: Mapping[str, Any]) -> dict[str, str]:
    """Files of the user's own: by their content, whatever they are called now, else by their name."""
    hashes = {path.name: sha256(read_bytes(path)) for path in sorted(folder.rglob("*.toml"))}
    same = {name: value for name, value in used.items() if value in hashes.values()}
    return {name: hashes[name] for name in used if name in hashes} | same


def _about(name: str, recorded: Any, now: str | None) -> str | None:
    where = f"profiles/{name}" if "/" in name else name
    if now is None:
        return f"{where} is not here; the record was made with it"
    return None if recorded == now else f"{where} is not the file the record was made with"


def other_environment(recorded: Mapping[str, Any]) -> list[str]:
    """What is wrong with a record's account of its environment by itself."""
    found = recorded.get("distributions")
    if found is None or (isinstance(found, list) and recorded.get("distributions_sha256") == _listed(found)):
        return []
    return ["environment.distributions_sha256 is not that of the distributions listed"]


def other_package(recorded: Mapping[str, Any]) -> str | None:
    """That a record was made with another package than this one, if it was."""
    if recorded.get("package_sha256") == _package_hash():
        return None
    made, here = recorded.get("version"), _version_of("greenzone") or "uninstalled"
    which = f"{made!s:.40}, source {recorded.get('package_sha256')!s:.12}; this is {here}, source {_package_hash():.12}"
    return f"made with other source of greenzone ({which}): worked out again by this one"


def _table(recorded: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = recorded.get(key)
    return {str(name): value for name, value in found.items()} if isinstance(found, Mapping) else {}


def _package_hash() -> str:
    root = Path(__file__).resolve().parents[1]
    return _whole({f.relative_to(root).as_posix(): sha256(f.read_bytes()) for f in sorted(root.rglob("*.py"))})


def _version_of(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
