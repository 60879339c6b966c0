"""What the seconds of layers come to for those who are served, and how well they use the part.

Worked out, not measured: a model's time is that of its layers and its head, one after another, and what
a server adds (batching, sampling, the network) is not in it.

    seconds of a step = sum over kinds of layers (count x seconds) + seconds of the head
    TTFT = seconds of prefill          TPOT = seconds of a decode step
    tokens/s of a user = 1 / TPOT      tokens/s of all = batch / TPOT

Sources: TTFT and TPOT, MLCommons, "Llama 2 70B: An MLPerf Inference Benchmark for Large Language Models"
(2024-03-27); MFU, Chowdhery et al., PaLM, arXiv 2204.02311, appendix B; MBU, Databricks, "LLM Inference
Performance Engineering: Best Practices" (2023-10-12); balance of rate and bandwidth, Williams, Waterman
and Patterson, "Roofline", CACM 52(4), 2009.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from greenzone.errors import UsageError
from greenzone.lab.groups import GroupedMatmul
from greenzone.lab.layers import DecoderLayer, Phase, head, layers_of, operators_of
from greenzone.lab.operators import Matmul, Operator, element_bytes, passing_format, result_bytes
from greenzone.lab.shapes import LayerKind, ModelShape

_BATCH_MAX = 2**20  # beyond every server; what has not turned there never does


@dataclass(frozen=True)
class Speed:
    """What `batch` users get who each send a prompt of `prompt_tokens` at once.

    >>> speed = Speed(batch=8, prompt_tokens=1024, ttft_s=0.4, tpot_s=0.02)
    >>> speed.tokens_per_s_user, speed.tokens_per_s, round(speed.request_seconds(101), 6)
    (50.0, 400.0, 2.4)
    """

    batch: int
    prompt_tokens: int
    ttft_s: float
    tpot_s: float

    def __post_init__(self) -> None:
        if self.ttft_s <= 0 or self.tpot_s <= 0:
            raise UsageError(f"Speed: TTFT {self.ttft_s} s and TPOT {self.tpot_s} s must be more than 0")

    @property
    def tokens_per_s_user(self) -> float:
        """Output tokens a second that one user sees."""
        return 1 / self.tpot_s

    @property
    def tokens_per_s(self) -> float:
        """Output tokens a second of all users together, while all of them decode."""
        return self.batch / self.tpot_s

    @property
    def prompt_tokens_per_s(self) -> float:
        """Prompt tokens a second of all users together."""
        return self.batch * self.prompt_tokens / self.ttft_s

    def request_seconds(self, output_tokens: int) -> float:
        """From the prompt to its last token: TTFT + (output - 1) x TPOT; prefill gives the first."""
        return self.ttft_s + (output_tokens - 1) * self.tpot_s


def model_seconds(model: ModelShape, layer_seconds: Mapping[LayerKind, float], head_seconds: float) -> float:
    """Seconds of one step of the whole model.

    Args:
        model: says how many layers there are of each kind.
        layer_seconds: of one layer of each kind, at the step's batch and context.
        head_seconds: of the product with the vocabulary.

    Raises:
        UsageError: a kind of layer has no seconds.
    """
    if missing := [kind for kind in model.layer_counts if kind not in layer_seconds]:
        raise UsageError(f"{model.id}: no seconds are given for its layers of kind {' and '.join(missing)}")
    return sum(count * layer_seconds[kind] for kind, count in model.layer_counts.items()) + head_seconds


def speed(
    model: ModelShape,
    batch: int,
    prompt_tokens: int,
    prefill: Mapping[LayerKind, float],
    decode: Mapping[LayerKind, float],
    head_seconds: float,
) -> Speed:
    """Speed from the seconds of one layer of each kind in each phase.

    The head has as many rows in both phases, the last of each sequence, and takes as long in both.
    """
    ttft_s = model_seconds(model, prefill, head_seconds)
    return Speed(batch, prompt_tokens, ttft_s, model_seconds(model, decode, head_seconds))


def step_operations(model: ModelShape, phase: Phase, batch: int, context: int, format: str) -> float:
    """Operations of one step: every product, attention, sum and norm, the head included.

    Args:
        model: the sizes.
        phase: prefill runs `context` rows a sequence, decode one row against `context`.
        batch: sequences.
        context: tokens of each.
        format: of weights and results.
    """
    tokens = context if phase == "prefill" else 1
    return sum(n * op.operations for n, op in operators_of(model, phase, batch, tokens, context, format))


def step_bytes(model: ModelShape, phase: Phase, batch: int, context: int, format: str) -> float:
    """Bytes that no step can do without: weights that some row takes, read once, and the caches.

    The numerator of MBU. Of experts, those that the rows touch under uniform routing; of embeddings
    nothing, for a look-up reads a row of them. Arguments as of `step_operations`.
    """
    tokens = context if phase == "prefill" else 1
    layers = layers_of(model, phase, batch, tokens, context, format)
    weights = (model.head_parameters + model.norm_parameters) * element_bytes(passing_format(format))
    return weights + sum(n * (layer.read_weight_bytes + layer.cache_bytes) for n, layer in layers)


def mfu(operations: float, seconds: float, rate_tops: float) -> float:
    """Model utilisation of the rate: operations a second over `rate_tops` (10^12 operations a second).

    >>> mfu(148e12, 2.0, 148)
    0.5
    """
    return operations / seconds / (rate_tops * 1e12)


def mbu(bytes_: float, seconds: float, bandwidth_gb_s: float) -> float:
    """Model utilisation of the bandwidth: needed bytes a second over `bandwidth_gb_s` (10^9 bytes a second).

    >>> mbu(16e9, 0.01, 4000)
    0.4
    """
    return bytes_ / seconds / (bandwidth_gb_s * 1e9)


def arithmetic_intensity(operator: Operator) -> float:
    """Operations for each byte moved.

    >>> round(arithmetic_intensity(Matmul(1, 4096, 4096, "bf16")), 4)
    0.9995
    """
    return operator.operations / operator.bytes


def balance(rate_tops: float, bandwidth_gb_s: float) -> float:
    """Operations a part can do for each byte it moves: above it an operator is bound by the rate.

    >>> balance(148, 4000)
    37.0
    """
    return rate_tops * 1e12 / (bandwidth_gb_s * 1e9)


def product_turns_at(n: int, k: int, format: str, balance: float) -> float | None:
    """The rows m at which an m x n x k product turns from memory-bound to compute-bound; None if never.

    With e and r bytes an element of inputs and result, and I the balance:
    2mnk = I (e (mk + kn) + r mn), so m = I e kn / (2nk - I (ek + rn)).

    >>> product_turns_at(4096, 4096, "bf16", 128.0)
    136.53333333333333
    """
    e, r = element_bytes(format), result_bytes(format)
    left = 2 * n * k - balance * (e * k + r * n)
    return balance * e * k * n / left if left > 0 else None


@dataclass(frozen=True)
class Turn:
    """The smallest batch at which a part of decode is bound by the rate; None if no batch is."""

    part: str
    batch: int | None


def turns(
    model: ModelShape, context: int, format: str, rate_tops: float, bandwidth_gb_s: float
) -> list[Turn]:
    """Where decode turns from memory-bound to compute-bound, by operator and for the whole step.

    A batch is counted, not run: whether its caches fit is `capacity`'s question. An attention reads a
    cache for each sequence, so its intensity hardly moves with the batch: mostly it never turns.

    Args:
        model: the sizes.
        context: tokens in the cache of each sequence.
        format: of weights and caches.
        rate_tops: of the part in the format, 10^12 operations a second.
        bandwidth_gb_s: of its memory.

    Raises:
        UsageError: a context beyond the model's maximum; a rate or a bandwidth that is none.
    """
    if rate_tops <= 0 or bandwidth_gb_s <= 0:
        raise UsageError(f"rate {rate_tops} TOPS and bandwidth {bandwidth_gb_s} GB/s must be more than 0")
    bound = balance(rate_tops, bandwidth_gb_s)

    @cache
    def step(batch: int) -> list[tuple[int, Operator]]:
        return operators_of(model, "decode", batch, 1, context, format)

    @cache
    def parts(batch: int) -> dict[str, Operator]:
        layers = [op for _, op in step(batch) if isinstance(op, DecoderLayer)]
        named = {_label(p): p for layer in layers for p in layer.parts if p.name != "norm"}
        of_head = head(model, batch, format)
        return {name: p for name, p in named.items() if name} | {f"head {of_head.n} x {of_head.k}": of_head}

    def whole(batch: int) -> float:
        return sum(n * op.operations for n, op in step(batch)) / sum(n * op.bytes for n, op in step(batch))

    def of_part(name: str) -> Callable[[int], float]:
        return lambda batch: arithmetic_intensity(parts(batch)[name])

    found = [Turn(name, _first(of_part(name), bound)) for name in parts(1)]
    return [*found, Turn("whole step", _first(whole, bound))]


def _label(part: Operator) -> str:
    """A product by its sizes but for the rows, an attention as such; nothing for sums, which never turn."""
    if isinstance(part, Matmul):
        return f"product {part.n} x {part.k}"
    if isinstance(part, GroupedMatmul):
        return f"{part.groups} products {part.n} x {part.k}"
    return "attention" if part.name == "attention" else ""


def _first(intensity: Callable[[int], float], bound: float) -> int | None:
    """The smallest batch whose intensity, which never falls with the batch, is at or above the bound."""
    if intensity(_BATCH_MAX) < bound:
        return None
    low, high = 0, _BATCH_MAX
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if intensity(middle) >= bound else (middle, high)
    return high
