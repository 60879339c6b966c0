"""Measured kernel times from CSV, and the time model's own figure for each row.

The columns are those of the NeuSight collection: family, op, device, latency_ms, b, m, n, k, h, kernel. Of a
product (b, m, n, k) its rows show that `n` is the dimension that is summed and `k` the result's columns: a
(b, m, n) by (b, n, k) product. Read the other way, the tiles that the kernel's name tells do not fit its times
(an A100's mean error with one tile known is 8 per cent one way and 2.6 the other).
"""

import csv
import io
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from greenzone.datafiles import read_bytes
from greenzone.errors import FileError, UsageError, nearest, unknown
from greenzone.lab.devices.emulated.clocks import clock_after, steady_clock
from greenzone.lab.devices.emulated.constants import TimeTable, time_table
from greenzone.lab.devices.emulated.part import Part, part_of, require_facts
from greenzone.lab.devices.emulated.products import Array, Work, product_work, products
from greenzone.lab.devices.emulated.rows import norm_work, softmax_work, stream_work
from greenzone.parts.profile import DeviceProfile

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("family", "op", "device", "latency_ms", "b", "m", "n", "k", "h")
FAMILIES = ("linear", "bmm", "elem", "ln", "softmax")
_SIZES = {"linear": ("b", "m", "n", "k"), "bmm": ("b", "m", "n", "k")}
_ONE_INPUT = ("addu", "divu", "mulu", "powu", "gelu", "relu", "tanh")
_TWO_INPUTS = ("add", "div", "mul", "pow")
OPERATORS = ("linear", "bmm", "ln", "softmax", *_TWO_INPUTS, *_ONE_INPUT)
_NUMBERS = ("latency_ms", "b", "m", "n", "k", "h")
_MOST_BYTES = 64 << 20  # the whole collection has 2 MB
_MOST_COLUMNS = 100  # nine are read; what a benchmark adds of its own is passed by
_MOST_SIZE = 1e9  # of a dimension: four of them stay far from where floats end
_BYTES = 4.0  # the collection is fp32 throughout


@dataclass(frozen=True)
class Measured:
    """Rows of one device and one family: arrays of one length."""

    device: str
    family: str
    seconds: Array
    batch: Array
    m: Array
    n: Array
    k: Array
    width: Array
    inputs: Array
    places: Array

    def pick(self, chosen: Array) -> "Measured":
        """The rows of a mask or of places."""
        arrays = ("seconds", "batch", "m", "n", "k", "width", "inputs", "places")
        return replace(self, **{name: getattr(self, name)[chosen] for name in arrays})

    @property
    def features(self) -> Array:
        """(rows, sizes) logarithms of the sizes: where a row stands among the others of its family."""
        if self.family in _SIZES:
            return np.log2(np.column_stack([self.batch, self.m, self.n, self.k]))
        return np.log2(np.column_stack([self.batch, self.width, self.inputs]))


def read_times(path: Path) -> "list[Measured]":
    """The rows of a CSV, by device and family.

    Raises:
        FileError: it cannot be read as CSV.
        UsageError: a column, operator or size that is none, and where.
    """
    import pandas as pd

    head, *rows = _lines(read_bytes(path, _MOST_BYTES), path)
    return grouped(_checked(pd.DataFrame(rows, columns=head, dtype=str), str(path)))


def _lines(content: bytes, path: Path) -> list[list[str]]:
    """The header and the rows, all of one length; blank lines are passed by."""
    allowed = f"give a file with columns {', '.join(COLUMNS)}"
    try:
        found = [line for line in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if line]
    except (csv.Error, UnicodeDecodeError) as error:
        raise FileError(f"{path}: cannot be read as CSV ({error!s:.200}); {allowed}") from None
    if not found:
        raise FileError(f"{path}: cannot be read as CSV (it is empty); {allowed}")
    if double := [name for name in COLUMNS if found[0].count(name) > 1]:
        raise FileError(f"{path}: the column {double[0]!r} stands twice in line 1; leave one")
    if len(found[0]) > _MOST_COLUMNS:
        raise FileError(f"{path}: {len(found[0]):,} columns, and at most {_MOST_COLUMNS} are looked through; {allowed}")
    for number, line in enumerate(found, 1):
        if len(line) != len(found[0]):
            raise FileError(f"{path}, row {number}: {len(line):,} fields, and line 1 has {len(found[0]):,}; {allowed}")
    return found


def grouped(frame: "pd.DataFrame") -> "list[Measured]":
    """The rows of a checked frame, by device and family."""
    return [_measured(str(d), str(f), rows) for (d, f), rows in frame.groupby(["device", "family"], sort=False)]


def _measured(device: str, family: str, rows: "pd.DataFrame") -> Measured:
    sizes = {name: rows[name].fillna(1).to_numpy(float) for name in ("b", "m", "n", "k", "h")}
    return Measured(
        device, family, rows["latency_ms"].to_numpy(float) * 1e-3, sizes["b"], sizes["m"], sizes["n"], sizes["k"],
        sizes["h"], 1.0 + rows["op"].isin(_TWO_INPUTS).to_numpy(float), rows.index.to_numpy(float),
    )  # fmt: skip


