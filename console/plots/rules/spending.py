"""``toll-fraud``, ``wangiri``, ``paid-destination``, ``many-destinations`` and ``long-call``: what calls cost, and where they go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import accumulate

from console.plots.area import area
from console.plots.axes import Limit, ticks
from console.plots.bars import Bar, bars
from console.plots.clock import day_of, instant
from console.plots.columns import Column, columns
from console.plots.facts import entries, holds, said, whole, wholes
from console.plots.heat import heat
from console.plots.pen import Pen
from console.plots.rules.dialling import draw_counts
from console.plots.rules.series import draw_days, draw_hours
from console.plots.signs import Shown, signs

#: Bars above the fold.
_BARS = 8


def toll_fraud(pen: Pen) -> None:
    """Destinations with money, money against its limits, and the hours the customer is used to; hours of the burst below."""
    facts, words = pen.facts, pen.words
    ranked = sorted(entries(facts, "destinations"), key=lambda one: (-whole(one, "cents"), -whole(one, "attempts"), said(one, "range")))
    # When nobody answered, attempts are all there is to measure.
    measure = "cents" if any(whole(one, "cents") for one in ranked) else "attempts"
    found = []
    for one in ranked:
        new, attempts = words(f"new.{'country' if said(one, 'new') == 'country' else 'range'}"), words.count(whole(one, "attempts"))
        money = words.money(whole(one, "cents"))
        cells = (said(one, "code"), new, attempts, words.count(whole(one, "answered")), words.seconds(whole(one, "seconds")), money)
        name = f"{said(one, 'range')} {words.fact(said(one, 'cls'), 'short')}".strip()
        found.append(Bar(name, whole(one, measure), f"{money} · {words('n_calls', n=attempts)}", cells))
    if found:
        headers = [words(key) for key in ("destination", "code", "new_head", "attempts", "answered", "talk", "money")]
        pen.draw("destinations", lambda frame: bars(frame, headers, found, most_shown=_BARS))
    _money(pen)
    usual = wholes(facts, "usual_hours")
    hour = facts.get("hour_of_week")
    if usual or isinstance(hour, int):
        mark = hour if isinstance(hour, int) and not isinstance(hour, bool) else None
        pen.draw("usual_hours", lambda frame: heat(frame, usual, words("weeks_with_calls"), mark, words("this_burst")))
    draw_hours(pen, "attempts_per_hour", "attempts_per_hour", "attempts", below=True)
    if len(found) > _BARS:
        pen.draw("all_destinations", lambda frame: bars(frame, headers, found, most_shown=len(found)), span=2, below=True)


def wangiri(pen: Pen) -> None:
    """A caller's rings by minute, or the ranges that rang a victim and were called back."""
    facts, words = pen.facts, pen.words
    minutes = wholes(facts, "rings_per_minute")
    if any(minutes):
        found = []
        for place, value in enumerate(minutes):
            ago = len(minutes) - place
            label = words("now") if ago == 1 else "" if ago % 10 else f"−{ago} min"
            found.append(Column(words("minutes_ago", n=ago), label, (value,)))
        pen.draw("rings", lambda frame: columns(frame, words("minute"), [words("short_rings")], found), span=2)
        draw_counts(pen, "ring_counts", ("attempts", "rings", "numbers"))
    origins = sorted(entries(facts, "origins"), key=lambda one: (-whole(one, "licences"), said(one, "range")))
    rows = [
        Bar(
            said(one, "range"), whole(one, "licences"),
            words("rang", licences=words.count(whole(one, "licences")), backs=words.count(whole(one, "called_back"))),
            (words.count(whole(one, "licences")), words.count(whole(one, "calls")), words.count(whole(one, "called_back"))),
            bad=whole(one, "called_back") > 0,
        )
        for one in origins
    ]  # fmt: skip
    if rows:
        headers = [words(key) for key in ("range", "licences", "calls", "called_back")]
        limits = [Limit(pen.limit, words("limit_is", n=pen.limit))] if pen.limit and said(pen.alert, "unit") == "licences" else []
        pen.draw("origins", lambda frame: bars(frame, headers, rows, limits), span=2)


