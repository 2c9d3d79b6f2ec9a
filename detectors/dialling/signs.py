"""The signs of ``autodial``: each measured against its two limits, and how they are told.

Two groups: *machine* signs say that no hand dials so, *rate* signs that nobody works so long. Levels are 0 (below), 1 (at the
first limit), 2 (at the strong one).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from detectors.days import DAY, HOUR, MINUTE
from detectors.dialling.spans import covered, gaps_of, inside, longest, occupy, variation
from detectors.dialling.tally import ANSWERED, ATTEMPTS, CANCELLED, SHORT, TALKED
from detectors.outside import goes_out
from detectors.windows import count_since

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.outputs import Level
    from detectors.rules.autodial import AutodialParams, AutodialState
    from detectors.state import Mark

#: What a level of both groups makes of the finding.
LEVELS: dict[int, Level] = {1: "notice", 2: "breach"}
#: A stretch of calls side by side is known only when its calls have ended: it counts for as long as a busy hour does.
STRETCH_COUNTS = HOUR
SEQUENCE = "numbers dialled in sequence"


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One sign: ``measured`` against ``warn`` and ``strong`` in ``unit``, over ``window`` ms, from ``sample`` calls (0: not judged)."""

    name: str
    kind: Literal["machine", "rate"]
    measured: int
    warn: int
    strong: int
    unit: str
    window: int
    sample: int
    level: int


class AutodialFacts(msgspec.Struct, kw_only=True):
    """What the screen plots: every sign with its limits, the rhythm of the last calls, the hours of the last day, the outcomes."""

    signs: list[Sign]
    """The four machine signs, then the four rate signs, whether they hold or not."""
    gaps_ms: list[int]
    """Milliseconds between the starts of the last 50 calls, oldest first."""
    calls_per_hour: list[int]
    """Attempts in each of the last 24 hours, oldest first; the last one is still running."""
    attempts: int
    """Outgoing external calls of the last 24 hours (whole hours)."""
    answered: int
    """Those somebody answered."""
    short: int
    """Answered calls no longer than the limit of a short call."""
    cancelled: int
    """Calls the caller gave up before an answer."""
    conversations: int
    """Answered calls of a minute or more."""
    numbers: int
    """Different numbers among the last 50 calls."""
    longest_run: int
    """Longest run of numbers dialled in sequence (0 when it is below the first limit)."""


def with_open_calls(ctx: Context, layers: list[list[int]], now: int, most: int) -> list[list[int]]:
    """The layers with the calls that are up now; a call without an end counts until ``CallState.counts_until`` at most."""
    up = [c for c in ctx.licence.calls.up.values() if c.started < now and goes_out(c)]
    if not up:
        return layers
    layers = [list(layer) for layer in layers]
    for call in up:
        until = min(now, call.counts_until())
        if until > call.started:
            occupy(layers, call.started, until, most)
    return layers


def rate_levels(s: AutodialState, p: AutodialParams, layers: list[list[int]], now: int, channels: int) -> tuple[int, int, int, int] | None:
    """Levels of the four rates at ``now`` (calls in 24 h, busy hours, calls at once, busy share), None when none holds.

    This runs twice for every call of every licence: it compares, and sums up nothing unless it must.
    """
    starts = s.starts
    day = hour = wide = busy = 0
    count, limit = len(starts), p.day_attempts_warn * channels
    if count >= limit and starts[-limit] > now - DAY:
        limit = p.day_attempts_strong * channels
        day = 2 if count >= limit and starts[-limit] > now - DAY else 1
    if s.hour_warn and inside(s.hour_warn, now) and inside(s.hour_warn, now - HOUR):
        hour = 2 if inside(s.hour_strong, now) and inside(s.hour_strong, now - HOUR) else 1
    if len(layers) >= p.at_once_warn * channels:
        wide = _stretch(layers, p.at_once_warn * channels, p, now)
        if wide and len(layers) >= p.at_once_strong * channels:
            wide += _stretch(layers, p.at_once_strong * channels, p, now)
    most = p.busy_hours * HOUR
    # ``busy`` knows ended calls only, and some that have left the window: it is enough to see that nothing is near the limit.
    if layers is not s.layers or s.busy * 100 >= p.busy_percent_warn * most:
        held = _busy(s, layers, p, now, channels) * 100
        busy = (held >= p.busy_percent_warn * most) + (held >= p.busy_percent_strong * most)
    return (day, hour, wide, busy) if day or hour or wide or busy else None


