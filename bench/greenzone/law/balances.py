"""Totals against quantity limits: what each comes to, what is left, and the row that crosses.

Totals are exact where they can be: whole quantities are summed by part first, and multiplied by the
part's TPP after, so that neither the order of the rows nor a row split in two changes a digit.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenzone.law.limits import Limit
from greenzone.law.quantities import Tally

if TYPE_CHECKING:
    import pandas as pd

WITHIN, OVER, UNDECIDED = "within", "over", "undecided"
CROSSING = ("day", "line", "part", "quantity")
CROSSED = {name: f"crossing_{name}" for name in CROSSING}
NONE = -1


def is_over(limit: Limit, excess: Any) -> Any:
    """Whether a total less its amount passes the limit: `<=` allows the amount itself, `<` does not."""
    return excess > 0 if limit.comparator == "<=" else excess >= 0


def balances(tally: Tally, frame: "pd.DataFrame") -> "pd.DataFrame":
    """One row for each key and period: total, amount, what is left, and the status.

    Args:
        tally: the question.
        frame: shipments, or sums of them (a sum has `rows`, how many it is of).

    Returns:
        The key columns (numbers of names), `period`, `rows`, `low`, `high`, `carried_low` and `carried_high`
        (what earlier periods bring over), `amount`, `left` (amount less the high end; negative when over),
        `status`: within, over or undecided.
    """
    found = _sums(tally, frame)
    own_low, own_high = found["low"], found["high"]
    if tally.limit.steps:
        found = _carried(found, list(tally.limit.per))
    found["carried_low"], found["carried_high"] = found["low"] - own_low, found["high"] - own_high
    if tally.limit.share is None:
        found["amount"] = found["period"].map({p: tally.amount(p) for p in found["period"].unique()})
        found["excess_low"], found["excess_high"] = found["low"] - found["amount"], found["high"] - found["amount"]
    over, may_be = (is_over(tally.limit, found[end]) for end in ("excess_low", "excess_high"))
    found["left"] = -found["excess_high"]
    found["status"] = over.map({True: OVER, False: WITHIN}).mask(may_be & ~over, UNDECIDED)
    return found.drop(columns=["excess_low", "excess_high"])


def _sums(tally: Tally, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Totals by key and period.

    The excess over a share is worked out with one TPP for each part on both sides: the end that makes it
    least, and the one that makes it most.
    """
    import numpy as np

    counted = tally.counted(frame)
    counted["rows"] = counted["rows"].where(~counted["against"], 0) if "rows" in counted else ~counted["against"] * 1
    counted["other"] = counted["quantity"].where(counted["against"], 0)
    counted["quantity"] -= counted["other"]
    keys = [*tally.limit.per, "period"]
    by = list(dict.fromkeys([*keys, "part"]))
    units = counted.groupby(by)[["quantity", "other", "rows"]].sum().reset_index()
    low, high = tally.low[units["part"]], tally.high[units["part"]]
    share = tally.limit.share or 0.0
    net = units["quantity"].to_numpy() - share * units["other"].to_numpy()
    with np.errstate(invalid="ignore"):  # none of a part of unbounded TPP is nothing
        products = {
            "low": units["quantity"] * low, "high": units["quantity"] * high, "amount": share * units["other"] * high,
            "excess_low": net * np.where(net > 0, low, high), "excess_high": net * np.where(net > 0, high, low),
        }  # fmt: skip
    units = units.assign(**{name: np.nan_to_num(v, nan=0.0, posinf=np.inf) for name, v in products.items()})
    found = units.groupby(keys)[["rows", *products]].sum().reset_index()
    # What was shipped to the other side alone has nothing to be over with.
    return found[found["rows"] > 0].reset_index(drop=True)


def _carried(found: "pd.DataFrame", per: list[str]) -> "pd.DataFrame":
    """The running totals of each key, period by period, in the order of periods."""
    ends = ["low", "high"]
    running = found.groupby(per)[ends].cumsum() if per else found[ends].cumsum()
    return found.assign(**{end: running[end] for end in ends})


