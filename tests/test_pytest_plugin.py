"""The plugin in the hands of a user: a test file of their own, run with what pyproject declares."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import greenzone

# A run within this process drops what it loads: what is heavy is loaded here, once (torch could not be a second time).
import greenzone.lab.devices.cuda
import greenzone.lab.devices.emulated.device
import greenzone.lab.harness
from greenzone.law.verdict import Verdict
from greenzone.pytest_plugin.within import status_of

ROOT = Path(__file__).parents[1]
ENTRY = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["pytest11"]
H20 = "--greenzone-device=emulated:nvidia-h20"
PRODUCT = """
        from greenzone.lab.operators import Matmul
        PRODUCT = Matmul(16384, 16384, 16384, "fp8")
"""


@pytest.fixture
def user(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder of a user's who has greenzone installed: its entry points are those of pyproject."""
    installed = pytester.mkdir("greenzone_here-0.dist-info")
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: greenzone-here\nVersion: 0\n")
    lines = [f"{name} = {module}" for name, module in ENTRY.items()]
    (installed / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines]) + "\n")
    pytester.syspathinsert()
    return pytester


def output(result: pytest.RunResult) -> str:
    return " ".join(result.stdout.str().split())


def marked(user: pytest.Pytester, arguments: str, *options: str) -> pytest.RunResult:
    """The run of one empty test with the marker."""
    user.makepyfile(f"import pytest\n\n@pytest.mark.within({arguments})\ndef test_part(): pass\n")
    return user.runpytest_inprocess(*options)


def test_a_part_that_is_caught_fails_with_clause_value_edge_and_margin(user: pytest.Pytester) -> None:
    result = marked(user, 'regime="us-3a090", on="2023-11-17", to="CN", part="nvidia-h100-sxm"')
    result.assert_outcomes(failed=1)
    text = output(result)
    assert "nvidia-h100-sxm under us-3a090: caught, as of 2023-11-17" in text
    assert re.search(r"3A090.a.1 true: tpp \S*15832 >= 4800 \(\+229.8%\)", text)
    assert "licence required" in text
    assert "no legal advice" in text
    assert "Traceback" not in text


def test_a_part_that_is_not_caught_passes_and_says_so_in_junit(user: pytest.Pytester) -> None:
    result = marked(user, 'regime="us-3a090", on="2023-11-17", part="nvidia-h20"', "--junit-xml=out.xml")
    result.assert_outcomes(passed=1)
    assert "nvidia-h20 under us-3a090: not caught" in (user.path / "out.xml").read_text("utf-8")


def test_a_paragraph_is_asked_by_itself(user: pytest.Pytester) -> None:
    own = 'regime="us-3a090", on="2023-11-17", part="nvidia-h100-sxm"'
    marked(user, f'{own}, paragraph="3A090.b"').assert_outcomes(passed=1)
    marked(user, f'{own}, paragraph="3A090.a"').assert_outcomes(failed=1)


@pytest.mark.parametrize(("undecided", "outcome"), [("fail", "failed"), ("skip", "skipped")])
def test_what_nobody_can_tell_never_passes(user: pytest.Pytester, undecided: str, outcome: str) -> None:
    lines = 'schema = 1\nid = "acme"\nname = "ACME"\ndatacenter = true\n[peak_tops]\nfp8 = 400\nsource = "m"\n'
    source = '[source.m]\ntitle = "Sheet"\nurl = "https://example.org"\nconfidence = "official"\n'
    (user.path / "acme.toml").write_text(lines + source)
    arguments = f'regime="us-3a090", on="2023-11-17", part="acme.toml", undecided="{undecided}"'
    result = marked(user, arguments, "-rs")
    result.assert_outcomes(**{outcome: 1})
    assert "undecided as of 2023-11-17: facts are missing; missing: applicable_die_area_mm2" in output(result)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('regime="us-3a09"', "unknown regime 'us-3a09'; nearest: us-3a090"),
        ('regime="us-3a090", on="soon"', "'soon' is no date; write YYYY-MM-DD"),
        ('regime="us-3a090", to="Mars"', "'Mars' is no country"),
        ('regime="us-3a090", paragraph="3A090.z"', "unknown paragraph of us-3a090 '3A090.z'; nearest: 3A090.b"),
        ('regime="us-3a090", undecided="pass"', "undecided is 'pass'; allowed: fail, skip"),
        ('regime="us-3a090", part="nvidia-h21"', "unknown profile 'nvidia-h21'"),
        ('regim="us-3a090"', "unknown argument 'regim'; nearest: regime"),
        ("", "names one regime"),
    ],
)
def test_a_marker_that_asks_what_does_not_exist_is_a_usage_error(
    user: pytest.Pytester, arguments: str, words: str
) -> None:
    result = marked(user, arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.stderr.lines if line]
    assert line.startswith("ERROR: test_a_marker")
    assert words in line