def _stretch(layers: list[list[int]], depth: int, p: AutodialParams, now: int) -> int:
    return 1 if longest(layers[depth - 1], now - STRETCH_COUNTS) >= p.at_once_minutes * MINUTE else 0


def _busy(s: AutodialState, layers: list[list[int]], p: AutodialParams, now: int, channels: int) -> int:
    if len(layers) < channels:
        return 0
    return covered(layers[channels - 1], now - p.busy_hours * HOUR, s.busy if layers is s.layers else None)


def decisive(levels: tuple[int, int, int, int], level: int) -> int:
    """Place of the first rate that reaches a level: what the finding measures."""
    return next(place for place, held in enumerate(levels) if held >= level)


def measure(
    place: int, s: AutodialState, p: AutodialParams, layers: list[list[int]], now: int, channels: int, levels: tuple[int, int, int, int]
) -> int:
    """What the rate at ``place`` measures. Calls in 24 h are exact up to the strong limit, beyond it by whole hours, never too many."""
    if place == 0:
        return max(count_since(s.starts, now - DAY), s.tally.last_day[ATTEMPTS])
    if place == 1:
        hour = count_since(s.starts, now - HOUR)
        least = (0, p.hour_attempts_warn * channels + 1, p.hour_attempts_strong * channels + 1)[levels[1]]
        return max(min(hour, count_since(s.starts, now - 2 * HOUR) - hour), least)
    if place == 2:
        return next((deep for deep in range(len(layers), 0, -1) if _stretch(layers, deep, p, now)), 0)
    return _busy(s, layers, p, now, channels) * 100 // (p.busy_hours * HOUR)


def rate_signs(
    s: AutodialState, p: AutodialParams, layers: list[list[int]], now: int, channels: int, levels: tuple[int, int, int, int]
) -> list[Sign]:
    """The four rates as signs, in the order of ``rate_levels``."""
    said = (
        ("calls in 24 hours", p.day_attempts_warn * channels, p.day_attempts_strong * channels, "attempts/24h", DAY),
        ("calls in each of two hours on end", p.hour_attempts_warn * channels, p.hour_attempts_strong * channels, "attempts/h", 2 * HOUR),
        (
            f"calls up at once for {p.at_once_minutes} minutes", p.at_once_warn * channels, p.at_once_strong * channels, "calls at once",
            STRETCH_COUNTS,
        ),
        (f"busy share of {p.busy_hours} hours", p.busy_percent_warn, p.busy_percent_strong, f"% of {p.busy_hours} h", p.busy_hours * HOUR),
    )  # fmt: skip
    measured = [measure(place, s, p, layers, now, channels, levels) for place in range(4)]
    return [
        Sign(name=n, kind="rate", measured=m, warn=w, strong=st, unit=u, window=win, sample=measured[0], level=level)
        for (n, w, st, u, win), m, level in zip(said, measured, levels, strict=True)
    ]


def _base(s: AutodialState, p: AutodialParams) -> tuple[list[int], int]:
    """The counts that ratios are judged on and their window: the last 24 hours, or 30 days, whichever reaches its floor first.

    A window of 0 says that neither does.
    """
    counts = s.tally.last_day
    if counts[ATTEMPTS] >= p.floor_attempts:
        return counts, DAY
    counts = s.tally.last_month()
    return counts, 30 * DAY if counts[ANSWERED] >= p.floor_answered else 0


def machine_level(s: AutodialState, p: AutodialParams, now: int, enough: int) -> int:
    """The highest level of the machine signs; looks no further than ``enough``, and at the rhythm last since it costs most."""
    counts, window = _base(s, p)
    level = 0
    if window:
        level = max(
            _level(counts[CANCELLED], counts[ATTEMPTS], p.cancel_percent_warn, p.cancel_percent_strong),
            _level(counts[SHORT], counts[ANSWERED], p.short_percent_warn, p.short_percent_strong),
        )
    if s.runs:
        level = max(level, sum(at > now - DAY for at in s.runs))
    if level < enough:
        level = max(level, _rhythm(s, p, now)[1])
    return min(level, enough)


def _rhythm(s: AutodialState, p: AutodialParams, now: int) -> tuple[int, int]:
    """Variation of the gaps between the last calls and its level; (-1, 0) with too few of them in 24 hours."""
    recent = s.starts[-p.variation_calls :]
    if len(recent) < p.variation_calls or recent[0] <= now - DAY:
        return -1, 0
    varies = variation(gaps_of(recent))
    return varies, (varies < p.variation_thousandths_warn) + (varies < p.variation_thousandths_strong)


