"""What the terminal shows, as HTML: the same words, with headings, paragraphs and tables for a reader's tools.

A record may come from anywhere, so its text is never trusted: it is made plain (`report.plain`) and escaped.
"""

from collections.abc import Iterable, Sequence

from markupsafe import Markup
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from greenzone.report.plain import LONGEST_NAME, plain
from greenzone.report.terminal import Section

CLASSES = {"bold red": "caught", "bold green": "free", "bold yellow": "open", "dim": "dim", "bold magenta": "emulated",
           "yellow": "warning", "bold": "strong"}  # fmt: skip


def name(text: object) -> Markup:
    """A name in the midst of other words, which its writing direction does not reach."""
    return Markup("<bdi>{}</bdi>").format(plain(text, LONGEST_NAME))


def html(shown: object, caption: str = "", level: int = 3, *, headed: bool = False) -> Markup:
    """A renderable of the terminal as HTML.

    Args:
        shown: a group, section, padding, text or table.
        caption: the name of a table in it; of a section's tables, its title.
        level: the heading level of a section in it.
        headed: whether a heading above says the caption already, so that it is there for screen readers alone.
    """
    if isinstance(shown, Section):
        body = Markup("").join(html(b, shown.title, level + 1, headed=True) for b in shown.body)
        return Markup("<section><h{0}>{1}</h{0}>{2}</section>\n").format(level, plain(shown.title), body)
    if isinstance(shown, Group):
        return Markup("").join(html(r, caption, level, headed=headed) for r in shown.renderables)
    if isinstance(shown, Padding):
        return html(shown.renderable, caption, level, headed=headed)
    if isinstance(shown, Table):
        return _table(shown, caption, headed)
    if isinstance(shown, (Text, str)):
        return _paragraph(shown)
    raise TypeError(f"{type(shown).__name__} has no form in HTML")


def _paragraph(text: Text | str) -> Markup:
    if not str(text).strip():
        return Markup("")
    inner, kind = _inline(text), _class(str(text.style)) if isinstance(text, Text) else Markup("")
    return Markup("<p{}>{}</p>\n").format(kind, inner)


def _inline(text: Text | str) -> Markup:
    """The text with its styled spans; a text of one style has that of its paragraph or cell."""
    if isinstance(text, str) or not text.spans:
        return Markup("{}").format(plain(text))
    parts, at = [], 0
    for span in sorted(text.spans):
        parts += [Markup("{}").format(plain(text.plain[at : span.start]))]
        parts += [Markup("<span{}>{}</span>").format(_class(str(span.style)), plain(text.plain[span.start : span.end]))]
        at = span.end
    return Markup("").join([*parts, Markup("{}").format(plain(text.plain[at:]))])


def _class(style: str) -> Markup:
    return Markup(' class="{}"').format(CLASSES[style]) if style in CLASSES else Markup("")


def _table(shown: Table, caption: str, headed: bool) -> Markup:
    heads = [str(column.header) for column in shown.columns]
    right = [column.justify == "right" for column in shown.columns]
    columns = [list(column.cells) for column in shown.columns]
    return table(heads, list(zip(*columns, strict=True)), caption, right, headed=headed)


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    caption: str,
    right: Sequence[bool] = (),
    *,
    headed: bool = False,
) -> Markup:
    """A table with a caption, column and row headers; it scrolls sideways where the page is narrow.

    Args:
        heads: the columns' headers; an empty one is named "notes" for those who cannot see the column.
        rows: cells, text or HTML; the first of each is the row's header.
        caption: the table's name.
        right: which columns hold figures.
        headed: whether a heading above says the caption already.
    """
    sides = list(right) or [False] * len(heads)
    top = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_figure(r), plain(h) or Markup('<span class="unseen">notes</span>'))
        for h, r in zip(heads, sides, strict=True)
    )
    body = Markup("").join(_row(row, sides) for row in rows)
    return Markup(
        '<div class="wide" role="region" aria-label="{0}" tabindex="0"><table class="sortable">'
        "<caption{3}>{0}</caption><thead><tr>{1}</tr></thead><tbody>{2}</tbody></table></div>\n"
    ).format(plain(caption), top, body, Markup(' class="unseen"') if headed else "")


def _figure(right: bool) -> Markup:
    return Markup(' class="figure"') if right else Markup("")


def _row(row: Sequence[object], right: Sequence[bool]) -> Markup:
    first, rest = row[0], row[1:]
    cells = [Markup('<th scope="row"{}>{}</th>').format(_kind(first, right[0]), _cell(first))]
    cells += [Markup("<td{}>{}</td>").format(_kind(c, r), _cell(c)) for c, r in zip(rest, right[1:], strict=True)]
    return Markup("<tr>{}</tr>\n").format(Markup("").join(cells))


def _cell(cell: object) -> Markup:
    if isinstance(cell, Markup):
        return cell
    return _inline(cell) if isinstance(cell, Text) else Markup("{}").format(plain(cell))


def _kind(cell: object, right: bool) -> Markup:
    return _figure(True) if right else _class(str(cell.style)) if isinstance(cell, Text) else Markup("")
