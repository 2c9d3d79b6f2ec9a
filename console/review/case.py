"""Everything that an alert's page shows beside the alert itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, load_only

from console.db.tables import (
    Alert,
    Decision,
    Exemption,
    Lease,
    Licence,
    Note,
    Notice,
    Outbox,
    Receipt,
    Reveal,
    Statement,
    Suspension,
    SuspensionRecord,
    Tenant,
    User,
)
from console.people.person import Person
from console.review import deciding, looking, second
from console.taking import lapsed

SIMILAR = 5
PAST = 5
LISTED = (
    Alert.alert_id, Alert.tenant, Alert.licence, Alert.rule, Alert.level, Alert.measured, Alert.limit, Alert.unit, Alert.crossed_at,
    Alert.status, Alert.verdict, Alert.state,
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """Something that happened: ``what`` is a key of the texts ``review.event``, ``values`` fill it."""

    at: int
    what: str
    who: str
    values: dict[str, Any]
    text: str = ""


@dataclass(frozen=True)
class Case:
    """An alert and what surrounds it. ``blind``: this person judges it second, so what the first one said is left out."""

    alert: Alert
    tenant: Tenant | None
    licence: Licence | None
    standing: Suspension | None
    past: Sequence[Alert]
    similar: Sequence[Alert]
    exemptions: Sequence[Exemption]
    timeline: Sequence[Entry]
    lease: Lease | None
    holder: str
    blind: bool
    judged: bool
    restored_ms: int | None
    #: The person's own lease ran out.
    lapsed: bool
    #: Who opened it first; left out while a blind opinion is asked for.
    opened: looking.Opened | None


def read(session: Session, alert: Alert, person: Person, now: int) -> Case:
    """Gather a case."""
    under_way = deciding.round_of(session, alert) if alert.status in ("second", "disagreed") else []
    judged = any(row.user_id == person.user_id for row in under_way)
    # A disagreement is settled with both views on the table; a second opinion is given without the first.
    blind = alert.status == "second" and not judged
    lease = session.get(Lease, alert.alert_id)
    ran_out = lease is not None and lease.expires_at <= now and lease.user_id == person.user_id
    if lease is not None and lease.expires_at <= now:
        lease = None
    holder = session.get(User, lease.user_id) if lease is not None else None
    # What was taken back counts, too: the first person judges again, and mostly alike.
    since = select(Decision.decision_id).where(Decision.alert_id == alert.alert_id, Decision.at > (alert.decided_at or 0))
    entries = _timeline(session, alert, set(session.scalars(since)) if blind else set(), now)
    return Case(
        alert=alert,
        tenant=session.get(Tenant, alert.tenant),
        licence=session.get(Licence, (alert.tenant, alert.licence)) if alert.licence else None,
        standing=second.standing(session, alert),
        past=_past(session, alert),
        similar=_similar(session, alert),
        exemptions=session.scalars(
            select(Exemption)
            .where(Exemption.tenant == alert.tenant, Exemption.to_at > now, Exemption.revoked_at.is_(None))
            .where((Exemption.licence.is_(None)) | (Exemption.licence == alert.licence))
            .order_by(Exemption.to_at)
        ).all(),
        timeline=entries,
        lease=lease,
        holder=holder.name if holder is not None else "",
        blind=blind,
        judged=judged,
        restored_ms=_restored(session, alert),
        lapsed=ran_out,
        opened=None if blind else looking.first(session, [alert.alert_id]).get(alert.alert_id),
    )


def _past(session: Session, alert: Alert) -> Sequence[Alert]:
    query = select(Alert).where(Alert.tenant == alert.tenant, Alert.alert_id != alert.alert_id, Alert.superseded_by.is_(None))
    if alert.licence is not None:
        query = query.where((Alert.licence == alert.licence) | Alert.licence.is_(None))
    return session.scalars(query.order_by(Alert.crossed_at.desc()).limit(PAST).options(load_only(*LISTED))).all()


def _similar(session: Session, alert: Alert) -> Sequence[Alert]:
    """Judged cases of the rule, the customer's own first, then the nearest by how far the measure went over its limit."""
    ratio = func.abs(1.0 * Alert.measured / func.greatest(Alert.limit, 1) - alert.measured / max(1, alert.limit))
    if session.get_bind().dialect.name == "sqlite":
        ratio = func.abs(1.0 * Alert.measured / func.max(Alert.limit, 1) - alert.measured / max(1, alert.limit))
    query = (
        select(Alert)
        .where(Alert.rule == alert.rule, Alert.verdict.is_not(None), Alert.alert_id != alert.alert_id)
        .order_by((Alert.tenant != alert.tenant), ratio, Alert.alert_id)
        .limit(SIMILAR)
        .options(load_only(*LISTED))
    )
    return session.scalars(query).all()


