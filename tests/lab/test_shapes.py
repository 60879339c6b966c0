"""Counts of parameters and caches from the sizes alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.errors import UsageError
from greenzone.lab.shapes import Experts, GroupedAttention, LatentAttention, Mlp, ModelShape

DENSE = ModelShape("m", "M", 2, 8, 10, 64, False, GroupedAttention(4, 2, 3), mlp=Mlp(16))
MOE = replace(DENSE, mlp=None, experts=Experts(4, 2, 5, shared=1, routing_bias=True))
LATENT = replace(DENSE, attention=None, latent_attention=LatentAttention(4, 6, 3, 2, 5, 7))


def test_a_dense_layer_by_hand() -> None:
    # q 8 x 12, k and v 8 x 6, o 12 x 8; gate, up, down 8 x 16; two norms of 8
    assert DENSE.layer_parameters("dense") == 96 + 48 + 48 + 96 + 3 * 128 + 16
    assert DENSE.parameters == 2 * 688 + 8 + 80 + 80
    assert replace(DENSE, tied_embeddings=True).parameters == DENSE.parameters - 80


def test_biases_and_norms_by_hand() -> None:
    qkv = replace(DENSE, biases="qkv")
    assert qkv.layer_parameters("dense") - DENSE.layer_parameters("dense") == 12 + 6 + 6
    full = replace(DENSE, biases="all")
    assert full.layer_parameters("dense") - qkv.layer_parameters("dense") == 8 + 2 * 16 + 8
    assert replace(DENSE, norm="layer").layer_parameters("dense") - DENSE.layer_parameters("dense") == 16
    normed = replace(DENSE, attention=GroupedAttention(4, 2, 3, qk_norm=True))
    assert normed.layer_parameters("dense") - DENSE.layer_parameters("dense") == 6
    assert replace(DENSE, mlp=Mlp(16, "plain")).layer_parameters("dense") == DENSE.layer_parameters("dense") - 128
    assert replace(DENSE, learned_positions=True).parameters == DENSE.parameters + 64 * 8


def test_experts_by_hand() -> None:
    attention, expert, router = 288 + 16, 3 * 8 * 5, 4 * 8 + 4
    assert MOE.layer_parameters("experts") == attention + router + 5 * expert
    assert MOE.layer_parameters("experts", active=True) == attention + router + 3 * expert
    assert MOE.parameters - MOE.active_parameters == 2 * 2 * expert


def test_a_latent_attention_by_hand() -> None:
    queries = 8 * 7 + 7 + 7 * 4 * 5
    down, up, output = 8 * (6 + 2) + 6, 6 * 4 * (3 + 5), 4 * 5 * 8
    assert LATENT.layer_parameters("dense") == queries + down + up + output + 3 * 128 + 16
    direct = replace(LATENT, latent_attention=LatentAttention(4, 6, 3, 2, 5))
    assert direct.layer_parameters("dense") == 8 * 20 + down + up + output + 3 * 128 + 16


def test_layers_of_two_kinds() -> None:
    mixed = replace(MOE, layers=5, mlp=Mlp(16), experts=Experts(4, 2, 5, dense_layers=2))
    assert mixed.layer_counts == {"dense": 2, "experts": 3}
    assert MOE.layer_counts == {"experts": 2}


def test_what_a_token_is_multiplied_with_leaves_the_tables_out_and_keeps_the_head() -> None:
    layers = 2 * 688 + 8
    assert DENSE.multiplied_parameters == layers + 80
    assert replace(DENSE, tied_embeddings=True).multiplied_parameters == layers + 80
    assert replace(DENSE, learned_positions=True).multiplied_parameters == layers + 80


def test_caches_by_hand() -> None:
    assert DENSE.cache_bytes_per_token("bf16") == 2 * 2 * 2 * 3 * 2
    assert DENSE.cache_bytes_per_token("fp8") == 2 * 2 * 2 * 3
    assert LATENT.cache_bytes_per_token("bf16") == 2 * (6 + 2) * 2


def test_kinds_of_attention_have_names() -> None:
    assert [m.attends.kind for m in (DENSE, LATENT)] == ["grouped", "latent"]
    assert GroupedAttention(4, 4, 3).kind == "multi-head"


@given(st.integers(1, 4096))
def test_touched_experts_lie_between_those_of_a_token_and_all(rows: int) -> None:
    touched = Experts(256, 8, 16).touched(rows)
    assert 8 - 1e-9 <= touched <= min(256, 8 * rows) + 1e-9


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GroupedAttention(30, 8, 4), "30 heads do not divide by 8 kv_heads"),
        (lambda: Experts(8, 9, 4), "9 experts of 8 cannot be active"),
        (lambda: replace(DENSE, attention=None), "give one table"),
        (lambda: replace(DENSE, latent_attention=LATENT.latent_attention), "and not both"),
        (lambda: replace(LATENT, biases="all"), "a latent attention has none"),
        (lambda: replace(DENSE, mlp=None), "needs the table"),
        (lambda: replace(MOE, mlp=Mlp(16)), "no layer is dense"),
        (lambda: replace(MOE, mlp=Mlp(16), experts=Experts(4, 2, 5, dense_layers=2)), "give at most 1"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(UsageError, match=words):
        make()
