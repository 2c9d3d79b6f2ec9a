"""A line as high as a row of text: how a measure went, for a queue."""

from __future__ import annotations

from collections.abc import Sequence

from console.plots.svg import Drawing

_WIDTH, _HEIGHT = 96, 20


def sparkline(ident: str, values: Sequence[int], title: str, limit: int = 0) -> str:
    """The values from left to right, the last one with a dot, on the line of a limit if there is one.

    Its numbers are its description: beside it stands the row that has them.

    Args:
        ident: unique on the page.
        values: none negative.
        title: what it shows.
        limit: where the line stands (0: none).
    """
    drawing = Drawing(ident, _WIDTH, _HEIGHT)
    most = max([1, limit, *values])

    def y(value: int) -> float:
        return _HEIGHT - 3 - (_HEIGHT - 6) * value / most

    if limit:
        drawing.line(0, y(limit), _WIDTH, y(limit), "plot-limit")
    step = (_WIDTH - 8) / max(1, len(values) - 1)
    points = [(4 + step * place, y(value)) for place, value in enumerate(values)]
    if points:
        drawing.path([(points[0][0], y(0)), *points, (points[-1][0], y(0))], "plot-area", closed=True)
        drawing.path(points, "plot-line plot-line-1")
        drawing.circle(*points[-1], 2.5, "plot-bad" if limit and values[-1] >= limit else "plot-1")
    return drawing.finish(title, ", ".join(str(value) for value in values))
