"""The network of a layer in torch: a dense MLP, or experts with the routing drawn beforehand.

A trained router chooses by its scores. Here each token's experts are drawn at random, uniformly as
the operator counts them; a choice by scores would differ between a format and its reference. The
router's product runs all the same, and its scores weigh the experts that were drawn.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from greenzone.lab.devices.weights import Draw, Linear
from greenzone.lab.shapes import Experts, Mlp


class MlpBlock:
    """Products up, a gate, a product down."""

    def __init__(self, draw: Draw, rows: int, hidden: int, mlp: Mlp, bias: bool = False) -> None:
        self._ups = [draw.linear(rows, mlp.intermediate, hidden, bias) for _ in range(mlp.ups)]
        self._down = draw.linear(rows, hidden, mlp.intermediate, bias)

    def __call__(self, rows: Tensor, taken: Tensor | None = None, exact: bool = False) -> Tensor:
        """The network's output; `taken`, the indices of the rows, is for networks that route."""
        return self._down(_gate([up(rows, exact) for up in self._ups]), exact)


class ExpertsBlock:
    """A router, experts each with the rows that take them, and shared experts that all rows take."""

    def __init__(self, draw: Draw, rows: int, hidden: int, experts: Experts) -> None:
        inner, count = experts.intermediate, experts.count
        self._router = Linear(draw.plain(count, hidden), draw.buffer(rows, count))
        # one at a time: they are drawn in float32, which for all at once would not fit beside them
        self._gates = [draw.weight(inner, hidden) for _ in range(count)]
        self._ups = [draw.weight(inner, hidden) for _ in range(count)]
        self._downs = [draw.weight(hidden, inner) for _ in range(count)]
        self._shared = (
            MlpBlock(draw, rows, hidden, Mlp(experts.shared * inner)) if experts.shared else None
        )
        scores = torch.rand((rows, count), generator=draw.generator, device=draw.generator.device)
        self._chosen = scores.topk(experts.active).indices  # (rows, active)
        self._dealt = _dealt(self._chosen, count)

    def __call__(self, rows: Tensor, taken: Tensor | None = None, exact: bool = False) -> Tensor:
        """The network's output; `taken` are the indices of the rows among those of the layer, None for all."""
        scores = self._router(rows, exact).softmax(-1)
        out = self._written_out(rows, scores, taken) if exact else self._by_expert(rows, scores)
        return out if self._shared is None else out + self._shared(rows, None, exact)

    def _by_expert(self, rows: Tensor, scores: Tensor) -> Tensor:
        """Each expert once, with all its rows."""
        out = torch.zeros_like(rows)
        for expert, index in self._dealt:
            given = rows[index]
            gated = _gate([self._gates[expert].multiply(given), self._ups[expert].multiply(given)])
            out.index_add_(0, index, self._downs[expert].multiply(gated) * scores[index, expert].unsqueeze(1))
        return out

    def _written_out(self, rows: Tensor, scores: Tensor, taken: Tensor | None) -> Tensor:
        """Every expert on all rows, times a weight that is nought where it is not taken: no dealing at all."""
        chosen = self._chosen.cpu()
        mine = chosen if taken is None else chosen[taken]
        weights = scores * torch.zeros_like(scores).scatter(1, mine, 1.0)
        out = torch.zeros_like(rows)
        for expert in sorted(set(mine.flatten().tolist())):
            gated = _gate([rows @ self._gates[expert].wide().t(), rows @ self._ups[expert].wide().t()])
            out += (gated @ self._downs[expert].wide().t()) * weights[:, expert : expert + 1]
        return out


def _dealt(chosen: Tensor, count: int) -> list[tuple[int, Tensor]]:
    """The experts that some row takes, with the indices of those rows; worked out before anything is timed."""
    found = [(expert, (chosen == expert).any(dim=1).nonzero().flatten()) for expert in range(count)]
    return [(expert, index) for expert, index in found if len(index)]


def _gate(ups: list[Tensor]) -> Tensor:
    return F.silu(ups[0]) * ups[1] if len(ups) == 2 else F.gelu(ups[0], approximate="tanh")
