"""Licence sharing: more people than licences (contract 5.d).

**What it catches.** Two people who speak at the same time through one licence. An *overlap* is two answered outgoing calls of
the licence that run together for 10 s or more from different devices and different networks (/24, /48). The first is a
notice; overlaps on 3 days of 14 are a breach. One overlap is a breach already when, within the same 14 days, the licence was
in two countries faster than an aircraft flies (*distant use*) or had more devices than a person carries (*crowd*: over 3
registered at once, or over 8 in 30 days). For a whole customer: more softphone licences in use on a closed day than are
billed is a notice, a second such day within 30 a breach.

**What it cannot see.** Colleagues who take turns on one account never overlap. Two people behind one router share a network.
Without device ids two telephones with the same app look like one. A source that sends CDRs without addresses and devices
shows nothing of this: the rule is then not covered, never clean; nor is a customer whose order (``softphones_billed``) is
unknown.

**Honest look-alikes.** One person with a telephone and a PC may hold a conference on one and dial from the other: once is a
notice only. A transfer, a conference, a second line or a change from Wi-Fi to mobile stays on one device and is no overlap. A
leg that the PBX forwards is placed by nobody. Only calls placed or answered are *use*: the PC left on at home goes on
registering while its owner flies to New York, and that is not a person in two places. An app installed anew has a new device
id.

**How to tune.** ``devices_per_licence`` for customers who hand out tablets; ``overlap_days`` up for those with many
conferences; an exemption for a dated occasion. It is always for a person to review: nothing here suspends by itself.

**Vectors** (``tests/detectors/rules/test_licence_sharing.py``).

* caught: two people in two cities on one account for a week, by day 3 of overlaps
  (``test_two_people_in_two_cities_on_one_account_for_a_week_are_a_breach_by_day_3_of_overlaps``)
* caught: an overlap and a crowd within the same 14 days (``test_an_overlap_and_a_crowd_in_the_same_14_days_are_a_breach``)
* caught: two countries faster than an aircraft (``test_two_countries_faster_than_an_aircraft_are_a_notice``)
* caught: more licences in use on a closed day than are billed, twice within 30 days
  (``test_a_second_such_day_within_30_is_a_breach``)
* let go: phone and PC of one person, a call on hold while a second starts on the same device
  (``test_one_person_with_phone_and_pc_with_a_call_on_hold_and_a_second_on_the_same_device_is_nothing``)
* let go: a traveller from Paris to New York in 8 hours (``test_a_traveller_from_paris_to_new_york_in_8_hours_is_nothing``)
* let go: a source of CDRs only is not covered, and says so (``test_a_source_of_cdrs_only_is_not_covered_and_says_so``)
* let go: an order corrected afterwards withdraws (``test_a_correction_of_the_order_withdraws``)

A call from Paris while another, from Lyon and another telephone, is up:

>>> from detectors.events import Call, Loc
>>> from detectors.step import Partition
>>> def spoken(device, network, start, end):
...     at = 1_772_438_400_000
...     return Call(phase="cdr", call_id=device, direction="outbound", tenant="acme", licence="101", time=at + end,
...         started_at=at + start, answered_at=at + start, ended_at=at + end, device=device,
...         loc=Loc(country="FR", cls="access", network=network))
>>> core = Partition(0, {RULE.rule: RULE})
>>> core.step(spoken("paris", "192.0.2.0/24", 0, 300_000))
[]
>>> [alert] = core.step(spoken("lyon", "198.51.100.0/24", 200_000, 400_000))
>>> alert.level, alert.summary
('notice', 'Calls from two devices and two networks ran at the same time on 1 of the last 14 days; a breach at 3.')
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, ClassVar, Literal

from detectors.coverage import coverage_of
from detectors.days import DAY, HOUR, SECOND, iso
from detectors.digest import digest64
from detectors.location.countries import least_distance_km
from detectors.location.evidence import is_egress
from detectors.outputs import Cover, Level, Window
from detectors.rule import Detector, Direction, Finding
from detectors.sharing import customer
from detectors.sharing.facts import SHOWN_DAYS, Crowd, SharingFacts, against, distance, lanes, summary
from detectors.sharing.state import (
    DEVICE_DAYS,
    EXPIRES_S,
    MOST_COUNTRIES,
    MOST_DEVICES,
    MOST_TALKS,
    Far,
    Pair,
    SharingParams,
    SharingState,
    SharingTenant,
    Talk,
    Use,
    apart,
    end_of,
    start_of,
    talk_of,
)
from detectors.state import Mark

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context
    from detectors.events import Registration


class LicenceSharing(Detector[SharingParams, SharingState]):
    """See the module."""

    rule = "licence-sharing"
    clause = "5.d"
    title = "More users than billed licences"
    unit = "days"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {"softphone": "review"}
    Params = SharingParams
    State = SharingState
    TenantState = SharingTenant
    Facts = SharingFacts
    needs = ("devices", "location")
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {
        "call_started": ("outbound", "internal"), "call_answered": ("inbound",), "call_ended": ("outbound", "internal"),
    }  # fmt: skip

    # -- devices ---------------------------------------------------------------------------------------------------

    def registration(self, ctx: Context, s: SharingState, p: SharingParams, event: Registration) -> None:
        """Keep until when each device is registered."""
        at = event.time
        identity = ctx.device
        device = s.devices.get(identity)
        action = event.action
        if action == "refresh" or action == "register":
            if device is not None and device[0] > at and s.used_from <= at < s.used_until:
                self.registered_again(device, event)
                return
            if not s.used_from <= at < s.used_until:
                self._mark_used(ctx, s, at)
            if device is not None:
                self.registered_again(device, event)
                device[2] = int(ctx.weak)
            elif identity:
                last = event.until or at
                s.devices[identity] = [last + (EXPIRES_S if event.expires_s is None else event.expires_s) * SECOND, last, int(ctx.weak)]
                if len(s.devices) > MOST_DEVICES:
                    del s.devices[min(s.devices, key=lambda name: (s.devices[name][1], name))]
                ctx.licence.plan.look_again()
            most = len(s.devices)
            if most > p.devices_per_licence or most > p.devices_in_30_days:
                self._count(ctx, s, p, at)
        elif (action == "expire" or action == "unregister") and device is not None and at >= device[1]:
            device[0] = at

    def sight(self, ctx: Context, s: SharingState, p: SharingParams, device: str) -> list[int] | None:
        """Until when the device is registered, and when it was last; where devices may be a crowd each registration is looked at."""
        most = len(s.devices)
        return None if most > p.devices_per_licence or most > p.devices_in_30_days else s.devices.get(device)

    @staticmethod
    def registered_again(record: list[int], event: Registration) -> None:
        """Until when the device is registered now."""
        at = event.time
        last = event.until or at
        # Folded records overlap: while it is registered, one that began before the last word on it says nothing new.
        if (at if record[0] > at else last) >= record[1]:
            record[0] = last + (EXPIRES_S if event.expires_s is None else event.expires_s) * SECOND
            record[1] = last

    def _count(self, ctx: Context, s: SharingState, p: SharingParams, at: int) -> None:
        """Count devices when one comes (back) and at the first registration of a day: a crowd that only refreshes lasts too."""
        registered = in_30_days = 0
        for device in s.devices.values():
            registered += device[0] > at
            in_30_days += device[1] > at - DEVICE_DAYS * DAY
        if registered <= p.devices_per_licence and in_30_days <= p.devices_in_30_days:
            return
        day = ctx.clock.day_of(at)
        most = s.crowds.get(day)
        if most is not None:
            most[0], most[1] = max(most[0], registered), max(most[1], in_30_days)
            return
        for old in [old for old in s.crowds if old <= day - p.window_days]:
            del s.crowds[old]
        s.crowds[day] = [registered, in_30_days]
        if s.overlaps:
            self._judge(ctx, s, p, at)

    # -- use -------------------------------------------------------------------------------------------------------

    def call_started(self, ctx: Context, s: SharingState, p: SharingParams, call: CallState) -> None:
        """A call placed is use, where it started."""
        if call.direction != "inbound" and not call.diverted_by:
            # The evaluator has just marked this call as evidence.
            self._used(ctx, s, p, call, call.started, ctx.licence.marks[-1])

    def call_answered(self, ctx: Context, s: SharingState, p: SharingParams, call: CallState) -> None:
        """A call answered is use, where the answering phone was."""
        if call.direction == "inbound" and call.answered is not None:
            mark = Mark(call.answered, "call", call.caller, call.country, call.network, call.src, call.line)
            self._used(ctx, s, p, call, call.answered, mark)

    def _used(self, ctx: Context, s: SharingState, p: SharingParams, call: CallState, at: int, mark: Mark) -> None:
        if not s.used_from <= at < s.used_until:
            self._mark_used(ctx, s, at)
        country = call.country
        if call.cls != "access" or not country:
            return
        here = s.uses.get(country)
        if here is not None and at < here.at:
            return
        use = s.uses[country] = Use(at, call.device, mark)
        if len(s.uses) > 1:
            self._travelled(ctx, s, p, use)

    def _travelled(self, ctx: Context, s: SharingState, p: SharingParams, use: Use) -> None:
        for country, other in sorted(s.uses.items()):
            gap = abs(use.at - other.at)
            if gap >= DAY:
                if other.at < use.at:
                    del s.uses[country]
                continue
            km = least_distance_km(country, use.mark.country)
            if km < p.distant_km or gap * p.travel_kmh >= km * HOUR:
                continue
            one, two = (other, use) if other.at <= use.at else (use, other)
            day = ctx.clock.day_of(two.at)
            # Colleagues behind the proxy of a head office abroad are at their desks.
            if day not in s.far and not any(is_egress(ctx, network, day) for network in (one.mark.network, two.mark.network)):
                s.far[day] = Far(one, two, km, self._database_is_old(ctx, p))
                self._judge(ctx, s, p, two.at)
        if len(s.uses) > MOST_COUNTRIES:
            del s.uses[min(s.uses, key=lambda name: (s.uses[name].at, name))]

    def _database_is_old(self, ctx: Context, p: SharingParams) -> bool:
        oldest = iso(ctx.clock.day_of(ctx.now) - p.old_database_days)
        places = (getattr(ctx.event, "loc", None), getattr(ctx.event, "answered_loc", None))
        return any(loc is not None and "" < loc.built < oldest for loc in places)

    # -- overlaps --------------------------------------------------------------------------------------------------

    def call_ended(self, ctx: Context, s: SharingState, p: SharingParams, call: CallState, sign: int) -> None:
        """Compare a call with those that ended before it and those still up: phases and CDRs give the same overlaps."""
        if call.direction == "inbound" or call.answered is None or call.diverted_by:
            return
        if not call.device or not call.network:
            s.blind = ctx.now
            return
        key = digest64(call.key)
        if sign < 0:
            self._take_back(ctx, s, p, key)
            return
        talk = talk_of(call, key)
        least = p.overlap_s * SECOND
        for other in reversed(s.talks):
            if other.end - talk.start < least:
                break
            if apart(talk, other, least):
                self._overlap(ctx, s, p, talk, other)
        if ctx.licence.calls.up:
            for up in ctx.licence.calls.up_at(ctx.now):
                if up.answered is not None and up.device and up.network and not up.diverted_by:
                    other = talk_of(up, digest64(up.key))
                    if apart(talk, other, least):
                        self._overlap(ctx, s, p, talk, other)
        if not s.talks or talk.end >= s.talks[-1].end:
            s.talks.append(talk)
        else:
            insort(s.talks, talk, key=end_of)
        while len(s.talks) > MOST_TALKS or (s.talks and s.talks[0].end < ctx.now - DAY):
            del s.talks[0]

    def _overlap(self, ctx: Context, s: SharingState, p: SharingParams, talk: Talk, other: Talk) -> None:
        one, two = sorted((talk, other), key=start_of)
        pair = Pair(two.start, min(end for end in (one.end, two.end) if end), one, two)
        day = ctx.clock.day_of(pair.start)
        known = s.overlaps.get(day)
        # The same overlap is met again when its second call ends: then its lane gets an end.
        if known is None or pair.start <= known.start:
            s.overlaps[day] = pair
        if known is None:
            self._judge(ctx, s, p, pair.stop)

    def _take_back(self, ctx: Context, s: SharingState, p: SharingParams, key: int) -> None:
        """A further leg changes a call: forget it, and what rested on it, before it is told again."""
        s.talks = [talk for talk in s.talks if talk.key != key]
        gone = [day for day, pair in s.overlaps.items() if key in (pair.one.key, pair.two.key)]
        if not gone:
            return
        for day in gone:
            del s.overlaps[day]
        for index, talk in enumerate(s.talks):
            for other in s.talks[:index]:
                if apart(talk, other, p.overlap_s * SECOND):
                    self._overlap(ctx, s, p, talk, other)

    # -- the licence's finding -------------------------------------------------------------------------------------

    def holds(self, ctx: Context, s: SharingState, p: SharingParams, day: int) -> bool:
        """Whether any overlap or distant use is left in the window that ends on ``day``."""
        return any(at > day - p.window_days for days in (s.overlaps, s.far) for at in days)

    def _judge(self, ctx: Context, s: SharingState, p: SharingParams, crossed: int) -> None:
        oldest = ctx.clock.day_of(ctx.now) - p.window_days
        days: dict[int, Pair] | dict[int, Far] | dict[int, list[int]]
        for days in (s.overlaps, s.far, s.crowds):
            for day in [day for day in days if day <= oldest]:
                del days[day]
        level: Level = "notice"
        measured, limit = len(s.overlaps), 1
        if measured >= p.overlap_days:
            level, limit = "breach", p.overlap_days
        elif measured and (s.crowds or any(not far.old for far in s.far.values())):
            level = "breach"
        elif not measured:
            measured = len(s.far)
        if measured and ctx.wants(self.rule, level, measured):
            ctx.report(self._finding(ctx, s, p, level, measured, limit, crossed))

    def _finding(self, ctx: Context, s: SharingState, p: SharingParams, level: Level, measured: int, limit: int, crossed: int) -> Finding:
        pairs = [pair for _, pair in sorted(s.overlaps.items())]
        far = [one for _, one in sorted(s.far.items())]
        marks = [mark for pair in pairs for mark in (pair.one.mark, pair.two.mark)]
        marks += [mark for one in far for mark in (one.one.mark, one.two.mark)]
        marks.sort(key=lambda mark: (mark.time, mark.src, mark.line))
        weak = [name for name, device in s.devices.items() if device[2]]
        notes = []
        if s.blind > ctx.now - p.window_days * DAY:
            notes.append("some answered calls of these days show no device or no network: overlaps among them are not seen")
        if weak or any(pair.one.weak or pair.two.weak for pair in pairs):
            notes.append("some devices have no id: they are told apart by app and contact")
        return Finding(
            rule=self.rule,
            level=level,
            measured=measured,
            limit=limit,
            unit=self.unit,
            window=Window(min([crossed, *(pair.start for pair in pairs), *(one.one.at for one in far)]), max(crossed, ctx.now)),
            crossed_at=crossed,
            issued_at=ctx.now,
            summary=summary(s, p),
            facts=SharingFacts(
                overlaps=tuple(lanes(day, pair) for day, pair in sorted(s.overlaps.items())[-SHOWN_DAYS:]),
                distances=tuple(distance(day, one) for day, one in sorted(s.far.items())[-SHOWN_DAYS:]),
                crowd=tuple(Crowd(iso(day), most[0], most[1]) for day, most in sorted(s.crowds.items())[-SHOWN_DAYS:]),
                devices_limit=p.devices_per_licence,
            ),
            against=against(s, p, bool(weak)),
            evidence=ctx.evidence(marks),
            evidence_more=max(0, len(marks) - 50),
            automatic=False,
            not_automatic=("sharing is a matter of judgement: always reviewed",),
            coverage_notes=tuple(notes),
        )

    # -- the customer ----------------------------------------------------------------------------------------------

    def day_closed(self, ctx: Context, s: SharingState, p: SharingParams, day: int) -> None:
        """Compare the customer's licences used on a closed day with those billed; calls of over a day ago overlap nothing."""
        if s.talks and s.talks[0].end <= ctx.now - DAY:
            s.talks = [talk for talk in s.talks if talk.end > ctx.now - DAY]
        customer.day_closed(ctx, self.rule, p, day)

    def facts_changed(self, ctx: Context, s: SharingState, p: SharingParams) -> None:
        """A corrected order reaches back: the customer's closed days are judged again."""
        customer.order_changed(ctx, self.rule, p)

    def _mark_used(self, ctx: Context, s: SharingState, at: int) -> None:
        day = ctx.clock.day_of(at)
        s.used_from, s.used_until = ctx.clock.bounds(day)
        ctx.licence.plan.look_again()
        customer.mark_used(ctx, self.rule, day)


RULE = LicenceSharing()


def covered(ctx: Context) -> Cover:
    """What the sources of this licence can show of sharing.

    ``none`` without addresses or devices (CDRs alone), ``full`` with registrations, addresses and device ids.
    """
    coverage = coverage_of(ctx.licence, RULE.needs)
    if "none" in (coverage.location, coverage.devices):
        return "none"
    return "full" if coverage.location == coverage.devices == "full" else "partial"
