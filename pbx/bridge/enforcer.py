"""Makes a PBX do what is decided: the order of the steps, what is done again, and what is said about it.

For each decision: table, then contacts (``credentials`` only), then calls; calls again after 1 s and 5 s, for one may have been
between the gate and the list of calls. A step that fails is never skipped: the whole decision is done again, and the receipt says
``failed`` once and then ``applied``. When the PBX has lost its table: the table first, in bulk, then the sentinel, then calls.

No clock and no Kafka: who calls ``step`` passes the time (ms, wall clock), and takes ``said``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Literal

import msgspec

from pbx.bridge.decision import Decision
from pbx.bridge.ledger import CAP, Ledger, Memory
from pbx.bridge.table import difference
from pbx.bridge.target import Entry, Target, TargetError

#: When calls are looked at again, ms after the first time.
AGAIN_MS = (1_000, 5_000)
#: How often the PBX is asked whether it is still the same, ms: 10,000 suspensions shall stand again 3 s after its start.
PROBE_MS = 200
#: How often the whole table is compared, ms.
REPAIR_MS = 180_000
#: From the first failure of a decision to its next try, ms; doubled each time, up to the longest.
RETRY_MS, LONGEST_MS = 500, 30_000

Status = Literal["applied", "failed", "refused", "stale", "held", "dry_run"]
Action = Literal["pause", "resume", "flush"]


class Said(msgspec.Struct, frozen=True):
    """A receipt, less the name of the PBX; ``at`` in ms."""

    decision: Decision
    status: Status
    at: int
    calls_ended: int = 0
    contacts_removed: int = 0
    detail: str = ""


class Kill(msgspec.Struct):
    """The kill switch: whether the bridge is paused, by whom and why; ``flush``: the table must be emptied too."""

    paused: bool = False
    by: str = ""
    reason: str = ""
    flush: bool = False


class _Job(msgspec.Struct):
    """What is to be done for one licence."""

    aors: list[str]
    due: int
    tries: int = 0
    told: bool = False
    calls: int = 0
    contacts: int = 0


class _Look(msgspec.Struct, order=True):
    """Calls of a decision to be looked at again."""

    due: int
    key: str
    decision_id: str
    calls: int


class Enforcer:
    """One PBX and all that is decided for it.

    Args:
        target: the PBX.
        cap: first applications in an hour.
        allow: AoRs that are never restricted here.
        dry_run: give no order, and say what would be done.
    """

    def __init__(self, target: Target, cap: int = CAP, allow: Iterable[str] = (), dry_run: bool = False) -> None:
        self.ledger = Ledger(cap, allow)
        self.kill = Kill()
        #: Receipts to be published; who does takes them away.
        self.said: deque[Said] = deque()
        #: What stands in the PBX as far as it is known.
        self.believed: dict[str, Entry] = {}
        #: Why the PBX cannot be used now, or nothing.
        self.away = ""
        self.counts = {"resyncs": 0, "repairs": 0, "differences": 0, "failures": 0, "calls_ended": 0, "contacts_removed": 0}
        #: Grows whenever a snapshot of before is out of date.
        self.changes = 0
        #: Of the PBX, when its table was last made whole.
        self.generation = ""
        self._target, self._dry_run = target, dry_run
        self._whole = self._recalled = False
        self._jobs: dict[str, _Job] = {}
        self._looks: list[_Look] = []
        #: Licences whose calls are looked at when nothing else is to do: their entries were put in bulk.
        self._behind: dict[str, None] = {}
        self._probe_at = self._repair_at = 0
        self._told: dict[str, Status] = {}

    # -- what is decided ------------------------------------------------------------------------------------------------------

    def recall(self, memory: Memory, kill: Kill, generation: str) -> None:
        """Stand where a snapshot left off, while the topic cannot be read. Nothing is lifted before the topic says so.

        Args:
            memory: of the snapshot.
            kill: the kill switch as it was.
            generation: of the PBX as it was; one that is the same has lost nothing, and knows more than the snapshot.
        """
        self.ledger.recall(memory)
        self.kill, self.generation = kill, generation
        self._recalled, self._whole = True, False

    def load(self, records: Iterable[Decision], memory: Memory, told: dict[str, Status], now: int) -> None:
        """Begin anew with the whole topic.

        Args:
            records: the topic's, in its order.
            memory: of the snapshot and the receipts.
            told: last status of decisions whose receipts were read: not said again.
            now: wall clock, ms.
        """
        self.changes += 1
        self._told |= told
        for record in self.ledger.load(records, memory, now):
            self._tell(record, "stale", now)
        for key in sorted(self.ledger.held):
            self._tell_held(self.ledger.latest[key], now)
        self._jobs.clear()
        self._looks.clear()
        self._behind.clear()
        self._recalled = self._whole = False
        self._probe_at = now

    def offer(self, record: Decision, now: int) -> None:
        """One more record of the topic."""
        self.changes += 1
        before = self.ledger.latest.get(record.key)
        verdict, aors = self.ledger.accept(record, now)
        if before is not None and verdict in ("taken", "held"):
            self._told.pop(before.decision_id, None)
        if verdict == "stale":
            self._tell(record, "stale", now, f"{record.epoch}.{record.sequence} came after {self._newest(record.key)}")
        elif verdict == "held":
            self._tell_held(record, now)
        if aors:
            self._enqueue(record.key, aors, now)

    def forget(self, key: str, now: int) -> None:
        """A tombstone of the topic."""
        self.changes += 1
        aors = self.ledger.forget(key)
        if aors:
            self._enqueue(key, aors, now)

    def command(self, action: Action, by: str, reason: str, now: int) -> None:
        """An operator's command. ``flush`` empties the table and pauses; ``resume`` ends either, and everything stands again."""
        self.changes += 1
        if action == "resume":
            self.kill = Kill()
            self._whole = False
        else:
            self.kill = Kill(True, by, reason, action == "flush" or self.kill.flush)
        self._probe_at = now

    # -- doing it -------------------------------------------------------------------------------------------------------------

    def step(self, now: int) -> bool:
        """Do one thing that is due, the most urgent first; ``False`` when nothing is."""
        if self.kill.paused:
            return self._paused(now)
        if now >= self._probe_at and (not self._whole or not self._dry_run):
            self._probe_at = now + PROBE_MS
            return self._probe(now)
        if self.away or not self._whole:
            return False
        for key, job in self._jobs.items():
            if job.due <= now:
                self._carry_out(key, job, now)
                return True
        if self._looks and self._looks[0].due <= now:
            self._look(heappop(self._looks), now)
            return True
        if self._behind:
            key = next(iter(self._behind))
            del self._behind[key]
            self._enqueue(key, self.ledger.standing[key].aors if key in self.ledger.standing else (), now)
            return True
        if now >= self._repair_at:
            self._repair(now)
            return True
        return False

    def due(self, now: int) -> int:
        """Milliseconds until there may be something to do."""
        if self._behind and not self.away and not self.kill.paused:
            return 0
        times = [self._probe_at]
        if self._whole and not self.away and not self.kill.paused:
            times += [job.due for job in self._jobs.values()] + [look.due for look in self._looks[:1]]
        return max(0, min(times) - now)

    @property
    def standing(self) -> bool:
        """Whether the PBX's table was made whole since it was last found new."""
        return self._whole and not self.away

    @property
    def pending(self) -> int:
        """Licences whose decision is not done yet."""
        return len(self._jobs) + len(self._behind)

    # -- the PBX --------------------------------------------------------------------------------------------------------------

    def _paused(self, now: int) -> bool:
        """Empty the table if that was asked; and a PBX that restarts must not wait for a table that nobody will give it."""
        if now < self._probe_at or self._dry_run:
            return False
        self._probe_at = now + PROBE_MS
        try:
            generation = self._target.generation()
            if self.kill.flush:
                self._target.drop(sorted(self._target.table()))
                self.believed = {}
                self.kill.flush = False
            if generation != self.generation:
                self._target.complete()
                self.generation = self._target.generation()
            self.away = ""
        except TargetError as error:
            self._lost(error, now)
        return False

    def _probe(self, now: int) -> bool:
        try:
            generation = self._target.generation()
            if not self._whole or generation != self.generation:
                self._resync(now)
            elif self.away:
                for job in self._jobs.values():
                    job.due = min(job.due, now)
            self.away = ""
        except TargetError as error:
            self._lost(error, now)
            return False
        return True

    def _resync(self, now: int) -> None:
        """The table first, in bulk; then the sentinel; then receipts, contacts and calls, one licence after the other."""
        self.counts["resyncs"] += 1
        fresh = self._make_whole(now)
        if not self._dry_run:
            self._target.complete()
        # Asked after the sentinel was set: it is part of the answer.
        self.generation = self._target.generation()
        self._whole = True
        if self._recalled:
            return
        ledger = self.ledger
        for key in sorted(ledger.latest):
            owed = key not in ledger.held and ledger.latest[key].decision_id not in ledger.applied
            if owed and key not in self._jobs:
                self._behind[key] = None
        self._look_behind(fresh)

    def _repair(self, now: int) -> None:
        self.counts["repairs"] += 1
        try:
            self._look_behind(self._make_whole(now))
        except TargetError as error:
            self._lost(error, now)

    def _look_behind(self, fresh: set[str]) -> None:
        """See later what calls there are of AoRs whose entry was missing."""
        for key, record in sorted(self.ledger.standing.items()):
            if key not in self._jobs and not fresh.isdisjoint(record.aors):
                self._behind[key] = None

    def _make_whole(self, now: int) -> set[str]:
        """Make the PBX's table the wanted one; gives the AoRs that had to be put."""
        self._repair_at = now + REPAIR_MS
        generation, standing = self._target.generation(), self._target.table()
        put, drop = difference(self.ledger.table, standing)
        if self._recalled:
            # What the PBX has is newer than the snapshot; if it never lost it, there is nothing that it lacks.
            put, drop = [] if generation == self.generation else [entry for entry in put if entry.aor not in standing], []
        self.believed = standing
        if self._dry_run:
            return set()
        self.counts["differences"] += len(put) + len(drop)
        exchange = getattr(self._target, "exchange", None)
        if exchange is not None and put and drop:
            # A view that others read at any moment must not be seen half exchanged.
            exchange(put, drop)
        else:
            self._put_and_drop(put, drop)
        self.believed = {aor: entry for aor, entry in standing.items() if aor in self.ledger.table or self._recalled}
        self.believed.update((entry.aor, entry) for entry in put)
        return {entry.aor for entry in put}

    def _put_and_drop(self, put: list[Entry], drop: list[str]) -> None:
        try:
            if put:
                self._target.put(put)
        finally:
            # One entry that cannot be written keeps nobody suspended.
            if drop:
                self._target.drop(drop)

    def _lost(self, error: TargetError, now: int) -> None:
        self.counts["failures"] += 1
        self.away = str(error)
        for key, job in self._jobs.items():
            self._tell_failed(key, job, error, now)

    # -- one licence ----------------------------------------------------------------------------------------------------------

    def _enqueue(self, key: str, aors: Iterable[str], now: int) -> None:
        self._behind.pop(key, None)
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = _Job([], now)
        else:
            # Something new: tried at once, and a failure of it is said again.
            job.due, job.tries, job.told = now, 0, False
        job.aors += [aor for aor in aors if aor not in job.aors]
        if self.away:
            self._tell_failed(key, job, TargetError(self.away), now)

    def _carry_out(self, key: str, job: _Job, now: int) -> None:
        if self._dry_run:
            del self._jobs[key]
            self._done(key, job, now)
            return
        table = self.ledger.table
        entries = [table[aor] for aor in job.aors if aor in table]
        lifted = [aor for aor in job.aors if aor not in table]
        try:
            if entries:
                self._target.put(entries)
            if lifted:
                self._target.drop(lifted)
            for aor in lifted:
                self.believed.pop(aor, None)
            self.believed.update((entry.aor, entry) for entry in entries)
            for entry in entries:
                if "credentials" in entry.restrictions:
                    removed = self._target.remove_contacts(entry.aor)
                    job.contacts += removed
                    self.counts["contacts_removed"] += removed
            for entry in entries:
                job.calls += self._end_calls(entry)
        except TargetError as error:
            self.counts["failures"] += 1
            self._tell_failed(key, job, error, now)
            job.due = now + min(LONGEST_MS, RETRY_MS << min(job.tries, 10))
            job.tries += 1
            # Another's turn; and the PBX is asked whether it is there at all.
            self._jobs[key] = self._jobs.pop(key)
            self._probe_at = now
            return
        del self._jobs[key]
        self._done(key, job, now)

    def _done(self, key: str, job: _Job, now: int) -> None:
        """Say it, once per decision, and look at the calls again."""
        ledger = self.ledger
        record = ledger.latest.get(key)
        if record is None or key in ledger.held:
            return
        spared = ledger.spared(record)
        detail = f"the local allow-list keeps {', '.join(spared)} open" if spared else ""
        if self._dry_run:
            self._tell(record, "dry_run", now, detail)
            return
        if record.active and len(spared) == len(record.aors):
            self._tell(record, "refused", now, detail or "the record names no AoR, so there is nothing to restrict")
            return
        if record.decision_id not in ledger.applied or job.calls or job.contacts:
            self.changes += 1
            ledger.applied.add(record.decision_id)
            self._told[record.decision_id] = "applied"
            self.said.append(Said(record, "applied", now, job.calls, job.contacts, detail))
            if record.active:
                for later in AGAIN_MS:
                    heappush(self._looks, _Look(now + later, key, record.decision_id, job.calls))

    def _look(self, look: _Look, now: int) -> None:
        record = self.ledger.standing.get(look.key)
        if record is None or record.decision_id != look.decision_id:
            return
        table = self.ledger.table
        ended = 0
        try:
            for aor in record.aors:
                if aor in table:
                    ended += self._end_calls(table[aor])
        except TargetError:
            self.counts["failures"] += 1
            look.due, self._probe_at = now + AGAIN_MS[0], now
            heappush(self._looks, look)
        if ended:
            # What was ended before is in the count: the last receipt of a decision says it all.
            total = look.calls + ended
            for other in [look, *self._looks]:
                if other.decision_id == look.decision_id:
                    other.calls = total
            self.said.append(Said(record, "applied", now, total, 0, f"{ended} of these calls were found when calls were looked at again"))

    def _end_calls(self, entry: Entry) -> int:
        ended = self._target.end_calls(entry)
        self.counts["calls_ended"] += ended
        return ended

    # -- receipts -------------------------------------------------------------------------------------------------------------

    def _tell_held(self, record: Decision, now: int) -> None:
        why = self.ledger.held[record.key]
        self._tell(record, "dry_run" if self._dry_run else "held", now, f"would be held: {why}" if self._dry_run else why)

    def _tell_failed(self, key: str, job: _Job, error: TargetError, now: int) -> None:
        record = self.ledger.latest.get(key)
        if job.told or record is None or key in self.ledger.held:
            return
        job.told = True
        self.said.append(Said(record, "failed", now, job.calls, job.contacts, str(error)))

    def _tell(self, record: Decision, status: Status, now: int, detail: str = "") -> None:
        if self._told.get(record.decision_id) == status:
            return
        self._told[record.decision_id] = status
        self.said.append(Said(record, status, now, detail=detail))

    def _newest(self, key: str) -> str:
        return "{}.{}".format(*self.ledger.latest[key].pair)
