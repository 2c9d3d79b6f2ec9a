"""Registrations as account takeover reads them: whose phone fails, whose gets in, and what is said of it.

What such a phone then calls, and when an episode ends, is in ``detectors.rules.account_takeover``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.digest import digest64
from detectors.location.egress import is_egress
from detectors.location.evidence import device_of
from detectors.outputs import Level, Window
from detectors.rule import Detector, Finding
from detectors.state import Mark
from detectors.takeover import customer
from detectors.takeover.facts import against, evidence, facts, summary
from detectors.takeover.memory import (
    BREAK_IN,
    MOST_COUNTRIES,
    MOST_DEVICES,
    MOST_ENTRIES,
    MOST_NETWORKS,
    NEWCOMER,
    REVIEWED,
    SIEGE,
    UNRESOLVED,
    Entry,
    Hit,
    TakeoverParams,
    TakeoverState,
    count,
    failures_before,
    fresh,
    is_new,
    is_scanner,
    knock,
    note,
    strike,
)

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.events import Registration

#: Why a breach waits for a person.
NO_ID = "the phone has no id: app and contact alone do not act without a person"
ONLY_A_NAME = "a scanner's name is easily put on, and no break-in was seen"


class TakeoverDetector(Detector[TakeoverParams, TakeoverState]):
    """The registrations' half of the rule."""

    hears_repeats = False

    def registration(self, ctx: Context, s: TakeoverState, p: TakeoverParams, event: Registration) -> None:
        """Seven events of ten are refreshes of a phone and a network that were seen today: they leave early."""
        action = event.action
        if action == "refresh" or action == "register":
            loc, day = event.loc, ctx.today
            if s.devices.get(ctx.device) == day and (loc is None or s.networks.get(loc.network) == day):
                return
            self._succeeded(ctx, s, p, event)
        elif action == "failed":
            self._failed(ctx, s, p, event)

    def _succeeded(self, ctx: Context, s: TakeoverState, p: TakeoverParams, event: Registration) -> None:
        day, device = ctx.today, ctx.device
        network, country = (event.loc.network, event.loc.country) if event.loc is not None else ("", "")
        if is_new(s.devices, device, day, p.known_days) and ctx.tenant.tenant != UNRESOLVED:
            self._newcomer(ctx, s, p, event, network)
        if s.since < 0:
            s.since = day
        forgot = note(s.devices, device, day, MOST_DEVICES)
        if note(s.networks, network, day, MOST_NETWORKS) or forgot:
            # What is forgotten may be a phone that is known by sight: the next time it is looked at.
            ctx.licence.plan.look_again()
        if country:
            note(s.countries, country, day, MOST_COUNTRIES)
        if network:
            customer.welcome(ctx, network, day)

    def _newcomer(self, ctx: Context, s: TakeoverState, p: TakeoverParams, event: Registration, network: str) -> None:
        """A phone new to the account succeeded: as a break-in, a scanner, or somebody in a new country; else it is just new."""
        day, loc = ctx.today, event.loc
        # The phone that broke in made its network known: a second one from there is no less a stranger.
        strange = is_new(s.networks, network, day, p.known_days) or any(entry.network == network for entry in s.entries)
        learnt = s.since >= 0 and day - s.since >= p.learning_days
        failures = failures_before(s.siege, network, event.time, p) if strange else 0
        why = ""
        if failures:
            why = "failures"
        elif learnt and strange and loc is not None and loc.cls == "hosting" and not is_egress(ctx, network, day):
            why = "hosting"
        elif is_scanner(event.user_agent, p.scanner_agents):
            why = "scanner"
        if why:
            self._entered(ctx, s, p, event, why, failures)
        elif learnt and loc is not None and is_new(s.countries, loc.country, day, p.known_days) and not is_egress(ctx, network, day):
            s.newcomer = Mark(event.time, "registration", "", loc.country, network, event.src, event.line)
            if self.stage(ctx, s) < NEWCOMER:
                self.say(ctx, s, p, NEWCOMER, 1, 1, "new phones")

    def _entered(self, ctx: Context, s: TakeoverState, p: TakeoverParams, event: Registration, why: str, failures: int) -> None:
        loc, siege = event.loc, s.siege
        origin = digest64(ctx.device)
        s.entries.append(
            Entry(
                at=event.time,
                device=ctx.device,
                alias=device_of(None, event.user_agent, event.contact)[0],
                weak=ctx.weak,
                network=loc.network if loc is not None else "",
                country=loc.country if loc is not None else "",
                cls=loc.cls if loc is not None else "",
                why=why,
                failures=failures,
                agent=(event.user_agent or "")[:64],
                same_phone=siege is not None and any(hit.phone == origin for hit in siege.hits),
                src=event.src,
                line=event.line,
            )
        )
        if len(s.entries) > MOST_ENTRIES:
            del s.entries[0]
        stage = REVIEWED if why == "scanner" else BREAK_IN
        measured, limit, unit = (failures, p.break_in_failures, "failures") if failures else (1, 1, "registrations")
        if self.stage(ctx, s) < stage:
            self.say(ctx, s, p, stage, measured, limit, unit, (ONLY_A_NAME,) if why == "scanner" else ())

    def _failed(self, ctx: Context, s: TakeoverState, p: TakeoverParams, event: Registration) -> None:
        """Count a failure, unless it is of the licence's own phone: that one retries an old password for ever."""
        at, day, loc = event.time, ctx.today, event.loc
        network = (loc.network if loc is not None else "") or event.source_ip or ""
        strange = is_new(s.networks, network, day, p.known_days)
        scanner = is_scanner(event.user_agent, p.scanner_agents)
        own = ctx.device != "" and not is_new(s.devices, ctx.device, day, p.known_days)
        if own and not scanner and not (ctx.weak and strange):
            return
        spoken_for = customer.knocked(ctx, p, event, network, scanner)
        if ctx.tenant.tenant == UNRESOLVED:
            return
        siege = s.siege if s.siege is not None and self.stage(ctx, s) == SIEGE else fresh(s.siege, at)
        s.siege = siege
        source, origin = digest64(event.source_ip or network), digest64(f"{event.source_port} {event.contact}")
        count(siege, at, event.count, source)
        door = knock(siege, network, at, event.count, p)
        door.country, door.src, door.line = loc.country if loc is not None else "", event.src, event.line
        if spoken_for:
            return
        if strike(siege, Hit(at, event.count, source, origin, digest64(ctx.device), strange, own), p):
            siege.held = at
            if self.stage(ctx, s) <= SIEGE and ctx.wants(self.rule, "notice", siege.total):
                self.say(ctx, s, p, SIEGE, siege.total, p.siege_failures, self.unit)

    def stage(self, ctx: Context, s: TakeoverState) -> int:
        """What the open alert was last raised for; 0 when none is open."""
        return s.stage if self.rule in ctx.licence.alerts else 0

    def say(
        self,
        ctx: Context,
        s: TakeoverState,
        p: TakeoverParams,
        stage: int,
        measured: int,
        limit: int,
        unit: str,
        doubts: tuple[str, ...] = (),
    ) -> None:
        """Report what was found; ``stage`` orders the kinds of signs, ``doubts`` say why a breach waits for a person."""
        new_sign = self.stage(ctx, s) < stage
        s.stage, s.signed = max(stage, self.stage(ctx, s)), ctx.now
        if stage > SIEGE:
            customer.entered(ctx)
        level: Level = "breach" if stage >= REVIEWED else "notice"
        marks, tried = evidence(s), s.siege.total if s.siege is not None else 0
        first = marks[0].time if marks else ctx.now
        ctx.report(
            Finding(
                rule=self.rule,
                level=level,
                measured=measured,
                limit=limit,
                unit=unit,
                window=Window(min(first, ctx.now), ctx.now),
                crossed_at=ctx.now,
                issued_at=ctx.now,
                summary=summary(s, stage, p),
                facts=facts(s, stage),
                against=against(ctx, s, stage, p),
                evidence=ctx.evidence(marks),
                evidence_more=max(0, tried - sum(mark.kind != "call" for mark in marks)),
                automatic=not doubts,
                not_automatic=doubts,
                cost=sum(entry.cost for entry in s.entries),
                new_sign=new_sign,
            )
        )
