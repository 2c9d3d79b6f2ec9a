"""Days from left to right, one row for each thing that was seen on them: terminals, networks, kinds of use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from console.plots.plot import Drawn, Frame, finished
from console.plots.svg import width_of

_ROW, _TOP = 20, 22
#: Days drawn: a quarter; the tables hold all.
MOST_DAYS = 92


@dataclass(frozen=True)
class Row:
    """A row: its name, its days, and what is written at its end."""

    name: str
    days: frozenset[date]
    note: str = ""


def grid(frame: Frame, name: str, found: Sequence[Row], first: date, last: date, most_shown: int = 0) -> Drawn:
    """Squares where a row has a day, from ``first`` to ``last``; weekends stand on grey; ``name`` heads the rows."""
    words = frame.words
    first = max(first, last - timedelta(days=MOST_DAYS - 1))
    shown = list(found[:most_shown] if most_shown else found)
    drawing = frame.drawing(_TOP + _ROW * len(shown) + (20 if len(shown) < len(found) else 4))
    left = min(max([width_of(one.name) for one in shown], default=0) + 10, drawing.width * 0.34)
    right = max([width_of(one.note) for one in shown], default=0) + 10
    count = (last - first).days + 1
    wide = min((drawing.width - left - right) / count, 46)
    bottom, free = _TOP + _ROW * len(shown), -1.0
    for place in range(count):
        day, x = first + timedelta(days=place), left + wide * place
        if day.weekday() >= 5:
            drawing.rect(x, _TOP, wide, bottom - _TOP, "plot-weekend")
        label = words.day(day)
        if x >= free and x + width_of(label) <= drawing.width:
            drawing.line(x, _TOP - 4, x, _TOP, "plot-axis")
            drawing.text(x + 2, _TOP - 7, label, "plot-tick")
            free = x + width_of(label) + 10
    for row, one in enumerate(shown):
        y = _TOP + _ROW * row
        drawing.text(left - 8, y + 14, one.name, "plot-label", "end", room=left - 10)
        drawing.line(left, y + _ROW, left + wide * count, y + _ROW, "plot-grid")
        for place in range(count):
            day = first + timedelta(days=place)
            if day in one.days:
                drawing.rect(left + wide * place + 1, y + 3, wide - 2, _ROW - 6, "plot-1", f"{day.isoformat()}: {one.name}")
        drawing.text(left + wide * count + 6, y + 14, one.note, "plot-label")
    if len(shown) < len(found):
        drawing.text(left, bottom + 15, words("more", n=words.count(len(found) - len(shown))), "plot-tick")
    rows = [(day.isoformat(), one.name) for one in found for day in sorted(one.days)]
    return finished(frame, drawing, [words("day"), name], rows)
