"""What a calibration on a few rows of a device leaves of the model's error: smoothed over the shapes around.

The ratio of measured to modelled time at a shape is taken to be that of the measured shapes near it: the value with the
least sum of absolute relative errors on them, weighted by their distance (a local median; kernel regression
after E. A. Nadaraya and G. S. Watson, 1964). How wide "near" is, in doublings of a size, is chosen by leaving each
measured row out once.
"""

from dataclasses import dataclass

import numpy as np

from greenzone.lab.devices.emulated.products import Array

_WIDTHS = (0.25, 0.4, 0.6, 0.8, 1.0, 1.6, 3.0, 8.0)  # in doublings of a size
_FARTHEST = 1e-3  # weight of a row at any distance: where there is nothing near, all rows speak


@dataclass(frozen=True)
class Residuals:
    """Measured shapes, and measured over modelled time at each."""

    features: Array
    ratios: Array
    width: float

    def at(self, features: Array) -> Array:
        """The factor on the modelled time at shapes, (rows, sizes) of logarithms to base 2."""
        return _local_median(_weights(features, self.features, self.width), self.ratios)


def smooth(features: Array, ratios: Array) -> Residuals:
    """The residuals of measured rows, with the width that predicts each row best from the others."""
    errors = {width: _left_out_error(features, ratios, width) for width in _WIDTHS}
    return Residuals(features, ratios, min(errors, key=lambda width: errors[width]))


def _left_out_error(features: Array, ratios: Array, width: float) -> float:
    weights = _weights(features, features, width)
    np.fill_diagonal(weights, 0.0)
    return float(np.abs(_local_median(weights, ratios) / ratios - 1).mean())


def _weights(wanted: Array, known: Array, width: float) -> Array:
    squares = ((wanted[:, None, :] - known[None, :, :]) ** 2).sum(axis=2)
    weights: Array = np.exp(-squares / (2 * width**2)) + _FARTHEST
    return weights


def _local_median(weights: Array, ratios: Array) -> Array:
    """For each row of weights, the value c with the least sum of weight x |c / ratio - 1|.

    That is the median of the ratios, each weighted by its weight over itself.
    """
    order = np.argsort(ratios)
    heaped = np.cumsum(weights[:, order] / ratios[order], axis=1)
    half = heaped[:, -1:] / 2
    above = (heaped < half).sum(axis=1).clip(max=len(ratios) - 1)
    found: Array = ratios[order][above]
    return found
