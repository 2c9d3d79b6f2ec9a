"""Moments on days and hours: one dot each, its day to the right, its hour downwards, so that habits and nights show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from console.plots.plot import Drawn, Frame, finished
from console.plots.svg import width_of

_LEFT, _TOP, _BOTTOM = 44, 10, 38
_DAYS = 31


def dots(frame: Frame, found: Sequence[tuple[int, bool]], plain: str, marked: str) -> Drawn:
    """Instants in ms, oldest first; a marked one is a red square instead of a blue dot. ``plain``, ``marked``: their names."""
    words, clock = frame.words, frame.clock
    drawing = frame.drawing()
    last = max((clock.local(at).date() for at, _ in found), default=clock.local(1_700_000_000_000).date())
    first = max(min((clock.local(at).date() for at, _ in found), default=last), last - timedelta(days=_DAYS - 1))
    # Fewer than seven days would make a column as wide as a plot, and say that a minute there means something.
    first = min(first, last - timedelta(days=6))
    count = (last - first).days + 1
    wide, bottom = (drawing.width - _LEFT - 6) / count, drawing.height - _BOTTOM
    for hour in range(0, 25, 6):
        y = _TOP + (bottom - _TOP) * hour / 24
        drawing.line(_LEFT, y, drawing.width - 6, y, "plot-grid")
        drawing.text(_LEFT - 6, y + 4, f"{hour} h", "plot-tick", "end")
    free = -1.0
    for place in range(count + 1):
        x = _LEFT + wide * place
        drawing.line(x, _TOP, x, bottom, "plot-grid")
        if place < count:
            day = first + timedelta(days=place)
            label = f"{words.weekday(day.weekday())} {words.day(day)}"
            middle = x + wide / 2
            if middle - width_of(label) / 2 >= free:
                drawing.text(middle, bottom + 15, label, "plot-tick", "middle")
                free = middle + width_of(label) / 2 + 8
    for at, odd in found:
        local = clock.local(at)
        day = local.date()
        if day < first:
            continue
        share = (local.hour * 3600 + local.minute * 60 + local.second) / 86_400
        # Within a day the minute of the hour spreads the dots, so that a burst does not hide behind its last call.
        x = _LEFT + wide * ((day - first).days + 0.15 + 0.7 * (local.minute * 60 + local.second) / 3600)
        y = _TOP + (bottom - _TOP) * share
        tip = f"{clock.stamp(at)}{f' · {marked}' if odd else ''}"
        if odd:
            drawing.rect(x - 4, y - 4, 8, 8, "plot-bad plot-dot", tip)
        else:
            drawing.circle(x, y, 4, "plot-1 plot-dot", tip)
    y = drawing.height - 5
    drawing.circle(_LEFT + 5, y - 4, 4, "plot-1 plot-dot")
    drawing.text(_LEFT + 14, y, plain, "plot-tick")
    x = _LEFT + 14 + width_of(plain) + 16
    drawing.rect(x, y - 8, 8, 8, "plot-bad plot-dot")
    drawing.text(x + 13, y, marked, "plot-tick")
    drawing.text(drawing.width - 6, y, words("hours_in", zone=clock.name), "plot-tick", "end")
    rows = [(clock.stamp(at), marked if odd else plain) for at, odd in found]
    return finished(frame, drawing, [words("time"), words("what")], rows)