def _checked(frame: "pd.DataFrame", where: str) -> "pd.DataFrame":
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        near = {name: nearest(name, frame.columns, 1) for name in missing}
        hints = ", ".join(f"{name} (nearest: {', '.join(near[name]) or 'none'})" for name in missing)
        raise UsageError(f"{where}: the column {hints} is not there; times are in milliseconds, in a column latency_ms")
    if frame.empty:
        raise UsageError(f"{where}: has no rows; give measured kernel times")
    for name, known in (("family", FAMILIES), ("op", OPERATORS)):
        strange = frame[~frame[name].isin(known)]
        if len(strange):
            row = strange.index[0]
            raise UsageError(f"{where}, row {row + 2}: " + str(unknown(name, str(frame.loc[row, name]), known)))
    return _with_sizes(frame, where)


def _with_sizes(frame: "pd.DataFrame", where: str) -> "pd.DataFrame":
    """The frame with numbers for texts; what a family does not need may be missing."""
    import pandas as pd

    numbers = {name: pd.to_numeric(frame[name], errors="coerce").astype(float) for name in _NUMBERS}
    found = frame.assign(**numbers)
    for family, rows in found.groupby("family", sort=False):
        for name in ("latency_ms", *_SIZES.get(str(family), ("b", "h"))):
            values = rows[name].to_numpy(float)
            wrong = ~((values > 0) & (values <= _MOST_SIZE))
            if wrong.any():
                row = rows.index[wrong][0]
                needed = f"a {family} row needs a number above zero there, at most {_MOST_SIZE:g}"
                raise UsageError(f"{where}, row {row + 2}: {name} is {frame.loc[row, name] or 'empty':.60}; {needed}")
    return found


def validated_part(profile: DeviceProfile, table: TimeTable | None = None) -> Part:
    """The part by its datasheet facts alone, as for one that was never measured.

    Of a package that shows several devices, one of them: a framework's kernel runs on one.

    Raises:
        UsageError: the profile lacks facts.
    """
    require_facts(profile)
    table = table or time_table()
    part = part_of(profile, table.bandwidth[memory_class(profile)], table)
    if part.dies == 1:
        return part
    limit = part.power_limit_w
    return replace(
        part, units=part.units // part.dies, l2_bytes=part.l2_bytes / part.dies,
        bandwidth_b_s=part.bandwidth_b_s / part.dies, power_limit_w=limit / part.dies if limit else None,
    )  # fmt: skip


def memory_class(profile: DeviceProfile) -> str:
    """Under which name the table has the share of the bandwidth that long streams reach."""
    if (profile.vendor or "").upper().startswith("AMD"):
        return "AMD"
    kind = profile.memory.kind.upper() if profile.memory else ""
    return "HBM" if kind.startswith("HBM") else "GDDR"


def demanded(part: Part, rows: Measured, fp32_operations_per_s: float) -> Work:
    """What rows demand of a part."""
    if rows.family in _SIZES:
        nt = np.full(rows.seconds.shape, rows.family == "linear")
        return product_work(part, products(rows.batch, rows.m, rows.k, rows.n, nt), fp32_operations_per_s)
    if rows.family == "ln":
        return norm_work(part, rows.batch, rows.width, _BYTES)
    if rows.family == "softmax":
        return softmax_work(part, rows.batch, rows.width, _BYTES)
    elements = rows.batch * rows.width
    return stream_work(part, _BYTES * elements * (rows.inputs + 1), elements)


def modelled_seconds(part: Part, rows: Measured, fp32_operations_per_s: float) -> Array:
    """The time model's seconds for every row.

    The collection's batched products settle with the length of one call, as if each were timed from a cool
    start; its linear ones are settled from the first millisecond on.
    """
    work = demanded(part, rows, fp32_operations_per_s)
    call = part.fitted.product_call_us if rows.family in _SIZES else part.fitted.row_call_us
    if rows.family not in _SIZES:
        return work.seconds() + call * 1e-6
    clock: Array | float = steady_clock(part, work)
    if rows.family == "bmm":
        clock = clock_after(clock, work.seconds(), part.fitted.call_settle_ms * 1e-3)
    return work.seconds(clock) + call * 1e-6


def fp32_operations_per_s(profile: DeviceProfile) -> float:
    """The rate in fp32 as claimed, of one device of the package.

    Raises:
        UsageError: the profile claims none.
    """
    peak = profile.peak("fp32")
    if peak is None or not math.isfinite(peak.high):
        raise UsageError(f"profile {profile.id} claims no fp32 rate; add peak_tops.fp32 with its source")
    devices = profile.hardware.devices_per_package if profile.hardware else 1
    return peak.high * 1e12 / devices
