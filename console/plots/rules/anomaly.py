"""``anomaly``: the scores of the last days, against the threshold of the model in force."""

from __future__ import annotations

from datetime import date

from console.plots.axes import Limit
from console.plots.columns import columns
from console.plots.facts import entries, holds, said, whole
from console.plots.pen import Pen
from console.plots.rules.series import day_columns

#: A whole score; the ticks are its quarters.
_WHOLE = 10_000


def anomaly(pen: Pen) -> None:
    """A column for each scored day; those over the threshold of their time are red."""
    words, found = pen.words, {}
    for one in entries(pen.facts, "days"):
        try:
            day = date.fromisoformat(said(one, "day"))
        except ValueError:
            continue
        found[day] = (min(whole(one, "score"), _WHOLE), holds(one, "over"))
    if not found:
        return
    shown = day_columns(
        pen,
        {day: (score,) for day, (score, _) in found.items()},
        min(found),
        max(found),
        bad=[day for day, (_, over) in found.items() if over],
    )
    limits = [Limit(min(pen.limit, _WHOLE), words("limit_is", n=words.count(pen.limit)))] if pen.limit else []
    quarters = [_WHOLE * part // 4 for part in range(5)]
    pen.draw("scores", lambda frame: columns(frame, words("day"), [words("score")], shown, limits, ticked=quarters), span=2)
