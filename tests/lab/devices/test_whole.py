"""A step of a whole model is right in torch, and one that is wrong anywhere is found out."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from greenzone.lab.devices import kernels, numerics
from greenzone.lab.devices.block import LayerBlock
from greenzone.lab.devices.emulated.arithmetic import bearable
from greenzone.lab.layers import Phase
from greenzone.lab.models import load_model, model_paths
from greenzone.lab.steps import ModelStep

REFS = list(model_paths())


def small(ref: str, phase: Phase = "decode", form: str = "fp32") -> ModelStep:
    tokens, context = (24, 24) if phase == "prefill" else (1, 40)
    step = bearable(ModelStep(load_model(ref), phase, 2, tokens, context, form))
    assert isinstance(step, ModelStep)
    return step


def build(step: ModelStep) -> Any:
    return kernels.build(step, numerics.native, torch.device("cpu"), 7, 0)


def model_of(kernel: Any) -> Any:
    """What the kernel runs."""
    return kernel._sets[0]


@pytest.mark.parametrize("ref", REFS)
@pytest.mark.parametrize("phase", ["decode", "prefill"])
@pytest.mark.parametrize("form", ["fp64", "fp32", "bf16"])
def test_a_step_of_every_kind_of_model_passes(ref: str, phase: Phase, form: str) -> None:
    check = build(small(ref, phase, form)).check()
    assert check.passed, check


@pytest.mark.parametrize("ref", REFS)
def test_the_weights_in_torch_are_those_of_the_model(ref: str, weights: Callable[[Any], int]) -> None:
    step = small(ref)
    experts = step.model.experts
    # what experts are chosen by has no part in arithmetic whose choice is drawn
    unused = experts.count if experts and experts.routing_bias else 0
    assert weights(model_of(build(step))) + unused == step.model.parameters


@pytest.mark.parametrize("phase", ["decode", "prefill"])
def test_a_layer_that_is_left_out_is_found(phase: Phase) -> None:
    model = model_of(kernel := build(small("gpt2", phase)))
    left_out = model.layers[0]
    exact = model.exact
    model.exact = lambda count: [model.layers.insert(0, left_out), exact(count)][1]
    model.layers.remove(left_out)
    assert not kernel.check().passed


def test_each_layer_has_caches_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = build(small("gpt2"))
    first, second = (layer.attention for layer in model_of(kernel).layers)
    assert first._keys.data_ptr() != second._keys.data_ptr()
    exact = LayerBlock.exact
    # a reference whose layers all read the first one's cache
    monkeypatch.setattr(LayerBlock, "exact", lambda self, *rest: exact(model_of(kernel).layers[0], *rest))
    assert not kernel.check().passed


def test_the_layers_share_the_buffers_that_their_products_write_to() -> None:
    first, second = (layer.network for layer in model_of(build(small("gpt2"))).layers)
    assert first._down.out.data_ptr() == second._down.out.data_ptr()
    assert first._ups[0].out.data_ptr() != first._down.out.data_ptr()


def test_a_head_that_takes_another_row_is_found() -> None:
    model = model_of(kernel := build(small("gpt2", "prefill")))
    run, last = model.run, model.last

    def wrong() -> Any:
        model.last = lambda rows: rows.view(2, 16, -1)[:, 0]
        written = run()
        model.last = last
        return written

    model.run = wrong
    assert not kernel.check().passed


@pytest.mark.parametrize("part", ["embedding", "norm", "head"])
def test_a_wrong_part_beside_the_layers_is_found(part: str) -> None:
    model = model_of(kernel := build(small("gpt2")))
    right = getattr(model, part)

    class Wrong:
        def __getattr__(self, name: str) -> Any:
            return getattr(right, name)

        def __call__(self, *rows: torch.Tensor, **exact: bool) -> torch.Tensor:
            written: torch.Tensor = right(*rows, **exact)
            return written if exact else written.mul_(1.01)

    setattr(model, part, Wrong())
    assert not kernel.check().passed


def test_a_step_that_never_ran_fails() -> None:
    kernel = build(small("gpt2"))
    kernel.launch = lambda: None
    assert not kernel.check().passed


def test_one_set_whatever_the_cache() -> None:
    assert kernels.rotation_sets(small("gpt2"), 10**12) == 1


def test_a_closed_kernel_holds_nothing() -> None:
    kernel = build(small("gpt2"))
    kernel.close()
    kernel.close()
    assert not kernel._sets
    assert kernel._written is None
