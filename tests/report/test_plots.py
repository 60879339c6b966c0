"""A plot is written whole, as every file is, and takes no device's or pipe's place."""

import os
import stat
import threading
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from greenzone.errors import UsageError
from greenzone.report.plots import save


@pytest.mark.parametrize(("suffix", "first"), [(".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")])
def test_a_plot_has_the_form_its_name_ends_with(tmp_path: Path, suffix: str, first: bytes) -> None:
    path = tmp_path / f"x{suffix}"
    save(Figure(), path)
    assert path.read_bytes().startswith(first)
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "x.svg"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    save(Figure(), pipe)
    reader.join(60)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert read[0].startswith(b"<?xml")


def test_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a plot is written as \.svg, \.pdf, \.png"):
        save(Figure(), tmp_path / "x.gif")
    assert list(tmp_path.iterdir()) == []
