"""Shipments as a CSV of any length, read a piece at a time into numbers, with every fault named by its line.

A row that cannot be counted is set aside and named; the others are kept. What cannot be counted is
remembered by value, so that a part spelled wrongly in a million rows is one fault.
"""

import csv
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenzone.errors import FileError, UsageError, nearest
from greenzone.law.countries import country
from greenzone.law.limits import AUTHORIZATIONS, SHIPMENT_KINDS
from greenzone.law.quantities import day_number
from greenzone.records.utf8 import Utf8Lines

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("date", "part", "quantity", "consignee", "destination")
OPTIONAL = ("kind", "headquarters", "authorization")
# `in`: the country the consignee's ultimate parent has its headquarters in.
ALIASES = {"in": "headquarters", "hq": "headquarters", "authorisation": "authorization"}
# Read as they are written; the others as categories, which the parser may take for numbers and which is faster.
VERBATIM = ("consignee", "quantity")
CHUNK_ROWS = 500_000
MOST_UNITS = 10**9
FIRST_YEAR, LAST_YEAR = 1990, 2099
LINES_KEPT, FAULTS_KEPT = 5, 100
BAD = -1


@dataclass
class Fault:
    """One value that cannot be counted: the sentence, how many rows it is in, their units, the first lines."""

    text: str
    rows: int = 0
    units: int = 0
    lines: list[int] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"text": self.text, "rows": self.rows, "units": self.units, "lines": self.lines}


