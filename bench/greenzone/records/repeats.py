"""Rows that stand twice in a file: told, and counted each time, for two equal shipments may both be true."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

# 8 bytes a row: 320 MB at most.
MOST_ROWS = 40_000_000
LINES_KEPT = 5


@dataclass
class Repeats:
    """How many rows are the same in every column as an earlier one, and the first few of their lines.

    Rows are compared by a hash of 64 bits, over the first forty million; `searched` says how many.
    """

    rows: int = 0
    searched: int = 0
    lines: list[int] = field(default_factory=list)
    _hashes: list[Any] = field(default_factory=list)

    def add(self, *columns: Any) -> None:
        """Rows, as arrays of whole numbers that together are the same for two rows alone if those are."""
        import numpy as np
        import pandas as pd

        room = MOST_ROWS - self.searched
        if room > 0:
            found = np.zeros(min(room, len(columns[0])), dtype=np.uint64)
            for column in columns:
                # Hashed at each step, so that no two columns can make up for each other.
                mixed = found ^ column[:room].astype(np.uint64)
                found = pd.util.hash_array(mixed) * np.uint64(3)
            self._hashes.append(found)
            self.searched += len(found)

    def locate(self, lines: Callable[[], Iterable[Any]]) -> None:
        """Find the rows that repeat an earlier one, and their lines.

        Args:
            lines: the line of every row that was added, in the same order, in pieces.
        """
        import numpy as np
        import pandas as pd

        hashes = np.concatenate(self._hashes) if self._hashes else np.empty(0, dtype=np.uint64)
        self._hashes = []
        # Sorted, equal ones lie side by side: faster than a table of all, most of which stand once.
        ordered = np.sort(hashes)
        several = ordered[1:][ordered[1:] == ordered[:-1]]
        alike = np.flatnonzero(pd.Series(hashes).isin(several).to_numpy())
        again = alike[pd.Series(hashes[alike]).duplicated().to_numpy()]
        self.rows = len(again)
        wanted, seen = again[:LINES_KEPT], 0
        for piece in lines() if len(again) else ():
            here = wanted[(wanted >= seen) & (wanted < seen + len(piece))] - seen
            self.lines += [int(n) for n in piece[here]]
            seen += len(piece)
