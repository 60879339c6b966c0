"""What every page for a browser is made with: the templates, their style and script, and text made plain."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from greenzone.report.plain import plain

TEMPLATES = Path(__file__).parent / "templates"


def rendered(name: str, **values: Any) -> str:
    """A template of that name as one file that asks nothing of any network.

    Every text that it prints and that is not HTML already is made plain and escaped.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    return environment.get_template(name).render(
        style=Markup((TEMPLATES / "report.css").read_text("utf-8")),  # noqa: S704 - files of this package
        script=Markup((TEMPLATES / "report.js").read_text("utf-8")),  # noqa: S704
        **values,
    )


def _shown(value: object) -> object:
    return value if isinstance(value, Markup) else plain(value)
