"""The frame of a plot with values upwards: whole ticks, lines of limits, labels that do not run into each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.plots.svg import Drawing, width_of


@dataclass(frozen=True)
class Limit:
    """A line across the plot: ``hard`` for what breaches, else for what is noticed."""

    value: int
    label: str
    hard: bool = True


def ticks(most: int, count: int = 4) -> list[int]:
    """Whole round numbers from 0 to at least ``most``.

    >>> ticks(13), ticks(1), ticks(0), ticks(9700)
    ([0, 5, 10, 15], [0, 1], [0, 1], [0, 5000, 10000])
    """
    least, power = max(1, -(-max(1, most) // count)), 1
    while power * 10 < least:
        power *= 10
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)
    return [step * i for i in range(-(-max(1, most) // step) + 1)]


class Axes:
    """Place of values in a drawing.

    Args:
        drawing: what to draw on.
        most: the highest value or limit.
        shown: writes a tick.
        top: room above, for the unit and a legend.
        bottom: room below, for the labels of the horizontal axis.
        ticked: values of the ticks, when round numbers are not round in their unit.
    """

    def __init__(
        self, drawing: Drawing, most: int, shown: Callable[[int], str], top: float = 22, bottom: float = 20, ticked: Sequence[int] = ()
    ) -> None:
        self.drawing = drawing
        self.values = list(ticked) or ticks(most)
        labels = [shown(value) for value in self.values]
        self.left = max(width_of(label) for label in labels) + 8
        self.right = drawing.width - 6
        self.top, self.bottom = top, drawing.height - bottom
        for value, label in zip(self.values, labels, strict=True):
            y = self.y(value)
            drawing.line(self.left, y, self.right, y, "plot-axis" if value == 0 else "plot-grid")
            drawing.text(self.left - 6, y + 4, label, "plot-tick", "end")

    def y(self, value: float) -> float:
        """Where a value is."""
        return self.bottom - (self.bottom - self.top) * value / self.values[-1]

    def limits(self, limits: Sequence[Limit]) -> None:
        """Lines across, named above the plot: on a column a name could not be read."""
        x = self.right
        for limit in reversed(limits):
            kind, y = ("plot-limit" if limit.hard else "plot-notice"), self.y(limit.value)
            self.drawing.line(self.left, y, self.right, y, kind)
            x = self.named(limit.label, kind, x) - 12

    def named(self, label: str, kind: str, right: float) -> float:
        """A piece of a line and its name, ending at ``right``; returns where they begin."""
        self.drawing.text(right, 11, label, f"{kind}-label", "end")
        x = right - width_of(label, bold=True) - 22
        self.drawing.line(x, 7, x + 16, 7, kind)
        return x

    def labels(self, places: Sequence[tuple[float, str]]) -> None:
        """Labels below, each where it has room; the first and the last stay within the drawing."""
        end = -1.0
        for x, label in places:
            half = width_of(label) / 2
            middle = min(max(x, half), self.drawing.width - half)
            if middle - half < end + 8 and end >= 0:
                continue
            self.drawing.text(middle, self.bottom + 15, label, "plot-tick", "middle")
            end = middle + half


def legend(drawing: Drawing, x: float, y: float, names: Sequence[tuple[str, str, bool]]) -> None:
    """A row of (class, name, hatched), each a small square and its name."""
    for cls, name, hatched in names:
        drawing.rect(x, y - 9, 10, 10, cls, hatched=hatched)
        drawing.text(x + 15, y, name, "plot-tick")
        x += 15 + width_of(name) + 14


def time_ticks(seconds: int) -> list[int]:
    """Round lengths of time in seconds, from 0 to at least ``seconds``.

    >>> time_ticks(80_000), time_ticks(200), time_ticks(9)
    ([0, 36000, 72000, 108000], [0, 60, 120, 180, 240], [0, 5, 10])
    """
    unit = 1 if seconds < 120 else 60 if seconds < 7200 else 3600
    return [value * unit for value in ticks(-(-seconds // unit))]
