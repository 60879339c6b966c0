"""Reading a profile: what is wrong is refused, file and key first, all at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from greenzone.datafiles import MAX_BYTES, load
from greenzone.errors import DataFileError, FileError
from greenzone.intervals import Interval
from greenzone.parts.profile import DeviceProfile

Toml = Callable[..., Path]


def faults(path: Path) -> list[str]:
    with pytest.raises(DataFileError) as caught:
        load(DeviceProfile, path)
    assert all(line.startswith(f"{path}: ") for line in str(caught.value).splitlines())
    return caught.value.faults


def test_a_profile_needs_no_more_than_schema_id_and_name(toml: Toml) -> None:
    found = load(DeviceProfile, toml())
    assert (found.id, found.name, found.item, found.datacenter) == ("acme-x1", "ACME X1", "integrated_circuit", None)


@pytest.mark.parametrize(
    ("lines", "key", "nearest"),
    [
        ("datacentre = true", "datacentre", "datacenter"),
        ("[peak_tops]\nfp9 = 1", "peak_tops.fp9", "fp8"),
        ("[memory]\nkind = 'HBM3'\nbandwith_gb_s = 1", "memory.bandwith_gb_s", "bandwidth_gb_s"),
        ("[[die]]\nkind = 'logic'\narea_mm = 1", "die.0.area_mm", "area_mm2"),
        ("[[link]]\nkind = 'X'\nbidirectional_gb_s = 1\non_pakage = true", "link.0.on_pakage", "on_package"),
        ("[hardware]\nboost = 1", "hardware.boost", "boost_mhz"),
        ("[peak_tops.fp8]\nvalue = 1\nsparse = true", "peak_tops.fp8.sparse", "sparsity"),
        ("[source.a]\ntitle = 'A'\nlink = 'x'", "source.a.link", "title"),
    ],
)
def test_a_misspelt_key_names_itself_and_the_nearest(toml: Toml, lines: str, key: str, nearest: str) -> None:
    (fault,) = faults(toml(lines))
    assert fault.startswith(f"{key} - unknown key; nearest: ")
    assert nearest in fault.partition("nearest: ")[2]


@pytest.mark.parametrize(
    "lines",
    [
        "[peak_tops]\nfp8 = {}",
        "[peak_tops]\nfp8 = {{ value = {} }}",
        "[[die]]\nkind = 'logic'\narea_mm2 = {}",
        "[memory]\nkind = 'HBM3'\nbandwidth_gb_s = {}",
        "[[link]]\nkind = 'X'\nbidirectional_gb_s = {}",
        "[hardware]\nboost_mhz = {}",
        "[hardware]\nops_per_clock = {{ fp8 = {} }}",
        "[[claim]]\nparameter = 'tpp'\nvalue = {}",
        "[[measurement]]\nformat = 'fp8'\nwindow = 'burst'\nexpanded_uncertainty = 0.1\nrate_tops = {}",
    ],
)
@pytest.mark.parametrize("number", ["-1", "0", "-0.5", "inf", "-inf", "nan"])
def test_no_figure_is_negative_zero_infinite_or_nan(toml: Toml, lines: str, number: str) -> None:
    found = faults(toml(lines.format(number)))
    assert found
    assert number.lstrip("-+") in " ".join(found) or "greater than" in " ".join(found)


def test_a_sparse_figure_needs_its_ratio(toml: Toml) -> None:
    (fault,) = faults(toml("[peak_tops]\nfp8 = { value = 485, sparsity = 'sparse' }"))
    assert fault.startswith("peak_tops.fp8.sparsity - ")
    assert "ratio" in fault
    (fault,) = faults(toml("[[claim]]\nparameter = 'peak_tops.fp8'\nvalue = 485\nsparsity = true"))
    assert fault.startswith("claim.0.sparsity - ")


@pytest.mark.parametrize(
    ("lines", "key", "allowed"),
    [
        ("item = 'gpu'", "item", "integrated_circuit"),
        ("io_limit = 'soft'", "io_limit", "programmable"),
        ("datacenter = 'yes'", "datacenter", "bool"),
        ("released = '2024-01-01'", "released", "date"),
        ("[[die]]\nkind = 'logic'\ntransistor = 'finfet'", "die.0.transistor", "non-planar"),
        ("[[die]]\nkind = 'logic'\ncount = 0", "die.0.count", "greater than or equal to 1"),
        ("[[die]]\nkind = 'logic'\ncount = 1.5", "die.0.count", "integer"),
        ("[peak_tops]\nconfidence = 'sure'", "peak_tops.confidence", "official"),
        ("[hardware]\nops_per_clock = { e4m3 = 1 }", "hardware.ops_per_clock", "fp"),
        ("[[claim]]\nparameter = 'performance_density'\nvalue = 1", "claim.0.parameter", "nearest"),
        ("[[claim]]\nparameter = 'peak_tops.e4m3'\nvalue = 1", "claim.0.parameter", "peak_tops.fp"),
        ("[[claim]]\nparameter = 'tpp'\nvalue = 'about 600'", "claim.0.value", ">="),
        (
            "[[measurement]]\nformat = 'x'\nwindow = 'burst'\nrate_tops = 1\nexpanded_uncertainty = 0",
            "measurement.0.format",
            "int8",
        ),
        (
            "[[measurement]]\nformat = 'fp8'\nwindow = 'peak'\nrate_tops = 1\nexpanded_uncertainty = 0",
            "measurement.0.window",
            "burst",
        ),
        (
            "[[measurement]]\nformat = 'fp8'\nwindow = 'burst'\nrate_tops = 1\nexpanded_uncertainty = 1",
            "measurement.0.expanded",
            "less than 1",
        ),
    ],
)
def test_a_wrong_value_names_its_key_and_what_is_allowed(toml: Toml, lines: str, key: str, allowed: str) -> None:
    found = faults(toml(lines))
    assert found[0].startswith(key)
    assert allowed in " ".join(found)


def test_all_faults_are_shown_at_once(toml: Toml) -> None:
    lines = "datacentre = true\nitem = 'gpu'\n[peak_tops]\nfp8 = -1\n[[die]]\narea_mm2 = 1\n"
    keys = {fault.split(" - ")[0] for fault in faults(toml(lines))}
    assert keys == {"datacentre", "item", "peak_tops.fp8.value", "die.0.kind"} or keys >= {
        "datacentre",
        "item",
        "die.0.kind",
    }
    assert len(keys) == 4


def test_what_is_required_is_named(toml: Toml) -> None:
    assert set(faults(toml(head="schema = 1\n"))) == {"id - required and not there", "name - required and not there"}


@pytest.mark.parametrize("schema", ["2", "0", "'1'"])
def test_a_schema_not_known_is_refused(toml: Toml, schema: str) -> None:
    assert faults(toml(head=f"schema = {schema}\nid = 'a'\nname = 'A'\n"))[0].startswith("schema - ")


@pytest.mark.parametrize("name", ["", "Nvidia", "a b", "../x", "-x", "é"])
def test_an_id_is_lower_case_and_short(toml: Toml, name: str) -> None:
    assert faults(toml(head=f"schema = 1\nid = '{name}'\nname = 'A'\n"))[0].startswith("id - ")


@pytest.mark.parametrize("lines", ["id = 'x'\n", "[memory\n", "a = = 1\n", "x = 1979-13-45\n"])
def test_what_is_no_toml_is_refused_with_its_line(toml: Toml, lines: str) -> None:
    (fault,) = faults(toml(lines))
    assert fault.startswith("not valid TOML: ")
    assert "line" in fault


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"name = '\xff'")
    assert "UTF-8" in faults(path)[0]


def test_a_profile_larger_than_one_mebibyte_is_refused(toml: Toml) -> None:
    fits = toml("#" * (MAX_BYTES - len(toml().read_bytes())))
    assert fits.stat().st_size == 1 << 20
    assert load(DeviceProfile, fits).id == "acme-x1"
    with pytest.raises(FileError, match="larger than 1 MiB"):
        load(DeviceProfile, toml("#" * MAX_BYTES))


def test_a_file_that_is_not_there_says_what_to_check(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.toml: cannot be read .*check the path"):
        load(DeviceProfile, tmp_path / "none.toml")
    with pytest.raises(FileError, match="cannot be read"):
        load(DeviceProfile, tmp_path)


def test_no_memory_has_no_bandwidth(toml: Toml) -> None:
    assert faults(toml("[memory]\nkind = 'none'\nbandwidth_gb_s = 5"))[0].startswith("memory - ")


@pytest.mark.parametrize(
    ("sparsity", "dense"),
    [("dense", Interval(485, 485)), ("2:4", Interval(242.5, 242.5)), ("unknown", Interval(242.5, 485))],
)
def test_a_sparse_rate_is_halved_and_an_unlabelled_one_may_be(
    profile: Callable[[str], DeviceProfile], sparsity: str, dense: Interval
) -> None:
    found = profile(f"[peak_tops]\nint8 = {{ value = 485, sparsity = '{sparsity}' }}")
    assert found.peak("int8") == dense
    assert found.peak("fp8") is None


def test_claims_of_one_rate_make_an_interval(profile: Callable[[str], DeviceProfile]) -> None:
    found = profile("[peak_tops]\nint8 = 242\n[[claim]]\nparameter = 'peak_tops.int8'\nvalue = 485\nsparsity = '2:4'")
    assert found.peak("int8") == Interval(242, 242.5)


@pytest.mark.parametrize(
    ("figure", "table", "source", "said"),
    [
        ("confidence = 'estimate'", "confidence = 'quoted'", "confidence = 'reported'", "estimate"),
        ("", "confidence = 'quoted'", "confidence = 'reported'", "quoted"),
        ("", "", "confidence = 'reported'", "reported"),
        ("", "", "", "official"),
    ],
)
def test_the_nearest_confidence_holds(
    profile: Callable[[str], DeviceProfile], figure: str, table: str, source: str, said: str
) -> None:
    comma = "," if figure else ""
    found = profile(
        f"[peak_tops]\n{table}\nfp8 = {{ value = 1, source = 'm'{comma} {figure} }}\n[source.m]\ntitle = 'M'\n{source}"
    )
    from greenzone.parts.evidence import claimed_rates

    (rate,) = claimed_rates(found)
    assert (rate.confidence, rate.source) == (said, "M")