@pytest.mark.parametrize(
    ("values", "paragraph", "status"),
    [
        # caught by a.2 or b.1, nobody knows which: the regime for certain, neither paragraph alone
        ("tpp=2400..4000 performance_density=5..7", None, "caught"),
        ("tpp=2400..4000 performance_density=5..7", "3A090.a", "undecided"),
        ("tpp=2400..4000 performance_density=5..7", "3A090.b", "undecided"),
        ("tpp=5000 performance_density=1", "3A090.a", "caught"),
        ("tpp=5000 performance_density=1", "3A090.b", "not_caught"),
        # a.1 or nothing: b is out of reach whatever the fact turns out to be
        ("tpp=4000..5000 performance_density=1 datacenter=true", None, "undecided"),
        ("tpp=4000..5000 performance_density=1 datacenter=true", "3A090.a", "undecided"),
        ("tpp=4000..5000 performance_density=1 datacenter=true", "3A090.b", "not_caught"),
        ("tpp=1000", "3A090.a", "not_caught"),
    ],
)
def test_the_status_of_a_paragraph(
    decide: Callable[..., Verdict], values: str, paragraph: str | None, status: str
) -> None:
    assert status_of(decide(f"datacenter=true {values}"), paragraph) == status


def test_a_contradicted_claim_leaves_every_paragraph_undecided(decide: Callable[..., Verdict]) -> None:
    verdict = replace(decide("tpp=1000"), status="undecided", reason="claim_exceeded")
    assert status_of(verdict, "3A090.b") == "undecided"


def test_a_test_that_fails_is_not_asked_about_the_law(user: pytest.Pytester) -> None:
    user.makepyfile("""
        import pytest

        @pytest.mark.within(regime="us-3a090", on="2023-11-17", part="nvidia-h100-sxm")
        def test_part(): assert False, "my own reason"
    """)
    text = output(user.runpytest_inprocess())
    assert "my own reason" in text
    assert "under us-3a090: caught" not in text


def test_the_seconds_are_the_devices_own(user: pytest.Pytester) -> None:
    user.makepyfile(f"""
        import pytest
        {PRODUCT}
        @pytest.mark.benchmark(group="products")
        @pytest.mark.within(regime="us-3a090", on="2023-11-17", to="CN")
        def test_product(greenzone_benchmark, greenzone_device, benchmark):
            before = greenzone_device.now()
            found = greenzone_benchmark(PRODUCT)
            assert greenzone_device.now() > before + 1, "a second of the emulated clock"
            assert benchmark.stats.stats.data == list(found.samples), "to the last digit"
    """)
    result = user.runpytest_inprocess(H20, "--benchmark-json=out.json")
    result.assert_outcomes(passed=1)
    assert "emulated:nvidia-h20, NVIDIA H20" in output(result)
    written = json.loads((user.path / "out.json").read_text("utf-8"))
    (row,) = written["benchmarks"]
    info, seconds = row["extra_info"], row["stats"]["median"]
    assert (row["group"], row["options"]["timer"]) == ("products", "device_seconds")
    assert (info["emulated"], info["format"], info["shape"]) == (True, "fp8", {"m": 16384, "n": 16384, "k": 16384})
    assert info["operations"] == 2 * 16384**3
    assert info["rate_tops"]["median"] == pytest.approx(2 * 16384**3 / seconds / 1e12)
    assert 0 < info["rate_tops"]["median"] < 296
    assert written["machine_info"]["greenzone"]["id"] == "emulated:nvidia-h20"


