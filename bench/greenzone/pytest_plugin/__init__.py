"""greenzone in pytest: a device, a benchmark that holds the device's own seconds, and the marker `within`.

    @pytest.mark.within(regime="us-3a090", on="2025-04-10", to="CN")
    def test_product(greenzone_benchmark):
        found = greenzone_benchmark(Matmul(4096, 4096, 4096, "bf16"))
        assert found.metrics["rate_tops"].median > 100

The plugin is there once greenzone is installed, costs nothing until one of the three is used, and is left
out with `-p no:greenzone`. `greenzone_benchmark` needs pytest-benchmark (the extra `pytest`).

A device that was asked for and cannot be used is an error and never a skip: a green run on a broken GPU
would say that something was measured. `auto` takes an emulated device where no accelerator is visible.
"""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from greenzone.errors import GreenzoneError

if TYPE_CHECKING:
    from greenzone.lab.devices.base import Device

DEVICE = pytest.StashKey["Device"]()
SIGNATURE = (
    "within(regime, on=None, known_on=None, to=None, kind='export', origin=None, headquarters=None, "
    "paragraph=None, part=None, undecided='fail')"
)
NO_BENCHMARK = "greenzone_benchmark needs pytest-benchmark; install it with `pip install 'greenzone[pytest]'`"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --greenzone-device."""
    parser.getgroup("greenzone").addoption(
        "--greenzone-device", default="auto", metavar="auto|cuda:N|cpu|emulated:ID",
        help="The device that greenzone_device, greenzone_benchmark and the marker within are about.  [default: auto]",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Tell the marker, look at the device's name, and time on the device where pytest-benchmark is there."""
    config.addinivalue_line("markers", f"{SIGNATURE}: the part under test must not be caught under the regime.")
    if (spec := config.getoption("greenzone_device")) != "auto":
        _require_name(spec)
    if config.getoption("benchmark_skip", None) is not None:  # its options are there where it is
        from greenzone.pytest_plugin import benchmark

        config.pluginmanager.register(benchmark, "greenzone-benchmark")


def _require_name(spec: str) -> None:
    """Refuse what is no device's name before anything runs; whether it can be used is seen when it is opened."""
    from greenzone.lab.devices import require_spec
    from greenzone.parts.catalogue import load_profile

    try:
        require_spec(spec, load_profile)
    except GreenzoneError as error:
        raise pytest.UsageError(f"--greenzone-device {spec}: {error}") from None


def device_of(config: pytest.Config) -> "Device":
    """The session's device, opened when it is first asked for.

    Raises:
        GreenzoneError: it cannot be used.
    """
    if DEVICE not in config.stash:
        from greenzone.lab.devices import open_device
        from greenzone.parts.catalogue import load_profile, load_profiles

        config.stash[DEVICE] = open_device(config.getoption("greenzone_device"), load_profile, known=load_profiles())
    return config.stash[DEVICE]


def refuse(error: GreenzoneError) -> NoReturn:
    """Fail with the one sentence of an error, in the words of pytest's options."""
    pytest.fail(str(error).replace("--device", "--greenzone-device"), pytrace=False)


@pytest.fixture(scope="session")
def greenzone_device(request: pytest.FixtureRequest) -> "Device":
    """The device of --greenzone-device, opened once a session."""
    try:
        return device_of(request.config)
    except GreenzoneError as error:
        refuse(error)


@pytest.fixture
def greenzone_benchmark() -> NoReturn:
    """Times work by the device's own clock; takes pytest-benchmark."""
    pytest.fail(NO_BENCHMARK, pytrace=False)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Refuse a marker that asks what does not exist before any test runs."""
    for item in items:
        for mark in item.iter_markers("within"):
            from greenzone.pytest_plugin.within import question

            try:
                question(mark.args, mark.kwargs).require()
            except GreenzoneError as error:
                raise pytest.UsageError(f"{item.nodeid}: within: {error}") from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """After a test that passed, ask whether the part stays within each rule it is marked with."""
    result = yield
    for mark in item.iter_markers("within"):
        from greenzone.pytest_plugin.within import hold

        try:
            hold(item, mark)
        except GreenzoneError as error:
            refuse(error)
    return result


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say which device it was, and why, where one was used."""
    if (device := config.stash.get(DEVICE, None)) is not None:
        why = f" ({device.chosen_because})" if device.chosen_because else ""
        terminalreporter.write_line(f"greenzone: {device.id}, {device.name}{why}")
