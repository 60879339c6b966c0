"""How long element-wise operators, softmax and layer normalisation take: memory, and what is read twice.

    seconds = traffic / bandwidth of a long stream

PyTorch's layer normalisation reads a row for its moments and again to scale it, and its softmax a row of more
than 1,024 elements three times (aten/src/ATen/native/cuda: layer_norm_kernel.cu, SoftMax.cu, of version 2.1); the later
reads come from a cache as long as the rows that all units work on at once fit one. Rows are arrays, as in
`products`.
"""

import numpy as np

from greenzone.lab.devices.emulated.part import Part
from greenzone.lab.devices.emulated.products import Array, Work

_BLOCK_THREADS = 128  # of one row of a layer normalisation
_WARP_ROW = 1024  # a softmax of rows up to this keeps them in registers, padded to a power of two
_BLOCK_MAX = 512  # threads that the softmax of a longer row has at most, each with four elements at a time
_IDLE_COST = 0.2  # share of the idle lanes of a block's last turn that is seen in its time: fitted
# From where on a set is no longer held, and from where on none of it, as shares of a cache: fitted to the
# rows of the five devices, a straight line between.
_L2_HELD, _L2_LOST = 0.35, 0.65
_L1_HELD, _L1_LOST = 0.65, 1.1


def stream_work(part: Part, traffic_bytes: Array, operations: Array) -> Work:
    """What element-wise calls demand: each input read once, the output written once."""
    return Work(np.zeros_like(traffic_bytes), traffic_bytes / part.stream_b_s, traffic_bytes, operations)


def norm_work(part: Part, rows: Array, width: Array, element_bytes: float) -> Work:
    """What layer normalisations of (rows, width) arrays demand."""
    size = rows * width * element_bytes
    at_once = np.minimum(rows, part.units * max(1.0, part.architecture.threads / _BLOCK_THREADS))
    again = _lost(at_once * width * element_bytes / part.l2_bytes, _L2_HELD, _L2_LOST)
    return stream_work(part, size * (2 + again), 8 * rows * width)


def softmax_work(part: Part, rows: Array, width: Array, element_bytes: float) -> Work:
    """What softmaxes along the rows of (rows, width) arrays demand."""
    size = rows * width * element_bytes
    padded = 2.0 ** np.ceil(np.log2(width))
    block = np.clip(2.0 ** np.ceil(np.log2(np.maximum(width, 8.0) / 8)), 32, _BLOCK_MAX)
    turns = width / (4 * block)
    short = width <= _WARP_ROW
    idle = np.where(short, padded / width, np.ceil(turns) / turns) - 1
    on_unit = np.maximum(1.0, part.architecture.threads / block) * width * element_bytes
    lost_1 = _lost(on_unit / max(1.0, part.architecture.l1_kib * 1024), _L1_HELD, _L1_LOST)
    lost_2 = _lost(on_unit * part.units / part.l2_bytes, _L2_HELD, _L2_LOST)
    again = np.where(short, 0.0, 2 * np.minimum(lost_1, lost_2))
    return stream_work(part, size * (2 + again) * (1 + _IDLE_COST * idle), 5 * rows * width)


def _lost(share: Array, held: float, lost: float) -> Array:
    """The share of a set that a cache no longer holds."""
    gone: Array = np.clip((share - held) / (lost - held), 0.0, 1.0)
    return gone
