"""The order of the rooms: a room imports only from rooms to its left, and the pure ones touch no hardware."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import greenzone
from greenzone.parts.catalogue import load_profile

PACKAGE = Path(greenzone.__file__ or "").parent
BASE = ("errors", "intervals", "formats", "parameters", "statistics", "tolerance", "datafiles", "schemas")
ORDER = ("base", "parts", "law", "records", "lab", "policy", "report", "fleet", "cli")
PURE = ("base", "parts", "law", "records")
FILES = sorted(PACKAGE.rglob("*.py"))
HARDWARE = {"torch", "pynvml", "triton"}


def room(module: str) -> str:
    """The room of a module of the package, "law.status" or "greenzone.law.status"."""
    first = module.removeprefix("greenzone").lstrip(".").split(".")[0]
    if first in BASE:
        return "base"
    return "cli" if first in ("api", "pytest_plugin", "") else first


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    return "" if name == "__init__" else name.removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (
                (f"greenzone.{a.name}" for a in node.names) if node.module == "greenzone" else [node.module or ""]
            )


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_file_imports_only_from_rooms_to_its_left(path: Path) -> None:
    own = ORDER.index(room(module_of(path)))
    for name in imports(path):
        if name.split(".")[0] == "greenzone":
            assert ORDER.index(room(name)) <= own, name


@pytest.mark.parametrize(
    "path", [p for p in FILES if room(module_of(p)) in PURE], ids=lambda p: p.relative_to(PACKAGE).as_posix()
)
def test_a_pure_room_touches_no_hardware_and_reads_no_clock(path: Path) -> None:
    assert {n.split(".")[0] for n in imports(path)} & (HARDWARE | {"time", "rich", "click"}) == set()
    text = path.read_text("utf-8")
    for clock in ("datetime.now", "date.today", "datetime.today", "utcnow"):
        assert clock not in text


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_only_the_command_prints(path: Path) -> None:
    calls = [n.func for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
    printed = [f for f in calls if isinstance(f, ast.Name) and f.id == "print"]
    assert printed == []
    echoed = [f for f in calls if isinstance(f, ast.Attribute) and f.attr == "echo"]
    assert echoed == [] or room(module_of(path)) == "cli"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_every_file_says_what_it_promises_and_stays_short(path: Path) -> None:
    text = path.read_text("utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module has a docstring"
    assert len(text.splitlines()) <= 400


def loaded_after(*arguments: str) -> set[str]:
    """The top-level modules in `sys.modules` after a command, which must succeed."""
    code = (
        "import sys\nfrom greenzone.cli.main import main\n"
        f"try:\n    main({list(arguments)!r}, prog_name='greenzone')\n"
        "except SystemExit as error:\n    assert not error.code, error.code\n"
        "sys.stderr.write(' '.join(sorted({m.split('.')[0] for m in sys.modules})))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "nvidia-h20", "--on", "2023-11-17", "--to", "CN", "--json"),
        ("classify", "--set", "tpp=5000", "--json"), ("--help",),
        ("profiles", "list", "--json"), ("regimes", "list", "--json"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_answer_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    loaded = loaded_after(*arguments)
    assert "click" in loaded
    assert loaded & {"torch", "pandas", "matplotlib", "pydantic", "scipy", "numpy", "pynvml", "jinja2", "ray"} == set()


@pytest.fixture
def results(write_record: Callable[..., Path]) -> Path:
    """A folder with a policy, and a record of a part with one benchmark, written without a device."""
    folder = write_record(load_profile("nvidia-l2")).parent
    (folder / "policy.toml").write_text('schema = 1\n[[forbid]]\nregime = "us-3a090"\n')
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "r.json", "--to", "CN"),
        ("check", "nvidia-l2", "--policy", "policy.toml"),
        ("check", "r.json", "--policy", "policy.toml", "--junit", "junit.xml", "--github"),
        ("compare", "r.json", "r.json"), ("compare", ".", ".", "--json"),
        ("export", "r.json"), ("export", "r.json", "--format", "openmetrics"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_reads_records_never_loads_torch(
    arguments: tuple[str, ...], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(results)
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE.parent))
    assert loaded_after(*arguments) & {"torch", "triton", "pynvml", "matplotlib", "scipy", "ray"} == set()


def test_a_fleet_is_gathered_without_torch(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE.parent))
    loaded = loaded_after("fleet", "gather", str(results))
    assert loaded & {"torch", "triton", "pynvml", "matplotlib", "ray"} == set()


def test_maps_tiers_and_pages_load_no_torch(tmp_path: Path) -> None:
    """What draws and reports touches no device: torch alone would take seconds."""
    from greenzone.records.record import Record, Run
    from greenzone.records.store import write

    device = {"id": "none", "part": {"id": None, "name": "none", "item": "integrated_circuit"}}
    run = Run(id="r", started_at="2026-01-01T00:00:00+00:00")
    record, out = tmp_path / "r.json", str(tmp_path / "out.svg")
    write(Record(run=run, tool={}, rules={}, device=device, environment={}, settings={}), record)
    for arguments in (
        ("map", "nvidia-h20", "-o", out), ("tiers", "nvidia-h20", "--plot", out), ("report", str(record), "-o", out),
    ):  # fmt: skip
        loaded = loaded_after(*arguments)
        assert "matplotlib" in loaded
        assert loaded & {"torch", "pynvml", "triton"} == set()


@pytest.mark.parametrize(
    "name", ["errors", "parts.capability", "law.classification", "records.store", "records.subject"]
)
def test_a_pure_room_loads_without_torch(name: str) -> None:
    code = f"import sys, greenzone.{name}; sys.exit(bool({{'torch', 'pynvml'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_the_public_names_are_those_of_the_contract() -> None:
    assert set(greenzone.__all__) == {"load_profile", "load_profiles", "classify", "classify_frame", "run"}
    for name in greenzone.__all__:
        assert callable(getattr(greenzone, name))
    assert not hasattr(greenzone, "nonsense")
