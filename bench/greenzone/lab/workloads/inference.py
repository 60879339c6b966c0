"""Tokens a second of a language model: prefill and decode, by format, batch and context.

One layer of each kind and the head are measured, the step of the whole model is worked out from them, and said
to be (`workloads.steps`). A model small enough runs whole besides, which checks the working out. A model larger
than the device is divided over as many of its kind as it takes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from greenzone.errors import DeviceError, UsageError
from greenzone.lab.capacity import footprint, largest_batch
from greenzone.lab.devices.base import Device
from greenzone.lab.layers import Phase
from greenzone.lab.models import default_model
from greenzone.lab.operators import Matmul, Operator, passing_format
from greenzone.lab.results import NotMeasured, Result
from greenzone.lab.serving import turns
from greenzone.lab.shapes import ModelShape
from greenzone.lab.spread import fewest_devices, shard
from greenzone.lab.steps import ModelStep
from greenzone.lab.streams import Read
from greenzone.lab.workloads.memory import array_sizes
from greenzone.lab.workloads.plan import Plan, is_processor, prepared, product_rate
from greenzone.lab.workloads.steps import Reached, Step, measured_step, roofline, whole_step
from greenzone.statistics import median

_FORMATS = ("bf16", "fp16", "fp32")  # those a layer runs in as a whole, the usual one first
_NARROW = ("fp8", "int8")  # those its products alone run in
_CONTEXT = 2048
_PROMPT_PROCESSOR = 128
_BATCHES = {"quick": (1, 32), "standard": (1, 4, 16, 64, 256), "lab": (1, 4, 16, 64, 256)}
_BATCHES_PROCESSOR = {"quick": (1,), "standard": (1, 8), "lab": (1, 8)}
_PROBE = (128, 1024, 1024)  # rows, columns, sum: the flat shape of a layer's products
_SIDE, _SIDE_PROCESSOR = 4096, 1024  # of the product that utilisation is taken of
_WHOLE_BYTES = 2e9  # of a model that is run whole besides: GPT-2 small in any format
_CALLS, _MOST_CALLS, _LOAD_S = 5, 2000, 0.3


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of one model in one format."""

    model: ModelShape
    format: str
    notes: tuple[str, ...]
    reached: Reached
    plan: Plan


def run(device: Device, plan: Plan) -> Iterator[Result | NotMeasured]:
    """A sustained result for decode and prefill at each batch and context, or why there is none."""
    model = plan.model or default_model(is_processor(device))
    try:
        formats = _formats(device, plan)
    except DeviceError as error:
        yield from (NotMeasured(f"inference.{phase}", None, str(error)) for phase in ("decode", "prefill"))
        return
    for form, notes in formats:
        try:
            reached = _reached(device, form, plan)
        except DeviceError as error:
            yield NotMeasured("inference", form, str(error))
            continue
        yield from _in_format(device, _Asked(model, form, notes, reached, plan))


def _formats(device: Device, plan: Plan) -> list[tuple[str, tuple[str, ...]]]:
    """The usual format, with what to say of it, and in longer suites or when asked for the narrow ones too.

    Raises:
        DeviceError: it offers none of them.
    """
    offered = plan.formats or device.formats()
    narrow = [f for f in _NARROW if f in offered and (plan.formats or plan.suite != "quick") and f in device.formats()]
    if is_processor(device) and not plan.formats:
        narrow = []  # a processor's narrow products are many times slower, or none
    if narrow and not set(_FORMATS) & set(offered):
        return [(form, ()) for form in narrow]
    form, notes = _usual(device, plan)
    return [(form, tuple(notes)), *((one, ()) for one in narrow)]


def _usual(device: Device, plan: Plan) -> tuple[str, list[str]]:
    """The usual format; of a processor, the one that it runs fastest.

    Raises:
        DeviceError: it offers none of them.
    """
    offered = [form for form in _FORMATS if form in (plan.formats or device.formats())]
    rates, failures = {}, []
    for form in offered:
        try:
            rates[form] = product_rate(device, Matmul(*_PROBE, form, transposed=True), plan.seed)
        except DeviceError as error:
            failures.append(error)
    if not rates:
        known = (*_FORMATS, *_NARROW)
        none = f"a decoder layer runs in {', '.join(known)}; none of these is offered or was asked for"
        raise failures[0] if failures else DeviceError(none)
    # an accelerator's probe is all latency: there the usual format stands
    chosen = max(rates, key=lambda name: rates[name]) if is_processor(device) else next(iter(rates))
    skipped = [form for form in offered[: offered.index(chosen)] if form in rates]
    return chosen, [f"{form} runs at {rates[form] / rates[chosen]:.2f} of {chosen}'s rate" for form in skipped]


