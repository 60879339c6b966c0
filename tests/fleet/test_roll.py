"""The roll's file, what an answer makes of a line of it, and the code it exits with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenzone.datafiles import data_root
from greenzone.errors import RecordError, UsageError
from greenzone.fleet.conduct import new_roll
from greenzone.fleet.engines.engine import Answer
from greenzone.fleet.roll import Entry, Roll, entered, read_roll, require_restated, write_roll
from greenzone.lab.harness import Request
from greenzone.law.transaction import Transaction
from greenzone.parts.catalogue import load_profile

L2 = load_profile("nvidia-l2")
ASKED = Request("cuda:0", workloads=("matmul",))
SETTINGS = {"suite": "quick", "workloads": ["matmul"], "seed": 0, "formats": None, "device": "cuda:0"}


def line(number: int = 0, **more: Any) -> Entry:
    return Entry(number=number, node="a", device="cuda:3", seen_as="cuda:0", **more)


def roll_of(*entries: Entry) -> Roll:
    return new_roll(ASKED, "subprocess").model_copy(update={"entries": list(entries)})


@pytest.mark.parametrize(
    ("codes", "code"), [((0, 0), 0), ((0, 4), 4), ((4, 5), 5), ((5, 4, 1, 0), 1), ((), 0)]
)
def test_the_most_severe_code_is_the_fleets(codes: tuple[int, ...], code: int) -> None:
    assert roll_of(*(line(n, exit_code=c) for n, c in enumerate(codes))).exit_code == code


def test_a_roll_is_read_as_it_was_written(tmp_path: Path) -> None:
    deal = Transaction.of("CN", on_sale_us=False)
    roll = new_roll(Request("x", formats=("fp8",), transaction=deal), "ray", ["emulated:8xnvidia-h20"], address="auto")
    write_roll(roll, tmp_path)
    assert read_roll(tmp_path) == roll
    assert (read_roll(tmp_path).asked().formats, read_roll(tmp_path).asked().transaction) == (("fp8",), deal)


OWN = "emulated:2x./acme.toml"


@pytest.mark.parametrize(
    ("devices", "address", "given", "words"),
    [
        ([OWN], None, {}, "lies outside its folder; name it again, with --device emulated:2x"),
        ([OWN], None, {"devices": [OWN]}, None),
        ([OWN], None, {"devices": ["cpu"]}, "--device cpu: this fleet was asked for emulated:2x"),
        (["emulated:nvidia-h20"], None, {}, None),
        ([], "10.0.0.9:6379", {}, r"name it again, with --address 10\.0\.0\.9:6379$"),
        ([], "10.0.0.9:6379", {"address": "10.0.0.9:6379"}, None),
        ([], "10.0.0.9:6379", {"address": "auto"}, r"--address auto: this fleet ran on 10\.0\.0\.9:6379"),
        ([], None, {"address": "auto"}, "this fleet ran on no cluster"),
        ([], "auto", {}, None),
    ],
)
def test_what_a_roll_names_beyond_its_folder_is_followed_only_if_the_user_names_it(
    devices: list[str], address: str | None, given: dict[str, Any], words: str | None
) -> None:
    roll = new_roll(ASKED, "ray" if address else "subprocess", devices, address=address)
    asked: dict[str, Any] = {"devices": [], **given}
    if words is None:
        require_restated(roll, **asked)
        return
    with pytest.raises(UsageError, match=words):
        require_restated(roll, **asked)


def test_a_roll_names_models_by_their_ids_and_never_by_a_file(tmp_path: Path) -> None:
    own = tmp_path / "acme-nano.toml"
    text = (data_root() / "models" / "gpt2.toml").read_text("utf-8").replace('"gpt2"', '"acme-nano"', 1)
    own.write_text(text, "utf-8")
    roll = new_roll(Request("x", models=("gpt2", str(own))), "subprocess")
    assert roll.request["models"] == ["gpt2", "acme-nano"]
    assert roll.asked([str(own)]).models == ("gpt2", str(own))
    with pytest.raises(UsageError, match="'acme-nano' was a file of your own; name it again, with --model"):
        roll.asked()
    with pytest.raises(UsageError, match=r"name it again, with --model acme-nano\.toml$"):
        require_restated(roll, [])
    require_restated(roll, [], [str(own)])


def test_all_that_is_to_be_named_again_is_named_at_once() -> None:
    roll = new_roll(ASKED, "ray", [OWN], address="10.0.0.9:6379")
    with pytest.raises(UsageError, match=r"with --device emulated:2x\./acme\.toml --address 10\.0\.0\.9:6379$"):
        require_restated(roll, [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON.*a roll is what `greenzone fleet run` writes to its folder"),
        ("[]", "no roll of a fleet"),
        ('{"schema": "greenzone.fleet/2"}', "no roll of a fleet"),
        ('{"schema": "greenzone.fleet/1", "id": "x"}', "a broken roll: engine - Field required"),
    ],
)  # fmt: skip
def test_a_roll_that_is_none_is_one_sentence(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "roll.json").write_text(content)
    with pytest.raises(RecordError, match=words):
        read_roll(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("record", "/etc/x.json", "below the folder of the roll"), ("record", "a/../../x.json", "without .."),
        ("record", "", "below the folder"), ("number", 7, "numbered from 0 on"), ("number", -1, "numbered from 0 on"),
    ],
)  # fmt: skip
def test_a_roll_leads_nowhere_but_into_its_folder(tmp_path: Path, key: str, value: object, words: str) -> None:
    write_roll(roll_of(line()), tmp_path)
    data = json.loads((tmp_path / "roll.json").read_text("utf-8"))
    data["entries"][0][key] = value
    (tmp_path / "roll.json").write_text(json.dumps(data))
    with pytest.raises(RecordError, match=words):
        read_roll(tmp_path)


def test_a_roll_with_a_request_that_is_none_is_broken(tmp_path: Path) -> None:
    write_roll(roll_of(line()), tmp_path)
    data = json.loads((tmp_path / "roll.json").read_text("utf-8"))
    data["request"]["seed"] = "soon"
    (tmp_path / "roll.json").write_text(json.dumps(data))
    with pytest.raises(RecordError, match=r"a broken roll: seed - "):
        read_roll(tmp_path)


def test_no_record_leaves_the_engines_word(tmp_path: Path) -> None:
    found = entered(line(), Answer(0, "late", "no end after 4 s", None, 4.0), ASKED, tmp_path)
    assert (found.state, found.why, found.exit_code, found.seconds) == ("late", "no end after 4 s", 1, 4.0)


def test_a_broken_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("{")
    found = entered(line(), Answer(0, "ended", None, path), ASKED, tmp_path)
    assert (found.state, found.exit_code) == ("refused", 1)
    assert "not valid JSON" in (found.why or "")


@pytest.mark.parametrize(
    ("end", "more", "state", "code", "words"),
    [
        ("ended", {}, "done", 0, None),
        ("ended", {"rows": [{"validity": "unstable", "rate_tops": 1.0}]}, "done", 5, "not sound: matmul unstable"),
        ("ended", {"rows": [{"reason": "no path"}]}, "done", 4, "no benchmark gave a figure"),
        ("ended", {"settings": {**SETTINGS, "suite": "lab"}}, "refused", 1, "suite 'lab', not 'quick'"),
        ("missing", {}, "failed", 1, None), ("late", {}, "late", 1, None), ("stopped", {}, "stopped", 1, None),
        ("ended", {"findings": [{"code": "device_lost", "severity": "error", "text": "gone"}]}, "failed", 1, "gone"),
    ],
)  # fmt: skip
def test_what_a_record_says_of_its_device(
    tmp_path: Path, write_record: Callable[..., Path], end: Any, more: dict[str, Any], state: str, code: int,
    words: str | None,
) -> None:  # fmt: skip
    path = write_record(L2, device={"uuid": "GPU-1", "emulated": False}, **{"settings": SETTINGS, **more})
    found = entered(line(), Answer(0, end, None, path), ASKED, tmp_path)
    assert (found.state, found.exit_code, found.uuid, found.record) == (state, code, "GPU-1", "r.json")
    assert (words or "") in (found.why or "")
