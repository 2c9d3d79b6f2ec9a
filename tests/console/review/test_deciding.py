"""Leases, the next alert and the second person, on both databases."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy.exc import DatabaseError as SqlError
from sqlalchemy.exc import IntegrityError

from console import outbox, taking
from console.db.engine import Database
from console.db.tables import Alert, Decision, Lease, Outbox
from console.people import accounts
from console.people.person import Person, person_of
from console.review import case, deciding, leases, queue
from console.review.deciding import Judgement
from console.review.errors import LeaseLost, NotYours, TooLate
from console.review.queue import Filters
from console.review.second import sampled
from support.console import BEGIN, statement, suspension

ONCE = next(f"al-{n}" for n in range(100) if not sampled(f"al-{n}"))


@pytest.fixture
def people(database: Database) -> list[Person]:
    """Two reviewers."""
    with database.writing() as session:
        taking.alerts(session, [statement(ONCE)], BEGIN)
        made = [accounts.create(session, login=n, name=n, roles=["reviewer"], who="test", now=BEGIN) for n in ("mina", "noe")]
        return [person_of(user, "s") for user in made]


def judge(database: Database, person: Person, verdict: str, action: str, now: int = BEGIN, form: str = "") -> Decision:
    with database.writing() as session:
        lease = leases.take(session, ONCE, person.user_id, now)
        assert lease is not None
        asked = Judgement(verdict, action, "clear", form or f"{person.login}-{now}", seen_update=1)
        return deciding.decide(session, person, ONCE, lease.token, asked, now=now, files=False)


def test_a_lease_is_one_persons_and_ends_by_itself(database: Database, people: list[Person]) -> None:
    mina, noe = people
    with database.writing() as session:
        lease = leases.take(session, ONCE, mina.user_id, BEGIN)
        assert lease is not None
        assert leases.take(session, ONCE, noe.user_id, BEGIN + 599_999) is None
        token = lease.token
    with database.writing() as session:
        taken = leases.take(session, ONCE, noe.user_id, BEGIN + 600_000)
        assert taken is not None
        assert taken.token != token
    with pytest.raises(LeaseLost), database.writing() as session:
        leases.held(session, ONCE, mina.user_id, token, BEGIN + 600_001)


def test_persons_who_pull_at_once_get_different_alerts(database: Database, people: list[Person]) -> None:
    with database.writing() as session:
        taking.alerts(session, [statement(f"more-{n}") for n in range(7)], BEGIN)
    got: list[str | None] = []
    barrier = threading.Barrier(8)

    def pull(person: Person) -> None:
        barrier.wait()
        with database.writing() as session:
            got.append(queue.pull(session, person, Filters(), BEGIN))

    with database.writing() as session:
        more = [accounts.create(session, login=f"p{n}", name="p", roles=["reviewer"], who="test", now=BEGIN) for n in range(8)]
        everyone = [person_of(user, "s") for user in more]
    threads = [threading.Thread(target=pull, args=(person,)) for person in everyone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 8
    with database.reading() as session:
        assert session.query(Lease).count() == 8


def test_a_form_sent_twice_is_one_decision(database: Database, people: list[Person]) -> None:
    first = judge(database, people[0], "no_breach", "none", form="one")
    with database.writing() as session:
        asked = Judgement("no_breach", "none", "clear", "one", seen_update=1)
        assert deciding.decide(session, people[0], ONCE, "", asked, now=BEGIN, files=False).decision_id == first.decision_id
        assert session.query(Outbox).count() == 1


def test_the_first_person_is_never_the_second(database: Database, people: list[Person]) -> None:
    judge(database, people[0], "breach", "suspend")
    with pytest.raises(NotYours):
        judge(database, people[0], "breach", "suspend", BEGIN + 1)


def test_the_database_refuses_a_review_whose_second_person_is_missing_or_judged_otherwise(database: Database, people: list[Person]) -> None:
    first = judge(database, people[0], "breach", "suspend")
    second = judge(database, people[1], "no_breach", "none", BEGIN + 1)

    def out(**more: object) -> Outbox:
        given = {"kind": "review", "message_id": "r", "key": "acme", "body": {}, "created_at": BEGIN, "not_before": BEGIN}
        return Outbox(**{**given, "decision_id": first.decision_id, **more})

    for wrong, why in ({"needs_second": False}, "second person"), ({"needs_second": True, "second_id": second.decision_id}, "otherwise"):
        with pytest.raises((IntegrityError, SqlError), match=why), database.writing() as session:
            session.add(out(**wrong))


def test_a_message_is_written_once(database: Database, people: list[Person]) -> None:
    judge(database, people[0], "no_breach", "none")
    with pytest.raises(SqlError, match="written once"), database.writing() as session:
        session.query(Outbox).one().body = {}


def test_the_database_refuses_to_take_a_password_away_on_one_persons_word(database: Database, people: list[Person]) -> None:
    asked = Judgement("breach", "suspend", "clear", "f", 1, restrictions=("outgoing", "credentials"))
    with database.reading() as session:
        row = deciding._row(session, people[0], session.get_one(Alert, ONCE), asked, "first", BEGIN)
    with pytest.raises(SqlError, match="second person"), database.writing() as session:
        session.add(row)


def test_an_undo_and_a_sender_never_both_win(database: Database, people: list[Person]) -> None:
    made = judge(database, people[0], "no_breach", "none")
    with database.writing() as session:
        outbox.sent(session, outbox.due(session, BEGIN + 10_000), BEGIN + 9_999)
    with pytest.raises(TooLate), database.writing() as session:
        deciding.undo(session, people[0], made.decision_id, now=BEGIN + 9_999)


def test_a_customers_messages_leave_in_order_and_service_given_back_at_once(database: Database, people: list[Person]) -> None:
    judge(database, people[0], "breach", "warn")
    cause = {"alert_id": ONCE, "rule": "autodial", "decided_by": "policy", "restrictions": ["outgoing"], "review_by": None}
    with database.writing() as session:
        taking.suspensions(session, [suspension(causes=[cause])], BEGIN)
        deciding.reinstate(session, people[1], ONCE, "ours", "f", now=BEGIN + 1, files=False)
    with database.writing() as session:
        assert [row.body["action"] for row in outbox.due(session, BEGIN + 2)] == ["lift"]
        assert [row.body["action"] for row in outbox.due(session, BEGIN + 10_000)] == ["warn", "lift"]


def test_a_case_gathers_past_and_similar_ones_the_customers_own_first(database: Database, people: list[Person]) -> None:
    with database.writing() as session:
        others = [statement(f"o-{n}", tenant=f"t{n}", measured=200 + 10 * n) for n in range(6)]
        taking.alerts(session, [*others, statement("own", licence="102", measured=900), statement("near", rule="wangiri")], BEGIN)
        for row in session.query(Alert).filter(Alert.alert_id != ONCE, Alert.rule == "autodial"):
            row.verdict, row.status = "breach", "decided"
    with database.reading() as session:
        found = case.read(session, session.get_one(Alert, ONCE), people[0], BEGIN)
        assert [row.alert_id for row in found.similar] == ["own", "o-0", "o-1", "o-2", "o-3"]
        assert [row.alert_id for row in found.past] == ["near"]
        shown = queue.read(session, people[0], Filters(), BEGIN)
        assert (shown.total, shown.overdue, list(shown.per_rule)) == (2, 0, [("autodial", 1), ("wangiri", 1)])
