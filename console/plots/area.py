"""A measure that grows over the days of a month, against its limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from console.plots.axes import Axes, Limit
from console.plots.plot import Drawn, Frame, finished


def area(
    frame: Frame,
    name: str,
    days: Sequence[tuple[date, int]],
    limits: Sequence[Limit],
    shown: Callable[[int], str],
    tick: Callable[[int], str] | None = None,
    ticked: Sequence[int] = (),
) -> Drawn:
    """A line of steps with the area below it.

    Args:
        frame: names and room.
        name: what is measured.
        days: each day and the measure at its end, oldest first.
        limits: lines across.
        shown: how a value is written.
        tick: how a tick of the axis is written, when shorter.
        ticked: values of the ticks.
    """
    drawing = frame.drawing()
    axes = Axes(drawing, max([0, *(value for _, value in days), *(limit.value for limit in limits)]), tick or shown, ticked=ticked)
    drawing.text(axes.left, 11, name, "plot-tick")
    wide = (axes.right - axes.left) / max(1, len(days))
    points = [(axes.left, axes.y(0))]
    for place, (_, value) in enumerate(days):
        points += [(axes.left + wide * place, axes.y(value)), (axes.left + wide * (place + 1), axes.y(value))]
    drawing.path([*points, (points[-1][0], axes.y(0))], "plot-area", closed=True)
    drawing.path(points[1:], "plot-line plot-line-1")
    for place, (day, value) in enumerate(days):
        drawing.rect(axes.left + wide * place, axes.top, wide, axes.bottom - axes.top, "plot-touch", f"{day.isoformat()}: {shown(value)}")
    axes.limits(limits)
    middles = [(axes.left + wide * (place + 0.5), frame.words.day(day)) for place, (day, _) in enumerate(days)]
    axes.labels(middles[:: max(1, len(days) // 6)])
    return finished(frame, drawing, [frame.words("day"), name], [(day.isoformat(), shown(value)) for day, value in days])
