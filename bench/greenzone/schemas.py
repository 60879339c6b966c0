"""Checking data files in full with pydantic, and the JSON Schemas that editors use.

The formats are the frozen dataclasses that `datafiles.build` fills; `model_of` makes the pydantic
model of one: strict types, unknown keys refused, no infinities or NaN.
"""

import math
import types
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from greenzone.datafiles import Before, Bound, Check
from greenzone.errors import DataFileError, nearest

_CONFIG = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
_FORMS: dict[Any, type] = {}  # the form each model was made of; its REFUSED says why a key is none


def check(form: type, data: dict[str, Any], path: object) -> None:
    """Check the data of a file against its format.

    Raises:
        DataFileError: with every fault, key first.
    """
    model = model_of(form)
    try:
        model.model_validate(data)
    except ValidationError as error:
        raise DataFileError(path, [_fault(dict(e), model) for e in error.errors(include_url=False)]) from None


def json_schema(form: type) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a format."""
    schema = model_of(form).model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@cache
def model_of(form: type) -> type[BaseModel]:
    """The pydantic model with the fields of a dataclass."""
    hints = get_type_hints(form, include_extras=True)
    members: dict[str, Any] = {}
    for f in fields(form):
        required = f.default is MISSING and f.default_factory is MISSING
        default = ... if required else None if f.default is MISSING else f.default
        # TOML has no null: a default of None is never validated, and None cannot be written.
        members[f.name] = (_translated(hints[f.name]), Field(default, alias=f.metadata.get("key", f.name)))
    model: type[BaseModel] = create_model(form.__name__, __config__=_CONFIG, __doc__=form.__doc__, **members)
    _FORMS[model] = form
    return model


def _translated(form: Any) -> Any:
    """The annotation as pydantic reads it, dataclasses replaced by their models."""
    if get_origin(form) is Annotated:
        base, *marks = get_args(form)
        return Annotated[(_translated(base), *(_mark(m) for m in marks))]
    if isinstance(form, type) and is_dataclass(form):
        return model_of(form)
    if get_origin(form) is tuple:
        return list[_translated(get_args(form)[0])]  # type: ignore[misc]
    if get_origin(form) is dict:
        return dict[str, _translated(get_args(form)[1])]  # type: ignore[misc]
    if get_origin(form) in (Union, types.UnionType):
        return Union[tuple(_translated(a) for a in get_args(form) if a is not types.NoneType)]  # noqa: UP007
    return form


def _mark(mark: Any) -> Any:
    if isinstance(mark, Before):
        return BeforeValidator(mark.turn, json_schema_input_type=_translated(mark.accepts))
    if isinstance(mark, Check):
        return AfterValidator(mark.test)
    if isinstance(mark, Bound):
        bounds = {"gt": mark.gt, "ge": mark.ge, "lt": mark.lt, "le": mark.le, "pattern": mark.pattern}
        given: dict[str, Any] = {k: v for k, v in bounds.items() if v is not None}
        return Field(**given)
    return mark


def _fault(e: dict[str, Any], model: type[BaseModel]) -> str:
    """One line a fault: the key, what is wrong there, what is allowed."""
    where = ".".join(str(part) for part in e["loc"]) or "file"
    if e["type"] == "extra_forbidden":
        holder = _model_at(model, e["loc"][:-1])
        if why := _refused(holder, str(e["loc"][-1])):
            return f"{where} - {why}"
        allowed = [f.alias or name for name, f in holder.model_fields.items()] if holder else []
        hint = f"; nearest: {', '.join(nearest(str(e['loc'][-1]), allowed))}" if allowed else ""
        return f"{where} - unknown key{hint}"
    if e["type"] == "missing":
        return f"{where} - required and not there"
    message = e["msg"].removeprefix("Value error, ")
    return f"{where} - {message[0].lower()}{message[1:]}{_found(e)}"


def _found(e: dict[str, Any]) -> str:
    value = e.get("input")
    shown = isinstance(value, (str, int, float)) and e["type"] != "value_error"
    return f", not {_toml_text(value)}" if shown else ""


def _toml_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _model_at(model: Any, loc: tuple[Any, ...]) -> Any:
    """The model at a place of the file, found by walking the fields; None where there is none."""
    parts = (p for p in loc if not isinstance(p, int))
    for part in parts:
        held = [f.annotation for n, f in model.model_fields.items() if part in (f.alias, n)]
        if held and get_origin(held[0]) is dict:
            next(parts, None)  # the name a table is given: the `maker` of [source.maker]
        model = _model_in(held[0]) if held else None
        if model is None:
            return None
    return model


def _refused(model: Any, name: str) -> str | None:
    """Why a key that people do write is none, where its form says so: by the beginning of its name."""
    said: dict[str, str] = getattr(_FORMS.get(model), "REFUSED", {})
    return next((why for begin, why in said.items() if name.startswith(begin)), None)


def _model_in(annotation: Any) -> Any:
    """The model a field holds, through lists, dicts and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is Literal:
        return None
    return next((m for a in get_args(annotation) if (m := _model_in(a))), None)