def test_what_was_saved_is_compared_with_and_another_device_is_warned_of(user: pytest.Pytester) -> None:
    user.makeconftest("def pytest_benchmark_generate_machine_info(): return {}")  # the processor's takes a second
    user.makepyfile(f"{PRODUCT}\n        def test_product(greenzone_benchmark): greenzone_benchmark(PRODUCT)")
    user.runpytest_inprocess(H20, "--benchmark-save=first").assert_outcomes(passed=1)
    same = user.runpytest_inprocess(H20, "--benchmark-compare=0001", "--benchmark-compare-fail=median:5%")
    assert same.ret == 0
    assert "machine_info is different" not in same.stdout.str() + same.stderr.str()
    other = user.runpytest_inprocess("--greenzone-device=emulated:nvidia-h200-sxm", "--benchmark-compare=0001")
    assert "machine_info is different" in other.stdout.str() + other.stderr.str()
    listed = user.run(sys.executable, "-m", "pytest_benchmark", "compare", "0001")
    listed.stdout.fnmatch_lines(["*test_product*"])


def test_benchmarks_that_are_disabled_or_skipped_measure_nothing(user: pytest.Pytester) -> None:
    user.makepyfile(f"""{PRODUCT}
        def test_product(greenzone_benchmark):
            assert greenzone_benchmark(PRODUCT).samples

        def test_that_nothing_was_timed(greenzone_device):
            assert greenzone_device.now() == 0
    """)
    disabled = user.runpytest_inprocess(H20, "--benchmark-disable", "-rs")
    disabled.assert_outcomes(passed=1, skipped=1)
    assert "benchmarks are disabled: the work ran once" in output(disabled)
    user.runpytest_inprocess(H20, "--benchmark-skip").assert_outcomes(passed=1, skipped=1)
    user.runpytest_inprocess(H20, "--benchmark-only").assert_outcomes(passed=1, skipped=1)


@pytest.mark.parametrize("option", ["--benchmark-disable", "--benchmark-enable"])
def test_a_wrong_result_fails(user: pytest.Pytester, option: str) -> None:
    user.makepyfile(f"""{PRODUCT}
        def test_product(greenzone_benchmark, monkeypatch):
            from greenzone.lab.devices.emulated.device import EmulatedKernel
            from greenzone.lab.results import Check
            monkeypatch.setattr(EmulatedKernel, "check", lambda self: Check(0.5, 0.01, "float64"))
            greenzone_benchmark(PRODUCT)
    """)
    result = user.runpytest_inprocess(H20, option, "-W", "ignore")  # a fixture that gave no figure is warned of
    result.assert_outcomes(failed=1)
    assert re.search(r"wrong result[a-z ]*: error 0\.5", output(result))


def test_a_function_of_the_users_own_is_timed_by_the_device_and_is_no_evidence(user: pytest.Pytester) -> None:
    user.makeconftest("""
        import itertools, pytest
        from greenzone.lab.devices.cpu import CpuDevice, HostClocks

        @pytest.fixture(scope="session")
        def greenzone_device():
            ticks = itertools.count(step=0.005)
            return CpuDevice(clocks=HostClocks(lambda: next(ticks), lambda: 0.0, lambda: 0))
    """)
    user.makepyfile("""
        def test_mine(greenzone_benchmark):
            def triad(): pass
            found = greenzone_benchmark(triad, operations=2e9, bytes=24e9, format="fp64", shape={"n": 1000})
            assert found.samples[0] == __import__("pytest").approx(0.005)
            assert found.check is None
            assert found.metrics["rate_tops"].median == __import__("pytest").approx(0.4)

        def test_uncounted(greenzone_benchmark):
            assert set(greenzone_benchmark(lambda: None).metrics) == {"calls_per_s"}
    """)
    result = user.runpytest_inprocess("--benchmark-json=out.json")
    result.assert_outcomes(passed=2)
    info = json.loads((user.path / "out.json").read_text("utf-8"))["benchmarks"][0]["extra_info"]
    assert (info["name"], info["emulated"], info["shape"]) == ("triad", False, {"n": 1000})
    assert info["bandwidth_gb_s"]["median"] == pytest.approx(4800)
    assert "a function of the user's own" in " ".join(info["notes"])


