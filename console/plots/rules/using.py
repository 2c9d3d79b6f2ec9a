"""``licence-sharing``, ``account-takeover``, ``moved-line``, ``unapproved-terminal`` and ``group-emits``: who uses a licence and where."""

from __future__ import annotations

from datetime import date, timedelta

from console.plots.axes import Limit
from console.plots.bars import Bar, bars
from console.plots.clock import day_of, earlier, instant
from console.plots.columns import columns
from console.plots.facts import Facts, entries, holds, said, texts, whole
from console.plots.grid import Row, grid
from console.plots.lanes import Lane, Shared, lanes
from console.plots.pen import Pen
from console.plots.rules.dialling import draw_counts
from console.plots.rules.series import day_columns, draw_days
from console.plots.timeline import Moment, Track, timeline

#: Overlaps, and rows of a grid, that fit above the fold.
_OVERLAPS, _ROWS = 3, 7
#: Days that a terminal or a line is watched: the windows of their rules.
_WATCHED = 14


def licence_sharing(pen: Pen) -> None:
    """Overlaps as swim-lanes, distant use and crowds; of a customer licences used and billed."""
    facts, words = pen.facts, pen.words
    found = [one for one in map(_overlap, entries(facts, "overlaps")) if one is not None]
    if found:
        pen.draw("overlaps", lambda frame: lanes(frame, found, _OVERLAPS), span=2)
    _distances(pen)
    crowd = {day: whole(one, "registered") for one in entries(facts, "crowd") if (day := day_of(said(one, "day"))) is not None}
    limit = whole(facts, "devices_limit")
    draw_days(pen, "crowd", "devices_at_once", crowd, [Limit(limit, words("limit_is", n=limit))] if limit else [])
    used = {day: one for one in entries(facts, "days") if (day := day_of(said(one, "day"))) is not None}
    if used:
        first, last = min(used), max(used)
        counted = day_columns(pen, {day: (whole(one, "used"),) for day, one in used.items()}, first, last, most_labels=14)
        first = max(first, last - timedelta(days=91))
        billed = [
            whole(one, "billed") if (one := used.get(first + timedelta(days=place))) is not None and one.get("billed") is not None else None
            for place in range((last - first).days + 1)
        ]
        pen.draw(
            "licences_used",
            lambda frame: columns(
                frame, words("day"), [words("used")], counted, line=billed, line_name=words("billed") if any(billed) else ""
            ),
            span=2,
        )
    if len(found) > _OVERLAPS:
        pen.draw("all_overlaps", lambda frame: lanes(frame, found), span=3, below=True)


def account_takeover(pen: Pen) -> None:
    """What happened on one axis, and where the failures came from."""
    facts, words = pen.facts, pen.words
    networks = entries(facts, "networks")
    failures = [
        Moment(at, f"{said(one, 'network')} · {words.count(whole(one, 'failures'))}")
        for one in networks
        if (at := instant(one.get("last"))) is not None
    ]
    entered = [
        Moment(at, " · ".join(filter(None, (said(one, "agent"), said(one, "country"), words.fact(said(one, "why"), "why")))))
        for one in entries(facts, "intruders")
        if (at := instant(one.get("at"))) is not None
    ]
    calls = [Moment(at, said(one, "number")) for one in entries(facts, "calls") if (at := instant(one.get("at"))) is not None]
    tracks = [
        Track(words("track.failures"), tuple(failures)),
        Track(words("track.entered"), tuple(entered), bad=True),
        Track(words("track.calls"), tuple(calls), bad=True),
    ]
    if any(track.moments for track in tracks):
        pen.draw("takeover", lambda frame: timeline(frame, tracks), span=2)
    ranked = sorted(networks, key=lambda one: (-whole(one, "failures"), said(one, "network")))
    rows = [
        Bar(
            f"{said(one, 'network')} {said(one, 'country')}".strip(), whole(one, "failures"), words.count(whole(one, "failures")),
            (words.count(whole(one, "failures")), pen.clock.stamp(instant(one.get("last")))),
        )
        for one in ranked
    ]  # fmt: skip
    if rows:
        pen.draw("failures", lambda frame: bars(frame, [words("network"), words("failures"), words("last")], rows))
    draw_counts(pen, "known", ("known_devices", "known_networks"), below=True)


