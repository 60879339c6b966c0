"""A model divided over devices: what each holds, how few will do, what the links take."""

import pytest

from greenzone.errors import UsageError
from greenzone.lab.models import load_model, model_paths
from greenzone.lab.spread import fewest_devices, link_seconds, one_way_gb_s, shard
from greenzone.parts.catalogue import load_profile

LLAMA = load_model("llama-3.1-70b")


@pytest.mark.parametrize("model", [m for m in model_paths() if m != "gpt2"])
@pytest.mark.parametrize("devices", [2, 4, 8])
def test_the_layers_of_all_parts_are_those_of_the_whole(model: str, devices: int) -> None:
    whole = load_model(model)
    part = shard(whole, devices)
    for kind in whole.layer_counts:
        ours, theirs = devices * part.layer_parameters(kind), whole.layer_parameters(kind)
        assert theirs <= ours < 1.25 * theirs  # norms, routers and latent vectors are kept by each


def test_heads_that_do_not_divide_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match="gpt2 cannot be divided evenly over 8 devices: heads 12"):
        shard(load_model("gpt2"), 8)


def test_as_few_devices_as_hold_it() -> None:
    def fewest(memory_gb: float) -> int:
        return fewest_devices(LLAMA, 1, 2048, "bf16", "bf16", memory_gb)

    assert [fewest(gb) for gb in (192, 96, 80, 40, 24)] == [1, 2, 2, 4, 8]
    with pytest.raises(UsageError, match="takes 16 devices of 12 GB, and a node has 8"):
        fewest(12)


def test_links_take_what_a_ring_moves() -> None:
    assert link_seconds(LLAMA, 1, "bf16", 1, 100.0) == 0
    one = link_seconds(LLAMA, 1000, "bf16", 2, 100.0)
    moved = 2 * 80 * (2 * 1 / 2 * 1000 * 8192 * 2) / 100e9
    assert moved < one < moved + 2 * 80 * 1e-5
    assert link_seconds(LLAMA, 1000, "bf16", 8, 100.0) > one


def test_the_fastest_claimed_link_one_way() -> None:
    assert one_way_gb_s(load_profile("nvidia-h20")) == pytest.approx(450 * 0.83)
    assert one_way_gb_s(None) is None
