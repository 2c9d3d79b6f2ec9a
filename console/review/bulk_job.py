"""A set being decided: one job with progress, one undo of ten seconds for all of it, one row of the audit log each and one for the set.

Alerts are judged in small transactions, so that a set of a hundred holds up nobody. Their reviews wait in the outbox until the job
ends, and then leave ten seconds later, together. A job whose console dies says what it reached: decisions name their set.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from console import audit
from console.db.engine import Database
from console.db.tables import Alert, Decision, Job, Outbox, Tenant, User
from console.people.person import Person, person_of
from console.review import bulk, deciding, leases, notice
from console.review.bulk import Pick
from console.review.deciding import HELD_MS, Judgement
from console.review.errors import ReviewError, TooLate
from console.review.messages import UNDO_MS
from console.taking import Losses

log = logging.getLogger(__name__)
KIND = "bulk"
#: Alerts judged in one transaction: a few hundredths of a second in which others wait.
BLOCK = 10
#: A page waits this long for a small set to be done, and then shows how far it is.
SOON_S = 0.6


def job_of(person: Person, form: str) -> str:
    """The name of a form's job."""
    return "bu-" + hashlib.sha256(f"{person.user_id}:{form}".encode()).hexdigest()[:20]


def queue(session: Session, person: Person, picks: Sequence[Pick], judgement: Judgement, form: str, *, now: int, request: str) -> Job:
    """The row of a set to decide. ``form`` is the form's own id, which names the job: sent twice, it is one."""
    job_id = job_of(person, form)
    asked = {"picks": [str(pick) for pick in picks], "judgement": bulk.kept(judgement), "request": request, "zone": person.zone}
    job = Job(
        job_id=job_id, kind=KIND, state="queued", user_id=person.user_id, asked=asked, done=0, total=len(picks), created_at=now, beat_at=now
    )
    session.add(job)
    new = {**bulk.kept(judgement), "count": len(picks), "alerts": [pick.alert_id for pick in picks]}
    _note(session, job, person.login, "bulk.decide", new=new, why=judgement.note, now=now)
    return job


def start(database: Database, clock: Callable[[], int], files: bool, job_id: str) -> None:
    """Work on a set in a thread of its own; returns when it is done, or soon."""
    thread = threading.Thread(target=work, args=(database, clock, files, job_id), name=f"set {job_id}", daemon=True)
    thread.start()
    thread.join(SOON_S)


def work(database: Database, clock: Callable[[], int], files: bool, job_id: str) -> None:
    """Judge a set, block by block, until it is done, somebody cancels it, or its person may no longer judge."""
    try:
        with database.writing() as session:
            job = session.get(Job, job_id, with_for_update=True)
            if job is None or job.state != "queued":
                return
            job.state, job.started_at = "running", clock()
        while _block(database, clock(), files, job_id):
            pass
    except Exception:
        # A thread has nobody to raise to; the row is what a person sees, and what was judged is judged.
        log.exception("set %s", job_id)
        with database.writing() as session:
            _end(session, session.get_one(Job, job_id), "failed", clock(), "console")


def _block(database: Database, now: int, files: bool, job_id: str) -> bool:
    """Judge the next alerts; whether any are left."""
    with database.writing() as session:
        job = session.get_one(Job, job_id, with_for_update=True)
        user = session.get_one(User, job.user_id)
        person = person_of(user, "")
        if job.cancel_asked:
            _end(session, job, "cancelled", now)
        elif not user.active or not person.may("reviewer"):
            _end(session, job, "failed", now, "person")
        elif job.done >= job.total:
            _end(session, job, "done", now)
        else:
            _judge(session, job, person, files, now)
        return job.state == "running"


def _judge(session: Session, job: Job, person: Person, files: bool, now: int) -> None:
    refused: dict[str, Any] = dict((job.result or {}).get("refused", {}))
    picks = job.asked["picks"][job.done : job.done + BLOCK]
    for place, text in enumerate(picks, job.done):
        pick = Pick.read(text)
        assert pick is not None
        try:
            with session.begin_nested():
                asked = _judgement(session, job, pick, place, now)
                made = bulk.judge_one(session, person, pick, asked, job.job_id, now=now, files=files)
                _note(session, job, person.login, "alert.decide", f"alert/{pick.alert_id}", new=deciding.told(made), why=made.note, now=now)
        except ReviewError as error:
            refused[pick.alert_id] = {"key": error.key, "values": getattr(error, "values", {})}
            leases.release(session, pick.alert_id, person.user_id)
        except SQLAlchemyError:
            # The database refused what the code let through: the others go on, and the log has the reason.
            log.exception("set %s: %s", job.job_id, pick.alert_id)
            refused[pick.alert_id] = {"key": "refused", "values": {}}
    job.done += len(picks)
    job.result, job.beat_at = {**(job.result or {}), "refused": refused}, now
    _hold(session, job, now + HELD_MS)


