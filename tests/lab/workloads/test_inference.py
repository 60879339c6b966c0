"""The inference workload: steps worked out from measured layers, whole models, several devices, what is judged."""

from dataclasses import replace
from typing import Any

import pytest

from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.models import load_model
from greenzone.lab.operators import Operator
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.serving import step_bytes, step_operations
from greenzone.lab.shapes import GroupedAttention, Mlp, ModelShape
from greenzone.lab.workloads import Plan, inference
from greenzone.lab.workloads.steps import Reached, Step, judged
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile, Memory
from greenzone.statistics import median

H20, H100 = load_profile("nvidia-h20"), load_profile("nvidia-h100-sxm")
TINY = ModelShape(
    "tiny", "Tiny", 3, 256, 1000, 2048, True, GroupedAttention(8, 4, 32), mlp=Mlp(512, "plain")
)


def found(profile: DeviceProfile = H20, **plan: Any) -> list[Result]:
    rows = list(inference.run(EmulatedDevice(profile), Plan(**plan)))
    assert all(isinstance(row, Result) for row in rows), rows
    return [row for row in rows if isinstance(row, Result)]


def tokens(row: Result) -> float:
    return row.metrics["tokens_per_s"].median


def small(capacity_gb: float) -> DeviceProfile:
    return replace(H20, memory=Memory("HBM3", capacity_gb=capacity_gb, bandwidth_gb_s=4000))


def test_a_step_is_the_layers_and_the_rest_and_said_to_be_worked_out() -> None:
    decode, prefill, curve = found()
    for row in (decode, prefill, curve):
        extra: Any = row.extra
        seconds = 32 * median(row.samples) + extra["rest_seconds"]
        assert tokens(row) == pytest.approx(extra["tokens"] / seconds)
        assert extra["worked_out"] is True
        assert extra["rest_seconds"] == pytest.approx(sum(extra["rest"].values()))
        assert "32 layers" in extra["how"]
        assert (extra["model"], row.window) == ("llama-3.1-8b", "sustained")
    assert [row.extra["batch"] for row in (decode, prefill, curve)] == [1, 1, 32]
    assert (decode.extra["context"], prefill.extra["tokens"]) == (2048, 2048)
    # no decode is faster than reading every weight once, no prefill faster than the peak
    assert 100 < tokens(decode) < 4000e9 / 15e9
    assert tokens(prefill) < 148e12 / (2 * 7.0e9)


def test_decode_is_held_up_by_memory_and_prefill_by_arithmetic() -> None:
    decode, prefill, _ = found()
    assert (decode.extra["bound_by"], prefill.extra["bound_by"]) == ("memory bandwidth", "arithmetic")
    model = load_model("llama-3.1-8b")
    extra: Any = decode.extra
    assert extra["step_bytes"] == step_bytes(model, "decode", 1, 2048, "bf16")
    assert extra["mbu"] == pytest.approx(
        extra["step_bytes"] / extra["tpot_s"] / (extra["against"]["bandwidth_gb_s"] * 1e9)
    )
    assert extra["mfu"] == pytest.approx(
        step_operations(model, "decode", 1, 2048, "bf16") / extra["tpot_s"] / (extra["against"]["rate_tops"] * 1e12)
    )
    assert 0.6 < extra["mbu"] < 1
    assert 100 < extra["turns_at"] < 300


def test_an_h20_is_ahead_of_an_h100_in_decode_and_far_behind_in_prefill() -> None:
    ours, theirs = found(H20), found(H100)
    for n in (0, 2):  # one user, and thirty-two
        assert 1.1 < tokens(ours[n]) / tokens(theirs[n]) < 4000 / 3350 + 0.05
    assert tokens(ours[1]) / tokens(theirs[1]) < 0.3


def test_a_model_too_large_for_one_device_is_divided_and_its_links_are_counted() -> None:
    decode, prefill, *_ = found(model=load_model("llama-3.1-70b"))
    assert decode.extra["devices"] == prefill.extra["devices"] == 2
    assert decode.shape["heads"] == 32
    rest: Any = decode.extra["rest"]
    assert rest["links"] > 0
    assert any("over 2 devices, one of them measured" in note for note in decode.notes)
    alone = found(small(400), model=load_model("llama-3.1-70b"))[0]
    assert alone.extra["devices"] == 1
    assert 1.5 < tokens(decode) / tokens(alone) < 2


