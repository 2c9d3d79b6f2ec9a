"""Somebody is called again and again for nothing: attempts that ring and are not answered, or are cut at once, on one number.

**What it catches.** A *bothering attempt* is a call to an outside number that rang and was not answered, or was answered and
ended within 15 seconds. Fifteen of one licence on one number in 24 hours, or over 20 in 7 days on three different days, are a
breach; seven in 15 minutes or nine in an hour a notice. Attempts at night (22 h to 7 h where the number is) count double. The
same sums over several licences of a customer against one number are a notice for the customer. A number that hides itself is
shown as evidence.

**What it cannot see.** What is said: a call that lasts longer than 15 seconds is no attempt, whatever it was about. Whether a
telephone rang: no source tells it, so a call given up within three seconds counts for nothing; busy lines (486, cause 17),
unreachable ones (480) and failures never count. Messages. A caller who spreads its attempts over several customers. Attempts
are counted exactly while a licence bothers at most 128 numbers a week once and 64 more often; beyond, the numbers with the fewest
attempts are forgotten first.

**Honest look-alikes.** Two who talk: after a talk of over a minute between them, or a call back, nothing is judged for 7 days, and
a call back withdraws what was said. A doctor's busy line that is redialled rings nobody. Monitoring lines and dispatch: a pair that
has been called on 8 of 14 days and mostly answers is not counted; a younger one that is answered regularly is a notice at most.
Public lines (``reference`` ``public_lines``), numbers of the customer itself, and legs that a diversion placed (another person
called) do not count. A machine that calls one number every minute is ``autodial``'s: while calls follow each other faster than
one in two minutes and too evenly for a hand, judgement waits for the streak's end, and from 75 calls on, where ``autodial`` speaks,
the streak is dropped.

**How to tune.** List helplines and hotlines of your customers in ``public_lines`` rather than raising limits. Debt collectors and
hospitals that ring until somebody answers deserve an exemption that names them. The limits by 15 minutes, hour and day are
published defaults against repeated clicks to call; seven days is the debt collector's rule of the US, three times over.

**Vectors** (``tests/detectors/rules/test_harassment.py``).

* caught: the 15th attempt in 24 hours (``test_the_15th_bothering_attempt_in_24_hours_is_a_breach``)
* caught: over 20 attempts in 7 days on three days (``test_over_20_attempts_in_7_days_on_3_days_are_a_breach``)
* caught: eight attempts in one night, which count double (``test_attempts_at_night_in_the_numbers_country_weigh_double``)
* caught: several licences against one number (``test_the_same_sums_over_a_customers_licences_are_a_notice_of_the_customer``)
* let go: a person who redials a busy doctor 30 times in 20 minutes (``test_redialling_a_busy_doctor_30_times_in_20_minutes_is_nothing``)
* let go: a night of robot calls to one number every minute, which autodial reports
  (``test_a_night_of_robot_calls_to_one_number_every_minute_is_autodial_not_harassment``)
* let go: two who have talked (``test_a_talk_of_over_a_minute_between_the_two_lets_them_go_for_7_days``)
* let go: a monitoring line of 14 days (``test_a_pair_that_has_been_regular_for_14_days_is_not_counted``)

Sixteen calls of one evening that ring for twenty seconds each:

>>> from detectors.events import Call, Dest
>>> from detectors.outputs import Alert
>>> from detectors.step import Partition
>>> partition, said = Partition(1), []
>>> for n in range(16):
...     at = 1_772_470_800_000 + 150_000 * n + 7_000 * n * n % 90_000
...     who = {"pbx": "pbx-1", "tenant": "acme", "licence": "101", "call_id": f"c{n}", "direction": "outbound"}
...     times = {"started_at": at, "ended_at": at + 20_000, "status": 487}
...     said += partition.step(Call(phase="cdr", time=at + 20_000, dest=Dest(e164="+33612345678", cls="mobile"), **who, **times))
>>> [(a.level, a.measured, a.limit, a.unit) for a in said if isinstance(a, Alert) and a.rule == "harassment"]
[('notice', 9, 9, 'attempts/60min'), ('breach', 15, 15, 'attempts/24h')]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.bothering import customer
from detectors.bothering.attempts import CALENDAR, STREAK, WEEK, Pair, bothers, dialled_by_machine, hit, is_public, reached, regular
from detectors.bothering.book import Book, standing
from detectors.bothering.telling import HarassmentFacts, finding
from detectors.days import SECOND
from detectors.errors import PolicyError
from detectors.outside import channels_of, comes_in, goes_out
from detectors.rule import Detector, Direction, Params
from detectors.significant import significant

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

CALLED_BACK = "the number called back within 7 days"
#: A trunk's book grows with its channels up to this many times.
MOST_GROWTH = 8


class HarassmentParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bothering attempt is, and how many make a notice or a breach; counts of a trunk are times its channels."""

    cut_s: int = 15
    ring_s: int = 3
    talk_s: int = 60
    day_attempts: int = 15
    week_attempts: int = 20
    week_days: int = 3
    quarter_attempts: int = 7
    hour_attempts: int = 9
    night_from: int = 22
    night_to: int = 7
    regular_days: int = 14
    regular_called_days: int = 8
    answered_percent: int = 50
    machine_attempts: int = 75
    machine_gap_s: int = 120
    variation_thousandths: int = 250
    numbers_kept: int = 64

    def __post_init__(self) -> None:
        if not 2 <= self.quarter_attempts <= self.hour_attempts <= self.day_attempts <= self.week_attempts:
            raise PolicyError(
                "policy: [rules.harassment] quarter_attempts, hour_attempts, day_attempts and week_attempts must not decrease in this order"
            )
        if not 0 < self.regular_called_days <= self.regular_days < CALENDAR:
            raise PolicyError(f"policy: [rules.harassment] regular_called_days and regular_days must stay below {CALENDAR} days")
        if not 0 <= self.night_to < self.night_from <= 24:
            raise PolicyError("policy: [rules.harassment] the night must begin (night_from) later in the day than it ends (night_to)")
        if self.numbers_kept < 8:
            raise PolicyError("policy: [rules.harassment] numbers_kept must be 8 or more: fewer would hide a crossing")


