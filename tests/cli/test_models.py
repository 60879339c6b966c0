"""`greenzone models` as a user calls it, and models given to a run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]
OWN = """
schema = 1
id = "own"
name = "Own"
layers = 2
hidden = 64
vocabulary = 100
max_context = 64
tied_embeddings = true
[attention]
heads = 4
kv_heads = 2
head_dim = 16
[mlp]
intermediate = 128
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    return path


def test_the_list_has_what_sets_models_apart(invoke: Invoke) -> None:
    rows = {row["id"]: row for row in json.loads(invoke("models", "list", "--json").stdout)}
    assert rows["deepseek-v3"] == {
        "id": "deepseek-v3", "name": "DeepSeek-V3", "parameters": 671026419200, "active_parameters": 37552297472,
        "layers": 61, "attention": "latent", "max_context": 163840, "cache_bytes_per_token": 70272,
    }  # fmt: skip
    assert {row["attention"] for row in rows.values()} == {"multi-head", "grouped", "latent"}
    text = invoke("models", "list").stdout
    for words in ("124.4M", "46.7B", "12.88B", "163,840", "70,272"):
        assert words in text


def test_a_model_is_shown_with_the_source_of_every_size(invoke: Invoke) -> None:
    text = invoke("models", "show", "mixtral-8x7b").stdout
    for words in ("experts.active", "12,879,925,248", "huggingface.co/mistralai", "maker", "32,768"):
        assert words in text
    found = json.loads(invoke("models", "show", "mixtral-8x7b", "--json").stdout)
    assert found["experts"]["count"] == 8
    assert found["formats"]["bf16"] == {"weights_gb": 93.405585408, "cache_bytes_per_token": 131072}
    assert found["experts_layer_parameters"] == 1_451_270_144


def test_a_file_of_ones_own_is_shown_and_run(invoke: Invoke, own: Path, tmp_path: Path) -> None:
    assert json.loads(invoke("models", "show", str(own), "--json").stdout)["id"] == "own"
    arguments = ("run", "--device", "emulated:nvidia-h20", "--workload", "inference", "--dtype", "bf16")
    result = invoke(*arguments, "--model", str(own), "-o", str(tmp_path / "out"), "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert {row["model"] for row in record["benchmarks"]} == {"own"}
    assert {row["context"] for row in record["benchmarks"]} == {64}  # not 2,048: the model has no more
    assert record["settings"]["models"] == ["own"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("heads = 4", "heads = 3", "own.toml: attention.heads - 3 heads do not divide by 2 kv_heads"),
        ("[mlp]", "[experts]\ncount = 2\nactive = 3", "own.toml: experts.active - 3 experts of 2 cannot be active"),
        ("vocabulary", "vocabluary", "vocabluary - unknown key; nearest: vocabulary"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(invoke: Invoke, own: Path, old: str, new: str, words: str) -> None:
    own.write_text(OWN.replace(old, new, 1))
    result = invoke("models", "show", str(own))
    assert result.exit_code == 1
    assert words in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("model", ["gpt2", "mixtral-8x7b"])
def test_a_context_beyond_the_model_says_its_maximum(invoke: Invoke, model: str, tmp_path: Path) -> None:
    most = {"gpt2": 1024, "mixtral-8x7b": 32768}[model]
    arguments = ("--workload", "inference", "--model", model, "--context", str(most + 1), "-o", str(tmp_path))
    result = invoke("run", "--device", "emulated:nvidia-h20", *arguments)
    assert result.exit_code == 2
    assert f"whose maximum is {most}; give --context {most} or less" in result.stderr
    assert list(tmp_path.iterdir()) == []