def _timeline(session: Session, alert: Alert, hidden: set[str], now: int) -> list[Entry]:
    people = {row.user_id: row.name for row in session.execute(select(User.user_id, User.name))}
    found: list[Entry] = []
    said = session.execute(
        select(Statement.update, Statement.state, Statement.level, Statement.measured, Statement.issued_at)
        .where(Statement.alert_id == alert.alert_id)
        .order_by(Statement.update)
    )
    for update, state, level, measured, issued_at in said:
        values = {"update": update, "state": state, "level": level, "measured": measured}
        found.append(Entry(issued_at, "said", "", values))
    for row in session.scalars(select(Decision).where(Decision.alert_id == alert.alert_id)):
        if row.decision_id not in hidden and row.undoes not in hidden:
            values = {"verdict": row.verdict, "action": row.action, "second": row.needs_second}
            found.append(Entry(row.at, row.part, people.get(row.user_id, ""), values, row.note))
    left = session.execute(
        select(Outbox.sent_at, Decision.action)
        .join(Decision, Decision.decision_id == Outbox.decision_id)
        .where(Decision.alert_id == alert.alert_id, Outbox.sent_at.is_not(None))
    )
    found += [Entry(sent_at, "sent", "", {"action": action}) for sent_at, action in left if sent_at is not None]
    if alert.licence is not None:
        scope = {"tenant": alert.tenant, "licence": alert.licence}
        before: SuspensionRecord | None = None
        for record in session.scalars(
            select(SuspensionRecord).filter_by(**scope).order_by(SuspensionRecord.epoch, SuspensionRecord.sequence)
        ):
            found.append(Entry(record.issued_at, f"record_{record.state}", "", {"restrictions": record.restrictions}))
            ends = lapsed(before.body, record.body) if before is not None else []
            found += [Entry(record.issued_at, f"lapsed_{word}", "", {}) for cause, word in ends if cause["alert_id"] == alert.alert_id]
            before = record
        for receipt in session.scalars(select(Receipt).filter_by(**scope)):
            found.append(Entry(receipt.applied_at, "receipt", receipt.pbx, {"status": receipt.status}, receipt.detail))
    for one in session.scalars(select(Exemption).where(Exemption.alert_id == alert.alert_id)):
        found.append(Entry(one.created_at, "exempted", one.author, {"day": one.to_at}, one.reason))
        if one.revoked_at is not None:
            found.append(Entry(one.revoked_at, "exemption_revoked", one.revoked_by or "", {}))
        elif one.to_at <= now:
            found.append(Entry(one.to_at, "exemption_ended", "", {}))
    if alert.watch_until is not None and alert.watch_until <= now:
        found.append(Entry(alert.watch_until, "watched", "", {}))
    for told in session.scalars(select(Notice).where(Notice.alert_id == alert.alert_id, Notice.cancelled_at.is_(None))):
        what = "notice_by_hand" if told.how == "hand" else "notice_waits" if told.sent_at is None else "notice_sent"
        values = {"address": told.address, "language": told.language}
        found.append(Entry(told.sent_at or told.created_at, what, people.get(told.user_id, ""), values))
    for note in session.scalars(select(Note).where(Note.alert_id == alert.alert_id)):
        found.append(Entry(note.at, "note", people.get(note.user_id, ""), {}, note.text))
    for reveal in session.scalars(select(Reveal).where(Reveal.alert_id == alert.alert_id)):
        found.append(Entry(reveal.at, "reveal", people.get(reveal.user_id, ""), {}, reveal.reason))
    return sorted(found, key=lambda entry: -entry.at)


def _restored(session: Session, alert: Alert) -> int | None:
    """Milliseconds from the last request to give service back until a record (or, where a PBX answers, its receipt) shows it."""
    asked = session.scalar(
        select(Decision).where(Decision.alert_id == alert.alert_id, Decision.part == "reinstate").order_by(Decision.at.desc()).limit(1)
    )
    if asked is None:
        return None
    receipt = session.scalar(
        select(func.min(Receipt.applied_at)).where(
            Receipt.tenant == alert.tenant,
            Receipt.licence == alert.licence,
            Receipt.status == "applied",
            Receipt.sequence > asked.seen_sequence,
            Receipt.applied_at >= asked.at,
        )
    )
    if receipt is None:
        receipt = session.scalar(
            select(func.min(SuspensionRecord.received_at)).where(
                SuspensionRecord.tenant == alert.tenant,
                SuspensionRecord.licence == alert.licence,
                SuspensionRecord.state == "lifted",
                SuspensionRecord.sequence > asked.seen_sequence,
                SuspensionRecord.received_at >= asked.at,
            )
        )
    return receipt - asked.at if receipt is not None else None