@dataclass
class Reader:
    """A file of shipments, as frames of numbers: day, quantity, line, and the number of each name.

    Attributes:
        names: the names of the parts, consignees, destinations and headquarters, by number.
        faults: what was set aside.
        rows: how many rows were counted; `set_aside` how many were not.
        without_headquarters: how many rows name none; their destination is taken for it.
        without_authorization: how many rows do not say under what they go.
    """

    path: Path
    part_id: Callable[[str], str]
    part_ids: Sequence[str]
    chunk_rows: int = CHUNK_ROWS
    names: dict[str, list[str]] = field(default_factory=lambda: {n: [] for n in ("part", "consignee", "country")})
    faults: dict[tuple[str, str], Fault] = field(default_factory=dict)
    rows: int = 0
    set_aside: int = 0
    without_headquarters: int = 0
    without_authorization: int = 0
    latin1: int = 0
    latin1_lines: list[int] = field(default_factory=list)
    _seen: dict[str, dict[str, int]] = field(default_factory=dict)
    _codes: dict[str, dict[str, int]] = field(default_factory=dict)
    _whys: dict[tuple[str, str], str] = field(default_factory=dict)

    def frames(self) -> Iterator["pd.DataFrame"]:
        """The rows that can be counted, a piece at a time.

        Raises:
            FileError: it cannot be read, is empty, or lacks a column.
        """
        columns, separator = header(self.path)
        line = 2
        with Utf8Lines(self.path) as stream:
            for chunk, skipped in self._chunks(stream, columns, separator):
                chunk.columns = columns
                lines = _numbered(line, len(chunk), skipped)
                line += len(chunk) + len(skipped)
                for number, text in skipped.items():
                    self._set_aside(("row", "fields"), text, [number], 0)
                yield self._numbers(chunk, lines)
            self.latin1, self.latin1_lines = stream.latin1, stream.latin1_lines
        if not self.rows and not self.set_aside:
            raise FileError(f"{self.path}: has a header and no row; add a row for each shipment")

    def _chunks(
        self, stream: Any, columns: Sequence[str], separator: str
    ) -> Iterator[tuple["pd.DataFrame", dict[int, str]]]:
        """Pieces as read, and the lines that have too many fields, by number.

        The header is read as a row, so that it sets how many fields a row may have.
        """
        import pandas as pd

        try:
            reader = pd.read_csv(
                stream, sep=separator, header=None, dtype=_dtypes(columns), chunksize=self.chunk_rows, encoding="utf-8",
                keep_default_na=False, na_filter=False, skip_blank_lines=False, on_bad_lines="warn", low_memory=False,
            )  # fmt: skip
            first = True
            while True:
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    chunk = next(reader, None)
                if chunk is None:
                    return
                yield chunk.iloc[1:] if first else chunk, _too_long(str(w.message) for w in said)
                first = False
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            why = str(error).split("C error: ")[-1].strip()
            raise FileError(f"{self.path}: is no CSV ({why}); look for a quotation mark without its pair") from None

    def _numbers(self, chunk: "pd.DataFrame", lines: Any) -> "pd.DataFrame":
        """The rows of a piece as numbers, without those that cannot be counted."""
        import numpy as np
        import pandas as pd

        found = {name: self._column(chunk, name) for name in (*REQUIRED, *OPTIONAL)}
        good = ~self._blank(chunk, found["date"])
        for name, values in found.items():
            wrong = good & (values == BAD)
            if wrong.any():
                self._tell(name, chunk[name][wrong], lines[wrong], found["quantity"][wrong])
            good &= values != BAD
        frame = pd.DataFrame({"day": found.pop("date"), **found, "line": lines})[good]
        unsaid = frame["headquarters"].to_numpy() == BAD - 1
        self.without_headquarters += int(unsaid.sum())
        frame["headquarters"] = np.where(unsaid, frame["destination"], frame["headquarters"])
        self.without_authorization += int((frame["authorization"] == 0).sum())
        self.rows += len(frame)
        return frame.reset_index(drop=True)

    def _blank(self, chunk: "pd.DataFrame", days: Any) -> Any:
        """Which rows are empty lines; looked at only where there is no date."""
        import numpy as np

        blank = np.zeros(len(chunk), dtype=bool)
        dateless = days == BAD
        if dateless.any():
            blank[dateless] = (chunk[dateless] == "").all(axis=1)
        return blank

    def _column(self, chunk: "pd.DataFrame", name: str) -> Any:
        """A column as numbers, each distinct text looked up once; BAD where it is none."""
        import numpy as np
        import pandas as pd

        if name not in chunk:
            return np.full(len(chunk), self._number(name, ""), dtype=np.int64)
        if name in VERBATIM:
            codes, texts = pd.factorize(chunk[name])
        else:
            codes, texts = chunk[name].cat.codes.to_numpy(), chunk[name].cat.categories
        # The header's text is a category of the first piece, and stands in no row.
        used = np.bincount(codes, minlength=len(texts)) > 0
        numbers = [self._number(name, str(text)) if u else BAD for text, u in zip(texts, used, strict=True)]
        return np.array(numbers, dtype=np.int64)[codes]

    def _number(self, name: str, text: str) -> int:
        seen = self._seen.setdefault(name, {})
        if text not in seen:
            try:
                number = _READ[name](self, text.strip())
            except UsageError as error:
                number = BAD
                if len(self._whys) < FAULTS_KEPT * len(_READ):
                    self._whys[name, text] = str(error)
            if name == "quantity" and len(seen) > CHUNK_ROWS:
                seen.clear()  # as many as rows: nothing is gained by keeping them
            seen[text] = number
        return seen[text]

    def code(self, kind: str, name: str) -> int:
        """The number of a name, a new one where it is new."""
        codes = self._codes.setdefault(kind, {})
        folded = name.casefold()
        if folded not in codes:
            codes[folded] = len(codes)
            self.names[kind].append(name)
        return codes[folded]

    def _tell(self, name: str, texts: "pd.Series[Any]", lines: Any, quantities: Any) -> None:
        """Remember the values that cannot be counted, and what they held up."""
        for text, where in texts.groupby(texts, observed=True).indices.items():
            key = (name, str(text)) if len(self.faults) < FAULTS_KEPT else (name, "others")
            why = self._whys.get((name, str(text)), f"other values of {name} that are none")
            units = quantities[where]
            self._set_aside(key, f"{name}: {why}", lines[where].tolist(), int(units[units > 0].sum()))

    def _set_aside(self, key: tuple[str, str], text: str, lines: list[int], units: int) -> None:
        fault = self.faults.setdefault(key, Fault(text))
        fault.rows += len(lines)
        fault.units += units
        fault.lines += lines[: LINES_KEPT - len(fault.lines)]
        self.set_aside += len(lines)


def _day(reader: Reader, text: str) -> int:
    try:
        day = date.fromisoformat(text)
        if day.isoformat() == text and FIRST_YEAR <= day.year <= LAST_YEAR:
            return day_number(day)
    except ValueError:
        pass
    raise UsageError(f"{text!r} is no date; write YYYY-MM-DD, as in 2025-04-10 ({FIRST_YEAR} to {LAST_YEAR})")