def moved_line(pen: Pen) -> None:
    """Days outside by network; of a customer its sites with lines that moved."""
    facts, words = pen.facts, pen.words
    seen: dict[str, set[date]] = {}
    for one in entries(facts, "days"):
        day = day_of(said(one, "day"))
        if day is not None:
            seen.setdefault(f"{said(one, 'network')} {said(one, 'country')}".strip(), set()).add(day)
    _presence(pen, "outside", words("network"), seen)
    sites = [(said(one, "site"), len(texts(one, "moved")), whole(one, "lines")) for one in entries(facts, "sites")]
    if sites:
        rows = [
            Bar(
                site or words("no_site"),
                lines,
                words("moved_of", moved=moved, lines=lines),
                (words.count(moved), words.count(lines)),
                part=moved,
            )
            for site, moved, lines in sorted(sites, key=lambda site: (-site[1], site[0]))
        ]
        pen.draw("sites", lambda frame: bars(frame, [words("site"), words("moved"), words("lines")], rows), span=2)


def unapproved_terminal(pen: Pen) -> None:
    """Each strange terminal on the days of its window."""
    seen: dict[str, set[date]] = {}
    for one in entries(pen.facts, "terminals"):
        name = said(one, "user_agent")
        days = {day for day in map(day_of, texts(one, "days")) if day is not None}
        seen.setdefault(pen.words.fact(name), set()).update(days)
    _presence(pen, "terminals", pen.words("terminal"), seen)
    every = {day for days in seen.values() for day in days}
    limit = whole(pen.facts, "breach_days")
    if every:
        bar = Bar(pen.words("days_seen"), len(every), pen.words("n_days", n=len(every)), (str(len(every)),), bad=0 < limit <= len(every))
        limits = [Limit(limit, pen.words("breach_at", n=limit))] if limit else []
        pen.draw("terminal_days", lambda frame: bars(frame, [pen.words("what"), pen.words("days")], [bar], limits))


def group_emits(pen: Pen) -> None:
    """Calls by day within the window."""
    days = {day: whole(one, "calls") for one in entries(pen.facts, "days") if (day := day_of(said(one, "day"))) is not None}
    if not days:
        return
    first, last = _window(pen, min(days), max(days))
    found = day_columns(pen, {day: (calls,) for day, calls in days.items()}, first, last, most_labels=14)
    pen.draw("group_calls", lambda frame: columns(frame, pen.words("day"), [pen.words("calls")], found), span=2)


def _presence(pen: Pen, name: str, head: str, seen: dict[str, set[date]]) -> None:
    every = sorted({day for days in seen.values() for day in days})
    if not every:
        return
    rows = [
        Row(thing, frozenset(days), pen.words("n_days", n=len(days)))
        for thing, days in sorted(seen.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    first, last = _window(pen, every[0], every[-1])
    pen.draw(name, lambda frame: grid(frame, head, rows, first, last, _ROWS), span=2)
    if len(rows) > _ROWS:
        pen.draw(f"all_{name}", lambda frame: grid(frame, head, rows, first, last), span=2, below=True)


def _window(pen: Pen, first: date, last: date) -> tuple[date, date]:
    """The fourteen days up to the last, or more when the facts go further back."""
    return min(first, earlier(last, _WATCHED - 1)), last


def _overlap(one: Facts) -> Shared | None:
    two = [lane for lane in map(_lane, entries(one, "lanes")) if lane is not None]
    return Shared(two[0], two[1], whole(one, "seconds")) if len(two) == 2 else None


def _lane(one: Facts) -> Lane | None:
    start = instant(one.get("start"))
    return None if start is None else Lane(said(one, "device"), said(one, "network"), said(one, "country"), start, instant(one.get("end")))


def _distances(pen: Pen) -> None:
    words, clock = pen.words, pen.clock
    rows = []
    for one in sorted(entries(pen.facts, "distances"), key=lambda one: (-whole(one, "kmh"), said(one, "start"))):
        start, end = instant(one.get("start")), instant(one.get("end"))
        way = f"{said(one, 'start_country')} → {said(one, 'end_country')}"
        same = words("same_device") if holds(one, "same_device") else words("two_devices")
        cells = (
            clock.stamp(start), clock.stamp(end), f"{words.count(whole(one, 'km'))} km",
            f"{words.count(whole(one, 'minutes'))} min", f"{words.count(whole(one, 'kmh'))} km/h", same,
        )  # fmt: skip
        # One and the same device is the weaker proof: a VPN looks like a journey.
        shown = f"{words.count(whole(one, 'kmh'))} km/h"
        rows.append(Bar(f"{said(one, 'day')} {way}", whole(one, "kmh"), shown, cells, bad=True, hatched=holds(one, "same_device")))
    if rows:
        headers = [words(key) for key in ("way", "start", "end", "distance", "minutes", "speed", "device")]
        pen.draw("distances", lambda frame: bars(frame, headers, rows))
