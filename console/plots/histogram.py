"""Lengths of time by class: gaps between calls, and how long calls lasted."""

from __future__ import annotations

from collections.abc import Sequence

from console.plots.axes import Axes
from console.plots.plot import Drawn, Frame, finished

#: Upper ends of the classes in ms. Powers of about two: a machine's rhythm fills one or two of them, a hand's all.
EDGES = (1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000)


def histogram(frame: Frame, values_ms: Sequence[int], what: str, note: str = "") -> Drawn:
    """How many values fall in each class; ``what`` names them, ``note`` is written above."""
    words = frame.words
    counts = [0] * (len(EDGES) + 1)
    for value in values_ms:
        counts[next((place for place, edge in enumerate(EDGES) if value < edge), len(EDGES))] += 1
    drawing = frame.drawing()
    axes = Axes(drawing, max(counts), words.count, bottom=22)
    drawing.text(axes.left, 11, what, "plot-tick")
    if note:
        drawing.text(axes.right, 11, note, "plot-label", "end")
    wide = (axes.right - axes.left) / len(counts)
    rows = []
    for place, count in enumerate(counts):
        low = _short(EDGES[place - 1]) if place else "0"
        high = _short(EDGES[place]) if place < len(EDGES) else "…"
        name = f"{low} – {high}"
        x, y = axes.left + wide * place, axes.y(count)
        if count:
            drawing.rect(x + 1, y, wide - 2, axes.bottom - y, "plot-1", f"{name}: {words.count(count)}")
            drawing.text(x + wide / 2, y - 3, words.count(count), "plot-tick plot-halo", "middle")
        rows.append((name, words.count(count)))
    axes.labels([(axes.left + wide * place, "0" if not place else _short(EDGES[place - 1])) for place in range(len(counts))])
    return finished(frame, drawing, [what, words("count_head")], rows)


def _short(ms: int) -> str:
    seconds = ms // 1000
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"
