"""``abroad-stay`` and ``abroad-total``: the year by country, and the measure with and without its weakest proof."""

from __future__ import annotations

from datetime import date

from console.plots.axes import Limit
from console.plots.bars import Bar, bars
from console.plots.calendar import KINDS, SHOWN_DAYS, Run, calendar, strip
from console.plots.clock import day_of
from console.plots.facts import Facts, said, whole
from console.plots.pen import Pen


def runs_of(facts: Facts) -> list[Run]:
    """The calendar's runs; what is no run of days is left out."""
    found = facts.get("calendar")
    runs = []
    for one in found if isinstance(found, list | tuple) else ():
        if not isinstance(one, list | tuple) or len(one) != 4:
            continue
        first, last, (country, kind) = day_of(one[0]), day_of(one[1]), one[2:]
        if first and last and first <= last and isinstance(country, str) and kind in KINDS:
            runs.append(Run(first, last, country[:12], kind))
    return runs


def abroad(pen: Pen) -> None:
    """Calendar and measure above the fold; the strip of countries and the kinds of proof below."""
    facts, words = pen.facts, pen.words
    runs, crossing = runs_of(facts), day_of(said(facts, "crossing"))
    if runs:
        end = _end(pen, runs)
        pen.draw("calendar", lambda frame: calendar(frame, runs, end, crossing), span=2)
    breach, notice, days = whole(facts, "breach_limit"), whole(facts, "notice_limit"), whole(facts, "abroad_days")
    if days or breach:
        measures = [("measured_days", whole(pen.alert, "measured") or days), ("without_weakest", whole(facts, "without_weakest"))]
        rows = [
            Bar(words(name), value, words("n_days", n=value), (words.count(value),), bad=bool(breach) and value >= breach)
            for name, value in measures
        ]
        limits = [
            *([Limit(notice, words("notice_at", n=notice), hard=False)] if notice else []),
            *([Limit(breach, words("breach_at", n=breach))] if breach else []),
        ]
        pen.draw("abroad_measure", lambda frame: bars(frame, [words("what"), words("days")], rows, limits))
    if runs:
        pen.draw("strip", lambda frame: strip(frame, runs, end, crossing), span=2, height=124, below=True)
    kinds = (
        ("call_days", False), ("registration_days", True), ("weak_days", True), ("agreed_days", False), ("home_days", False),
        ("silent_days", True), ("exempt_days", True), ("restricted_days", True),
    )  # fmt: skip
    proof = [
        Bar(words(name), whole(facts, name), words.count(whole(facts, name)), (words.count(whole(facts, name)),), hatched=weak)
        for name, weak in kinds
    ]
    if any(one.value for one in proof):
        pen.draw("proof", lambda frame: bars(frame, [words("what"), words("days")], proof), below=True)


def _end(pen: Pen, runs: list[Run]) -> date:
    """The last day of the calendar: that of the window, which reaches past the last run when the licence has fallen silent."""
    last = max(run.last for run in runs)
    until = pen.until
    if until is None:
        return last
    day = pen.clock.local(until).date()
    return day if last <= day and (day - last).days < SHOWN_DAYS else last
