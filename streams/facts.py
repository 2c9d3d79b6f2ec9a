"""Whose an AoR is: the account facts in force at each place of the log.

A fact applies to events from max(its place, ``effective_from``); an AoR belongs to one licence at a time, the one whose fact came
into force last. A licence that ended (``active`` false) keeps its AoRs until another takes them, so that its last calls, and
attempts to go on with its credentials, are still told as its own.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

from detectors.digest import identifier
from detectors.events import Erase, Event, Licence, Tenant

#: Tenant of registrations whose AoR no fact knows: a siege on names that do not exist is still seen.
UNRESOLVED = "_unresolved"
#: A scanner can invent names for ever; beyond these, registrations of further unknown AoRs become dead letters.
MOST_UNRESOLVED = 10_000
#: No fact is waiting to come into force.
NEVER = 1 << 62


class Owner(NamedTuple):
    """The licence an AoR belongs to."""

    tenant: str
    licence: str


class Accounts:
    """Account facts, fed in log order.

    ``due`` is the instant at which the next waiting fact comes into force: call ``advance`` when an event is not before it.

    >>> accounts = Accounts()
    >>> accounts.learn(Licence(time=1_000, tenant="acme", licence="101", aors=("alice@pbx.example",), effective_from=5_000))
    >>> accounts.owner("alice@pbx.example"), accounts.due
    (None, 5000)
    >>> _ = accounts.advance(5_000)
    >>> accounts.owner("alice@pbx.example")
    Owner(tenant='acme', licence='101')
    """

    def __init__(self) -> None:
        self.due = NEVER
        self.tenants: dict[str, Tenant] = {}
        self._owners: dict[str, Owner] = {}
        self._aors: dict[Owner, tuple[str, ...]] = {}
        self._waiting: list[tuple[int, int, Tenant | Licence]] = []
        self._learnt = 0
        self._unknown: dict[str, str] = {}
        self.owner = self._owners.get

    def learn(self, fact: Event) -> None:
        """Take a fact at its place in the log; other events are ignored."""
        if isinstance(fact, Erase):
            self._forget(fact)
        elif isinstance(fact, Tenant | Licence):
            if fact.effective_from is not None and fact.effective_from > fact.time:
                self._learnt += 1
                heapq.heappush(self._waiting, (fact.effective_from, self._learnt, fact))
                self.due = self._waiting[0][0]
            else:
                self._apply(fact)

    def advance(self, now: int) -> list[Tenant | Licence]:
        """Bring into force what is due at ``now`` (milliseconds); returns it."""
        applied = []
        while self._waiting and self._waiting[0][0] <= now:
            fact = heapq.heappop(self._waiting)[2]
            self._apply(fact)
            applied.append(fact)
        self.due = self._waiting[0][0] if self._waiting else NEVER
        return applied

    @property
    def unknown(self) -> int:
        """How many unknown AoRs are kept."""
        return len(self._unknown)

    def unresolved(self, aor: str) -> str | None:
        """Licence of the reserved tenant that stands for an unknown AoR; ``None`` when too many are unknown already."""
        licence = self._unknown.get(aor)
        if licence is None and len(self._unknown) < MOST_UNRESOLVED:
            licence = self._unknown[aor] = identifier("aor", aor)
        return licence

    def _apply(self, fact: Tenant | Licence) -> None:
        if isinstance(fact, Tenant):
            self.tenants[fact.tenant] = fact
            return
        owner = Owner(fact.tenant, fact.licence)
        self._drop(owner)
        self._aors[owner] = fact.aors
        for aor in fact.aors:
            self._owners[aor] = owner

    def _drop(self, owner: Owner) -> None:
        for aor in self._aors.pop(owner, ()):
            if self._owners.get(aor) == owner:
                del self._owners[aor]

    def _forget(self, erase: Erase) -> None:
        gone = [o for o in self._aors if o.tenant == erase.tenant and erase.licence in ("", o.licence)]
        for owner in gone:
            self._drop(owner)
        self._waiting = [w for w in self._waiting if w[2].tenant != erase.tenant or erase.licence not in ("", w[2].licence)]
        heapq.heapify(self._waiting)
        self.due = self._waiting[0][0] if self._waiting else NEVER
        if not erase.licence:
            self.tenants.pop(erase.tenant, None)