def _part(reader: Reader, text: str) -> int:
    found = reader.part_id(text) if text else None
    if not found:
        near = ", ".join(nearest(text, reader.part_ids))
        raise UsageError(f"unknown part {text!r}; nearest: {near}")
    return reader.code("part", found)


def _quantity(reader: Reader, text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 12 and 1 <= int(text) <= MOST_UNITS:
        return int(text)
    raise UsageError(f"{text!r} is no quantity; write a whole number of units, 1 to {MOST_UNITS:,}, without separators")


def _consignee(reader: Reader, text: str) -> int:
    name = " ".join(text.split())
    if not name:
        raise UsageError("is empty; name the ultimate consignee")
    return reader.code("consignee", name)


def _destination(reader: Reader, text: str) -> int:
    return reader.code("country", country(text))


def _headquarters(reader: Reader, text: str) -> int:
    return reader.code("country", country(text)) if text else BAD - 1


def _kind(reader: Reader, text: str) -> int:
    if (text.casefold() or "export") in SHIPMENT_KINDS:
        return SHIPMENT_KINDS.index(text.casefold() or "export")
    raise UsageError(f"{text!r} is no kind; allowed: {', '.join(SHIPMENT_KINDS)}")


def _authorization(reader: Reader, text: str) -> int:
    folded = [name.casefold() for name in AUTHORIZATIONS]
    if text.casefold() in ("", *folded):
        return ["", *folded].index(text.casefold())
    raise UsageError(f"{text!r} is no authorization; allowed: {', '.join(AUTHORIZATIONS)}, or nothing where unknown")


_READ: Mapping[str, Callable[[Reader, str], int]] = {
    "date": _day, "part": _part, "quantity": _quantity, "consignee": _consignee, "destination": _destination,
    "headquarters": _headquarters, "kind": _kind, "authorization": _authorization,
}  # fmt: skip


def header(path: Path) -> tuple[list[str], str]:
    """The columns of a file, in small letters, and what separates them.

    Raises:
        FileError: it cannot be read, is empty, or lacks a column or has one twice.
    """
    with io.BufferedReader(Utf8Lines(path)) as stream:
        first = stream.readline(1 << 16).decode("utf-8", "replace")
    if not first.strip():
        raise FileError(f"{path}: is empty; its first line names the columns: {', '.join(REQUIRED)}")
    separator = max(",;\t", key=first.count)
    try:
        names = [n.strip().casefold() for n in next(csv.reader([first], delimiter=separator))]
    except csv.Error as error:
        raise FileError(f"{path}: line 1 is no CSV ({error}); save it with line ends of Unix or Windows") from None
    columns = [ALIASES.get(n, n) for n in names]
    missing = [n for n in REQUIRED if n not in columns]
    if missing:
        allowed = f"{', '.join(REQUIRED)}; and, where known, {', '.join(OPTIONAL)}"
        raise FileError(f"{path}: no column {' nor '.join(map(repr, missing))} in line 1; the columns are {allowed}")
    double = sorted({n for n in columns if n in (*REQUIRED, *OPTIONAL) and columns.count(n) > 1})
    if double:
        raise FileError(f"{path}: the column {double[0]!r} stands twice in line 1; leave one")
    # Columns of other names are kept apart by their place, for two may share one.
    return [n if n in (*REQUIRED, *OPTIONAL) else f"{place}: {n}" for place, n in enumerate(columns)], separator


def _dtypes(columns: Sequence[str]) -> dict[int, Any]:
    """How each column is read, by its place; one that no limit looks at as it is."""
    looked_up = {*REQUIRED, *OPTIONAL} - {*VERBATIM}
    return {place: "category" if name in looked_up else object for place, name in enumerate(columns)}


def _too_long(messages: Iterator[str]) -> dict[int, str]:
    """The lines that have too many fields, by number, out of what the parser said of them."""
    found: dict[int, str] = {}
    for message in messages:
        for said in message.splitlines():
            words = said.replace(":", "").replace(",", "").split()
            if words[:2] == ["Skipping", "line"]:
                found[int(words[2])] = f"has more fields than the header's {words[4]}"
    return found


def _numbered(first: int, count: int, skipped: Mapping[int, str]) -> Any:
    """The line of each row, past the lines that were skipped."""
    import numpy as np

    numbers = np.arange(first, first + count + len(skipped))
    return numbers[~np.isin(numbers, list(skipped))][:count]
