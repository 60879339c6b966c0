"""`greenzone map`: a file drawn, the default of every profile, and one sentence for what cannot be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


def test_every_profile_is_drawn_by_default_and_named(invoke: Invoke, tmp_path: Path) -> None:
    from greenzone.parts.catalogue import profile_paths

    done = invoke("map", "--on", "2023-11-17", "-o", tmp_path / "map.svg")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"drawn: {tmp_path / 'map.svg'}\n")
    drawn = (tmp_path / "map.svg").read_text("utf-8")
    assert [ref for ref in profile_paths() if f">{ref}<" not in drawn] == []


def test_a_value_that_was_set_is_labelled(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("map", "--set", "tpp=5000", "--on", "2023-11-17", "--to", "CN", "-o", tmp_path / "map.svg")
    assert done.exit_code == 0
    drawn = (tmp_path / "map.svg").read_text("utf-8")
    assert "a part given by --set (set)" in drawn
    assert "Outcome: us-3a090 3A090.a: licence required" in drawn


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("map", "nvidia-h21"), 2, "unknown profile"),
        (("map", "nvidia-h20", "--regime", "us-3a09"), 2, "unknown regime"),
        (("map", "nvidia-h20", "-o", "x.gif"), 2, "end its name with one of them"),
        (("map", "nvidia-h20", "-o", "/dev/null/x.svg"), 1, "cannot be written"),
        (("map", "nvidia-h20", "--axes", "colour"), 2, "is not one of"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    invoke: Invoke, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = invoke(*arguments)
    assert done.exit_code == code
    assert words in done.stderr
    assert "Traceback" not in done.output
