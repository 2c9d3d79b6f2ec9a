"""Metering after a verdict: the calls that a confirmed alert covers, as records for billing (contract 9.e, 9.f, 12.e).

Three rules meter in the stream as calls end. What the others found may be metered once a person has said that it is a breach:
answered outgoing calls of the alert's licences in its window that an unlimited offer includes, less what any active record
covers already. So no second of a call is ever billed twice.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from detectors.billing import billing_clock
from detectors.calls import Calls, CallState, Hooks, forget, track
from detectors.context import Context
from detectors.days import DAY
from detectors.errors import VigieError
from detectors.events import Call, Event, Exemption, Licence, Message, Registration, Review, Tenant, Tick
from detectors.metering import metering_id
from detectors.offer.terms import in_plan
from detectors.outputs import Metering
from detectors.outside import goes_out
from detectors.seconds import Range, uncovered, whole_seconds
from streams.errors import UsageError
from streams.times import parse_time

#: Rules whose use the contract lets the provider bill by the meter (articles 5.d, 9.e, 9.f), beside those that do it in the stream.
METERED = ("autodial", "call-centre", "gateway", "mass-fax", "mass-messaging")
IN_STREAM = ("long-call", "many-destinations", "paid-destination")
#: What alerts of ``mass-messaging`` about calls are measured in; those about messages cover none.
VOICE = "callees/24h"
#: Calls without an end pile up in the log of a PBX that loses them: those of more than a day ago are let go.
MOST_UP, LOST = 64, DAY
_TRAFFIC = (Registration, Call, Message, Tick)


class NotConfirmed(VigieError):
    """The alert is not there, or no person has said that it is a breach. The command ends with ``exit_status``."""

    exit_status = 1


class Span(msgspec.Struct, frozen=True):
    """A window as it is written."""

    from_: str = msgspec.field(name="from")
    to: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What metering reads of an alert's statement."""

    alert_id: str
    rule: str
    tenant: str
    licence: str | None
    window: Span
    unit: str = ""
    supersedes: tuple[str, ...] = ()


class Active(msgspec.Struct, frozen=True, kw_only=True):
    """What metering reads of an earlier record."""

    metering_id: str
    state: str
    tenant: str
    licence: str
    pbx: str
    call_id: str
    from_: str = msgspec.field(name="from")
    to: str


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """Whose calls an alert covers: ``licences`` of ``tenant`` that began within [from_, to] (ms), and for which rule."""

    alert_id: str
    rule: str
    tenant: str
    licences: tuple[str, ...]
    from_: int
    to: int


