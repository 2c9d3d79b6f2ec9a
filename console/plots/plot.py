"""What a plot is: an SVG, the table that says the same, and where the page puts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.plots.clock import Clock
from console.plots.svg import Drawing, clean
from console.plots.words import Words

#: Pixels of a plot that takes one, two or all three columns of the page at 1366 x 768.
WIDTHS = {1: 430, 2: 876, 3: 1322}
#: Height of the plots above the fold.
HEIGHT = 184


@dataclass(frozen=True)
class Table:
    """The twin of a plot for those who do not see it, and for copying: every cell is text."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Plot:
    """A plot of an alert.

    Attributes:
        id: unique on its page.
        title_key: key of the title in ``console/plots/*.toml``.
        title: the title in the reader's language.
        svg: the drawing.
        table: the same in rows.
        above_fold: whether it is one of the three that a reviewer sees without scrolling.
        span: columns of three that it takes.
    """

    id: str
    title_key: str
    title: str
    svg: str
    table: Table
    above_fold: bool
    span: int


@dataclass(frozen=True)
class Frame:
    """What every drawing is given: its names, its room, and the reader's words and clock."""

    ident: str
    title: str
    about: str
    span: int
    words: Words
    clock: Clock
    height: int = HEIGHT

    def drawing(self, height: int | None = None) -> Drawing:
        """An empty drawing of this frame."""
        return Drawing(self.ident, WIDTHS[self.span], self.height if height is None else height)


@dataclass(frozen=True)
class Drawn:
    """A drawing with its table."""

    svg: str
    table: Table


def finished(frame: Frame, drawing: Drawing, headers: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Drawn:
    """Close a drawing, with the table made of the same data."""
    return Drawn(drawing.finish(frame.title, frame.about), Table(tuple(headers), tuple(rows)))


def figure(plot: Plot, words: Words) -> str:
    """The HTML of a plot: title, drawing, and the table behind a disclosure that the keyboard opens.

    A plot wider than the window scrolls sideways in its own box, which is why that box can be focused.
    """
    head = "".join(f'<th scope="col">{clean(cell)}</th>' for cell in plot.table.headers)
    body = "".join(f"<tr>{''.join(f'<td>{clean(cell)}</td>' for cell in row)}</tr>" for row in plot.table.rows)
    name = clean(plot.title)
    return (
        f'<figure class="plot plot-span-{plot.span}"><figcaption class="plot-title">{name}</figcaption>'
        f'<div class="plot-box" tabindex="0" role="group" aria-label="{name}">{plot.svg}</div>'
        f'<details class="plot-table"><summary>{clean(words("as_table"))}<span class="plot-hidden">: {name}</span></summary>'
        f'<div class="plot-box" tabindex="0" role="group" aria-label="{name}"><table><caption class="plot-hidden">{name}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details></figure>"
    )