@dataclass
class Crossings:
    """The row from which each total that is over stays over, found while shipments stream by in any order.

    Only rows before the earliest crossing so far are kept, so that memory is bounded by how many rows
    fill a limit, not by how many there are; a share has no such bound, for its amount moves.

    Attributes:
        wanted: the totals that are over, with the `room` that their shipments have.
        closed: by total, a day after which no row can be the one that crosses.
    """

    tally: Tally
    balances: "pd.DataFrame"
    kept: list[Any] = field(default_factory=list)
    wanted: Any = field(init=False)
    closed: Any = field(init=False)

    def __post_init__(self) -> None:
        import numpy as np

        self.closed = np.full(len(self.balances), np.iinfo(np.int64).max)
        over = self.balances[self.balances["status"] != WITHIN]
        certain = over["status"] == OVER
        room = over["amount"] - over["carried_high"].where(~certain, over["carried_low"])
        self.wanted = over[self._keys].assign(
            group=over.index, certain=certain, room=0.0 if self.tally.limit.share else room
        )

    @property
    def _keys(self) -> list[str]:
        return [*self.tally.limit.per, "period"]

    def add(self, frame: "pd.DataFrame") -> None:
        """Shipments, one a row, with their `line`."""
        import numpy as np

        if self.wanted.empty:
            return
        for key in self.tally.limit.per:
            near = np.zeros(len(self.tally.names[key]), dtype=bool)
            near[self.wanted[key]] = True
            frame = frame[near[frame[key]]]
        rows = self.tally.counted(frame).merge(self.wanted, on=self._keys)
        tpp = np.where(rows["certain"], self.tally.low[rows["part"]], self.tally.high[rows["part"]])
        sign = np.where(rows["against"], -(self.tally.limit.share or 0.0), 1.0)
        self.kept.append(rows.assign(value=rows["quantity"] * tpp * sign)[["group", "room", "value", *CROSSING]])
        if self.tally.limit.share is None:
            self._close()

    def _close(self) -> None:
        """Drop what comes after the rows that cross so far, and remember from when on nothing is looked at."""
        rows = self.kept.pop()
        kept = _in_order([*self.kept, rows[rows["day"].to_numpy() <= self.closed[rows["group"]]]])
        past = is_over(self.tally.limit, _before(kept) - kept["room"])
        first = kept[past].drop_duplicates("group")
        self.closed[first["group"]] = first["day"]
        self.kept = [kept[~past]]

    def found(self) -> "pd.DataFrame":
        """The balances with the row that crosses: crossing_day, _line, _part, _quantity, and how many of it _fit.

        -1 where none does, and for crossing_fit of a share, whose amount moves.
        """
        rows = self.balances.assign(**dict.fromkeys((*CROSSED.values(), "crossing_fit"), NONE))
        if not sum(map(len, self.kept)):
            return rows
        kept = _in_order(self.kept)
        kept = kept.assign(after=kept.groupby("group")["value"].cumsum() - kept["room"])
        over = is_over(self.tally.limit, kept["after"])
        # From the first row on if none is within; after the last that is within.
        turns = over & ~over.groupby(kept["group"]).shift(fill_value=False)
        last = kept[turns].groupby("group")[list(CROSSING)].last()
        rows.loc[last.index, list(CROSSED.values())] = last.rename(columns=CROSSED)
        if self.tally.limit.share is None:
            crossed = kept[turns].groupby("group").last()
            rows.loc[crossed.index, "crossing_fit"] = self._fit(crossed)
        return rows

    def _fit(self, crossed: "pd.DataFrame") -> Any:
        """How many units of the row that crosses are still within."""
        import numpy as np

        each = crossed["value"] / crossed["quantity"]
        room = (crossed["value"] - crossed["after"]) / each
        whole = np.floor(room) if self.tally.limit.comparator == "<=" else np.ceil(room) - 1
        return np.nan_to_num(whole.clip(0, crossed["quantity"] - 1)).astype(np.int64)


def _in_order(pieces: "list[pd.DataFrame]") -> "pd.DataFrame":
    """Rows by group, day and line, as one frame."""
    import numpy as np
    import pandas as pd

    rows = pd.concat(pieces, ignore_index=True)
    return rows.take(np.lexsort((rows["line"], rows["day"], rows["group"])))


def _before(kept: "pd.DataFrame") -> "pd.Series[float]":
    """The total of each group before each of its rows."""
    running = kept.groupby("group")["value"].cumsum()
    return running.groupby(kept["group"]).shift(fill_value=0.0)


@dataclass
class Singles:
    """The shipments that alone reach a limit, by key: how many, the largest, and the first."""

    tally: Tally
    kept: Any = None

    def add(self, frame: "pd.DataFrame") -> None:
        """Shipments, one a row, with their `line`."""
        import pandas as pd

        amount = self.tally.amount(0)
        tpp = frame["quantity"] * self.tally.high[frame["part"]]
        rows = self.tally.counted(frame[is_over(self.tally.limit, tpp - amount)])
        low, high = (rows["quantity"] * t[rows["part"]] for t in (self.tally.low, self.tally.high))
        rows = rows.assign(low=low, high=high, rows=1)
        kept = rows if self.kept is None else pd.concat([self.kept, rows])
        # The largest is seen to first, for `first` is taken by the day.
        self.kept = self._folded(kept)

    def _folded(self, kept: "pd.DataFrame") -> "pd.DataFrame":
        keys = [*self.tally.limit.per, "period"]
        grouped = kept.sort_values(["day", "line"]).groupby(keys)
        first = grouped[list(CROSSING)].first()
        return first.join(grouped[["low", "high"]].max()).join(grouped["rows"].sum()).reset_index()

    def found(self) -> "pd.DataFrame":
        """As `Crossings.found`; `rows` counts the shipments that reach it, `low` and `high` are the largest's."""
        amount = self.tally.amount(0)
        rows = self.kept.rename(columns=CROSSED).assign(amount=amount, carried_low=0.0, carried_high=0.0)
        over = is_over(self.tally.limit, rows["low"] - amount)
        said = over.map({True: OVER, False: UNDECIDED})
        return rows.assign(left=amount - rows["high"], status=said, crossing_fit=NONE)
