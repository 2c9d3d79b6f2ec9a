"""Signs against their limits: every one on the scale of its own limit, so that how far beyond it lies reads at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.plots.plot import Drawn, Frame, finished
from console.plots.svg import Drawing, width_of

_ROW = 20
#: Part of a bar's room at which the breach limit stands; what is half as much again beyond it ends in an arrow.
_AT_LIMIT = 2 / 3


@dataclass(frozen=True)
class Shown:
    """A sign: short and full name, measure and limits as numbers and as text.

    ``level`` 0 (below), 1 (notice) or 2 (breach); ``notice`` 0 when there is one limit only; ``below`` when less is worse;
    ``judged`` false when there was too little to judge.
    """

    name: str
    full: str
    measured: int
    notice: int
    breach: int
    text: str
    unit: str
    level: int
    below: bool = False
    judged: bool = True


def signs(frame: Frame, found: Sequence[Shown], write: Sequence[tuple[str, str, str]]) -> Drawn:
    """Bars with a full, half or empty dot for breach, notice and below; ``write``: measured, notice and breach limit as text."""
    words = frame.words
    drawing = frame.drawing(_ROW * len(found) + 22)
    left = min(max([width_of(one.name) for one in found], default=0) + 24, 220)
    right = max([width_of(one.text if one.judged else words("not_judged")) for one in found], default=0) + 10
    room = drawing.width - left - right
    drawing.text(left + room * _AT_LIMIT, 12, words("limit"), "plot-limit-label", "middle")
    x, end = 8.0, left + room * _AT_LIMIT - width_of(words("limit"), bold=True) / 2 - 8
    for level, name in ((2, words("breach")), (1, words("notice"))):
        if x + 10 + width_of(name) <= end:
            _dot(drawing, x, 8, level)
            drawing.text(x + 10, 12, name, "plot-tick")
            x += 10 + width_of(name) + 16
    for place, one in enumerate(found):
        y = 18 + _ROW * place
        tip = f"{one.full}: {one.text} {one.unit}".strip()
        _dot(drawing, 8, y + 10, one.level)
        drawing.text(18, y + 14, one.name, "plot-label", room=left - 22, tip=one.full)
        # Where less is worse, the limit of notice is the higher one.
        scale = room * _AT_LIMIT / max(1, one.breach, one.notice)
        long = min(one.measured * scale, room)
        if one.judged:
            drawing.rect(left, y + 4, long, _ROW - 9, f"plot-level-{one.level}", tip)
            if one.measured * scale > room:
                arrow = [(left + room, y + 2), (left + room + 6, y + 9.5), (left + room, y + 17)]
                drawing.path(arrow, f"plot-level-{one.level}", closed=True)
        if one.notice:
            drawing.line(left + one.notice * scale, y + 1, left + one.notice * scale, y + _ROW - 2, "plot-notice")
        drawing.line(left + one.breach * scale, y + 1, left + one.breach * scale, y + _ROW - 2, "plot-limit")
        drawing.text(drawing.width - 2, y + 14, one.text if one.judged else words("not_judged"), "plot-label", "end")
    headers = [words("sign"), words("measured"), words("notice_limit"), words("breach_limit"), words("unit"), words("level")]
    rows = []
    for one, (measured, notice, breach) in zip(found, write, strict=True):
        reached = words("not_judged") if not one.judged else words(("below", "notice", "breach")[one.level])
        limits = [f"< {text}" if one.below and text else text for text in (notice, breach)]
        rows.append((one.full, measured, *limits, one.unit, reached))
    return finished(frame, drawing, headers, rows)


def _dot(drawing: Drawing, x: float, y: float, level: int) -> None:
    """Full for breach, half for notice, empty below: read without colour."""
    drawing.circle(x, y, 5, "plot-level-2" if level == 2 else "plot-empty")
    if level == 1:
        half = [(x - dx, y + dy) for dx, dy in ((0.0, -5.0), (3.5, -3.5), (5.0, 0.0), (3.5, 3.5), (0.0, 5.0))]
        drawing.path(half, "plot-level-1", closed=True)