def paid_destination(pen: Pen) -> None:
    """Money by class, and minutes and money of the month as they grew towards their limits."""
    facts, words = pen.facts, pen.words
    classes = sorted(entries(facts, "by_class"), key=lambda one: (-whole(one, "cents"), said(one, "name")))
    rows = []
    for one in classes:
        calls, money = words.count(whole(one, "calls")), words.money(whole(one, "cents"))
        cells = (calls, words.seconds(whole(one, "seconds")), money)
        rows.append(Bar(words.fact(said(one, "name")), whole(one, "cents"), f"{money} · {words('n_calls', n=calls)}", cells))
    if rows:
        headers = [words(key) for key in ("class", "calls", "talk", "money")]
        pen.draw("by_class", lambda frame: bars(frame, headers, rows))
    days = {day: one for one in entries(facts, "by_day") if (day := day_of(said(one, "name"))) is not None}
    for name, field, limit, show, tick in (
        ("month_minutes", "seconds", whole(facts, "breach_minutes") * 60, words.seconds, lambda s: words.count(s // 60)),
        ("month_money", "cents", whole(facts, "breach_cents"), words.money, lambda cents: words.euros(words.count(cents // 100))),
    ):
        _growth(pen, name, {day: whole(one, field) for day, one in days.items()}, limit, show, tick, 60 if field == "seconds" else 100)


def many_destinations(pen: Pen) -> None:
    """Distinct numbers of the month against what the offer includes, and new ones by day."""
    facts, words = pen.facts, pen.words
    new, start = wholes(facts, "new_per_day"), instant(facts.get("start"))
    included = whole(facts, "included")
    if any(new) and start is not None:
        first = pen.clock.local(start).date()
        if first.year > 9990:
            return
        days = {first + timedelta(days=place): value for place, value in enumerate(new[:62])}
        limits = [Limit(included, words("included", n=words.count(included)))] if included else []
        grown = list(zip(days, accumulate(days.values()), strict=True))
        pen.draw("month_numbers", lambda frame: area(frame, words("numbers_so_far"), grown, limits, words.count), span=2)
        draw_days(pen, "new_numbers", "new_numbers", days)
    draw_counts(pen, "beyond", ("distinct", "calls_beyond"), below=True)


def long_call(pen: Pen) -> None:
    """Each long call against what the offer includes, the part beyond in red."""
    facts, words, clock = pen.facts, pen.words, pen.clock
    rows = []
    for one in sorted(entries(facts, "calls"), key=lambda one: (-whole(one, "seconds"), said(one, "answered"))):
        seconds, beyond = whole(one, "seconds"), min(whole(one, "beyond_s"), whole(one, "seconds"))
        answered, ended = instant(one.get("answered")), instant(one.get("ended"))
        begun = clock.local(answered).strftime("%m-%d %H:%M %Z") if answered is not None else ""
        up = ended is None
        cells = (
            clock.stamp(answered), words("still_up") if ended is None else clock.stamp(ended),
            words.seconds(seconds), words.seconds(beyond),
        )  # fmt: skip
        shown = words.seconds(seconds) + (f" · {words('still_up')}" if up else "")
        # A call without an end counts for certain only where the PBX tells the ends of its calls.
        weak = up and not holds(facts, "ends_are_told")
        rows.append(Bar(f"{begun} {said(one, 'number')}".strip(), seconds, shown, cells, part=beyond, hatched=weak))
    if rows:
        included = whole(facts, "included_s")
        limits = [Limit(included, words("included", n=words.seconds(included)))] if included else []
        headers = [words(key) for key in ("call", "start", "end", "length", "beyond")]
        pen.draw("long_calls", lambda frame: bars(frame, headers, rows, limits, most_shown=_BARS), span=2)
        if len(rows) > _BARS:
            pen.draw("all_long_calls", lambda frame: bars(frame, headers, rows, limits, most_shown=len(rows)), span=2, below=True)


def _money(pen: Pen) -> None:
    facts, words = pen.facts, pen.words
    found, written = [], []
    for name in ("hour", "day"):
        cents, limit = whole(facts, f"{name}_cents"), whole(facts, f"{name}_limit_cents")
        if limit:
            text = f"{words.money(cents)} / {words.money(limit)}"
            level = 2 if cents >= limit else 0
            found.append(Shown(words(f"spent.{name}"), words(f"spent.{name}"), cents, 0, limit, text, "", level))
            written.append((words.money(cents), "", words.money(limit)))
    if found:
        pen.draw("money_limits", lambda frame: signs(frame, found, written))


def _growth(
    pen: Pen, name: str, days: dict[date, int], limit: int, show: Callable[[int], str], tick: Callable[[int], str], unit: int
) -> None:
    """A sum of the month that grows day by day."""
    if not any(days.values()):
        return
    first, last = max(min(days), max(days) - timedelta(days=61)), max(days)
    month = day_of(f"{said(pen.facts, 'billing_month')}-01")
    if month is not None and timedelta(0) <= first - month < timedelta(days=31):
        first = month
    every = [first + timedelta(days=place) for place in range((last - first).days + 1)]
    grown = list(zip(every, accumulate(days.get(day, 0) for day in every), strict=True))
    most = max(grown[-1][1], limit)
    limits = [Limit(limit, pen.words("limit_is", n=show(limit)))] if limit else []
    ticked = [value * unit for value in ticks(-(-most // unit))]
    pen.draw(name, lambda frame: area(frame, pen.words(name), grown, limits, show, tick, ticked))
