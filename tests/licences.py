"""The direct dependencies and their licences, as their own metadata say: for cog in CONTRIBUTING, and for the test."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
OWN = "greenzone"
NOT_INSTALLED = "not installed where this was written"


def dependencies() -> dict[str, list[str]]:
    """The name of every direct dependency, and the extras that ask for it; `always` is no extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = {"always": project["dependencies"], **project["optional-dependencies"]}
    found: dict[str, list[str]] = {}
    for extra, requirements in asked.items():
        for requirement in requirements:
            if (name := re.split(r"[\[<>=!~; ]", requirement)[0]) != OWN:
                found.setdefault(name, []).append(extra)
    return found


def licence(name: str) -> str:
    """The licence of an installed distribution: its SPDX expression, else its classifier.

    >>> licence("click")
    'BSD-3-Clause'
    """
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return NOT_INSTALLED
    if expression := said.get("License-Expression"):
        return str(expression)
    classifiers = [c.split(" :: ")[-1] for c in said.get_all("Classifier") or () if c.startswith("License")]
    return classifiers[0] if classifiers else "not said in its metadata"


def table() -> str:
    """The rows of CONTRIBUTING, in Markdown."""
    rows = [f"| {name} | {', '.join(extras)} | {licence(name)} |" for name, extras in sorted(dependencies().items())]
    return "\n".join(["| distribution | needed by | licence |", "| --- | --- | --- |", *rows])
