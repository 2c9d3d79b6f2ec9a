"""What happened, on one axis of time: a track for each kind of thing, a mark for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.plots.clock import MINUTE
from console.plots.plot import Drawn, Frame, finished
from console.plots.svg import width_of

_ROW, _TOP = 34, 12


@dataclass(frozen=True)
class Moment:
    """Something that happened at an instant (ms)."""

    at: int
    text: str


@dataclass(frozen=True)
class Track:
    """Things of one kind. ``bad`` draws them in the colour of a breach."""

    name: str
    moments: tuple[Moment, ...]
    bad: bool = False


def timeline(frame: Frame, tracks: Sequence[Track]) -> Drawn:
    """Tracks below each other; the texts stand beside their marks where they have room, and all of them in the table."""
    words, clock = frame.words, frame.clock
    shown = [track for track in tracks if track.moments]
    drawing = frame.drawing(_TOP + _ROW * len(shown) + 42)
    instants = [moment.at for track in shown for moment in track.moments] or [0]
    first, last = min(instants), max(instants)
    pad = max((last - first) // 40, MINUTE)
    first, last = first - pad, last + pad
    left = max([width_of(track.name) for track in shown], default=0) + 12
    scale, bottom = (drawing.width - left - 12) / (last - first), _TOP + _ROW * len(shown)
    free = -1.0
    for at, midnight in clock.ticks(first, last, 9):
        local, x = clock.local(at), left + (at - first) * scale
        drawing.line(x, _TOP, x, bottom, "plot-grid")
        label = words.day(local.date()) if midnight else local.strftime("%H:%M")
        half = width_of(label) / 2
        if x - half >= free and x + half <= drawing.width:
            drawing.text(x, bottom + 15, label, "plot-tick", "middle")
            free = x + half + 8
    for row, track in enumerate(shown):
        y = _TOP + _ROW * row + _ROW / 2
        drawing.text(left - 10, y + 4, track.name, "plot-label", "end")
        drawing.line(left, y, drawing.width - 6, y, "plot-axis")
        moments = sorted(track.moments, key=lambda moment: (moment.at, moment.text))
        places = [left + (moment.at - first) * scale for moment in moments]
        edge = 0.0
        for place, (moment, x) in enumerate(zip(moments, places, strict=True)):
            tip = f"{clock.stamp(moment.at)}: {moment.text}"
            if track.bad:
                drawing.rect(x - 4.5, y - 4.5, 9, 9, "plot-bad plot-dot", tip)
            else:
                drawing.circle(x, y, 5, "plot-1 plot-dot", tip)
            after = places[place + 1] if place + 1 < len(places) else drawing.width
            long = width_of(moment.text)
            # Beside the mark where the next one leaves room, else towards the left of the last mark; what fits nowhere is in the tip.
            if x + 9 + long <= after - 6:
                drawing.text(x + 9, y - 6, moment.text, "plot-tick plot-halo")
                edge = x + 9 + long
            elif x - long >= max(left, edge) and all(not x - long - 9 < other < x for other in places[:place]):
                drawing.text(x - 7, y - 6, moment.text, "plot-tick plot-halo", "end")
                edge = x
    zone = f"{clock.local(first).strftime('%Y-%m-%d')} · {words('hours_in', zone=clock.name)}"
    drawing.text(drawing.width - 6, bottom + 34, zone, "plot-tick", "end")
    every = sorted((moment.at, track.name, moment.text) for track in tracks for moment in track.moments)
    rows = [(clock.stamp(at), name, text) for at, name, text in every]
    return finished(frame, drawing, [words("time"), words("what"), words("detail")], rows)
