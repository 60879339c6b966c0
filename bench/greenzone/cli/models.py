"""`greenzone models`: the shapes that ship, and what is counted from them."""

from typing import TYPE_CHECKING, Any

import click

from greenzone.cli.catalogue import JSON, plain
from greenzone.cli.options import complete, echo, echo_json, model_ids

if TYPE_CHECKING:
    from greenzone.lab.models import ModelFile

_FORMATS = ("fp32", "bf16", "fp8", "fp4")  # those that weights and caches are usually kept in


@click.group()
def models() -> None:
    """Model shapes for the inference workload: sizes alone, no weights."""


@models.command("list")
@JSON
def models_list(as_json: bool) -> None:
    """List every model: parameters, those a token meets, and what it keeps in the cache in 16 bits."""
    from greenzone.lab.models import load_model
    from greenzone.report.terminal import table

    rows = [_row(load_model(ref)) for ref in model_ids()]
    if as_json:
        echo_json(rows)
        return
    head = ("id", "name", "parameters", "active", "layers", "attention", "context", "KV bytes a token")
    lines = [
        (
            r["id"], r["name"], _short(r["parameters"]), _short(r["active_parameters"]), r["layers"],
            r["attention"], f"{r['max_context']:,}", f"{r['cache_bytes_per_token']:,}",
        )
        for r in rows
    ]  # fmt: skip
    shown = table(*head, rows=lines, right=(*head[2:5], *head[6:]))
    shown.columns[0].no_wrap = True
    echo(shown)


def _row(model: "ModelFile") -> dict[str, Any]:
    """What the list tells of a model."""
    return {
        "id": model.id, "name": model.name, "parameters": model.parameters,
        "active_parameters": model.active_parameters, "layers": model.layers, "attention": model.attends.kind,
        "max_context": model.max_context, "cache_bytes_per_token": int(model.cache_bytes_per_token("bf16")),
    }  # fmt: skip


def _short(count: int) -> str:
    """A count as models are named by it.

    >>> _short(124_439_808), _short(8_030_261_248)
    ('124.4M', '8.03B')
    """
    return f"{count / 1e6:.4g}M" if count < 1e9 else f"{count / 1e9:.4g}B"


@models.command("show")
@click.argument("model", shell_complete=complete(model_ids))
@JSON
def models_show(model: str, as_json: bool) -> None:
    """Show one model: its sizes, what is counted from them, and its sources.

    MODEL is an id or a TOML file of your own.
    """
    from dataclasses import asdict

    from rich.text import Text

    from greenzone.lab.models import load_model, model_paths
    from greenzone.report.terminal import section, table

    found = load_model(model)
    counts, by_format = _counted(found), _by_format(found)
    if as_json:
        echo_json({**plain(asdict(found)), **counts, "formats": by_format})
        return
    echo(section(f"{found.name} ({found.id})", table("size", "value", "source", rows=_sizes(found))))
    rows = [(name.replace("_", " "), f"{value:,}") for name, value in counts.items()]
    echo(section("What they come to", table("count", "elements", rows=rows, right=("elements",))))
    lines = [
        (form, f"{row['weights_gb']:.4g}", f"{row['cache_bytes_per_token']:,.6g}") for form, row in by_format.items()
    ]
    head = ("format", "weights GB", "KV bytes a token")
    echo(section("In a format", table(*head, rows=lines, right=head[1:])))
    sources = [(key, s.title, s.url or "", s.confidence or "unknown") for key, s in found.sources.items()]
    echo(section("Sources", table("key", "title", "address", "confidence", rows=sources)))
    echo(Text(f"file: {model_paths().get(model, model)}"))


def _sizes(model: "ModelFile") -> list[tuple[str, str, str]]:
    """Every size the file gives, with the source it is from: the maker's, unless the file has another."""
    source = next(iter(model.sources), "none")
    apart = {"id", "name", "schema_version", "reviewed_on", "sources"}
    rows = []
    for name, value in plain({k: v for k, v in vars(model).items() if k not in apart}).items():
        tables = vars(value) if hasattr(value, "__dataclass_fields__") else {"": value}
        rows += [(f"{name}.{k}".rstrip("."), _size(v), source) for k, v in tables.items() if v is not None]
    return rows


def _size(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _counted(model: "ModelFile") -> dict[str, int]:
    """Elements, whole and by part."""
    layers = {f"{kind}_layer_parameters": model.layer_parameters(kind) for kind in model.layer_counts}
    return {
        "parameters": model.parameters,
        "active_parameters": model.active_parameters,
        "multiplied_parameters": model.multiplied_parameters,
        "embedding_parameters": model.embedding_parameters,
        "head_parameters": model.head_parameters,
        **layers,
    }


def _by_format(model: "ModelFile") -> dict[str, dict[str, float]]:
    """Gigabytes of weights and bytes a token keeps, were all of them in one format."""
    return {
        form: {
            "weights_gb": model.weight_bytes(form) / 1e9,
            "cache_bytes_per_token": model.cache_bytes_per_token(form),
        }
        for form in _FORMATS
    }
