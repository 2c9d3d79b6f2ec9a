"""One licence's current record, as the bridge needs it, and what two of them have in common.

Everything here is a function of its arguments; times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from pbx.bridge.target import CALLS, RESTRICTIONS, Entry

#: Who decided an automatic cause; anything else is a person's name.
POLICY = "policy"
#: Published however late, these act at once: a stolen account goes on costing money while somebody looks at the queue.
URGENT = frozenset({"account-takeover", "toll-fraud"})
#: An automatic decision published later than this after its event time comes from catching up: a person looks first.
LATE_MS = 30 * 60_000


class Cause(msgspec.Struct, frozen=True):
    """Why a licence is restricted, as far as it matters here."""

    rule: str
    decided_by: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A suspension record and when the broker got it (``published``, ms)."""

    epoch: int
    sequence: int
    decision_id: str
    state: Literal["active", "lifted"]
    tenant: str
    licence: str
    aors: tuple[str, ...] = ()
    aors_removed: tuple[str, ...] = ()
    restrictions: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    home_prefixes: tuple[str, ...] = ()
    allowed_numbers: tuple[str, ...] = ()
    customer_code: str = ""
    issued_at: int = 0
    published: int = 0

    @property
    def key(self) -> str:
        """The licence, as the topic's key names it."""
        return f"{self.tenant}/{self.licence}"

    @property
    def pair(self) -> tuple[int, int]:
        """What is compared: a rebuilt detection counts from one again, in a higher epoch."""
        return self.epoch, self.sequence

    @property
    def active(self) -> bool:
        """Whether it restricts anything."""
        return self.state == "active" and bool(self.restrictions)

    @property
    def automatic(self) -> bool:
        """Whether no person had a part in it."""
        return self.active and all(cause.decided_by == POLICY for cause in self.causes)

    @property
    def late(self) -> bool:
        """Whether it was published so late that a person looks first."""
        urgent = any(cause.rule in URGENT for cause in self.causes)
        return self.published - self.issued_at > LATE_MS and not urgent


def common(one: Decision, other: Decision) -> Decision:
    """What both records of a licence refuse, under the name of ``one``: what stands while ``other`` waits for a person.

    >>> was = Decision(epoch=1, sequence=1, decision_id="d1", state="active", tenant="t", licence="l", aors=("a", "b"),
    ...                restrictions=("outgoing",))
    >>> now = Decision(epoch=1, sequence=2, decision_id="d2", state="active", tenant="t", licence="l", aors=("b", "c"),
    ...                restrictions=("international", "paid"))
    >>> both = common(was, now)
    >>> both.decision_id, both.aors, both.restrictions
    ('d1', ('b',), ('international', 'paid'))
    """
    if not one.active or not other.active:
        return msgspec.structs.replace(one, state="lifted", aors=(), restrictions=(), prefixes=())
    implied = [set(_implied(each.restrictions)) for each in (one, other)]
    both = [name for name in RESTRICTIONS if name in implied[0] and name in implied[1]]
    if "outgoing" in both:
        # It says everything that the weaker ones say.
        both = [name for name in both if name not in CALLS or name == "outgoing"]
    prefixes: tuple[str, ...] = ()
    if "prefixes" in both:
        lists = [each.prefixes for each in (one, other) if "prefixes" in each.restrictions]
        prefixes = _narrower(lists) if lists else ()
        both = [name for name in both if name != "prefixes" or prefixes]
    aors = tuple(aor for aor in one.aors if aor in other.aors)
    home = tuple(dict.fromkeys([*one.home_prefixes, *other.home_prefixes]))
    allowed = tuple(dict.fromkeys([*one.allowed_numbers, *other.allowed_numbers]))
    state: Literal["active", "lifted"] = "active" if both and aors else "lifted"
    return msgspec.structs.replace(
        one, state=state, aors=aors, restrictions=tuple(both), prefixes=prefixes, home_prefixes=home, allowed_numbers=allowed
    )


def adds(new: Decision, old: Decision | None) -> bool:
    """Whether ``new`` refuses anything that ``old`` does not: only then can it be held."""
    if not new.active:
        return False
    if old is None or not old.active or set(new.aors) - set(old.aors):
        return True
    had = set(_implied(old.restrictions))
    if any(name not in had for name in new.restrictions):
        return True
    if "outgoing" in old.restrictions:
        return False
    if "prefixes" in new.restrictions and not all(prefix.startswith(old.prefixes) for prefix in new.prefixes):
        return True
    return "international" in new.restrictions and _narrower([new.home_prefixes, old.home_prefixes]) != _least(old.home_prefixes)


def unite(decisions: Iterable[Decision]) -> dict[str, Entry]:
    """The table: for each AoR, what any of the records that name it refuses.

    The decision named is the one with the highest (``epoch``, ``sequence``). Numbers that one record leaves open stay open (the
    support line answers everybody); of home zones only what all records with ``international`` share stays open.

    >>> base = dict(epoch=1, state="active", tenant="t", aors=("a@x",))
    >>> one = Decision(sequence=2, decision_id="d1", licence="1", restrictions=("paid",), **base)
    >>> two = Decision(sequence=1, decision_id="d2", licence="2", restrictions=("international",), home_prefixes=("+33",), **base)
    >>> entry = unite([one, two])["a@x"]
    >>> entry.restrictions, entry.decision_id, entry.home_prefixes
    (('international', 'paid'), 'd1', ('+33',))
    """
    naming: dict[str, list[Decision]] = {}
    for decision in decisions:
        if decision.active:
            for aor in decision.aors:
                naming.setdefault(aor, []).append(decision)
    return {aor: entry_of(aor, naming[aor]) for aor in sorted(naming)}


def entry_of(aor: str, decisions: list[Decision]) -> Entry:
    """What the records that name an AoR refuse together; at least one, all active."""
    first = max(decisions, key=lambda one: (one.pair, one.key))
    asked = {name for one in decisions for name in one.restrictions}
    prefixes = {prefix for one in decisions if "prefixes" in one.restrictions for prefix in one.prefixes}
    zones = [one.home_prefixes for one in decisions if "international" in one.restrictions]
    return Entry(
        aor=aor,
        decision_id=first.decision_id,
        customer_code=first.customer_code,
        restrictions=tuple(name for name in RESTRICTIONS if name in asked),
        prefixes=_least(prefixes),
        home_prefixes=_narrower(zones) if zones else (),
        allowed_numbers=tuple(sorted({number for one in decisions for number in one.allowed_numbers})),
    )


def _implied(restrictions: Iterable[str]) -> list[str]:
    asked = list(restrictions)
    return [*asked, *CALLS] if "outgoing" in asked else asked


def _least(prefixes: Iterable[str]) -> tuple[str, ...]:
    """The same numbers with as few prefixes, sorted."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return tuple(kept)


def _narrower(lists: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Prefixes of the numbers that begin with one of each list."""
    found = lists[0]
    for other in lists[1:]:
        found = tuple(prefix for prefix in found if prefix.startswith(other)) + tuple(one for one in other if one.startswith(found))
    return _least(found)
