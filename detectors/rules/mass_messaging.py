"""Messages, or one recorded voice, go out to many people who do not answer.

**What it catches.** Three ways of sending in mass, by hand or by machine. *By the hour*: text messages to 50 different outside
lines within 60 minutes of which under a tenth answered. *By the day*: 500 messages to 100 or more lines in 24 hours, answered or
not. *By voice*: calls to 100 different lines in 24 hours, 50 of them answered, of which 60 % last as long as their median give
or take two seconds: a recording that is played to everybody.

**What it cannot see.** A message is reported by the licence that sent it, so an answer by text is seen only if the system also
reports messages that came in (without an AoR, ``callee`` one of the licence's own numbers); a call back always counts as an
answer, and shown from any number but the one written to it is not known as one. Nothing is known of what was written. Mailings spread
over many licences, each below the limits, stay below them. A recorded voice whose listeners hang up whenever they like has no
common length.

**Honest look-alikes.** A club that rings its thirty members with a recorded invitation, or writes to them in an evening, stays
below every notice. People who text a lot write to few and are answered. A practice that reminds its patients does send in mass:
exempt it by name. Messages to colleagues (extensions, and the customer's own numbers) are not counted.

**How to tune.** ``hour_recipients``, ``day_messages`` with ``day_recipients`` and ``broadcast_numbers`` with
``broadcast_answered`` are the limits of a breach; each has a ``_notice``. Lower ``reply_percent`` where customers' answers reach another
system. A trunk has the limits of a licence: it is equal lengths and missing answers that tell, not the volume of its house.

**Vectors** (``tests/detectors/rules/test_mass_messaging.py``).

* caught: fifty recipients in an hour who do not answer (``test_fifty_recipients_in_sixty_minutes_without_replies_are_a_breach``)
* caught: 500 messages to 100 recipients in a day (``test_500_messages_to_100_recipients_in_24_hours_are_a_breach_though_they_answer``)
* caught: one recording played to a hundred numbers (``test_one_recording_played_to_100_numbers_is_a_breach``)
* let go: a newsletter by voice to 30 members (``test_a_newsletter_by_voice_to_30_members_is_not_caught``)
* let go: thirty members written to in an evening (``test_thirty_members_written_to_in_an_evening_are_not_caught``)
* let go: fifty people a tenth of whom call back (``test_a_tenth_of_the_recipients_calling_back_is_no_mass_sending``)
* let go: a salesperson whose calls have every length (``test_a_salesperson_with_a_hundred_calls_of_every_length_is_not_caught``)

Fifty people written to within half an hour, none of whom answers:

>>> from detectors.events import Dest, Message
>>> from detectors.outputs import Alert
>>> from detectors.step import Partition
>>> partition, said = Partition(1), []
>>> for n in range(50):
...     to = Dest(e164=f"+3361200{37 * n:04}", cls="mobile")
...     at = 1_772_434_800_000 + 30_000 * n
...     said += partition.step(Message(time=at, pbx="pbx-1", tenant="acme", licence="101", dest=to))
>>> [(a.level, a.measured, a.limit, a.unit) for a in said if isinstance(a, Alert) and a.rule == "mass-messaging"]
[('notice', 40, 40, 'recipients/60min'), ('breach', 50, 50, 'recipients/60min')]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.days import DAY, HOUR, MINUTE, SECOND
from detectors.errors import PolicyError
from detectors.mailing.broadcast import Spoken
from detectors.mailing.facts import UNPROVEN, MassFacts, Sign, decisive, evenly, note_proof
from detectors.mailing.sent import MOST_KEPT, Sent
from detectors.outside import INSIDE, comes_in
from detectors.rule import Detector, Direction, Finding, Params
from detectors.significant import significant
from detectors.state import Mark

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context
    from detectors.events import Message


class MassMessagingParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the three ways of sending; each breach has a notice below it."""

    hour_recipients_notice: int = 40
    hour_recipients: int = 50
    reply_percent: int = 10
    day_messages_notice: int = 250
    day_messages: int = 500
    day_recipients_notice: int = 50
    day_recipients: int = 100
    broadcast_numbers_notice: int = 50
    broadcast_numbers: int = 100
    broadcast_answered_notice: int = 25
    broadcast_answered: int = 50
    broadcast_within_ms: int = 2_000
    broadcast_percent: int = 60

    def __post_init__(self) -> None:
        for name in ("hour_recipients", "day_messages", "day_recipients", "broadcast_numbers", "broadcast_answered"):
            if not 0 < getattr(self, f"{name}_notice") <= getattr(self, name) <= MOST_KEPT:
                raise PolicyError(f"policy: [rules.mass-messaging] {name}_notice, {name} and {MOST_KEPT} must not decrease in this order")


