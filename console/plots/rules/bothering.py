"""``harassment``, ``mass-messaging`` and ``mass-fax``: who is called or written to, how often, and at which hours."""

from __future__ import annotations

from console.plots.axes import Limit
from console.plots.bars import Bar, bars
from console.plots.clock import instant
from console.plots.dots import dots
from console.plots.facts import entries, holds, said, whole, wholes
from console.plots.histogram import histogram
from console.plots.pen import Pen
from console.plots.rules.dialling import draw_counts
from console.plots.rules.series import draw_hours
from console.plots.rules.signing import draw_signs

_SPANS = {"in_15_minutes": "attempts/15min", "in_60_minutes": "attempts/60min", "in_24_hours": "attempts/24h", "in_7_days": "attempts/7d"}


def harassment(pen: Pen) -> None:
    """The attempts on days and hours, and their sums, with the limit that was reached."""
    facts, words = pen.facts, pen.words
    found = sorted((at, holds(one, "night")) for one in entries(facts, "attempts") if (at := instant(one.get("at"))) is not None)
    if found:
        pen.draw("attempts", lambda frame: dots(frame, found, words("attempt"), words("at_night")), span=2)
    unit = said(pen.alert, "unit")
    rows = []
    for name, of_unit in _SPANS.items():
        count, decides = whole(facts, name), unit == of_unit
        text = f"{words.count(count)} / {words.count(pen.limit)}" if decides else words.count(count)
        limit = words.count(pen.limit) if decides else ""
        rows.append(Bar(words(f"span.{name}"), count, text, (words.count(count), limit), bad=decides))
    if any(row.value for row in rows):
        limits = [Limit(pen.limit, words("limit_of_red", n=words.count(pen.limit)))] if unit in _SPANS.values() and pen.limit else []
        pen.draw("attempt_sums", lambda frame: bars(frame, [words("span_head"), words("attempts"), words("limit")], rows, limits))
    draw_counts(pen, "calls_to_number", ("calls", "answered", "withheld", "others"), below=True)


def mass_sending(pen: Pen) -> None:
    """Signs, hours and lengths (of calls) above the fold; recipients and replies below."""
    facts, words = pen.facts, pen.words
    draw_signs(pen)
    draw_hours(pen, "by_hour", "sent_per_hour", "sent")
    lengths = wholes(facts, "lengths_ms")
    if lengths:
        note = words("median_is", length=words.seconds(whole(facts, "median_ms") // 1000))
        pen.draw("lengths", lambda frame: histogram(frame, lengths, words("length"), note))
    draw_counts(pen, "recipients", ("recipients", "replies", "pages"), below=bool(lengths))
