"""What ingest writes on each event before it enters the log: whose it is, where it came from, what it called.

The same code stamps files and live topics. Detectors open no database: everything they need and could not know is written here,
so that a log can be judged again years later with the same result.
"""

from __future__ import annotations

from typing import NamedTuple

from detectors.errors import PolicyError
from detectors.events import EMERGENCY, INTERNAL, Call, Dest, Erase, Event, Licence, Message, PolicyEvent, Registration, Tenant
from detectors.policy import Policy
from detectors.registry import installed
from streams.facts import UNRESOLVED, Accounts
from streams.location import Locator
from streams.numbering import Dialling, NumberPlan
from streams.wire import stamp_digests

#: Internal destinations remembered as stamps; extensions of all tenants together.
_INTERNAL_CACHED = 65_536


class Refusal(NamedTuple):
    """Why an event may not enter the log: the class of the reason and one line of text."""

    error: str
    message: str


class Stamper:
    """Resolves and stamps events, which must come in log order.

    Args:
        locator: where addresses are.
        numbers: what numbers are, and what they cost.

    >>> stamper = Stamper(Locator([]), NumberPlan())
    >>> stamper.stamp(Licence(id="f1", time=1, tenant="acme", licence="101", aors=("alice@pbx.example",)))
    >>> call = Call(id="c1", time=2, phase="attempt", call_id="c", direction="outbound", aor="alice@pbx.example", callee="06 12 34 56 78")
    >>> stamper.stamp(call)
    >>> call.tenant, call.licence, call.dest.e164
    ('acme', '101', '+33612345678')
    """

    def __init__(self, locator: Locator, numbers: NumberPlan) -> None:
        self.accounts = Accounts()
        self._locate = locator.locate
        self._numbers = numbers
        self._anyone = numbers.dialling()
        self._dialling: dict[str, Dialling] = {}
        self._internal: dict[str, Dest] = {}

    def stamp(self, event: Event) -> Refusal | None:
        """Write the stamps on an event, or say why it may not enter the log."""
        if event.time >= self.accounts.due:
            for fact in self.accounts.advance(event.time):
                self._known(fact)
        if isinstance(event, Registration):
            return self._registration(event)
        if isinstance(event, Call):
            return self._call(event)
        if isinstance(event, Message):
            return self._message(event)
        return self._fact(event)

    def _registration(self, event: Registration) -> Refusal | None:
        owner = self.accounts.owner(event.aor)
        if owner is not None:
            if event.tenant and event.tenant != owner.tenant:
                return _contradicts(event.tenant, event.aor, owner.tenant)
            event.tenant = owner.tenant
            event.licence = event.licence or owner.licence
        elif not (event.tenant and event.licence):
            licence = self.accounts.unresolved(event.aor)
            if licence is None:
                return Refusal("too_many_unknown", f"no fact knows the AoR {event.aor!r}, and too many unknown ones are kept already")
            event.tenant, event.licence = UNRESOLVED, licence
        stamp_digests(event)
        event.loc = self._locate(event.source_ip)
        return None

    def _call(self, event: Call) -> Refusal | None:
        called = event.direction == "inbound"
        refusal = self._resolve(event, event.callee_aor if called else event.aor)
        if refusal is not None:
            return refusal
        if event.direction == "internal" and event.callee_aor:
            callee = self.accounts.owner(event.callee_aor)
            # A call between two customers of one PBX has its other end in another partition: nothing is judged across.
            if callee is not None and callee.tenant == event.tenant:
                event.callee_licence = callee.licence
        stamp_digests(event)
        if event.diverted_by is not None and "@" in event.diverted_by:
            # A PBX knows who diverted by the AoR; the rules ask for a licence (is it a group?).
            diverting = self.accounts.owner(event.diverted_by)
            if diverting is not None and diverting.tenant == event.tenant:
                event.diverted_by = diverting.licence
        if event.source_ip is not None:
            event.loc = self._locate(event.source_ip)
        if event.answered_ip is not None:
            event.answered_loc = self._locate(event.answered_ip)
        if not called:
            dialling = self._dialling.get(event.tenant) or self._anyone
            dest = dialling.classify(event.callee, event.callee_e164)
            if dest.cls == EMERGENCY:
                event.emergency = True
            elif event.direction == "internal" and dest.cls != INTERNAL:
                # The PBX says that one of our own phones was called, whatever its number would mean outside.
                dest = self._internally(dest.e164)
            event.dest = dest
        return None

    def _message(self, event: Message) -> Refusal | None:
        refusal = self._resolve(event, event.aor)
        if refusal is None:
            stamp_digests(event)
            dialling = self._dialling.get(event.tenant) or self._anyone
            event.dest = dialling.classify(event.callee, None, event.media)
        return refusal

    def _resolve(self, event: Call | Message, aor: str | None) -> Refusal | None:
        owner = self.accounts.owner(aor) if aor else None
        if owner is not None:
            if event.tenant and event.tenant != owner.tenant:
                return _contradicts(event.tenant, aor, owner.tenant)
            event.tenant = owner.tenant
            event.licence = event.licence or owner.licence
        elif not (event.tenant and event.licence):
            if aor:
                return Refusal("unknown_aor", f"no fact in force knows the AoR {aor!r}; send its licence fact, dated before the call")
            return Refusal("unknown_aor", "names neither a licence nor an AoR of ours")
        return None

    def _fact(self, event: Event) -> Refusal | None:
        if isinstance(event, PolicyEvent):
            try:
                Policy(event.body, installed())
            except PolicyError as error:
                return Refusal("policy", str(error))
        stamp_digests(event)
        if isinstance(event, Tenant | Licence | Erase):
            self.accounts.learn(event)
            self._known(event)
        return None

    def _known(self, fact: Event) -> None:
        if not isinstance(fact, Tenant | Erase):
            return
        tenant = self.accounts.tenants.get(fact.tenant)
        if tenant is None:
            self._dialling.pop(fact.tenant, None)
            return
        self._dialling[fact.tenant] = self._numbers.dialling(
            calling_code=tenant.calling_code,
            outside_prefix=tenant.outside_prefix,
            extension_lengths=tenant.extension_lengths,
            short_codes=tenant.short_codes,
        )

    def _internally(self, number: str) -> Dest:
        dest = self._internal.get(number)
        if dest is None:
            if len(self._internal) >= _INTERNAL_CACHED:
                self._internal.clear()
            dest = self._internal[number] = Dest(number, INTERNAL)
        return dest


def _contradicts(said: str, aor: str | None, known: str) -> Refusal:
    return Refusal("tenant_contradicts", f"says tenant {said!r}, but the account fact in force gives the AoR {aor!r} to {known!r}")
