"""Lying bars with their names and values in words: destinations with money, networks with failures, lengths of calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.plots.axes import Limit
from console.plots.plot import Drawn, Frame, finished
from console.plots.svg import width_of

#: Pixels of a row: the text of 12 px and its air.
ROW = 19


@dataclass(frozen=True)
class Bar:
    """A bar: name, length, what is written beside it, and the cells of its row in the table after the name.

    ``bad`` marks what breaches; ``hatched`` what is weak or not counted; ``part`` is a piece of the length that is shown as bad.
    """

    name: str
    value: int
    shown: str
    cells: tuple[str, ...]
    bad: bool = False
    hatched: bool = False
    part: int = 0


def bars(frame: Frame, headers: Sequence[str], found: Sequence[Bar], limits: Sequence[Limit] = (), most_shown: int = 0) -> Drawn:
    """Bars from top to bottom in the order given; the table holds every row, the drawing as many as it has room for.

    Args:
        frame: names and room.
        headers: heads of the table.
        found: the bars.
        limits: lines downwards.
        most_shown: rows drawn; 0 draws as many as the height of the frame allows.
    """
    head = 34 if len(limits) > 1 else 20 if limits else 4
    room = most_shown or int((frame.height - head) // ROW)
    shown = list(found) if len(found) <= room else list(found[: room - 1])
    drawing = frame.drawing(head + ROW * (len(shown) + (len(shown) < len(found))) + 4)
    right = max([width_of(one.shown) for one in shown], default=0) + 8
    left = min(max([width_of(one.name) for one in shown], default=0) + 8, drawing.width * 0.42)
    most = max([1, *(one.value for one in found), *(limit.value for limit in limits)])
    scale = (drawing.width - left - right) / most
    bottom = head + ROW * len(shown)
    longs = [max(one.value * scale, 1.5 if one.value else 0) for one in shown]
    for place, (one, long) in enumerate(zip(shown, longs, strict=True)):
        y, tip = head + ROW * place, f"{one.name}: {one.shown}"
        drawing.text(left - 6, y + 14, one.name, "plot-label", "end", room=left - 8)
        drawing.rect(left, y + 3, long, ROW - 6, "plot-bad" if one.bad else "plot-1", tip, one.hatched)
        if one.part:
            drawing.rect(left + (one.value - one.part) * scale, y + 3, one.part * scale, ROW - 6, "plot-bad", tip, one.hatched)
    drawing.line(left, head, left, bottom, "plot-axis")
    for place, limit in enumerate(limits):
        kind, x = "plot-limit" if limit.hard else "plot-notice", left + limit.value * scale
        half = width_of(limit.label, bold=True) / 2
        row = 13 if len(limits) - 1 == place else 28
        drawing.line(x, row + 4, x, bottom, kind)
        drawing.text(min(max(x, half), drawing.width - half), row, limit.label, f"{kind}-label plot-halo", "middle")
    for place, (one, long) in enumerate(zip(shown, longs, strict=True)):
        x, wide = left + long + 5, width_of(one.shown)
        for limit in sorted(limits, key=lambda limit: limit.value):
            line = left + limit.value * scale
            # A text that the line would strike through goes behind it, if there is room.
            if x - 3 < line < x + wide and line + 5 + wide <= drawing.width:
                x = line + 5
        drawing.text(x, head + ROW * place + 14, one.shown, "plot-label plot-halo")
    if len(shown) < len(found):
        drawing.text(left, bottom + 14, frame.words("more", n=frame.words.count(len(found) - len(shown))), "plot-tick")
    return finished(frame, drawing, list(headers), [(one.name, *one.cells) for one in found])