def _reached(device: Device, form: str, plan: Plan) -> Reached:
    """What a large product and a long read keep up under a short load: what utilisation is taken of.

    Raises:
        DeviceError: the device has no such product.
    """
    side = _SIDE_PROCESSOR if is_processor(device) else _SIDE
    product = Matmul(side, side, side, form, transposed=True)
    stream = Read(array_sizes(device)[0][0])
    return Reached(
        product.operations / _settled_seconds(device, product, plan) / 1e12,
        stream.bytes / _settled_seconds(device, stream, plan) / 1e9,
    )


def _settled_seconds(device: Device, operator: Operator, plan: Plan) -> float:
    """The median of the second half of a short load: clocks have settled by then."""
    with prepared(device, operator, plan.seed) as kernel:
        once = max(device.time(kernel, 1)[0], 1e-6)
        samples = device.time(kernel, max(_CALLS, min(_MOST_CALLS, math.ceil(_LOAD_S / once))))
    return median(samples[len(samples) // 2 :])


def _in_format(device: Device, asked: _Asked) -> Iterator[Result | NotMeasured]:
    first = True
    for batch, context in _grid(device, asked):
        for phase in ("decode", "prefill"):
            if phase == "prefill" and not (first or asked.plan.batches):
                continue  # it is bound by arithmetic at one sequence already: the curve is decode's
            yield from _phase(device, asked, phase, batch, context, first)
        first = False


def _grid(device: Device, asked: _Asked) -> list[tuple[int, int]]:
    """Batches and contexts: those asked for, or the suite's as far as memory holds them."""
    plan, model = asked.plan, asked.model
    contexts = plan.contexts or (min(_CONTEXT, model.max_context),)
    if plan.batches:
        return [(batch, context) for context in contexts for batch in plan.batches]
    usual = (_BATCHES_PROCESSOR if is_processor(device) else _BATCHES)[plan.suite]
    return [(b, context) for context in contexts for b in usual if b == 1 or _fits(device, asked, b, context)]


def _fits(device: Device, asked: _Asked, batch: int, context: int) -> bool:
    """Whether so large a batch fits the devices that one sequence takes."""
    if not device.memory_bytes:
        return True
    try:
        own = shard(asked.model, _devices(device, asked, 1, context))
    except UsageError:
        return False
    memory_gb = device.memory_bytes / 1e9
    return largest_batch(own, context, memory_gb, asked.format, passing_format(asked.format)) >= batch


def _devices(device: Device, asked: _Asked, batch: int, context: int) -> int:
    """How many devices it takes; a processor is one, whatever its memory.

    Raises:
        UsageError: more than a node has.
    """
    if is_processor(device) or not device.memory_bytes:
        return 1
    memory_gb = device.memory_bytes / 1e9
    return fewest_devices(asked.model, batch, context, asked.format, passing_format(asked.format), memory_gb)


def _phase(
    device: Device, asked: _Asked, phase: Phase, batch: int, context: int, first: bool
) -> Iterator[Result | NotMeasured]:
    tokens = 1 if phase == "decode" else min(_PROMPT_PROCESSOR, context) if is_processor(device) else context
    span = context if phase == "decode" else tokens
    plan = asked.plan if first else replace(asked.plan, suite="quick")
    try:
        devices = _devices(device, asked, batch, context)
        step = Step(asked.model, phase, batch, tokens, span, asked.format, devices)
        worked = measured_step(device, step, plan, asked.reached, asked.notes)
        if first:
            worked = replace(worked, extra={**worked.extra, **_curve(device, step, asked)})
        yield worked
        yield from _whole(device, step, plan, asked.reached) if first and worked.metrics else ()
    except (DeviceError, UsageError) as error:
        yield NotMeasured(f"inference.{phase}", asked.format, str(error))


def _curve(device: Device, step: Step, asked: _Asked) -> dict[str, object]:
    """What is told once a phase: where decode turns to be bound by arithmetic, and each operator's place."""
    found: dict[str, object] = {}
    if step.phase == "decode":
        reached = asked.reached
        turned = turns(step.model, step.context, passing_format(step.format), reached.rate_tops, reached.bandwidth_gb_s)
        found["turns_at"] = turned[-1].batch
        found["turns"] = {turn.part: turn.batch for turn in turned}
    if asked.plan.suite != "quick" or not is_processor(device):
        found["roofline"] = roofline(device, step, asked.plan)
    return found


def _whole(device: Device, step: Step, plan: Plan, reached: Reached) -> Iterator[Result]:
    size = footprint(step.model, step.batch, step.context, step.format, passing_format(step.format)).total_bytes
    if step.devices > 1 or size > _WHOLE_BYTES or step.format in _NARROW:
        return
    operator = ModelStep(step.model, step.phase, step.batch, step.tokens, step.context, step.format)
    yield whole_step(device, operator, step, plan, reached)
