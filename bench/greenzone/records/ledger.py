"""The ledger: a file of shipments against every quantity limit that stands on a day.

The file is parsed once. Its rows go, as numbers of 24 bytes, to a temporary file; their sums by all that
a limit can look at stay in memory. The rows are gone through again only for the totals that are over.
Memory grows with the distinct consignees, destinations, parts and periods, not with the rows.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from greenzone.errors import FileError, UsageError
from greenzone.law.balances import Crossings, Singles, balances
from greenzone.law.quantities import Law, Question, Silence, Tally, cut_days, day_number, questions, weights
from greenzone.parts.capability import part_of
from greenzone.parts.catalogue import load_profile, profile_paths
from greenzone.records.repeats import Repeats
from greenzone.records.shipments import FIRST_YEAR, LAST_YEAR, Reader

if TYPE_CHECKING:
    import pandas as pd

# A row in the temporary file: as small as holds every number the reader gives.
ROW = [
    ("day", "i4"), ("part", "u2"), ("consignee", "i4"), ("destination", "i2"), ("headquarters", "i2"), ("kind", "i1"),
    ("authorization", "i1"), ("quantity", "i4"), ("line", "i8"),
]  # fmt: skip
# What a limit can look at beside the consignee and the period, with its bits: the sort of a shipment, in one number.
BITS = {"part": 16, "destination": 8, "headquarters": 8, "kind": 3, "authorization": 4}
# A consignee and the number of a sort make one key, which groups faster than seven.
SORT_BITS = 32
PartsOf = list[tuple[str, float, float, str]]
SPILL_ROWS = 1_000_000
FOLD_ROWS = 2_000_000


@dataclass
class Answer:
    """One question with its balances, as `law.balances` gives them, and what each part adds to them."""

    tally: Tally
    rows: "pd.DataFrame"
    parts: list[tuple[str, float, float, str]]


@dataclass
class Ledger:
    """Every answer, the regimes whose limits do not stand on the day, and what was set aside."""

    law: Law
    reader: Reader
    answers: list[Answer]
    silent: list[Silence]
    repeats: Repeats
    planned: int = 0
    units: dict[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every row is in the totals."""
        return not self.reader.set_aside


def ledger(path: Path, law: Law, limits: Sequence[str] = (), folder: Path | None = None) -> Ledger:
    """Hold the shipments of a CSV against the quantity limits that stand on a day.

    Args:
        path: the file; its columns are those of `records.shipments`.
        law: the day whose law is asked for, and what was known; rows of every day are counted.
        limits: ids; every limit if none is named.
        folder: profiles of the user's own.

    Raises:
        UsageError: no limit has that id.
        FileError: the file cannot be read, is empty, or lacks a column; or no room for the temporary file.
    """
    asked, silent = questions(law, limits)
    reader = Reader(path, _finder(folder), sorted(profile_paths(folder)))
    repeats = Repeats()
    try:
        with tempfile.TemporaryFile() as spill:
            sums, planned = _gather(reader, spill, repeats, [q.limit for q in asked], law)
            tallies, parts = _tallies(asked, reader, law, folder)
            answers = _answers(tallies, parts, sums, spill)
            repeats.locate(lambda: (f["line"].to_numpy() for f in _spilled(spill)))
    except FileError:
        raise
    except OSError as error:
        why = error.strerror or error
        raise FileError(f"{tempfile.gettempdir()}: cannot hold the rows for a second look ({why}); free some") from None
    counted = sums.groupby("part")["quantity"].sum()
    units = {reader.names["part"][n]: int(q) for n, q in counted.items()}
    return Ledger(law, reader, answers, silent, repeats, planned, units)


def _finder(folder: Path | None) -> Callable[[str], str]:
    """The id of a profile by its id or name; a path is none, for a table names parts, not files."""
    paths = profile_paths(folder)

    def find(text: str) -> str:
        if text in paths:
            return text
        if "/" in text or "\\" in text or text.endswith(".toml"):
            return ""
        try:
            return load_profile(text, folder).id
        except (UsageError, FileError):
            return ""

    return find


def _gather(
    reader: Reader, spill: IO[bytes], repeats: Repeats, limits: Sequence[Any], law: Law
) -> tuple["pd.DataFrame", int]:
    """Every row to the temporary file, and their sums; how many are dated after the day asked for."""
    import numpy as np

    cuts = np.array(cut_days(limits, FIRST_YEAR, LAST_YEAR))
    sums, pieces, planned = np.empty((3, 0), dtype=np.int64), [], 0
    known: dict[int, int] = {}
    for frame in reader.frames():
        _rows(frame).tofile(spill)
        period = np.searchsorted(cuts, frame["day"], side="right") - 1
        sort = _numbered(_packed(frame) + (period << sum(BITS.values())), known)
        key = (frame["consignee"].to_numpy() << SORT_BITS) + sort
        repeats.add(key, frame["day"].to_numpy(), frame["quantity"].to_numpy())
        planned += int((frame["day"] > day_number(law.on)).sum())
        pieces.append(np.stack([key, frame["quantity"].to_numpy(), np.ones_like(key)]))
        if sum(piece.shape[1] for piece in pieces) > FOLD_ROWS + sums.shape[1]:
            sums, pieces = _together([sums, *pieces]), []
    return _unpacked(_together([sums, *pieces]), list(known), cuts), planned


