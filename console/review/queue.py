"""The queue: which alerts wait, in which order, and the next one for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, not_, or_, select
from sqlalchemy.orm import Session, aliased, load_only

from console.db.tables import WAITING, Alert, Decision, Lease, Statement, Suspension, User
from console.people.person import Person
from console.review import leases, looking

#: Rows of a page: about three screens at 1366×768.
ROWS = 100
#: Looks for a free alert before giving up; each failed one means that somebody else just took one.
TRIES = 20
#: Statements of a row's sparkline.
POINTS = 24
SHOWN = (
    Alert.alert_id, Alert.tenant, Alert.licence, Alert.rule, Alert.clause, Alert.level, Alert.measured, Alert.limit, Alert.unit,
    Alert.crossed_at, Alert.money_at_risk_cents, Alert.expected_loss_cents, Alert.due_at, Alert.status,
    Alert.update, Alert.watch_until,
)  # fmt: skip


@dataclass(frozen=True)
class Filters:
    """What a queue's address asks for; an empty text asks for nothing."""

    rule: str = ""
    level: str = ""
    tenant: str = ""
    status: str = ""
    overdue: str = ""
    mine: str = ""

    def query(self, **changed: str) -> str:
        """These filters, some of them changed, as the query of an address."""
        return urlencode({name: value for name, value in {**self.__dict__, **changed}.items() if value})

    def __bool__(self) -> bool:
        return any(self.__dict__.values())


@dataclass(frozen=True)
class Page:
    """A page of the queue."""

    alerts: Sequence[Alert]
    total: int
    overdue: int
    per_rule: Sequence[tuple[str, int]]
    holders: dict[str, str]
    courses: dict[str, list[int]]
    #: Who opened each first; left out of those that wait for a blind opinion.
    opened: dict[str, looking.Opened]
    #: Place of the record that stands on each alert's licence (epoch, sequence).
    standing: dict[str, tuple[int, int]]


def waiting() -> ColumnElement[bool]:
    """Alerts for persons: an alert that another one took in is judged there, a shadow's is nobody's."""
    return and_(Alert.status.in_(WAITING), Alert.state != "withdrawn", Alert.mode != "shadow", Alert.superseded_by.is_(None))


def _asked(filters: Filters, person: Person, now: int, but: str = "") -> list[ColumnElement[bool]]:
    # On watch nobody has to do anything, and may all the same.
    found: list[ColumnElement[bool]] = [Alert.status == "watch" if filters.status == "watch" else waiting()]
    for name in ("rule", "level", "tenant", "status"):
        if (value := getattr(filters, name)) and name != but:
            found.append(getattr(Alert, name) == value)
    if filters.overdue:
        found.append(Alert.due_at < now)
    if filters.mine:
        found.append(exists().where(Lease.alert_id == Alert.alert_id, Lease.user_id == person.user_id, Lease.expires_at > now))
    return found


def _ordered(query: Select[Any], now: int) -> Select[Any]:
    return query.order_by(case((Alert.due_at < now, 0), else_=1), Alert.expected_loss_cents.desc(), Alert.due_at, Alert.alert_id)


def read(session: Session, person: Person, filters: Filters, now: int) -> Page:
    """A page of the queue."""
    where = _asked(filters, person, now)
    ids = session.scalars(_ordered(select(Alert.alert_id).where(*where), now).limit(ROWS)).all()
    rows = session.scalars(select(Alert).where(Alert.alert_id.in_(ids)).options(load_only(*SHOWN))).all()
    by_id = {row.alert_id: row for row in rows}
    total, overdue = session.execute(
        select(func.count(), func.coalesce(func.sum(case((Alert.due_at < now, 1), else_=0)), 0)).select_from(Alert).where(*where)
    ).one()
    per_rule = session.execute(
        select(Alert.rule, func.count()).where(*_asked(filters, person, now, but="rule")).group_by(Alert.rule).order_by(Alert.rule)
    ).all()
    held = session.execute(
        select(Lease.alert_id, User.name).join(User, User.user_id == Lease.user_id).where(Lease.alert_id.in_(ids), Lease.expires_at > now)
    )
    return Page(
        alerts=[by_id[one] for one in ids if one in by_id],
        total=total,
        overdue=int(overdue),
        per_rule=[(rule, count) for rule, count in per_rule],
        holders={row.alert_id: row.name for row in held},
        courses=_courses(session, ids),
        opened=looking.first(session, [one for one in ids if one in by_id and by_id[one].status != "second"]),
        standing=standing(session, ids),
    )


def standing(session: Session, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Where the record of each alert's licence stands; alerts without one are left out."""
    query = select(Alert.alert_id, Suspension.epoch, Suspension.sequence).join(
        Suspension, and_(Suspension.tenant == Alert.tenant, Suspension.licence == Alert.licence)
    )
    return {row.alert_id: (row.epoch, row.sequence) for row in session.execute(query.where(Alert.alert_id.in_(ids)))}


def _courses(session: Session, ids: Sequence[str]) -> dict[str, list[int]]:
    """How each alert's measure went."""
    said = select(Statement.alert_id, Statement.measured).where(Statement.alert_id.in_(ids)).order_by(Statement.alert_id, Statement.update)
    found: dict[str, list[int]] = {}
    for alert_id, measured in session.execute(said):
        found.setdefault(alert_id, []).append(max(0, measured))
    return {alert_id: course[-POINTS:] for alert_id, course in found.items()}


def counts(session: Session, now: int) -> tuple[int, int]:
    """How many wait, and how many of them are overdue."""
    query = select(func.count(), func.coalesce(func.sum(case((Alert.due_at < now, 1), else_=0)), 0)).select_from(Alert).where(waiting())
    total, overdue = session.execute(query).one()
    return total, int(overdue)


def eligible(person: Person) -> ColumnElement[bool]:
    """Alerts that this person may judge: never twice in one round, and a disagreement only a lead."""
    undo = aliased(Decision)
    mine = exists().where(
        Decision.alert_id == Alert.alert_id,
        Decision.user_id == person.user_id,
        Decision.part.in_(("first", "second", "lead")),
        Decision.at > func.coalesce(Alert.decided_at, 0),
        not_(exists().where(undo.undoes == Decision.decision_id)),
    )
    fresh = Alert.status.not_in(("second", "disagreed"))
    other = and_(Alert.status == "second", not_(mine))
    return or_(fresh, other, and_(Alert.status == "disagreed", not_(mine))) if person.may("lead") else or_(fresh, other)


def pull(session: Session, person: Person, filters: Filters, now: int, but: str = "") -> str | None:
    """Take the next alert that nobody holds; ``None`` when there is none.

    ``SKIP LOCKED``: two persons who press the key in the same instant get two alerts, and neither waits.
    """
    free = not_(exists().where(Lease.alert_id == Alert.alert_id, Lease.expires_at > now, Lease.user_id != person.user_id))
    query = select(Alert.alert_id).where(*_asked(filters, person, now), free, eligible(person), Alert.alert_id != but)
    for _ in range(TRIES):
        alert_id = session.scalar(_ordered(query, now).limit(1).with_for_update(skip_locked=True, of=Alert))
        if alert_id is None:
            return None
        # PostgreSQL looks for leases as of the query's begin: one that was committed since shows here, and the next look sees it.
        if leases.take(session, alert_id, person.user_id, now) is not None:
            return str(alert_id)
    return None
