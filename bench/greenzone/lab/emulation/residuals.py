"""What a calibration on a few rows of a device leaves of the model's error: smoothed over the shapes around.

The model's logarithmic error at a shape is taken to be that of the measured shapes near it (kernel regression,
E. A. Nadaraya and G. S. Watson, 1964), drawn towards none where there are few. How wide "near" is, in
doublings of a size, is chosen by leaving each measured row out once.
"""

from dataclasses import dataclass

import numpy as np

from greenzone.lab.devices.emulated.products import Array

_WIDTHS = (0.35, 0.6, 1.0, 1.6, 3.0, 8.0)  # in doublings of a size
_DRAW = 0.3  # weight of no error at all, in rows at no distance


@dataclass(frozen=True)
class Residuals:
    """Measured shapes, and the logarithm of measured over modelled time at each."""

    features: Array
    logs: Array
    middle: float
    width: float

    def at(self, features: Array) -> Array:
        """The logarithmic error expected at shapes, (rows, sizes) of logarithms to base 2."""
        weights = _weights(features, self.features, self.width)
        smoothed: Array = self.middle + weights @ (self.logs - self.middle) / (weights.sum(axis=1) + _DRAW)
        return smoothed


def smooth(features: Array, logs: Array) -> Residuals:
    """The residuals of measured rows, with the width that predicts each row best from the others."""
    middle = float(np.median(logs))
    errors = {width: _left_out_error(features, logs - middle, width) for width in _WIDTHS}
    return Residuals(features, logs, middle, min(errors, key=lambda width: errors[width]))


def _left_out_error(features: Array, logs: Array, width: float) -> float:
    weights = _weights(features, features, width)
    np.fill_diagonal(weights, 0.0)
    predicted = weights @ logs / (weights.sum(axis=1) + _DRAW)
    return float(np.abs(predicted - logs).mean())


def _weights(wanted: Array, known: Array, width: float) -> Array:
    squares = ((wanted[:, None, :] - known[None, :, :]) ** 2).sum(axis=2)
    weights: Array = np.exp(-squares / (2 * width**2))
    return weights
