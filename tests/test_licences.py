"""No dependency without its licence in CONTRIBUTING, and none that is not what its metadata say."""

import re

import pytest

from licences import NOT_INSTALLED, ROOT, dependencies, licence

ROWS = re.findall(r"^\| (\S+) \| ([^|]+) \| ([^|]+) \|$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
LISTED = {name: (extras, said) for name, extras, said in ROWS if name not in ("distribution", "---")}


def test_the_list_is_that_of_pyproject() -> None:
    assert {name: extras for name, (extras, _) in LISTED.items()} == {
        name: ", ".join(extras) for name, extras in dependencies().items()
    }, "run: cog -r -I tests CONTRIBUTING.md"


@pytest.mark.parametrize("name", dependencies())
def test_a_licence_is_what_the_distribution_says(name: str) -> None:
    if (said := licence(name)) == NOT_INSTALLED:
        pytest.skip(said)
    if name == "torch":
        pytest.skip("its builds for processors and GPUs hold different libraries, and say so")
    assert LISTED[name][1] == said, "run: cog -r -I tests CONTRIBUTING.md"
