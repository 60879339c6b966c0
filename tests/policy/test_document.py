"""The policy file: what it may say, and that what contradicts itself is refused, all faults at once."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from greenzone.datafiles import data_root
from greenzone.errors import DataFileError, FileError
from greenzone.policy.document import DEFAULT, Forbid, Policy, load_policy


@pytest.fixture
def policy(tmp_path: Path) -> Callable[[str], Policy]:
    def load(lines: str) -> Policy:
        path = tmp_path / "policy.toml"
        path.write_text(f"schema = 1\n{lines}\n", "utf-8")
        return load_policy(path)[0]

    return load


def test_a_policy_may_say_everything_of_the_format(policy: Callable[[str], Policy], tmp_path: Path) -> None:
    (tmp_path / "base.json").write_text("{}")
    found = policy(
        """
        on = 2025-04-10
        bases = ["claimed", "burst"]
        margin_min = 0.02
        record_age_days_max = 30
        emulated = true
        undecided = "warn"
        decision_rule = "guard"
        [[forbid]]
        regime = "us-3a090"
        paragraph = "3A090.a"
        to = ["CN", "@D5"]
        [[forbid]]
        regime = "us-letters-2025"
        to = "CN"
        [[limit]]
        benchmark = "memory.read"
        bandwidth_gb_s = ">= 3400"
        [baseline]
        record = "base.json"
        tolerance = 0.03
        """
    )
    assert found.on == date(2025, 4, 10)
    assert found.forbids[1] == Forbid("us-letters-2025", None, ("CN",))
    assert str(found.forbids[0]) == "forbid 3A090.a to CN, @D5"
    assert str(found.limits[0]) == "limit memory.read >= 3400 GB/s"
    assert found.baseline is not None
    assert found.baseline.tolerance == 0.03


def test_what_is_left_out_is_as_the_default(policy: Callable[[str], Policy]) -> None:
    assert policy("") == DEFAULT
    assert (DEFAULT.undecided, DEFAULT.emulated, DEFAULT.decision_rule) == ("fail", False, "nonbinary")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("[[forbid]]\nregime = 'us-3a09'", "forbid.0.regime - unknown regime 'us-3a09'; nearest: us-3a090"),
        ("[[forbid]]\nregime = 'us-3a090'\nto = ['China']", "'China' is no country; give an ISO 3166 code"),
        ("[[forbid]]\nregime = 'us-3a090'\nto = ['CM', '@D6']", "'@D6' is no country group; nearest: @"),
        ("[[forbid]]\nregime = 'us-3a090'\nto = []", "leave the key out for every destination"),
        ("[[forbid]]\nregime = 'us-3a090'\nparagraph = '3A090.x'", "us-3a090 has no '3A090.x'; nearest: 3A090"),
        ("[[forbid]]\nparagraph = '3A090.a'", "name it beside"),
        ("[[forbid]]\nregime = 'us-3a090'\nto = 'CN'\n[[forbid]]\nregime = 'us-3a090'\nto = 'MO'", "stands 2 times"),
        ("margin_min = -0.1", "margin_min - "),
        ("record_age_days_max = -1", "record_age_days_max - "),
        ("bases = []", "at least one basis"),
        ("bases = ['ceiling']", "bases.0 - "),
        ("bases = ['claimed']\nemulated = true", "emulated = true - looks at measurements, and bases accepts none"),
        ("bases = ['rated']\n[[limit]]\nbenchmark = 'peak'\nrate_tops = '< 5'", "limit - looks at measurements"),
        ("decision_rule = 'guard'\nconditional = 'pass'", "knows pass and fail alone"),
        ("undecided = 'ignore'", "undecided - "),
        ("[[limit]]\nbenchmark = 'peak'", "give one of rate_tops, bandwidth_gb_s, tokens_per_s"),
        ("[[limit]]\nbenchmark = 'peak'\nrate_tops = '< 5'\ntokens_per_s = '< 5'", "give one of"),
        ("[[limit]]\nbenchmark = 'peak'\nrate_tops = '> 5, < 4'", "nothing lies between its edges"),
        ("[baseline]\nrecord = 'nowhere.json'", "nowhere.json is not there"),
        ("[baseline]\nrecord = 'policy.toml'\ntolerance = 1.5", "baseline.tolerance - "),
        ("forbids = []", "forbids - unknown key; nearest: forbid"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_is_allowed(
    policy: Callable[[str], Policy], lines: str, words: str
) -> None:
    with pytest.raises(DataFileError) as caught:
        policy(lines)
    assert words in str(caught.value)
    assert "policy.toml: " in str(caught.value)
    assert caught.value.exit_code == 1


def test_every_contradiction_is_told_at_once(policy: Callable[[str], Policy]) -> None:
    with pytest.raises(DataFileError) as caught:
        policy(
            "bases = ['rated']\nemulated = true\ndecision_rule = 'simple'\nconditional = 'warn'\n"
            "forbid = [{paragraph = 'x'}]"
        )
    assert len(caught.value.faults) == 3


def test_a_policy_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        load_policy(tmp_path / "none.toml")


def test_the_exported_schema_accepts_and_refuses_the_same() -> None:
    schema = json.loads((data_root() / "schemas" / "policy.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate({"schema": 1, "forbid": [{"regime": "us-3a090", "to": "CN"}]})
    assert list(validator.iter_errors({"schema": 1, "forbids": []}))
    assert list(validator.iter_errors({"schema": 1, "margin_min": -1}))
