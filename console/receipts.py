"""What became of a decision at each telephone system: its receipt, or that none came, and whether that is an alarm.

No receipt within half a minute from a system whose bridge is heard is an alarm: it has the order and says nothing. From one whose
bridge is not heard it is *silent*, which is another fault, with another person to call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from console.db.tables import Alert, Decision, Heartbeat, Licence, Receipt, Suspension, SuspensionRecord

#: A bridge takes an order in 2 s (docs/benchmarks.md); its repeats after a failure reach 30 s.
RECEIPT_MS = 30_000
#: Heartbeats come every 5 s: four were missed.
FRESH_MS = 20_000
#: Records older than that are not looked for any more: either somebody was told, or all of their receipts are there.
LOOK_MS = 3_600_000
#: Receipts are kept so long on their topic: of an older record without one nothing can be said.
KEPT_MS = 35 * 86_400_000
#: Records of one case that are shown, the newest ones.
SHOWN = 8
#: No receipt came in time.
OPEN = ("missing", "silent", "paused")


@dataclass(frozen=True)
class Line:
    """One system's word on one record.

    Attributes:
        pbx: its name.
        state: a status of its receipt, or ``waiting``, ``missing`` (an alarm), ``silent``, ``paused``, ``superseded``, ``unknown``.
        at: when it was applied, or since when nothing is heard (ms); None when never.
        detail: why, in the bridge's words.
        calls_ended: calls that were ended for it.
    """

    pbx: str
    state: str
    at: int | None
    detail: str = ""
    calls_ended: int = 0


@dataclass(frozen=True)
class Delivery:
    """One suspension record and what every system of its licence did with it; ``restored_ms``: from a person's reinstatement on."""

    tenant: str
    licence: str
    decision_id: str
    state: str
    restrictions: list[str]
    issued_at: int
    lines: list[Line]
    restored_ms: int | None = None

    @property
    def alarm(self) -> bool:
        """Whether a receipt is missing."""
        return any(line.state == "missing" for line in self.lines)


def of_alert(session: Session, alert: Alert, now: int) -> list[Delivery]:
    """What was sent to telephone systems because of an alert, newest first; lifts of it too."""
    query = select(SuspensionRecord).where(SuspensionRecord.tenant == alert.tenant)
    if alert.licence is not None:
        query = query.where(SuspensionRecord.licence == alert.licence)
    about: list[SuspensionRecord] = []
    caused: set[str] = set()
    order = query.order_by(SuspensionRecord.licence, SuspensionRecord.epoch, SuspensionRecord.sequence)
    for record in session.scalars(order):
        named = any(cause["alert_id"] == alert.alert_id for cause in record.body["causes"])
        if named or record.licence in caused:
            about.append(record)
        # The record in which the cause is gone is its lift; what comes after is about others.
        (caused.add if named else caused.discard)(record.licence)
    about.sort(key=lambda one: (one.issued_at, one.epoch, one.sequence), reverse=True)
    asked = select(Decision.at).where(Decision.alert_id == alert.alert_id, Decision.part == "reinstate").order_by(Decision.at)
    return deliveries(session, about[:SHOWN], now, list(session.scalars(asked)))


def of_licence(session: Session, tenant: str, licence: str, now: int) -> list[Delivery]:
    """What was sent to telephone systems about a licence, newest first."""
    query = select(SuspensionRecord).where(SuspensionRecord.tenant == tenant, SuspensionRecord.licence == licence)
    order = query.order_by(SuspensionRecord.epoch.desc(), SuspensionRecord.sequence.desc()).limit(SHOWN)
    return deliveries(session, list(session.scalars(order)), now)


def deliveries(session: Session, records: Sequence[SuspensionRecord], now: int, reinstated: Sequence[int] = ()) -> list[Delivery]:
    """Records with what became of them, in the order given; ``reinstated``: when persons gave service back, ms."""
    if not records:
        return []
    said = _said(session, [one.decision_id for one in records])
    beats = {one.pbx: one for one in session.scalars(select(Heartbeat))}
    latest = _latest(session, records)
    systems = _systems(session, records, beats)
    found = []
    for one in records:
        key = (one.tenant, one.licence)
        newest = latest.get(key) == (one.epoch, one.sequence)
        answers = {
            pbx: receipt
            for (_, epoch, sequence, pbx), receipt in said[one.decision_id].items()
            if (epoch, sequence) == (one.epoch, one.sequence)
        }
        names = sorted({*systems[key], *answers})
        lines = [_line(pbx, answers.get(pbx), beats.get(pbx), one, newest, now) for pbx in names]
        found.append(
            Delivery(
                tenant=one.tenant,
                licence=one.licence,
                decision_id=one.decision_id,
                state=one.state,
                restrictions=one.restrictions,
                issued_at=one.issued_at,
                lines=lines,
                restored_ms=_restored(one, lines, reinstated),
            )
        )
    return found


def _restored(record: SuspensionRecord, lines: list[Line], reinstated: Sequence[int]) -> int | None:
    asked = [at for at in reinstated if at <= record.issued_at]
    applied = [line.at for line in lines if line.state == "applied" and line.at is not None]
    if record.state != "lifted" or not asked or len(applied) < len(lines) or not lines:
        return None
    return max(applied) - asked[-1]


