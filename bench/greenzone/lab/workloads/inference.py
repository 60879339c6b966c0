"""Tokens a second of a language model, worked out from one measured decoder layer.

    seconds of the model = layers x seconds of the layer + seconds of the vocabulary head

The head is not measured: its operations and bytes are taken at the best rates the layer reached.
What a server adds (batching, sampling, the network) is not in it. Every result says `worked_out`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from greenzone.errors import DeviceError
from greenzone.lab.devices.base import Device
from greenzone.lab.layers import DecoderLayer, head
from greenzone.lab.operators import Matmul
from greenzone.lab.results import Again, Figures, NotMeasured, Result
from greenzone.lab.shapes import ModelShape
from greenzone.lab.workloads.plan import (
    Measured,
    Plan,
    figures,
    is_processor,
    measure_first_that_fits,
    product_rate,
    results,
    typical,
)

_FORMATS = ("bf16", "fp16", "fp32")  # those a layer runs in, the usual one first
_CONTEXT, _BATCH = 2048, 1
_PROMPT, _PROMPT_PROCESSOR = 512, 128
_PROBE = (128, 1024, 1024)  # rows, columns, sum: the flat shape of a layer's products
_QUICK_ENOUGH = 0.5  # of the fastest of the formats


@dataclass
class _Reached:
    """The best rates the layer has reached so far: what the head is worked out with."""

    operations_per_s: float = 0.0
    bytes_per_s: float = 0.0

    def add(self, layer: DecoderLayer, seconds: float) -> None:
        self.operations_per_s = max(self.operations_per_s, layer.operations / seconds)
        self.bytes_per_s = max(self.bytes_per_s, layer.bytes / seconds)

    def seconds(self, product: Matmul) -> float:
        return max(product.operations / self.operations_per_s, product.bytes / self.bytes_per_s)


def run(device: Device, plan: Plan) -> Iterator[Result | NotMeasured]:
    """A sustained result for decode and one for prefill, or why there is none."""
    model, reached = plan.model, _Reached()
    try:
        form, notes = _format(device, plan)
    except DeviceError as error:
        yield from (NotMeasured(f"inference.{phase}", None, str(error)) for phase in ("decode", "prefill"))
        return
    notes += _capacity(device, model, form)
    for layer in _layers(device, model, form, plan):
        try:
            yield _phase(device, layer, plan, reached, notes)
        except DeviceError as error:
            yield NotMeasured(layer.name, form, str(error))


def _layers(device: Device, model: ModelShape, form: str, plan: Plan) -> list[DecoderLayer]:
    batch = plan.batch or _BATCH
    context = plan.context or min(_CONTEXT, model.max_context)
    tokens = min(_PROMPT_PROCESSOR if is_processor(device) else _PROMPT, context)
    return [
        DecoderLayer(model, "decode", batch, 1, context, form),
        DecoderLayer(model, "prefill", batch, tokens, tokens, form),
    ]


def _format(device: Device, plan: Plan) -> tuple[str, list[str]]:
    """The first of the usual formats that the device runs at a fair rate.

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
        none = f"a decoder layer runs in {', '.join(_FORMATS)}; none of these is offered or was asked for"
        raise failures[0] if failures else DeviceError(none)
    # an accelerator's probe is all latency: there the usual format stands
    least = _QUICK_ENOUGH * max(rates.values()) if is_processor(device) else 0.0
    chosen = next(form for form in rates if rates[form] >= least)
    skipped = [form for form in offered[: offered.index(chosen)] if form in rates]
    return chosen, [
        f"{form} runs at {rates[form] / rates[chosen]:.2f} of {chosen}'s rate" for form in skipped
    ]


def _capacity(device: Device, model: ModelShape, form: str) -> list[str]:
    needed = model.weight_bytes(form)
    if not device.memory_bytes or needed <= device.memory_bytes:
        return []
    sizes = f"the whole model needs {needed / 1e9:.3g} GB and the device has {device.memory_bytes / 1e9:.3g}"
    return [f"{sizes}: worked out as if it fitted"]


def _phase(device: Device, layer: DecoderLayer, plan: Plan, reached: _Reached, notes: list[str]) -> Result:
    measured = measure_first_that_fits(device, [layer], plan)
    extra: dict[str, object] = {
        "model": layer.model.id,
        "batch": layer.batch,
        "context": layer.context,
        "phase": layer.phase,
        "tokens": layer.batch * layer.tokens,
        "worked_out": True,
        "fits": not _capacity(device, layer.model, layer.format),
    }
    # the metric of the layer is replaced by that of the whole model
    result = next(results(measured, "tokens_per_s", layer.batch * layer.tokens, extra, windows=("sustained",)))
    result = replace(result, notes=(*notes, *result.notes))
    return _whole_model(result, layer, measured, reached)


def _whole_model(result: Result, layer: DecoderLayer, measured: Measured, reached: _Reached) -> Result:
    if measured.windows is None:
        return result
    seconds, model = typical(measured.windows), layer.model
    reached.add(layer, seconds)
    # the last row of each sequence alone is turned into a token
    head_seconds = reached.seconds(head(model, layer.batch, layer.format))

    def tokens(samples: Sequence[float], rounds: Sequence[int]) -> Figures:
        whole = [model.layers * sample + head_seconds for sample in samples]
        return figures("tokens_per_s", layer.batch * layer.tokens, whole, rounds)

    extra: dict[str, object] = {
        "layer_seconds": seconds,
        "layers": model.layers,
        "head_seconds": head_seconds,
        "how": f"tokens / ({model.layers} layers x the layer's time + the head's time), the head "
        f"at the best rates the layer reached, {reached.operations_per_s / 1e12:.3g} TOPS "
        f"and {reached.bytes_per_s / 1e9:.4g} GB/s",
    }
    found = tokens(result.samples, ())
    extra |= found.sureness
    return replace(result, metrics=found.metrics, extra={**result.extra, **extra}, again=Again(layer, tokens))