def _judgement(session: Session, job: Job, pick: Pick, place: int, now: int) -> Judgement:
    given = job.asked["judgement"]
    told: dict[str, str] | None = None
    alert = session.get(Alert, pick.alert_id)
    if alert is not None and given["action"] in notice.TOLD:
        tenant = session.get(Tenant, alert.tenant)
        customer = tenant.name if tenant is not None else ""
        told = notice.notices(alert, given["action"], [], None, now, job.asked["zone"], customer)
    return Judgement(**given, form=f"{job.job_id}:{place}", seen_update=pick.update, notice=told)


def _hold(session: Session, job: Job, until: int) -> None:
    mine = select(Decision.decision_id).where(Decision.bulk_id == job.job_id)
    free = Outbox.decision_id.in_(mine), Outbox.sent_at.is_(None), Outbox.cancelled_at.is_(None), Outbox.attempts == 0
    session.execute(update(Outbox).where(*free).values(not_before=until), execution_options={"synchronize_session": False})


def _end(session: Session, job: Job, state: str, now: int, error: str = "") -> None:
    job.state, job.finished_at, job.error = state, now, error
    _hold(session, job, now + UNDO_MS)
    for text in job.asked["picks"][job.done :]:
        pick = Pick.read(text)
        assert pick is not None
        assert job.user_id is not None
        leases.release(session, pick.alert_id, job.user_id)
    _refresh(session, [row.alert_id for row in bulk.decisions(session, job.job_id)], now)


def _refresh(session: Session, alert_ids: Sequence[str], now: int) -> None:
    losses = Losses(session, now)
    for rule in sorted(set(session.scalars(select(Alert.rule).where(Alert.alert_id.in_(alert_ids))))):
        losses.refresh(session, rule)


def undo_left(job: Job, user_id: int, now: int) -> int:
    """Milliseconds in which its author can still take a set back."""
    if job.finished_at is None or job.user_id != user_id or "undone" in (job.result or {}):
        return 0
    return max(0, job.finished_at + UNDO_MS - now)


def undo(session: Session, person: Person, job: Job, *, now: int, request: str) -> None:
    """Take a whole set back: what has not left never does, and what has is listed.

    Raises:
        TooLate: ten seconds are over since the last of it was decided, or it is another person's.
    """
    if not undo_left(job, person.user_id, now):
        raise TooLate("ten seconds are over since the set was decided")
    assert job.finished_at is not None
    undone: list[str] = []
    left: list[str] = []
    job.asked = {**job.asked, "request": request}
    for row in sorted(bulk.decisions(session, job.job_id), key=lambda row: row.alert_id):
        try:
            with session.begin_nested():
                deciding.undo(session, person, row.decision_id, now=now, bulk_until=job.finished_at + UNDO_MS)
                old = {"decision_id": row.decision_id, "bulk": job.job_id}
                _note(session, job, person.login, "alert.undo", f"alert/{row.alert_id}", old=old, now=now)
            undone.append(row.alert_id)
        except TooLate:
            left.append(row.alert_id)
    job.result = {**(job.result or {}), "undone": undone, "left": left}
    _refresh(session, undone, now)
    _note(session, job, person.login, "bulk.undo", new={"undone": len(undone), "left": left}, now=now)


def _note(
    session: Session, job: Job, who: str, what: str, subject: str = "", *, old: Any = None, new: Any = None, why: str = "", now: int
) -> None:
    about = subject or f"bulk/{job.job_id}"
    audit.append(session, at=now, who=who, what=what, subject=about, old=old, new=new, why=why, request=job.asked["request"])


@dataclass(frozen=True)
class Outcome:
    """What became of each alert of a set; the parts make up the whole."""

    decided: list[str]
    refused: dict[str, dict[str, Any]]
    undone: list[str]
    not_reached: list[str]

    @property
    def total(self) -> int:
        """All of them."""
        return len(self.decided) + len(self.refused) + len(self.undone) + len(self.not_reached)


def outcome(session: Session, job: Job) -> Outcome:
    """Read from the decisions themselves: also of a job whose console died."""
    result = job.result or {}
    rows = {row.decision_id: row.alert_id for row in bulk.decisions(session, job.job_id)}
    made = set(rows.values())
    undone = {rows[one] for one in session.scalars(select(Decision.undoes).where(Decision.undoes.in_(rows))) if one is not None}
    picked = [text.rsplit(":", 3)[0] for text in job.asked["picks"]]
    refused = {one: result["refused"][one] for one in picked if one in result.get("refused", {}) and one not in made}
    return Outcome(
        decided=[one for one in picked if one in made and one not in undone],
        refused=refused,
        undone=[one for one in picked if one in undone],
        not_reached=[one for one in picked if one not in made and one not in refused],
    )