def test_an_emulated_device_runs_no_function(user: pytest.Pytester) -> None:
    user.makepyfile("def test_mine(greenzone_benchmark): greenzone_benchmark(lambda: None)")
    result = user.runpytest_inprocess(H20, "-rs")
    result.assert_outcomes(skipped=1)
    assert "times operators by its model and runs no function of the user's own" in output(result)


def test_a_measurement_above_the_claim_is_seen_by_the_marker(user: pytest.Pytester) -> None:
    user.makeconftest("""
        import pytest
        from greenzone.lab.devices.emulated.device import EmulatedDevice
        from greenzone.parts.catalogue import load_profile

        class NoLongerEmulated(EmulatedDevice):
            emulated = False
            def time(self, kernel, count):
                return [s / 2 for s in super().time(kernel, count)]
            def ceiling_tops(self, format):
                return None

        @pytest.fixture(scope="session")
        def greenzone_device():
            return NoLongerEmulated(load_profile("nvidia-h20"))
    """)
    user.makepyfile(f"""
        import pytest
        {PRODUCT}
        @pytest.mark.within(regime="us-3a090", on="2023-11-17", undecided="skip")
        def test_product(greenzone_benchmark):
            greenzone_benchmark(PRODUCT)
    """)
    result = user.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    assert "the measurement contradicts the claim" in output(result)


def test_a_device_that_cannot_be_used_is_an_error_and_never_a_skip(user: pytest.Pytester) -> None:
    user.makepyfile("def test_it(greenzone_device): pass")
    result = user.runpytest_inprocess("--greenzone-device=cuda:99")
    result.assert_outcomes(errors=1)
    assert "cuda:99" in output(result)
    assert "Traceback" not in output(result)


@pytest.mark.parametrize(
    ("spec", "words"),
    [("tpu", "no device is called 'tpu'"), ("emulated:nvidia-h21", "unknown profile 'nvidia-h21'")],
)
def test_a_name_that_is_no_device_is_a_usage_error(user: pytest.Pytester, spec: str, words: str) -> None:
    user.makepyfile("def test_it(): pass")
    result = user.runpytest_inprocess(f"--greenzone-device={spec}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: --greenzone-device {spec}: {words}" in result.stderr.str()


def test_without_pytest_benchmark_the_fixture_says_what_to_install_and_the_rest_works(user: pytest.Pytester) -> None:
    user.makepyfile("""
        import pytest

        def test_product(greenzone_benchmark): pass

        @pytest.mark.within(regime="us-3a090", on="2023-11-17", part="nvidia-h20")
        def test_part(): pass
    """)
    result = user.runpytest_inprocess("-p", "no:benchmark")
    result.assert_outcomes(passed=1, errors=1)
    assert "greenzone_benchmark needs pytest-benchmark; install it with" in output(result)


def test_the_plugin_can_be_left_out(user: pytest.Pytester) -> None:
    user.makepyfile("def test_it(request): assert not request.config.pluginmanager.has_plugin('greenzone')")
    user.runpytest_inprocess("-p", "no:greenzone").assert_outcomes(passed=1)
    assert user.runpytest_inprocess("-p", "no:greenzone", H20).ret == pytest.ExitCode.USAGE_ERROR


def test_a_session_that_uses_none_of_it_loads_nothing_heavy(user: pytest.Pytester) -> None:
    user.makepyfile("""
        import sys

        def test_it(request):
            assert request.config.pluginmanager.has_plugin("greenzone")
            heavy = {"torch", "numpy", "pandas", "scipy", "pydantic", "click", "rich", "pynvml"}
            assert heavy & set(sys.modules) == set()
            own = {n for n in sys.modules if n.startswith("greenzone.")} - {"greenzone.errors"}
            assert all(n.startswith("greenzone.pytest_plugin") for n in own), own
    """)
    paths = f"{Path(greenzone.__file__ or '').parents[1]}:{user.path}"
    run = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "-p", "no:anyio"]
    done = subprocess.run(run, cwd=user.path, env={"PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