def test_a_model_too_large_for_a_node_says_how_many_devices_it_takes() -> None:
    rows = list(inference.run(EmulatedDevice(H20), Plan(model=load_model("deepseek-v3"), formats=("bf16",))))
    assert all(isinstance(row, NotMeasured) for row in rows)
    assert "takes 16 devices of 96 GB, and a node has 8" in str(rows[0])


def test_layers_of_every_kind_are_in_the_step() -> None:
    decode = found(model=load_model("deepseek-v3"), formats=("fp8",))[0]
    assert decode.extra["layers"] == 58
    rest: Any = decode.extra["rest"]
    assert list(rest) == ["dense layers", "head", "links"]


def test_batches_and_contexts_are_those_asked_for() -> None:
    rows = found(model=TINY, batches=(4, 2), contexts=(64, 32))
    asked = [
        (row.name, row.extra["batch"], row.extra["context"]) for row in rows if row.variant != "whole model"
    ]
    assert asked == [
        (f"inference.{phase}", batch, context)
        for context in (64, 32) for batch in (4, 2) for phase in ("decode", "prefill")
    ]  # fmt: skip


def test_a_batch_beyond_the_memory_is_left_out_of_the_curve() -> None:
    rows = found(small(20), suite="standard", formats=("bf16",))
    batches = [row.extra["batch"] for row in rows if row.name == "inference.decode"]
    assert batches == [1, 4]
    assert all(row.extra["fits"] for row in rows)


def test_throughput_rises_with_the_batch_and_a_user_waits_longer() -> None:
    rows = [r for r in found(suite="standard", formats=("bf16",)) if r.name == "inference.decode"]
    everyone = [tokens(row) for row in rows]
    steps: list[Any] = [row.extra["tpot_s"] for row in rows]
    assert everyone == sorted(everyone)
    assert steps == sorted(steps)


def test_narrow_formats_read_less_and_are_faster() -> None:
    rows = {r.format: r for r in found(suite="standard") if r.name == "inference.decode" and r.extra["batch"] == 1}
    assert list(rows) == ["bf16", "fp8", "int8"]
    assert 1.3 < tokens(rows["fp8"]) / tokens(rows["bf16"]) < 2


def test_a_small_model_runs_whole_and_the_working_out_is_held_against_it() -> None:
    rows = found(model=load_model("gpt2"))
    whole = [row for row in rows if row.variant == "whole model"]
    assert [row.name for row in whole] == ["inference.decode", "inference.prefill"]
    for row in whole:
        extra: Any = row.extra
        assert extra["worked_out"] is False
        assert row.check is not None
        assert row.check.passed
        assert extra["worked_out_over_measured"] == pytest.approx(1, abs=0.1)


def test_every_operator_of_a_layer_has_its_place_under_the_roofline() -> None:
    points: Any = found()[0].extra["roofline"]
    assert all(point["intensity"] == pytest.approx(point["operations"] / point["bytes"]) for point in points)
    products = [point for point in points if point["operator"].startswith("matmul")]
    assert products
    assert all(point["tops"] * 1e12 * point["seconds"] == pytest.approx(point["operations"]) for point in products)


class Slow(EmulatedDevice):
    """A processor that runs one format 300 times slower than the other."""

    id = "cpu"

    def formats(self) -> tuple[str, ...]:
        return ("fp32", "fp16")

    def prepare(self, operator: Operator, seed: int) -> Any:
        operator_tops = 0.3e-3 if operator.format == "fp16" else 0.1
        kernel: Any = super().prepare(operator, seed)
        kernel.cost = replace(kernel.cost, seconds=operator.operations / (operator_tops * 1e12))
        return kernel


def test_a_processor_takes_the_format_that_it_runs_fastest() -> None:
    rows = list(inference.run(Slow(H20), Plan(formats=("fp16", "fp32"), model=TINY, contexts=(64,))))
    assert {row.format for row in rows} == {"fp32"}
    first: Any = rows[0]
    assert any("fp16 runs at 0.00 of fp32's rate" in note for note in first.notes)


def test_a_step_that_waits_for_nothing_is_held_up_by_launches() -> None:
    step = Step(TINY, "decode", 1, 1, 64, "bf16")
    reached = Reached(100.0, 1000.0)
    least = step.bytes / 1e12
    assert judged(step, 1.2 * least, 0.0, reached)["bound_by"] == "memory bandwidth"
    assert judged(step, 50 * least, 0.0, reached)["bound_by"] == "launches"
    assert judged(step, 30 * least, 25 * least, reached)["bound_by"] == "links"
