"""Model shapes from `profiles/models/*.toml`, or from a file of the user's own: sizes alone, no weights."""

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from greenzone.datafiles import Count, Source, data_root, load
from greenzone.errors import DataFileError, UsageError, unknown
from greenzone.lab.shapes import ModelShape

HINT = "`greenzone models list` has them all; a path to a TOML file will do too"


@dataclass(frozen=True, kw_only=True)
class ModelFile(ModelShape):
    """The format of a model file: the shape, and where it is from.

    `published_parameters` is the maker's own count to the unit; the shape has to come to the same.
    """

    schema_version: Literal[1] = field(metadata={"key": "schema"})
    published_parameters: Count | None = None
    reviewed_on: date | None = None
    sources: dict[str, Source] = field(default_factory=dict, compare=False, metadata={"key": "source"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.published_parameters not in (None, self.parameters):
            raise UsageError(
                f"published_parameters - {self.published_parameters} is not what the shape comes to, "
                f"{self.parameters}; correct the sizes, or leave it out"
            )


@cache
def model_paths() -> dict[str, Path]:
    """Id to path of every model that ships."""
    return {p.stem: p for p in sorted((data_root() / "models").glob("*.toml"))}


def load_model(ref: str) -> ModelFile:
    """The model of an id, or of a path to a TOML file.

    Raises:
        UsageError: no such model; the nearest are named.
        FileError, DataFileError: the file cannot be read, or breaks its format.
    """
    path = model_path(ref)
    return load(ModelFile, path) if ref.endswith(".toml") else _shipped(path)


def model_path(ref: str) -> Path:
    """The file of a model that is named by its id or by a path.

    Raises:
        UsageError: no such model; the nearest are named.
    """
    if ref.endswith(".toml"):
        return Path(ref)
    if ref not in model_paths():
        raise unknown("model", ref, model_paths(), HINT)
    return model_paths()[ref]


@cache
def _shipped(path: Path) -> ModelFile:
    model = load(ModelFile, path)
    if model.id != path.stem:
        raise DataFileError(path, [f"id - {model.id!r} does not match the file's name; name it {model.id}.toml"])
    return model


def default_model(processor: bool = False) -> ModelShape:
    """The model that is run where none is named: a small one on a processor."""
    return load_model("gpt2" if processor else "llama-3.1-8b")
