"""Upright columns, one for each hour, day or class of length, stacked when there are several series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.plots.axes import Axes, Limit, legend
from console.plots.plot import Drawn, Frame, finished

#: Classes of stacked series, and whether they are hatched.
_SERIES = (("plot-1", False), ("plot-2", True), ("plot-3", False))


@dataclass(frozen=True)
class Column:
    """A column: its full name for the table, the label below it (empty: none), and the values stacked in it."""

    name: str
    label: str
    values: tuple[int, ...]
    bad: bool = False


def columns(
    frame: Frame,
    first: str,
    series: Sequence[str],
    found: Sequence[Column],
    limits: Sequence[Limit] = (),
    shown: Callable[[int], str] | None = None,
    line: Sequence[int | None] = (),
    line_name: str = "",
    ticked: Sequence[int] = (),
    cap: int = 0,
) -> Drawn:
    """Columns over an axis.

    Args:
        frame: names and room.
        first: head of the table's first column.
        series: names of the stacked series; the first one names the axis when it is alone.
        found: columns from left to right.
        limits: lines across.
        shown: how a value is written.
        line: a second measure, drawn as steps over the columns (None: not known).
        line_name: its name.
        ticked: values of the ticks, when round numbers are not round in their unit.
        cap: height at which columns are cut, so that one of them does not flatten the others (0: none); a cut one is striped.
    """
    write = shown or frame.words.count
    drawing = frame.drawing()
    most = max([0, *(sum(one.values) for one in found), *(limit.value for limit in limits), *(value or 0 for value in line)])
    cut = cap if 0 < cap < most else most
    axes = Axes(drawing, cut, write, ticked=ticked)
    names = [(*_SERIES[i], name) for i, name in enumerate(series)] if len(series) > 1 or line_name else []
    if names:
        legend(drawing, axes.left, 11, [(cls, name, hatched) for cls, hatched, name in names])
    else:
        drawing.text(axes.left, 11, series[0], "plot-tick")
    wide = (axes.right - axes.left) / max(1, len(found))
    gap = 1 if wide < 9 else min(wide * 0.2, 12)
    bar = min(wide - gap, 64)
    for place, one in enumerate(found):
        x, base = axes.left + wide * place + (wide - bar) / 2, 0
        tip = f"{one.name}: " + ", ".join(f"{write(value)} {name}" for name, value in zip(series, one.values, strict=True))
        for (cls, hatched), value in zip(_SERIES, one.values, strict=False):
            if value:
                top = max(axes.y(base + value), axes.top)
                over = base + value > axes.values[-1]
                drawing.rect(x, top, bar, axes.y(base) - top, "plot-bad" if one.bad else cls, tip, hatched or over)
                base += value
    known = [(place, value) for place, value in enumerate(line) if value is not None]
    if known:
        points = [(axes.left + wide * (place + side), axes.y(value)) for place, value in known for side in (0, 1)]
        drawing.path(points, "plot-limit plot-line")
        axes.named(line_name, "plot-limit", axes.right)
    axes.limits(limits)
    axes.labels([(axes.left + wide * (place + 0.5), one.label) for place, one in enumerate(found) if one.label])
    rows = [(one.name, *(write(value) for value in one.values)) for one in found]
    if line_name:
        rows = [(*row, "" if value is None else write(value)) for row, value in zip(rows, line, strict=True)]
    return finished(frame, drawing, [first, *series, *([line_name] if line_name else [])], rows)
