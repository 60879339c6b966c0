"""The time model's error on measured kernel times, by device, family of operators and length.

Held out: the constants are fitted to the other devices, and the held-out one is known by its datasheet
alone. Calibrated: they are fitted again to a share of the device's own rows, what is left is smoothed over the
shapes around (`residuals`), and the error is that of the rows that were not looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from greenzone.errors import UsageError
from greenzone.lab.devices.emulated.constants import TimeTable, time_table
from greenzone.lab.devices.emulated.products import Array
from greenzone.lab.emulation.fitting import PRODUCTS, fitted_table, own_table
from greenzone.lab.emulation.kernel_times import Measured, fp32_operations_per_s, modelled_seconds, validated_part
from greenzone.lab.emulation.residuals import smooth
from greenzone.parts.catalogue import load_profile
from greenzone.parts.profile import DeviceProfile

SHORT_S, LONG_S = 1e-3, 10e-3
_FEWEST = 8  # rows of a family that a calibration is worth anything with


@dataclass(frozen=True)
class Score:
    """The error on the rows of one device and family: mean absolute share, and the median of modelled over measured."""

    device: str
    profile: str
    family: str
    rows: int
    error: float
    ratio: float
    by_length: dict[str, float]

    def to_json(self) -> dict[str, object]:
        """The score as plain values."""
        return {
            "device": self.device, "profile": self.profile, "family": self.family, "rows": self.rows,
            "error": self.error, "ratio": self.ratio, "by_length": self.by_length,
        }  # fmt: skip


def validate(
    groups: Sequence[Measured], held_out: bool = True, calibrated: float | None = None, seed: int = 0
) -> list[Score]:
    """The error on every device and family.

    Args:
        groups: measured rows.
        held_out: whether each device is modelled by constants fitted to the others; else those that ship.
        calibrated: the share of each device's rows that a calibration may look at; None calibrates nothing.
        seed: what draws them.

    Raises:
        UsageError: no profile of a device, one too thin, a single device to hold out, or a share that is none.
    """
    if calibrated is not None and not 0 < calibrated < 1:
        raise UsageError(f"a calibration on {calibrated:g} of the rows leaves none to look at; give a share like 0.1")
    devices = list(dict.fromkeys(rows.device for rows in groups))
    for device in devices:
        validated_part(load_profile(device))
    scores = []
    for device in devices:
        own, others = ([r for r in groups if (r.device == device) is same] for same in (True, False))
        table = _table(device, others, held_out and calibrated is None)
        scores += _calibrated(own, table, calibrated, seed) if calibrated else _scores(own, table)
    return scores


def _table(device: str, others: Sequence[Measured], held_out: bool) -> TimeTable:
    """The constants for a device; those that ship already stand for other devices where they never saw this one."""
    seen = {name for error in time_table().errors for name in error.devices}
    if not held_out or load_profile(device).id not in seen:
        return time_table()
    if not any(rows.family in PRODUCTS for rows in others):
        raise UsageError(
            "holding out a device that the constants were fitted to needs products of another one; "
            "give rows of several, or --held-out none"
        )
    return fitted_table(others, time_table())


def _scores(own: Sequence[Measured], table: TimeTable) -> list[Score]:
    return [_score(rows, _seconds(rows, table)) for rows in own]


def _calibrated(own: Sequence[Measured], table: TimeTable, share: float, seed: int) -> list[Score]:
    generator = np.random.default_rng(seed)
    looked, left = [], []
    for rows in own:
        size = len(rows.seconds)
        chosen = np.zeros(size, bool)
        chosen[generator.choice(size, max(1, round(share * size)), replace=False)] = True
        looked.append(rows.pick(chosen))
        left.append(rows.pick(~chosen))
    fitted = own_table(looked, table)
    return [_score(rest, _corrected(rest, known, fitted)) for rest, known in zip(left, looked, strict=True)]


def _corrected(rest: Measured, known: Measured, table: TimeTable) -> Array:
    """Modelled seconds, with the error of the known rows around each taken off."""
    modelled = _seconds(rest, table)
    if len(known.seconds) < min(_FEWEST, 2):
        return modelled
    residuals = smooth(known.features, known.seconds / _seconds(known, table))
    corrected: Array = modelled * residuals.at(rest.features)
    return corrected


def _seconds(rows: Measured, table: TimeTable) -> Array:
    profile = load_profile(rows.device)
    return modelled_seconds(validated_part(profile, table), rows, fp32_operations_per_s(profile))


def _score(rows: Measured, modelled: Array) -> Score:
    ratio = modelled / rows.seconds
    error = np.abs(ratio - 1)
    bins = {
        "short": rows.seconds < SHORT_S, "medium": (rows.seconds >= SHORT_S) & (rows.seconds < LONG_S),
        "long": rows.seconds >= LONG_S,
    }  # fmt: skip
    by_length = {name: float(error[mask].mean()) for name, mask in bins.items() if mask.any()}
    return Score(
        rows.device, load_profile(rows.device).id, rows.family, len(error), float(error.mean()),
        float(np.median(ratio)), by_length,
    )  # fmt: skip


def by_family(scores: Sequence[Score]) -> dict[str, float]:
    """The mean error of each family over its rows."""
    families = dict.fromkeys(score.family for score in scores)
    return {
        family: sum(s.error * s.rows for s in scores if s.family == family)
        / sum(s.rows for s in scores if s.family == family)
        for family in families
    }


def model_error(name: str, profile: DeviceProfile) -> tuple[float, str]:
    """The validated error of the time model for an operator, as a share, and what it rests on in one sentence.

    Args:
        name: an operator's name.
        profile: of the part.
    """
    family = _family(name)
    known = next((e for e in time_table().errors if e.family == family), None)
    if known is None:
        return 0.3, "not validated: first-order models of this kind are said to be 15 to 30 % off (MLSys.im)"
    if profile.id in known.devices:
        return known.devices[profile.id], f"mean error on measured {family} rows of this part (NeuSight)"
    return known.unseen, f"mean error on {family} rows of parts left out of the fit (NeuSight, fp32)"


def _family(name: str) -> str:
    """The family whose error stands for an operator's: decode is bound by reading, as element-wise operators are."""
    if name.startswith("memory.") or name == "inference.decode":
        return "elem"
    return _FAMILY.get(name, "linear")


_FAMILY = {
    "matmul": "linear", "batched_matmul": "bmm", "attention": "bmm", "elementwise": "elem", "norm": "ln",
    "layer_norm": "ln", "softmax": "softmax",
}  # fmt: skip
