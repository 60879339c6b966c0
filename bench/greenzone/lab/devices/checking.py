"""Whether an output is right: poisoned before, compared with float64 after, every element written.

A long product is compared at a sample of its rows and columns, drawn by the seed, so that the check
costs little beside the product; that every element was written is tested on all of them.
"""

import math
from functools import reduce

import torch
from torch import Tensor

from greenzone.lab.results import Check

_SAMPLED = 64  # rows, and columns, of a product that are compared
_SAMPLED_ELEMENTS = 65536
_CHUNK = 2**24  # elements looked at together, which bounds the memory a check takes
_PART = 2**22  # and of those that are widened to float64


def poison(out: Tensor) -> None:
    """Fill an output with what no kernel writes: NaN, or the lowest integer.

    No int32 sum of fewer than 2^31 / 127^2 products of int8 reaches the lowest integer.
    """
    out.fill_(float("nan") if out.is_floating_point() else torch.iinfo(out.dtype).min)


def all_written(out: Tensor) -> bool:
    """Whether no poison is left, and nothing infinite came in."""
    flat = out.detach().reshape(-1)
    return all(bool(_written(part).all()) for part in torch.split(flat, _CHUNK))


def _written(part: Tensor) -> Tensor:
    return torch.isfinite(part) if part.is_floating_point() else part != torch.iinfo(part.dtype).min


def compare(out: Tensor, reference: Tensor, whole: Tensor, tolerance: float, method: str) -> Check:
    """The relative error of `out`, part of `whole`, in the Frobenius norm.

    Args:
        out: the elements compared, in any type, on any device.
        reference: what they should be, in float64.
        whole: all that the kernel had to write.
        tolerance: the error that is still right.
        method: how the reference was made, for the record.
    """
    wide = torch.nan_to_num(out.detach().to("cpu", torch.float64), nan=0.0, posinf=0.0, neginf=0.0)
    scale = float(torch.linalg.vector_norm(reference)) or 1.0
    error = float(torch.linalg.vector_norm(wide - reference)) / scale
    return _checked(whole, error, tolerance, method)


def _checked(whole: Tensor, error: float, tolerance: float, method: str) -> Check:
    if all_written(whole):
        return Check(error, tolerance, method)
    return Check(max(error, 1.0), tolerance, f"{method}; an element was not written or is no number")


def check_product(a: Tensor, b: Tensor, out: Tensor, tolerance: float, seed: int) -> Check:
    """The product `out` of `a` and `b` (both 2-D, as multiplied) at sampled rows and columns."""
    chooser = torch.Generator().manual_seed(seed)
    rows = torch.randperm(out.shape[0], generator=chooser)[:_SAMPLED].to(out.device)
    columns = torch.randperm(out.shape[1], generator=chooser)[:_SAMPLED].to(out.device)
    reference = _double(_take(a, rows)) @ _double(_take(b.t(), columns)).t()
    method = f"float64 at {len(rows)} x {len(columns)} of {out.shape[0]} x {out.shape[1]} elements"
    return compare(out[rows][:, columns], reference, out, tolerance, method)


def _take(matrix: Tensor, rows: Tensor) -> Tensor:
    # 8-bit floats cannot be indexed on every backend; their bytes can
    if matrix.element_size() == 1 and matrix.is_floating_point():
        return matrix.view(torch.uint8)[rows].view(matrix.dtype)
    return matrix[rows]


def _double(values: Tensor) -> Tensor:
    return values.to("cpu").to(torch.float64)


def check_elements(
    out: Tensor, inputs: list[Tensor], scalars: list[float], tolerance: float, seed: int
) -> Check:
    """An element-wise sum of `inputs` times `scalars`, at sampled places."""
    chooser = torch.Generator().manual_seed(seed)
    places = torch.randint(out.numel(), (min(out.numel(), _SAMPLED_ELEMENTS),), generator=chooser)
    places = places.to(out.device)
    parts = [s * _double(x[places]) for x, s in zip(inputs, scalars, strict=True)]
    method = f"float64 at {len(places)} of {out.numel()} elements"
    return compare(out[places], torch.stack(parts).sum(0), out, tolerance, method)


def compare_parts(out: Tensor, inputs: list[Tensor], scalars: list[float], tolerance: float, method: str) -> Check:
    """Every element of a sum of `inputs` times `scalars`, a part of the arrays at a time.

    For what is updated in place, where no poison can tell which elements were written.
    """
    wrong, whole = 0.0, 0.0
    for values, *parts in zip(*(torch.split(x, _PART) for x in (out, *inputs)), strict=True):
        terms = [s * x.to(torch.float64) for s, x in zip(scalars, parts, strict=True)]
        reference = reduce(torch.add, terms)
        wide = torch.nan_to_num(values.to(torch.float64), nan=0.0, posinf=0.0, neginf=0.0)
        wrong += float((wide - reference).square().sum())
        whole += float(reference.square().sum())
    return _checked(out, math.sqrt(wrong / (whole or 1.0)), tolerance, method)


def check_sum(out: Tensor, factors: list[Tensor], tolerance: float) -> Check:
    """The sum of the products of `factors`; the error is a share of the sum of their magnitudes.

    A sum of random values of both signs is close to zero, and a share of it would say nothing (N. J.
    Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 4.2). An `out` of several
    elements holds the same sum several times: the worst counts.
    """
    total, magnitude = 0.0, 0.0
    for parts in zip(*(torch.split(x, _PART) for x in factors), strict=True):
        terms = reduce(torch.mul, [x.to(torch.float64) for x in parts])
        total += float(terms.sum())
        magnitude += float(terms.abs().sum())
    wide = torch.nan_to_num(_double(out), nan=0.0, posinf=0.0, neginf=0.0)
    worst = float((wide - total).abs().max())
    return _checked(out, worst / (magnitude or 1.0), tolerance, "float64 sum, beside the sum of magnitudes")