def _numbered(values: Any, known: dict[int, int]) -> Any:
    """Each value's number, a new one where it is new: there are few sorts of shipment, and short keys group fast."""
    import numpy as np
    import pandas as pd

    codes, distinct = pd.factorize(values)
    return np.array([known.setdefault(value, len(known)) for value in distinct.tolist()], dtype=np.int64)[codes]


def _packed(frame: "pd.DataFrame") -> Any:
    """The columns of BITS as one number a row."""
    import numpy as np

    sort, shift = np.zeros(len(frame), dtype=np.int64), 0
    for name, bits in BITS.items():
        sort += frame[name].to_numpy().astype(np.int64) << shift
        shift += bits
    return sort


def _unpacked(sums: Any, sorts: Sequence[int], cuts: Any) -> "pd.DataFrame":
    """Sums as a frame, with the consignee, the columns of BITS, and the first day of their period."""
    import numpy as np
    import pandas as pd

    key, quantity, rows = sums
    sort = np.array(sorts, dtype=np.int64)[key & ((1 << SORT_BITS) - 1)]
    found = {"consignee": key >> SORT_BITS, "quantity": quantity, "rows": rows}
    for name, bits in BITS.items():
        found[name] = sort & ((1 << bits) - 1)
        sort = sort >> bits
    return pd.DataFrame({**found, "day": cuts[sort]})


def _rows(frame: "pd.DataFrame") -> Any:
    import numpy as np

    rows = np.empty(len(frame), dtype=ROW)
    for name, _ in ROW:
        rows[name] = frame[name]
    return rows


def _together(pieces: Sequence[Any]) -> Any:
    """Rows that no limit can tell apart, as one: key, quantity and how many, by the key.

    Sorted and added up, for a table of as many keys as this may have misses the cache at every row.
    """
    import numpy as np

    key, *summed = np.concatenate(pieces, axis=1)
    order = np.argsort(key)
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    return np.stack([key[first], *(np.add.reduceat(column[order], first) for column in summed)])


def _tallies(
    asked: Sequence[Question], reader: Reader, law: Law, folder: Path | None
) -> tuple[list[Tally], list[PartsOf]]:
    """Each question with its look-ups, and what each part adds to it."""
    import numpy as np

    parts = [part_of(load_profile(name, folder)) for name in reader.names["part"]]
    countries = reader.names["country"]
    names = {**reader.names, "destination": countries, "headquarters": countries}
    tallies, weighed = [], []
    known: dict[Any, list[tuple[float, float, str]]] = {}  # most limits ask the same of a part
    for question in asked:
        same = (question.limit.caught, question.limit.parameter)
        known[same] = found = known.get(same) or weights(question.limit, parts, law)
        low, high = (np.array([w[end] for w in found], dtype=float) for end in (0, 1))
        tallies.append(Tally(question, names, low, high, law))
        weighed.append([(name, *w) for name, w in zip(reader.names["part"], found, strict=True)])
    return tallies, weighed


def _answers(
    tallies: Sequence[Tally], parts: Sequence[PartsOf], sums: "pd.DataFrame", spill: IO[bytes]
) -> list[Answer]:
    """The balances, with a second look at the rows for those that are over."""
    looks: list[Crossings | Singles] = [
        Singles(t) if t.limit.period == "shipment" else Crossings(t, balances(t, sums)) for t in tallies
    ]
    if any(isinstance(look, Singles) or len(look.wanted) for look in looks):
        for frame in _spilled(spill):
            for look in looks:
                look.add(frame)
    return [Answer(look.tally, look.found(), p) for look, p in zip(looks, parts, strict=True)]


def _spilled(spill: IO[bytes]) -> Iterator["pd.DataFrame"]:
    """The rows of the temporary file, a piece at a time; one empty piece if there is none."""
    import numpy as np
    import pandas as pd

    spill.seek(0)
    rows = np.fromfile(spill, dtype=ROW, count=SPILL_ROWS)
    while True:
        wide = {name: rows[name].astype(np.int64) if name == "quantity" else rows[name] for name, _ in ROW}
        yield pd.DataFrame(wide)
        rows = np.fromfile(spill, dtype=ROW, count=SPILL_ROWS)
        if not len(rows):
            return
