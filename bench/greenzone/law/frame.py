"""Many parts at once: the same answers as one by one, over the columns of a pandas DataFrame.

A column is a parameter's name (points; NaN is unknown) or `NAME_low` and `NAME_high` (an interval; a
high of NaN or inf is unbounded). What a frame cannot say (claims that disagree, measurements, how sure a
figure is) is not asked: each value stands as if given by hand.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from greenzone.errors import UsageError, unknown
from greenzone.law.arrays import TRUTHS, WORDS, Answer, Array, Table, evaluated
from greenzone.law.regimes import Regime, chosen, load_regime
from greenzone.parameters import ITEM_FACTS, ITEMS, PARAMETERS


def classify_frame(
    frame: pd.DataFrame,
    *,
    on: date,
    known_on: date,
    item: str = "integrated_circuit",
    regimes: Sequence[str] | None = None,
    **facts: float | bool | None,
) -> pd.DataFrame:
    """The truth of every clause and the status of every regime, for each row.

    Args:
        frame: a row a part; columns as the parameters of the registry, or NAME_low and NAME_high, and
            `datacenter` and the other item facts (True, False, or missing).
        on: the day whose law is asked for.
        known_on: the day up to which publications count.
        item: the kind of item all rows are.
        regimes: ids; every control, eligibility and tariff in force if none.
        facts: values that hold for every row, where the frame has no such column: datacenter=True.

    Returns:
        A frame with the same index: a column `REGIME status` for each regime, and `REGIME CLAUSE` for
        each of its clauses (true, false or unknown).

    Raises:
        UsageError: an unknown column, fact or regime, a value that is negative, or an interval that
            holds nothing.
    """
    if item not in ITEMS:
        raise UsageError(f"{item!r} is no kind of item; allowed: {', '.join(ITEMS)}")
    if (mixed := _sometimes_derived(frame)) is not None:
        return _in_two(frame, mixed, on=on, known_on=known_on, item=item, regimes=regimes, **facts)
    table = _table(frame, facts)
    asker = _Asker(table, on, known_on, item)
    columns: dict[str, pd.Categorical] = {}
    for regime in _standing(regimes, on, known_on, item):
        answer = asker.answer(regime)
        columns[f"{regime.id} status"] = pd.Categorical.from_codes(answer.status, WORDS)
        for clause, codes in answer.clauses.items():
            columns[f"{regime.id} {clause}"] = pd.Categorical.from_codes(codes, TRUTHS)
    return pd.DataFrame(columns, index=frame.index)


def _sometimes_derived(frame: pd.DataFrame) -> "pd.Series[bool] | None":
    """The rows that give no value for a derived parameter which other rows give: there it is worked out."""
    for p in (p for p in PARAMETERS.values() if p.derived_from):
        columns = [c for c in (p.name, f"{p.name}_low", f"{p.name}_high") if c in frame.columns]
        missing = frame[columns].isna().all(axis=1) if columns else None
        if missing is not None and missing.any():
            return missing
    return None


def _in_two(frame: pd.DataFrame, derived: "pd.Series[bool]", **asked: Any) -> pd.DataFrame:
    """The rows that give a derived parameter and those that do not, each with the columns they have."""
    empty = [c for c in frame.columns if frame.loc[derived, c].isna().all()]
    parts = [classify_frame(frame[derived].drop(columns=empty), **asked), classify_frame(frame[~derived], **asked)]
    positions = np.concatenate([np.flatnonzero(derived), np.flatnonzero(~derived)])
    return pd.concat([p for p in parts if len(p)]).iloc[np.argsort(positions)]


def _standing(ids: Sequence[str] | None, on: date, known_on: date, item: str) -> list[Regime]:
    """Those named, or all that are in force."""
    found = chosen(item, ids)
    if ids is not None:
        return found
    versions = [(r, r.version_on(on, known_on)) for r in found]
    return [r for r, v in versions if v is not None and v.status in ("in_force", "not_enforced")]


def _table(frame: pd.DataFrame, facts: Mapping[str, Any]) -> Table:
    low: dict[str, Array] = {}
    high: dict[str, Array] = {}
    flags: dict[str, Array] = {}
    size = len(frame)
    for column in [*frame.columns, *facts]:
        values = frame[column] if column in frame.columns else pd.Series(facts[column], index=frame.index)
        _read_column(str(column), values, low, high, flags)
    for name in low.keys() | high.keys():
        _check_interval(name, low.setdefault(name, np.zeros(size)), high.setdefault(name, np.full(size, np.inf)))
    derived = {p.name for p in PARAMETERS.values() if p.derived_from}
    return Table(low, high, {"": np.zeros(size), **flags}, frozenset(derived & low.keys()), size)


def _read_column(
    column: str, values: pd.Series, low: dict[str, Array], high: dict[str, Array], flags: dict[str, Array]
) -> None:
    if column in ITEM_FACTS:
        flags[column] = pd.array(values, dtype="boolean").to_numpy(dtype=float, na_value=np.nan)
        return
    name, end = column, ""
    for suffix in ("_low", "_high"):
        if column not in PARAMETERS and column.endswith(suffix):
            name, end = column.removesuffix(suffix), suffix
    if name not in PARAMETERS:
        raise unknown("column", column, [*PARAMETERS, *ITEM_FACTS], "a parameter's name, or NAME_low and NAME_high")
    try:
        numbers = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        text = f"column {column!r}: not numbers ({error}); leave a value out (NaN) where it is unknown"
        raise UsageError(text) from None
    if end != "_high":
        low[name] = np.nan_to_num(numbers, nan=0.0, posinf=np.inf)
    if end != "_low":
        high[name] = np.where(np.isnan(numbers), np.inf, numbers)


def _check_interval(name: str, low: Array, high: Array) -> None:
    bad = np.flatnonzero((low < 0) | (low > high) | np.isinf(low))
    if len(bad):
        row = int(bad[0])
        raise UsageError(
            f"{name}, row {row}: from {low[row]:g} to {high[row]:g} is no interval; values are not negative, low is "
            "finite and at most high"
        )


class _Asker:
    """The regimes of one frame; one that others refer to is asked once."""

    def __init__(self, table: Table, on: date, known_on: date, item: str) -> None:
        self.table, self.on, self.known_on, self.item = table, on, known_on, item
        self._asked: dict[str, Answer] = {}

    def answer(self, regime: Regime) -> Answer:
        if regime.id not in self._asked:
            self._asked[regime.id] = self._ask(regime)
        return self._asked[regime.id]

    def _ask(self, regime: Regime) -> Answer:
        version = regime.version_on(self.on, self.known_on)
        size = self.table.size
        if version is None or version.status not in ("in_force", "not_enforced") or self.item not in regime.applies_to:
            return Answer(np.full(size, 3, np.int8), {})
        references = {ref: self.answer(load_regime(ref)).status for ref in version.refers_to}
        answer = evaluated(version, self.table, references)
        return self._relieving(regime, answer) if regime.relieves else answer

    def _relieving(self, regime: Regime, answer: Answer) -> Answer:
        """An eligibility is not applicable while the control is not caught, undecided while that is."""
        control = self.answer(load_regime(str(regime.relieves))).status
        status = np.where((control == 2) & (answer.status == 1), np.int8(2), answer.status)
        return Answer(np.where((control == 0) | (control == 3), np.int8(3), status), answer.clauses)
