"""The map inside a page: the same figure, in the page's colours, with ids of its own and no size in inches."""

import io
import re

from markupsafe import Markup

from greenzone.report.map import Map
from greenzone.report.map_figure import map_figure, map_style
from greenzone.report.map_marks import INK
from greenzone.report.plain import plain

SIZE_INCHES = (9.0, 5.6)
_REFERENCES = re.compile(r'(\bid="|url\(#|href="#)')
_NOT_PAGE = re.compile(r"^.*?(?=<svg)", re.DOTALL)


def map_svg(m: Map, name: str) -> Markup:
    """A map as an SVG element that follows the page's light or dark colours.

    Args:
        m: what is drawn.
        name: an id that no other drawing of the page has; those inside start with it.
    """
    stream = io.StringIO()
    with map_style():
        figure = map_figure(m, SIZE_INCHES, with_caption=False)
        figure.patch.set_visible(False)
        for axes in figure.axes:
            axes.patch.set_visible(False)
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return Markup(_adopted(stream.getvalue(), name, m))  # noqa: S704 - matplotlib escapes every text it is given


def _adopted(svg: str, name: str, m: Map) -> str:
    """Without the prologue and metadata of a file, its ids prefixed, its ink and paper those of the page."""
    body = _NOT_PAGE.sub("", svg)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = _REFERENCES.sub(rf"\g<1>{name}-", body)
    body = body.replace(INK, "currentColor").replace("#ffffff", "var(--paper)").replace("#000000", "currentColor")
    words = plain(f"Map of the rules as of {m.on.isoformat()}: {', '.join(mark.name for mark in m.marks)}", 300)
    title = Markup('<title id="{0}">{1}</title>').format(name, words)
    head = f'<svg class="map" role="img" aria-labelledby="{name}" xmlns="http://www.w3.org/2000/svg" '
    return re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", lambda s: f"{head}{s[1]}>{title}", body, count=1)