class HarassmentState(msgspec.Struct, array_like=True):
    """``book``: numbers bothered, and talked to, in the last week; ``closes``: when the customer's notice may be over."""

    book: Book = msgspec.field(default_factory=Book)
    closes: int = 0


class Harassment(Detector[HarassmentParams, HarassmentState]):
    """See the module."""

    rule = "harassment"
    clause = "5.d"
    title = "Telephone harassment"
    unit = "attempts/24h"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {"softphone": "review", "desk_phone": "review", "trunk": "review"}
    Params = HarassmentParams
    State = HarassmentState
    TenantState = customer.HarassmentTenant
    Facts = HarassmentFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {"call_started": ("inbound",), "call_ended": ("outbound", "inbound")}

    def call_started(self, ctx: Context, s: HarassmentState, p: HarassmentParams, call: CallState) -> None:
        """A call that comes in may be a call back, answered or not."""
        if call.direction != "inbound" or not call.caller:
            return
        book, tenant = s.book, customer.known(ctx)
        if tenant is None and not book.pairs and not book.once:
            return
        key = significant(call.caller)
        ours, theirs = book.knows(key), tenant is not None and tenant.book.knows(key)
        if not (ours or theirs) or not comes_in(ctx, call):
            return
        if tenant is not None and theirs:
            customer.called_back(ctx, tenant, key, call.started, CALLED_BACK)
        if ours:
            book.make_peace(key, call.started, 2 * p.numbers_kept * _growth(ctx))
            if book.told.pop(key, None) is not None:
                ctx.withdraw(self.rule, CALLED_BACK)
                self._tell_the_rest(ctx, s, p)

    def call_ended(self, ctx: Context, s: HarassmentState, p: HarassmentParams, call: CallState, sign: int) -> None:
        """Count what a call to the outside was; remember whom the licence has talked to."""
        ended, answered = call.ended or 0, call.answered
        talked = answered is not None and ended - answered > p.talk_s * SECOND
        if call.direction == "inbound":
            if talked and sign > 0 and call.caller and comes_in(ctx, call):
                self._talked(ctx, s, p, significant(call.caller), ended, customer.known(ctx))
            return
        if not goes_out(call) or call.diverted_by:
            return
        key = significant(call.dest.e164)
        if sign > 0 and key and bothers(call, p):
            self._bothered(ctx, s, p, key, call)
            return
        tenant = customer.add_call(ctx, key, call, sign)
        book = s.book
        if key in book.pairs:
            pair = book.pairs[key]
            pair.add_call(ctx.clock.day_of(call.started), call, sign, bothers=sign < 0 and bothers(call, p))
            if sign > 0:
                pair.beat(call.started, p.machine_attempts)
        if sign < 0:
            book.take_back(key, call.started)
        elif talked:
            self._talked(ctx, s, p, key, ended, tenant)

    def timer(self, ctx: Context, s: HarassmentState, p: HarassmentParams, at: int) -> None:
        """Judge streaks that are over; close the customer's notice a week after its last attempt."""
        for key in sorted(key for key, pair in s.book.pairs.items() if 0 < pair.due <= at):
            pair = s.book.pairs[key]
            pair.due = 0
            if pair.gaps + 1 >= p.machine_attempts:
                pair.hits.clear()
            else:
                self._judge(ctx, s, p, key, pair)
        if 0 < s.closes <= at:
            s.closes = 0
            customer.forget(ctx)
        self._wake(ctx, s)

    def day_closed(self, ctx: Context, s: HarassmentState, p: HarassmentParams, day: int) -> None:
        """Forget what is older than a week."""
        s.book.forget(ctx.now)

    def holds(self, ctx: Context, s: HarassmentState, p: HarassmentParams, day: int) -> bool:
        """An episode lasts as long as a call back can undo it: a week from its last attempt over a limit."""
        return bool(s.book.told)

    # -- counting ------------------------------------------------------------------------------------------------------

    @staticmethod
    def _talked(ctx: Context, s: HarassmentState, p: HarassmentParams, key: int, at: int, tenant: customer.HarassmentTenant | None) -> None:
        if key:
            s.book.make_peace(key, at, 2 * p.numbers_kept * _growth(ctx))
            if tenant is not None and tenant.book.knows(key):
                tenant.book.make_peace(key, at, customer.CAPACITY)

    def _bothered(self, ctx: Context, s: HarassmentState, p: HarassmentParams, key: int, call: CallState) -> None:
        number = call.dest.e164
        if key in ctx.tenant.numbers:
            return
        one, channels = hit(ctx, call, p), channels_of(ctx)
        pair = s.book.bothered(ctx, key, number, one, 2 * (p.week_attempts + 1) * channels, p.numbers_kept * _growth(ctx))
        if pair is not None:
            pair.add_call(ctx.clock.day_of(call.started), call, 1, bothers=True)
            pair.beat(call.started, p.machine_attempts)
            if dialled_by_machine(pair, p):
                pair.due = ctx.now + STREAK * pair.total // pair.gaps
                self._wake(ctx, s)
                return
            pair.due = 0
            self._judge(ctx, s, p, key, pair)
        if len(ctx.tenant.licences) > 1:
            ours = customer.bothered(ctx, p, key, call, one)
            # What a licence does alone is said of the licence.
            if ours is not None and key not in s.book.told and customer.judge(ctx, p, key, ours):
                s.closes = ctx.now + WEEK
                self._wake(ctx, s)

    def _wake(self, ctx: Context, s: HarassmentState) -> None:
        due = [pair.due for pair in s.book.pairs.values() if pair.due]
        if s.closes:
            due.append(s.closes)
        if due:
            ctx.wake(self.rule, min(due))
        else:
            ctx.sleep(self.rule)

    # -- judging -------------------------------------------------------------------------------------------------------

    def _judge(self, ctx: Context, s: HarassmentState, p: HarassmentParams, key: int, pair: Pair) -> None:
        if not pair.hits:
            return
        book, at = s.book, pair.hits[-1] >> 1
        found = reached(ctx, pair, at, p, channels_of(ctx))
        if found is None or book.at_peace(key, at) or is_public(ctx, pair.number):
            return
        kind = regular(pair, p)
        if kind == 2:
            return
        if kind:
            found = msgspec.structs.replace(found, level="notice")
        book.told[key] = (at, pair.heard, 2 if found.level == "breach" else 1)
        if ctx.wants(self.rule, found.level, found.measured):
            ctx.report(finding(ctx, p, pair, found, pair.heard, len(standing(book.told, book.pairs)) - 1))

    def _tell_the_rest(self, ctx: Context, s: HarassmentState, p: HarassmentParams) -> None:
        """One number called back and the alert is withdrawn: say again what stands for the others."""
        book = s.book
        rest = standing(book.told, book.pairs)
        for key in rest[:1]:
            pair, (at, heard, level) = book.pairs[key], book.told[key]
            found = reached(ctx, pair, at, p, channels_of(ctx))
            if found is not None:
                found = found if level == 2 else msgspec.structs.replace(found, level="notice")
                ctx.report(finding(ctx, p, pair, found, heard, len(rest) - 1))


def _growth(ctx: Context) -> int:
    return min(channels_of(ctx), MOST_GROWTH)


RULE = Harassment()
