"""Days of a year by country: a calendar of 365 squares, and the same as one strip with the countries written in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from console.plots.plot import Drawn, Frame, finished
from console.plots.svg import Drawing, width_of
from console.plots.words import Words

#: Days on the calendar.
SHOWN_DAYS = 365
#: Countries with a colour of their own, the commonest first; more would not be told apart, the others share one.
_COLOURS = 5
_LEFT, _TOP = 40, 34
#: Kinds of days abroad that do not count, and home.
_PLAIN = {"home": "plot-home", "exempt": "plot-exempt", "restricted": "plot-exempt"}
KINDS = ("calls", "registrations", "exempt", "restricted", "home")


@dataclass(frozen=True)
class Run:
    """Days of one kind in one country: ``calls`` or ``registrations`` abroad, ``exempt``, ``restricted``, or ``home``."""

    first: date
    last: date
    country: str
    kind: str


def calendar(frame: Frame, runs: Sequence[Run], end: date, crossing: date | None) -> Drawn:
    """Weeks from left to right, Monday on top; hatched where only registrations prove it; a line where the limit was crossed."""
    words, drawing = frame.words, frame.drawing()
    classes = _classes(runs)
    start = end - timedelta(days=SHOWN_DAYS - 1)
    monday = start - timedelta(days=start.weekday())
    weeks = (end - monday).days // 7 + 1
    wide, high = (drawing.width - _LEFT - 8) / weeks, (drawing.height - _TOP - 24) / 7
    for row in (0, 2, 4, 6):
        drawing.text(_LEFT - 6, _TOP + high * (row + 0.5) + 4, words.weekday(row), "plot-tick", "end")

    def place(day: date) -> tuple[float, float]:
        return _LEFT + wide * ((day - monday).days // 7), _TOP + high * day.weekday()

    kinds = {day: run for run in runs for day in _days(run, start, end)}
    free = -1.0
    for offset in range(SHOWN_DAYS):
        day = start + timedelta(days=offset)
        x, y = place(day)
        run = kinds.get(day)
        cls = _class(run, classes) if run else "plot-silent"
        tip = f"{day.isoformat()}: {_spoken(run, words) if run else words('silent')}"
        drawing.rect(x + 1, y + 1, wide - 2, high - 2, cls, tip, run is not None and run.kind == "registrations")
        if run is not None and run.kind in ("exempt", "restricted"):
            drawing.line(x + 2, y + high - 2, x + wide - 2, y + 2, "plot-strike")
        if day.day == 1 and x >= free:
            name = words.month(day)
            drawing.text(x, _TOP - 6, name, "plot-tick")
            free = x + width_of(name) + 6
    if crossing is not None and start <= crossing <= end:
        _cross(drawing, place(crossing), wide, high, words("crossed_on", day=f"{words.day(crossing)} {crossing.year}"))
    _legend(drawing, words, runs, classes)
    return finished(frame, drawing, *_rows(words, runs, crossing))


def strip(frame: Frame, runs: Sequence[Run], end: date, crossing: date | None) -> Drawn:
    """The same days in one line, each stay with its country and length where they have room."""
    words, drawing = frame.words, frame.drawing()
    classes = _classes(runs)
    start = end - timedelta(days=SHOWN_DAYS - 1)
    wide, top, high = (drawing.width - 16) / SHOWN_DAYS, 24.0, 30.0

    def x_of(day: date) -> float:
        return 8 + wide * (day - start).days

    drawing.rect(8, top, wide * SHOWN_DAYS, high, "plot-silent", words("silent"))
    for run in runs:
        days = _days(run, start, end)
        if not days:
            continue
        tip = f"{run.first.isoformat()} – {run.last.isoformat()}: {_spoken(run, words)}"
        drawing.rect(x_of(days[0]), top, wide * len(days), high, _class(run, classes), tip, run.kind == "registrations")
    # Countries are written once for each stay, however many kinds of proof it is cut into.
    for country, first, count in _stays(runs, start, end):
        for text in (f"{country} · {words('n_days', n=count)}", country):
            if width_of(text) + 6 <= wide * count:
                drawing.text(x_of(first) + wide * count / 2, top + high + 14, text, "plot-tick", "middle")
                break
    month = start.replace(day=1)
    while month <= end:
        if month >= start and x_of(month) < drawing.width - 40:
            drawing.line(x_of(month), top - 4, x_of(month), top, "plot-axis")
            drawing.text(x_of(month) + 2, top - 6, words.month(month), "plot-tick")
        month = (month + timedelta(days=32)).replace(day=1)
    if crossing is not None and start <= crossing <= end:
        x, text = x_of(crossing), words("crossed_on", day=f"{words.day(crossing)} {crossing.year}")
        drawing.line(x, top - 2, x, top + high + 26, "plot-limit")
        half = width_of(text, bold=True) / 2
        drawing.text(min(max(x, half), drawing.width - half), top + high + 38, text, "plot-limit-label", "middle")
    _legend(drawing, words, runs, classes)
    return finished(frame, drawing, *_rows(words, runs, crossing))


def _cross(drawing: Drawing, at: tuple[float, float], wide: float, high: float, text: str) -> None:
    """The line between the days before the crossing and those from it on."""
    x, y = at
    bottom = _TOP + high * 7
    points = [(x + wide, _TOP - 20), (x + wide, y), (x, y), (x, bottom)] if y > _TOP else [(x, _TOP - 20), (x, bottom)]
    drawing.path(points, "plot-limit plot-line")
    room = width_of(text, bold=True) + 6
    left = points[0][0] + room > drawing.width
    drawing.text(points[0][0] + (-5 if left else 5), _TOP - 21, text, "plot-limit-label", "end" if left else "start")


def _legend(drawing: Drawing, words: Words, runs: Sequence[Run], classes: dict[str, str]) -> None:
    present = {run.kind for run in runs}
    entries: list[tuple[str, str, bool, bool]] = []
    if present & {"calls", "registrations"}:
        named = [country for country in classes if classes[country] != "plot-6"]
        entries += [(classes[country], country or words("abroad"), False, False) for country in named]
        if len(named) < len(classes):
            entries.append(("plot-6", words("other_countries"), False, False))
    if "registrations" in present:
        entries.append(("plot-1", words("kind.registrations"), True, False))
    if present & {"exempt", "restricted"}:
        entries.append(("plot-exempt", words("not_counted"), False, True))
    entries += [("plot-home", words("kind.home"), False, False), ("plot-silent", words("silent"), False, False)]
    x, y = float(_LEFT), drawing.height - 6
    # Six countries with every kind of day fill the line; then they stand closer.
    long = sum(16 + width_of(name) for _, name, *_ in entries)
    gap = min(14, (drawing.width - x - long) / len(entries))
    for cls, name, hatched, struck in entries:
        drawing.rect(x, y - 10, 11, 11, cls, hatched=hatched)
        if struck:
            drawing.line(x + 1, y, x + 10, y - 9, "plot-strike")
        drawing.text(x + 16, y, name, "plot-tick")
        x += 16 + width_of(name) + gap


def _rows(words: Words, runs: Sequence[Run], crossing: date | None) -> tuple[list[str], list[tuple[str, ...]]]:
    headers = [words("from"), words("to"), words("days"), words("country"), words("proof")]
    rows: list[tuple[str, ...]] = [
        (run.first.isoformat(), run.last.isoformat(), words.count((run.last - run.first).days + 1), run.country, words(f"kind.{run.kind}"))
        for run in runs
    ]
    if crossing is not None:
        rows.append((crossing.isoformat(), crossing.isoformat(), "", "", words("crossed")))
    return headers, rows


def _days(run: Run, start: date, end: date) -> list[date]:
    first, last = max(run.first, start), min(run.last, end)
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def _classes(runs: Sequence[Run]) -> dict[str, str]:
    """Each country of counted days with its colour, the one with the most days first."""
    tally: dict[str, int] = {}
    for run in runs:
        if run.kind in ("calls", "registrations"):
            tally[run.country] = tally.get(run.country, 0) + (run.last - run.first).days + 1
    ranked = sorted(tally, key=lambda country: (-tally[country], country))
    return {country: f"plot-{min(place, _COLOURS) + 1}" for place, country in enumerate(ranked)}


def _class(run: Run, classes: dict[str, str]) -> str:
    return _PLAIN.get(run.kind) or classes[run.country]


def _spoken(run: Run, words: Words) -> str:
    kind = words(f"kind.{run.kind}")
    return f"{run.country}, {kind}" if run.country else kind


def _stays(runs: Sequence[Run], start: date, end: date) -> list[tuple[str, date, int]]:
    stays: list[tuple[str, date, int]] = []
    for run in runs:
        days = _days(run, start, end)
        if run.kind == "home" or not days:
            continue
        if stays and stays[-1][0] == run.country and (days[0] - stays[-1][1]).days == stays[-1][2]:
            stays[-1] = (run.country, stays[-1][1], stays[-1][2] + len(days))
        else:
            stays.append((run.country, days[0], len(days)))
    return stays
