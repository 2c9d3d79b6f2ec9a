"""What happened that somebody is woken for, found in the database, and turned into messages: each one once, whatever is run again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from console.db.tables import Alert, Breaker, Notification, Receipt, Setting, SuspensionRecord
from console.notify.config import Config

#: What is older is no news; a notifier that was down for longer says nothing of it (the queue does).
LOOK_MS = 24 * 3_600_000
#: Tries after which a message of yesterday is given up.
MOST = 20
MINUTE = 60_000
SINCE = "notify-since"


@dataclass(frozen=True)
class Happening:
    """Something that happened.

    Attributes:
        about: its name, the same whenever it is found again.
        subject: ``tenant/licence`` or a tenant.
        alert_id: the alert to look at, if there is one.
        detail: what the message says besides: restrictions, a count, a system's name.
        settled: somebody took it up, or it is over: nobody else is woken.
    """

    about: str
    kind: str
    rule: str | None
    subject: str
    at: int
    alert_id: str | None
    detail: str
    settled: bool


def happenings(session: Session, now: int) -> list[Happening]:
    """What happened since the first notifier ran on this database, at most a day ago; oldest first."""
    since = max(_first_run(session, now), now - LOOK_MS)
    return sorted(
        [*_restrictions(session, since), *_breakers(session, since), *_receipts(session, since)], key=lambda one: (one.at, one.about)
    )


def _first_run(session: Session, now: int) -> int:
    row = session.get(Setting, SINCE)
    if row is None:
        # A database with a year of suspensions wakes nobody for them.
        row = Setting(key=SINCE, value={"at": now}, changed_at=now, changed_by="vigie")
        session.add(row)
    return int(row.value["at"])


def _restrictions(session: Session, since: int) -> Iterator[Happening]:
    query = select(SuspensionRecord).where(SuspensionRecord.received_at >= since, SuspensionRecord.state == "active")
    seen = set()
    for record in session.scalars(query.order_by(SuspensionRecord.received_at, SuspensionRecord.epoch, SuspensionRecord.sequence)):
        for cause in record.body["causes"]:
            about = f"restriction/{cause['alert_id']}/{record.licence}"
            # The next record of the licence repeats the causes that go on.
            if cause["mode"] != "auto" or about in seen:
                continue
            seen.add(about)
            alert = session.get(Alert, cause["alert_id"])
            yield Happening(
                about=about,
                kind="restriction",
                rule=cause["rule"],
                subject=f"{record.tenant}/{record.licence}",
                at=record.received_at,
                alert_id=cause["alert_id"],
                detail=", ".join(cause["restrictions"]),
                settled=alert is not None and (alert.verdict is not None or alert.state == "withdrawn"),
            )


def _breakers(session: Session, since: int) -> Iterator[Happening]:
    for row in session.scalars(select(Breaker).where(Breaker.received_at >= since, Breaker.state == "open")):
        about = f"breaker/{row.tenant}/{row.since}"
        yield Happening(about, "breaker", None, row.tenant, row.received_at, None, f"{row.count} > {row.limit}", settled=False)


def _receipts(session: Session, since: int) -> Iterator[Happening]:
    answered = select(Receipt.decision_id).where(Receipt.status.in_(("applied", "dry_run", "refused", "held")))
    late = set(session.scalars(answered.where(Receipt.received_at >= since)))
    for record in session.scalars(select(SuspensionRecord).where(SuspensionRecord.alarmed_at >= since)):
        causes = record.body["causes"]
        yield Happening(
            about=f"receipt/{record.tenant}/{record.licence}/{record.epoch}.{record.sequence}",
            kind="receipt",
            rule=causes[0]["rule"] if causes else None,
            subject=f"{record.tenant}/{record.licence}",
            at=record.alarmed_at or record.received_at,
            alert_id=causes[0]["alert_id"] if causes else None,
            detail=record.state,
            settled=record.decision_id in late,
        )


def plan(session: Session, config: Config, now: int) -> int:
    """Write the messages that are due to be written; returns how many are new."""
    fresh = 0
    for one in happenings(session, now):
        for route in config.routes:
            if not route.takes(one.kind, one.rule):
                continue
            for channel in route.to:
                fresh += _write(session, one, channel, 0, now, route.quiet.until(now) if route.quiet else now)
            if route.escalate and _unheard(session, one, route.to, now - route.escalate.after_minutes * MINUTE):
                for channel in route.escalate.to:
                    fresh += _write(session, one, channel, 1, now, now)
    return fresh


def _unheard(session: Session, one: Happening, channels: list[str], before: int) -> bool:
    """Whether it was told, or could not be told, so long ago that somebody else must hear of it."""
    if one.settled:
        return False
    rows = session.scalars(select(Notification).where(Notification.about == one.about, Notification.step == 0)).all()
    ours = [row for row in rows if row.channel in channels]
    if any(row.acknowledged_at is not None for row in rows):
        return False
    # A message that no server took counts from when it should have gone: silence is the worst time to wait.
    told = [row.sent_at if row.sent_at is not None else (row.created_at if row.attempts else None) for row in ours]
    return any(at is not None and at <= before for at in told)


def _write(session: Session, one: Happening, channel: str, step: int, now: int, not_before: int) -> int:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    body = {"subject": one.subject, "at": one.at, "alert_id": one.alert_id, "detail": one.detail}
    row = {"about": one.about, "kind": one.kind, "rule": one.rule, "channel": channel, "step": step, "body": body}
    row |= {"created_at": now, "not_before": not_before, "attempts": 0, "error": ""}
    statement = insert(Notification).values(row).on_conflict_do_nothing(index_elements=["about", "channel", "step"])
    return len(session.execute(statement.returning(Notification.notification_id)).all())


def acknowledge(session: Session, about: str, who: str, now: int) -> None:
    """Somebody took it up: whatever of it was not sent yet stays unsent."""
    for row in session.scalars(select(Notification).where(Notification.about == about, Notification.acknowledged_at.is_(None))):
        row.acknowledged_at, row.acknowledged_by = now, who


def claim(session: Session, now: int, lease_ms: int, limit: int) -> list[Notification]:
    """Messages to be sent now; whoever claims one has so long before another may."""
    due = (
        select(Notification)
        .where(and_(Notification.sent_at.is_(None), Notification.acknowledged_at.is_(None), Notification.not_before <= now))
        .where(or_(Notification.attempts < MOST, Notification.created_at > now - LOOK_MS))
        .order_by(Notification.not_before, Notification.notification_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = list(session.scalars(due))
    for row in rows:
        row.attempts += 1
        row.not_before = now + lease_ms
    return rows
