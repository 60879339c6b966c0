"""Every parser returns or refuses in its own words, whatever the bytes: by hypothesis, and by atheris where it is."""

import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.mutations import mutated
from fuzz.parsers import PARSERS, Parser
from fuzz.test_fuzz import ENVIRONMENT
from greenzone.errors import GreenzoneError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
each = pytest.mark.parametrize("name", PARSERS)


def require_words(error: GreenzoneError | None) -> None:
    """A refusal says something; how much of it is shown, and that no terminal obeys it, is the command's to see to."""
    assert error is None or str(error).strip()


@each
def test_what_is_valid_is_read(name: str) -> None:
    parser = PARSERS[name]
    error = parser.survives(parser.valid())
    # The policy's baseline and the key of the token's record are not here.
    assert error is None or (name == "policy" and "record.json is not there" in str(error)), error


@each
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(name: str, content: bytes) -> None:
    require_words(PARSERS[name].survives(content))


@each
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_a_valid_one_that_was_changed_is_read_or_refused(name: str, seed: int) -> None:
    parser: Parser = PARSERS[name]
    require_words(parser.survives(mutated(random.Random(seed), parser.valid(), parser.form)))  # noqa: S311


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs greenzone[fuzz]")
@each
def test_a_second_of_coverage_guided_fuzzing_finds_nothing(name: str, tmp_path: Path) -> None:
    bounds = ("-max_total_time=1", "-seed=1", f"-artifact_prefix={tmp_path}/")
    command = [sys.executable, "-m", "fuzz.target", name, *bounds]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
