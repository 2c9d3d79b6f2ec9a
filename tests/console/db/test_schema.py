"""The schema: made by migrations alone, the same on both databases, and what it refuses by itself."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError as SqlError
from sqlalchemy.exc import IntegrityError

from console import taking
from console.db.engine import Database, open_database
from console.db.migrate import migrate
from console.db.tables import Base, Decision, Exemption, Outbox, PolicyDraft
from console.errors import DatabaseError
from console.people import accounts
from support.console import BEGIN, statement


def decision(name: str, user: int, **more: object) -> Decision:
    given: dict[str, object] = {
        "decision_id": name,
        "alert_id": "al-1",
        "user_id": user,
        "at": BEGIN,
        "part": "first",
        "verdict": "breach",
        "action": "suspend",
        "restrictions": ["outgoing"],
        "prefixes": [],
        "reason": "a",
        "note": "",
        "seen_update": 1,
        "seen_epoch": 0,
        "seen_sequence": 0,
        "evidence_hash": "",
        "opened": [],
        "form": name,
        "policy_version": "p-1",
    }
    return Decision(**{**given, **more})


@pytest.fixture
def people(database: Database) -> tuple[int, int]:
    """Two reviewers, and an alert to judge."""
    with database.writing() as session:
        taking.alerts(session, [statement()], BEGIN)
        made = [accounts.create(session, login=n, name=n, roles=["reviewer"], who="test", now=BEGIN) for n in ("mina", "noe")]
        return made[0].user_id, made[1].user_id


def test_migrations_make_exactly_the_tables_that_the_code_has(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_does_nothing(database: Database) -> None:
    assert migrate(database) == []


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="newer"):
        migrate(database)


@pytest.mark.parametrize("url", ["mysql://x/y", "no url"])
def test_another_database_is_refused_in_words(url: str) -> None:
    with pytest.raises(DatabaseError, match="postgresql"):
        open_database(url)


def test_a_database_that_does_not_answer_is_an_error_without_its_password() -> None:
    with pytest.raises(DatabaseError) as caught:
        open_database("postgresql+psycopg://vigie:secret@127.0.0.1:9/none")
    assert "secret" not in str(caught.value)


def test_json_keeps_the_order_of_its_keys(database: Database) -> None:
    with database.writing() as session:
        taking.alerts(session, [statement(facts={"z": 1, "a": 2})], BEGIN)
    with database.reading() as session:
        row = session.execute(text("SELECT statement FROM alerts")).scalar_one()
    assert list(row["facts"] if isinstance(row, dict) else __import__("json").loads(row)["facts"]) == ["z", "a"]


@pytest.mark.parametrize("table", ["audit", "decisions"])
@pytest.mark.parametrize("change", ["UPDATE {} SET at = 0", "DELETE FROM {}"])
def test_rows_of_what_people_did_can_neither_be_changed_nor_removed(
    database: Database, people: tuple[int, int], table: str, change: str
) -> None:
    with database.writing() as session:
        session.add(decision("de-1", people[0]))
    with pytest.raises(SqlError, match="append-only"), database.writing() as session:
        session.execute(text(change.format(table)))


def test_a_second_opinion_is_another_persons(database: Database, people: tuple[int, int]) -> None:
    first, second = people
    with database.writing() as session:
        session.add(decision("de-1", first))
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(decision("de-2", first, part="second", second_of="de-1", first_by=first))
    # Nor does it help to name a wrong author of the first one.
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(decision("de-2", first, part="second", second_of="de-1", first_by=second))
    with database.writing() as session:
        session.add(decision("de-2", second, part="second", second_of="de-1", first_by=first))


def test_a_review_that_needs_a_second_person_cannot_be_sent_without_one(database: Database, people: tuple[int, int]) -> None:
    first, second = people
    with database.writing() as session:
        session.add_all([decision("de-1", first), decision("other", first)])
        session.flush()
        session.add(decision("de-2", second, part="second", second_of="de-1", first_by=first))

    def out(**more: object) -> Outbox:
        given = {"kind": "review", "message_id": "r", "key": "acme", "body": {}, "created_at": BEGIN, "not_before": BEGIN}
        return Outbox(**{**given, "needs_second": True, **more})

    for wrong in ({"decision_id": "de-1"}, {"decision_id": "other", "second_id": "de-2"}, {"decision_id": "de-1", "second_id": "other"}):
        with pytest.raises(IntegrityError), database.writing() as session:
            session.add(out(**wrong))
    with database.writing() as session:
        session.add(out(decision_id="de-1", second_id="de-2"))


def test_a_decision_is_undone_once(database: Database, people: tuple[int, int]) -> None:
    with database.writing() as session:
        session.add(decision("de-1", people[0]))
        session.flush()
        session.add(decision("un-1", people[0], part="undo", undoes="de-1"))
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(decision("un-2", people[1], part="undo", undoes="de-1"))


def test_an_exemption_is_seconded_by_another_and_ends_after_it_begins(database: Database, people: tuple[int, int]) -> None:
    given = {"tenant": "acme", "rules": ["autodial"], "author": "mina", "reason": "r", "created_at": BEGIN, "author_id": people[0]}
    for wrong in ({"from_at": 2, "to_at": 2}, {"from_at": 1, "to_at": 2, "second_id": people[0]}):
        with pytest.raises(IntegrityError), database.writing() as session:
            session.add(Exemption(exemption_id="ex-1", **given, **wrong))
    with database.writing() as session:
        session.add(Exemption(exemption_id="ex-1", **given, from_at=1, to_at=2, second_id=people[1]))


def test_the_author_of_a_policy_does_not_make_it_live(database: Database, people: tuple[int, int]) -> None:
    given = {"name": "n", "body": "", "version": "p-2", "comment": "", "author_id": people[0], "created_at": BEGIN, "state": "live"}
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(PolicyDraft(**given, published_by=people[0]))
    with database.writing() as session:
        session.add(PolicyDraft(**given, published_by=people[1]))
