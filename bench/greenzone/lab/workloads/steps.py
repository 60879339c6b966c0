"""One step of a model: its layers and its head measured, the whole worked out from them, and judged.

    seconds of a step = layers x seconds of the layer + seconds of everything else

Everything else is the layers of other kinds and the head, each by the median of a few calls, and, over several
devices, what their links are reckoned to take. What a server adds (batching, sampling, the network) is not in it.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from greenzone.errors import DeviceError, OutOfMemory
from greenzone.lab import serving
from greenzone.lab.capacity import largest_batch, largest_context
from greenzone.lab.devices.base import Device
from greenzone.lab.layers import DecoderLayer, Phase, head, layers_of
from greenzone.lab.operators import Operator, passing_format
from greenzone.lab.results import Again, Figures, Result
from greenzone.lab.shapes import LayerKind, ModelShape
from greenzone.lab.spread import link_seconds, one_way_gb_s, shard
from greenzone.lab.workloads.plan import (
    Measured,
    Plan,
    figures,
    measure_first_that_fits,
    prepared,
    results,
    typical,
)
from greenzone.statistics import median

_CALLS = 5  # of what enters a figure as its smaller part
_TURNS = 5  # of a whole model beside its parts
_IDLE_FROM = 2.0  # a step that takes so many times what any resource asks for is held up by none of them


@dataclass(frozen=True, slots=True)
class Reached:
    """What the device reached in a plain product and a plain stream: what utilisation is taken of."""

    rate_tops: float
    bandwidth_gb_s: float


@dataclass(frozen=True)
class Step:
    """One step of a model in one phase, over so many devices."""

    model: ModelShape
    phase: Phase
    batch: int
    tokens: int
    context: int
    format: str
    devices: int = 1

    @cached_property
    def own(self) -> ModelShape:
        """What one device holds."""
        return shard(self.model, self.devices)

    @cached_property
    def layers(self) -> dict[LayerKind, tuple[int, DecoderLayer]]:
        """How many layers of each kind, and the layer as one device has it; the commonest first."""
        found = layers_of(self.own, self.phase, self.batch, self.tokens, self.context, self.format)
        ordered = sorted(found, key=lambda one: -one[0])
        return {layer.kind: (count, layer) for count, layer in ordered if layer.kind}

    @property
    def operations(self) -> float:
        return serving.step_operations(self.model, self.phase, self.batch, self.context, self.format)

    @property
    def bytes(self) -> float:
        return serving.step_bytes(self.model, self.phase, self.batch, self.context, self.format)


def measured_step(device: Device, step: Step, plan: Plan, reached: Reached, notes: Sequence[str]) -> Result:
    """The commonest layer as it runs, and the step's tokens a second worked out from it.

    Raises:
        DeviceError: a layer or the head has no path, or failed; OutOfMemory where one does not fit.
    """
    (count, layer), *others = step.layers.values()
    measured = measure_first_that_fits(device, [layer], plan)
    tokens = step.batch * step.tokens
    result = next(results(measured, "tokens_per_s", tokens, _asked(step), windows=("sustained",)))
    result = replace(result, notes=(*notes, *result.notes))
    if measured.windows is None:
        return result
    rest, said = _rest(device, step, others, plan)
    return _worked_out(replace(result, notes=(*result.notes, *said)), step, count, measured, rest, reached, device)


def _asked(step: Step) -> dict[str, object]:
    return {
        "model": step.model.id, "batch": step.batch, "context": step.context, "phase": step.phase,
        "tokens": step.batch * step.tokens, "worked_out": True, "devices": step.devices,
    }  # fmt: skip


def _rest(
    device: Device, step: Step, others: Sequence[tuple[int, DecoderLayer]], plan: Plan
) -> tuple[dict[str, float], list[str]]:
    """Seconds of all but the commonest layer, by what they are of; and what to say of the links."""
    rest = {f"{layer.kind} layers": n * brief_seconds(device, layer, plan.seed) for n, layer in others}
    rest["head"] = brief_seconds(device, head(step.own, step.batch, passing_format(step.format)), plan.seed)
    if step.devices == 1:
        return rest, []
    profile = getattr(device, "profile", None)
    if (one_way := one_way_gb_s(profile)) is None:
        return rest, [f"over {step.devices} devices, whose links nothing is claimed of: what they take is not in it"]
    rows, form = step.batch * step.tokens, passing_format(step.format)
    rest["links"] = link_seconds(step.model, rows, form, step.devices, one_way)
    return rest, [f"over {step.devices} devices, one of them measured; their links at {one_way:.4g} GB/s one way"]


def brief_seconds(device: Device, operator: Operator, seed: int) -> float:
    """The median of a few calls."""
    with prepared(device, operator, seed) as kernel:
        device.time(kernel, 1)
        return median(device.time(kernel, _CALLS))


def _worked_out(
    result: Result,
    step: Step,
    count: int,
    measured: Measured,
    rest: Mapping[str, float],
    reached: Reached,
    device: Device,
) -> Result:
    if measured.windows is None:
        return result
    others = sum(rest.values())

    def whole(samples: Sequence[float], rounds: Sequence[int]) -> Figures:
        return figures("tokens_per_s", step.batch * step.tokens, [count * s + others for s in samples], rounds)

    layer_seconds = typical(measured.windows)
    found = whole(result.samples, ())
    extra = {
        "layers": count, "layer_seconds": layer_seconds, "rest_seconds": others, "rest": dict(rest),
        **judged(step, count * layer_seconds + others, rest.get("links", 0.0), reached), **_room(device, step),
        "how": f"tokens / ({count} layers x the layer's time + {' + '.join(rest)})",
    }  # fmt: skip
    return replace(
        result, metrics=found.metrics, extra={**result.extra, **extra, **found.sureness},
        again=Again(measured.operator, whole),
    )  # fmt: skip


class Counted(Protocol):
    """What a step amounts to: a `Step`, or what a record tells of one."""

    @property
    def phase(self) -> Phase: ...
    @property
    def operations(self) -> float: ...
    @property
    def bytes(self) -> float: ...
    @property
    def devices(self) -> int: ...


def judged(step: Counted, seconds: float, link_s: float, reached: Reached) -> dict[str, object]:
    """How well a step uses the device, and what holds it up.

    Args:
        step: its operations and bytes.
        seconds: it took.
        link_s: of them, what the links between devices take.
        reached: by a plain product and a plain stream on the same device.
    """
    rate, bandwidth = step.devices * reached.rate_tops, step.devices * reached.bandwidth_gb_s
    asked = {
        "arithmetic": step.operations / (rate * 1e12),
        "memory bandwidth": step.bytes / (bandwidth * 1e9),
        "links": link_s,
    }
    most = max(asked, key=lambda name: asked[name])
    # arithmetic and memory overlap; the sums over the links wait for both
    needed = max(asked["arithmetic"], asked["memory bandwidth"]) + link_s
    name = {"prefill": "ttft_s", "decode": "tpot_s"}[step.phase]
    return {
        name: seconds, "step_operations": step.operations, "step_bytes": step.bytes,
        "mfu": serving.mfu(step.operations, seconds, rate), "mbu": serving.mbu(step.bytes, seconds, bandwidth),
        "intensity": step.operations / step.bytes, "asked_seconds": asked,
        "bound_by": most if seconds < _IDLE_FROM * needed else "launches",
        "against": {"rate_tops": reached.rate_tops, "bandwidth_gb_s": reached.bandwidth_gb_s},
    }  # fmt: skip


def _room(device: Device, step: Step) -> dict[str, object]:
    """What fits the memory of the devices of this step, a processor's aside, which is shared."""
    memory_gb = device.memory_bytes / 1e9
    if not memory_gb:
        return {}
    cache = passing_format(step.format)
    batch = largest_batch(step.own, step.context, memory_gb, step.format, cache)
    context = largest_context(step.own, step.batch, memory_gb, step.format, cache)
    return {"fits": batch >= step.batch, "largest_batch": batch, "largest_context": context}


