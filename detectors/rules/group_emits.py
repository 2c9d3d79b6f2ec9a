"""A call group places calls, although it is virtual: it has no telephone of its own.

**What it catches.** An answered call to an outside number whose authenticated identity belongs to a licence of type group, and
which no diversion explains. One is enough for a breach: a group has no credentials that anybody should hold. Every further
one within 14 days belongs to the same alert.

**What it cannot see.** A system that writes the caller's own licence on the call, and not the identity that authenticated,
hides the group behind it. A licence without account facts is taken for a softphone. Attempts that nobody answers are not
counted: wrong set-ups try for weeks without a word being said.

**Honest look-alikes.** A group that overflows to a mobile places that call, and says so in ``diverted_by``; when a system tells
this only at the call's end, the alert is withdrawn then. Ringing the members of a group is an internal call. A switchboard
that shows the group's number while a person's own account dials is that person's call.

**How to tune.** Little: correct the account (a queue that must call back needs a licence of its own) rather than the limit.
``limit_calls`` (default 1) and ``window_days`` (14) are ours.

**Vectors** (``tests/detectors/rules/test_group_emits.py``).

* caught: one answered call by a group's identity (``test_one_answered_call_by_a_group_is_a_breach``)
* caught: calls of a fortnight are one alert (``test_calls_of_a_fortnight_are_one_alert_that_grows``)
* let go: a group that overflows to a mobile (``test_a_diverted_call_of_a_group_is_not_caught``)
* let go: a call that nobody answers (``test_a_call_that_nobody_answers_is_not_caught``)
* let go: a group that rings its members (``test_ringing_the_members_is_not_caught``)

A call by the group ``sales`` itself:

>>> from detectors.events import Call, Dest, Licence
>>> from detectors.outputs import Alert
>>> from detectors.step import Partition
>>> partition, at = Partition(1), 1_772_434_800_000
>>> said = partition.step(Licence(time=at - 1, tenant="acme", licence="sales", type="group", aors=("sales@acme.example",)))
>>> leg = {"pbx": "pbx-1", "tenant": "acme", "licence": "sales", "aor": "sales@acme.example", "call_id": "c1", "direction": "outbound"}
>>> for phase, after in (("attempt", 0), ("answer", 5_000)):
...     said += partition.step(Call(phase=phase, time=at + after, dest=Dest(e164="+33612345678", cls="mobile"), **leg))
>>> [(a.level, a.measured, a.limit, a.unit) for a in said if isinstance(a, Alert) and a.rule == "group-emits"]
[('breach', 1, 1, 'calls/14d')]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.days import MINUTE, iso
from detectors.errors import PolicyError
from detectors.outputs import Level, Window
from detectors.outside import goes_out
from detectors.rule import Detector, Direction, Finding, Params
from detectors.state import Mark

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

#: Calls kept as evidence.
MOST_PROOFS = 20


class GroupEmitsParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many answered calls of a group, within so many days, are a breach."""

    restrictions: tuple[str, ...] = ()
    limit_calls: int = 1
    window_days: int = 14

    def __post_init__(self) -> None:
        if self.limit_calls < 1 or not 1 <= self.window_days <= 90:
            raise PolicyError("policy: [rules.group-emits] limit_calls must be positive and window_days 1 to 90: so many days are kept")


class GroupEmitsState(msgspec.Struct, array_like=True):
    """``days``: answered calls by day; ``proofs``: the latest ones; ``cost``: of those that ended, in thousandths of a cent."""

    days: dict[int, int] = {}
    proofs: list[Mark] = []
    cost: int = 0


class CallsOfDay(msgspec.Struct, frozen=True):
    """Answered calls that a group placed on one day."""

    day: str
    calls: int


class GroupEmitsFacts(msgspec.Struct, frozen=True):
    """What the screen plots: calls by day, within the window."""

    days: tuple[CallsOfDay, ...]


class GroupEmits(Detector[GroupEmitsParams, GroupEmitsState]):
    """See the module."""

    rule = "group-emits"
    clause = "7.b"
    title = "A call group places calls"
    unit = "calls/14d"
    levels: ClassVar[tuple[Level, ...]] = ("breach",)
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {"group": "review"}
    Params = GroupEmitsParams
    State = GroupEmitsState
    Facts = GroupEmitsFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {"call_answered": ("outbound",), "call_ended": ("outbound",)}

    def call_answered(self, ctx: Context, s: GroupEmitsState, p: GroupEmitsParams, call: CallState) -> None:
        """Count a call that the group itself placed."""
        if call.diverted_by is not None or not goes_out(call):
            return
        day = ctx.clock.day_of(call.started)
        s.days[day] = s.days.get(day, 0) + 1
        _forget(s, max(s.days) - p.window_days)
        s.proofs.append(Mark(call.started, "call", call.dest.e164, call.country, call.network, call.src, call.line))
        if len(s.proofs) > MOST_PROOFS:
            del s.proofs[0]
        count = sum(s.days.values())
        if count < p.limit_calls or not ctx.wants(self.rule, "breach", count):
            return
        calls = "1 answered call" if count == 1 else f"{count} answered calls"
        ctx.report(
            Finding(
                rule=self.rule,
                level="breach",
                measured=count,
                limit=p.limit_calls,
                unit=self.unit if p.window_days == 14 else f"calls/{p.window_days}d",
                window=Window(ctx.clock.bounds(min(s.days))[0], ctx.now),
                crossed_at=ctx.now,
                issued_at=ctx.now,
                summary=f"The group placed {calls} to outside numbers within {p.window_days} days (limit {p.limit_calls}).",
                facts=GroupEmitsFacts(tuple(CallsOfDay(iso(day), calls) for day, calls in sorted(s.days.items()))),
                against=(
                    "a telephone system that does not report diversions makes an overflow to a mobile look like this",
                    "the account may name a group what is a licence with a telephone",
                ),
                evidence=ctx.evidence(s.proofs),
                evidence_more=count - len(s.proofs) if count > len(s.proofs) else 0,
                cost=s.cost,
            )
        )

    def call_ended(self, ctx: Context, s: GroupEmitsState, p: GroupEmitsParams, call: CallState, sign: int) -> None:
        """Add the cost of a counted call; one that its end shows to be diverted was never the group's own."""
        if call.answered is None or not s.days or not goes_out(call):
            return
        kept = [mark for mark in s.proofs if (mark.src, mark.line) != (call.src, call.line)]
        if call.diverted_by is None:
            if len(kept) < len(s.proofs):
                s.cost += sign * (call.dest.setup + call.dest.rate * call.talk // MINUTE)
            return
        day = ctx.clock.day_of(call.started)
        if len(kept) == len(s.proofs) or day not in s.days:
            return
        s.proofs = kept
        s.days[day] -= 1
        _forget(s, max(s.days) - p.window_days)
        if sum(s.days.values()) < p.limit_calls:
            ctx.withdraw(self.rule, "the call was diverted by the group, as its end tells")

    def holds(self, ctx: Context, s: GroupEmitsState, p: GroupEmitsParams, day: int) -> bool:
        """Whether the last days still hold enough calls."""
        _forget(s, day - p.window_days)
        return sum(s.days.values()) >= p.limit_calls


def _forget(s: GroupEmitsState, before: int) -> None:
    """Drop the days up to ``before`` and those whose calls were taken back; without any, nothing is left of the episode."""
    s.days = {day: calls for day, calls in s.days.items() if day > before and calls > 0}
    if not s.days:
        s.proofs, s.cost = [], 0


RULE = GroupEmits()
