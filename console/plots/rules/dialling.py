"""``autodial``, ``call-centre`` and ``gateway``: how, when and how many numbers are called."""

from __future__ import annotations

from datetime import date
from statistics import median_low

from console.plots.axes import Limit, time_ticks
from console.plots.bars import Bar, bars
from console.plots.clock import day_of, earlier
from console.plots.columns import Column, columns
from console.plots.facts import Facts, entries, said, texts, whole, wholes
from console.plots.grid import Row, grid
from console.plots.heat import heat
from console.plots.histogram import histogram
from console.plots.pen import Pen
from console.plots.rules.series import day_columns, draw_hours
from console.plots.rules.signing import draw_signs


def autodial(pen: Pen) -> None:
    """Gaps, hours and signs above the fold; the gaps in their order and what became of the calls below."""
    facts, words = pen.facts, pen.words
    gaps = wholes(facts, "gaps_ms")
    if gaps:
        note = words("median_gap", length=words.seconds(median_low(gaps) // 1000))
        pen.draw("gaps", lambda frame: histogram(frame, gaps, words("gap"), note))
    draw_hours(pen, "calls_per_hour", "calls_per_hour", "calls")
    draw_signs(pen)
    if gaps:
        # One pause over lunch would make all else flat, so columns end at six times the median.
        seconds = [gap // 1000 for gap in gaps]
        cap = 6 * max(1, median_low(seconds))
        rhythm = [Column(words("call_n", n=i + 2), str(i + 2) if i % 10 == 8 else "", (gap,)) for i, gap in enumerate(seconds)]
        ticked = time_ticks(min(cap, max(seconds)))
        pen.draw(
            "rhythm",
            lambda frame: columns(frame, words("call"), [words("gap")], rhythm, shown=words.seconds, ticked=ticked, cap=cap),
            span=2,
            below=True,
        )
    draw_counts(pen, "outcomes", ("attempts", "answered", "short", "cancelled", "conversations"), below=True)


def call_centre(pen: Pen) -> None:
    """Hours of the week, callees per day and signs above the fold; the days that show it below. A customer's: its licences."""
    facts, words = pen.facts, pen.words
    licences = facts.get("licences")
    if isinstance(licences, dict) and licences:
        days = sorted(((str(name), whole(licences, name)) for name in licences), key=lambda one: (-one[1], one[0]))
        found = [Bar(name, count, words("n_days", n=count), (words.count(count),)) for name, count in days]
        pen.draw("licences_in_breach", lambda frame: bars(frame, [words("licence"), words("days")], found), span=2)
    values = wholes(facts, "heat")
    if any(values):
        pen.draw("heat", lambda frame: heat(frame, values, words("calls")))
    callees, last = wholes(facts, "callees_per_day"), day_of(said(facts, "day"))
    if any(callees) and last is not None:
        counts = {earlier(last, len(callees) - 1 - place): (count,) for place, count in enumerate(callees)}
        shown = {day for name in ("outbound_days", "inbound_days") for day in map(day_of, texts(facts, name)) if day is not None}
        daily = day_columns(pen, counts, min(counts), last, bad=sorted(shown))
        pen.draw("callees", lambda frame: columns(frame, words("day"), [words("callees")], daily))
    draw_signs(pen)
    ways = [Row(words(name), _days(facts, name), words.count(len(_days(facts, name)))) for name in ("outbound_days", "inbound_days")]
    every = sorted({day for row in ways for day in row.days})
    if every:
        pen.draw("showing_days", lambda frame: grid(frame, words("what"), ways, earlier(every[-1], 27), every[-1]), below=True)
    draw_counts(pen, "both_ways", ("outgoing", "incoming"), below=True)


def gateway(pen: Pen) -> None:
    """Signs, a week's traffic and its hours of the day."""
    facts, words = pen.facts, pen.words
    draw_signs(pen)
    flows = {day: one for one in entries(facts, "days") if (day := day_of(said(one, "day"))) is not None}
    if not flows:
        return
    last = max(flows)
    first = earlier(last, 6)
    parts = {day: _flow(one) for day, one in flows.items()}
    traffic = day_columns(pen, parts, first, last, width=3)
    pen.draw("traffic", lambda frame: columns(frame, words("day"), [words("dialled"), words("diverted"), words("incoming")], traffic))
    hours = day_columns(pen, {day: (whole(one, "hours"),) for day, one in flows.items()}, first, last)
    pen.draw(
        "hours_with_calls",
        lambda frame: columns(
            frame, words("day"), [words("hours_of_day")], hours, [Limit(24, words("all_day"), False)], ticked=(0, 6, 12, 18, 24)
        ),
    )


def draw_counts(pen: Pen, name: str, fields: tuple[str, ...], below: bool = False) -> None:
    """Counts of the facts as bars, in the order of the fields."""
    words = pen.words
    counts = [(words(f"count.{field}"), whole(pen.facts, field)) for field in fields]
    rows = [Bar(what, count, words.count(count), (words.count(count),)) for what, count in counts]
    if any(row.value for row in rows):
        pen.draw(name, lambda frame: bars(frame, [words("what"), words("count_head")], rows), below=below)


def _flow(one: Facts) -> tuple[int, int, int]:
    """Dialled, diverted and incoming calls of a day: diverted legs go out too."""
    outgoing, diverted = whole(one, "outgoing"), whole(one, "diverted")
    return max(0, outgoing - diverted), diverted, whole(one, "incoming")


def _days(facts: Facts, name: str) -> frozenset[date]:
    return frozenset(day for day in map(day_of, texts(facts, name)) if day is not None)
