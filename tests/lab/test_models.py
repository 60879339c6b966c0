"""Model files: what is counted from the shapes is what the makers published."""

from pathlib import Path

import pytest

from greenzone.errors import DataFileError, FileError, UsageError
from greenzone.lab.models import default_model, load_model, model_paths

TINY = """
schema = 1
id = "mine"
name = "Mine"
layers = 2
hidden = 8
vocabulary = 10
max_context = 64
tied_embeddings = true
[attention]
heads = 4
kv_heads = 2
head_dim = 3
[mlp]
intermediate = 16
"""


@pytest.mark.parametrize(
    ("ref", "published"),
    [
        # half the `total_size` (bytes, bf16) in each repository's model.safetensors.index.json
        ("llama-3.1-8b", 16_060_522_496 / 2),
        ("llama-3.1-70b", 141_107_412_992 / 2),
        ("qwen3-32b", 65_524_246_528 / 2),
        ("mixtral-8x7b", 93_405_585_408 / 2),
        # openai-community/gpt2, model.safetensors: 137,022,720 elements, 12 causal masks among them
        ("gpt2", 137_022_720 - 12 * 1024 * 1024),
        # deepseek-ai/DeepSeek-V3, model.safetensors: 684,531,386,000 elements, of them
        # 3,918,786,560 in bf16 and 680,571,043,840 in fp8; of the rest, in fp32, 59 x 256 are routing
        # biases and the others scales of fp8; less the module that predicts a second token
        ("deepseek-v3", 3_918_786_560 + 680_571_043_840 + 59 * 256 - 13_463_426_304),
    ],
)
def test_parameters_counted_from_the_shape_are_the_published_ones(ref: str, published: float) -> None:
    model = load_model(ref)
    assert model.parameters == published == model.published_parameters


def test_every_model_is_held_to_a_published_count() -> None:
    assert all(load_model(ref).published_parameters for ref in model_paths())


def test_the_second_token_module_of_deepseek_by_hand() -> None:
    # README_WEIGHTS.md: a layer of experts, three norms, a product of two hidden states, and copies of
    # the embedding and of the head
    model = load_model("deepseek-v3")
    shared = model.embedding_parameters + model.head_parameters
    module = model.layer_parameters("experts") + 2 * 7168**2 + 3 * 7168 + shared
    assert module == 13_463_426_304


@pytest.mark.parametrize(
    ("ref", "billions", "digits"),
    [
        ("mixtral-8x7b", 12.9, 1),  # mistral.ai/news/mixtral-of-experts: "12.9B parameters per token"
        ("qwen3-32b", 32.8, 1),  # Qwen/Qwen3-32B, model card: "32.8B"
        ("llama-3.1-8b", 8.03, 2),
    ],
)
def test_active_parameters_are_the_published_ones(ref: str, billions: float, digits: int) -> None:
    assert round(load_model(ref).active_parameters / 1e9, digits) == billions


def test_deepseek_counts_its_active_parameters_without_the_embeddings() -> None:
    # DeepSeek-V3, README_WEIGHTS.md: "36.6B (including 0.9B for the output Head)"
    model = load_model("deepseek-v3")
    assert round(model.multiplied_parameters / 1e9, 1) == 36.6
    assert round(model.head_parameters / 1e9, 1) == 0.9


def test_qwen_without_embeddings_is_as_its_card_says() -> None:
    model = load_model("qwen3-32b")
    assert round((model.parameters - model.embedding_parameters - model.head_parameters) / 1e9, 1) == 31.2


@pytest.mark.parametrize(
    ("ref", "bytes_"),
    [
        # "Insights into DeepSeek-V3", arXiv 2505.09343, table 1: 70.272 KB, in 16 bits
        ("deepseek-v3", 70_272),
        # the same formula as that table's for Qwen-2.5 72B, of the same layers and heads: 327.680 KB
        ("llama-3.1-70b", 327_680),
        ("llama-3.1-8b", 128 * 1024),
        ("mixtral-8x7b", 128 * 1024),
        ("qwen3-32b", 256 * 1024),
        ("gpt2", 36 * 1024),
    ],
)
def test_cache_of_a_token_is_the_published_one(ref: str, bytes_: int) -> None:
    assert load_model(ref).cache_bytes_per_token("bf16") == bytes_
    assert load_model(ref).cache_bytes_per_token("fp8") == bytes_ / 2


def test_default_is_the_8b() -> None:
    assert default_model().id == "llama-3.1-8b"


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown model 'llama-3'; nearest: llama-3"):
        load_model("llama-3")


def test_every_model_loads_and_names_its_source() -> None:
    assert [load_model(ref).id for ref in model_paths()] == list(model_paths())
    for ref in model_paths():
        assert all((s.url or "").startswith("https://") for s in load_model(ref).sources.values())
        assert "maker" in load_model(ref).sources


def written(folder: Path, old: str = "", new: str = "") -> str:
    assert old in TINY
    path = folder / "mine.toml"
    path.write_text(TINY.replace(old, new, 1))
    return str(path)


def test_a_file_of_ones_own_is_a_model(tmp_path: Path) -> None:
    model = load_model(written(tmp_path))
    assert (model.id, model.parameters, model.published_parameters) == ("mine", 2 * 688 + 8 + 80, None)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("heads = 4", "heads = 5", r"attention.heads - 5 heads do not divide by 2 kv_heads"),
        ("[mlp]", "[experts]\ncount = 4\nactive = 5", "experts.active - 5 experts of 4"),
        ("hidden = 8", "hiden = 8", r"hiden - unknown key; nearest: hidden"),
        ("hidden = 8", "hidden = 0", r"hidden - "),
        ("[mlp]\nintermediate = 16", "", r"mlp - a dense layer needs the table \[mlp\]"),
        ("layers = 2", "published_parameters = 9\nlayers = 2", "9 is not what the shape comes to, 1464"),
        ('id = "mine"', 'id = "No Id"', "id - "),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(DataFileError, match=words) as caught:
        load_model(written(tmp_path, old, new))
    assert str(caught.value).startswith(str(tmp_path / "mine.toml"))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none.toml: cannot be read"):
        load_model(str(tmp_path / "none.toml"))
