"""A set on both databases: judged in one job, taken back in one step, and the chain of the log whole."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from console import audit, outbox, taking
from console.db.engine import Database
from console.db.tables import Alert, Decision, Job, Lease, Outbox
from console.people import accounts
from console.people.person import person_of
from console.review import bulk, bulk_job
from console.review.bulk import Pick
from console.review.deciding import Judgement
from console.review.errors import TooLate
from console.review.second import sampled
from support.console import BEGIN, statement

ONES = [f"al-{n}" for n in range(100) if not sampled(f"al-{n}")][:23]


def test_a_set_leaves_together_ten_seconds_after_its_end_or_is_taken_back_whole(database: Database) -> None:
    with database.writing() as session:
        taking.alerts(session, [statement(one, licence=f"1{n:02}") for n, one in enumerate(ONES)], BEGIN)
        mina = person_of(accounts.create(session, login="mina", name="Mina", roles=["reviewer"], who="test", now=BEGIN), "s")
        picks = [Pick(one, 1) for one in ONES]
        found = bulk.gather(session, mina, picks, BEGIN)
        asked = bulk.asked(found, Judgement("no_breach", "watch", "explained", "f", 0, until=BEGIN + 86_400_000), BEGIN)
        job_id = bulk_job.queue(session, mina, picks, asked, "f", now=BEGIN, request="").job_id
        assert session.query(Lease).count() == len(ONES)
    bulk_job.work(database, lambda: BEGIN + 5_000, False, job_id)
    with database.writing() as session:
        assert outbox.due(session, BEGIN + 14_999) == []
        assert len(outbox.due(session, BEGIN + 15_000)) == len(ONES)
        assert {row.status for row in session.scalars(select(Alert))} == {"watch"}
    with database.writing() as session:
        # The sender has begun with one of them: that one has left, and the account says so.
        gone = session.scalars(select(Outbox).order_by(Outbox.outbox_id)).first()
        assert gone is not None
        gone.attempts = 1
        left = session.get_one(Decision, gone.decision_id).alert_id
    with database.writing() as session:
        job = session.get_one(Job, job_id)
        bulk_job.undo(session, mina, job, now=BEGIN + 14_999, request="")
        outcome = bulk_job.outcome(session, job)
        assert (outcome.decided, len(outcome.undone), outcome.total) == ([left], len(ONES) - 1, len(ONES))
        with pytest.raises(TooLate):
            bulk_job.undo(session, mina, job, now=BEGIN + 14_999, request="")
    with database.reading() as session:
        assert session.query(Outbox).filter(Outbox.cancelled_at.is_(None)).count() == 1
        assert session.query(Lease).count() == 0
        audit.verify(session)
