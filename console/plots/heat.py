"""Hours of the week: seven rows of 24 squares, darker for more."""

from __future__ import annotations

from collections.abc import Sequence

from console.plots.plot import Drawn, Frame, finished
from console.plots.svg import width_of

_LEFT, _TOP, _STEPS = 40, 22, 5


def heat(frame: Frame, values: Sequence[int], name: str, mark: int | None = None, mark_name: str = "") -> Drawn:
    """A heat map.

    Args:
        frame: names and room.
        values: 168 numbers from Monday 0 h; missing ones count 0.
        name: what is counted.
        mark: an hour of the week to frame.
        mark_name: what the frame means.
    """
    words, found = frame.words, [*values[:168], *[0] * (168 - len(values))]
    most = max(found)
    drawing = frame.drawing()
    wide, high = (drawing.width - _LEFT - 4) / 24, (drawing.height - _TOP - 24) / 7
    for hour in range(0, 24, 3):
        drawing.text(_LEFT + wide * (hour + 0.5), _TOP - 7, f"{hour} h", "plot-tick", "middle")
    for day in range(7):
        drawing.text(_LEFT - 6, _TOP + high * (day + 0.5) + 4, words.weekday(day), "plot-tick", "end")
        for hour in range(24):
            value = found[day * 24 + hour]
            step = -(-value * _STEPS // most) if most else 0
            tip = f"{words.weekday(day)} {hour} h: {words.count(value)} {name}"
            drawing.rect(_LEFT + wide * hour + 0.5, _TOP + high * day + 0.5, wide - 1, high - 1, f"plot-heat-{step}", tip)
    y = drawing.height - 6
    drawing.text(_LEFT, y, "0", "plot-tick")
    for step in range(_STEPS + 1):
        drawing.rect(_LEFT + 12 + 16 * step, y - 11, 15, 12, f"plot-heat-{step}")
    text = f"{words.count(most)} {name}"
    drawing.text(_LEFT + 12 + 16 * (_STEPS + 1) + 4, y, text, "plot-tick")
    if mark is not None and 0 <= mark < 168:
        drawing.rect(_LEFT + wide * (mark % 24) - 1, _TOP + high * (mark // 24) - 1, wide + 2, high + 2, "plot-mark", mark_name)
        x = _LEFT + 12 + 16 * (_STEPS + 1) + 4 + width_of(text) + 14
        drawing.rect(x, y - 10, 11, 11, "plot-mark")
        drawing.text(x + 17, y, mark_name, "plot-tick", room=drawing.width - x - 18)
    headers = [words("weekday"), *(f"{hour} h" for hour in range(24))]
    rows = [(words.weekday(day), *(words.count(value) for value in found[day * 24 : day * 24 + 24])) for day in range(7)]
    if mark is not None and 0 <= mark < 168:
        rows.append((f"{mark_name}: {words.weekday(mark // 24)} {mark % 24} h", *[""] * 24))
    return finished(frame, drawing, headers, rows)