def _line(pbx: str, receipt: Receipt | None, beat: Heartbeat | None, record: SuspensionRecord, newest: bool, now: int) -> Line:
    if receipt is not None:
        return Line(pbx, receipt.status, receipt.applied_at, receipt.detail, receipt.calls_ended)
    if not newest:
        return Line(pbx, "superseded", None)
    if now - record.issued_at > KEPT_MS:
        return Line(pbx, "unknown", None)
    if beat is None or now - beat.received_at > FRESH_MS:
        return Line(pbx, "silent", beat.received_at if beat else None)
    if beat.paused:
        # It obeys the kill switch: no alarm for each decision, and the page says who paused it and why.
        return Line(pbx, "paused", beat.received_at, beat.body.get("reason") or "")
    if now - record.received_at <= RECEIPT_MS:
        return Line(pbx, "waiting", record.received_at)
    return Line(pbx, "missing", record.received_at)


def _said(session: Session, decisions: Iterable[str]) -> dict[str, dict[tuple[str, int, int, str], Receipt]]:
    """By decision: each system's last word on it. ``stale`` says that a newer one stands, not what became of this one."""
    found: dict[str, dict[tuple[str, int, int, str], Receipt]] = defaultdict(dict)
    query = select(Receipt).where(Receipt.decision_id.in_(list(decisions))).order_by(Receipt.applied_at, Receipt.receipt_id)
    for one in session.scalars(query):
        key = (one.decision_id, one.epoch, one.sequence, one.pbx)
        if one.status != "stale" or key not in found[one.decision_id]:
            found[one.decision_id][key] = one
    return found


def _latest(session: Session, records: Sequence[SuspensionRecord]) -> dict[tuple[str, str], tuple[int, int]]:
    tenants = {one.tenant for one in records}
    query = select(Suspension.tenant, Suspension.licence, Suspension.epoch, Suspension.sequence).where(Suspension.tenant.in_(tenants))
    return {(tenant, licence): (epoch, sequence) for tenant, licence, epoch, sequence in session.execute(query)}


def _systems(session: Session, records: Sequence[SuspensionRecord], beats: dict[str, Heartbeat]) -> dict[tuple[str, str], list[str]]:
    """The systems of each licence: those that its fact names and a bridge was ever heard of, or else all of them."""
    keys = {(one.tenant, one.licence) for one in records}
    query = select(Licence).where(Licence.tenant.in_({tenant for tenant, _ in keys}), Licence.licence.in_({licence for _, licence in keys}))
    named = {(one.tenant, one.licence): one.body.get("pbxes") or [] for one in session.scalars(query)}
    # A bridge may go by a name of its own (``--name``): a fact that names none of those known says nothing about it.
    return {key: [pbx for pbx in named.get(key, []) if pbx in beats] or sorted(beats) for key in keys}


def settle(session: Session, receipt: dict[str, Any], tenant: str, licence: str) -> None:
    """A receipt says that it was done: alerts that were published for it are applied now."""
    if receipt["status"] != "applied":
        return
    at = (tenant, licence, receipt["epoch"], receipt["sequence"])
    record = session.get(SuspensionRecord, at)
    if record is None:
        return
    causes = record.body["causes"]
    if record.state == "lifted":
        before = select(SuspensionRecord).where(SuspensionRecord.tenant == tenant, SuspensionRecord.licence == licence)
        earlier = before.where(
            (SuspensionRecord.epoch < record.epoch)
            | and_(SuspensionRecord.epoch == record.epoch, SuspensionRecord.sequence < record.sequence)
        )
        last = session.scalar(earlier.order_by(SuspensionRecord.epoch.desc(), SuspensionRecord.sequence.desc()).limit(1))
        causes = last.body["causes"] if last is not None else []
    names = [cause["alert_id"] for cause in causes]
    session.execute(update(Alert).where(Alert.alert_id.in_(names), Alert.status == "published").values(status="applied"))


def settle_known(session: Session, record: dict[str, Any]) -> None:
    """A suspension record whose receipt came first: they are on two topics."""
    query = select(Receipt).where(Receipt.decision_id == record["decision_id"], Receipt.status == "applied").limit(1)
    if (known := session.scalar(query)) is not None:
        said = {"status": known.status, "epoch": known.epoch, "sequence": known.sequence}
        settle(session, said, record["tenant"], record["licence"])


def unanswered(session: Session, now: int, since: int) -> list[Delivery]:
    """Records from ``since`` on that stand and that a system has not answered in time, or is too silent to answer; newest first."""
    query = (
        select(SuspensionRecord)
        .join(
            Suspension,
            and_(
                Suspension.tenant == SuspensionRecord.tenant,
                Suspension.licence == SuspensionRecord.licence,
                Suspension.epoch == SuspensionRecord.epoch,
                Suspension.sequence == SuspensionRecord.sequence,
            ),
        )
        .where(SuspensionRecord.received_at >= since, SuspensionRecord.received_at < now - RECEIPT_MS)
        .order_by(SuspensionRecord.received_at.desc())
    )
    found: list[Delivery] = []
    for block in session.scalars(query).partitions(500):
        found += [one for one in deliveries(session, block, now) if any(line.state in OPEN for line in one.lines)]
    return found


def alarm(session: Session, now: int) -> list[Delivery]:
    """Mark records of the last hour whose receipt is missing; returns those that were not marked before."""
    missing = {(one.tenant, one.licence, one.decision_id): one for one in unanswered(session, now, now - LOOK_MS) if one.alarm}
    if not missing:
        return []
    query = select(SuspensionRecord).where(
        SuspensionRecord.alarmed_at.is_(None), SuspensionRecord.decision_id.in_([decision for _, _, decision in missing])
    )
    fresh = []
    for record in session.scalars(query):
        if (one := missing.get((record.tenant, record.licence, record.decision_id))) is not None:
            record.alarmed_at = now
            fresh.append(one)
    return fresh