class MassMessagingState(msgspec.Struct, array_like=True):
    """Messages and calls of the last 24 hours.

    ``replies``: lines written to that answered, with the time, oldest first; ``proofs``: the latest messages, once there are more
    than a few; ``held``: when a sign last held.
    """

    texts: Sent = msgspec.field(default_factory=Sent)
    spoken: Spoken = msgspec.field(default_factory=Spoken)
    replies: dict[int, int] = {}
    proofs: list[Mark] = []
    held: int = 0


class MassMessaging(Detector[MassMessagingParams, MassMessagingState]):
    """See the module."""

    rule = "mass-messaging"
    clause = "9.e, 9.f"
    title = "Messages or a recorded voice sent in mass"
    unit = "recipients/60min"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {"softphone": "review", "desk_phone": "review", "trunk": "review"}
    Params = MassMessagingParams
    State = MassMessagingState
    Facts = MassFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {"call_started": ("inbound",), "call_ended": ("outbound",)}

    # -- messages ----------------------------------------------------------------------------------------------------

    def message(self, ctx: Context, s: MassMessagingState, p: MassMessagingParams, event: Message) -> None:
        """Count a text message to an outside line; one that came in is an answer."""
        dest = event.dest
        if event.media != "text" or dest is None or dest.cls in INSIDE:
            return
        line = significant(dest.e164)
        owner = ctx.tenant.numbers.get(line)
        if owner is not None:
            if owner == ctx.licence.licence:
                self._answered(ctx, s, p, significant(event.caller or ""), event.time)
            return
        now = s.texts.add(event.time, line, 1)
        if now is None:
            return
        if len(s.texts.times) > UNPROVEN:
            note_proof(s.proofs, Mark(event.time, "message", dest.e164, "", "", event.src, event.line))
        elif s.proofs:
            s.proofs = []
        self._judge_texts(ctx, s, p, now)

    def call_started(self, ctx: Context, s: MassMessagingState, p: MassMessagingParams, call: CallState) -> None:
        """A call from somebody who was written to is an answer."""
        if s.texts.times and call.direction == "inbound" and comes_in(ctx, call):
            self._answered(ctx, s, p, significant(call.caller), call.started)

    def _answered(self, ctx: Context, s: MassMessagingState, p: MassMessagingParams, line: int, at: int) -> None:
        """Somebody written to in the last 24 hours answered; enough answers take the hour's sign back."""
        texts, replies = s.texts, s.replies
        while replies and replies[next(iter(replies))] <= at - DAY:
            del replies[next(iter(replies))]
        if not line or line not in texts.lines:
            return
        replies.pop(line, None)
        replies[line] = at
        alert = ctx.licence.alerts.get(self.rule)
        if alert is None or alert.statement.unit != self.unit:
            return
        window = alert.statement.window
        written = texts.reached(window.from_, window.to)
        answered = sum(1 for known in replies if known in written)
        if answered * 100 >= p.reply_percent * len(written):
            ctx.withdraw(self.rule, f"{answered} of the {len(written)} recipients have answered since")

    def _judge_texts(self, ctx: Context, s: MassMessagingState, p: MassMessagingParams, now: int) -> None:
        texts = s.texts
        hour, day = texts.since(now - HOUR), len(texts.times)
        if hour < p.hour_recipients_notice and day < p.day_messages_notice:
            return
        # Messages are at least as many as their recipients: what they could not say anew need not be counted out.
        reach = "breach" if hour >= p.hour_recipients or day >= p.day_messages else "notice"
        if not ctx.wants(self.rule, reach, day) and s.held >= ctx.clock.bounds(ctx.clock.day_of(now))[0]:
            return
        recent, lines = texts.reached(now - HOUR), texts.reached(now - DAY)
        replies = sum(1 for line in s.replies if line in recent)
        silent = replies * 100 < p.reply_percent * len(recent)
        by_hour = _level(silent, len(recent), p.hour_recipients_notice, p.hour_recipients)
        few = len(lines) < p.day_recipients
        by_day = _level(len(lines) >= p.day_recipients_notice, day, p.day_messages_notice, p.day_messages)
        by_day = min(by_day, 1) if few else by_day
        signs = (
            Sign("by the hour", self.unit, len(recent), p.hour_recipients_notice, p.hour_recipients, by_hour, HOUR),
            Sign("by the day", "messages/24h", day, p.day_messages_notice, p.day_messages, by_day, DAY),
        )
        sign = decisive(signs)
        if not sign.level:
            return
        s.held = ctx.now
        if not ctx.wants(self.rule, sign.said, sign.measured):
            return
        hourly = sign.name == "by the hour"
        if hourly:
            said = (
                f"Messages went to {len(recent)} different outside numbers within 60 minutes and {replies} of them answered "
                f"(limit {sign.limit} with answers from under {p.reply_percent} %)."
            )
        else:
            least = p.day_recipients if sign.level == 2 else p.day_recipients_notice
            said = f"{day} messages went to {len(lines)} different numbers in 24 hours (limit {sign.limit} to {least} or more)."
        against = [f"{replies} of {len(recent)} recipients of the last hour answered"] if replies else []
        if day > len(recent) and not hourly:
            against.append(f"{day // max(1, len(lines))} messages to each recipient: they may be conversations")
        facts = MassFacts(signs, texts.by_hour(now), len(recent if hourly else lines), replies)
        against.append("an answer by text is seen only if the telephone system reports messages that came in")
        total = hour if hourly else day
        proofs = [mark for mark in s.proofs if mark.time > now - sign.window_ms]
        self._report(ctx, sign, now, said, facts, against, proofs, total, 0)

    # -- voice -------------------------------------------------------------------------------------------------------

    def call_ended(self, ctx: Context, s: MassMessagingState, p: MassMessagingParams, call: CallState, sign: int) -> None:
        """Note the length of an outgoing call; equal lengths are looked for once there are enough calls."""
        ended, dest = call.ended, call.dest
        if call.direction != "outbound" or dest.cls in INSIDE or ended is None or call.media == "fax":
            return
        answered = call.answered
        talk = None if answered is None else max(0, ended - answered)
        line = significant(dest.e164)
        if line in ctx.tenant.numbers:
            return
        if sign < 0:
            s.spoken.take_back(call.started, line, talk)
            return
        cost = dest.setup + dest.rate * talk // MINUTE if talk is not None else 0
        if s.spoken.add(call.started, line, talk, cost, p.broadcast_numbers_notice):
            self._judge_voice(ctx, s, p)

    def _judge_voice(self, ctx: Context, s: MassMessagingState, p: MassMessagingParams) -> None:
        spoken = s.spoken
        answered = len(spoken.lengths)
        if answered < p.broadcast_answered_notice:
            return
        median = spoken.median()
        near = spoken.near(median, p.broadcast_within_ms)
        if near * 100 < p.broadcast_percent * answered:
            return
        calls, enough = len(spoken.starts), answered >= p.broadcast_answered
        reach = "breach" if enough and calls >= p.broadcast_numbers else "notice"
        if not ctx.wants(self.rule, reach, calls) and s.held >= ctx.clock.bounds(ctx.clock.day_of(ctx.now))[0]:
            return
        lines = spoken.lines()
        level = _level(True, lines, p.broadcast_numbers_notice, p.broadcast_numbers)
        if not level:
            return
        s.held = ctx.now
        level = level if enough else 1
        sign = Sign("by voice", "callees/24h", lines, p.broadcast_numbers_notice, p.broadcast_numbers, level, DAY)
        if not ctx.wants(self.rule, sign.said, sign.measured):
            return
        share, within = near * 100 // answered, p.broadcast_within_ms // SECOND
        said = (
            f"{lines} different numbers were called in 24 hours and {share} % of the {answered} answered calls lasted "
            f"{median // SECOND} s, give or take {within} s (limit {sign.limit} numbers and {p.broadcast_percent} %)."
        )
        facts = MassFacts(
            (sign,), spoken.by_hour(spoken.starts[-1]), lines, lengths_ms=evenly(spoken.lengths), median_ms=median
        )  # fmt: skip
        against = [f"{answered - near} of {answered} answered calls had another length"] if near < answered else []
        against.append("pick-ups by one operator's voicemail can have equal lengths")
        self._report(ctx, sign, ctx.now, said, facts, against, ctx.marks_since(ctx.now - DAY), calls, sum(spoken.costs))

    # -- saying ------------------------------------------------------------------------------------------------------

    def _report(
        self, ctx: Context, sign: Sign, now: int, said: str, facts: MassFacts, against: list[str], proofs: list[Mark], total: int, cost: int
    ) -> None:
        ctx.report(
            Finding(
                rule=self.rule,
                level=sign.said,
                measured=sign.measured,
                limit=sign.limit,
                unit=sign.unit,
                window=sign.window(now),
                crossed_at=ctx.now,
                issued_at=ctx.now,
                summary=said,
                facts=facts,
                against=tuple(against),
                evidence=ctx.evidence(proofs),
                evidence_more=max(0, total - len(proofs)),
                cost=cost,
            )
        )

    def holds(self, ctx: Context, s: MassMessagingState, p: MassMessagingParams, day: int) -> bool:
        """Whether a sign held at any time of the day: an hour's count has always gone by its close."""
        return s.held >= ctx.clock.bounds(day)[0]


def _level(judged: bool, measured: int, notice: int, breach: int) -> int:
    return (measured >= notice) + (measured >= breach) if judged else 0


RULE = MassMessaging()
