"""The constants of the time model, fitted to measured kernel times by robust least squares.

Residuals are logarithms of modelled over measured time, in Huber's sense beyond 10 per cent (scipy's soft_l1). A few
devices cannot tell every constant: each has a value that is plausible by itself and a spread around
it, counted as further residuals (a Bayesian prior), so that a device left out does not run off with the fit.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from greenzone.lab.devices.emulated.constants import Fitted, TimeTable
from greenzone.lab.devices.emulated.products import Array
from greenzone.lab.emulation.kernel_times import (
    Measured,
    demanded,
    fp32_operations_per_s,
    memory_class,
    modelled_seconds,
    validated_part,
)
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile

# Plausible value and spread, the spread as a share of it. Efficiency of a well-blocked product 0.9 (V100
# and P100 reach 0.93 to 0.97, A100 0.86); fixed power of a 70 W board about half; 12 to 20 pJ an operation
# and bit of GDDR6 make the energies; the others are estimates.
PRIORS: dict[str, tuple[float, float]] = {
    "efficiency": (0.90, 0.03), "tile_cost": (6.0, 0.3), "wave_share": (0.70, 0.2), "walk_ns": (8.0, 0.25),
    "energy_pj": (10.0, 0.15), "fixed_w": (32.0, 0.15), "dram_pj_per_byte": (120.0, 0.3),
    "product_call_us": (30.0, 0.5), "call_settle_ms": (1.0, 0.7),
}  # fmt: skip
_PRIOR_WEIGHT = 0.02
_ROWS_EACH = 200  # of a device and family: more change the constants by less than their spread
_SOFT = 0.1
_ROUNDS = 15
PRODUCTS = ("linear", "bmm")


def fitted_table(groups: Sequence[Measured], table: TimeTable, seed: int = 0) -> TimeTable:
    """The table with the constants that these rows say, and no constants by architecture."""
    plain = replace(table, architectures=tuple(replace(a, efficiency=None) for a in table.architectures))
    plain = replace(plain, bandwidth=_bandwidth(groups, plain))
    plain = replace(plain, fitted=replace(plain.fitted, row_call_us=_row_call_us(groups, plain)))
    return replace(plain, fitted=_fitted(sampled(groups, _ROWS_EACH, seed), plain))


def own_table(groups: Sequence[Measured], table: TimeTable) -> TimeTable:
    """The table fitted again to rows of one device, from what the table has for it."""
    memory = replace(table, bandwidth=_bandwidth(groups, table))
    if not any(rows.family in PRODUCTS for rows in groups):
        return memory
    plain = tuple(replace(a, efficiency=None) for a in memory.architectures)
    return replace(memory, fitted=_fitted(groups, replace(memory, architectures=plain)))


def sampled(groups: Sequence[Measured], count: int, seed: int) -> list[Measured]:
    """At most so many rows of each group, drawn with the seed."""
    generator = np.random.default_rng(seed)
    sizes = [len(rows.seconds) for rows in groups]
    return [
        rows.pick(np.sort(generator.choice(size, min(count, size), replace=False)))
        for rows, size in zip(groups, sizes, strict=True)
    ]


def _fitted(groups: Sequence[Measured], table: TimeTable) -> Fitted:
    from scipy.optimize import least_squares

    used = [rows for rows in groups if rows.family in PRODUCTS]
    names = list(PRIORS)
    middle = np.array([PRIORS[name][0] for name in names])
    spread = np.array([PRIORS[name][1] for name in names])

    def residuals(logs: Array) -> Array:
        trial = replace(table, fitted=_with(table.fitted, names, middle * np.exp(logs)))
        parts = [_residuals(rows, trial) for rows in used]
        weight = _PRIOR_WEIGHT * sum(len(p) for p in parts) ** 0.5
        whole: Array = np.concatenate([*parts, weight * logs / spread])
        return whole

    bound = np.minimum(3 * spread, np.log(0.99 / np.where(middle < 1, middle, 1e-9)).clip(1e-3))
    # shifted by 1, for scipy steps by a share of each value and none of these is near 0 then
    found = least_squares(
        lambda shifted: residuals(shifted - 1), np.ones(len(names)), bounds=(1 - 3 * spread, 1 + bound),
        loss="soft_l1", f_scale=_SOFT, max_nfev=_ROUNDS, diff_step=5e-3,
    )  # fmt: skip
    return _with(table.fitted, names, middle * np.exp(found.x - 1))


def _with(fitted: Fitted, names: Sequence[str], values: Array) -> Fitted:
    return replace(fitted, **{name: float(value) for name, value in zip(names, values, strict=True)})


@cache
def _profile(device: str) -> DeviceProfile:
    """The profile of a device's name, looked for once, not at each of a fit's thousand steps."""
    return load_profile(device)


def _residuals(rows: Measured, table: TimeTable) -> Array:
    profile = _profile(rows.device)
    part = validated_part(profile, table)
    weight = (_ROWS_EACH / len(rows.seconds)) ** 0.5
    logs: Array = np.log(modelled_seconds(part, rows, fp32_operations_per_s(profile)) / rows.seconds)
    weighted: Array = weight * logs
    return weighted


def _bandwidth(groups: Sequence[Measured], table: TimeTable) -> dict[str, float]:
    """The mean share of the claimed bandwidth that long element-wise calls reach, by kind of memory."""
    shares: dict[str, list[float]] = {}
    for rows in (r for r in groups if r.family == "elem"):
        profile = load_profile(rows.device)
        shares.setdefault(memory_class(profile), []).append(stream_share(rows, table))
    return {**table.bandwidth, **{kind: float(np.mean(found)) for kind, found in shares.items()}}


def stream_share(rows: Measured, table: TimeTable) -> float:
    """The share of the claimed bandwidth that element-wise rows reach beyond what a call takes by itself."""
    part = replace(validated_part(load_profile(rows.device), table), bandwidth_share=1.0)
    ideal = demanded(part, rows, 1.0).seconds()
    net = np.maximum(rows.seconds - table.fitted.row_call_us * 1e-6, 0.1 * rows.seconds)
    return float(np.clip(np.median(ideal / net), 0.05, 1.0))


def _row_call_us(groups: Sequence[Measured], table: TimeTable) -> float:
    """What a call takes besides its traffic: the intercept of time over traffic, the median over devices."""
    found = []
    for rows in (r for r in groups if r.family == "elem"):
        part = validated_part(load_profile(rows.device), table)
        ideal = demanded(part, rows, 1.0).seconds()
        small = ideal <= np.quantile(ideal, 0.5)
        found.append(float(np.polyfit(ideal[small], rows.seconds[small], 1)[1]) * 1e6)
    return float(np.clip(np.median(found), 2.0, 60.0)) if found else table.fitted.row_call_us
