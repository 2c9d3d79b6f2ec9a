"""Taking in what others say, record by record, whether it comes from a file or from a topic.

Every function is idempotent and bears any order: a statement that was seen changes nothing, an older one than what is known is kept
as history and moves nothing. So a file can be loaded again, and a topic read again from any place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from console.db.tables import (
    Alert,
    Base,
    Breaker,
    Exemption,
    Heartbeat,
    Licence,
    Metering,
    Receipt,
    Statement,
    Suspension,
    SuspensionRecord,
    Tenant,
)
from detectors.money import expected_loss_cents
from streams.times import parse_time

Record = dict[str, Any]
HOUR, DAY = 3_600_000, 86_400_000
#: Time to judge, from when the console heard of it (ours): a breach as long as an automatic restriction waits for its review
#: (``review_by_hours`` of the policy that ships), a notice a week.
DUE = {"breach": 72 * HOUR, "notice": 7 * DAY, "audit": 14 * DAY}
#: Verdicts that say how likely a rule is right are those of the last 90 days (``detectors.money.expected_loss_cents``).
RECORD_DAYS = 90
#: A measure that doubled since a person looked is new evidence, as it is for detect.
GROWN = 2
SETTLED = ("watch", "decided", "published", "applied", "closed")


class Losses:
    """The expected loss of alerts, from each rule's record with persons."""

    def __init__(self, session: Session, now: int) -> None:
        since = now - RECORD_DAYS * DAY
        query = (
            select(Alert.rule, Alert.verdict, func.count())
            .where(Alert.verdict.in_(("breach", "no_breach")), Alert.decided_at >= since)
            .group_by(Alert.rule, Alert.verdict)
        )
        self._counts: dict[tuple[str, str], int] = {(rule, str(verdict)): count for rule, verdict, count in session.execute(query)}

    def of(self, rule: str, at_risk: int, if_wrong: int, score: float | None) -> int:
        """Cents that leaving an alert of the rule unjudged is expected to cost."""
        breaches = self._counts.get((rule, "breach"), 0)
        return expected_loss_cents(at_risk, if_wrong, breaches, breaches + self._counts.get((rule, "no_breach"), 0), score)

    def refresh(self, session: Session, rule: str) -> None:
        """Set the expected loss of a rule's waiting alerts anew, after a verdict on one of them."""
        breaches = self._counts.get((rule, "breach"), 0)
        likely, of = breaches + 1, breaches + self._counts.get((rule, "no_breach"), 0) + 2
        # As `detectors.money.expected_loss_cents`, in one statement: a rule may have thousands waiting, each of 8 KiB. SQL divides
        # towards zero; the remainder is taken off first, so that it rounds down.
        total = likely * Alert.money_at_risk_cents - (of - likely) * Alert.money_if_wrong_cents
        where = Alert.rule == rule, Alert.verdict.is_(None), Alert.score.is_(None)
        session.execute(
            update(Alert).where(*where).values(expected_loss_cents=(total - (total % of + of) % of) // of),
            execution_options={"synchronize_session": False},
        )
        for row in session.identity_map.values():
            if isinstance(row, Alert):
                session.expire(row, ["expected_loss_cents"])


def alerts(session: Session, records: Sequence[Record], now: int, losses: Losses | None = None) -> int:
    """Take in statements of alerts; returns how many were new."""
    if not records:
        return 0
    losses = losses or Losses(session, now)
    rows = [_statement(record, now) for record in records]
    fresh = _new(session, Statement, rows, ("alert_id", "update"))
    last: dict[str, Record] = {}
    for record in records:
        if record["update"] >= last.get(record["alert_id"], record)["update"]:
            last[record["alert_id"]] = record
    known = {row.alert_id: row for row in session.scalars(select(Alert).where(Alert.alert_id.in_(list(last))))}
    for alert_id, record in last.items():
        row = known.get(alert_id)
        if row is None:
            row = Alert(alert_id=alert_id, status="new", received_at=now, due_at=now + DUE[record["level"]], update=0)
            session.add(row)
        if record["update"] >= row.update:
            _renew(session, row, record, now, losses)
    session.flush()
    merged = [(taken, record["alert_id"]) for record in last.values() for taken in record["supersedes"]]
    for taken, by in merged:
        old = session.get(Alert, taken)
        if old is not None:
            old.superseded_by = by
    return fresh


def _statement(record: Record, now: int) -> Record:
    words = {name: record[name] for name in ("alert_id", "update", "state", "level", "measured")}
    return {**words, "issued_at": parse_time(record["issued_at"]), "received_at": now, "body": record}


def _renew(session: Session, row: Alert, record: Record, now: int, losses: Losses) -> None:
    if row.status in SETTLED and row.decided_update is not None and record["update"] > row.decided_update:
        seen = session.get(Statement, (row.alert_id, row.decided_update))
        grown = seen is not None and (
            record["measured"] >= GROWN * max(1, seen.measured) or (record["level"] == "breach" and seen.level == "notice")
        )
        # Detect kept the verdict and refused the action: it is with a person again, who sees why.
        refused = any(str(line).startswith("action refused:") for line in record["against"])
        if (grown or refused) and record["state"] == "open":
            row.status, row.due_at = "reraised", now + DUE[record["level"]]
    elif row.update and row.level != record["level"] and record["level"] == "breach":
        # A notice that became a breach has the breach's time, from now on, unless less was left.
        row.due_at = min(row.due_at, now + DUE["breach"])
    names = "tenant licence rule clause level mode origin state update measured limit unit summary score propensity policy_version"
    for name in (*names.split(), "money_at_risk_cents", "money_if_wrong_cents"):
        setattr(row, name, record[name])
    row.crossed_at, row.issued_at = parse_time(record["crossed_at"]), parse_time(record["issued_at"])
    row.statement = record
    row.expected_loss_cents = losses.of(row.rule, row.money_at_risk_cents, row.money_if_wrong_cents, row.score)


def suspensions(session: Session, records: Iterable[Record], now: int) -> None:
    """Take in records of what is restricted; an automatic one brings its alert's deadline forward to its ``review_by``."""
    for record in records:
        shared = {name: record[name] for name in ("tenant", "licence", "epoch", "sequence", "decision_id", "state", "restrictions")}
        shared |= {"issued_at": parse_time(record["issued_at"]), "received_at": now, "body": record}
        if not _new(session, SuspensionRecord, [shared], ("tenant", "licence", "epoch", "sequence")):
            continue
        standing = session.get(Suspension, (record["tenant"], record["licence"]))
        if standing is None:
            session.add(Suspension(**shared))
        elif (standing.epoch, standing.sequence) < (record["epoch"], record["sequence"]):
            for cause, _ in lapsed(standing.body, record):
                if (alert := session.get(Alert, cause["alert_id"])) is not None and alert.status not in ("second", "disagreed"):
                    give_back(alert, now)
            for name, value in shared.items():
                setattr(standing, name, value)
        session.flush()
        deadlines(session, record, now)


def lapsed(before: Record, after: Record) -> list[tuple[Record, str]]:
    """Causes of a licence's record that ended by themselves in the next one, in whole or in part, each with the word of its end.

    ``until`` is the day that a person set, ``review_by`` the deadline by which nobody had judged.
    """
    found = []
    for cause in before["causes"]:
        # Detection ends a cause in the instant of its deadline; what happens to it later has another reason.
        word = next((name for name in ("until", "review_by") if cause.get(name) and cause[name] == after["issued_at"]), None)
        if word is None:
            continue
        left = [one for one in after["causes"] if (one["alert_id"], one["decided_by"]) == (cause["alert_id"], cause["decided_by"])]
        if not left or not set(cause["restrictions"]) <= set(left[0]["restrictions"]):
            found.append((cause, word))
    return found


def give_back(alert: Alert, now: int) -> None:
    """What an alert waited for has come: a person looks again, unless detection has ended it meanwhile."""
    if alert.state == "open":
        # Nobody who let a deadline pass gets another one.
        alert.due_at = alert.due_at if alert.verdict is None else now + DUE[alert.level]
        alert.status = "expired"
    elif alert.status in SETTLED:
        alert.status = "closed"


def deadlines(session: Session, record: Record, now: int) -> None:
    """Bring the deadlines of a suspension's alerts forward to its ``review_by``; alert and suspension come in any order."""
    for cause in record["causes"]:
        alert = session.get(Alert, cause["alert_id"])
        if alert is not None and cause["review_by"] and alert.verdict is None:
            # A deadline that had passed before the console heard of it is a day of history, not somebody's delay.
            by = parse_time(cause["review_by"])
            alert.due_at = min(alert.due_at, by) if by > now else alert.due_at


def metering(session: Session, records: Sequence[Record]) -> None:
    """Take in metering records; the latest word on each counts."""
    names = ("metering_id", "state", "alert_id", "tenant", "licence", "billing_month", "seconds")
    rows = {record["metering_id"]: {**{name: record[name] for name in names}, "body": record} for record in records}
    _upsert(session, Metering, list(rows.values()), ("metering_id",))


def receipts(session: Session, records: Iterable[tuple[Record, str, str]], now: int) -> None:
    """Take in receipts; each comes with its tenant and licence, which on the topic are the key."""
    names = ("decision_id", "pbx", "epoch", "sequence", "status", "calls_ended", "contacts_removed", "detail")
    for record, tenant, licence in records:
        row = {name: record[name] for name in names} | {"tenant": tenant, "licence": licence, "received_at": now}
        row["applied_at"] = parse_time(record["applied_at"])
        _new(session, Receipt, [row], ("decision_id", "pbx", "status", "applied_at"))


def heartbeat(session: Session, record: Record, now: int) -> None:
    """Take in a bridge's heartbeat."""
    _upsert(session, Heartbeat, [{"pbx": record["pbx"], "received_at": now, "paused": record["paused"], "body": record}], ("pbx",))


def breaker(session: Session, record: Record, now: int) -> None:
    """Take in the word of a circuit breaker, unless a later one is known."""
    since, known = parse_time(record["since"]), session.get(Breaker, record["tenant"])
    if known is None or known.since <= since:
        row = {name: record[name] for name in ("tenant", "state", "count", "limit")} | {"since": since, "received_at": now}
        _upsert(session, Breaker, [row], ("tenant",))


def fact(session: Session, record: Record, now: int) -> None:
    """Take in a fact of an account or an exemption, as provisioning says it; the latest by its time counts."""
    at = parse_time(record["time"]) if record.get("time") else now
    if record["kind"] == "tenant":
        known: Tenant | Licence | None = session.get(Tenant, record["tenant"])
        row = {"tenant": record["tenant"], "name": record.get("name") or "", "body": record, "seen_at": at}
        if known is None or known.seen_at <= at:
            _upsert(session, Tenant, [row], ("tenant",))
    elif record["kind"] == "licence" and record.get("licence"):
        known = session.get(Licence, (record["tenant"], record["licence"]))
        row = {"tenant": record["tenant"], "licence": record["licence"], "body": record, "seen_at": at}
        if known is None or known.seen_at <= at:
            _upsert(session, Licence, [row], ("tenant", "licence"))
    elif record["kind"] == "exemption":
        _exemption(session, record, at)


def _exemption(session: Session, record: Record, at: int) -> None:
    known = session.get(Exemption, record["exemption_id"])
    revoked = at if record.get("revoked") else None
    if known is not None:
        # One of our own comes back by the log: the persons of the row are better known here.
        known.revoked_at = known.revoked_at or revoked
        return
    session.add(
        Exemption(
            exemption_id=record["exemption_id"],
            tenant=record["tenant"],
            licence=record.get("licence"),
            rules=record["rules"],
            from_at=parse_time(record["from"]),
            to_at=parse_time(record["to"]),
            author=record.get("author") or "",
            second=record.get("second"),
            reason=record.get("reason") or "",
            created_at=at,
            revoked_at=revoked,
        )
    )
    session.flush()


def withdraw_missing(session: Session, said: set[str], now: int) -> int:
    """A later run over the same directory no longer says some alerts: they are withdrawn, with what persons made of them kept."""
    gone = [
        row
        for row in session.scalars(select(Alert).where(Alert.state != "withdrawn").execution_options(yield_per=500))
        if row.alert_id not in said
    ]
    for row in gone:
        row.state, row.issued_at = "withdrawn", now
    return len(gone)


class _Insert(Protocol):
    def __call__(self, table: Any) -> Any: ...


def _insert(session: Session) -> _Insert:
    return postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert


def _columns(table: type[Base], rows: list[Record]) -> list[Record]:
    # Attributes and columns differ where a word is one of SQL's own (`update`, `limit`).
    names = {attribute.key: attribute.columns[0].name for attribute in table.__mapper__.column_attrs}
    return [{names[key]: value for key, value in row.items()} for row in rows]


def _keys(table: type[Base], keys: Sequence[str]) -> list[str]:
    return [table.__mapper__.column_attrs[key].columns[0].name for key in keys]


def _new(session: Session, table: type[Base], rows: list[Record], keys: Sequence[str]) -> int:
    """Insert the rows that are not there; returns how many were not."""
    named = _keys(table, keys)
    insert = _insert(session)(table.__table__).values(_columns(table, rows)).on_conflict_do_nothing(index_elements=named)
    return len(session.execute(insert.returning(*(table.__table__.c[name] for name in named))).all())


def _upsert(session: Session, table: type[Base], rows: list[Record], keys: Sequence[str]) -> None:
    if not rows:
        return
    insert = _insert(session)(table.__table__)
    columns, named = _columns(table, rows), _keys(table, keys)
    changed = {name: insert.excluded[name] for name in columns[0] if name not in named}
    session.execute(insert.on_conflict_do_update(index_elements=named, set_=changed), columns)
    # What was loaded before the statement would go on showing the old values.
    session.expire_all()
