"""Swim-lanes: two devices' calls of one overlap below each other, the time they share in red."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.plots.axes import ticks
from console.plots.clock import MINUTE, SECOND
from console.plots.plot import Drawn, Frame, finished
from console.plots.svg import width_of

_LANE, _GAP, _TOP = 17, 7, 24
#: Seconds between ticks, so that they fall on minutes and hours.
_STEPS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


@dataclass(frozen=True)
class Lane:
    """A call: device, network, country, start in ms, and end (None: still up)."""

    device: str
    network: str
    country: str
    start: int
    end: int | None


@dataclass(frozen=True)
class Shared:
    """An overlap of two calls, and how many seconds it lasted."""

    one: Lane
    two: Lane
    seconds: int


def lanes(frame: Frame, found: Sequence[Shared], most_shown: int = 0) -> Drawn:
    """Overlaps below each other, the latest first, each from the start of its first call; the drawing shows ``most_shown`` (0: all)."""
    words, clock = frame.words, frame.clock
    latest = sorted(found, key=lambda one: (-one.one.start, -one.two.start))
    shown = latest[:most_shown] if most_shown else latest
    drawing = frame.drawing(_TOP + (2 * _LANE + _GAP) * len(shown) + (20 if len(shown) < len(latest) else 4))
    stamps = [clock.local(one.one.start).strftime("%Y-%m-%d %H:%M %Z") for one in shown]
    left = max([width_of(stamp) for stamp in stamps], default=0) + 10
    device = min(max([width_of(lane.device) for one in shown for lane in (one.one, one.two)], default=0) + 10, 150)
    bars = left + device
    notes = [words("together", length=words.seconds(one.seconds)) for one in shown]
    right = max([width_of(note, bold=True) for note in notes], default=0) + 12
    most = max([MINUTE, *(_stop(lane, one) - _start(one) for one in shown for lane in (one.one, one.two))]) // SECOND
    scale = (drawing.width - bars - right) / most
    bottom = _TOP + (2 * _LANE + _GAP) * len(shown)
    step = next((one for one in _STEPS if most // one <= 6), 0) or ticks(most)[1]
    free = -1.0
    for second in range(0, most + 1, step):
        x, label = bars + second * scale, f"+{words.seconds(second)}" if second else "0"
        drawing.line(x, _TOP - 4, x, bottom, "plot-grid")
        if x - width_of(label) / 2 >= free:
            drawing.text(x, _TOP - 9, label, "plot-tick", "middle")
            free = x + width_of(label) / 2 + 8
    for place, (one, stamp, note) in enumerate(zip(shown, stamps, notes, strict=True)):
        y = _TOP + (2 * _LANE + _GAP) * place
        drawing.text(0, y + _LANE + 4, stamp, "plot-tick")
        for row, lane in enumerate((one.one, one.two)):
            start, stop = (_start_of(lane, one) - _start(one)) * scale / SECOND, (_stop(lane, one) - _start(one)) * scale / SECOND
            tip = f"{lane.device} · {lane.network} · {lane.country}: {clock.stamp(lane.start)} – {_end(frame, lane)}"
            drawing.text(left, y + _LANE * row + 13, lane.device, "plot-label", room=device - 8, tip=tip)
            drawing.rect(bars + start, y + _LANE * row + 2, max(2, stop - start), _LANE - 4, f"plot-{1 if not row else 3}", tip)
        first = max(one.one.start, one.two.start) - _start(one)
        last = min(_stop(one.one, one), _stop(one.two, one)) - _start(one)
        if last > first:
            x, wide = bars + first * scale / SECOND, max(2, (last - first) * scale / SECOND)
            for row in (0, 1):
                drawing.rect(x, y + _LANE * row + 2, wide, _LANE - 4, "plot-bad", note)
            drawing.rect(x, y, wide, 2 * _LANE, "plot-overlap", note)
        drawing.text(drawing.width - 2, y + _LANE + 4, note, "plot-limit-label plot-halo", "end")
    if len(shown) < len(latest):
        drawing.text(bars, bottom + 14, words("more", n=words.count(len(latest) - len(shown))), "plot-tick")
    headers = [words(key) for key in ("day", "device", "network", "country", "start", "end", "overlap")]
    rows = [
        (
            clock.local(one.one.start).date().isoformat(), lane.device, lane.network, lane.country, clock.stamp(lane.start),
            _end(frame, lane), words.seconds(one.seconds),
        )
        for one in latest
        for lane in (one.one, one.two)
    ]  # fmt: skip
    return finished(frame, drawing, headers, rows)


def _start(one: Shared) -> int:
    return min(one.one.start, one.two.start)


def _start_of(lane: Lane, one: Shared) -> int:
    return max(lane.start, _start(one))


def _stop(lane: Lane, one: Shared) -> int:
    """End of a lane; a call that is up goes on to the end of what both are known to share."""
    if lane.end is not None:
        return max(lane.end, lane.start)
    return max(one.one.start, one.two.start) + one.seconds * SECOND


def _end(frame: Frame, lane: Lane) -> str:
    return frame.clock.stamp(lane.end) if lane.end is not None else frame.words("still_up")