def whole_step(device: Device, operator: Operator, step: Step, plan: Plan, reached: Reached) -> Result:
    """The whole model measured end to end, and how far what was worked out is from it.

    Raises:
        DeviceError, OutOfMemory: it cannot be run whole.
    """
    measured = measure_first_that_fits(device, [operator], plan)
    asked = {**_asked(step), "worked_out": False}
    result = next(results(measured, "tokens_per_s", step.batch * step.tokens, asked, windows=("sustained",)))
    result = replace(result, variant="whole model")
    if measured.windows is None:
        return result
    ratio = _beside(device, operator, step, plan)
    extra = {**result.extra, **judged(step, typical(measured.windows), 0.0, reached), "worked_out_over_measured": ratio}
    note = f"measured whole, end to end; worked out from its layers, in turns with it, it is {ratio:.3f} of that"
    return replace(result, extra=extra, notes=(*result.notes, note))


def _beside(device: Device, operator: Operator, step: Step, plan: Plan) -> float:
    """Tokens a second worked out, over those of the whole model: the median of turns, each with both in it.

    A machine's speed drifts by more than the two differ, so that figures taken minutes apart say nothing of it.
    """
    counts = [count for count, _ in step.layers.values()]
    parts: list[Operator] = [layer for _, layer in step.layers.values()]
    parts.append(head(step.own, step.batch, step.format))
    with ExitStack() as stack:
        kernels = [stack.enter_context(prepared(device, one, plan.seed)) for one in (operator, *parts)]
        for kernel in kernels:
            device.time(kernel, 1)
        turns = [[median(device.time(kernel, _CALLS)) for kernel in kernels] for _ in range(_TURNS)]
    return median([whole / sum(n * s for n, s in zip((*counts, 1), own, strict=True)) for whole, *own in turns])


def roofline(device: Device, step: Step, plan: Plan) -> list[dict[str, object]]:
    """Each operator of the commonest layer by itself: its intensity, and the rate it reaches alone.

    An operator for which there is no kernel by itself has an intensity and no rate.
    """
    _, layer = next(iter(step.layers.values()))
    parts: dict[Operator, int] = {}
    for part in layer.parts:
        parts[part] = parts.get(part, 0) + 1
    return [_point(device, part, count, plan) for part, count in parts.items()]


def _point(device: Device, part: Operator, count: int, plan: Plan) -> dict[str, object]:
    sizes = "x".join(str(size) for size in part.shape.values())
    point: dict[str, object] = {
        "operator": f"{part.name} {sizes}", "count": count, "format": part.format, "operations": part.operations,
        "bytes": part.bytes, "intensity": part.operations / part.bytes,
    }  # fmt: skip
    try:
        seconds = brief_seconds(device, part, plan.seed)
    except (DeviceError, OutOfMemory):
        return {**point, "seconds": None, "tops": None}
    return {**point, "seconds": seconds, "tops": part.operations / seconds / 1e12}