class Metered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    ``calls`` that are covered and answered, ``already`` seconds of them that active records cover, ``outside_plan`` calls that are
    billed anyway, ``without_end`` calls whose end the log does not tell. ``unknown_before`` is the instant (ms) before which the
    log says nothing of the window; None when it reaches back far enough.
    """

    records: tuple[Metering, ...]
    calls: int
    already: int
    outside_plan: int
    without_end: int
    unknown_before: int | None


def covered_by(alert_id: str, statements: Iterable[Statement]) -> Covered:
    """What an alert covers, from the statements of a file of alerts.

    The window is that of all its statements, from the first measure to the last. An alert of a whole customer covers the licences of
    those that it superseded.

    Args:
        alert_id: the alert, or its beginning.
        statements: all of the file.

    Raises:
        NotConfirmed: no alert begins so, or more than one.
        UsageError: its rule meters in the stream, or the contract gives no right to meter it, or it names no licence,
            or is about messages and not calls.
    """
    every = list(statements)
    own = [one for one in every if one.alert_id.startswith(alert_id)]
    names = {one.alert_id for one in own}
    if len(names) != 1:
        what = f"{alert_id!r} begins {len(names)} alerts; write more of it" if names else f"no alert {alert_id!r} in the alerts given"
        raise NotConfirmed(what)
    said = own[-1]
    if said.rule in IN_STREAM:
        raise UsageError(f"{said.rule} meters in the stream, call by call: its records are in metering.jsonl (vigie.metering) already")
    if said.rule not in METERED:
        raise UsageError(f"the contract gives no right to meter what {said.rule} finds; it does for {', '.join(METERED)}")
    if said.rule == "mass-messaging":
        own = [one for one in own if one.unit == VOICE]
        if not own:
            raise UsageError(f"alert {said.alert_id} is about messages, which have no seconds to meter: bill them one by one")
    taken = {name for one in own for name in one.supersedes}
    parts = [one for one in every if one.alert_id in taken and one.tenant == said.tenant]
    licences = sorted({one.licence for one in (*own, *parts) if one.licence is not None})
    if not licences:
        raise UsageError(f"alert {said.alert_id} is of a whole customer, and no alert given is part of it: meter its licences' own")
    return Covered(
        alert_id=said.alert_id,
        rule=said.rule,
        tenant=said.tenant,
        licences=tuple(licences),
        from_=min(parse_time(one.window.from_) for one in (*own, *parts)),
        to=max(parse_time(one.window.to) for one in (*own, *parts)),
    )


def meter(covered: Covered, events: Iterable[Event], earlier: Iterable[Active]) -> Metered:
    """Records for the calls that a confirmed alert covers, in order of time.

    Args:
        covered: what the alert covers.
        events: of a log, stamped and in its order; the verdict is among them.
        earlier: records said before, voided ones included.

    Raises:
        NotConfirmed: the last verdict on the alert is no breach, or there is none.
    """
    log = _Log(covered)
    for event in events:
        log.take(event)
    if log.verdict != "breach":
        last = f"the last one is {log.verdict!r}" if log.verdict else "there is none"
        raise NotConfirmed(f"alert {covered.alert_id} needs a review with the verdict 'breach' among the events given; {last}")
    active = _active(earlier)
    records: list[Metering] = []
    calls = already = outside = without = 0
    for licence, call in log.found():
        if not log.concerns(licence, call):
            continue
        if call.ended is None or not call.told:
            # Also a call whose key was used again: it is over, and nobody said since when.
            without += 1
            continue
        assert call.answered is not None
        calls += 1
        if not (in_plan(call) and log.offer(licence, call.answered) == "unlimited"):
            outside += 1
            continue
        whole = whole_seconds(call.answered, call.answered, call.ended)
        left = uncovered([whole], active.get((covered.tenant, licence, call.pbx, call.call_id), ())) if whole[0] < whole[1] else []
        already += (whole[1] - whole[0] - sum(to - from_ for from_, to in left)) // 1_000
        records += (_record(covered, licence, call, span, log.month(call.answered)) for span in left)
    first = log.first
    return Metered(
        records=tuple(sorted(records, key=lambda one: (one.from_, one.licence, one.metering_id))),
        calls=calls,
        already=already,
        outside_plan=outside,
        without_end=without,
        unknown_before=None if first is not None and first <= covered.from_ else min(first or covered.to, covered.to),
    )


def _record(covered: Covered, licence: str, call: CallState, span: Range, month: str) -> Metering:
    return Metering(
        metering_id=metering_id(covered.tenant, licence, call.pbx, call.call_id, call.started, *span, covered.alert_id),
        state="active",
        alert_id=covered.alert_id,
        rules=(covered.rule,),
        tenant=covered.tenant,
        licence=licence,
        pbx=call.pbx,
        call_id=call.call_id,
        from_=span[0],
        to=span[1],
        seconds=(span[1] - span[0]) // 1_000,
        billing_month=month,
    )


def _active(earlier: Iterable[Active]) -> dict[tuple[str, str, str, str], list[Range]]:
    """Ranges of records that stand, by call; one that was voided never comes back under its id."""
    known: dict[str, Active] = {}
    void: set[str] = set()
    for one in earlier:
        known[one.metering_id] = one
        if one.state == "void":
            void.add(one.metering_id)
    found: dict[tuple[str, str, str, str], list[Range]] = {}
    for name, one in sorted(known.items()):
        if name not in void:
            key = one.tenant, one.licence, one.pbx, one.call_id
            found.setdefault(key, []).append((parse_time(one.from_), parse_time(one.to)))
    return found


class _Log:
    """What the events of a log say of a covered alert: its verdict, the account facts in force, the calls of its licences."""

    def __init__(self, covered: Covered) -> None:
        self._covered = covered
        self.verdict = ""
        self.first: int | None = None
        self._tenants: list[tuple[int, Tenant]] = []
        self._licences: dict[str, list[tuple[int, Licence]]] = {}
        self._exemptions: dict[str, Exemption] = {}
        self._tracked = {name: Calls() for name in covered.licences}
        self._calls: dict[tuple[str, str, int], CallState] = {}
        self._repeats: set[int] = set()
        self._licence = ""
        self._ctx = Context()
        self._ctx.device, self._ctx.weak = "", False
        self._hooks = Hooks(self._heard, self._heard, lambda ctx, call, sign: self._heard(ctx, call))

    def take(self, event: Event) -> None:
        """The next event of the log."""
        if isinstance(event, _TRAFFIC) and (self.first is None or event.time < self.first):
            self.first = event.time
        if event.tenant != self._covered.tenant:
            return
        if isinstance(event, Call):
            self._call(event)
        elif isinstance(event, Review):
            if event.alert_id == self._covered.alert_id and event.verdict != "inconclusive":
                self.verdict = event.verdict
        elif isinstance(event, Tenant):
            self._tenants.append((max(event.time, event.effective_from or 0), event))
        elif isinstance(event, Licence):
            self._licences.setdefault(event.licence, []).append((max(event.time, event.effective_from or 0), event))
        elif isinstance(event, Exemption):
            self._exemptions[event.exemption_id] = event

    def _call(self, event: Call) -> None:
        calls = self._tracked.get(event.licence)
        if calls is None or event.direction != "outbound" or event.refused_by is not None or event.emergency:
            return
        if event.key and (event.key in self._repeats or self._repeats.add(event.key)):  # type: ignore[func-returns-value]
            return
        self._licence = event.licence
        track(self._ctx, calls, event, event.direction, self._hooks)
        if len(calls.up) > MOST_UP:
            forget(calls, event.time, LOST)

    def _heard(self, ctx: Context, call: CallState) -> None:
        if self._covered.from_ <= call.started <= self._covered.to:
            self._calls[self._licence, call.key, call.started] = call

    def found(self) -> list[tuple[str, CallState]]:
        """Calls of the covered licences with who placed them, by when they began."""
        ordered = sorted(self._calls, key=lambda key: (self._calls[key].started, key))
        return [(key[0], self._calls[key]) for key in ordered]

    def concerns(self, licence: str, call: CallState) -> bool:
        """Whether the alert covers a call of its window: one that went out and was answered, of the kind it is about."""
        covered = self._covered
        if call.answered is None or not goes_out(call) or self._exempt(licence, call.answered):
            return False
        fact = self._fact(licence, call.answered)
        if covered.rule == "mass-fax":
            return call.media == "fax" or (fact is not None and fact.type == "fax")
        if covered.rule == "gateway":
            return fact is None or call.dest.e164 not in fact.forward_targets
        return True

    def offer(self, licence: str, at: int) -> str | None:
        """The offer in force: the licence's own, else its customer's."""
        fact, tenant = self._fact(licence, at), self._tenant(at)
        if fact is not None and fact.offer is not None:
            return fact.offer
        return tenant.offer if tenant is not None else None

    def month(self, at: int) -> str:
        """The customer's billing month that holds an instant."""
        tenant = self._tenant(at) or Tenant()
        return billing_clock(tenant.time_zone, tenant.billing_day).month_of(at).label

    def _tenant(self, at: int) -> Tenant | None:
        return max(((start, n, f) for n, (start, f) in enumerate(self._tenants) if start <= at), default=(0, 0, None))[2]

    def _fact(self, licence: str, at: int) -> Licence | None:
        facts = self._licences.get(licence, [])
        return max(((start, n, f) for n, (start, f) in enumerate(facts) if start <= at), default=(0, 0, None))[2]

    def _exempt(self, licence: str, at: int) -> bool:
        return any(
            self._covered.rule in e.rules and not e.revoked and e.from_ <= at < e.to and e.licence in ("", licence)
            for e in self._exemptions.values()
        )