def _level(part: int, whole: int, warn: int, strong: int) -> int:
    return (part * 100 > warn * whole) + (part * 100 > strong * whole) if whole > 0 else 0


def machine_signs(s: AutodialState, p: AutodialParams, now: int) -> list[Sign]:
    """The four machine signs; ``sample`` 0 says that a sign is not judged."""
    counts, window = _base(s, p)
    varies, regular = _rhythm(s, p, now)
    recent = s.starts[-p.variation_calls :]
    fresh = [at > now - DAY for at in s.runs]
    return [
        _ratio("answered calls that are short", counts[SHORT], counts[ANSWERED], p.short_percent_warn, p.short_percent_strong, window),
        _ratio(
            "calls cancelled before an answer", counts[CANCELLED], counts[ATTEMPTS], p.cancel_percent_warn, p.cancel_percent_strong, window
        ),
        Sign(
            name="variation of the gaps between calls", kind="machine", measured=max(0, varies), warn=p.variation_thousandths_warn,
            strong=p.variation_thousandths_strong, unit="thousandths", window=recent[-1] - recent[0] if recent else 0,
            sample=len(recent) if varies >= 0 else 0, level=regular,
        ),
        Sign(
            name=SEQUENCE, kind="machine", measured=s.run_best if any(fresh) else 0, warn=p.run_warn, strong=p.run_strong,
            unit="numbers", window=DAY, sample=len(s.starts), level=sum(fresh),
        ),
    ]  # fmt: skip


def _ratio(name: str, part: int, whole: int, warn: int, strong: int, window: int) -> Sign:
    return Sign(
        name=name, kind="machine", measured=part * 1000 // whole if whole > 0 else 0, warn=warn * 10, strong=strong * 10, unit="‰",
        window=window, sample=whole if window else 0, level=_level(part, whole, warn, strong) if window else 0,
    )  # fmt: skip


def summary(rate: Sign, machine: list[Sign], level: int) -> str:
    """One sentence with the numbers that decided."""
    sign = max(machine, key=lambda m: m.level)
    limit, bound = (rate.strong, sign.strong) if level == 2 else (rate.warn, sign.warn)
    return (
        f"{rate.name}: {_spoken(rate, rate.measured)} (limit {_spoken(rate, limit)}), "
        f"and {sign.name}: {_spoken(sign, sign.measured)} (limit {_spoken(sign, bound)}), as when a machine dials."
    ).capitalize()


def _spoken(sign: Sign, measure: int) -> str:
    """A measure as a person reads it: per mille as percent, thousandths as a decimal."""
    if sign.unit == "‰":
        return f"{measure / 10:g} %"
    return f"{measure / 1000:g}" if sign.unit == "thousandths" else f"{measure:,}"


def facts(s: AutodialState, signs: list[Sign], marks: list[Mark]) -> AutodialFacts:
    """The series the screen plots."""
    counts = s.tally.last_day
    return AutodialFacts(
        signs=signs,
        gaps_ms=gaps_of(s.starts[-51:]),
        calls_per_hour=s.tally.per_hour(),
        attempts=counts[ATTEMPTS],
        answered=counts[ANSWERED],
        short=counts[SHORT],
        cancelled=counts[CANCELLED],
        conversations=counts[TALKED],
        numbers=len({mark.number for mark in marks}),
        longest_run=next(sign.measured for sign in signs if sign.name == SEQUENCE),
    )


def against(ctx: Context, s: AutodialState, machine: list[Sign]) -> tuple[str, ...]:
    """What speaks for the customer."""
    counts = s.tally.last_day
    said = []
    holding = [sign for sign in machine if sign.level]
    if len(holding) == 1:
        said.append(f"one machine sign only: {holding[0].name}")
    if counts[TALKED] * 5 >= counts[ANSWERED] > 0:
        said.append(f"{counts[TALKED]} of {counts[ANSWERED]} answered calls of the last 24 hours were conversations of a minute or more")
    if 0 < counts[ANSWERED] < 20:
        said.append(f"only {counts[ANSWERED]} answered calls in the last 24 hours: shares of them mean little")
    if holding and all(sign.level < 2 for sign in holding):
        said.append("no machine sign reaches its strong limit")
    if ctx.tenant.fact is not None and ctx.tenant.fact.call_centre_declared:
        said.append("the customer declared a call centre: many calls by hand are expected of it")
    return tuple(said)
