"""What one bridge knows of every licence: the newest record, what of it is in force at this PBX, and what waits for a person.

Only an automatic decision that refuses something new can wait: published late (``Decision.late``), or beyond the cap of first
applications in an hour. A lift never does, nor a decision with a person's cause, nor one that this PBX has already. While one
waits, what stood before stands on, less what the new record no longer asks for (``common``). A person's review makes a new record,
with a cause of the person, and that one is taken: so it is released.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from pbx.bridge.decision import Decision, adds, common, entry_of
from pbx.bridge.target import Entry

#: First applications in an hour and PBX: more is more likely our mistake than sixty customers' in one hour.
CAP = 60
HOUR_MS = 3_600_000

Verdict = Literal["taken", "held", "stale", "same"]


class Memory(msgspec.Struct, kw_only=True):
    """What a snapshot keeps of a ledger, and receipts tell of it; all by decision unless said otherwise.

    ``standing``: by licence, what is in force. ``applied``: has its receipt. ``held``: why it waits. ``first``: when it was first
    applied and counted, ms, of the last hour.
    """

    standing: dict[str, Decision] = {}
    applied: set[str] = set()
    held: dict[str, str] = {}
    first: dict[str, int] = {}


class Ledger:
    """All licences' records, and the table that follows from them.

    Args:
        cap: first applications in an hour.
        allow: AoRs that are never restricted here, whatever was decided.
    """

    def __init__(self, cap: int = CAP, allow: Iterable[str] = ()) -> None:
        self.latest: dict[str, Decision] = {}
        #: In force, by licence; a lifted record is in force too.
        self.standing: dict[str, Decision] = {}
        #: Why the newest record of a licence waits.
        self.held: dict[str, str] = {}
        self.applied: set[str] = set()
        self.first: dict[str, int] = {}
        #: What must stand in the PBX.
        self.table: dict[str, Entry] = {}
        self._cap, self._allow = cap, frozenset(allow)
        self._known: set[str] = set()
        self._waiting: dict[str, str] = {}
        self._naming: dict[str, set[str]] = {}

    # -- from the beginning --------------------------------------------------------------------------------------------------

    def recall(self, memory: Memory) -> None:
        """Stand where a snapshot left off: the topic cannot be read yet."""
        self.standing = dict(memory.standing)
        self._remember(memory)
        self._rebuild()

    def load(self, records: Iterable[Decision], memory: Memory, now: int) -> list[Decision]:
        """Begin anew with all records of the topic, in its order.

        What stood in the snapshot is known; of what is new the earliest published comes first, so that a restart holds the same.

        Args:
            records: the whole topic; superseded ones may be among them.
            memory: of the snapshot and the receipts.
            now: wall clock, ms.

        Returns:
            Records that came after a higher pair of their licence.
        """
        chains: dict[str, list[Decision]] = {}
        stale = []
        for record in records:
            chain = chains.setdefault(record.key, [])
            if chain and record.pair < chain[-1].pair:
                stale.append(record)
            elif not chain or record.pair > chain[-1].pair:
                chain.append(record)
        self.latest = {key: chain[-1] for key, chain in chains.items()}
        self.standing, self.held = {}, {}
        self._remember(memory)
        for key, chain in chains.items():
            before = memory.standing.get(key)
            for record in chain[:-1]:
                if (before is None or record.pair > before.pair) and (not record.active or record.decision_id in self._known):
                    before = record
            if before is not None:
                self.standing[key] = before
        for key in sorted(self.latest, key=lambda key: (self.latest[key].published, key)):
            self._judge(self.latest[key], now)
        # From here on each record is new; what waits is in ``held``.
        self._waiting = {}
        self.applied &= {one.decision_id for one in self.latest.values()}
        self._rebuild()
        return stale

    def forget(self, key: str) -> list[str]:
        """A tombstone: nothing is known of a licence any more, its pair neither; gives the AoRs whose entry may have changed."""
        gone = [one.aors for one in (self.latest.pop(key, None), self.standing.pop(key, None)) if one is not None]
        self.held.pop(key, None)
        return self._renew(key, {aor for aors in gone for aor in aors})

    def accept(self, record: Decision, now: int) -> tuple[Verdict, list[str]]:
        """Take one more record.

        Args:
            record: as it comes from the topic.
            now: wall clock, ms.

        Returns:
            What becomes of it, and the AoRs whose entry may have changed, sorted.
        """
        key, newest = record.key, self.latest.get(record.key)
        if newest is not None and record.pair <= newest.pair:
            return ("stale" if record.pair < newest.pair else "same"), []
        touched = set(record.aors) | set(record.aors_removed)
        for one in (newest, self.standing.get(key)):
            if one is not None:
                touched |= set(one.aors)
                if one.decision_id != record.decision_id:
                    self.applied.discard(one.decision_id)
        self.latest[key] = record
        self._judge(record, now)
        return ("held" if key in self.held else "taken"), self._renew(key, touched)

    # -- what is kept ---------------------------------------------------------------------------------------------------------

    def memory(self) -> Memory:
        """What a snapshot keeps."""
        held = {self.latest[key].decision_id: why for key, why in self.held.items()}
        return Memory(standing=dict(self.standing), applied=set(self.applied), held=held | self._waiting, first=dict(self.first))

    def spared(self, record: Decision) -> list[str]:
        """AoRs of a record that the local allow-list keeps open."""
        return [aor for aor in record.aors if aor in self._allow]

    # -- judging --------------------------------------------------------------------------------------------------------------

    def _judge(self, record: Decision, now: int) -> None:
        key, before = record.key, self.standing.get(record.key)
        why = self._why_held(record, before, now)
        if not why:
            self.held.pop(key, None)
            self.standing[key] = record
            return
        self.held[key] = why
        if before is not None:
            self.standing[key] = common(before, record)

    def _why_held(self, record: Decision, before: Decision | None, now: int) -> str:
        if not record.automatic or record.decision_id in self._known or not adds(record, before):
            return ""
        if why := self._waiting.get(record.decision_id):
            return why
        if record.late:
            return f"published {(record.published - record.issued_at) // 60_000} minutes after it was decided: a person looks first"
        self.first = {decision: at for decision, at in self.first.items() if at > now - HOUR_MS}
        if len(self.first) >= self._cap:
            return f"more than {self._cap} first applications in an hour: a person looks first"
        self.first[record.decision_id] = now
        return ""

    def _remember(self, memory: Memory) -> None:
        self.applied = set(memory.applied)
        self.first = dict(memory.first)
        self._known = self.applied | {one.decision_id for one in memory.standing.values()}
        self._waiting = {decision: why for decision, why in memory.held.items() if decision not in self._known}

    # -- the table ------------------------------------------------------------------------------------------------------------

    def _rebuild(self) -> None:
        self._naming, self.table = {}, {}
        for key in sorted(self.standing):
            self._renew(key, set(self.standing[key].aors))

    def _renew(self, key: str, aors: set[str]) -> list[str]:
        """Compute the entries of some AoRs anew after the record of a licence changed."""
        standing = self.standing.get(key)
        named = set(standing.aors) if standing is not None and standing.active else set()
        for aor in aors:
            keys = self._naming.setdefault(aor, set())
            (keys.add if aor in named else keys.discard)(key)
            if keys and aor not in self._allow:
                self.table[aor] = entry_of(aor, [self.standing[one] for one in sorted(keys)])
            else:
                self.table.pop(aor, None)
            if not keys:
                del self._naming[aor]
        return sorted(aors)


def merged(snapshot: Memory, applied: Mapping[str, int], held: Mapping[str, str], automatic: Iterable[str], now: int) -> Memory:
    """A snapshot with what receipts say besides.

    Args:
        snapshot: empty when there is none.
        applied: decisions with an ``applied`` receipt of this PBX, and when the first one was written, ms.
        held: decisions whose last receipt is ``held``, and why.
        automatic: decisions that count against the cap.
        now: wall clock, ms.
    """
    counted = set(automatic)
    first = {decision: at for decision, at in applied.items() if decision in counted and at > now - HOUR_MS}
    return msgspec.structs.replace(
        snapshot,
        applied=snapshot.applied | applied.keys(),
        held={**held, **snapshot.held},
        first={**first, **snapshot.first},
    )
