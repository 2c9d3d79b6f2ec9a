"""The audit log: chained, append-only, and honest about what was done to it behind its back."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from console import audit
from console.db.engine import Database
from console.db.tables import Audit
from console.errors import AuditError
from support.console import BEGIN


def write(database: Database, count: int, who: str = "mina") -> None:
    for number in range(count):
        with database.writing() as session:
            audit.append(session, at=BEGIN, who=who, what="test", subject=f"thing/{number}", old={"b": 1, "a": "é"}, why="because")


def behind_its_back(database: Database, statement: str) -> None:
    """What somebody does who owns the database."""
    with database.engine.execution_options(vigie_writes=True).begin() as connection:
        if database.kind == "postgresql":
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        else:
            connection.execute(text("DROP TRIGGER audit_no_update"))
            connection.execute(text("DROP TRIGGER audit_no_delete"))
        connection.execute(text(statement))


def test_an_empty_log_is_whole(database: Database) -> None:
    with database.reading() as session:
        assert audit.verify(session) == audit.Verified(0, audit.GENESIS)


def test_a_log_is_whole_and_its_head_is_the_last_digest(database: Database) -> None:
    write(database, 5)
    with database.reading() as session:
        found = audit.verify(session)
        assert found == audit.Verified(5, session.get_one(Audit, 5).digest)


def test_several_rows_of_one_transaction_follow_each_other(database: Database) -> None:
    with database.writing() as session:
        for number in range(3):
            audit.append(session, at=BEGIN, who="mina", what="test", subject=str(number))
    with database.reading() as session:
        assert audit.verify(session).rows == 3


def test_a_row_goes_with_the_transaction_it_tells_of(database: Database) -> None:
    def fails() -> None:
        with database.writing() as session:
            audit.append(session, at=BEGIN, who="mina", what="test", subject="x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    with database.reading() as session:
        assert audit.verify(session).rows == 0


def test_many_who_write_at_once_make_one_chain(database: Database) -> None:
    threads = [threading.Thread(target=write, args=(database, 10, f"p{n}")) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert audit.verify(session).rows == 60


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET who = 'somebody' WHERE number = 3", "row 3 .* was changed"),
        ("UPDATE audit SET why = '' WHERE number = 1", "row 1 .* was changed"),
        ("DELETE FROM audit WHERE number = 2", "row 2 is missing"),
        ("DELETE FROM audit WHERE number = 1", "row 1 is missing"),
        ("UPDATE audit SET number = 0 WHERE number = 1", "before its first"),
        ("UPDATE audit SET previous = 'x' WHERE number = 4", "row 4 does not follow"),
    ],
)
def test_what_was_done_behind_its_back_is_found_and_named(database: Database, statement: str, said: str) -> None:
    write(database, 5)
    behind_its_back(database, statement)
    with database.reading() as session, pytest.raises(AuditError, match=said):
        audit.verify(session)


def test_a_last_row_that_was_cut_off_shows_in_the_head(database: Database) -> None:
    write(database, 3)
    with database.reading() as session:
        before = audit.verify(session)
    behind_its_back(database, "DELETE FROM audit WHERE number = 3")
    with database.reading() as session:
        assert audit.verify(session).head != before.head
