"""The evaluator: ``step(partition, event) -> outputs``. Live, replay, backtest, shadow and "what if" are all this.

What it returns is a function of the events given to the partition, in their order, and of nothing else. Timers that are due
fire before the event, each at its exact deadline.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, Literal

from detectors import account, alerts, audit, calls, control, decisions, metering
from detectors.context import Context
from detectors.coverage import CDRS, DEVICES, PHASES, PLACES, REGISTRATIONS
from detectors.days import DAY, HOUR, day_clock
from detectors.digest import digest64
from detectors.dispatch import TO_RULES
from detectors.events import (
    EMERGENCY,
    Call,
    Erase,
    Event,
    Exemption,
    Licence,
    Message,
    ModelEvent,
    PolicyEvent,
    Reference,
    Registration,
    Review,
    Score,
    Tenant,
    Tick,
)
from detectors.location import evidence
from detectors.outputs import Output
from detectors.plan import Outline, Plan
from detectors.policy import Merged, Policy
from detectors.registry import Detectors, installed
from detectors.repeats import fresh
from detectors.rule import Params
from detectors.sight import Phone, remember
from detectors.state import DAY_TIMER, FACT_TIMER, REVIEW_TIMER, LicenceState, PartitionState, TenantState

#: A day closes one hour after its end, 25 hours for sources that send only CDRs (detectors.md, location).
CLOSE_AFTER, CLOSE_AFTER_CDRS = HOUR, 25 * HOUR
#: What registrations can tell: once all of it was seen, nothing is left to note.
ALL_SEEN = REGISTRATIONS | PLACES | DEVICES


def step(partition: Partition, event: Event) -> list[Output]:
    """Judge one event; returns what was said, in order.

    >>> from detectors.events import Tick
    >>> step(Partition(0), Tick(time=1764000000000))
    []
    """
    return partition.step(event)


class Partition:
    """State of one partition of the log, and the rules that judge it.

    Args:
        number: which partition (0 counts the events that are broadcast to all).
        detectors: rules by id; the installed ones by default.
        origin: ``bootstrap`` caps every mode at ``review``: history cannot suspend anybody.
    """

    def __init__(self, number: int = 0, detectors: Detectors | None = None, origin: Literal["live", "bootstrap"] = "live") -> None:
        self.detectors = installed() if detectors is None else detectors
        self.origin: Literal["live", "bootstrap"] = origin
        self.state = PartitionState(number)
        self.tenants: dict[str, TenantState] = {}
        self.licences: dict[tuple[str, str], LicenceState] = {}
        self.policy = Policy({}, self.detectors)
        self.heap: list[tuple[int, str, str, str]] = []
        self._out: list[Output] = []
        self.ctx = Context()
        self.ctx.partition = self.state
        self.ctx.emit = self.say
        self.ctx.findings, self.ctx.withdrawals, self.ctx.wakes, self.ctx.claims, self.ctx.event = [], [], [], [], None
        #: What ``changes`` has not collected yet: states touched, keys added to the repeats, and its pieces. Nothing is noted
        #: until it first asks (None), when it takes everything: files are judged without it.
        self.touched: set[tuple[str, str]] = set()
        self.unsaved: list[tuple[int, int]] | None = None
        self.pieces: dict[int, list[bytes]] = {}
        self._desk: dict[str, bool] = {}
        self._outlines: dict[tuple[str, str], Outline] = {}
        self._phones: dict[str | None, Phone] = {}

        def told(handler: Callable[[Partition, Any], None]) -> Callable[[Any], None]:
            return lambda event: handler(self, event)

        self._handlers: dict[type[Event], Callable[[Any], None]] = {
            Registration: self._registration,
            Call: self._call,
            Message: self._message,
            Tenant: told(account.on_tenant),
            Licence: told(account.on_licence),
            Exemption: told(account.on_exemption),
            Review: told(control.on_review),
            PolicyEvent: told(control.on_policy),
            Reference: told(control.on_reference),
            ModelEvent: told(control.on_model),
            Score: told(control.on_score),
            Erase: told(control.on_erase),
        }

    # -- the log ---------------------------------------------------------------------------------------------------

    def step(self, event: Event) -> list[Output]:
        """See ``step``."""
        time, kind, state = event.time, type(event), self.state
        if self.heap and self.heap[0][0] <= time:
            self._fire(time)
        if time > state.now:
            state.now = time
        if kind is not Tick and (not event.key or fresh(self, event)):
            if event.tenant or not state.number:
                state.accepted += 1
            ctx = self.ctx
            ctx.now, ctx.event = time, event
            self._handlers[kind](event)
        if not self._out:
            return []
        out, self._out = self._out, []
        return out

    def finish(self, until: int) -> list[Output]:
        """Fire every timer due at or before ``until`` (the end of the log, or the instant asked for)."""
        self._fire(until)
        out, self._out = self._out, []
        return out

    def let_go(self) -> None:
        """Judge nothing more: without the ring of itself and its handlers the state is freed with the last reference to it."""
        self._handlers.clear()
        self.ctx = Context()

    @property
    def counts(self) -> dict[str, int]:
        """What was counted, by name: ``accepted duplicates conflicts refused_by emergency exempted`` and verdicts."""
        return {"accepted": self.state.accepted, **self.state.counts}

    def count(self, name: str, by: int = 1) -> None:
        """Add to a count."""
        self.state.counts[name] = self.state.counts.get(name, 0) + by

    def note(self, tenant: str, licence: str = "") -> None:
        """A state changed outside of its licence's turn: the next checkpoint must hold it."""
        self.touched.add((tenant, licence))

    def say(self, output: Output) -> None:
        """Add an output of the current event."""
        self._out.append(output)

    # -- timers ----------------------------------------------------------------------------------------------------

    def wake(self, licence: LicenceState, name: str, at: int) -> None:
        """Set the licence's timer ``name`` to the instant ``at``."""
        if licence.timers.get(name) != at:
            licence.timers[name] = at
            heapq.heappush(self.heap, (at, licence.tenant, licence.licence, name))

    def _fire(self, until: int) -> None:
        heap = self.heap
        while heap and heap[0][0] <= until:
            at, tenant, name, timer = heapq.heappop(heap)
            holder = self.licences.get((tenant, name)) if name else self.tenants.get(tenant)
            if not tenant:
                control.references_due(self, at)
                continue
            if holder is None or holder.timers.get(timer) != at:
                continue
            del holder.timers[timer]
            self.state.now = max(self.state.now, at)
            self.ctx.now, self.ctx.event = at, None
            if isinstance(holder, TenantState):
                self.note(tenant)
                account.tenant_facts_due(self, holder)
                continue
            plan = self.turn(self.ctx, holder)
            if timer == DAY_TIMER:
                self._close_day(holder, plan)
            elif timer == REVIEW_TIMER:
                decisions.overdue(self, self.ctx)
            elif timer == FACT_TIMER:
                account.licence_facts_due(self, holder)
            elif timer in plan.outline.timers:
                rule, i, params = plan.outline.timers[timer]
                rule(self.ctx, plan.states[i], params, at)
            self.settle()

    def settle(self) -> None:
        """Turn what was reported so far into statements and decisions, and set the timers that were asked for."""
        ctx = self.ctx
        while ctx.findings or ctx.withdrawals:
            alerts.settle(self, ctx)
        if ctx.claims:
            metering.settle(self, ctx)
        if ctx.wakes:
            for wake in ctx.wakes:
                heapq.heappush(self.heap, wake)
            ctx.wakes.clear()

    # -- days ------------------------------------------------------------------------------------------------------

    def _active(self, licence: LicenceState, day: int) -> None:
        """Something happened on ``day``: see that it will be closed."""
        if day > licence.last_day:
            licence.last_day = day
        if day > licence.closed and (licence.closing < 0 or day < licence.closing):
            self._close_at(licence, day)

    def follow(self, licence: LicenceState) -> None:
        """An alert that opened after the licence's last day had closed: see that days close until it ends."""
        if licence.alerts and licence.closing < 0:
            self._close_at(licence, self.ctx.clock.day_of(self.state.now))

    def _close_at(self, licence: LicenceState, day: int) -> None:
        licence.closing = day
        after = CLOSE_AFTER_CDRS if licence.seen & (CDRS | PHASES | REGISTRATIONS) == CDRS else CLOSE_AFTER
        self.wake(licence, DAY_TIMER, self.ctx.clock.bounds(day)[1] + after)

    def _close_day(self, licence: LicenceState, plan: Plan) -> None:
        ctx, day = self.ctx, licence.closing
        if licence.calls.ended or licence.calls.up:
            calls.forget(licence.calls, ctx.now, plan.outline.lost_after)
        if licence.marks and licence.marks[0].time <= ctx.now - DAY:
            licence.marks = [mark for mark in licence.marks if mark.time > ctx.now - DAY]
        if licence.ledger is not None:
            metering.forget(ctx, licence.ledger)
        evidence.close_day(ctx, day)
        licence.closed = day
        for hook, i, params in plan.outline.closed:
            hook(ctx, plan.states[i], params, day)
        self.settle()
        quiet = not licence.alerts
        for rule in list(licence.alerts) if licence.alerts else ():
            holds = plan.outline.holds.get(rule)
            if holds is not None and rule in licence.alerts and not holds[0](ctx, plan.states[holds[1]], holds[2], day):
                ctx.close(rule, "the measure is below the notice limit")
        if licence.called:
            audit.close_day(self, ctx, day, quiet)
        if licence.last_day > day or licence.alerts:
            self._close_at(licence, day + 1)
        else:
            licence.closing = -1

    # -- what happens ----------------------------------------------------------------------------------------------

    def _registration(self, event: Registration) -> None:
        if event.refused_by is not None:
            self.count("refused_by")
            return
        known = self._phones.get(event.device)
        if known is not None:
            if known.says_again(event):
                if self.unsaved is not None:
                    self.touched.add((event.tenant, event.licence))
                return
            known.end = 0
        licence = self.licences.get((event.tenant, event.licence)) or self.licence_state(event.tenant, event.licence)
        ctx = self.ctx
        plan = self.turn(ctx, licence)
        outline = plan.outline
        if event.device:
            ctx.device, ctx.weak = event.device, False
        else:
            ctx.device, ctx.weak = evidence.device_of(None, event.user_agent, event.contact)
        if licence.seen & ALL_SEEN != ALL_SEEN:
            place = event.loc is not None and event.loc.country != ""
            licence.seen |= REGISTRATIONS | PLACES * place | DEVICES * (not ctx.weak)
        if licence.fact is None:
            licence.aor = event.aor
        day = ctx.today = ctx.clock.day_of(event.time)
        if day != licence.last_day:
            self._active(licence, day)
        changed = evidence.observe_registration(ctx, event)
        if event.late_ms <= HOUR:
            desk = event.user_agent and outline.desk_agents and self._is_desk_phone(event.user_agent, outline.desk_agents)
            if desk:
                licence.desk_first = licence.desk_first or event.time
                licence.desk_last = event.time
            if licence.calls.up and event.action in ("unregister", "expire"):
                for call in licence.calls.up.values():
                    if call.device == ctx.device:
                        call.cut = event.time
            for hook, i, params in outline.registration:
                hook(ctx, plan.states[i], params, event)
            if not desk and outline.sights is not None:
                remember(self._phones, ctx, plan, event)
        if changed is not None:
            self._located(licence, plan, changed)
        if ctx.findings or ctx.withdrawals or ctx.wakes:
            self.settle()

    def _located(self, licence: LicenceState, plan: Plan, day: int) -> None:
        if day != self.ctx.today:
            self._active(licence, day)
        for hook, i, params in plan.outline.located:
            hook(self.ctx, plan.states[i], params, day)

    def _call(self, event: Call) -> None:
        if event.emergency or (event.dest is not None and event.dest.cls == EMERGENCY):
            self.count("emergency")
            return
        if event.refused_by is not None:
            self.count("refused_by")
            return
        licence = self.licence_state(event.tenant, event.licence)
        self._leg(licence, event, event.direction)
        if event.direction == "internal" and event.callee_licence and event.callee_licence != event.licence:
            key = (event.tenant, event.callee_licence)
            callee = self.licences.get(key) or self.licence_state(*key)
            self._leg(callee, event, "inbound")

    def _leg(self, licence: LicenceState, event: Call, direction: str) -> None:
        ctx = self.ctx
        plan = self.turn(ctx, licence)
        outgoing = direction != "inbound"
        if outgoing:
            place = event.loc
            if event.device:
                ctx.device, ctx.weak = event.device, False
            else:
                ctx.device, ctx.weak = evidence.device_of(None, event.user_agent, event.contact)
        else:
            ctx.device, ctx.weak = evidence.device_of(event.answered_device, event.answered_user_agent, event.answered_contact)
            place = event.answered_loc
        seen = CDRS if event.phase == "cdr" else PHASES
        if place is not None and place.country:
            seen |= PLACES
        licence.seen |= seen if ctx.weak else seen | DEVICES
        if licence.fact is None and outgoing and event.aor:
            licence.aor = event.aor
        day = ctx.today = ctx.clock.day_of(event.time)
        if day != licence.last_day:
            self._active(licence, day)
        changed = evidence.observe_call(ctx, event, outgoing)
        if event.late_ms <= HOUR:
            calls.track(ctx, licence.calls, event, direction, TO_RULES)
        if changed is not None:
            self._located(licence, plan, changed)
        if ctx.findings or ctx.withdrawals or ctx.wakes or ctx.claims:
            self.settle()

    def _message(self, event: Message) -> None:
        if event.refused_by is not None:
            self.count("refused_by")
            return
        licence = self.licence_state(event.tenant, event.licence)
        plan = self.turn(self.ctx, licence)
        self._active(licence, self.ctx.clock.day_of(event.time))
        for hook, i, params in plan.outline.message:
            hook(self.ctx, plan.states[i], params, event)
        self.settle()

    # -- states ----------------------------------------------------------------------------------------------------

    def turn(self, ctx: Context, licence: LicenceState) -> Plan:
        """Make it the licence's turn: whatever is reported next is said of it."""
        if self.unsaved is not None:
            self.touched.add((licence.tenant, licence.licence))
        plan: Plan = licence.plan or self._plan(licence)
        outline = plan.outline
        ctx.licence, ctx.tenant, ctx.merged, ctx.clock, ctx.home_zone = licence, plan.tenant, outline.merged, outline.clock, plan.home_zone
        return plan

    def params(self, ctx: Context, rule: str) -> Params:
        """Policy of a rule in force for the licence whose turn it is."""
        return ctx.merged.rules[rule]

    def licence_type(self, licence: LicenceState) -> str:
        """A licence without a fact is judged as a softphone."""
        return licence.fact.type if licence.fact is not None else "softphone"

    def _plan(self, licence: LicenceState) -> Plan:
        tenant = self.tenant_state(licence.tenant)
        merged = self.merged(tenant, licence)
        # Equal versions are equal policies: customers without overrides share one outline for each type of licence.
        key = self.licence_type(licence), merged.version
        outline = self._outlines.get(key)
        if outline is None:
            outline = self._outlines[key] = Outline(self.detectors, merged, day_clock(merged.general.day_zone), key[0])
        plan = licence.plan = Plan(outline, licence, tenant)
        return plan

    def merged(self, tenant: TenantState, licence: LicenceState | None) -> Merged:
        """The policy in force for a tenant, with the offer of the licence when it has one of its own."""
        fact = tenant.fact
        offer = fact.offer if fact is not None else None
        if licence is not None and licence.fact is not None and licence.fact.offer is not None:
            offer = licence.fact.offer
        return self.policy.merged(tenant.tenant, offer or "", fact.policy if fact is not None else None)

    def tenant_state(self, name: str) -> TenantState:
        """The state of a tenant, new when it is first heard of."""
        self.touched.add((name, ""))
        tenant = self.tenants.get(name)
        if tenant is None:
            tenant = self.tenants[name] = TenantState(name)
        return tenant

    def licence_state(self, tenant: str, name: str) -> LicenceState:
        """The state of a licence, new when it is first heard of."""
        licence = self.licences.get((tenant, name))
        if licence is None:
            licence = self.licences[(tenant, name)] = LicenceState(tenant, name, first_seen=self.ctx.now)
            if self.state.erased:
                licence.standing.epoch = self.state.erased.get(digest64(f"{tenant}/{name}"), 0) + 1
            self.tenant_state(tenant).licences.setdefault(name, "")
        return licence

    def _is_desk_phone(self, agent: str, globs: tuple[str, ...]) -> bool:
        found = self._desk.get(agent)
        if found is None:
            if len(self._desk) > 10_000:
                self._desk.clear()
            found = self._desk[agent] = any(fnmatchcase(agent, glob) for glob in globs)
        return found
