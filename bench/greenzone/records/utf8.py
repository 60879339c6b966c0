"""Text files of mixed encodings, read as UTF-8: a line that is not UTF-8 is taken as Latin-1, and told.

Spreadsheets write UTF-8 with and without a byte order mark, and Latin-1; files that were joined hold both.
"""

import io
from pathlib import Path

from greenzone.errors import FileError

BLOCK_BYTES = 1 << 20
LINES_KEPT = 20
UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Utf8Lines(io.RawIOBase):
    """The bytes of a file as valid UTF-8, without a byte order mark.

    Attributes:
        latin1: how many lines were not UTF-8; `latin1_lines` are the first twenty of them, from 1.
    """

    def __init__(self, path: Path) -> None:
        try:
            if path.exists() and not path.is_file():
                raise FileError(f"{path}: cannot be read (not a regular file); give the path of a CSV file")
            self._file = path.open("rb")
        except FileError:
            raise
        except OSError as error:
            why = error.strerror or error
            raise FileError(f"{path}: cannot be read ({why}); check the path and its rights") from None
        self.latin1 = 0
        self.latin1_lines: list[int] = []
        self._lines_before = 0
        self._ready, self._at = memoryview(b""), 0
        self._skip_mark(path)

    def _skip_mark(self, path: Path) -> None:
        start = self._file.read(3)
        if start[:2] in UTF16:
            self._file.close()
            raise FileError(f"{path}: is UTF-16 text; save it as CSV in UTF-8")
        self._file.seek(3 if start == b"\xef\xbb\xbf" else 0)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer with what is ready, reading a block of whole lines when nothing is."""
        if self._at == len(self._ready):
            block = self._file.read(BLOCK_BYTES)
            self._ready = memoryview(self._valid(block + self._file.readline()) if block else b"")
            self._at = 0
        count = min(len(buffer), len(self._ready) - self._at)
        buffer[:count] = self._ready[self._at : self._at + count]
        self._at += count
        return count

    def _valid(self, block: bytes) -> bytes:
        """The block itself where it is UTF-8; else line by line, what is not taken as Latin-1."""
        try:
            block.decode("utf-8")
        except UnicodeDecodeError:
            lines = block.split(b"\n")
            block = b"\n".join(self._line(line, self._lines_before + n) for n, line in enumerate(lines, 1))
        self._lines_before += block.count(b"\n")
        return block

    def _line(self, line: bytes, number: int) -> bytes:
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            self.latin1 += 1
            if self.latin1 <= LINES_KEPT:
                self.latin1_lines.append(number)
            return line.decode("latin-1").encode("utf-8")
        return line
