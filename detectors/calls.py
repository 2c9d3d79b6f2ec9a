"""One definition of a call for all rules: the legs of one licence that share a ``linked_id``, counted once.

A call starts at its first attempt, is answered at its first answer and ends when its last leg ends. Retransmissions and
forks are legs of it. An attempt on an ended key, or with another number under the same ``leg_id``, opens a new call.
An INVITE is not a call: every B2BUA leg counted by itself would double each figure (contracts: ``call``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from detectors.days import HOUR, MINUTE
from detectors.events import Call, Dest

if TYPE_CHECKING:
    from detectors.context import Context

#: An ended call is remembered this long, so that a further leg or a repeat of its end is not a new call.
KEEP_ENDED = HOUR
#: At most this many ended calls are remembered; a dialler makes 64 calls in 20 minutes, its legs arrive within seconds.
MOST_ENDED = 64
#: A call without an end stops counting as up two hours after its answer (detectors.md, long-call).
LOST_ANSWERED = 2 * HOUR
#: One that nobody answered stops counting after ten minutes: no network lets a phone ring longer.
LOST_RINGING = 10 * MINUTE
#: After so many hours a call whose end never came is closed as lost (policy of ``long-call``: ``max_call_hours``).
LOST_HOURS = 24

NOWHERE = Dest()


class CallState(msgspec.Struct, array_like=True, kw_only=True):
    """A call of one licence.

    Times in milliseconds; ``device`` and ``network`` are those of the licence's own phone, as in ``location``; ``legs`` maps
    a leg id to its number and whether it is still up; ``whole`` marks a call known from CDRs; ``cut`` is when its device left
    without an end being told.
    """

    key: str
    pbx: str
    call_id: str
    direction: str
    started: int
    answered: int | None = None
    ended: int | None = None
    dest: Dest = NOWHERE
    presented: str = ""
    device: str = ""
    network: str = ""
    country: str = ""
    cls: str = ""
    weak: bool = False
    media: str = "audio"
    status: int | None = None
    cause: int | None = None
    ended_by: str | None = None
    diverted_by: str | None = None
    caller: str = ""
    in_plan: bool | None = None
    whole: bool = False
    cut: int | None = None
    src: str = ""
    line: int = 0
    legs: dict[str, tuple[str, bool]] = {}

    @property
    def talk(self) -> int:
        """Milliseconds of talk, 0 when nobody answered or while the call is up."""
        return max(0, self.ended - self.answered) if self.answered is not None and self.ended is not None else 0

    @property
    def told(self) -> bool:
        """Whether the end of every leg was told: a call closed because its key was used again has an end that nobody told."""
        # Asked at each end of a call: a generator would cost three times as much.
        for _, still_up in self.legs.values():  # noqa: SIM110
            if still_up:
                return False
        return True

    def counts_until(self) -> int:
        """The instant after which an open call no longer counts as up."""
        until = self.answered + LOST_ANSWERED if self.answered is not None else self.started + LOST_RINGING
        return until if self.cut is None else min(until, self.cut)


class Calls(msgspec.Struct, array_like=True):
    """Calls of a licence: ``up`` by key, ``ended`` by key for an hour, and how many calls were lost without an end."""

    up: dict[str, CallState] = {}
    ended: dict[str, CallState] = {}
    lost: int = 0

    def up_at(self, at: int) -> list[CallState]:
        """Outgoing calls that count as up at an instant."""
        return [c for c in self.up.values() if c.direction != "inbound" and c.counts_until() > at]


class Hooks(msgspec.Struct):
    """Where the tracker reports: each is called once per call and step."""

    started: Callable[[Context, CallState], None]
    answered: Callable[[Context, CallState], None]
    ended: Callable[[Context, CallState, int], None]


def track(ctx: Context, calls: Calls, event: Call, direction: str, hooks: Hooks) -> None:
    """Apply one call event of a licence and report what it started, answered or ended.

    ``direction`` is the call's direction seen from this licence (an internal call is inbound for its callee).
    """
    # A licence that diverts a call has two: the one that came in and the one it pays for. Both have the same ``linked_id``.
    way = "<" if direction == "inbound" else ""
    key = f"{event.pbx}\0{way}{event.linked_id or event.call_id}"
    phase = event.phase
    number = event.dest.e164 if event.dest is not None else ""
    call = calls.up.get(key)
    if call is None and phase != "attempt":
        done = calls.ended.get(key)
        if done is not None:
            if phase == "cdr" and event.leg_id not in done.legs:
                _further_leg(ctx, calls, done, event, number, hooks)
            return
        if phase == "end" and event.started_at is None:
            calls.lost += 1
            return
    if call is not None and phase == "attempt":
        leg = call.legs.get(event.leg_id)
        if leg is None:
            call.legs[event.leg_id] = (number, True)
            return
        if leg[0] == number:
            return
        close(ctx, calls, call, event.time, hooks)
        call = None
    if call is None:
        call = _open(ctx, event, key, direction, number)
        if phase != "cdr":
            calls.up[key] = call
        hooks.started(ctx, call)
        if phase == "attempt":
            return
    if phase == "answer" or event.answered_at is not None:
        _answer(ctx, call, event, hooks)
    if phase == "answer":
        return
    call.legs[event.leg_id] = (number, False)
    _end_facts(call, event)
    for _, still_up in call.legs.values():
        if still_up:
            return
    close(ctx, calls, call, event.ended_at if event.ended_at is not None else event.time, hooks)


def close(ctx: Context, calls: Calls, call: CallState, at: int, hooks: Hooks) -> None:
    """End a call at ``at`` and remember it."""
    call.ended = max(at, call.started)
    calls.up.pop(call.key, None)
    calls.ended[call.key] = call
    if len(calls.ended) > MOST_ENDED:
        del calls.ended[next(iter(calls.ended))]
    hooks.ended(ctx, call, 1)


def lose(calls: Calls, key: str) -> None:
    """Close a call whose end never came as lost, without reporting talk."""
    del calls.up[key]
    calls.lost += 1


def forget(calls: Calls, now: int, lost_after: int) -> None:
    """Drop ended calls older than an hour; close those up for longer than ``lost_after`` (ms from their start) as lost."""
    for key in [k for k, c in calls.ended.items() if c.ended is not None and c.ended < now - KEEP_ENDED]:
        del calls.ended[key]
    for key in [k for k, c in calls.up.items() if c.started < now - lost_after]:
        lose(calls, key)


def _open(ctx: Context, event: Call, key: str, direction: str, number: str) -> CallState:
    loc = event.loc if direction != "inbound" else event.answered_loc
    return CallState(
        key=key,
        pbx=event.pbx,
        call_id=event.call_id,
        direction=direction,
        started=event.started_at if event.started_at is not None else event.time,
        dest=event.dest or NOWHERE,
        presented=event.presented or "",
        device=ctx.device,
        weak=ctx.weak,
        network=loc.network if loc is not None else "",
        country=loc.country if loc is not None else "",
        cls=loc.cls if loc is not None else "",
        media=event.media,
        diverted_by=event.diverted_by,
        caller=event.caller or "",
        in_plan=event.in_plan,
        whole=event.phase == "cdr",
        src=event.src,
        line=event.line,
        legs={event.leg_id: (number, True)},
    )


def _answer(ctx: Context, call: CallState, event: Call, hooks: Hooks) -> None:
    if call.answered is not None:
        return
    call.answered = event.answered_at if event.answered_at is not None else event.time
    if call.direction == "inbound" and ctx.device:
        call.device, call.weak = ctx.device, ctx.weak
        if event.answered_loc is not None:
            call.network, call.country, call.cls = event.answered_loc.network, event.answered_loc.country, event.answered_loc.cls
    hooks.answered(ctx, call)


def _end_facts(call: CallState, event: Call) -> None:
    if event.status is not None:
        call.status = event.status
    if event.cause is not None:
        call.cause = event.cause
    if event.ended_by is not None:
        call.ended_by = event.ended_by
    if event.diverted_by is not None:
        call.diverted_by = event.diverted_by


def _further_leg(ctx: Context, calls: Calls, call: CallState, event: Call, number: str, hooks: Hooks) -> None:
    """A CDR of one more leg of a call already told as ended: take the end back, add the leg, tell it again."""
    ended = event.ended_at if event.ended_at is not None else event.time
    answered = event.answered_at
    call.legs[event.leg_id] = (number, False)
    if answered is None and ended <= (call.ended or 0):
        return
    hooks.ended(ctx, call, -1)
    if answered is not None:
        _end_facts(call, event)
        if call.answered is None:
            call.answered = answered
            hooks.answered(ctx, call)
        elif answered < call.answered:
            call.answered = answered
    call.ended = max(call.ended or 0, ended)
    hooks.ended(ctx, call, 1)
