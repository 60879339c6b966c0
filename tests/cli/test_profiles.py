"""`greenzone profiles`, `tiers` and `identify` as a user has them: text, JSON, CSV, files, exits."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

Invoke = Callable[..., Result]
HEAD = 'schema = 1\nid = "{0}"\nname = "{0}"\n'


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one's own with a good profile and a broken one."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "acme-x1.toml").write_text(HEAD.format("acme-x1") + "[peak_tops]\nint8 = 100\n")
    (tmp_path / "own" / "acme-bad.toml").write_text(HEAD.format("acme-bad") + "dies = 2\n")
    return tmp_path / "own"


def test_the_list_counts_at_least_seventy_five_parts(invoke: Invoke) -> None:
    assert int(ok(invoke("profiles", "list")).splitlines()[-1].split()[0]) >= 75
    found = json.loads(ok(invoke("profiles", "list", "--json")))
    assert len(found) >= 75
    assert {"id", "name", "vendor", "tpp"} <= set(found[0])
    own = json.loads(ok(invoke("profiles", "list", "--vendor", "huawei", "--json")))
    assert {p["vendor"] for p in own} == {"Huawei"}
    assert "there are: AMD, AWS" in invoke("profiles", "list", "--vendor", "acme").output


def test_show_prints_each_number_with_its_source(invoke: Invoke) -> None:
    text = ok(invoke("profiles", "show", "nvidia-h20"))
    for figure in ("peak_tops.fp8", "memory.bandwidth_gb_s", "link, NVLink 4", "die, logic", "hardware.units"):
        (line,) = [x for x in text.splitlines() if x.strip().startswith(f"{figure} ")]
        assert line.split()[-1] in ("toms_h20", "nvhopper", "wccftech")
    for title in ("Tom's Hardware, NVIDIA H20", "NVIDIA, Hopper Architecture In-Depth"):
        assert title in text
    assert "capped" in text
    found = json.loads(ok(invoke("profiles", "show", "nvidia-h20", "--json")))
    assert all(f["source"] and f["confidence"] for f in found["figures"])
    assert {w["rule"] for w in found["warnings"]} >= {"capped"}


@pytest.mark.parametrize("name", ["NVIDIA H20", "nvidia h20", "NVIDIA GeForce RTX 4090"])
def test_a_part_is_found_by_its_name(invoke: Invoke, name: str) -> None:
    assert "file: " in ok(invoke("profiles", "show", name))


def test_a_name_that_matches_two_profiles_names_both(invoke: Invoke, folder: Path) -> None:
    (folder / "acme-h20.toml").write_text(HEAD.format("acme-h20") + '[match]\nnames = ["NVIDIA H20"]\n')
    result = invoke("profiles", "show", "NVIDIA H20", "--profiles", folder)
    assert result.exit_code == 2
    assert "is the name of acme-h20 and of nvidia-h20; give the id" in result.stderr


def test_the_shipped_profiles_pass_and_every_warning_is_explained(invoke: Invoke) -> None:
    text = ok(invoke("profiles", "lint", "--strict"))
    assert "no fault found; 0 warnings" in text
    found = json.loads(ok(invoke("profiles", "lint", "--json")))
    assert found["faults"] == []
    assert all(w["explained"] for w in found["warnings"])
    assert "explained:" in ok(invoke("profiles", "lint", "--verbose"))


def test_the_rules_are_listed_with_what_they_are_for(invoke: Invoke) -> None:
    found = json.loads(ok(invoke("profiles", "lint", "--rules", "--json")))
    assert {"capped", "sparse", "edge"} <= {r["id"] for r in found}


def test_a_broken_file_is_named_and_the_others_load(invoke: Invoke, folder: Path) -> None:
    for command in (("profiles", "list"), ("tiers",)):
        result = invoke(*command, "--profiles", folder, "--json")
        assert "acme-x1" in {row["id"] for row in json.loads(ok(result))}
        assert "warning: left out:" in result.stderr
        assert "acme-bad.toml: dies - unknown key" in result.stderr
    result = invoke("profiles", "lint", "--profiles", folder)
    assert result.exit_code == 1
    assert "2 profile files checked, 1 faulty" in result.stderr


def test_an_id_that_is_repeated_is_refused_by_name(invoke: Invoke, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "acme-x1.toml").write_text(HEAD.format("acme-x1"))
    result = invoke("profiles", "list", "--profiles", folder)
    assert result.exit_code == 0
    assert "'acme-x1' is also that of" in result.stderr
    assert invoke("classify", "acme-x1", "--profiles", folder).exit_code == 1
    assert "give it one of its own" in invoke("profiles", "lint", folder).stderr


def test_strict_fails_on_a_warning_that_is_not_explained(invoke: Invoke, folder: Path) -> None:
    assert "acme-x1: unsourced: peak_tops.int8" in ok(invoke("profiles", "lint", folder / "acme-x1.toml"))
    result = invoke("profiles", "lint", "--strict", folder / "acme-x1.toml")
    assert result.exit_code == 1
    assert "warnings are not explained" in result.stderr


def test_a_comparison_in_every_form(invoke: Invoke, tmp_path: Path) -> None:
    pair = ("profiles", "compare", "nvidia-h100-sxm", "nvidia-h20", "--metric", "dram_bandwidth_gb_s")
    assert "4000 (119%)" in ok(invoke(*pair))
    assert "| dram_bandwidth_gb_s (GB/s) | 3350 | 4000 (119%) |" in ok(invoke(*pair, "--format", "markdown"))
    (row,) = csv.DictReader(io.StringIO(ok(invoke(*pair, "--format", "csv"))))
    assert (row["nvidia-h20 low"], row["nvidia-h100-sxm high"]) == ("4000.0", "3350.0")
    assert json.loads(ok(invoke(*pair, "--json")))[0]["nvidia-h20 share low"] == pytest.approx(4000 / 3350)
    out = tmp_path / "a.csv"
    ok(invoke(*pair, "--format", "csv", "-o", out))
    assert out.read_text().startswith("metric,unit,")


def test_tiers_as_csv_plot_and_parquet(invoke: Invoke, tmp_path: Path) -> None:
    plot, table = tmp_path / "t.svg", tmp_path / "t.parquet"
    rows = list(csv.DictReader(io.StringIO(
        ok(invoke("tiers", "--sort", "performance_density", "--format", "csv", "--plot", plot))
    )))  # fmt: skip
    known = [float(r["performance_density_low"]) for r in rows if r["performance_density_low"]]
    assert known == sorted(known, reverse=True)
    assert len(rows) >= 75
    assert plot.read_text("utf-8").count("<svg") == 1
    ok(invoke("tiers", "--format", "parquet", "-o", table))
    assert len(pd.read_parquet(table)) == len(rows)
    assert "(#" in ok(invoke("tiers", "nvidia-h20", "nvidia-h100-sxm", "--of", "nvidia-h100-sxm"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tiers", "--sort", "speed"), "unknown metric 'speed'"),
        (("tiers", "--format", "parquet"), "give -o FILE"),
        (("tiers", "--json", "--format", "csv"), "choose one"),
        (("tiers", "--of", "nvidia-h21"), "nearest: nvidia-h20"),
        (("tiers", "--plot", "x.gif"), "end its name with one of them"),
        (("profiles", "compare", "nvidia-h20"), "at least two"),
        (("profiles", "new", "Not An Id", "-o", "-"), "is no id"),
        (("profiles", "new", "x", "--peak", "fp16", "-o", "-"), "--peak fp16: write NAME=NUMBER"),
        (("profiles", "new", "x", "--peak", "fp16=nan", "-o", "-"), "the number above zero"),
        (("profiles", "new", "x", "--die", "1.2in2", "-o", "-"), "in square millimetres"),
        (("profiles", "new", "x", "--memory", "HBM3,1,2,3", "-o", "-"), "write KIND, KIND,GB or KIND,GB,GB/S"),
        (("profiles", "new", "x", "--device", "emulated:nvidia-h20", "-o", "-"), "tells what its profile says"),
        (("profiles", "new", "x", "--link", "PCIe=1", "--link", "PCIe=2", "-o", "-"), "PCIe is given twice"),
        (("profiles", "new", "x", "--memory", "none,80", "-o", "-"), 'kind = "none" has neither'),
        (("profiles", "new", "x", "--memory", "HBM3,,4000", "-o", "-"), "write KIND, KIND,GB"),
        (("profiles", "new", "x", "--die", "300x814", "-o", "-"), "die.0.count"),
        (("profiles", "new", "x", "--ops", "fp99=5", "-o", "-"), "no number format"),
        (("identify",), "give RECORDs, or a device"),
        (("identify", "x.json", "--device", "cpu"), "and not both"),
    ],
)
def test_bad_input_gets_a_sentence_and_exit_2(invoke: Invoke, arguments: tuple[str, ...], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_a_profile_is_begun_checked_and_never_overwritten(invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "acme-x2.toml"
    options = ("--name", "ACME X2", "--die", "2x814@TSMC 4NP", "--peak", "fp16=989", "--memory", "HBM3,96,4000",
               "--link", "NVLink 4=900", "--units", "132", "--boost-mhz", "1830", "--ops", "fp16=4096",
               "--source", "sheet of ACME", "--no-datacenter")  # fmt: skip
    assert "fill in what is commented out" in ok(invoke("profiles", "new", "acme-x2", *options, "-o", out))
    assert "fp16 989 x 16" in ok(invoke("profiles", "show", out))
    before = out.read_text()
    result = invoke("profiles", "new", "acme-x2", "-o", out)
    assert result.exit_code == 1
    assert "is there already" in result.stderr
    assert out.read_text() == before


def test_identify_from_a_device_and_from_its_record(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("identify", "--device", "emulated:nvidia-h20", "-o", tmp_path, "--json")
    found = json.loads(ok(result))
    assert (found["likeliest"], found["emulated"]) == (["nvidia-h20"], True)
    text = ok(invoke("identify", found["record"], "--top", "2"))
    assert "EMULATED" in text
    assert "behaves like nvidia-h20" in text


def test_a_record_with_nothing_to_tell_by_exits_4(invoke: Invoke, tmp_path: Path) -> None:
    found = json.loads(ok(invoke("identify", "--device", "emulated:nvidia-h20", "-o", tmp_path, "--json")))
    record = json.loads(Path(found["record"]).read_text("utf-8"))
    record["benchmarks"], record["device"] = [], {"name": "x", "part": record["device"]["part"]}
    (tmp_path / "bare.json").write_text(json.dumps(record))
    result = invoke("identify", tmp_path / "bare.json")
    assert result.exit_code == 4
    assert "nothing was measured that tells parts apart" in result.stderr


def test_a_link_is_written_through_and_a_device_is_never_replaced(invoke: Invoke, tmp_path: Path) -> None:
    target, link = tmp_path / "t.csv", tmp_path / "l.csv"
    target.write_text("old")
    link.symlink_to(target)
    ok(invoke("tiers", "nvidia-h20", "--format", "csv", "-o", link))
    assert link.is_symlink()
    assert target.read_text().startswith("id,name")
    ok(invoke("tiers", "nvidia-h20", "--format", "csv", "-o", "/dev/null"))
    assert Path("/dev/null").is_char_device()


def test_a_file_named_otherwise_than_its_id_is_a_fault_and_an_empty_folder_is_no_pass(
    invoke: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "bbb.toml").write_text(HEAD.format("aaa"))
    assert "name it aaa.toml" in invoke("profiles", "lint", tmp_path).stderr
    (tmp_path / "empty").mkdir()
    assert invoke("profiles", "lint", "--strict", tmp_path / "empty").exit_code == 2
