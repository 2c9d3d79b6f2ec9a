"""A stolen account: its password is tried, a stranger's phone gets in, and calls what fraud calls (contract 5.d, 12.c, 12.d).

**What it catches.** A *siege*: 20 failed registrations of one account within ten minutes by phones that are not its own, from two
addresses or more, or with more than three origins at one address (a registration carries no Call-ID; port and contact stand in for
it), or failures on five accounts within 24 hours from one network from which no registration of the customer succeeded for 30
days. However many requests, it is one alert with a count, restated when it doubles. A *break-in*: a phone and a network both new to
the account succeed after three failures of that account from that network within an hour, or a new phone succeeds from a hosting
network. Siege and break-in alone are notices. A breach, which closes international and paid numbers at once, is a break-in followed
within 24 hours, from that phone, by one call to a high-risk number, or by three attempts in 60 minutes to ranges new to the customer
(as in ``toll-fraud``). A new phone from a new country is a notice; a scanner that succeeds is a breach for a person to review, one
that fails a notice.

**What it cannot see.** A thief who has the right password at the first attempt and calls from an ordinary line in a country where
the account is used: that is left to ``toll-fraud``. A phone without an id that is called like the customer's own. A botnet that
tries each account once from each network. Sources that send only CDRs, or hide the addresses behind a session border controller:
all phones then share one network. Names that no account has are counted together for the provider, under the tenant ``_unresolved``.

**Honest look-alikes.** A phone with an old password retries for ever: it is known, and counts for nothing. A user who types a new
password wrong three times, on a new phone, in a hotel, is a break-in by the letter: a notice, until that phone calls a satellite.
A new phone at home, a known phone abroad, an app that was updated are no signs at all. An office that moves with old passwords looks
like a siege of the customer. In the first ``learning_days`` of a licence a new phone says nothing unless failures came before it.

**How to tune.** ``learning_days`` up for customers who hand out phones slowly. Put virtual desktops' addresses into the network list
as ``access`` instead of raising limits. ``siege_*`` and ``spray_*`` only raise notices. ``scanner_agents`` is for names seen in your logs.
A phone without an id never acts automatically. A break-in's alert stays open for ``hold_days`` after its last sign.

**Vectors** (``tests/detectors/rules/test_account_takeover.py``).

* caught: a siege from three addresses (``test_20_failures_in_10_minutes_from_3_sources_are_a_siege``)
* caught: a password tried on six accounts
  (``test_one_password_tried_on_6_accounts_from_a_strangers_network_is_one_notice_of_the_customer``)
* caught: a break-in, then a satellite call (``test_a_break_in_and_a_satellite_call_close_international_and_paid_numbers_at_once``)
* caught: a new phone from a hosting network (``test_a_new_phone_from_a_hosting_network_is_a_break_in_notice``)
* caught: a scanner that gets in (``test_a_scanner_that_succeeds_is_a_breach_for_review_and_never_automatic``)
* let go: a known phone with an old password, 500 times (``test_a_known_phone_retrying_an_old_password_500_times_is_nothing``)
* let go: a new phone at home (``test_a_new_phone_of_a_user_on_the_home_network_is_nothing``)
* let go: an employee abroad with a known phone (``test_an_employee_abroad_with_a_known_phone_is_nothing``)
* let go: an app updated under the same id (``test_an_update_that_changes_the_user_agent_under_the_same_id_is_nothing``)
* let go: an office whose passwords were all changed (``test_an_office_whose_passwords_were_all_changed_is_no_siege``)

Three failures, a success by a phone never seen, and a call to a satellite:

>>> from detectors.events import Call, Dest, Licence, Loc, PolicyEvent, Registration
>>> from detectors.step import Partition
>>> core, at = Partition(1, {RULE.rule: RULE}), 1_772_434_800_000
>>> who = {"pbx": "pbx-1", "tenant": "acme", "licence": "101"}
>>> there = {"device": "urn:uuid:7", "source_ip": "203.0.113.9", "loc": Loc(country="FR", cls="access", network="203.0.113.0/24")}
>>> _ = core.step(Licence(tenant="acme", licence="101", aors=("101@acme.example",)))
>>> for n in range(3):
...     _ = core.step(Registration(action="failed", time=at + 1_000 * n, **who, **there))
>>> [alert] = core.step(Registration(action="register", time=at + 5_000, **who, **there))
>>> alert.level, alert.summary
('notice', 'A new phone got in from a network it never used, after 3 failures from there.')
>>> to = Dest(e164="+881612345678", cls="satellite")
>>> alert, order = core.step(Call(phase="attempt", call_id="c", direction="outbound", time=at + 60_000, dest=to, **who, **there))
>>> alert.level, alert.mode, order.restrictions
('breach', 'auto', ('paid', 'international'))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from detectors.days import DAY, HOUR, MINUTE
from detectors.digest import digest64
from detectors.events import HIGH_RISK
from detectors.outside import goes_out
from detectors.rule import Direction
from detectors.state import Mark
from detectors.takeover import customer
from detectors.takeover.facts import TakeoverFacts
from detectors.takeover.hooks import NO_ID, ONLY_A_NAME, TakeoverDetector
from detectors.takeover.memory import MOST_CALLS, REVIEWED, SIEGE, TAKEN, Entry, TakeoverParams, TakeoverState
from detectors.tolls.history import novel
from detectors.windows import count_since, push

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context


class AccountTakeover(TakeoverDetector):
    """See the module."""

    rule = "account-takeover"
    clause = "5.d, 12.c, 12.d"
    title = "Stolen credentials or a compromised phone"
    unit = "failures"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {
        "softphone": "auto", "desk_phone": "auto", "trunk": "auto", "fax": "auto",
    }  # fmt: skip
    Params = TakeoverParams
    State = TakeoverState
    TenantState = customer.TakeoverTenant
    Facts = TakeoverFacts
    needs = ("devices", "location")
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {"call_started": ("outbound",), "call_ended": ("outbound",)}

    # -- calls -------------------------------------------------------------------------------------------------------

    def call_started(self, ctx: Context, s: TakeoverState, p: TakeoverParams, call: CallState) -> None:
        """A call of a phone that broke in, to a high-risk number or to a range new to the customer."""
        if not s.entries or not goes_out(call):
            return
        for entry in reversed(s.entries):
            if 0 <= call.started - entry.at <= p.follow_hours * HOUR and _is_of(s, entry, call):
                break
        else:
            return
        high = call.dest.cls in HIGH_RISK
        if not high and not novel(ctx, call.dest.e164, call.dest.cls):
            return
        entry.calls += 1
        entry.high += high
        push(entry.attempts, call.started, p.novel_calls)
        if len(entry.keys) < MOST_CALLS:
            entry.keys.append(digest64(call.key))
            entry.marks.append(Mark(call.started, "call", call.dest.e164, call.country, call.network, call.src, call.line))
        if not entry.high and count_since(entry.attempts, entry.attempts[-1] - p.novel_minutes * MINUTE) < p.novel_calls:
            return
        doubts = []
        # Many apps give their id when they register but not when they call: app, contact and network together are that phone.
        if entry.weak or (call.device != entry.device and call.network != entry.network):
            doubts.append(NO_ID)
        if entry.why == "scanner":
            doubts.append(ONLY_A_NAME)
        stage = REVIEWED if doubts else TAKEN
        if self.stage(ctx, s) < stage or ctx.wants(self.rule, "breach", entry.calls):
            self.say(ctx, s, p, stage, entry.calls, 1 if entry.high else p.novel_calls, "calls", tuple(doubts))

    def call_ended(self, ctx: Context, s: TakeoverState, p: TakeoverParams, call: CallState, sign: int) -> None:
        """What the intruder's call cost."""
        if not s.entries or call.answered is None:
            return
        key = digest64(call.key)
        for entry in s.entries:
            if key in entry.keys:
                entry.cost += sign * (call.dest.setup + call.dest.rate * call.talk // MINUTE)

    # -- episodes ----------------------------------------------------------------------------------------------------

    def day_closed(self, ctx: Context, s: TakeoverState, p: TakeoverParams, day: int) -> None:
        """Forget what is over, so that a licence that was tried once is small again."""
        if s.siege is None and not s.entries and s.newcomer is None:
            return
        if self.rule not in ctx.licence.alerts:
            s.newcomer = None
            if s.siege is not None and s.siege.last < ctx.now - DAY:
                s.siege = None
        if s.entries:
            s.entries = [entry for entry in s.entries if entry.at > ctx.now - p.hold_days * DAY]

    def timer(self, ctx: Context, s: TakeoverState, p: TakeoverParams, at: int) -> None:
        """Look whether the siege of the customer is over."""
        customer.look(ctx, at)

    def holds(self, ctx: Context, s: TakeoverState, p: TakeoverParams, day: int) -> bool:
        """A siege holds on each day that reached its limit, anything more for ``hold_days`` after its last sign."""
        if s.stage > SIEGE:
            return s.signed > ctx.now - p.hold_days * DAY
        return s.siege is not None and s.siege.held >= ctx.clock.bounds(day)[0]


def _is_of(s: TakeoverState, entry: Entry, call: CallState) -> bool:
    """Whether a call may be of the phone that got in: by its id or, when the call tells none, by app and contact.

    Without an id, a call from another network that the account uses is its owner's, who may have the same app.
    """
    if not call.device or call.device not in (entry.device, entry.alias):
        return False
    return call.device == entry.device or call.network == entry.network or call.network not in s.networks


RULE = AccountTakeover()
