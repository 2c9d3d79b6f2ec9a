"""Series that several rules have: 24 hours up to the finding, and calls of days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from console.plots.axes import Limit
from console.plots.columns import Column, columns
from console.plots.facts import wholes
from console.plots.pen import Pen


def draw_hours(pen: Pen, field: str, name: str, series: str, below: bool = False) -> None:
    """Counts of the 24 hours up to the finding, oldest first; ``series`` is the key of what is counted."""
    words, values = pen.words, wholes(pen.facts, field)
    if not any(values):
        return
    count = len(values)
    found = [
        Column(
            words("hours_ago", n=count - place) if place < count - 1 else words("last_hour"),
            words("now") if place == count - 1 else f"−{count - place} h" if (count - place) % 6 == 0 else "",
            (value,),
        )
        for place, value in enumerate(values)
    ]
    pen.draw(name, lambda frame: columns(frame, words("hour"), [words(series)], found), below=below)


def day_columns(
    pen: Pen, days: Mapping[date, Sequence[int]], first: date, last: date, width: int = 1, most_labels: int = 7, bad: Sequence[date] = ()
) -> list[Column]:
    """A column for each day from ``first`` to ``last``, 0 where nothing is told; at most a quarter of a year."""
    first = max(first, last - timedelta(days=91))
    count = (last - first).days + 1
    every = -(-count // most_labels)
    found = []
    for place in range(count):
        day = first + timedelta(days=place)
        label = pen.words.day(day) if place % every == 0 else ""
        values = tuple(days.get(day, [0] * width))
        found.append(Column(day.isoformat(), label, values, day in bad))
    return found


def draw_days(pen: Pen, name: str, series: str, days: Mapping[date, int], limits: Sequence[Limit] = (), span: int = 1) -> None:
    """One count a day, from the first day that is told to the last."""
    if not days:
        return
    found = day_columns(pen, {day: (value,) for day, value in days.items()}, min(days), max(days), most_labels=14 if span > 1 else 7)
    pen.draw(name, lambda frame: columns(frame, pen.words("day"), [pen.words(series)], found, limits), span=span)
