"""What ends by its time comes back to a person, once, and says what ended. On both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console import taking
from console.db.engine import Database
from console.db.tables import Alert, Exemption
from console.filing import FileSender
from console.people import accounts
from console.people.person import Person, person_of
from console.review import case, deciding, lapse, leases, queue
from console.review.deciding import Judgement
from console.review.queue import Filters
from console.review.second import sampled
from console.settings import Settings
from detectors.decisions import AUTOMATIC
from streams.times import format_time
from support.console import BEGIN, Clock, statement, suspension

ONCE = next(f"al-{n}" for n in range(100) if not sampled(f"al-{n}"))
DAY = 86_400_000


@pytest.fixture
def mina(database: Database) -> Person:
    """A reviewer, and an alert to judge."""
    with database.writing() as session:
        taking.alerts(session, [statement(ONCE)], BEGIN)
        return person_of(accounts.create(session, login="mina", name="Mina", roles=["reviewer"], who="test", now=BEGIN), "s")


def judge(database: Database, person: Person, action: str, now: int, until: int | None = None, update: int = 1) -> None:
    with database.writing() as session:
        lease = leases.take(session, ONCE, person.user_id, now)
        assert lease is not None
        verdict = "inconclusive" if action == "none" else "breach"
        asked = Judgement(verdict, action, "clear", f"form-{now}", seen_update=update, until=until)
        deciding.decide(session, person, ONCE, lease.token, asked, now=now, files=False)


def status(database: Database) -> str:
    with database.reading() as session:
        return session.get_one(Alert, ONCE).status


def waiting(database: Database, person: Person, now: int, **asked: str) -> list[str]:
    with database.reading() as session:
        return [row.alert_id for row in queue.read(session, person, Filters(**asked), now).alerts]


def happened(database: Database, person: Person, now: int) -> list[str]:
    with database.reading() as session:
        return [entry.what for entry in case.read(session, session.get_one(Alert, ONCE), person, now).timeline]


def test_an_alert_on_watch_is_out_of_the_queue_until_its_instant(database: Database, mina: Person) -> None:
    judge(database, mina, "watch", BEGIN, BEGIN + 3 * DAY)
    assert waiting(database, mina, BEGIN) == []
    assert waiting(database, mina, BEGIN, status="watch") == [ONCE]
    assert lapse.run(database, BEGIN + 3 * DAY - 1) == 0
    assert lapse.run(database, BEGIN + 3 * DAY) == 1
    assert waiting(database, mina, BEGIN + 3 * DAY) == [ONCE]
    assert status(database) == "expired"
    assert "watched" in happened(database, mina, BEGIN + 3 * DAY)
    # Once: judged again it stays judged.
    judge(database, mina, "none", BEGIN + 4 * DAY)
    assert lapse.run(database, BEGIN + 9 * DAY) == 0
    assert status(database) == "decided"


def test_a_console_over_files_looks_by_itself(database: Database, mina: Person, clock: Clock, tmp_path: Path) -> None:
    judge(database, mina, "watch", BEGIN, BEGIN + DAY)
    clock.pass_by(DAY)
    sender = FileSender(Settings(database, "http://127.0.0.1", data=tmp_path, now=clock))
    sender.start()
    sender.stop()
    assert status(database) == "expired"


def test_evidence_that_doubled_ends_a_watch_before_its_instant_and_less_does_not(database: Database, mina: Person) -> None:
    judge(database, mina, "watch", BEGIN, BEGIN + 3 * DAY)
    with database.writing() as session:
        taking.alerts(session, [statement(ONCE, 2, measured=399)], BEGIN + DAY)
    assert status(database) == "watch"
    with database.writing() as session:
        taking.alerts(session, [statement(ONCE, 3, measured=400)], BEGIN + DAY)
    assert status(database) == "reraised"


def test_a_watch_whose_episode_detection_has_closed_ends_without_anybody(database: Database, mina: Person) -> None:
    judge(database, mina, "watch", BEGIN, BEGIN + DAY)
    with database.writing() as session:
        taking.alerts(session, [statement(ONCE, 2, state="closed")], BEGIN + DAY)
    lapse.run(database, BEGIN + DAY)
    assert status(database) == "closed"
    assert waiting(database, mina, BEGIN + DAY) == []


def test_an_exemption_that_ended_brings_its_alert_back_while_the_episode_goes_on(database: Database, mina: Person) -> None:
    judge(database, mina, "none", BEGIN)
    with database.writing() as session:
        given: dict[str, Any] = {"tenant": "acme", "licence": "101", "rules": ["autodial"], "reason": "a fair", "created_at": BEGIN}
        given |= {"author": "mina", "author_id": mina.user_id}
        session.add(Exemption(exemption_id="ex-1", alert_id=ONCE, from_at=BEGIN, to_at=BEGIN + DAY, **given))
    assert lapse.run(database, BEGIN + DAY - 1) == 0
    assert lapse.run(database, BEGIN + DAY) == 1
    assert waiting(database, mina, BEGIN + DAY) == [ONCE]
    assert {"exempted", "exemption_ended"} <= set(happened(database, mina, BEGIN + DAY))
    judge(database, mina, "none", BEGIN + 2 * DAY)
    assert lapse.run(database, BEGIN + 3 * DAY) == 0


def cause(**changed: Any) -> dict[str, Any]:
    return {
        "alert_id": ONCE, "rule": "autodial", "mode": "auto", "decided_by": AUTOMATIC, "restrictions": ["outgoing"], "prefixes": [],
        "review_by": None, "until": None, **changed,
    }  # fmt: skip


@pytest.mark.parametrize("left", [[], [cause(restrictions=["paid", "international"])]], ids=["lifted", "relaxed"])
def test_an_automatic_restriction_that_nobody_judged_in_time_is_shown_as_expired(
    database: Database, mina: Person, left: list[dict[str, Any]]
) -> None:
    by = BEGIN + DAY
    with database.writing() as session:
        taking.suspensions(session, [suspension(causes=[cause(review_by=format_time(by))])], BEGIN)
    assert status(database) == "new"
    with database.writing() as session:
        after = suspension(2, causes=left, state="active" if left else "lifted", issued_at=format_time(by))
        taking.suspensions(session, [after], by)
    assert status(database) == "expired"
    with database.reading() as session:
        assert session.get_one(Alert, ONCE).due_at == by
    assert "lapsed_review_by" in happened(database, mina, by)


def test_a_restriction_that_ended_on_its_day_is_a_persons_to_renew(database: Database, mina: Person) -> None:
    until = BEGIN + 5 * DAY
    judge(database, mina, "none", BEGIN)
    with database.writing() as session:
        taking.suspensions(session, [suspension(causes=[cause(decided_by="mina", mode="review", until=format_time(until))])], BEGIN)
        taking.suspensions(session, [suspension(2, causes=[], state="lifted", issued_at=format_time(until))], until)
    assert status(database) == "expired"
    assert "lapsed_until" in happened(database, mina, until)


def test_service_given_back_before_the_day_is_no_end_by_time(database: Database, mina: Person) -> None:
    judge(database, mina, "none", BEGIN)
    with database.writing() as session:
        taking.suspensions(session, [suspension(causes=[cause(decided_by="mina", until=format_time(BEGIN + 5 * DAY))])], BEGIN)
        taking.suspensions(session, [suspension(2, causes=[], state="lifted", issued_at=format_time(BEGIN + DAY))], BEGIN + DAY)
    assert status(database) == "decided"


def test_who_let_a_lease_run_out_reads_so(database: Database, mina: Person) -> None:
    with database.writing() as session:
        leases.take(session, ONCE, mina.user_id, BEGIN)
    with database.reading() as session:
        alert = session.get_one(Alert, ONCE)
        assert not case.read(session, alert, mina, BEGIN + leases.LEASE_MS - 1).lapsed
        over = case.read(session, alert, mina, BEGIN + leases.LEASE_MS)
        assert (over.lapsed, over.lease) == (True, None)
