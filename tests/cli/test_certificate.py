"""`greenzone certificate` from end to end: a lot of eight emulated H200, one of them with faster memory."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import greenzone
from greenzone.datafiles import data_root, sha256
from greenzone.lab.harness import Request, run
from greenzone.policy.certifying.statements import EMULATED
from greenzone.records.digests import digests

from .test_bad_input import refused

Invoke = Callable[..., Result]
PROFILE = data_root() / "devices" / "nvidia" / "nvidia-h200-sxm.toml"
REPRESENTED = data_root() / "examples" / "represented.toml"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a profile of one's own: an H200 with 6,700 GB/s, which its bus and memory clock allow."""
    text = PROFILE.read_text("utf-8").replace("bandwidth_gb_s = 4800", "bandwidth_gb_s = 6700")
    text = text.replace("pin_gbit_s = 6.4", "pin_gbit_s = 8.8").replace('id = "nvidia-h200-sxm"', 'id = "h200-6700"')
    folder = tmp_path_factory.mktemp("own")
    (folder / "h200-6700.toml").write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def lot(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight short records, of the memory alone."""
    folder = tmp_path_factory.mktemp("lot")
    parts = [*["nvidia-h200-sxm"] * 7, str(own / "h200-6700.toml")]
    for n, part in enumerate(parts):
        made = run(Request(device=f"emulated:8x{part}:{n}", workloads=("memory",), folder=folder / "runs"))
        made.path.rename(folder / f"{n}.json")
    shutil.rmtree(folder / "runs")
    return folder


@pytest.fixture
def some(lot: Path, tmp_path: Path) -> Path:
    """A copy of three of them, to be changed."""
    folder = tmp_path / "some"
    folder.mkdir()
    for n in range(3):
        shutil.copy(lot / f"{n}.json", folder)
    return folder


def asked(path: Path, old: str, new: str) -> Path:
    """The example of represented values with something else in it."""
    text = REPRESENTED.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    return path


def certified(invoke: Invoke, *arguments: object, code: int) -> dict[str, Any]:
    done = invoke("certificate", *arguments, "--json")
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def told(found: dict[str, Any], status: str) -> str:
    return "\n".join(f"{line['rule']}: {line['text']}" for line in found["lines"] if line["status"] == status)


def test_a_lot_with_one_unit_above_fails_and_the_unit_is_named(
    invoke: Invoke, lot: Path, own: Path, tmp_path: Path
) -> None:
    page, plain = tmp_path / "c.html", tmp_path / "c.json"
    done = invoke("certificate", lot, "--represented", REPRESENTED, "--profiles", own, "-o", page, "-o", plain)
    assert done.exit_code == 3, done.output
    bad = json.loads((lot / "7.json").read_text())["device"]["uuid"]
    assert f"The emulated lot fails: unit {bad} (total DRAM bandwidth, 5" in done.stdout
    assert f"violated: unit {bad}: total DRAM bandwidth: Exceeded: " in done.stdout
    assert " pass: " not in done.stdout
    shared = [line for line in done.stdout.splitlines() if "run with --suite 'quick'" in line or "suite quick" in line]
    assert len(shared) == 1, "what is the same of eight units is one line"
    assert shared[0].lstrip().startswith("undecided: 8 units, EMULATED-")
    found = json.loads(plain.read_text("utf-8"))
    over = [u["id"] for u in found["units"] for q in u["quantities"] if q["outcome"] == "exceeded"]
    assert over == [bad]
    assert len({u["id"] for u in found["units"]}) == 8
    assert (found["emulated"], found["label"]) == (True, EMULATED)
    # The bus and the memory clock of that unit allow what was measured; its ceiling is told, and is no part's known.
    last = next(u for u in found["units"] if u["id"] == bad)
    assert "6758.4 GB/s a device" in last["quantities"][1]["ceiling"]["working"]
    assert "the record is of the part h200-6700, and nvidia-h200-sxm is represented" in told(found, "undecided")
    # Of the others the ceiling keeps to it; what was not run is not measured, and nothing is said of it.
    others = [[q["outcome"] for q in u["quantities"]] for u in found["units"][:7]]
    assert others == [["not_measured", "bounded", "not_measured", "bounded"]] * 7
    assert found["units"][0]["quantities"][1]["ceiling"]["value"] == pytest.approx(4915.2)
    assert "run with --suite quick, and the method asks for --suite lab" in told(found, "undecided")
    text = page.read_text("utf-8")
    assert text.count("EMULATED</span>") >= 5 + len(found["units"])
    assert bad in text


def test_a_certificate_is_signed_and_what_was_changed_in_it_is_named(invoke: Invoke, some: Path) -> None:
    paper, key = some.parent / "c.json", some.parent / "lab"
    assert invoke("certificate", some, "--represented", REPRESENTED, "-o", paper).exit_code == 4
    assert invoke("sign", "--new-key", key).exit_code == 0
    done = invoke("sign", paper, "--key", key)
    assert done.exit_code == 0, done.output
    held_to = ("--signature", some.parent / "c.dsse.json", "--public-key", f"{key}.pub")
    sound = invoke("verify", paper, *held_to)
    assert sound.exit_code == 0, sound.output
    assert "records: 3, each by its SHA-256" in sound.stdout
    assert "EMULATED: a certificate of emulated devices" in sound.stdout
    assert "verify these, and write the certificate anew" in sound.stdout
    document = json.loads(paper.read_text("utf-8"))
    document["statement"] = "The lot passes."
    paper.write_text(json.dumps(document), "utf-8")
    forged = invoke("verify", paper, *held_to)
    assert (forged.exit_code, forged.stdout) == (5, "")
    assert "the certificate is not the one that was signed: statement was changed" in " ".join(forged.stderr.split())
    told = json.loads(invoke("verify", paper, *held_to, "--json").stdout)
    assert (told["verified"], told["emulated"], told["signature"]) == (False, True, None)
    assert [one["sha256"] for one in told["records"]] == [
        sha256((some / f"{n}.json").read_bytes()) for n in range(3)
    ]


def test_the_certificate_names_every_file_by_its_hash(invoke: Invoke, some: Path) -> None:
    found = certified(invoke, some, "--represented", REPRESENTED, code=4)
    assert [r["sha256"] for r in found["records"]] == [sha256((some / f"{n}.json").read_bytes()) for n in range(3)]
    assert found["represented"]["sha256"] == sha256(REPRESENTED.read_bytes())
    assert found["method"]["sha256"] == sha256((data_root() / "methods" / "us-748-dd.md").read_bytes())
    assert "0 of 8 units were tested by the method" in told(found, "undecided")


def test_a_record_that_was_changed_is_set_aside(invoke: Invoke, some: Path) -> None:
    document = json.loads((some / "1.json").read_text())
    document["benchmarks"][0]["bandwidth_gb_s"]["median"] *= 0.9
    document["digests"] = digests(document)
    (some / "1.json").write_text(json.dumps(document))
    found = certified(invoke, some, "--represented", REPRESENTED, code=5)
    assert "1.json does not hold and is set aside: benchmarks[0]" in told(found, "invalid")
    assert len(found["units"]) == 2


def test_a_record_given_twice_and_a_copy_of_it_are_of_one_unit(invoke: Invoke, some: Path) -> None:
    shutil.copy(some / "0.json", some / "copy.json")
    three = (some / "0.json", some / "0.json", some / "copy.json")
    found = certified(invoke, *three, "--represented", REPRESENTED, code=4)
    assert [len(u["records"]) for u in found["units"]] == [2]


def test_where_the_ceiling_is_higher_it_is_said_by_how_much_and_what_would_close_it(
    invoke: Invoke, some: Path, tmp_path: Path
) -> None:
    file = asked(tmp_path / "r.toml", "dram_bandwidth_gb_s = 4920", "dram_bandwidth_gb_s = 4800")
    found = certified(invoke, some, "--represented", file, code=4)["units"][0]["quantities"][1]
    assert found["outcome"] == "open"
    assert "the ceiling is higher by 115.2 GB/s: 4915.2 GB/s = 6144 bits / 8 x 6.4 Gbit/s" in found["statement"]
    assert found["statement"].endswith("the memory clock or the width of the bus is limited by fuses would close it.")


def test_a_represented_value_under_what_was_measured_is_exceeded(invoke: Invoke, some: Path, tmp_path: Path) -> None:
    file = asked(tmp_path / "r.toml", "dram_bandwidth_gb_s = 4920", "dram_bandwidth_gb_s = 4000")
    found = certified(invoke, some, "--represented", file, code=3)
    assert found["statement"].startswith("The emulated lot fails: unit EMULATED-")


def test_only_what_the_key_signed_is_taken(invoke: Invoke, some: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    invoke("sign", "--new-key", key)
    for n in (0, 1):
        assert invoke("sign", some / f"{n}.json", "--key", key).exit_code == 0
    before = certified(invoke, some, "--represented", REPRESENTED, code=4)
    said = [r["signature"] for r in before["records"]]
    assert said == [*["an envelope lies beside it, and no key was given to check it with"] * 2, "not signed"]
    found = certified(invoke, some, "--represented", REPRESENTED, "--public-key", f"{key}.pub", code=5)
    assert [r["signature"].startswith("signed by the key ") for r in found["records"]] == [True, True, False]
    assert "2.json does not hold and is set aside: not signed: 2.dsse.json is not there" in told(found, "invalid")
    assert len(found["units"]) == 2


def test_the_method_is_printed_with_its_hash(invoke: Invoke) -> None:
    done = invoke("certificate", "--method")
    content = (data_root() / "methods" / "us-748-dd.md").read_bytes()
    assert done.exit_code == 0
    assert content.decode() in done.stdout
    assert f"SHA-256 of this text: {sha256(content)}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "--represented FILE"), (("0.json",), 2, "--represented FILE"),
        (("--represented", REPRESENTED), 2, "give RECORD..."),
        (("0.json", "--represented", REPRESENTED, "-o", "c.pdf"), 2, "written as .html or .json"),
        (("nothing.json", "--represented", REPRESENTED), 1, "nothing.json"),
        (("0.json", "--represented", "none.toml"), 1, "none.toml: cannot be read"),
        (("0.json", "--represented", "part.toml"), 2, "nvidia-h200-sxm"),
        ((".", "--represented", REPRESENTED, "--public-key", "none.pub"), 1, "none.pub"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_in_a_sentence(
    invoke: Invoke, some: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], code: int, said: str
) -> None:
    monkeypatch.chdir(some)
    asked(some / "part.toml", 'part = "nvidia-h200-sxm"', 'part = "nvidia-h200-sx"')
    if "none.pub" in arguments:
        (some / "0.dsse.json").write_text("{}")
    assert said in refused(invoke("certificate", *arguments), code)


def test_no_device_is_touched(some: Path) -> None:
    code = (
        "import sys\nfrom greenzone.cli.main import main\n"
        f"try:\n    main(['certificate', {str(some / '0.json')!r}, '--represented', {str(REPRESENTED)!r}, '-o',"
        f" {str(some / 'c.html')!r}])\nexcept SystemExit as error:\n    assert error.code == 4, error.code\n"
        "assert not {'torch', 'triton', 'pynvml', 'matplotlib'} & set(sys.modules), 'heavy'\n"
    )
    where = {"PYTHONPATH": str(Path(greenzone.__file__ or "").parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=where)
    assert done.returncode == 0, done.stderr


def test_the_method_as_json_is_one_document(invoke: Invoke) -> None:
    found = json.loads(invoke("certificate", "--method", "--json").stdout)
    content = (data_root() / "methods" / "us-748-dd.md").read_bytes()
    assert (found["schema"], found["id"], found["sha256"]) == ("greenzone.method/1", "us-748-dd", sha256(content))
    assert found["text"] == content.decode()


def test_a_link_in_a_circle_among_the_records_is_said(invoke: Invoke, tmp_path: Path) -> None:
    loop = tmp_path / "loop.json"
    loop.symlink_to(loop)
    done = invoke("certificate", loop, "--represented", data_root() / "examples" / "represented.toml")
    assert (done.exit_code, "loop.json: cannot be read" in done.stderr) == (1, True)
