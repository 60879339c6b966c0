"""Model shapes from `profiles/models/*.toml`: sizes alone, no weights."""

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from greenzone.datafiles import Bound, Count, Source, data_root, load
from greenzone.errors import unknown
from greenzone.lab.operators import ModelShape


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The format of a model file."""

    schema_version: Literal[1] = field(metadata={"key": "schema"})
    id: Annotated[str, Bound(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    name: str
    layers: Count
    hidden: Count
    intermediate: Count
    heads: Count
    kv_heads: Count
    head_dim: Count
    vocabulary: Count
    tied_embeddings: bool
    parameters: Count
    mlp: Literal["gated", "plain"]
    reviewed_on: date | None = None
    sources: dict[str, Source] = field(default_factory=dict, metadata={"key": "source"})

    @property
    def shape(self) -> ModelShape:
        """The sizes as operators take them."""
        return ModelShape(
            self.id, self.name, self.layers, self.hidden, self.intermediate, self.heads, self.kv_heads,
            self.head_dim, self.vocabulary, self.tied_embeddings, self.parameters, self.mlp,
        )  # fmt: skip


@cache
def model_paths() -> dict[str, Path]:
    """Id to path of every model that ships."""
    return {p.stem: p for p in sorted((data_root() / "models").glob("*.toml"))}


def load_model(ref: str) -> ModelFile:
    """The model of an id.

    Raises:
        UsageError: no such model; the nearest are named.
    """
    if ref not in model_paths():
        raise unknown("model", ref, model_paths(), "`greenzone models list` has them all")
    return load(ModelFile, model_paths()[ref])


def default_model() -> ModelShape:
    """The model that is run where none is named."""
    return load_model("llama-3.1-8b").shape
