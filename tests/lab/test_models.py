"""Model files: the shapes agree with the published counts of parameters."""

import pytest

from greenzone.errors import UsageError
from greenzone.lab.models import default_model, load_model, model_paths


@pytest.mark.parametrize("ref", ["llama-3.1-8b", "llama-3.1-70b"])
def test_parameters_counted_from_the_shape_are_the_published_ones(ref: str) -> None:
    m = load_model(ref).shape
    attention = m.hidden * m.head_dim * (2 * m.heads + 2 * m.kv_heads)
    layer = attention + 3 * m.hidden * m.intermediate + 2 * m.hidden
    assert m.layers * layer + 2 * m.vocabulary * m.hidden + m.hidden == m.parameters


def test_default_is_the_8b() -> None:
    assert default_model().id == "llama-3.1-8b"


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown model 'llama-3'; nearest: llama-3"):
        load_model("llama-3")


def test_every_model_loads() -> None:
    assert [load_model(ref).id for ref in model_paths()] == list(model_paths())
