"""The summary of a run: what was read, what came of it, what could be seen at all. No clock in it: same input, same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from detectors.errors import VigieError
from streams.detecting import Snapshot
from streams.journal import Journal, Seen
from streams.ordering import ADDRESS, AGENT, DEVICE
from streams.outputs import ALERTS, METERING, SUSPENSIONS, Line
from streams.times import format_time

#: A PBX that sends addresses or devices with nine of ten events is covered; with fewer, partly.
FULL_SHARE = 9, 10
#: Counts of detection that have a place of their own in the summary.
_PLACED = frozenset({"accepted", "duplicates", "conflicts"})
CALLS = ("attempt", "answer", "end", "cdr")


class _Said(msgspec.Struct):
    """The latest statement of an alert, as far as a summary needs it."""

    alert_id: str
    rule: str
    mode: str
    level: str
    state: str


class _Held(msgspec.Struct):
    """The current record of a suspension."""

    tenant: str
    licence: str
    state: str


class _Kind(msgspec.Struct):
    kind: str


class Tally:
    """Counts alerts and suspensions while their files are written, in the order of the files."""

    def __init__(self) -> None:
        self.statements = 0
        self.audits = 0
        self.breakers = 0
        self.metering = 0
        self._alerts: dict[str, _Said] = {}
        self._held: dict[tuple[str, str], str] = {}

    def tell(self, line: Line) -> None:
        """A line was written."""
        if line.file == ALERTS:
            if line.rule == "breaker" and msgspec.json.decode(line.data, type=_Kind).kind == "breaker":
                self.breakers += 1
                return
            said = msgspec.json.decode(line.data, type=_Said)
            if said.level == "audit":
                # Drawn by lot: counted among alerts it would hide how few there are.
                self.audits += 1
                return
            self.statements += 1
            self._alerts[line.ident] = said
        elif line.file == SUSPENSIONS:
            held = msgspec.json.decode(line.data, type=_Held)
            self._held[(held.tenant, held.licence)] = held.state
        elif line.file == METERING:
            self.metering += 1

    def alerts(self) -> dict[str, Any]:
        """Distinct alerts by rule, mode and level of their latest statement, and by state."""
        by_rule: dict[str, dict[str, dict[str, int]]] = {}
        states: dict[str, int] = {}
        for said in self._alerts.values():
            levels = by_rule.setdefault(said.rule, {}).setdefault(said.mode, {})
            levels[said.level] = levels.get(said.level, 0) + 1
            states[said.state] = states.get(said.state, 0) + 1
        return {"total": len(self._alerts), "statements": self.statements, "states": states, "rules": by_rule}

    def suspensions(self) -> dict[str, int]:
        """Licences by the state of their current record."""
        states = list(self._held.values())
        return {"active": states.count("active"), "lifted": states.count("lifted")}


def coverage_of(seen: Iterable[Seen], located: bool) -> dict[str, Any]:
    """Coverage per PBX.

    Args:
        seen: what each sent.
        located: whether a country database was there.
    """
    per_pbx: dict[str, list[Seen]] = {}
    for one in seen:
        per_pbx.setdefault(one.pbx, []).append(one)
    return {pbx: _coverage(rows, located) for pbx, rows in sorted(per_pbx.items())}


def _coverage(rows: Sequence[Seen], located: bool) -> dict[str, Any]:
    kinds: dict[str, int] = {}
    for row in rows:
        kinds[row.kind] = kinds.get(row.kind, 0) + row.count
    traffic = [row for row in rows if row.kind != "message"]
    total = sum(row.count for row in traffic)

    def having(bit: int) -> int:
        return sum(row.count for row in traffic if row.bits & bit)

    phases = sum(kinds.get(kind, 0) for kind in CALLS[:3])
    notes = []
    location = _share(having(ADDRESS), total) if located else "none"
    devices = _share(having(DEVICE), total)
    if devices == "none" and having(AGENT):
        devices = "partial"
        notes.append("no instance ids: a device is told by its user agent and contact, which is weak evidence")
    if phases and not kinds.get("end"):
        notes.append("no call has an end: talk time, concurrency and metering are not covered")
    if kinds.get("cdr") and not phases:
        notes.append("CDRs only: a call is seen after it ended, never while it is up")
    if not located:
        notes.append("no country database: location rules are not covered")
    elif location == "none":
        notes.append("no addresses: location rules are not covered")
    if devices == "none":
        notes.append("no devices: licence sharing is not covered")
    calls = "full" if phases and kinds.get("end") else "partial" if phases or kinds.get("cdr") else "none"
    return {
        "events": sum(row.count for row in rows),
        "kinds": kinds,
        "with_address": having(ADDRESS),
        "with_device": having(DEVICE),
        "with_user_agent": having(AGENT),
        "location": location,
        "devices": devices,
        "calls": calls,
        "notes": notes,
    }


def _share(part: int, total: int) -> str:
    if not part:
        return "none"
    return "full" if part * FULL_SHARE[1] >= total * FULL_SHARE[0] else "partial"


def summarise(
    journal: Journal, snapshots: Sequence[Snapshot], tally: Tally, period: tuple[int | None, int | None, int | None], facts: dict[str, Any]
) -> dict[str, Any]:
    """The summary of a finished run.

    Args:
        journal: counts of the first two stages.
        snapshots: last snapshot of each partition.
        tally: what was written.
        period: ``--from``, ``--to`` and ``--until``.
        facts: what else belongs in it (version, policy, geo).

    Raises:
        VigieError: the accounts do not balance: a defect of vigie, never of the input.
    """
    read, order = journal.read, journal.order
    counts: dict[str, int] = {}
    hidden: dict[str, int] = {}
    for snapshot in snapshots:
        _add(counts, snapshot.counts)
        _add(hidden, snapshot.hidden)
    taken_back = sum(snapshot.taken_back for snapshot in snapshots)
    total = sum(one.read for one in read.inputs)
    accepted = counts.get("accepted", 0) - order.seeds - taken_back + order.uncounted + read.empty
    duplicates = counts.get("duplicates", 0)
    dead = read.dead + order.dead + sum(snapshot.dead for snapshot in snapshots)
    if total != accepted + duplicates + dead:
        raise VigieError(
            f"accounting: {total} records were read, but {accepted} accepted + {duplicates} duplicates + {dead} dead letters were found; "
            "this is a defect of vigie: nothing was written, please report it with the input"
        )
    since, before, until = period
    return {
        **facts,
        "read": total,
        "accepted": accepted,
        "duplicates": duplicates,
        "dead_letters": dead,
        "accounting": "read = accepted + duplicates + dead_letters; records outside the period are not read",
        "inputs": [
            {"path": one.path, "source": one.source or None, "bytes": one.size, "read": one.read, "outside_period": one.outside}
            for one in sorted(read.inputs, key=lambda one: one.path)
        ],
        "records_without_event": read.empty,
        "period": {"from": _time(since), "to": _time(before), "until": _time(until), "last_event": _time(order.last or None)},
        "unresolved_aors": order.unresolved,
        "coverage": coverage_of(order.seen, bool(facts["geo"])),
        "alerts": tally.alerts(),
        "audit_samples": tally.audits,
        "breakers": tally.breakers,
        "suspensions": tally.suspensions(),
        "metering": tally.metering,
        "exempted": hidden,
        "counts": {name: count for name, count in counts.items() if name not in _PLACED},
    }


def _add(total: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


def _time(at: int | None) -> str | None:
    return None if at is None else format_time(at)
