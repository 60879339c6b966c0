"""The clock under load: as high as the board's power limit lets the units go, and how it gets there.

Power is that of the board, of the memory's traffic and of the operations, whose energy goes with the square
of the voltage; the voltage rises with the clock (A. P. Chandrakasan et al., Low-power CMOS digital design, IEEE
JSSC 27(4), 1992):

    power(f) = fixed + traffic / seconds(f) x J a byte + operations / seconds(f) x J an operation x v(f)^2
    v(f) = floor + (1 - floor) f,   f the share of the rated clock

The steady clock is the highest at which this keeps the limit. From a cold start the clock is the rated one,
and it settles as 1 / (1 + time under load / settling time) says.
"""

import numpy as np

from greenzone.lab.devices.emulated.part import Part
from greenzone.lab.devices.emulated.products import Array, Work

_LOWEST = 0.15  # of the rated clock: boards do not go lower under load
_STEPS = 16  # bisections: to 0.002 % of the clock


def power_w(part: Part, work: Work, clock: Array | float, energy_scale: float = 1.0) -> Array:
    """Board power at a share of the rated clock, in watts, whether or not the limit allows it.

    Args:
        part: whose constants.
        work: the calls.
        clock: share of the rated clock.
        energy_scale: energy of an operation of the format and data, beside that of fp32 on normal data.
    """
    fitted, seconds = part.fitted, work.seconds(clock)
    voltage = fitted.voltage_floor + (1 - fitted.voltage_floor) * clock
    memory = part.dram_j_per_byte * work.traffic_bytes
    units = part.energy_j_per_op * energy_scale * work.operations * voltage**2
    power: Array = fitted.fixed_w + (memory + units) / seconds
    return power


def steady_clock(part: Part, work: Work, energy_scale: float = 1.0) -> Array:
    """The share of the rated clock at which each call goes on for ever; 1 where no limit is known."""
    low, high = np.full(work.operations.shape, _LOWEST), np.ones(work.operations.shape)
    if part.power_limit_w is None or np.all(power_w(part, work, 1.0, energy_scale) <= part.power_limit_w):
        return high
    within = power_w(part, work, 1.0, energy_scale) <= part.power_limit_w
    for _ in range(_STEPS):
        middle = (low + high) / 2
        keeps = power_w(part, work, middle, energy_scale) <= part.power_limit_w
        low, high = np.where(keeps, middle, low), np.where(keeps, high, middle)
    return np.where(within, 1.0, low)


def clock_and_energy(
    part: Part, seconds: float, traffic_bytes: float, operations: float, energy_scale: float,
    at_least: float, seen: float | None,
) -> tuple[float, float]:  # fmt: skip
    """The clock that goes with a time that was measured, and the energy of an operation that keeps the limit at it.

    Args:
        part: whose constants and limit.
        seconds: that the call took, whatever its clock.
        traffic_bytes: of the call.
        operations: of the call.
        energy_scale: what an operation is thought to take beside fp32 on normal data; it takes less where
            the part was seen to run faster than this allows.
        at_least: the share of the rated clock below which the units could not have done it.
        seen: the share that was read off, if it was.

    Returns:
        The share of the rated clock, and the energy scale.
    """
    if part.power_limit_w is None:
        return min(1.0, seen or 1.0), energy_scale
    fitted = part.fitted
    left = (part.power_limit_w - fitted.fixed_w) * seconds - part.dram_j_per_byte * traffic_bytes
    whole = part.energy_j_per_op * energy_scale * operations
    voltage = (max(left, 0.0) / whole) ** 0.5
    limited = (voltage - fitted.voltage_floor) / (1 - fitted.voltage_floor)
    clock = min(1.0, seen or max(limited, at_least))
    needed = whole * (fitted.voltage_floor + (1 - fitted.voltage_floor) * clock) ** 2
    # a clock that was read off below the rated one was the limit's doing, so it tells the energy both ways
    share = left / needed if seen and seen < 1 else min(1.0, left / needed)
    return clock, energy_scale * max(0.05, share)


def clock_after(steady: Array | float, load_seconds: Array | float, settle_seconds: float) -> Array | float:
    """The share of the rated clock after so long under load, from a cold start.

    >>> clock_after(0.5, 0.0, 0.01), clock_after(0.5, 0.01, 0.01)
    (1.0, 0.75)
    """
    return steady + (1 - steady) / (1 + load_seconds / settle_seconds)
