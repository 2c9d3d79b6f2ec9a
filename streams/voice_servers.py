"""Ordinary numbers that behave like a voice server: callers of many customers, and each of them stays on the line for long.

A paid destination has a class of its own (``premium``) and a rule. A voice server behind an ordinary number pays its owner by the
minute all the same, out of what the operator pays for the call (contract 9.e). One customer's calls cannot show it, and detection
never looks over partitions: so this is a report for a person. A conference bridge, a hotline or a radio station looks the same,
and nobody is ever suspended for it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from detectors.bothering.attempts import PUBLIC_LINES
from detectors.calls import Calls, CallState, Hooks, forget, track
from detectors.context import Context
from detectors.days import DAY, MINUTE, SECOND
from detectors.events import Call, Event, Reference
from detectors.outside import goes_out
from streams.times import format_time

#: Classes whose calls cost the caller nothing beside an unlimited offer.
ORDINARY = ("fixed", "mobile")
#: Limits of the report; nobody published any, so all are ours.
#: Two customers may share a supplier's helpdesk.
TENANTS = 3
#: A call is long from here: calls between people last three minutes, and queues of hotlines rarely ten.
LONG = 10 * MINUTE
#: Fewer long calls are a good talk.
LONG_CALLS = 10
#: Percent of the answered calls to the number: people hang up on a person sooner or later.
LONG_PERCENT = 50
#: Calls without an end pile up in the log of a PBX that loses them: those of more than a day ago are let go.
MOST_UP, LOST = 64, DAY


class VoiceServer(msgspec.Struct, frozen=True, kw_only=True):
    """A number that looks like a voice server.

    ``cls`` of its class; ``calls`` that were answered, ``long_calls`` of them; ``talk_s`` and ``median_s`` of the long ones; ``licences``
    and ``tenants`` that placed them; ``first`` and ``last`` answer of a long one.
    """

    number: str
    cls: str = msgspec.field(name="class")
    tenants: tuple[str, ...]
    licences: int
    calls: int
    long_calls: int
    talk_s: int
    median_s: int
    first: str
    last: str


class _Number(msgspec.Struct):
    """Long calls to a number: talk (ms), who called, and the first and last answer."""

    cls: str
    talks: list[int]
    scopes: set[tuple[str, str]]
    first: int
    last: int


def voice_servers(events: Iterable[Event]) -> list[VoiceServer]:
    """Ordinary numbers (``fixed``, ``mobile``) with long calls of many customers, the one with most talk first.

    Numbers on the reference list of public lines are left out.

    Args:
        events: of a log, stamped, each customer's in order.
    """
    log = _Log()
    for event in events:
        log.take(event)
    found = [log.server(number, one) for number, one in log.long.items() if number not in log.public]
    many = [
        one
        for one in found
        if len(one.tenants) >= TENANTS and one.long_calls >= LONG_CALLS and 100 * one.long_calls >= LONG_PERCENT * one.calls
    ]
    return sorted(many, key=lambda one: (-one.talk_s, one.number))


class _Log:
    """What the calls of a log say of each number."""

    def __init__(self) -> None:
        #: Answered calls by number: of most numbers nothing else is kept.
        self.calls: dict[str, int] = {}
        self.long: dict[str, _Number] = {}
        self.public: frozenset[str] = frozenset()
        self._tracked: dict[tuple[str, str], Calls] = {}
        self._repeats: set[int] = set()
        self._scope = "", ""
        self._ctx = Context()
        self._ctx.device, self._ctx.weak = "", False
        self._hooks = Hooks(lambda ctx, call: None, lambda ctx, call: None, self._ended)

    def take(self, event: Event) -> None:
        """The next event of the log."""
        if isinstance(event, Reference) and event.name == PUBLIC_LINES:
            self.public = frozenset(event.body.get("numbers", ())) if isinstance(event.body, dict) else frozenset()
        if not isinstance(event, Call) or event.direction != "outbound" or event.refused_by is not None or event.emergency:
            return
        if event.key and (event.key in self._repeats or self._repeats.add(event.key)):  # type: ignore[func-returns-value]
            return
        self._scope = event.tenant, event.licence
        calls = self._tracked.get(self._scope)
        if calls is None:
            calls = self._tracked[self._scope] = Calls()
        track(self._ctx, calls, event, event.direction, self._hooks)
        if len(calls.up) > MOST_UP:
            forget(calls, event.time, LOST)

    def _ended(self, ctx: Context, call: CallState, sign: int) -> None:
        """A call ended; with -1 its end is taken back, since a further leg was told."""
        number, talk = call.dest.e164, call.talk
        if call.answered is None or not talk or not goes_out(call) or call.dest.cls not in ORDINARY or not call.told:
            return
        self.calls[number] = self.calls.get(number, 0) + sign
        if talk < LONG:
            return
        one = self.long.get(number)
        if one is None:
            one = self.long[number] = _Number(call.dest.cls, [], set(), call.answered, call.answered)
        if sign < 0:
            one.talks.remove(talk)
            return
        one.talks.append(talk)
        one.scopes.add(self._scope)
        one.first, one.last = min(one.first, call.answered), max(one.last, call.answered)

    def server(self, number: str, one: _Number) -> VoiceServer:
        """What is said of a number."""
        talks = sorted(one.talks) or [0]
        return VoiceServer(
            number=number,
            cls=one.cls,
            tenants=tuple(sorted({tenant for tenant, _ in one.scopes})),
            licences=len(one.scopes),
            calls=self.calls[number],
            long_calls=len(one.talks),
            talk_s=sum(one.talks) // SECOND,
            median_s=talks[len(talks) // 2] // SECOND,
            first=format_time(one.first),
            last=format_time(one.last),
        )
